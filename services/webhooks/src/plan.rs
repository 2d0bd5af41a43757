//! From events to deliveries: which webhooks get an event, and what they will be sent.
//!
//! Deliveries and checkpoint commit together, so each event is planned exactly once. Nothing here
//! sends: what was planned is handed over when it is committed. This handler is no
//! `Rebuildable`: nothing can make it plan an event again.

use baton_domain::stored::{Event as _, is_public};
use baton_domain::task;
use baton_domain::webhook::{self, Webhook, WebhookEvent};
use baton_domain::{AccountId, WebhookId};
use baton_feed::{HandleError, Handler, Transaction};
use baton_history::{States, Subjects, fold};
use baton_log::{Log, Position, RecordedEvent};
use deadpool_postgres::Pool;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use crate::body::Content;
use crate::delivery::{Delivery, delivery_id, lane};
use crate::endpoint::{self, ByAccount, Endpoint, Planned};
use crate::error::StoreError;
use crate::handover::{Handover, Planning};
use crate::send::Letter;
use crate::sender::Sender;

/// The subscription's name.
pub const SUBSCRIPTION: &str = "webhooks";

const READ_EPOCH: &str = include_str!("sql/read_epoch.sql");
const SAVE_ENDPOINT: &str = include_str!("sql/save_endpoint.sql");
const RESET_HEALTH: &str = include_str!("sql/reset_health.sql");
const PLAN_DELIVERIES: &str = include_str!("sql/plan_deliveries.sql");

/// The handler of the subscription.
pub(crate) struct Planner {
    pool: Pool,
    subjects: Subjects,
    states: States<Webhook>,
    sender: Sender,
    handover: Handover,
    endpoints: ByAccount,
    batch: Batch,
}

/// What a batch of events leads to, made before its transaction begins.
#[derive(Default)]
struct Batch {
    deliveries: Vec<Row>,
    /// Webhooks whose endpoint changed, each once, as the batch left it.
    changed: Vec<(AccountId, Planned)>,
    /// Webhooks whose failures count anew.
    reset: Vec<(AccountId, WebhookId)>,
}

struct Row {
    account: AccountId,
    webhook: WebhookId,
    event_id: Uuid,
    /// The id of what the event is about.
    stream: String,
    delivery: Delivery,
}

impl Planner {
    pub(crate) fn new(log: Log, pool: Pool, sender: Sender, handover: Handover) -> Self {
        Self {
            pool,
            subjects: Subjects::new(log.clone()),
            states: States::new(log),
            sender,
            handover,
            endpoints: ByAccount::new(),
            batch: Batch::default(),
        }
    }

    async fn look(&mut self) -> Result<(), StoreError> {
        let client = self.pool.get().await.map_err(StoreError::Pool)?;
        let statement = client.prepare_cached(READ_EPOCH).await?;
        let epoch = client.query_one(&statement, &[&SUBSCRIPTION]).await?.try_get("epoch")?;
        self.endpoints = endpoint::read(&client, &self.states).await?;
        let waiting = endpoint::read_waiting(&client).await?;
        let failing = self.sender.read_failing(&client).await?;
        let endpoints: Vec<Endpoint> = self
            .endpoints
            .iter()
            .flat_map(|(account, webhooks)| {
                webhooks.values().map(|planned| planned.endpoint(account))
            })
            .collect();
        self.sender.restart(epoch, endpoints, &waiting, &failing);
        Ok(())
    }

    /// Adds what one event leads to.
    async fn plan(&mut self, event: &RecordedEvent) -> Result<(), HandleError> {
        let account: AccountId = event.stream.account.parse().map_err(unreadable)?;
        if event.stream.kind == webhook::KIND {
            return self.fold(account, event);
        }
        let Some(webhooks) = self.endpoints.get(&account) else { return Ok(()) };
        if !webhooks.values().any(|planned| planned.webhook.active) {
            return Ok(());
        }
        // Also for an event that nobody wants: the next one about the same task then finds its
        // task here.
        let subject = self.subjects.subject(event).await?;
        if event.stream.kind != task::KIND || !is_public(&event.event_type) {
            return Ok(());
        }
        let mut wanting =
            webhooks.values().filter(|it| it.webhook.wants(&event.event_type)).peekable();
        if wanting.peek().is_none() {
            return Ok(());
        }
        let Some(task) = subject.task_document() else { return Ok(()) };
        let content = Content::new(event, &subject, &task).map_err(unreadable)?;
        for planned in wanting {
            let endpoint = planned.endpoint(&account);
            self.batch.deliveries.push(row(&endpoint, event, &content)?);
        }
        Ok(())
    }

