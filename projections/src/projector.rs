//! The followers that keep the models level with the log.

use std::time::Duration;

use baton_domain::{task::Task, webhook::Webhook};
use baton_feed::{HandleError, Handler, Rebuildable, Running, Subscription, Transaction};
use baton_history::Folded as _;
use baton_log::{Log, RecordedEvent};
use deadpool_postgres::Pool;

use crate::batch::{Batch, Document};
use crate::error::OtherVersion;
use crate::model::{LIVE, Model};
use crate::scope;
use crate::statement::Tables;

const LIVE_SCOPE: &str = include_str!("sql/live_scope.sql");

/// Events that one transaction applies at most.
pub(crate) const BATCH_EVENTS_MAX: i64 = 1_000;
/// How long events come together that no reader waits for: a batch costs as much as several events.
const GATHERS_FOR: Duration = Duration::from_millis(5);

/// Applies events to a model. Keeps nothing in memory between batches. Writes into the live model
/// only while it is of this process' own version; another's tables are for another's projector.
#[derive(Clone, Copy, Debug)]
pub struct Projector {
    model: Model,
    schema: &'static str,
}

impl Projector {
    /// Of the live model.
    #[must_use]
    pub fn live(model: Model) -> Self {
        Self { model, schema: LIVE }
    }

    /// Of the model that is being rebuilt beside it.
    pub(crate) fn beside(model: Model) -> Self {
        Self { model, schema: model.definition().beside }
    }

    async fn apply_to<S: Document>(
        self,
        transaction: &Transaction<'_>,
        events: &[RecordedEvent],
    ) -> Result<(), HandleError> {
        if !self.has_effect(events) {
            return Ok(());
        }
        let tables = Tables::new(transaction, self.schema);
        let write = async {
            let mut batch = Batch::<S>::new();
            batch.absorb(tables, events).await?;
            S::save(tables, &batch.into_changes()).await
        };
        if self.schema != LIVE {
            scope::probing(transaction).await?;
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
        let kind = match self.model {
            Model::Tasks => Task::KIND,
            Model::Webhooks => Webhook::KIND,
        };
        events.iter().any(|event| event.stream.kind == kind)
    }

    fn gathers_for(&self) -> Duration {
        GATHERS_FOR
    }

    async fn apply(
        &mut self,
        transaction: &Transaction<'_>,
        events: &[RecordedEvent],
    ) -> Result<(), HandleError> {
        match self.model {
            Model::Tasks => self.apply_to::<Task>(transaction, events).await,
            Model::Webhooks => self.apply_to::<Webhook>(transaction, events).await,
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
pub fn spawn(log: Log, pool: Pool, model: Model) -> Running {
    baton_feed::spawn(log, pool, subscription(model), Projector::live(model))
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
