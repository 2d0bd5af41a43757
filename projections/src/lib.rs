//! Read models: tables derived from the log, the projectors that fill them, and their queries.
//!
//! Must not: write events, use the network, or be read by a decision. Any model may be dropped
//! and built again from the log; what no event carries has no place here.

mod batch;
mod comments;
pub mod context;
mod difference;
mod error;
mod fill;
mod install;
mod model;
mod projector;
mod reads;
mod rebuild;
mod recurrences;
mod rows;
mod scope;
mod statement;
pub mod tasks;
mod webhooks;

pub use difference::{Difference, DifferentValue};
pub use error::{Behind, InstallError, QueryError, RebuildError};
pub use install::install;
pub use model::Model;
pub use projector::{Projector, observe, spawn, subscription};
pub use reads::Reads;
pub use rebuild::{DIFFERENCES_MAX, Diagnosis, Rebuilt, check, diagnose, rebuild};
pub use recurrences::RECURRENCES_MAX;
pub use webhooks::WEBHOOKS_MAX;
