//! Events from before a webhook's registration, where it asks for them: planned from the log, a
//! bounded chunk at a time, until the webhook is level with its registration.
//!
//! Each chunk commits with the place up to which it planned, in a transaction of its own beside
//! the planner's, so that nobody else's deliveries wait for it. The sender holds back what comes
//! after the registration until all before it is planned. Must not: plan far more than is being
//! sent, or plan for a subscription that another process holds.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use baton_domain::webhook::{self, Webhook};
use baton_domain::{AccountId, WebhookId};
use baton_feed::HandleError;
use baton_history::{History, Subjects};
use baton_log::{EventFilter, Log, Position, RecordedEvent, Scope};
use deadpool_postgres::Pool;
use tokio::sync::Notify;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use crate::due::{Due, content, due, insert, may_be_told};
use crate::endpoint::{self, Planned};
use crate::error::StoreError;
use crate::plan::SUBSCRIPTION;
use crate::probe;
use crate::sender::Sender;
use crate::slots::ALL_READY;

const READ_BACKFILLS: &str = include_str!("sql/read_backfills.sql");
const MOVE_BACKFILL: &str = include_str!("sql/move_backfill.sql");
const END_BACKFILL: &str = include_str!("sql/end_backfill.sql");
/// Events that one chunk plans at most. They are read before their bodies are counted, so this
/// times the largest event bounds the memory of a chunk.
const CHUNK_EVENTS_MAX: i64 = 32;
/// Bytes of bodies after which a chunk ends.
const CHUNK_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Planned deliveries that wait for their first attempt; with so many, no more are planned.
const WAITING_MAX: i64 = 512;
/// How often to look whether some of them were sent.
const POLL: Duration = Duration::from_millis(100);
/// How long to wait after a failure.
const FAILURE_PAUSE: Duration = Duration::from_secs(1);
/// Backfills whose tasks are kept in mind from one chunk to the next.
const REMEMBERED_MAX: usize = 8;

/// Plans the backfills of the subscription while this process holds it.
pub(crate) struct Backfiller {
    log: Log,
    pool: Pool,
    sender: Sender,
    history: History,
    subjects: HashMap<WebhookId, Subjects>,
    was_well: bool,
}

/// A webhook with what is left to plan for it.
struct Backfill {
    account: AccountId,
    planned: Planned,
    /// Planned up to here.
    position: Position,
    /// Where it was registered.
    through: Position,
    /// Few enough deliveries wait to be sent.
    has_room: bool,
}

/// What is left to plan, as far as it could be read.
#[derive(Default)]
struct Left {
    /// All of it.
    ids: HashSet<WebhookId>,
    backfills: Vec<Backfill>,
    /// Why some of it could not be read.
    failure: Option<HandleError>,
}

/// What there is to do after a round.
enum Next {
    /// More, at once.
    Round,
    /// More, when something was sent.
    Wait,
    /// Nothing until further notice.
    Rest,
}

impl Backfiller {
    pub(crate) fn new(history: History, pool: Pool, sender: Sender) -> Self {
        let log = history.log().clone();
        Self { log, pool, sender, history, subjects: HashMap::new(), was_well: true }
    }

    /// Plans for ever.
    pub(crate) async fn run(mut self) {
        let notice: Arc<Notify> = Arc::clone(&self.sender.backfills);
        loop {
            let pause = match self.round().await {
                Ok(Next::Round) => continue,
                Ok(Next::Rest) => None,
                Ok(Next::Wait) => Some(POLL),
                Err(error) => {
                    self.tell(&error);
                    Some(FAILURE_PAUSE)
                }
            };
            match pause {
                None => notice.notified().await,
                Some(pause) => {
                    let _or_earlier = tokio::time::timeout(pause, notice.notified()).await;
                }
            }
        }
    }

    /// One chunk for every webhook that has room.
    async fn round(&mut self) -> Result<Next, HandleError> {
        let epoch = *self.sender.epoch.borrow();
        // Before the table: what is known here and not in the table is done.
        let known = self.sender.backfilling();
        let Left { ids, backfills, mut failure } = self.read(epoch).await.map_err(unread)?;
        self.subjects.retain(|id, _| ids.contains(id));
        for done in known.into_iter().filter(|id| !ids.contains(id)) {
            self.sender.ready(epoch, done, ALL_READY);
        }
        // Also where there is no room: a chunk may have been committed and not told.
        for Backfill { planned, position, .. } in &backfills {
            self.sender.ready(epoch, planned.webhook.id, *position);
        }
        let mut next = if ids.is_empty() { Next::Rest } else { Next::Wait };
        for backfill in backfills.into_iter().filter(|backfill| backfill.has_room) {
            let id = backfill.planned.webhook.id;
            match self.chunk(epoch, backfill).await {
                Ok(Some(position)) => {
                    self.sender.ready(epoch, id, position);
                    next = Next::Round;
                }
                Ok(None) => {}
                // The others go on.
                Err(error) => failure = Some(error),
            }
        }
        match (failure, &next) {
            (None, _) => self.was_well = true,
            (Some(error), Next::Round) => self.tell(&error),
            (Some(error), _) => return Err(error),
        }
        Ok(next)
    }

