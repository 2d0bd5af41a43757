//! The read model of webhooks: one row a webhook. Delivery counters are no part of it: no event
//! carries them.

mod apply;
mod query;

pub use query::WEBHOOKS_MAX;

/// Raised whenever tables or fold change.
pub(crate) const VERSION: i32 = 1;
