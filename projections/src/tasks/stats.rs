//! Statistics of the tasks that somebody may read (protocol 1.15, 2.8).
//!
//! For those who read all, from what is kept; for others, counted in their lists.

use std::collections::HashMap;

use baton_domain::{AccountId, ProjectId, Right, Standing, task::Status};
use jiff::ToSpan as _;
use jiff::civil::Date;
use tokio_postgres::Row;
use tokio_postgres::types::Type;

use super::lists::words_by_code;
use super::tallies::{Tally, unfinished};
use super::walk::lists_of;
use crate::error::QueryError;
use crate::reads::Reads;

const TALLIES: &str = include_str!("sql/tallies.sql");
const OWN_TALLIES: &str = include_str!("sql/own_tallies.sql");

/// Days ahead that count as upcoming, from tomorrow.
const UPCOMING_DAYS: i64 = 7;

/// How many tasks there are of each kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TaskStats {
    /// In each status; one without tasks may be missing.
    pub by_status: HashMap<Status, i64>,
    /// Unfinished ones of each project, and of none.
    pub by_project: HashMap<Option<ProjectId>, i64>,
    /// Completed today.
    pub completed_today: i64,
    /// Unfinished, and due today.
    pub due_today: i64,
    /// Unfinished, and due before today.
    pub overdue: i64,
    /// Unfinished, and due within the seven days after today.
    pub upcoming: i64,
}

/// The last day that counts as upcoming.
fn last_upcoming(today: Date) -> Date {
    today.saturating_add(UPCOMING_DAYS.days())
}

impl Reads {
    /// Counts the tasks that the caller may read.
    ///
    /// # Errors
    /// When the model cannot be read.
    pub async fn task_stats(
        &self,
        account: &AccountId,
        caller: &Standing,
        today: Date,
    ) -> Result<TaskStats, QueryError> {
        let last = last_upcoming(today);
        let rows = match caller.may(Right::ReadAllTasks) {
            true => self.tallies(account, today, last).await?,
            false => self.own_tallies(account, caller, today).await?,
        };
        let mut stats = TaskStats::default();
        for row in &rows {
            if let Some(tally) = Tally::of_name(row.try_get("tally")?) {
                stats.count(tally, row.try_get("tasks")?, today);
            }
        }
        Ok(stats)
    }

    /// How many tasks were created in the month of this day, deleted ones included.
    ///
    /// # Errors
    /// When the model cannot be read.
    pub async fn tasks_created(&self, account: &AccountId, day: Date) -> Result<i64, QueryError> {
        let month = Tally::Created(day.first_of_month()).to_string();
        let month = std::slice::from_ref(&month);
        let rows = self.tallies_within(account, month, month).await?;
        rows.first().map_or(Ok(0), |row| row.try_get("tasks")).map_err(QueryError::Query)
    }

    async fn tallies(
        &self,
        account: &AccountId,
        today: Date,
        last: Date,
    ) -> Result<Vec<Row>, QueryError> {
        let completed = Tally::Completed(today).to_string();
        let names = ["status:", "project:", "due:", &completed].map(str::to_owned);
        let due = Tally::Due(last).to_string();
        let ends = ["status:~", "project:~", &due, &completed].map(str::to_owned);
        self.tallies_within(account, &names, &ends).await
    }

    pub(super) async fn tallies_within(
        &self,
        account: &AccountId,
        first: &[String],
        last: &[String],
    ) -> Result<Vec<Row>, QueryError> {
        let bound = [
            (&account.as_str() as _, Type::TEXT),
            (&first as _, Type::TEXT_ARRAY),
            (&last as _, Type::TEXT_ARRAY),
        ];
        self.rows(TALLIES, &bound).await
    }

    async fn own_tallies(
        &self,
        account: &AccountId,
        caller: &Standing,
        today: Date,
    ) -> Result<Vec<Row>, QueryError> {
        let lists = lists_of(account, caller);
        let (statuses, words) = (unfinished(), words_by_code());
        let bound = [
            (&account.as_str() as _, Type::TEXT),
            (&lists as _, Type::UUID_ARRAY),
            (&statuses as _, Type::INT2_ARRAY),
            (&today as _, Type::DATE),
            (&words as _, Type::TEXT_ARRAY),
        ];
        self.rows(OWN_TALLIES, &bound).await
    }
}

impl TaskStats {
    pub(super) fn count(&mut self, tally: Tally, tasks: i64, today: Date) {
        match tally {
            Tally::Status(word) => {
                if let Some(status) = Status::from_word(word) {
                    *self.by_status.entry(status).or_default() += tasks;
                }
            }
            Tally::Project(project) => *self.by_project.entry(project).or_default() += tasks,
            Tally::Completed(day) if day == today => self.completed_today += tasks,
            Tally::Due(day) if day < today => self.overdue += tasks,
            Tally::Due(day) if day == today => self.due_today += tasks,
            Tally::Due(day) if day <= last_upcoming(today) => self.upcoming += tasks,
            Tally::Created(_) | Tally::Completed(_) | Tally::Due(_) | Tally::Assignee(_) => (),
        }
    }

    /// All of them.
    #[must_use]
    pub fn total(&self) -> i64 {
        self.by_status.values().sum()
    }

    /// Those in this status.
    #[must_use]
    pub fn in_status(&self, status: Status) -> i64 {
        self.by_status.get(&status).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tallies_by_their_names() {
        let today: Date = "2026-11-30".parse().unwrap();
        let mut stats = TaskStats::default();
        for (name, tasks) in [
            ("status:open", 1),
            ("status:completed", 2),
            ("project:", 3),
            ("project:00000000-0000-0000-0000-000000000001", 4),
            ("completed:2026-11-30", 5),
            ("completed:2026-11-29", 1_000),
            ("due:2026-11-29", 6),
            ("due:2025-01-01", 60),
            ("due:2026-11-30", 7),
            ("due:2026-12-01", 8),
            ("due:2026-12-07", 80),
            ("due:2026-12-08", 1_000),
            ("assignee:00000000-0000-0000-0000-000000000001", 1_000),
            ("of another version", 1_000),
        ] {
            let tally = Tally::of_name(name);
            assert_eq!(tally.is_none(), name == "of another version", "{name}");
            tally.into_iter().for_each(|tally| stats.count(tally, tasks, today));
        }
        let project = Some(ProjectId(uuid::Uuid::from_u128(1)));
        let expected = TaskStats {
            by_status: [(Status::Open, 1), (Status::Completed, 2)].into(),
            by_project: [(None, 3), (project, 4)].into(),
            completed_today: 5,
            due_today: 7,
            overdue: 66,
            upcoming: 88,
        };
        assert_eq!(stats, expected);
        assert_eq!((stats.total(), stats.in_status(Status::Failed)), (3, 0));
    }
}
