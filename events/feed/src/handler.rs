//! What a subscription does with its events, and how it says that it cannot.
//!
//! Implementations live beside what they are about; nothing here knows a concrete one.

use std::error::Error;
use std::future::Future;
use std::time::Duration;

use baton_history::FoldError;
use baton_log::{Position, ReadError, RecordedEvent};
use deadpool_postgres::Transaction;

/// A follower of the log. Calls come one at a time, events in the log's order without gaps.
///
/// Implementations write plain `async fn`s; their futures must be `Send`, must bound their own
/// waits (the lease is renewed around them), and may be dropped at any await.
pub trait Handler: Send + 'static {
    /// The subscription is held under `epoch`; called before [`Handler::acquired`]. A handler with
    /// work of its own beside the batches fences it with the epoch: a later holder has a higher
    /// one.
    fn holding(&mut self, epoch: i64) {
        let _ = epoch;
    }

    /// The next events start above `position`: forget anything cached.
    ///
    /// Called whenever the subscription was acquired, because another holder may have been at
    /// work since, and after every failure, because what was applied then was rolled back.
    fn acquired(
        &mut self,
        position: Position,
    ) -> impl Future<Output = Result<(), HandleError>> + Send {
        let _ = position;
        async { Ok(()) }
    }

    /// Effects outside the database, before the transaction: at least once for every event.
    fn before(
        &mut self,
        events: &[RecordedEvent],
    ) -> impl Future<Output = Result<(), HandleError>> + Send {
        let _ = events;
        async { Ok(()) }
    }

    /// There is no event above `position` yet; called about twice a second while that lasts.
    fn idle(&mut self, position: Position) -> impl Future<Output = Result<(), HandleError>> + Send {
        let _ = position;
        async { Ok(()) }
    }

    /// Whether [`Handler::apply`] would write anything for these events; asked after
    /// [`Handler::before`]. Where it would not, no transaction is made, and the checkpoint is saved
    /// a little later, together with others: after a crash the events come again.
    ///
    /// The answer follows from the log up to these events and is the same for every holder, of
    /// whatever version: nobody comes back to events that had no effect for one of them.
    fn has_effect(&self, events: &[RecordedEvent]) -> bool {
        let _ = events;
        true
    }

    /// How long to let events come together after a batch, a few milliseconds. The first one after
    /// a while is not held up, nor is any that somebody awaits with [`Progress::wait_until`].
    ///
    /// [`Progress::wait_until`]: crate::Progress::wait_until
    fn gathers_for(&self) -> Duration {
        Duration::ZERO
    }

    /// Effects that commit together with the checkpoint: exactly once for every event.
    fn apply(
        &mut self,
        transaction: &Transaction<'_>,
        events: &[RecordedEvent],
    ) -> impl Future<Output = Result<(), HandleError>> + Send;
}

/// A handler whose whole effect is rows that can be derived again, so that [`crate::replay`] may
/// have it. Whatever sends, or plans to send, must not be one:
///
/// ```compile_fail
/// fn can_be_replayed<H: baton_feed::Rebuildable>() {}
/// can_be_replayed::<baton_feed::relay::Relay>();
/// ```
pub trait Rebuildable: Handler {}

/// A cause of any type.
pub type Cause = Box<dyn Error + Send + Sync + 'static>;

/// Why events could not be handled. Nothing of them stays; they are tried again.
#[derive(Debug, thiserror::Error)]
pub enum HandleError {
    /// An event cannot be handled as it is: the batch is tried again one by one, to find it.
    #[error("{what}")]
    Event {
        /// What could not be done.
        what: &'static str,
        /// Why.
        #[source]
        cause: Cause,
    },
    /// Something the handler needs is away, whatever the event.
    #[error("{what}")]
    Unavailable {
        /// What could not be done.
        what: &'static str,
        /// Why.
        #[source]
        cause: Cause,
    },
    /// Events are for a holder of another version: this one gives the subscription back.
    #[error("{what}")]
    Superseded {
        /// What this one may not do.
        what: &'static str,
        /// Why.
        #[source]
        cause: Cause,
    },
    /// The handler panicked.
    #[error("the handler panicked: {message}")]
    Panicked {
        /// With what.
        message: String,
    },
}

impl HandleError {
    /// The event cannot be handled: `what` could not be done, because of `cause`.
    pub fn event(what: &'static str, cause: impl Into<Cause>) -> Self {
        Self::Event { what, cause: cause.into() }
    }

    /// No event could be handled now: `what` could not be done, because of `cause`.
    pub fn unavailable(what: &'static str, cause: impl Into<Cause>) -> Self {
        Self::Unavailable { what, cause: cause.into() }
    }

    /// Another version's handler has the events: `what` may not be done, because of `cause`.
    pub fn superseded(what: &'static str, cause: impl Into<Cause>) -> Self {
        Self::Superseded { what, cause: cause.into() }
    }
}

// For `?` in handlers. The runner looks through the causes itself and tells a database that is
// away from one that refuses a statement.
impl From<tokio_postgres::Error> for HandleError {
    fn from(cause: tokio_postgres::Error) -> Self {
        Self::event("cannot write what the event says", cause)
    }
}

impl From<FoldError> for HandleError {
    fn from(cause: FoldError) -> Self {
        Self::event("cannot fold the event", cause)
    }
}

impl From<ReadError> for HandleError {
    fn from(cause: ReadError) -> Self {
        Self::unavailable("cannot read the log", cause)
    }
}
