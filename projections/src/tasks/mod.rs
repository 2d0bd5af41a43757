//! The read model of tasks: one row a task, the lists in which it stands, and how many there are
//! of each kind.
//!
//! Must not: hold names of agents; they are added when a task is rendered.

mod all;
mod apply;
mod columns;
mod fill;
mod filter;
mod fleet;
mod lists;
mod look;
mod query;
mod queue;
mod stats;
mod tallies;
mod values;
mod walk;

pub use filter::{Assignee, Page, Scope, Sort, TaskFilter, shown_statuses};
pub use fleet::{Attention, Bucket, FleetRules};
pub use look::open_task_counts;
pub use query::{TASKS_MAX, TaskPage, TaskRow, Unfinished};
pub use queue::{Ask, Lane};
pub use stats::TaskStats;

pub(crate) use lists::words_by_code;
pub(crate) use walk::lists_of;

/// Raised whenever tables or fold change.
pub(crate) const VERSION: i32 = 9;
