//! Builds a model again from the log, beside the live one, which is read and followed meanwhile;
//! then lets it take the live one's place, or compares the two.
//!
//! Only rows are written: nothing here can send anything. The live checkpoint never moves; the
//! rebuilt model is brought to exactly its position in the transaction that swaps the two.

use std::time::{Duration, Instant};

use baton_domain::{recurrence::Recurrence, task::Task, webhook::Webhook};
use baton_feed::{Handler, Stretch, Transaction, lock_position, replay};
use baton_history::History;
use baton_log::{Log, Position};
use deadpool_postgres::{Client, Pool};
use tokio_postgres::IsolationLevel;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::Type;

use crate::comments::Comments;
use crate::context::Contexts;
use crate::difference::Difference;
use crate::error::RebuildError;
use crate::fill::{fill, fill_rows};
use crate::model::Model;
use crate::projector::{BATCH_EVENTS_MAX, Projector};
use crate::scope;

const MODEL_SESSION: &str = include_str!("sql/model_session.sql");
const MODEL_LOCK: &str = include_str!("sql/model_lock.sql");
const REGISTER_MODEL: &str = include_str!("sql/register_model.sql");
const MODEL_VERSION: &str = include_str!("sql/model_version.sql");

/// Events that may be left for the transaction of the swap, which holds up the live model.
const SWAP_EVENTS_MAX: i64 = 1_000;
/// Times that a swap may find the live model in use.
const SWAP_ATTEMPTS_MAX: u32 = 40;
/// Differences that are listed.
pub const DIFFERENCES_MAX: i64 = 100;

/// What a rebuild did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rebuilt {
    /// The position up to which it read the log.
    pub position: Position,
    /// How long it took.
    pub took: Duration,
}

/// How it stands with a live model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Diagnosis {
    /// It was compared with what the log says.
    Compared {
        /// Up to which position.
        position: Position,
        /// The first differences, at most [`DIFFERENCES_MAX`]; none when all is well.
        differences: Vec<Difference>,
    },
    /// It is of another version than this process would build: there is nothing to compare.
    OtherVersion {
        /// Its version; none where there is no such model.
        found: Option<i32>,
        /// This process's.
        own: i32,
    },
}

/// Builds the model again and lets it take the live one's place. Also while others serve it.
///
/// # Errors
/// When it cannot be built; the live model is as it was.
pub async fn rebuild(log: &Log, pool: &Pool, model: Model) -> Result<Rebuilt, RebuildError> {
    replace(log, pool, &Alone::with(pool, model).await?).await
}

/// Builds the model again beside the live one and compares the two, row for row, at the same
/// position. The first differences, none when all is well.
///
/// # Errors
/// When it cannot be built or compared.
pub async fn check(log: &Log, pool: &Pool, model: Model) -> Result<Vec<Difference>, RebuildError> {
    Ok(checked(log, pool, model).await?.1)
}

/// Likewise, for a live model that may be of any version.
///
/// # Errors
/// When it cannot be built or compared.
pub async fn diagnose(log: &Log, pool: &Pool, model: Model) -> Result<Diagnosis, RebuildError> {
    let own = model.definition().version;
    let found = version(pool, model).await?;
    if found != Some(own) {
        return Ok(Diagnosis::OtherVersion { found, own });
    }
    let (position, differences) = checked(log, pool, model).await?;
    Ok(Diagnosis::Compared { position, differences })
}

async fn checked(
    log: &Log,
    pool: &Pool,
    model: Model,
) -> Result<(Position, Vec<Difference>), RebuildError> {
    let alone = Alone::with(pool, model).await?;
    let built = build_beside(log, pool, model).await?;
    let compared = compare(log, pool, model, built).await?;
    let ended = alone.lock.batch_execute(model.definition().end).await;
    ended.map_err(RebuildError::statement("drop the rebuilt model"))?;
    Ok(compared)
}

/// The version of the code that made the live model; none where there is no such model.
async fn version(pool: &Pool, model: Model) -> Result<Option<i32>, RebuildError> {
    let failed = RebuildError::statement("read the version of the live model");
    let client = pool.get().await.map_err(RebuildError::Pool)?;
    let row = client.query_opt(MODEL_VERSION, &[&model.name()]).await.map_err(failed)?;
    row.map(|row| row.try_get("version")).transpose().map_err(failed)
}

