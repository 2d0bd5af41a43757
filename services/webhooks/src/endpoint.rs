//! Endpoints: webhooks as the planner has folded them, and as the sender uses them.

use std::collections::{BTreeMap, HashMap, HashSet};

use baton_domain::webhook::{FormerSecret, Ordering, SignatureScheme, Webhook};
use baton_domain::{AccountId, WebhookId, id::SecretId};
use baton_history::{States, webhook_stream};
use baton_log::Position;
use deadpool_postgres::Object;
use reqwest::Url;
use tokio_postgres::Row;

use crate::error::StoreError;
use crate::probe;

const READ_ENDPOINTS: &str = include_str!("sql/read_endpoints.sql");
const READ_READY: &str = include_str!("sql/read_ready.sql");
const READ_WAITING: &str = include_str!("sql/read_waiting.sql");

/// A webhook as of the planner's checkpoint.
#[derive(Clone, Debug)]
pub(crate) struct Planned {
    pub(crate) webhook: Webhook,
    /// The version of its stream.
    pub(crate) version: i64,
    /// See [`Endpoint::dropped_through`].
    pub(crate) dropped_through: Position,
}

/// The living webhooks of all accounts.
pub(crate) type ByAccount = HashMap<AccountId, BTreeMap<WebhookId, Planned>>;

/// A webhook as far as sending to it asks.
#[derive(Clone, Debug)]
pub(crate) struct Endpoint {
    pub(crate) account: AccountId,
    pub(crate) id: WebhookId,
    /// Where to send; none where the stored text is no URL.
    pub(crate) url: Option<Url>,
    pub(crate) signature_scheme: SignatureScheme,
    pub(crate) ordering: Ordering,
    pub(crate) secret_id: SecretId,
    /// Those before it that sign too, each for its time.
    pub(crate) former_secrets: Vec<FormerSecret>,
    pub(crate) is_active: bool,
    /// It was inactive at this position: what was due up to it is not sent any more.
    pub(crate) dropped_through: Position,
}

impl Planned {
    pub(crate) fn endpoint(&self, account: &AccountId) -> Endpoint {
        let webhook = &self.webhook;
        Endpoint {
            account: account.clone(),
            id: webhook.id,
            url: webhook.url.parse().ok(),
            signature_scheme: webhook.signature_scheme,
            ordering: webhook.ordering,
            secret_id: webhook.secret_id,
            former_secrets: webhook.former_secrets.clone(),
            is_active: webhook.is_alive() && webhook.active,
            dropped_through: self.dropped_through,
        }
    }
}

/// The living webhooks, as of the checkpoint.
pub(crate) async fn read(
    client: &Object,
    states: &States<Webhook>,
) -> Result<ByAccount, StoreError> {
    let statement = client.prepare_cached(READ_ENDPOINTS).await?;
    let mut endpoints = ByAccount::new();
    for row in client.query(&statement, &[]).await? {
        let (account, planned) = one(&row, states).await?;
        if planned.webhook.is_alive() {
            endpoints.entry(account).or_default().insert(planned.webhook.id, planned);
        }
    }
    Ok(endpoints)
}

/// The webhook of a row.
pub(crate) async fn one(
    row: &Row,
    states: &States<Webhook>,
) -> Result<(AccountId, Planned), StoreError> {
    let account: AccountId = row.try_get::<_, &str>("account_id")?.parse()?;
    let version = row.try_get("version")?;
    let webhook = match serde_json::from_str(row.try_get("state")?) {
        Ok(webhook) => webhook,
        // Written by a version of Baton whose webhooks were made otherwise: the log knows.
        Err(_) => {
            let stream = webhook_stream(&account, WebhookId(row.try_get("webhook_id")?));
            Webhook::clone(&*states.at(&stream, version).await?)
        }
    };
    let dropped_through = row.try_get("dropped_through")?;
    Ok((account, Planned { webhook, version, dropped_through }))
}

/// The webhooks that still get events from before their registration, and how far these are
/// planned.
pub(crate) async fn read_ready(
    client: &Object,
) -> Result<HashMap<WebhookId, Position>, StoreError> {
    let statement = client.prepare_cached(READ_READY).await?;
    let rows = client.query(&statement, &[]).await?;
    let ready = |row: &Row| Ok((WebhookId(row.try_get("webhook_id")?), row.try_get("position")?));
    rows.iter().map(ready).collect()
}

/// The endpoints to which anything is due.
pub(crate) async fn read_waiting(client: &mut Object) -> Result<HashSet<WebhookId>, StoreError> {
    let rows = probe::query(client, READ_WAITING, &[]).await?;
    rows.iter().map(|row| Ok(WebhookId(row.try_get("webhook_id")?))).collect()
}
