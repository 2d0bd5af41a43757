//! The read model of recurrences: one row a recurrence, with who may read it without a right to
//! read all. When each is to be fired is no part of it: that is the scheduler's own.

mod apply;
mod query;

pub use query::RECURRENCES_MAX;

/// Raised whenever tables or fold change.
pub(crate) const VERSION: i32 = 1;