/// The right to rebuild a model: one process at a time, over all nodes.
pub(crate) struct Alone {
    model: Model,
    /// The connection holds the lock; out of the pool, so that it ends with this.
    lock: deadpool_postgres::ClientWrapper,
}

impl Alone {
    /// Waits for whoever rebuilds the model now.
    pub(crate) async fn with(pool: &Pool, model: Model) -> Result<Self, RebuildError> {
        let lock = Client::take(pool.get().await.map_err(RebuildError::Pool)?);
        let locked = async {
            lock.batch_execute(MODEL_SESSION).await?;
            lock.query_typed(MODEL_LOCK, &[(&model.name(), Type::TEXT)]).await
        };
        match locked.await {
            Ok(_) => Ok(Self { model, lock }),
            Err(cause) => Err(RebuildError::statement("wait for the rebuild of a model")(cause)),
        }
    }
}

/// Builds the model and swaps.
pub(crate) async fn replace(
    log: &Log,
    pool: &Pool,
    alone: &Alone,
) -> Result<Rebuilt, RebuildError> {
    let (model, started) = (alone.model, Instant::now());
    let mut built = build_beside(log, pool, model).await?;
    for _ in 0..SWAP_ATTEMPTS_MAX {
        built = catch_up(log, pool, model, built).await?;
        if let Some(position) = swap(log, pool, model, built).await? {
            let took = started.elapsed();
            let millis = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
            tracing::info!(%model, position, took_ms = millis, "built");
            return Ok(Rebuilt { position, took });
        }
    }
    Err(RebuildError::InUse { attempts: SWAP_ATTEMPTS_MAX })
}

/// Builds the model in its own schema, up to about where the live one is.
async fn build_beside(log: &Log, pool: &Pool, model: Model) -> Result<Position, RebuildError> {
    let definition = model.definition();
    in_build_scope(pool, model, &[definition.begin, definition.table]).await?;
    let up_to = live_position(pool, model).await?;
    let (history, beside) = (History::new(log.clone()), definition.beside);
    // Boxed: each is large, and one after the other they would all lie on one stack.
    let built = match model {
        Model::Tasks => Box::pin(fill::<Task>(log, pool, beside, up_to)).await?,
        Model::Webhooks => Box::pin(fill::<Webhook>(log, pool, beside, up_to)).await?,
        Model::Comments => Box::pin(fill_rows::<Comments>(&history, pool, beside, up_to)).await?,
        Model::Context => Box::pin(fill_rows::<Contexts>(&history, pool, beside, up_to)).await?,
        Model::Recurrences => Box::pin(fill::<Recurrence>(log, pool, beside, up_to)).await?,
    };
    in_build_scope(pool, model, &[definition.index, definition.analyze]).await?;
    Ok(built)
}

/// Follows the live model until few events are left.
async fn catch_up(
    log: &Log,
    pool: &Pool,
    model: Model,
    mut built: Position,
) -> Result<Position, RebuildError> {
    loop {
        let up_to = live_position(pool, model).await?;
        if up_to - built <= SWAP_EVENTS_MAX {
            return Ok(built);
        }
        let stretch = Stretch { after: built, up_to, batch_events_max: BATCH_EVENTS_MAX };
        let reached = replay(log, pool, stretch, &mut Projector::beside(log, model)).await?;
        if reached == built {
            return Err(RebuildError::LogTooShort { head: reached, checkpoint: up_to });
        }
        built = reached;
    }
}

/// Takes the live model's place, at its position; none where it is in use and keeps being so.
async fn swap(
    log: &Log,
    pool: &Pool,
    model: Model,
    built: Position,
) -> Result<Option<Position>, RebuildError> {
    let failed = RebuildError::statement("put the rebuilt model in place");
    let definition = model.definition();
    let mut client = pool.get().await.map_err(RebuildError::Pool)?;
    let transaction = client.transaction().await.map_err(failed)?;
    let position = lock_position(&transaction, definition.subscription).await?;
    level(log, &transaction, model, built, position).await?;
    scope::swapping(&transaction).await.map_err(failed)?;
    match transaction.batch_execute(definition.swap).await {
        Ok(()) => (),
        Err(cause) if cause.code() == Some(&SqlState::LOCK_NOT_AVAILABLE) => return Ok(None),
        Err(cause) => return Err(failed(cause)),
    }
    let registered = [(&definition.name as _, Type::TEXT), (&definition.version as _, Type::INT4)];
    transaction.execute_typed(REGISTER_MODEL, &registered).await.map_err(failed)?;
    transaction.commit().await.map_err(failed)?;
    Ok(Some(position))
}

