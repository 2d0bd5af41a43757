//! The query of `GET /tasks` (protocol 1.2).

use baton_domain::{
    AgentId, ProjectId, TaskId,
    task::{SessionState, Status, View},
};
use baton_history::AsOf;
use baton_projections::tasks::{Assignee, Scope, Sort, TaskFilter, shown_statuses};
use jiff::{ToSpan as _, civil::Date};
use poem_openapi::{Enum, Object};

use super::{as_of_query::as_of, task_bodies::STATUS_WORDS};
use crate::{
    field::Text,
    moment,
    page::{self, Window},
    query::{FromParams, Params},
    schema::{Day, SessionState as SessionStateWord},
    snapshot::Snapshot,
};

const REFERENCE: Text = Text::filled(2_000);
const LABEL: Text = Text::filled(100);
const SEARCH: Text = Text::up_to(2_000);
/// What holders of tasks say they do.
pub(super) const STATE_WORDS: [(&str, SessionState); 3] = [
    ("working", SessionState::Working),
    ("waiting_input", SessionState::WaitingInput),
    ("errored", SessionState::Errored),
];
const DUE_WORDS: [(&str, Due); 3] =
    [("today", Due::Today), ("upcoming", Due::Upcoming), ("overdue", Due::Overdue)];
const SORT_WORDS: [(&str, Sort); 4] = [
    ("priority", Sort::Priority),
    ("updated", Sort::Updated),
    ("due", Sort::Due),
    ("completed", Sort::Completed),
];
const INCLUDE_WORDS: [(&str, Scope); 1] = [("pagination", Scope::Total)];
const VIEW_WORDS: [(&str, View); 1] = [("summary", View::Summary)];
/// Days ahead that are `upcoming`, from tomorrow.
const UPCOMING_DAYS: i64 = 7;

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
    /// What the holder of the claim says it is doing: `working`, `waiting_input` or `errored`.
    state: Option<SessionStateWord>,
    /// `today`: due on or before today and not finished, so overdue ones too; `upcoming`: due from
    /// tomorrow to 7 days ahead; `overdue`: due before today and not finished; a date
    /// `YYYY-MM-DD`: due exactly then. Days are those of UTC.
    due: Option<String>,
    /// Due after this day, strictly.
    due_after: Option<Day>,
    /// Due before this day, strictly.
    due_before: Option<Day>,
    /// In content or description, whatever the case.
    search: Option<String>,
    /// In which order: `priority` (when left out): the most urgent first; `updated`: the last
    /// changed first; `due`: the first due first, those without a day last; `completed`: the last
    /// completed first, those that are not completed last. Tasks that are equal in it are in the
    /// order of priority, then age, then id.
    sort: Option<SortWord>,
    /// At most so many, 1 to 1000; 500 when left out.
    limit: Option<i64>,
    /// Skip so many, up to 10,000.
    offset: Option<i64>,
    /// `pagination`: the answer is a page object that says how many tasks there are, instead of a
    /// bare array. Counting costs as much as there are tasks.
    include: Option<Vec<IncludeWord>>,
    /// `summary`: tasks without `description`, `context`, `metadata`, `subtasks` and `project`.
    view: Option<ViewWord>,
    /// As it was then: an RFC 3339 time, or a position in the log.
    as_of: Option<String>,
}

/// In which order a list of tasks is.
#[derive(Enum)]
#[oai(rename = "TaskSort", rename_all = "lowercase")]
enum SortWord {
    Priority,
    Updated,
    Due,
    Completed,
}

/// What a list has beside its tasks.
#[derive(Enum)]
#[oai(rename = "TaskListInclude", rename_all = "lowercase")]
enum IncludeWord {
    Pagination,
}

/// How much of each task a list shows.
#[derive(Enum)]
#[oai(rename = "TaskListView", rename_all = "lowercase")]
enum ViewWord {
    Summary,
}

/// A word of `due`, or a day.
#[derive(Debug, Clone, Copy)]
enum Due {
    Today,
    Upcoming,
    Overdue,
    On(Date),
}

/// What was asked for.
pub(super) struct TaskQuery {
    pub(super) wanted: Wanted,
    pub(super) window: Window,
    pub(super) sort: Sort,
    pub(super) scope: Scope,
    pub(super) view: View,
    pub(super) as_of: Option<AsOf>,
}

