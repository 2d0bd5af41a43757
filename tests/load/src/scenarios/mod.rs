//! What is measured, each scenario in a file.
//!
//! Must not: hold what two of them share.

pub mod appends;
pub mod ceiling;
pub mod claims;
pub mod duplicates;
pub mod ledger;
pub mod long_log;
pub mod many_tasks;
pub mod requests;
pub mod webhooks;
