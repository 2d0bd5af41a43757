//! Writes folded tasks back: rows, and the rows of the lists in which they stand.

use baton_domain::task::Task;
use baton_feed::{HandleError, Transaction};
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::columns::{Columns, ListColumns};
use super::counts::{self, Counts};
use super::lists::Entries;
use crate::batch::{Change, Document, Extent, Key, all_written};

const LOAD: &str = include_str!("sql/load.sql");
const INSERT: &str = include_str!("sql/insert.sql");
const UPDATE: &str = include_str!("sql/update.sql");
const INSERT_LISTS: &str = include_str!("sql/insert_lists.sql");
const DELETE_LISTS: &str = include_str!("sql/delete_lists.sql");
const PAGE_STATES: &str = include_str!("sql/page_states.sql");

/// Tasks whose lists are filled in by one statement.
const DERIVE_TASKS_MAX: i64 = 5_000;

impl Document for Task {
    const LOAD: &'static str = LOAD;

    type Derived = Entries;

    fn derived(&self) -> Entries {
        Entries::of(self)
    }

    async fn save(
        transaction: &Transaction<'_>,
        changes: &[Change<Self>],
        extent: Extent,
    ) -> Result<(), HandleError> {
        save_rows(transaction, changes).await?;
        match extent {
            Extent::Whole => save_lists(transaction, changes).await,
            Extent::Documents => Ok(()),
        }
    }

    async fn derive_after(
        transaction: &Transaction<'_>,
        after: &Key,
    ) -> Result<Option<Key>, HandleError> {
        let bound = [
            (&after.account as _, Type::TEXT),
            (&after.id as _, Type::UUID),
            (&DERIVE_TASKS_MAX as _, Type::INT8),
        ];
        let rows = transaction.query_typed(PAGE_STATES, &bound).await?;
        let mut tasks: Vec<(&str, Uuid, Entries)> = Vec::with_capacity(rows.len());
        for row in &rows {
            let state: Task = serde_json::from_str(row.try_get("state")?)
                .map_err(|cause| HandleError::event("cannot read a row of the model", cause))?;
            tasks.push((row.try_get("account_id")?, row.try_get("task_id")?, Entries::of(&state)));
        }
        let mut come = ListColumns::default();
        for (account, id, entries) in &tasks {
            entries.rows().for_each(|row| come.push(account, *id, row, entries));
        }
        insert_lists(transaction, &come).await?;
        let last = tasks.last();
        if last.is_none() {
            counts::fill(transaction).await?;
        }
        Ok(last.map(|(account, id, _)| Key { account: (*account).to_owned(), id: *id }))
    }
}

async fn save_rows(
    transaction: &Transaction<'_>,
    changes: &[Change<Task>],
) -> Result<(), HandleError> {
    let (mut new, mut known) = (Columns::default(), Columns::default());
    for change in changes {
        if change.version_before == 0 { &mut new } else { &mut known }.push(change)?;
    }
    if new.len() > 0 {
        let written = transaction.execute_typed(INSERT, &new.of_insert()).await?;
        all_written(written, new.len())?;
    }
    if known.len() > 0 {
        let written = transaction.execute_typed(UPDATE, &known.of_update()).await?;
        all_written(written, known.len())?;
    }
    Ok(())
}

async fn save_lists(
    transaction: &Transaction<'_>,
    changes: &[Change<Task>],
) -> Result<(), HandleError> {
    let nowhere = Entries::of(&Task::default());
    let after: Vec<Entries> = changes.iter().map(|change| Entries::of(&change.state)).collect();
    let (mut gone, mut come) = (ListColumns::default(), ListColumns::default());
    let mut counts = Counts::default();
    for (change, after) in changes.iter().zip(&after) {
        let (account, id) = (change.key.account.as_str(), change.key.id);
        let before = change.before.as_ref().unwrap_or(&nowhere);
        counts.add(change, after);
        let (rows_gone, rows_come) = before.difference(after);
        rows_gone.into_iter().for_each(|row| gone.push(account, id, row, before));
        rows_come.into_iter().for_each(|row| come.push(account, id, row, after));
    }
    if gone.len() > 0 {
        let deleted = transaction.execute_typed(DELETE_LISTS, &gone.bound()).await?;
        all_written(deleted, gone.len())?;
    }
    insert_lists(transaction, &come).await?;
    counts.save(transaction).await
}

async fn insert_lists(
    transaction: &Transaction<'_>,
    come: &ListColumns<'_>,
) -> Result<(), HandleError> {
    if come.len() > 0 {
        let inserted = transaction.execute_typed(INSERT_LISTS, &come.bound()).await?;
        all_written(inserted, come.len())?;
    }
    Ok(())
}
