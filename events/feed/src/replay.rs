//! Applies a stretch of the log once more, beside the live subscription: rebuilds.
//!
//! Must not touch a checkpoint, and must never call what has effects outside the database.

use baton_log::{Log, Position, ReadError, RecordedEvent};
use deadpool_postgres::Pool;

use crate::handler::{HandleError, Rebuildable};

/// Why a replay stopped. What was committed before stays.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The log cannot be read.
    #[error("cannot read the log to replay it")]
    Read(#[source] ReadError),
    /// No connection.
    #[error("cannot get a connection to replay the log")]
    Pool(#[source] deadpool_postgres::PoolError),
    /// A transaction could not be begun or committed.
    #[error("cannot commit replayed events")]
    Commit(#[source] tokio_postgres::Error),
    /// The handler failed.
    #[error("cannot replay the batch that starts at position {from}")]
    Handle {
        /// First event of the batch.
        from: Position,
        /// Why.
        #[source]
        cause: HandleError,
    },
}

/// A stretch of the log.
#[derive(Clone, Copy, Debug)]
pub struct Stretch {
    /// Events start above this position.
    pub after: Position,
    /// The last position; the stretch ends earlier where the log does.
    pub up_to: Position,
    /// Events that one transaction has at most.
    pub batch_events_max: i64,
}

/// Applies the stretch, a transaction per batch, and answers the last position applied.
///
/// Only [`Handler::apply`](crate::Handler::apply) is called.
pub async fn replay<H: Rebuildable>(
    log: &Log,
    pool: &Pool,
    stretch: Stretch,
    handler: &mut H,
) -> Result<Position, ReplayError> {
    let mut position = stretch.after;
    while position < stretch.up_to {
        let limit = stretch.batch_events_max.min(stretch.up_to - position);
        let events = log.after(position, limit).await.map_err(ReplayError::Read)?;
        let Some(last) = events.last() else { break };
        apply(pool, handler, &events).await?;
        position = last.position;
    }
    Ok(position)
}

async fn apply<H: Rebuildable>(
    pool: &Pool,
    handler: &mut H,
    events: &[RecordedEvent],
) -> Result<(), ReplayError> {
    let from = events.first().map_or(0, |event| event.position);
    let mut client = pool.get().await.map_err(ReplayError::Pool)?;
    let transaction = client.transaction().await.map_err(ReplayError::Commit)?;
    let applied = handler.apply(&transaction, events).await;
    applied.map_err(|cause| ReplayError::Handle { from, cause })?;
    transaction.commit().await.map_err(ReplayError::Commit)
}
