//! Writes folded recurrences back.

use baton_domain::recurrence::Recurrence;
use baton_feed::HandleError;
use uuid::Uuid;

use crate::batch::{Change, Document, write};
use crate::statement::{Tables, Value};

const LOAD: &str = include_str!("sql/load.sql");
const INSERT: &str = include_str!("sql/insert.sql");
const UPDATE: &str = include_str!("sql/update.sql");

impl Document for Recurrence {
    const LOAD: &'static str = LOAD;

    type Derived = ();

    fn derived(&self) {}

    async fn save(tables: Tables<'_>, changes: &[Change<Self>]) -> Result<(), HandleError> {
        let (mut new, mut known) = (Columns::default(), Columns::default());
        for change in changes {
            if change.version_before == 0 { &mut new } else { &mut known }.push(change)?;
        }
        write(tables, INSERT, new.ids.len(), &new.and(&new.created_at)).await?;
        write(tables, UPDATE, known.ids.len(), &known.and(&known.versions_before)).await
    }
}

#[derive(Default)]
struct Columns<'a> {
    accounts: Vec<&'a str>,
    ids: Vec<Uuid>,
    states: Vec<String>,
    versions: Vec<i64>,
    positions: Vec<i64>,
    created_by: Vec<Option<Uuid>>,
    assigned_to: Vec<Option<Uuid>>,
    deleted: Vec<bool>,
    created_at: Vec<jiff::Timestamp>,
    versions_before: Vec<i64>,
}

impl<'a> Columns<'a> {
    fn push(&mut self, change: &'a Change<Recurrence>) -> Result<(), HandleError> {
        let Change { key, version_before, state: recurrence, version, position, .. } = change;
        let state = serde_json::to_string(recurrence)
            .map_err(|cause| HandleError::event("cannot print a recurrence", cause))?;
        self.accounts.push(&key.account);
        self.ids.push(key.id);
        self.states.push(state);
        self.versions.push(*version);
        self.positions.push(*position);
        self.created_by.push(recurrence.created_by.map(|agent| agent.0));
        self.assigned_to.push(recurrence.assigned_to.map(|agent| agent.0));
        self.deleted.push(recurrence.deleted);
        self.created_at.push(recurrence.created_at.to_jiff());
        self.versions_before.push(*version_before);
        Ok(())
    }

    /// What both statements write, and what only one of them takes.
    fn and<'b>(&'b self, last: Value<'b>) -> Vec<Value<'b>> {
        vec![
            &self.accounts as _,
            &self.ids as _,
            &self.states as _,
            &self.versions as _,
            &self.positions as _,
            &self.created_by as _,
            &self.assigned_to as _,
            &self.deleted as _,
            last,
        ]
    }
}
