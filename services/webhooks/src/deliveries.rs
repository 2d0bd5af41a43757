//! The delivery log as clients see it (protocol 2.5), and the failures that no event carries.

use std::collections::HashMap;

use baton_domain::{AccountId, DeliveryId, Timestamp, WebhookId};
use deadpool_postgres::Pool;
use serde::Serialize;
use serde_json::Value;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use crate::error::StoreError;
use crate::probe;

const READ_DELIVERIES: &str = include_str!("sql/read_deliveries.sql");
const READ_DELIVERY: &str = include_str!("sql/read_delivery.sql");
const READ_FAILURE_COUNTS: &str = include_str!("sql/read_failure_counts.sql");

/// One event for one webhook, with its last attempt.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DeliveryDocument {
    /// Its id, the same in every attempt.
    pub id: Uuid,
    /// The webhook.
    pub webhook_id: WebhookId,
    /// Name of the event.
    pub event: String,
    /// The body as sent.
    pub payload: Value,
    /// Status of the last attempt's answer.
    pub status_code: Option<i32>,
    /// First 500 characters of the last attempt's answer.
    pub response_body: Option<String>,
    /// The receiver took it.
    pub success: bool,
    /// Attempts so far.
    pub attempt: i32,
    /// When the next attempt is due; null when there will be none.
    pub next_attempt_at: Option<Timestamp>,
    /// When it was planned.
    pub created_at: Timestamp,
    /// When the receiver took it.
    pub delivered_at: Option<Timestamp>,
    /// Why there was no answer, where there was none; never part of the URL.
    pub error: Option<String>,
}

impl DeliveryDocument {
    /// The delivery as it is once it was asked for again at `at`.
    #[must_use]
    pub fn requested(self, at: Timestamp) -> Self {
        Self { success: false, delivered_at: None, next_attempt_at: Some(at), ..self }
    }
}

/// Reads deliveries. Cheap to clone; works in any process, whichever one sends.
#[derive(Clone)]
pub struct Deliveries {
    pool: Pool,
}

impl Deliveries {
    /// Deliveries in a database.
    #[must_use]
    pub fn new(pool: Pool) -> Self {
        Self { pool }
    }

    /// A webhook's deliveries, newest first; none for a webhook of another account.
    ///
    /// # Errors
    /// [`StoreError`] where the database does not answer.
    pub async fn deliveries(
        &self,
        account: &AccountId,
        webhook: WebhookId,
        limit: i64,
    ) -> Result<Vec<DeliveryDocument>, StoreError> {
        let mut client = self.pool.get().await.map_err(StoreError::Pool)?;
        let parameters: [&(dyn ToSql + Sync); 3] = [&account.as_str(), &webhook.0, &limit];
        let rows = probe::query(&mut client, READ_DELIVERIES, &parameters).await?;
        rows.iter().map(document).collect()
    }

    /// One of a webhook's deliveries; none where it is not there, or another account's.
    ///
    /// # Errors
    /// [`StoreError`] where the database does not answer.
    pub async fn delivery(
        &self,
        account: &AccountId,
        webhook: WebhookId,
        delivery: DeliveryId,
    ) -> Result<Option<DeliveryDocument>, StoreError> {
        let mut client = self.pool.get().await.map_err(StoreError::Pool)?;
        let parameters: [&(dyn ToSql + Sync); 3] = [&account.as_str(), &webhook.0, &delivery.0];
        let rows = probe::query(&mut client, READ_DELIVERY, &parameters).await?;
        rows.first().map(document).transpose()
    }

    /// How many deliveries in a row have failed for good, by webhook; those not here have none.
    ///
    /// # Errors
    /// [`StoreError`] where the database does not answer.
    pub async fn failure_counts(
        &self,
        account: &AccountId,
    ) -> Result<HashMap<WebhookId, i64>, StoreError> {
        let mut client = self.pool.get().await.map_err(StoreError::Pool)?;
        let rows = probe::query(&mut client, READ_FAILURE_COUNTS, &[&account.as_str()]).await?;
        let count = |row: &Row| {
            let count: i32 = row.try_get("failure_count")?;
            Ok((WebhookId(row.try_get("webhook_id")?), i64::from(count)))
        };
        rows.iter().map(count).collect()
    }
}

fn document(row: &Row) -> Result<DeliveryDocument, StoreError> {
    let time = |column| -> Result<Option<Timestamp>, tokio_postgres::Error> {
        let time: Option<jiff::Timestamp> = row.try_get(column)?;
        Ok(time.map(Timestamp::from))
    };
    let created_at: jiff::Timestamp = row.try_get("created_at")?;
    Ok(DeliveryDocument {
        id: row.try_get("delivery_id")?,
        webhook_id: WebhookId(row.try_get("webhook_id")?),
        event: row.try_get("event_type")?,
        payload: serde_json::from_str(row.try_get("body")?)?,
        status_code: row.try_get("status_code")?,
        response_body: row.try_get("response_body")?,
        success: row.try_get::<_, &str>("state")? == "delivered",
        attempt: row.try_get("attempt")?,
        next_attempt_at: time("next_attempt_at")?,
        created_at: created_at.into(),
        delivered_at: time("delivered_at")?,
        error: row.try_get("error")?,
    })
}