/// The filters, references still as sent.
pub(super) struct Wanted {
    /// By one name of the parameter or by both.
    assigned_to: Vec<String>,
    created_by: Option<String>,
    parent: Option<String>,
    in_epic: bool,
    /// For those who read every task.
    pub(super) project: Option<String>,
    labels: Vec<String>,
    any_label: Vec<String>,
    priority: Option<u8>,
    statuses: Option<Vec<Status>>,
    completed: Option<bool>,
    include_completed: bool,
    claimed: Option<bool>,
    session_state: Option<SessionState>,
    due: Option<Due>,
    due_after: Option<Date>,
    due_before: Option<Date>,
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
            assigned_to: assigned_to.into_iter().chain(by_id).collect(),
            created_by: params.text("created_by", REFERENCE).optional(),
            parent: params.text("parent_task_id", REFERENCE).optional(),
            in_epic: params.text("epic_id", REFERENCE).optional().is_some(),
            project: params.text("project_id", REFERENCE).optional(),
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
            session_state: params.choice("state", &STATE_WORDS).optional(),
            due: params.read("due", |text| due(&text)).optional(),
            due_after: params.date("due_after").optional(),
            due_before: params.date("due_before").optional(),
            search: params.text("search", SEARCH).optional(),
        };
        let window = params.window(page::TASKS);
        let included = params.choices("include", &INCLUDE_WORDS).or(Vec::new());
        Self {
            wanted,
            window,
            sort: params.choice("sort", &SORT_WORDS).or(Sort::default()),
            scope: included.into_iter().next().unwrap_or(Scope::Page),
            view: params.choice("view", &VIEW_WORDS).or(View::Plain),
            as_of: as_of(params),
        }
    }
}

fn due(text: &str) -> Result<Due, String> {
    let word = DUE_WORDS.iter().find(|(word, _)| *word == text);
    match (word, moment::date(text)) {
        (Some((_, due)), _) => Ok(*due),
        (None, Ok(day)) => Ok(Due::On(day)),
        (None, Err(_)) => {
            Err("must be one of today, upcoming, overdue, or a date YYYY-MM-DD".into())
        }
    }
}

impl Wanted {
    /// The days it is due between, both included; `None` where there can be no such day.
    fn due_days(&self, today: Date) -> Option<(Option<Date>, Option<Date>)> {
        let (from, to) = match self.due {
            None => (None, None),
            Some(Due::Today) => (None, Some(today)),
            Some(Due::Upcoming) => {
                let last = today.checked_add(UPCOMING_DAYS.days()).ok()?;
                (Some(today.tomorrow().ok()?), Some(last))
            }
            Some(Due::Overdue) => (None, Some(today.yesterday().ok()?)),
            Some(Due::On(day)) => (Some(day), Some(day)),
        };
        let after = self.due_after.map(Date::tomorrow).transpose().ok()?;
        let before = self.due_before.map(Date::yesterday).transpose().ok()?;
        let from = [from, after].into_iter().flatten().max();
        Some((from, [to, before].into_iter().flatten().min()))
    }

    /// The statuses that a list of these shows.
    fn statuses(&self) -> Vec<Status> {
        let given = self.statuses.as_deref();
        let mut shown = shown_statuses(given, self.completed, self.include_completed);
        if matches!(self.due, Some(Due::Today | Due::Overdue)) {
            shown.retain(|status| !status.is_finished());
        }
        shown
    }

    /// The filter, or `None` where something named does not exist: nothing can match (0.3).
    pub(super) fn filter(self, snapshot: &Snapshot<'_>, me: Option<AgentId>) -> Option<TaskFilter> {
        // There are no epics yet, so no task is in one.
        if self.in_epic {
            return None;
        }
        let is_project = |id: &ProjectId| snapshot.directory.projects.contains_key(id);
        let project = match &self.project {
            None => None,
            Some(id) => Some(id.parse::<ProjectId>().ok().filter(is_project)?),
        };
        let agent = |reference: &str| match reference {
            "me" => me,
            reference => snapshot.directory.find(reference).map(|agent| agent.id),
        };
        let mut assigned_to = None;
        for reference in &self.assigned_to {
            let assignee = match reference.as_str() {
                "none" => Assignee::Nobody,
                reference => Assignee::Agent(agent(reference)?),
            };
            if assigned_to.replace(assignee).is_some_and(|other| other != assignee) {
                return None;
            }
        }
        let created_by = match self.created_by.as_deref() {
            None => None,
            Some(reference) => Some(agent(reference)?),
        };
        let parent = match &self.parent {
            None => None,
            Some(id) => Some(id.parse::<TaskId>().ok()?),
        };
        let now = snapshot.now;
        let (due_from, due_to) = self.due_days(snapshot.today())?;
        Some(TaskFilter {
            statuses: self.statuses(),
            assigned_to,
            created_by,
            project,
            parent,
            priority: self.priority,
            labels: self.labels,
            any_label: self.any_label,
            search: self.search,
            claimed: self.claimed.map(|claimed| (claimed, now)),
            session_state: self.session_state,
            due_from,
            due_to,
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
