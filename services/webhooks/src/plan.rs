//! From events to deliveries: which webhooks get an event, and what they will be sent.
//!
//! Deliveries and checkpoint commit together, so each event is planned exactly once. Nothing here
//! sends: what was planned is handed over when it is committed. This handler is no
//! `Rebuildable`: nothing can make it plan an event again.

use baton_domain::id::DeliveryId;
use baton_domain::stored::Event as _;
use baton_domain::webhook::{self, WebhookEvent};
use baton_domain::{AccountId, WebhookId, account};
use baton_feed::{HandleError, Handler, Transaction};
use baton_history::{History, Subjects, fold};
use baton_log::{Position, RecordedEvent};
use deadpool_postgres::Pool;
use tokio_postgres::types::ToSql;

use crate::due::{Due, content, due, insert, may_be_told, unreadable};
use crate::endpoint::{self, ByAccount, Endpoint, Planned};
use crate::error::StoreError;
use crate::handover::{Handover, Planning};
use crate::probe::{By, probing};
use crate::sender::{Known, Sender};

/// The subscription's name.
pub const SUBSCRIPTION: &str = "webhooks";

const READ_EPOCH: &str = include_str!("sql/read_epoch.sql");
const SAVE_ENDPOINT: &str = include_str!("sql/save_endpoint.sql");
const RESET_HEALTH: &str = include_str!("sql/reset_health.sql");
const BEGIN_BACKFILL: &str = include_str!("sql/begin_backfill.sql");
const END_BACKFILL: &str = include_str!("sql/end_backfill.sql");
const REDELIVER: &str = include_str!("sql/redeliver.sql");

/// The handler of the subscription.
pub(crate) struct Planner {
    pool: Pool,
    history: History,
    subjects: Subjects,
    sender: Sender,
    handover: Handover,
    endpoints: ByAccount,
    /// Under which this process holds the subscription.
    epoch: i64,
    batch: Batch,
}

/// What a batch of events leads to, made before its transaction begins.
#[derive(Default)]
struct Batch {
    deliveries: Vec<Due>,
    /// Webhooks whose endpoint changed, each once, as the batch left it.
    changed: Vec<(AccountId, Planned)>,
    /// Webhooks that were out of use at some event of the batch, also when the last one put them
    /// back: what they had before them is given up.
    given_up: Vec<WebhookId>,
    /// Webhooks whose failures count anew.
    reset: Vec<(AccountId, WebhookId)>,
    /// Webhooks that are to get events from before their registration.
    backfills: Vec<Backfill>,
    /// Deliveries that were asked for again.
    redeliveries: Vec<Redelivery>,
}

struct Backfill {
    account: AccountId,
    webhook: WebhookId,
    /// Its events begin above this position.
    after: Position,
    /// Where it was registered.
    through: Position,
}

struct Redelivery {
    account: AccountId,
    webhook: WebhookId,
    delivery: DeliveryId,
    /// Where it was asked for.
    position: Position,
}

/// Another holder has the subscription.
#[derive(Debug, thiserror::Error)]
#[error("the subscription is held under epoch {found} now, no longer under {held}")]
struct Outlived {
    held: i64,
    found: i64,
}

impl Planner {
    pub(crate) fn new(history: History, pool: Pool, sender: Sender, handover: Handover) -> Self {
        Self {
            pool,
            subjects: Subjects::new(history.clone()),
            history,
            sender,
            handover,
            endpoints: ByAccount::new(),
            epoch: 0,
            batch: Batch::default(),
        }
    }

    async fn look(&mut self) -> Result<(), HandleError> {
        let unread = |cause| HandleError::unavailable("cannot read the webhooks", cause);
        let (known, found) = self.read().await.map_err(unread)?;
        // Asked last: whoever was stopped on the way here sends nothing that is another's now.
        if found != self.epoch {
            let outlived = Outlived { held: self.epoch, found };
            return Err(HandleError::unavailable("cannot send webhooks", outlived));
        }
        self.sender.restart(self.epoch, known);
        Ok(())
    }

