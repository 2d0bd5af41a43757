//! The read model of contexts: the ledger of every task's context, an entry a row, for its history
//! and for recall (protocol 1.5).
//!
//! Must not: hold names of agents; they are added when an entry is rendered. Nor who may read an
//! entry: that says the model of tasks.

mod apply;
mod query;
mod words;

pub use query::{HistoryPage, Recall, Recalled};

pub(crate) use apply::Contexts;

/// Raised whenever tables or fold change.
pub(crate) const VERSION: i32 = 2;
