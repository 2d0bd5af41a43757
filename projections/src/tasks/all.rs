//! All tasks of an account in a status, page by page, for those who keep something of them in
//! memory.
//!
//! Pages are read one after the other: a task that changes in between may come twice or not at
//! all. Who must know follows the log from where the model was before the first page.

use baton_domain::{
    AccountId, Timestamp,
    task::{Status, Task, Turn},
};
use uuid::Uuid;

use super::lists::{List, code};
use crate::error::QueryError;
use crate::reads::{Reads, states};
use crate::statement::Value;

const TASKS_AFTER: &str = include_str!("sql/tasks_after.sql");

impl Reads {
    /// The account's next tasks in a status after a turn, from the first one on where there is
    /// none: at most `limit`, in the order of their turns.
    ///
    /// # Errors
    /// When the model cannot be read.
    pub async fn tasks_after(
        &self,
        account: &AccountId,
        status: Status,
        after: Option<Turn>,
        limit: i64,
    ) -> Result<Vec<Task>, QueryError> {
        let (priority, created_at, id) = match after {
            Some(Turn { priority, created_at, id }) => (i16::from(priority), created_at, id.0),
            // Before every turn there is.
            None => (-1, Timestamp::default(), Uuid::nil()),
        };
        let list = List::All.id(account.as_str());
        let values: [Value<'_>; 7] = [
            &account.as_str(),
            &list,
            &code(status),
            &priority,
            &created_at.to_jiff(),
            &id,
            &limit,
        ];
        states(&self.probed(TASKS_AFTER, &values).await?)
    }
}
