//! Writes folded tasks back: rows, and the rows of the lists in which they stand.

use baton_domain::task::Task;
use baton_feed::HandleError;

use super::columns::{Columns, ListColumns};
use super::fill;
use super::lists::Entries;
use super::tallies::{ADD_TALLIES, Tallies};
use crate::batch::{Change, Document, write};
use crate::statement::Tables;

const LOAD: &str = include_str!("sql/load.sql");
pub(super) const INSERT: &str = include_str!("sql/insert.sql");
pub(super) const UPDATE: &str = include_str!("sql/update.sql");
const INSERT_LISTS: &str = include_str!("sql/insert_lists.sql");
const DELETE_LISTS: &str = include_str!("sql/delete_lists.sql");

impl Document for Task {
    const LOAD: &'static str = LOAD;

    type Derived = Entries;

    fn derived(&self) -> Entries {
        Entries::of(self)
    }

    fn is_settled(&self) -> bool {
        self.deleted || self.status.is_finished()
    }

    async fn save(tables: Tables<'_>, changes: &[Change<Self>]) -> Result<(), HandleError> {
        let nowhere = Entries::of(&Task::default());
        let after: Vec<Entries> = changes.iter().map(|change| Entries::of(&change.state)).collect();
        let (mut gone, mut come) = (ListColumns::default(), ListColumns::default());
        let (mut new, mut known) = (Columns::default(), Columns::default());
        for (change, after) in changes.iter().zip(&after) {
            if change.version_before == 0 { &mut new } else { &mut known }.push(change)?;
            let (account, id) = (change.key.account.as_str(), change.key.id);
            let before = change.before.as_ref().unwrap_or(&nowhere);
            let (rows_gone, rows_come) = before.difference(after);
            rows_gone.into_iter().for_each(|row| gone.push(account, id, row, before));
            rows_come.into_iter().for_each(|row| come.push(account, id, row, after));
        }
        let (of_new, of_known) = (new.of_insert(), known.of_update());
        let (of_gone, of_come) = (gone.values(), come.values());
        let tallies = Tallies::of(changes);
        let all = [INSERT, UPDATE, DELETE_LISTS, INSERT_LISTS, ADD_TALLIES];
        tables.prepare(&all).await?;
        // Side by side: none needs another's answer. The first that fails is the one to blame.
        let (inserted, updated, left, entered, tallied) = tokio::join!(
            write(tables, INSERT, new.len(), &of_new),
            write(tables, UPDATE, known.len(), &of_known),
            write(tables, DELETE_LISTS, gone.len(), &of_gone),
            write(tables, INSERT_LISTS, come.len(), &of_come),
            tallies.save(tables),
        );
        inserted.and(updated).and(left).and(entered).and(tallied)
    }

    async fn fill(tables: Tables<'_>, changes: &[Change<Self>]) -> Result<(), HandleError> {
        fill::fill(tables, changes).await
    }

    async fn fill_derived(tables: Tables<'_>, changes: &[Change<Self>]) -> Result<(), HandleError> {
        fill::fill_lists(tables, changes).await
    }

    async fn finish(tables: Tables<'_>) -> Result<(), HandleError> {
        fill::finish(tables).await
    }
}
