//! Which tasks depend on which, as of the checkpoint: a table, and what a batch adds to it.

use std::collections::{BTreeMap, BTreeSet};

use baton_domain::TaskId;
use baton_domain::id::NotAnId;
use baton_feed::{Cause, HandleError, Transaction};
use deadpool_postgres::Pool;
use uuid::Uuid;

use crate::notice::{Notice, Place};

const READ: &str = include_str!("sql/read_dependents.sql");
const FORGET: &str = include_str!("sql/forget_dependent.sql");
const SAVE: &str = include_str!("sql/save_dependent.sql");

/// The tasks that depend on others. May name some that no longer do: whoever asks looks again.
#[derive(Debug, Default)]
pub(crate) struct Dependents(BTreeMap<Place, BTreeSet<TaskId>>);

impl Dependents {
    /// Those that depend on any of these, by the table and by the notices of the batch at hand.
    pub(crate) async fn of(
        dependencies: &[Place],
        pool: &Pool,
        batch: &[Notice],
    ) -> Result<Self, HandleError> {
        let mut found = Self::default();
        if dependencies.is_empty() {
            return Ok(found);
        }
        found.read(dependencies, pool).await?;
        for notice in batch {
            if let Notice::DependsOn(dependent, on) = notice {
                for task in on {
                    let dependency = Place { account: dependent.account.clone(), task: *task };
                    found.0.entry(dependency).or_default().insert(dependent.task);
                }
            }
        }
        Ok(found)
    }

    /// Those that depend on one of the tasks asked for.
    pub(crate) fn on(&self, dependency: &Place) -> impl Iterator<Item = TaskId> {
        self.0.get(dependency).into_iter().flatten().copied()
    }

    /// One question for all of them, to a function: Postgres keeps its plan, where it would plan
    /// a statement about a list anew for each list.
    async fn read(&mut self, dependencies: &[Place], pool: &Pool) -> Result<(), HandleError> {
        let unread = |cause: Cause| HandleError::unavailable("cannot read the dependents", cause);
        let client = pool.get().await.map_err(|cause| unread(cause.into()))?;
        let statement = client.prepare_cached(READ).await.map_err(|cause| unread(cause.into()))?;
        let accounts: Vec<&str> = dependencies.iter().map(|it| it.account.as_str()).collect();
        let tasks: Vec<Uuid> = dependencies.iter().map(|it| it.task.0).collect();
        let answer = client.query(&statement, &[&accounts, &tasks]).await;
        for row in answer.map_err(|cause| unread(cause.into()))? {
            let account: &str = row.try_get("account_id")?;
            let account = account.parse().map_err(|cause: NotAnId| unread(cause.into()))?;
            let dependency = Place { account, task: TaskId(row.try_get("dependency")?) };
            let dependent = TaskId(row.try_get("dependent")?);
            self.0.entry(dependency).or_default().insert(dependent);
        }
        Ok(())
    }
}

/// Writes what the notices say into the table.
pub(crate) async fn save(
    transaction: &Transaction<'_>,
    notices: &[Notice],
) -> Result<(), HandleError> {
    for notice in notices {
        let (dependent, on) = match notice {
            Notice::DependsOn(dependent, on) => (dependent, on.as_slice()),
            Notice::Deleted(task) => (task, &[][..]),
            Notice::Completed(_) => continue,
        };
        let account = dependent.account.as_str();
        let forget = transaction.prepare_cached(FORGET).await?;
        transaction.execute(&forget, &[&account, &dependent.task.0]).await?;
        if !on.is_empty() {
            let save = transaction.prepare_cached(SAVE).await?;
            let on: Vec<Uuid> = on.iter().map(|task| task.0).collect();
            transaction.execute(&save, &[&account, &dependent.task.0, &on]).await?;
        }
    }
    Ok(())
}
