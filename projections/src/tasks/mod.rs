//! The read model of tasks: one row a task, and the lists in which it stands.
//!
//! Must not: hold names of agents; they are added when a task is rendered.

mod apply;
mod columns;
mod filter;
mod lists;
mod query;
mod walk;

pub use filter::{Assignee, Page, Scope, TaskFilter, shown_statuses};
pub use query::{TASKS_MAX, TaskPage, TaskRow, Unfinished};

/// Raised whenever tables or fold change.
pub(crate) const VERSION: i32 = 1;
