//! Writes folded webhooks back.

use baton_domain::webhook::Webhook;
use baton_feed::HandleError;
use uuid::Uuid;

use crate::batch::{Change, Document, write};
use crate::statement::{Tables, Value};

const LOAD: &str = include_str!("sql/load.sql");
const INSERT: &str = include_str!("sql/insert.sql");
const UPDATE: &str = include_str!("sql/update.sql");

impl Document for Webhook {
    const LOAD: &'static str = LOAD;

    type Derived = ();

    fn derived(&self) {}

    async fn save(tables: Tables<'_>, changes: &[Change<Self>]) -> Result<(), HandleError> {
        let (mut new, mut known) = (Columns::default(), Columns::default());
        for change in changes {
            if change.version_before == 0 { &mut new } else { &mut known }.push(change)?;
        }
        write(tables, INSERT, new.ids.len(), &new.of_insert()).await?;
        write(tables, UPDATE, known.ids.len(), &known.of_update()).await
    }
}

#[derive(Default)]
struct Columns<'a> {
    accounts: Vec<&'a str>,
    ids: Vec<Uuid>,
    states: Vec<String>,
    versions: Vec<i64>,
    positions: Vec<i64>,
    created_at: Vec<jiff::Timestamp>,
    deleted: Vec<bool>,
    versions_before: Vec<i64>,
}

impl<'a> Columns<'a> {
    fn push(&mut self, change: &'a Change<Webhook>) -> Result<(), HandleError> {
        let Change { key, version_before, state: webhook, version, position, .. } = change;
        let state = serde_json::to_string(webhook)
            .map_err(|cause| HandleError::event("cannot print a webhook", cause))?;
        self.accounts.push(&key.account);
        self.ids.push(key.id);
        self.states.push(state);
        self.versions.push(*version);
        self.positions.push(*position);
        self.created_at.push(webhook.created_at.to_jiff());
        self.deleted.push(webhook.deleted);
        self.versions_before.push(*version_before);
        Ok(())
    }

    fn of_insert(&self) -> Vec<Value<'_>> {
        let mut values = self.common();
        values.push(&self.created_at);
        values.push(&self.deleted);
        values
    }

    fn of_update(&self) -> Vec<Value<'_>> {
        let mut values = self.common();
        values.push(&self.deleted);
        values.push(&self.versions_before);
        values
    }

    fn common(&self) -> Vec<Value<'_>> {
        vec![
            &self.accounts as _,
            &self.ids as _,
            &self.states as _,
            &self.versions as _,
            &self.positions as _,
        ]
    }
}
