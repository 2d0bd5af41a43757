//! The read model of comments: what those say that were not deleted. Which these are, the state of
//! their task knows too.
//!
//! Must not: hold names of agents, but for the author as the comment itself says it.

mod apply;
mod query;

pub(crate) use apply::Comments;

/// Raised whenever tables or what is written change.
pub(crate) const VERSION: i32 = 1;
