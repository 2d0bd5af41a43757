//! Taking the log away, and holding it against what was signed: exports, and the verification of
//! exports and of the log itself. The forms are those of `docs/audit.md`.
//!
//! Reads the log and the ledger, and keeps the record of what auditors read. It must not write the
//! log or the ledger, and a verification must not believe what they say of themselves.

mod anchors;
mod cover;
mod csv;
mod database;
mod error;
mod export;
mod fault;
mod file;
mod line;
mod log_check;
mod manifest;
mod migrations;
mod reading;
mod row;
mod selection;

pub use anchors::Anchors;
pub use database::verify_log;
pub use error::AuditError;
pub use export::{Export, Exports, Form, Wanted};
pub use fault::{CutOff, FAULTS_NAMED_MAX, Fault, FaultKind, Proved, Report};
pub use file::verify_file;
pub use manifest::{Filter, Manifest, Place, Range};
pub use migrations::migrate;
pub use reading::{Reading, record_read};