    async fn read(&mut self) -> Result<(Known, i64), StoreError> {
        let mut client = self.pool.get().await.map_err(StoreError::Pool)?;
        self.endpoints = endpoint::read(&client, self.history.webhooks()).await?;
        let endpoints = self.endpoints.iter().flat_map(|(account, webhooks)| {
            webhooks.values().map(|planned| planned.endpoint(account))
        });
        let known = Known {
            endpoints: endpoints.collect(),
            waiting: endpoint::read_waiting(&mut client).await?,
            failing: self.sender.read_failing(&client).await?,
            ready: endpoint::read_ready(&client).await?,
        };
        let statement = client.prepare_cached(READ_EPOCH).await?;
        let epoch = client.query_one(&statement, &[&SUBSCRIPTION]).await?.try_get("epoch")?;
        Ok((known, epoch))
    }

    /// Adds what one event leads to.
    async fn plan(&mut self, event: &RecordedEvent) -> Result<(), HandleError> {
        let account: AccountId = event.stream.account.parse().map_err(unreadable)?;
        if event.stream.kind == webhook::KIND {
            return self.fold(account, event);
        }
        let Some(webhooks) = self.endpoints.get(&account) else { return Ok(()) };
        // Names are kept in mind while nobody listens: they would be old when somebody does.
        let is_heard = webhooks.values().any(|planned| planned.webhook.active);
        if !is_heard && event.stream.kind != account::KIND {
            return Ok(());
        }
        // Also for an event that nobody wants: the next one about the same task then finds its
        // task here.
        let subject = self.subjects.subject(event).await?;
        if !may_be_told(event) {
            return Ok(());
        }
        let mut wanting =
            webhooks.values().filter(|it| it.webhook.wants(&event.event_type)).peekable();
        if wanting.peek().is_none() {
            return Ok(());
        }
        let Some(content) = content(event, &subject)? else { return Ok(()) };
        for planned in wanting {
            self.batch.deliveries.push(due(&account, &planned.webhook, event, &content)?);
        }
        Ok(())
    }

    fn fold(&mut self, account: AccountId, event: &RecordedEvent) -> Result<(), HandleError> {
        let id: WebhookId = event.stream.id.parse().map_err(unreadable)?;
        let decoded = WebhookEvent::decode(&event.event_type, event.schema_version, &event.payload);
        let (mut starts_anew, mut starts_after) = (false, None);
        match decoded.map_err(unreadable)? {
            WebhookEvent::Created { from_position, .. } => {
                (starts_anew, starts_after) = (true, from_position);
            }
            WebhookEvent::Updated { fields, .. } => starts_anew = fields.active == Some(true),
            WebhookEvent::RedeliveryRequested { delivery_id: delivery } => {
                // About a delivery: the endpoint is as it was.
                let position = event.position;
                let redelivery = Redelivery { account, webhook: id, delivery, position };
                self.batch.redeliveries.push(redelivery);
                return Ok(());
            }
            WebhookEvent::Disabled { .. } | WebhookEvent::Deleted => {}
        }
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
        if !is_in_use {
            self.batch.given_up.push(id);
            self.batch.backfills.retain(|backfill| backfill.webhook != id);
        } else if let Some(after) = starts_after.filter(|after| *after < event.position) {
            let (account, through) = (account.clone(), event.position);
            self.batch.backfills.push(Backfill { account, webhook: id, after, through });
        }
        self.batch.changed.retain(|(_, changed)| changed.webhook.id != id);
        self.batch.changed.push((account, planned));
        Ok(())
    }
}

impl Handler for Planner {
    fn holding(&mut self, epoch: i64) {
        self.epoch = epoch;
    }

