//! Why a holder stops, and how the runner comes to know: handlers that fail or panic, a row that is
//! no longer the holder's own, a database that is away.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use baton_log::{Position, RecordedEvent};
use futures_util::FutureExt;
use uuid::Uuid;

use crate::checkpoint::CheckpointError;
use crate::follow::chain;
use crate::handler::{HandleError, Handler};
use crate::outage::is_outage;

/// Why a holder does not go on with its next batch.
pub(super) enum Stopped {
    /// Another holder has the subscription.
    Lost,
    /// The database is away; nobody is to blame.
    Database(String),
    /// The handler failed.
    Handler {
        cause: HandleError,
        /// The events it was about; none when it was not about events.
        batch: Option<Extent>,
    },
}

/// The events of a batch.
#[derive(Clone, Copy)]
pub(super) struct Extent {
    pub(super) first: Position,
    pub(super) last: Position,
    /// Of the first event: the request that it came from.
    pub(super) correlation_id: Uuid,
}

/// What an update of the holder's own row says: it still is its own, or not.
pub(super) fn kept(updated: Result<bool, CheckpointError>) -> Result<(), Stopped> {
    match updated {
        Ok(true) => Ok(()),
        Ok(false) => Err(Stopped::Lost),
        Err(cause) => Err(Stopped::Database(chain(&cause))),
    }
}

/// A handler that panics stops its own subscription, not the runner.
pub(super) async fn guarded(
    work: impl Future<Output = Result<(), HandleError>>,
) -> Result<(), HandleError> {
    AssertUnwindSafe(work).catch_unwind().await.unwrap_or_else(|panic| Err(panicked(&*panic)))
}

/// Whether the events have an effect, as the handler says.
pub(super) fn has_effect<H: Handler>(
    handler: &H,
    events: &[RecordedEvent],
) -> Result<bool, HandleError> {
    let asked = catch_unwind(AssertUnwindSafe(|| handler.has_effect(events)));
    asked.map_err(|panic| panicked(&*panic))
}

fn panicked(panic: &(dyn Any + Send)) -> HandleError {
    let message = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let message = message.or_else(|| panic.downcast_ref::<String>().cloned());
    HandleError::Panicked { message: message.unwrap_or_else(|| "no message".into()) }
}

pub(super) fn stopped(cause: HandleError, batch: Option<Extent>) -> Stopped {
    if is_outage(&cause) {
        Stopped::Database(chain(&cause))
    } else {
        Stopped::Handler { cause, batch }
    }
}
