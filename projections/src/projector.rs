//! The followers that keep the models level with the log.

use baton_domain::{task::Task, webhook::Webhook};
use baton_feed::{HandleError, Handler, Rebuildable, Running, Subscription, Transaction};
use baton_log::{Log, RecordedEvent};
use deadpool_postgres::Pool;
use tokio_postgres::types::Type;

use crate::batch::{Batch, Document, Extent};
use crate::error::OtherVersion;
use crate::model::{LIVE, Model};
use crate::scope;

const MODEL_VERSION: &str = include_str!("sql/model_version.sql");

/// Events that one transaction applies at most.
pub(crate) const BATCH_EVENTS_MAX: i64 = 1_000;

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
        if !events.iter().any(|event| event.stream.kind == S::KIND) {
            return Ok(());
        }
        if self.schema == LIVE {
            must_be_own(transaction, self.model).await?;
        }
        scope::probing(transaction, self.schema).await?;
        let mut batch = Batch::<S>::new();
        batch.absorb(transaction, events).await?;
        S::save(transaction, &batch.into_changes(), Extent::Whole).await
    }
}

impl Handler for Projector {
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

/// Refuses tables that another version made. What it finds stays so until the transaction ends: a
/// swap waits for the checkpoint, which the batch has moved already.
async fn must_be_own(transaction: &Transaction<'_>, model: Model) -> Result<(), HandleError> {
    let rows = transaction.query_typed(MODEL_VERSION, &[(&model.name(), Type::TEXT)]).await?;
    let found = rows.first().map(|row| row.try_get("version")).transpose()?;
    let own = model.definition().version;
    if found == Some(own) {
        return Ok(());
    }
    let other = OtherVersion { model, found, own };
    Err(HandleError::superseded("must not write into the live model", other))
}
