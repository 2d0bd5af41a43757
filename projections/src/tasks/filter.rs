//! What a list of tasks is asked for (protocol 1.2, the query of `GET /tasks`).

use baton_domain::{
    AgentId, ProjectId, TaskId, Timestamp,
    task::{SessionState, Status},
};
use jiff::civil::Date;

/// Whose tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Assignee {
    /// Nobody's.
    Nobody,
    /// This agent's.
    Agent(AgentId),
}

impl Assignee {
    /// The agent.
    #[must_use]
    pub fn agent(self) -> Option<AgentId> {
        match self {
            Self::Nobody => None,
            Self::Agent(agent) => Some(agent),
        }
    }
}

/// Which tasks. What is none or empty does not filter, but for `statuses`.
#[derive(Clone, Debug, PartialEq)]
pub struct TaskFilter {
    /// In one of these; see [`shown_statuses`].
    pub statuses: Vec<Status>,
    /// Whose.
    pub assigned_to: Option<Assignee>,
    /// Created by.
    pub created_by: Option<AgentId>,
    /// Children of.
    pub parent: Option<TaskId>,
    /// Of.
    pub project: Option<ProjectId>,
    /// Exactly this.
    pub priority: Option<u8>,
    /// With all of these.
    pub labels: Vec<String>,
    /// With any of these.
    pub any_label: Vec<String>,
    /// In content or description, whatever the case.
    pub search: Option<String>,
    /// With, or without, a claim that is live at this time.
    pub claimed: Option<(bool, Timestamp)>,
    /// With a claim whose holder says that it does this.
    pub session_state: Option<SessionState>,
    /// Due on this day or later.
    pub due_from: Option<Date>,
    /// Due on this day or earlier.
    pub due_to: Option<Date>,
}

impl Default for TaskFilter {
    /// What a list shows when nothing is asked.
    fn default() -> Self {
        Self {
            statuses: shown_statuses(None, None, false),
            assigned_to: None,
            created_by: None,
            parent: None,
            project: None,
            priority: None,
            labels: Vec::new(),
            any_label: Vec::new(),
            search: None,
            claimed: None,
            session_state: None,
            due_from: None,
            due_to: None,
        }
    }
}

/// The statuses that `status`, `completed` and `include_completed` ask for together.
///
/// Without any of them completed and cancelled tasks are left out and failed ones kept;
/// `completed=false` is the same as leaving it out.
#[must_use]
pub fn shown_statuses(
    status: Option<&[Status]>,
    completed: Option<bool>,
    include_completed: bool,
) -> Vec<Status> {
    let only_completed = completed == Some(true);
    let is_shown = |one: &Status| match status {
        Some(wanted) => wanted.contains(one),
        None if include_completed || only_completed => true,
        None => !matches!(one, Status::Completed | Status::Cancelled),
    };
    let fits = |one: &Status| !only_completed || *one == Status::Completed;
    Status::ALL.into_iter().filter(is_shown).filter(fits).collect()
}

/// Which part of the list. The caller bounds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// Tasks at most.
    pub limit: u32,
    /// Tasks before it.
    pub offset: u32,
    /// In which order the list is.
    pub sort: Sort,
    /// What is found out beside the page itself.
    pub scope: Scope,
}

/// In which order a list is. Tasks that are equal in it are in the order of priority, age and id.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sort {
    /// The most urgent first.
    #[default]
    Priority,
    /// The last changed first.
    Updated,
    /// The first due first; those without a day come last.
    Due,
    /// The last completed first; those that are not completed come last.
    Completed,
}

impl Sort {
    /// The word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Priority => "priority",
            Self::Updated => "updated",
            Self::Due => "due",
            Self::Completed => "completed",
        }
    }
}

/// What is found out beside a page itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Whether there are more.
    Page,
    /// How many there are: costs what they are, not what the page is.
    Total,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_list_shows() {
        use Status::{Blocked, Cancelled, Claimed, Completed, Delegated, Failed, Open};
        let unasked = vec![Open, Blocked, Claimed, Delegated, Failed];
        let failed_or_done: &[Status] = &[Completed, Failed];
        for (status, completed, include_completed, shown) in [
            (None, None, false, unasked.clone()),
            (None, Some(false), false, unasked),
            (None, Some(true), false, vec![Completed]),
            (None, None, true, Status::ALL.to_vec()),
            (None, Some(true), true, vec![Completed]),
            (Some(failed_or_done), None, false, vec![Completed, Failed]),
            (Some(failed_or_done), Some(true), false, vec![Completed]),
            (Some(failed_or_done), Some(false), true, vec![Completed, Failed]),
            (Some(&[Cancelled]), Some(true), false, vec![]),
        ] {
            assert_eq!(shown_statuses(status, completed, include_completed), shown);
        }
    }
}
