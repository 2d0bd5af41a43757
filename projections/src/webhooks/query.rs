//! Reads of webhooks.

use baton_domain::{AccountId, WebhookId, webhook::Webhook};
use tokio_postgres::types::Type;

use crate::error::QueryError;
use crate::reads::{Reads, state, states, within};

const WEBHOOK: &str = include_str!("sql/webhook.sql");
const WEBHOOKS: &str = include_str!("sql/webhooks.sql");
const WEBHOOK_COUNT: &str = include_str!("sql/webhook_count.sql");

/// Webhooks of one account that one answer has at most.
pub const WEBHOOKS_MAX: i64 = 10_000;

impl Reads {
    /// A webhook; none where it was deleted or never created.
    ///
    /// # Errors
    /// When the model cannot be read.
    pub async fn webhook(
        &self,
        account: &AccountId,
        webhook: WebhookId,
    ) -> Result<Option<Webhook>, QueryError> {
        let bound = [(&account.as_str() as _, Type::TEXT), (&webhook.0 as _, Type::UUID)];
        self.rows(WEBHOOK, &bound).await?.first().map(state).transpose()
    }

    /// The account's webhooks, oldest first.
    ///
    /// # Errors
    /// When the model cannot be read.
    pub async fn webhooks(&self, account: &AccountId) -> Result<Vec<Webhook>, QueryError> {
        let limit = WEBHOOKS_MAX + 1;
        let bound = [(&account.as_str() as _, Type::TEXT), (&limit as _, Type::INT8)];
        within(states(&self.rows(WEBHOOKS, &bound).await?)?, "webhooks", WEBHOOKS_MAX)
    }

    /// How many webhooks the account has.
    ///
    /// # Errors
    /// When the model cannot be read.
    pub async fn webhook_count(&self, account: &AccountId) -> Result<i64, QueryError> {
        let rows = self.rows(WEBHOOK_COUNT, &[(&account.as_str() as _, Type::TEXT)]).await?;
        rows.first().map_or(Ok(0), |row| row.try_get("webhooks")).map_err(QueryError::Query)
    }
}