    async fn read(&self, epoch: i64) -> Result<Left, StoreError> {
        let mut client = self.pool.get().await.map_err(StoreError::Pool)?;
        let parameters: [&(dyn ToSql + Sync); 3] = [&SUBSCRIPTION, &epoch, &WAITING_MAX];
        let rows = probe::query(&mut client, READ_BACKFILLS, &parameters).await?;
        // Given back: a webhook that is read from the log takes a connection too.
        drop(client);
        let mut left = Left::default();
        for row in &rows {
            left.ids.insert(WebhookId(row.try_get("webhook_id")?));
            match self.backfill(row).await {
                Ok(backfill) => left.backfills.push(backfill),
                // The others go on.
                Err(cause) => left.failure = Some(unread(cause)),
            }
        }
        Ok(left)
    }

    async fn backfill(&self, row: &Row) -> Result<Backfill, StoreError> {
        let (account, planned) = endpoint::one(row, self.history.webhooks()).await?;
        let (position, through) = (row.try_get("position")?, row.try_get("through")?);
        Ok(Backfill { account, planned, position, through, has_room: row.try_get("has_room")? })
    }

    /// Plans the next events; where to, or nothing when it was not this process's to plan.
    async fn chunk(
        &mut self,
        epoch: i64,
        backfill: Backfill,
    ) -> Result<Option<Position>, HandleError> {
        let Backfill { account, planned, position, through, .. } = backfill;
        let scope = Scope::Account(account.to_string());
        let filter = EventFilter::default();
        let page = self.log.page(&scope, position, &filter, CHUNK_EVENTS_MAX).await?;
        // The registration itself is the account's, so the end is always found.
        let mut to = if page.to > position { page.to.min(through) } else { through };
        let (mut rows, mut bytes) = (Vec::<Due>::new(), 0);
        for event in page.events.iter().take_while(|event| event.position <= through) {
            let row = self.due(&account, &planned.webhook, event).await?;
            bytes += row.as_ref().map_or(0, |row| row.delivery.letter.body.len());
            rows.extend(row);
            if bytes >= CHUNK_BYTES_MAX {
                to = event.position;
                break;
            }
        }
        let unreached = |cause| HandleError::unavailable("cannot plan a backfill", cause);
        let mut client = self.pool.get().await.map_err(|it| unreached(StoreError::Pool(it)))?;
        let transaction = client.transaction().await?;
        let statement = transaction.prepare_cached(MOVE_BACKFILL).await?;
        let webhook = planned.webhook.id.0;
        let parameters: [&(dyn ToSql + Sync); 5] =
            [&webhook, &position, &to, &SUBSCRIPTION, &epoch];
        if transaction.execute(&statement, &parameters).await? == 0 {
            return Ok(None);
        }
        insert(&transaction, &rows).await?;
        if to == through {
            let statement = transaction.prepare_cached(END_BACKFILL).await?;
            transaction.execute(&statement, &[&webhook]).await?;
        }
        transaction.commit().await?;
        Ok(Some(to))
    }

    /// What one event leads to. Every event of the account must come by, in order.
    async fn due(
        &mut self,
        account: &AccountId,
        webhook: &Webhook,
        event: &RecordedEvent,
    ) -> Result<Option<Due>, HandleError> {
        if event.stream.kind == webhook::KIND {
            return Ok(None);
        }
        if self.subjects.len() >= REMEMBERED_MAX && !self.subjects.contains_key(&webhook.id) {
            self.subjects.clear();
        }
        let subjects = self.subjects.entry(webhook.id);
        let subjects = subjects.or_insert_with(|| Subjects::of_past(self.history.clone()));
        let subject = subjects.subject(event).await?;
        if !may_be_told(event) || !webhook.wants(&event.event_type) {
            return Ok(None);
        }
        let Some(content) = content(event, &subject)? else { return Ok(None) };
        due(account, webhook, event, &content).map(Some)
    }

    fn tell(&mut self, error: &HandleError) {
        if std::mem::take(&mut self.was_well) {
            let error: &dyn std::error::Error = error;
            tracing::error!(error, "cannot plan events from before a webhook's registration");
        }
    }
}

fn unread(cause: StoreError) -> HandleError {
    HandleError::unavailable("cannot read the backfills", cause)
}
