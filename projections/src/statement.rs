//! Statements with their values: planned anew each time, with the values and for the tables at
//! hand, in one round trip.
//!
//! A plan that is kept is wrong twice over here: a table may have been empty when it was made, or
//! be another table since, and a filter without a value would be probed on every row.

use tokio_postgres::types::{ToSql, Type};

/// A value to bind, and its type.
pub(crate) type Bound<'a> = (&'a (dyn ToSql + Sync), Type);
