//! The followers that keep the models level with the log.

use baton_domain::{task::Task, webhook::Webhook};
use baton_feed::{HandleError, Handler, Rebuildable, Running, Subscription, Transaction};
use baton_log::{Log, RecordedEvent};
use deadpool_postgres::Pool;

use crate::batch::{Batch, Document, Extent};
use crate::model::{LIVE, Model};
use crate::scope;

/// Events that one transaction applies at most.
pub(crate) const BATCH_EVENTS_MAX: i64 = 1_000;

/// Applies events to a model. Keeps nothing in memory between batches.
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
}

impl Handler for Projector {
    async fn apply(
        &mut self,
        transaction: &Transaction<'_>,
        events: &[RecordedEvent],
    ) -> Result<(), HandleError> {
        match self.model {
            Model::Tasks => apply::<Task>(transaction, self.schema, events).await,
            Model::Webhooks => apply::<Webhook>(transaction, self.schema, events).await,
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

async fn apply<S: Document>(
    transaction: &Transaction<'_>,
    schema: &str,
    events: &[RecordedEvent],
) -> Result<(), HandleError> {
    if !events.iter().any(|event| event.stream.kind == S::KIND) {
        return Ok(());
    }
    scope::probing(transaction, schema).await?;
    let mut batch = Batch::<S>::new();
    batch.absorb(transaction, events).await?;
    S::save(transaction, &batch.into_changes(), Extent::Whole).await
}
