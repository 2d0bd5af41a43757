//! The followers that keep the models level with the log.

use std::future::Future;
use std::time::Duration;

use baton_domain::{recurrence::Recurrence, task::Task, webhook::Webhook};
use baton_feed::{HandleError, Handler, Rebuildable, Running, Subscription, Transaction};
use baton_history::{Folded as _, History, States};
use baton_log::{Log, RecordedEvent};
use deadpool_postgres::Pool;

use crate::batch::{Batch, Document};
use crate::comments::Comments;
use crate::context::Contexts;
use crate::error::OtherVersion;
use crate::model::{LIVE, Model};
use crate::rows::{self, Rows};
use crate::scope;
use crate::statement::Tables;

const LIVE_SCOPE: &str = include_str!("sql/live_scope.sql");

/// Events that one transaction applies at most.
pub(crate) const BATCH_EVENTS_MAX: i64 = 1_000;
/// How long events come together that no reader waits for: a batch costs as much as several events.
const GATHERS_FOR: Duration = Duration::from_millis(50);

/// Applies events to a model. Keeps nothing in memory between batches but what the history keeps.
/// Writes into the live model only while it is of this process' own version; another's tables are
/// for another's projector.
#[derive(Clone)]
pub struct Projector {
    model: Model,
    schema: &'static str,
    history: History,
}

impl Projector {
    /// Of the live model.
    #[must_use]
    pub fn live(history: History, model: Model) -> Self {
        Self { model, schema: LIVE, history }
    }

    /// Of the model that is being rebuilt beside it.
    pub(crate) fn beside(log: &Log, model: Model) -> Self {
        Self { model, schema: model.definition().beside, history: History::new(log.clone()) }
    }

    async fn apply_to<S: Document>(
        &self,
        transaction: &Transaction<'_>,
        states: &States<S>,
        events: &[RecordedEvent],
    ) -> Result<(), HandleError> {
        let tables = Tables::new(transaction, self.schema);
        let write = async {
            let mut batch = Batch::<S>::new();
            batch.absorb(tables, states, events).await?;
            S::save(tables, &batch.into_changes()).await
        };
        self.write(tables, write).await
    }

    async fn add_to<R: Rows>(
        &self,
        transaction: &Transaction<'_>,
        events: &[RecordedEvent],
    ) -> Result<(), HandleError> {
        let tables = Tables::new(transaction, self.schema);
        let events = rows::effective::<R>(events);
        self.write(tables, R::write(tables, &self.history, &events)).await
    }

    async fn write(
        &self,
        tables: Tables<'_>,
        write: impl Future<Output = Result<(), HandleError>> + Send,
    ) -> Result<(), HandleError> {
        if self.schema != LIVE {
            scope::probing(tables.transaction).await?;
            return write.await;
        }
        // Side by side: what is written into another version's tables is rolled back.
        tables.prepare(&[LIVE_SCOPE]).await?;
        let (own, written) = tokio::join!(must_be_own(tables, self.model), write);
        own.and(written)
    }
}

impl Handler for Projector {
    fn has_effect(&self, events: &[RecordedEvent]) -> bool {
        let is_effective: fn(&RecordedEvent) -> bool = match self.model {
            Model::Tasks => |event| event.stream.kind == Task::KIND,
            Model::Webhooks => |event| event.stream.kind == Webhook::KIND,
            Model::Comments => Comments::has_effect,
            Model::Context => Contexts::has_effect,
            Model::Recurrences => |event| event.stream.kind == Recurrence::KIND,
        };
        events.iter().any(is_effective)
    }

    fn gathers_for(&self) -> Duration {
        GATHERS_FOR
    }

    async fn apply(
        &mut self,
        transaction: &Transaction<'_>,
        events: &[RecordedEvent],
    ) -> Result<(), HandleError> {
        if !self.has_effect(events) {
            return Ok(());
        }
        // Boxed: each is large, and whoever waits for one would carry them all.
        match self.model {
            Model::Tasks => {
                let tasks = self.history.tasks();
                Box::pin(self.apply_to::<Task>(transaction, tasks, events)).await
            }
            Model::Webhooks => {
                let webhooks = self.history.webhooks();
                Box::pin(self.apply_to::<Webhook>(transaction, webhooks, events)).await
            }
            Model::Comments => Box::pin(self.add_to::<Comments>(transaction, events)).await,
            Model::Context => Box::pin(self.add_to::<Contexts>(transaction, events)).await,
            Model::Recurrences => {
                let recurrences = self.history.recurrences();
                Box::pin(self.apply_to::<Recurrence>(transaction, recurrences, events)).await
            }
        }
    }
}

/// It writes rows and nothing else.
impl Rebuildable for Projector {}

/// How a model follows the log. A crash of Postgres may take the last batches, rows and
/// checkpoint together.
#[must_use]
pub fn subscription(model: Model) -> Subscription {
    Subscription {
        name: model.subscription_name(),
        batch_events_max: BATCH_EVENTS_MAX,
        durable_commit: false,
    }
}

/// Keeps a model level with the log while this process holds its subscription.
pub fn spawn(history: History, pool: Pool, model: Model) -> Running {
    let log = history.log().clone();
    baton_feed::spawn(log, pool, subscription(model), Projector::live(history, model))
}

/// Watches a model that other processes keep.
pub fn observe(pool: Pool, model: Model) -> Running {
    baton_feed::observe(pool, model.subscription_name())
}

/// Refuses tables that another version made, and sets how they are written. What it finds stays so
/// until the transaction ends: a swap waits for the checkpoint, which the batch has moved already.
async fn must_be_own(tables: Tables<'_>, model: Model) -> Result<(), HandleError> {
    let rows = tables.rows(LIVE_SCOPE, &[&model.name()]).await?;
    let found = rows.first().map(|row| row.try_get("version")).transpose()?;
    let own = model.definition().version;
    if found == Some(own) {
        return Ok(());
    }
    let other = OtherVersion { model, found, own };
    Err(HandleError::superseded("must not write into the live model", other))
}