    async fn acquired(&mut self, _position: Position) -> Result<(), HandleError> {
        self.subjects.reset();
        self.handover.clear();
        self.batch = Batch::default();
        self.look().await
    }

    async fn before(&mut self, events: &[RecordedEvent]) -> Result<(), HandleError> {
        self.batch = Batch::default();
        for event in events {
            self.plan(event).await?;
        }
        Ok(())
    }

    fn has_effect(&self, _events: &[RecordedEvent]) -> bool {
        !self.batch.is_empty()
    }

    async fn apply(
        &mut self,
        transaction: &Transaction<'_>,
        events: &[RecordedEvent],
    ) -> Result<(), HandleError> {
        let batch = std::mem::take(&mut self.batch);
        batch.write(transaction).await?;
        // Handed over when the checkpoint is seen to have passed: that is, committed.
        if let Some(last) = events.last() {
            self.handover.stage(last.position, batch.into_planning());
        }
        Ok(())
    }
}

impl Batch {
    fn is_empty(&self) -> bool {
        let Self { deliveries, changed, given_up, reset, backfills, redeliveries } = self;
        deliveries.is_empty()
            && changed.is_empty()
            && given_up.is_empty()
            && reset.is_empty()
            && backfills.is_empty()
            && redeliveries.is_empty()
    }

    async fn write(&self, transaction: &Transaction<'_>) -> Result<(), HandleError> {
        for (account, planned) in &self.changed {
            save_endpoint(transaction, account, planned).await?;
        }
        for webhook in &self.given_up {
            run(transaction, END_BACKFILL, &[&webhook.0]).await?;
        }
        for (account, webhook) in &self.reset {
            run(transaction, RESET_HEALTH, &[&webhook.0, &account.as_str()]).await?;
        }
        for Backfill { account, webhook, after, through } in &self.backfills {
            let parameters: [&(dyn ToSql + Sync); 4] =
                [&webhook.0, &account.as_str(), after, through];
            run(transaction, BEGIN_BACKFILL, &parameters).await?;
        }
        insert(transaction, &self.deliveries).await?;
        if !self.redeliveries.is_empty() {
            probing(transaction, By::Key).await?;
        }
        for Redelivery { account, webhook, delivery, position } in &self.redeliveries {
            let parameters: [&(dyn ToSql + Sync); 4] =
                [&delivery.0, &account.as_str(), &webhook.0, position];
            run(transaction, REDELIVER, &parameters).await?;
        }
        Ok(())
    }

    fn into_planning(self) -> Planning {
        let changed = self.changed.iter().map(|(account, planned)| planned.endpoint(account));
        let mut redelivering: Vec<WebhookId> =
            self.redeliveries.iter().map(|redelivery| redelivery.webhook).collect();
        redelivering.dedup();
        Planning {
            changed: changed.collect::<Vec<Endpoint>>(),
            given_up: self.given_up,
            backfills: self.backfills.iter().map(|it| (it.webhook, it.after)).collect(),
            deliveries: self.deliveries.into_iter().map(|it| (it.webhook, it.delivery)).collect(),
            redelivering,
        }
    }
}

async fn save_endpoint(
    transaction: &Transaction<'_>,
    account: &AccountId,
    planned: &Planned,
) -> Result<(), HandleError> {
    let state = serde_json::to_string(&planned.webhook).map_err(unreadable)?;
    let parameters: [&(dyn ToSql + Sync); 5] = [
        &planned.webhook.id.0,
        &account.as_str(),
        &state,
        &planned.version,
        &planned.dropped_through,
    ];
    run(transaction, SAVE_ENDPOINT, &parameters).await
}

async fn run(
    transaction: &Transaction<'_>,
    sql: &str,
    parameters: &[&(dyn ToSql + Sync)],
) -> Result<(), HandleError> {
    let statement = transaction.prepare_cached(sql).await?;
    transaction.execute(&statement, parameters).await?;
    Ok(())
}
