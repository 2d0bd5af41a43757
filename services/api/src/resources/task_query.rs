//! The query of `GET /tasks` (protocol 1.2).

use baton_domain::{AgentId, TaskId, task::Status};
use baton_projections::tasks::{Assignee, TaskFilter, shown_statuses};
use poem_openapi::Object;

use super::task_bodies::STATUS_WORDS;
use crate::{
    field::Text,
    page::{self, Window},
    query::{FromParams, Params},
    service::{Reader, now},
};

const REFERENCE: Text = Text::filled(2_000);
const LABEL: Text = Text::filled(100);
const SEARCH: Text = Text::up_to(2_000);
/// The largest `offset`; a longer walk is better done by narrower filters.
const OFFSET_MAX: i64 = 10_000;

/// Filters of the task list.
#[derive(Object)]
#[oai(rename = "TaskQuery")]
pub(super) struct TaskQueryDocument {
    /// Id or name of the assignee, `me` or `none`.
    assigned_to: Option<String>,
    /// Another name of `assigned_to`.
    assigned_to_agent_id: Option<String>,
    /// Id or name of the creator, or `me`.
    created_by: Option<String>,
    /// Id of the parent.
    parent_task_id: Option<String>,
    /// Id of the project; for those who read every task.
    project_id: Option<String>,
    /// Id of the epic.
    epic_id: Option<String>,
    /// Has this label.
    label: Option<String>,
    /// Has all of these.
    labels: Option<Vec<String>>,
    /// Has any of these.
    tags: Option<Vec<String>>,
    /// Exactly this, 1 to 5.
    priority: Option<i64>,
    /// Any of these, canonical words or aliases.
    status: Option<Vec<String>>,
    /// True: only completed ones.
    completed: Option<bool>,
    /// True: every status.
    include_completed: Option<bool>,
    /// True: with a live claim; false: without.
    claimed: Option<bool>,
    /// In content or description, whatever the case.
    search: Option<String>,
    /// At most so many, 1 to 1000; 500 when left out.
    limit: Option<i64>,
    /// Skip so many, up to 10,000.
    offset: Option<i64>,
}

/// What was asked for.
pub(super) struct TaskQuery {
    pub(super) wanted: Wanted,
    pub(super) window: Window,
}

/// The filters, references still as sent.
pub(super) struct Wanted {
    assigned_to: Option<String>,
    created_by: Option<String>,
    parent: Option<String>,
    in_epic: bool,
    /// A project was named.
    pub(super) by_project: bool,
    labels: Vec<String>,
    any_label: Vec<String>,
    priority: Option<u8>,
    statuses: Option<Vec<Status>>,
    completed: Option<bool>,
    include_completed: bool,
    claimed: Option<bool>,
    search: Option<String>,
}

impl FromParams for TaskQuery {
    type Document = TaskQueryDocument;

    fn from_params(params: &mut Params<'_>) -> Self {
        let mut labels = params.texts("labels", LABEL).or(Vec::new());
        labels.extend(params.text("label", LABEL).optional());
        let assigned_to = params.text("assigned_to", REFERENCE).optional();
        let by_id = params.text("assigned_to_agent_id", REFERENCE).optional();
        let wanted = Wanted {
            assigned_to: assigned_to.or(by_id),
            created_by: params.text("created_by", REFERENCE).optional(),
            parent: params.text("parent_task_id", REFERENCE).optional(),
            in_epic: params.text("epic_id", REFERENCE).optional().is_some(),
            by_project: params.text("project_id", REFERENCE).optional().is_some(),
            labels,
            any_label: params.texts("tags", LABEL).or(Vec::new()),
            priority: params
                .integer("priority", 1..=5)
                .optional()
                .and_then(|priority| u8::try_from(priority).ok()),
            statuses: params.choices("status", &STATUS_WORDS).optional(),
            completed: params.flag("completed").optional(),
            include_completed: params.flag("include_completed").or(false),
            claimed: params.flag("claimed").optional(),
            search: params.text("search", SEARCH).optional(),
        };
        let window = params.window(page::TASKS);
        if window.offset > OFFSET_MAX {
            params.wrong("offset", "must be at most 10000; narrow the filters instead");
        }
        Self { wanted, window }
    }
}

impl Wanted {
    /// The filter, or `None` where something named does not exist: nothing can match (0.3).
    pub(super) fn filter(self, reader: &Reader, me: Option<AgentId>) -> Option<TaskFilter> {
        // There are neither projects nor epics yet, so no task is in one.
        if self.by_project || self.in_epic {
            return None;
        }
        let agent = |reference: &str| match reference {
            "me" => me,
            reference => reader.directory.find(reference).map(|agent| agent.id),
        };
        let assigned_to = match self.assigned_to.as_deref() {
            None => None,
            Some("none") => Some(Assignee::Nobody),
            Some(reference) => Some(Assignee::Agent(agent(reference)?)),
        };
        let created_by = match self.created_by.as_deref() {
            None => None,
            Some(reference) => Some(agent(reference)?),
        };
        let parent = match self.parent {
            None => None,
            Some(id) => Some(id.parse::<TaskId>().ok()?),
        };
        Some(TaskFilter {
            statuses: shown_statuses(
                self.statuses.as_deref(),
                self.completed,
                self.include_completed,
            ),
            assigned_to,
            created_by,
            parent,
            priority: self.priority,
            labels: self.labels,
            any_label: self.any_label,
            search: self.search,
            claimed: self.claimed.map(|claimed| (claimed, now())),
            ..TaskFilter::default()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drift;

    #[test]
    fn what_is_read_is_what_is_shown() {
        assert_eq!(drift::of_query::<TaskQuery>(), [""; 0]);
    }
}
