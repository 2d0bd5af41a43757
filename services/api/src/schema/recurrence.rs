//! Schema of recurrences (protocol 2.6).

use poem_openapi::{Enum, Object};

use super::{
    scalar::{Instant, Nullable},
    task::AgentRef,
};

/// By which periods something recurs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename_all = "lowercase")]
pub enum RuleType {
    /// By days.
    Daily,
    /// By weeks.
    Weekly,
    /// By months.
    Monthly,
    /// By years.
    Yearly,
}

/// A task that is created again and again.
#[derive(Debug, Clone, PartialEq, Eq, Object)]
pub struct Recurrence {
    /// Opaque id.
    pub id: String,
    /// What is to be done.
    pub content: String,
    /// More about it.
    pub description: Nullable<String>,
    /// Id of the project that its tasks are put into.
    pub project_id: Nullable<String>,
    /// 1 to 5; 1 is the most urgent.
    pub priority: i64,
    /// Labels of its tasks.
    pub labels: Vec<String>,
    /// Id of the agent whose its tasks are.
    pub assigned_to_agent_id: Nullable<String>,
    /// That agent.
    pub assigned_to_agent: Nullable<AgentRef>,
    /// By which periods it recurs.
    pub rule_type: RuleType,
    /// Every how many of these.
    pub interval: i64,
    /// IANA name of the time zone by whose clocks it recurs.
    pub timezone: String,
    /// Day of the month, 1 to 31.
    pub anchor_day: Nullable<i64>,
    /// Month, 1 to 12.
    pub anchor_month: Nullable<i64>,
    /// Day of the week, 0 to 6 from Sunday.
    pub anchor_weekday: Nullable<i64>,
    /// When the next task is created, while it is active.
    pub next_due_at: Instant,
    /// When the last task was created.
    pub last_spawned_at: Nullable<Instant>,
    /// False when no tasks are created.
    pub active: bool,
    /// No task is created while the last one is unfinished.
    pub skip_if_open: bool,
    /// Id of the agent that created it; null for the project token.
    pub created_by_agent_id: Nullable<String>,
    /// That agent.
    pub created_by_agent: Nullable<AgentRef>,
    /// When it was created.
    pub created_at: Instant,
    /// When it was last changed, or dealt with.
    pub updated_at: Instant,
}