/// Compares at the live model's position, without holding it up: one snapshot has the live rows
/// and the checkpoint that belongs to them; the last events go into it from this transaction.
async fn compare(
    log: &Log,
    pool: &Pool,
    model: Model,
    built: Position,
) -> Result<(Position, Vec<Difference>), RebuildError> {
    let failed = RebuildError::statement("compare the models");
    let definition = model.definition();
    let mut client = pool.get().await.map_err(RebuildError::Pool)?;
    let snapshot = client.build_transaction().isolation_level(IsolationLevel::RepeatableRead);
    let snapshot = snapshot.start().await.map_err(failed)?;
    let position = {
        let mut other = pool.get().await.map_err(RebuildError::Pool)?;
        let still = other.transaction().await.map_err(failed)?;
        let position = lock_position(&still, definition.subscription).await?;
        // The first statement takes the snapshot, while no batch can commit.
        scope::building(&snapshot, definition.beside).await.map_err(failed)?;
        still.commit().await.map_err(failed)?;
        position
    };
    level(log, &snapshot, model, built, position).await?;
    scope::building(&snapshot, definition.beside).await.map_err(failed)?;
    let compared = snapshot.query_typed(definition.compare, &[(&DIFFERENCES_MAX, Type::INT8)]);
    let rows = compared.await.map_err(failed)?;
    snapshot.rollback().await.map_err(failed)?;
    let difference = |row: &tokio_postgres::Row| {
        Ok(Difference {
            table: row.try_get("table_name")?,
            key: row.try_get("key")?,
            live: row.try_get("live")?,
            rebuilt: row.try_get("rebuilt")?,
        })
    };
    let differences = rows.iter().map(difference).collect::<Result<_, _>>().map_err(failed)?;
    Ok((position, differences))
}

/// Applies, within the transaction, the events that the rebuilt model lacks.
async fn level(
    log: &Log,
    transaction: &Transaction<'_>,
    model: Model,
    mut built: Position,
    up_to: Position,
) -> Result<(), RebuildError> {
    let mut projector = Projector::beside(log, model);
    while built < up_to {
        let events = log.after(built, BATCH_EVENTS_MAX.min(up_to - built)).await?;
        let Some(last) = events.last().map(|event| event.position) else {
            return Err(RebuildError::LogTooShort { head: built, checkpoint: up_to });
        };
        let applied = projector.apply(transaction, &events).await;
        applied.map_err(|cause| RebuildError::Apply { after: built, cause })?;
        built = last;
    }
    Ok(())
}

/// The position of the live model's checkpoint.
async fn live_position(pool: &Pool, model: Model) -> Result<Position, RebuildError> {
    let failed = RebuildError::statement("read the live model's checkpoint");
    let mut client = pool.get().await.map_err(RebuildError::Pool)?;
    let transaction = client.transaction().await.map_err(failed)?;
    let position = lock_position(&transaction, model.subscription_name()).await?;
    transaction.commit().await.map_err(failed)?;
    Ok(position)
}

/// Makes or indexes tables of the model being rebuilt.
async fn in_build_scope(
    pool: &Pool,
    model: Model,
    statements: &[&str],
) -> Result<(), RebuildError> {
    let failed = RebuildError::statement("make the tables of the model being rebuilt");
    let mut client = pool.get().await.map_err(RebuildError::Pool)?;
    let transaction = client.transaction().await.map_err(failed)?;
    scope::building(&transaction, model.definition().beside).await.map_err(failed)?;
    for statement in statements {
        transaction.batch_execute(statement).await.map_err(failed)?;
    }
    transaction.commit().await.map_err(failed)
}
