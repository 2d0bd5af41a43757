//! Fills the tables of a model that is being built: copied, not inserted, and without indexes on
//! the lists.
//!
//! A task's lists are written beside its row. Should it change after that, it is noted, and
//! its lists are written again at the end: there is no index by which they could be found before.

use std::pin::pin;

use baton_domain::task::{SessionState, Task};
use baton_feed::HandleError;
use tokio_postgres::Error;
use tokio_postgres::binary_copy::BinaryCopyInWriter;
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::apply::UPDATE;
use super::columns::{Columns, search_text};
use super::lists::{Entries, code, list_id};
use super::tallies::Tallies;
use crate::batch::{Change, Key, write};
use crate::statement::{Tables, Value};

const COPY_TASKS: &str = include_str!("sql/copy_tasks.sql");
const COPY_LISTS: &str = include_str!("sql/copy_lists.sql");
const NOTE_CHANGED: &str = include_str!("sql/note_changed.sql");
const CHANGED_STATES: &str = include_str!("sql/changed_states.sql");
const DELETE_CHANGED: &str = include_str!("sql/delete_changed.sql");
const DROP_CHANGED: &str = include_str!("sql/drop_changed.sql");

/// Tasks whose lists are written again at once.
const CHANGED_TASKS_MAX: i64 = 5_000;

const TASK_TYPES: [Type; 23] = [
    Type::TEXT,
    Type::UUID,
    Type::TEXT,
    Type::INT8,
    Type::INT8,
    Type::BOOL,
    Type::TIMESTAMPTZ,
    Type::UUID,
    Type::UUID,
    Type::BOOL,
    Type::UUID,
    Type::TIMESTAMPTZ,
    Type::UUID,
    Type::UUID,
    Type::INT4,
    Type::TEXT,
    Type::DATE,
    Type::TIMESTAMPTZ,
    Type::TIMESTAMPTZ,
    Type::TEXT_ARRAY,
    Type::TEXT,
    Type::TIMESTAMPTZ,
    Type::UUID,
];

const LIST_TYPES: [Type; 6] =
    [Type::UUID, Type::INT2, Type::INT8, Type::INT2, Type::TIMESTAMPTZ, Type::UUID];

/// Rows of the lists that are to be copied.
type Listed<'a> = Vec<(&'a str, Uuid, Entries)>;

/// Writes new tasks, changes known ones, and counts them.
pub(super) async fn fill(tables: Tables<'_>, changes: &[Change<Task>]) -> Result<(), HandleError> {
    let (new, old): (Vec<_>, Vec<_>) =
        changes.iter().partition(|change| change.version_before == 0);
    copy_tasks(tables, &new).await?;
    let mut known = Columns::default();
    for change in &old {
        known.push(change)?;
    }
    write(tables, UPDATE, known.len(), &known.of_update()).await?;
    Tallies::of(changes).save(tables).await?;
    note_changed(tables, &old).await
}

/// Writes the lists of new tasks.
pub(super) async fn fill_lists(
    tables: Tables<'_>,
    changes: &[Change<Task>],
) -> Result<(), HandleError> {
    let new = changes.iter().filter(|change| change.version_before == 0);
    let listed =
        new.map(|change| (change.key.account.as_str(), change.key.id, Entries::of(&change.state)));
    copy_lists(tables, &listed.collect()).await?;
    Ok(())
}

/// Writes the lists of the changed tasks again.
pub(super) async fn finish(tables: Tables<'_>) -> Result<(), HandleError> {
    tables.write(DELETE_CHANGED, &[]).await?;
    let mut after = Some(Key::default());
    while let Some(key) = after {
        after = list_changed(tables, &key).await?;
    }
    tables.write(DROP_CHANGED, &[]).await?;
    Ok(())
}

/// Writes the lists of a page of changed tasks, which come after that one; answers the last.
async fn list_changed(tables: Tables<'_>, after: &Key) -> Result<Option<Key>, HandleError> {
    let values: [Value<'_>; 3] = [&after.account, &after.id, &CHANGED_TASKS_MAX];
    let rows = tables.rows(CHANGED_STATES, &values).await?;
    let mut listed = Listed::with_capacity(rows.len());
    for row in &rows {
        let state: Task = serde_json::from_str(row.try_get("state")?)
            .map_err(|cause| HandleError::event("cannot read a row of the model", cause))?;
        listed.push((row.try_get("account_id")?, row.try_get("task_id")?, Entries::of(&state)));
    }
    copy_lists(tables, &listed).await?;
    Ok(listed.last().map(|(account, id, _)| Key { account: (*account).to_owned(), id: *id }))
}

async fn note_changed(tables: Tables<'_>, old: &[&Change<Task>]) -> Result<(), HandleError> {
    if old.is_empty() {
        return Ok(());
    }
    let accounts: Vec<&str> = old.iter().map(|change| change.key.account.as_str()).collect();
    let ids: Vec<Uuid> = old.iter().map(|change| change.key.id).collect();
    tables.write(NOTE_CHANGED, &[&accounts, &ids]).await?;
    Ok(())
}

async fn copy_tasks(tables: Tables<'_>, new: &[&Change<Task>]) -> Result<(), HandleError> {
    if new.is_empty() {
        return Ok(());
    }
    let mut writer = pin!(BinaryCopyInWriter::new(tables.copy(COPY_TASKS).await?, &TASK_TYPES));
    for change in new {
        let Change { key, state: task, version, position, .. } = change;
        let state = serde_json::to_string(task);
        let state = state.map_err(|cause| HandleError::event("cannot print a task", cause))?;
        let claim = task.claim.as_ref();
        let row: [Value<'_>; 23] = [
            &key.account,
            &key.id,
            &state,
            version,
            position,
            &task.deleted,
            &task.created_at.to_jiff(),
            &task.created_by.map(|agent| agent.0),
            &task.assigned_to.map(|agent| agent.0),
            &claim.is_some(),
            &claim.and_then(|claim| claim.by).map(|agent| agent.0),
            &claim.and_then(|claim| claim.lease_expires_at).map(|end| end.to_jiff()),
            &task.parent.map(|parent| parent.0),
            &task.root.0,
            &i32::try_from(task.delegation_depth).unwrap_or(i32::MAX),
            &claim.and_then(|claim| claim.session_state).map(SessionState::word),
            &task.due_date,
            &task.updated_at.to_jiff(),
            &task.completed_at.map(|at| at.to_jiff()),
            &task.labels,
            &search_text(task),
            &task.heard_at.map(|at| at.to_jiff()),
            &task.project_id.map(|project| project.0),
        ];
        writer.as_mut().write(&row).await?;
    }
    writer.finish().await?;
    Ok(())
}

async fn copy_lists(tables: Tables<'_>, listed: &Listed<'_>) -> Result<(), Error> {
    if listed.is_empty() {
        return Ok(());
    }
    let mut writer = pin!(BinaryCopyInWriter::new(tables.copy(COPY_LISTS).await?, &LIST_TYPES));
    for (account, id, entries) in listed {
        let (status, created_at) = (code(entries.status), entries.created_at.to_jiff());
        for row in entries.rows() {
            let list = list_id(account, row.list);
            let row: [Value<'_>; 6] =
                [&list, &status, &row.rank, &entries.priority, &created_at, id];
            writer.as_mut().write(&row).await?;
        }
    }
    writer.finish().await?;
    Ok(())
}