    fn fold(&mut self, account: AccountId, event: &RecordedEvent) -> Result<(), HandleError> {
        let id: WebhookId = event.stream.id.parse().map_err(unreadable)?;
        let decoded = WebhookEvent::decode(&event.event_type, event.schema_version, &event.payload);
        let starts_anew = match decoded.map_err(unreadable)? {
            WebhookEvent::Created { .. } => true,
            WebhookEvent::Updated { fields } => fields.active == Some(true),
            WebhookEvent::Disabled { .. } | WebhookEvent::Deleted => false,
        };
        let webhooks = self.endpoints.entry(account.clone()).or_default();
        let before = webhooks.remove(&id);
        let (webhook, dropped_through) =
            before.map_or_else(Default::default, |it| (it.webhook, it.dropped_through));
        let webhook = fold(webhook, event)?;
        let is_in_use = webhook.is_alive() && webhook.active;
        let dropped_through = if is_in_use { dropped_through } else { event.position };
        let planned = Planned { webhook, version: event.version, dropped_through };
        if planned.webhook.is_alive() {
            webhooks.insert(id, planned.clone());
        }
        if starts_anew {
            self.batch.reset.push((account.clone(), id));
        }
        self.batch.changed.retain(|(_, changed)| changed.webhook.id != id);
        self.batch.changed.push((account, planned));
        Ok(())
    }
}

impl Handler for Planner {
    async fn acquired(&mut self, _position: Position) -> Result<(), HandleError> {
        self.subjects.reset();
        self.handover.clear();
        self.batch = Batch::default();
        let looked = self.look().await;
        looked.map_err(|cause| HandleError::unavailable("cannot read the webhooks", cause))
    }

    async fn before(&mut self, events: &[RecordedEvent]) -> Result<(), HandleError> {
        self.batch = Batch::default();
        for event in events {
            self.plan(event).await?;
        }
        Ok(())
    }

    async fn apply(
        &mut self,
        transaction: &Transaction<'_>,
        events: &[RecordedEvent],
    ) -> Result<(), HandleError> {
        let batch = std::mem::take(&mut self.batch);
        for (account, planned) in &batch.changed {
            save_endpoint(transaction, account, planned).await?;
        }
        if !batch.reset.is_empty() {
            let statement = transaction.prepare_cached(RESET_HEALTH).await?;
            for (account, webhook) in &batch.reset {
                transaction.execute(&statement, &[&webhook.0, &account.as_str()]).await?;
            }
        }
        if !batch.deliveries.is_empty() {
            insert(transaction, &batch.deliveries).await?;
        }
        // Handed over when the checkpoint is seen to have passed: that is, committed.
        if let Some(last) = events.last() {
            self.handover.stage(last.position, batch.into_planning());
        }
        Ok(())
    }
}

impl Batch {
    fn into_planning(self) -> Planning {
        let changed = self.changed.iter().map(|(account, planned)| planned.endpoint(account));
        Planning {
            changed: changed.collect(),
            deliveries: self
                .deliveries
                .into_iter()
                .map(|row| (row.webhook, row.delivery))
                .collect(),
        }
    }
}

fn row(endpoint: &Endpoint, event: &RecordedEvent, content: &Content) -> Result<Row, HandleError> {
    let id = delivery_id(endpoint.id, event.event_id);
    let letter = Letter {
        id,
        event_type: event.event_type.clone(),
        body: content.body(id).map_err(unreadable)?,
    };
    let stream = event.stream.id.clone();
    let lane = lane(endpoint, stream.clone());
    Ok(Row {
        account: endpoint.account.clone(),
        webhook: endpoint.id,
        event_id: event.event_id,
        stream,
        delivery: Delivery { letter, position: event.position, lane, attempts: 0 },
    })
}

async fn save_endpoint(
    transaction: &Transaction<'_>,
    account: &AccountId,
    planned: &Planned,
) -> Result<(), HandleError> {
    let state = serde_json::to_string(&planned.webhook).map_err(unreadable)?;
    let statement = transaction.prepare_cached(SAVE_ENDPOINT).await?;
    let parameters: [&(dyn ToSql + Sync); 5] = [
        &planned.webhook.id.0,
        &account.as_str(),
        &state,
        &planned.version,
        &planned.dropped_through,
    ];
    transaction.execute(&statement, &parameters).await?;
    Ok(())
}

async fn insert(transaction: &Transaction<'_>, rows: &[Row]) -> Result<(), HandleError> {
    fn column<'a, T>(rows: &'a [Row], of: impl Fn(&'a Row) -> T) -> Vec<T> {
        rows.iter().map(of).collect()
    }
    let bodies = rows.iter().map(|row| std::str::from_utf8(&row.delivery.letter.body));
    let bodies: Vec<&str> = bodies.collect::<Result<_, _>>().map_err(unreadable)?;
    let parameters: [&(dyn ToSql + Sync); 8] = [
        &column(rows, |row| row.delivery.letter.id),
        &column(rows, |row| row.account.as_str()),
        &column(rows, |row| row.webhook.0),
        &column(rows, |row| row.delivery.position),
        &column(rows, |row| row.event_id),
        &column(rows, |row| row.delivery.letter.event_type.as_str()),
        &column(rows, |row| row.stream.as_str()),
        &bodies,
    ];
    let statement = transaction.prepare_cached(PLAN_DELIVERIES).await?;
    transaction.execute(&statement, &parameters).await?;
    Ok(())
}

fn unreadable(cause: impl Into<baton_feed::Cause>) -> HandleError {
    HandleError::event("cannot plan the event's deliveries", cause)
}
