//! Changed tasks as columns, for statements that write many rows at once.

use baton_domain::task::{SessionState, Task};
use baton_feed::HandleError;
use uuid::Uuid;

use crate::batch::Change;
use crate::statement::Value;

use super::lists::{Entries, Row, code, list_id};

/// What an insert and an update have in common, then what only one of them sets.
#[derive(Default)]
pub(super) struct Columns<'a> {
    accounts: Vec<&'a str>,
    ids: Vec<Uuid>,
    states: Vec<String>,
    versions: Vec<i64>,
    positions: Vec<i64>,
    deleted: Vec<bool>,
    assigned_to: Vec<Option<Uuid>>,
    claimed: Vec<bool>,
    claimed_by: Vec<Option<Uuid>>,
    lease_expires_at: Vec<Option<jiff::Timestamp>>,
    session_state: Vec<Option<&'static str>>,
    due_date: Vec<Option<jiff::civil::Date>>,
    updated_at: Vec<jiff::Timestamp>,
    completed_at: Vec<Option<jiff::Timestamp>>,
    labels: Vec<String>,
    search: Vec<String>,
    heard_at: Vec<Option<jiff::Timestamp>>,
    project_ids: Vec<Option<Uuid>>,

    created_at: Vec<jiff::Timestamp>,
    created_by: Vec<Option<Uuid>>,
    parent_ids: Vec<Option<Uuid>>,
    root_ids: Vec<Uuid>,
    depths: Vec<i32>,

    versions_before: Vec<i64>,
}

impl<'a> Columns<'a> {
    pub(super) fn len(&self) -> usize {
        self.ids.len()
    }

    pub(super) fn push(&mut self, change: &'a Change<Task>) -> Result<(), HandleError> {
        let Change { key, version_before, state: task, version, position, .. } = change;
        let state = serde_json::to_string(task)
            .map_err(|cause| HandleError::event("cannot print a task", cause))?;
        let claim = task.claim.as_ref();
        self.accounts.push(&key.account);
        self.ids.push(key.id);
        self.states.push(state);
        self.versions.push(*version);
        self.positions.push(*position);
        self.deleted.push(task.deleted);
        self.assigned_to.push(task.assigned_to.map(|agent| agent.0));
        self.claimed.push(claim.is_some());
        self.claimed_by.push(claim.and_then(|claim| claim.by).map(|agent| agent.0));
        let lease_end = claim.and_then(|claim| claim.lease_expires_at);
        self.lease_expires_at.push(lease_end.map(|end| end.to_jiff()));
        let session_state = claim.and_then(|claim| claim.session_state);
        self.session_state.push(session_state.map(SessionState::word));
        self.due_date.push(task.due_date);
        self.updated_at.push(task.updated_at.to_jiff());
        self.completed_at.push(task.completed_at.map(|at| at.to_jiff()));
        self.labels.push(array_literal(&task.labels));
        self.search.push(search_text(task));
        self.heard_at.push(task.heard_at.map(|at| at.to_jiff()));
        self.project_ids.push(task.project_id.map(|project| project.0));
        self.created_at.push(task.created_at.to_jiff());
        self.created_by.push(task.created_by.map(|agent| agent.0));
        self.parent_ids.push(task.parent.map(|parent| parent.0));
        self.root_ids.push(task.root.0);
        self.depths.push(i32::try_from(task.delegation_depth).unwrap_or(i32::MAX));
        self.versions_before.push(*version_before);
        Ok(())
    }

    /// The parameters of `insert.sql`.
    pub(super) fn of_insert(&self) -> Vec<Value<'_>> {
        let mut values = self.common();
        values.extend([
            &self.created_at as Value<'_>,
            &self.created_by as _,
            &self.parent_ids as _,
            &self.root_ids as _,
            &self.depths as _,
        ]);
        values
    }

    /// The parameters of `update.sql`.
    pub(super) fn of_update(&self) -> Vec<Value<'_>> {
        let mut values = self.common();
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
            &self.deleted as _,
            &self.assigned_to as _,
            &self.claimed as _,
            &self.claimed_by as _,
            &self.lease_expires_at as _,
            &self.session_state as _,
            &self.due_date as _,
            &self.updated_at as _,
            &self.completed_at as _,
            &self.labels as _,
            &self.search as _,
            &self.heard_at as _,
            &self.project_ids as _,
        ]
    }
}

/// Rows of the table of lists, as columns.
#[derive(Default)]
pub(super) struct ListColumns {
    lists: Vec<Uuid>,
    statuses: Vec<i16>,
    ranks: Vec<i64>,
    priorities: Vec<i16>,
    created_at: Vec<jiff::Timestamp>,
    ids: Vec<Uuid>,
}

impl ListColumns {
    pub(super) fn len(&self) -> usize {
        self.ids.len()
    }

    pub(super) fn push(&mut self, account: &str, id: Uuid, row: Row<'_>, entries: &Entries) {
        self.lists.push(list_id(account, row.list));
        self.statuses.push(code(entries.status));
        self.ranks.push(row.rank);
        self.priorities.push(entries.priority);
        self.created_at.push(entries.created_at.to_jiff());
        self.ids.push(id);
    }

    /// The parameters of `insert_lists.sql` and `delete_lists.sql`.
    pub(super) fn values(&self) -> [Value<'_>; 6] {
        [
            &self.lists as _,
            &self.statuses as _,
            &self.ranks as _,
            &self.priorities as _,
            &self.created_at as _,
            &self.ids as _,
        ]
    }
}

/// What `search` looks through; the searched text is made lower-case by the same rule.
pub(super) fn search_text(task: &Task) -> String {
    let mut text = task.content.to_lowercase();
    if let Some(description) = &task.description {
        // Nobody can search for text that begins in one and ends in the other.
        text.push('\u{1F}');
        text.push_str(&description.to_lowercase());
    }
    text
}

/// The text form of an array: arrays of arrays cannot be bound, as they must not differ in length.
fn array_literal(items: &[String]) -> String {
    let mut literal = String::from("{");
    for (at, item) in items.iter().enumerate() {
        literal.push_str(if at == 0 { "\"" } else { ",\"" });
        for c in item.chars() {
            if matches!(c, '"' | '\\') {
                literal.push('\\');
            }
            literal.push(c);
        }
        literal.push('"');
    }
    literal.push('}');
    literal
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_array_keeps_what_its_items_hold() {
        assert_eq!(array_literal(&[]), "{}");
        let items = ["a".to_owned(), String::new(), r#"b"c\d,{}"#.to_owned()];
        assert_eq!(array_literal(&items), r#"{"a","","b\"c\\d,{}"}"#);
    }

    #[test]
    fn searches_do_not_cross_fields() {
        let task = Task {
            content: "Fix CSS".into(),
            description: Some("On Pricing".into()),
            ..Task::default()
        };
        assert_eq!(search_text(&task), "fix css\u{1F}on pricing");
    }
}
