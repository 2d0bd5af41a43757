//! How many unfinished tasks each assignee has: kept, so that nobody counts a million of them.

use std::collections::BTreeMap;

use baton_domain::task::{Status, Task};
use baton_feed::HandleError;
use uuid::Uuid;

use super::lists::Entries;
use crate::batch::Change;
use crate::statement::Tables;

pub(super) const ADD_COUNTS: &str = include_str!("sql/add_counts.sql");
const FILL_COUNTS: &str = include_str!("sql/fill_counts.sql");

/// What a batch changes in the counts.
#[derive(Default)]
pub(super) struct Counts<'a>(BTreeMap<(&'a str, Uuid), i64>);

impl<'a> Counts<'a> {
    pub(super) fn add(&mut self, change: &'a Change<Task>, after: &Entries) {
        let account = change.key.account.as_str();
        let before = change.before.as_ref().and_then(|before| before.counted_for);
        for (agent, by) in [(before, -1), (after.counted_for, 1)] {
            if let Some(agent) = agent {
                *self.0.entry((account, agent.0)).or_default() += by;
            }
        }
    }

    pub(super) async fn save(mut self, tables: Tables<'_>) -> Result<(), HandleError> {
        self.0.retain(|_, change| *change != 0);
        if self.0.is_empty() {
            return Ok(());
        }
        let (accounts, agents): (Vec<&str>, Vec<Uuid>) = self.0.keys().copied().unzip();
        let changes: Vec<i64> = self.0.into_values().collect();
        tables.write(ADD_COUNTS, &[&accounts, &agents, &changes]).await?;
        Ok(())
    }
}

/// Fills the counts from the lists.
pub(super) async fn fill(tables: Tables<'_>) -> Result<(), HandleError> {
    tables.write(FILL_COUNTS, &[&unfinished()]).await?;
    Ok(())
}

/// The words of the statuses of tasks that are not finished.
pub(super) fn unfinished() -> Vec<&'static str> {
    Status::ALL.into_iter().filter(|it| !it.is_finished()).map(Status::word).collect()
}
