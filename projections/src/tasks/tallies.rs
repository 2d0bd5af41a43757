//! How many tasks an account has of each kind that statistics ask for: kept, so that nobody counts
//! a million of them.
//!
//! Must not: know who may read a task; these are for those who read all.

use std::{collections::BTreeMap, fmt};

use baton_domain::{
    AgentId, ProjectId, Timestamp,
    task::{Status, Task},
};
use baton_feed::HandleError;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::lists::codes;
use crate::batch::Change;
use crate::statement::Tables;

pub(super) const ADD_TALLIES: &str = include_str!("sql/add_tallies.sql");

/// What is counted. Its text is its name in the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Tally {
    /// Tasks that were created in the month that begins on this day, deleted ones included.
    Created(Date),
    /// Tasks in a status, by its word.
    Status(&'static str),
    /// Unfinished tasks of a project, or of none.
    Project(Option<ProjectId>),
    /// Unfinished tasks that are due on a day.
    Due(Date),
    /// Tasks that were completed on a day.
    Completed(Date),
    /// Unfinished tasks of an assignee.
    Assignee(AgentId),
}

impl Tally {
    /// What a name in the table means; none for that of another version.
    pub(super) fn of_name(name: &str) -> Option<Self> {
        let (kind, of) = name.split_once(':')?;
        Some(match kind {
            "created" => Self::Created(of.parse().ok()?),
            "status" => Self::Status(Status::from_word(of)?.word()),
            "project" if of.is_empty() => Self::Project(None),
            "project" => Self::Project(Some(of.parse().ok()?)),
            "due" => Self::Due(of.parse().ok()?),
            "completed" => Self::Completed(of.parse().ok()?),
            "assignee" => Self::Assignee(of.parse().ok()?),
            _ => return None,
        })
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Created(month) => write!(f, "created:{month}"),
            Self::Status(word) => write!(f, "status:{word}"),
            Self::Project(None) => f.write_str("project:"),
            Self::Project(Some(project)) => write!(f, "project:{project}"),
            Self::Due(day) => write!(f, "due:{day}"),
            Self::Completed(day) => write!(f, "completed:{day}"),
            Self::Assignee(agent) => write!(f, "assignee:{agent}"),
        }
    }
}

/// What a task is counted as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counted([Option<Tally>; 6]);

impl Counted {
    pub(super) fn tallies(self) -> impl Iterator<Item = Tally> {
        self.0.into_iter().flatten()
    }

    pub(super) fn of(task: &Task) -> Self {
        let created = task.exists.then(|| Tally::Created(day_of(task.created_at).first_of_month()));
        if !task.is_alive() {
            return Self([created, None, None, None, None, None]);
        }
        let unfinished = !task.status.is_finished();
        let done = task.completed_at.filter(|_| task.status == Status::Completed);
        Self([
            created,
            Some(Tally::Status(task.status.word())),
            unfinished.then_some(Tally::Project(task.project_id)),
            task.due_date.filter(|_| unfinished).map(Tally::Due),
            done.map(|at| Tally::Completed(day_of(at))),
            task.assigned_to.filter(|_| unfinished).map(Tally::Assignee),
        ])
    }
}

/// The codes of the statuses of tasks that are not finished.
pub(super) fn unfinished() -> Vec<i16> {
    codes(Status::ALL.into_iter().filter(|it| !it.is_finished()))
}

/// The day of an instant. Days are those of UTC (protocol 0.4).
pub(super) fn day_of(at: Timestamp) -> Date {
    at.to_jiff().to_zoned(TimeZone::UTC).date()
}

/// What a batch changes in the tallies.
#[derive(Default)]
pub(super) struct Tallies<'a>(BTreeMap<(&'a str, Tally), i64>);

impl<'a> Tallies<'a> {
    /// All that documents changed, some of which were counted before.
    pub(super) fn of(changes: impl IntoIterator<Item = &'a Change<Task>>) -> Self {
        let mut tallies = Self::default();
        for change in changes {
            let before = change.before.as_ref().map(|before| before.counted).unwrap_or_default();
            let after = Counted::of(&change.state);
            if before != after {
                tallies.add(&change.key.account, before, -1);
                tallies.add(&change.key.account, after, 1);
            }
        }
        tallies
    }

    fn add(&mut self, account: &'a str, counted: Counted, by: i64) {
        for tally in counted.tallies() {
            *self.0.entry((account, tally)).or_default() += by;
        }
    }

    pub(super) async fn save(mut self, tables: Tables<'_>) -> Result<(), HandleError> {
        self.0.retain(|_, change| *change != 0);
        if self.0.is_empty() {
            return Ok(());
        }
        let accounts: Vec<&str> = self.0.keys().map(|(account, _)| *account).collect();
        let names: Vec<String> = self.0.keys().map(|(_, tally)| tally.to_string()).collect();
        let changes: Vec<i64> = self.0.into_values().collect();
        tables.write(ADD_TALLIES, &[&accounts, &names, &changes]).await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ASSIGNEE: &str = "assignee:00000000-0000-0000-0000-000000000000";

    fn task(status: Status) -> Task {
        Task {
            exists: true,
            status,
            created_at: "2026-11-21T23:59:59.999Z".parse().unwrap(),
            due_date: Some("2026-12-01".parse().unwrap()),
            completed_at: Some("2026-11-22T00:00:00Z".parse().unwrap()),
            assigned_to: Some(AgentId::default()),
            ..Task::default()
        }
    }

    fn names(task: &Task) -> Vec<String> {
        Counted::of(task).tallies().map(|tally| tally.to_string()).collect()
    }

    #[test]
    fn what_a_task_is_counted_as() {
        let created = "created:2026-11-01";
        let open = [created, "status:open", "project:", "due:2026-12-01", ASSIGNEE];
        assert_eq!(names(&task(Status::Open)), open);
        let nobodys = Task { assigned_to: None, ..task(Status::Open) };
        assert_eq!(names(&nobodys), open[..4]);
        let completed = [created, "status:completed", "completed:2026-11-22"];
        assert_eq!(names(&task(Status::Completed)), completed);
        assert_eq!(names(&task(Status::Failed)), [created, "status:failed"]);
        let deleted = Task { deleted: true, ..task(Status::Open) };
        assert_eq!(names(&deleted), [created]);
        assert!(names(&Task::default()).is_empty());
    }
}
