//! Schemas of statistics, of what needs attention, and of usage (protocol 2.8).

use std::collections::BTreeMap;

use poem_openapi::Object;

use super::scalar::{Day, Nullable};
use super::task::TaskSummary;

/// How many tasks there are that the caller may read, and how many agents. Days are those of UTC.
#[derive(Debug, Clone, PartialEq, Eq, Object)]
pub struct Stats {
    /// All tasks.
    pub total: i64,
    /// The same.
    pub total_tasks: i64,
    /// Neither completed nor cancelled.
    pub pending_tasks: i64,
    /// Completed.
    pub completed_tasks: i64,
    /// The same.
    pub total_completed: i64,
    /// Completed today.
    pub completed_today: i64,
    /// Unfinished, and due today.
    pub due_today: i64,
    /// Unfinished, and due before today.
    pub overdue: i64,
    /// Unfinished, and due within the seven days after today.
    pub upcoming: i64,
    /// Unfinished ones by the name of their project; `Inbox` for those in none.
    pub by_project: BTreeMap<String, i64>,
    /// All of them by status; every status is there.
    pub by_status: BTreeMap<String, i64>,
    /// Agents of the account.
    pub total_agents: i64,
    /// Those that can act.
    pub active_agents: i64,
}

/// What somebody should look at.
#[derive(Debug, Clone, PartialEq, Object)]
pub struct FleetAttention {
    /// Tasks in all buckets together; one that stands in two counts twice.
    pub count: i64,
    /// The tasks, by what is the matter with them.
    pub buckets: FleetBuckets,
    /// The buckets that have more tasks than are shown.
    pub more: Vec<String>,
}

/// Tasks by what is the matter with them; first those that have waited longest.
#[derive(Debug, Clone, PartialEq, Object)]
pub struct FleetBuckets {
    /// Claimed, and the lease has run out.
    pub abandoned_claims: Vec<TaskSummary>,
    /// Held by an agent that has done nothing to it for long.
    pub silent_holders: Vec<TaskSummary>,
    /// Held by an agent that says that it is in trouble.
    pub errored: Vec<TaskSummary>,
    /// Held by an agent that says that it waits for somebody.
    pub waiting_input: Vec<TaskSummary>,
    /// Unfinished, and due before today.
    pub overdue: Vec<TaskSummary>,
    /// Unfinished, and reopened or released again and again.
    pub looping: Vec<TaskSummary>,
}

/// What the account uses, and how much it may; null is no limit.
#[derive(Debug, Clone, PartialEq, Eq, Object)]
pub struct Usage {
    /// `self-hosted`.
    pub plan: String,
    /// Tasks created this month, those deleted since included.
    pub task_count_month: i64,
    /// How many may be.
    pub task_limit: Nullable<i64>,
    /// The day from which on the month's count begins anew.
    pub reset_date: Day,
    /// Agents.
    pub agent_count: i64,
    /// How many there may be beside those that were deleted.
    pub agent_limit: Nullable<i64>,
    /// Webhooks.
    pub webhook_count: i64,
    /// How many there may be.
    pub webhook_limit: Nullable<i64>,
    /// Projects.
    pub project_count: i64,
    /// How many there may be.
    pub project_limit: Nullable<i64>,
    /// Requests that a credential may make in a minute: reads or writes, whichever are fewer.
    pub rate_limit_rpm: Nullable<i64>,
    /// Characters that the content of a task may have.
    pub max_content_chars: i64,
}
