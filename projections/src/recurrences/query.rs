//! Reads of recurrences.

use baton_domain::{AccountId, AgentId, RecurrenceId, recurrence::Recurrence};
use tokio_postgres::types::Type;

use crate::error::QueryError;
use crate::reads::{Reads, state, states, within};
use crate::statement::Value;

const RECURRENCE: &str = include_str!("sql/recurrence.sql");
const RECURRENCES: &str = include_str!("sql/recurrences.sql");
const RECURRENCES_OF: &str = include_str!("sql/recurrences_of.sql");

/// Recurrences of one account that one answer has at most.
pub const RECURRENCES_MAX: i64 = 10_000;

impl Reads {
    /// A recurrence, whoever may read it; none where it was deleted or never created.
    ///
    /// # Errors
    /// When the model cannot be read.
    pub async fn recurrence(
        &self,
        account: &AccountId,
        recurrence: RecurrenceId,
    ) -> Result<Option<Recurrence>, QueryError> {
        let bound = [(&account.as_str() as _, Type::TEXT), (&recurrence.0 as _, Type::UUID)];
        self.rows(RECURRENCE, &bound).await?.first().map(state).transpose()
    }

    /// The account's recurrences, oldest first: all of them, or those that an agent created and
    /// those whose tasks are its own.
    ///
    /// # Errors
    /// When the model cannot be read, or has more than an answer holds.
    pub async fn recurrences(
        &self,
        account: &AccountId,
        of: Option<AgentId>,
    ) -> Result<Vec<Recurrence>, QueryError> {
        let (name, limit) = (account.as_str(), RECURRENCES_MAX + 1);
        let mut bound = vec![(&name as Value<'_>, Type::TEXT), (&limit as Value<'_>, Type::INT8)];
        let sql = match &of {
            None => RECURRENCES,
            Some(agent) => {
                bound.push((&agent.0, Type::UUID));
                RECURRENCES_OF
            }
        };
        within(states(&self.rows(sql, &bound).await?)?, "recurrences", RECURRENCES_MAX)
    }
}
