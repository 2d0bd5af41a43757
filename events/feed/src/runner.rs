//! The loop that holds a subscription: read from the log, let the handler work, move on.
//!
//! Must not skip an event, whatever happens, nor commit anything that the checkpoint does not
//! cover.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use baton_log::{Log, Position, RecordedEvent};
use deadpool_postgres::Pool;
use futures_util::FutureExt;
use metrics::counter;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::checkpoint::{CheckpointError, Held, LEASE};
use crate::follow::{POLL, chain, follow};
use crate::handler::{HandleError, Handler};
use crate::outage::is_outage;
use crate::running::{Progress, Subscription};

/// The lease is renewed when this much of it has passed without a batch.
const RENEW_AFTER: Duration = Duration::from_secs(1);
/// The first pause after a failure; each further one is twice as long.
const PAUSE_MIN: Duration = Duration::from_millis(100);
/// The longest pause after a failure. Shorter than what is left of a lease at [`RENEW_AFTER`].
const PAUSE_MAX: Duration = Duration::from_millis(1_500);
/// How often a holder that was superseded looks on before it tries again: longer than every
/// stand-by needs to take its place, shorter than a lease.
const LOOKS_SUPERSEDED: u32 = 4;
/// Characters of a failure that are written down.
const FAILURE_CHARS_MAX: usize = 4_000;

/// Why a holder does not go on with its next batch.
enum Stopped {
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
struct Extent {
    first: Position,
    last: Position,
    /// Of the first event: the request that it came from.
    correlation_id: Uuid,
}

/// What became of one turn.
enum Turn {
    /// A batch as large as may be: there is probably more.
    Full,
    /// All there was.
    Level,
}

pub(crate) struct Runner<H> {
    log: Log,
    pool: Pool,
    subscription: Subscription,
    handler: H,
    /// Tells this holder from every other one, also of the same process.
    holder: String,
    /// The handler knows where the next events start, and may remember the last ones.
    is_told: bool,
    /// Up to here events go one by one: a batch that ends here failed.
    singly_to: Position,
    pause: Duration,
    /// It was superseded, and looks on so often before it tries to hold the subscription again.
    looks_on: u32,
    /// What was logged last; the same again is not logged again.
    told: String,
}

impl<H: Handler> Runner<H> {
    pub(crate) fn new(log: Log, pool: Pool, subscription: Subscription, handler: H) -> Self {
        Self {
            log,
            pool,
            subscription,
            handler,
            holder: format!("{}-{}", std::process::id(), Uuid::now_v7()),
            is_told: false,
            singly_to: 0,
            pause: PAUSE_MIN,
            looks_on: 0,
            told: String::new(),
        }
    }

    /// Takes part until told to stop.
    pub(crate) async fn run(mut self, progress: Progress, stop: CancellationToken) {
        let name = self.subscription.name;
        while !stop.is_cancelled() {
            let acquired = match self.looks_on.checked_sub(1) {
                None => Held::acquire(&self.pool, name, &self.holder).await,
                Some(left) => {
                    self.looks_on = left;
                    Ok(None)
                }
            };
            let stood_by = match acquired {
                Ok(Some(held)) => {
                    tracing::info!(subscription = name, position = held.position, "held");
                    self.is_told = false;
                    progress.set(held.position);
                    progress.set_held(true);
                    self.hold(held, &progress, &stop).await;
                    progress.set_held(false);
                    continue;
                }
                Ok(None) => follow(&self.pool, name, &progress, &stop).await,
                Err(cause) => Err(cause),
            };
            if let Err(cause) = stood_by {
                self.database_away(&chain(&cause), &stop).await;
            }
        }
    }

    /// Holds the subscription until told to stop, robbed, superseded, or cut off from the database.
    async fn hold(&mut self, mut held: Held, progress: &Progress, stop: &CancellationToken) {
        let mut wake = self.log.wake();
        let mut renew_at = Instant::now() + RENEW_AFTER;
        while !stop.is_cancelled() {
            // Seen before the read: whatever is committed after it wakes the wait below.
            wake.borrow_and_update();
            let before = held.position;
            let turn = self.turn(&mut held, &mut renew_at, stop).await;
            if held.position != before {
                progress.set(held.position);
                self.pause = PAUSE_MIN;
            }
            match turn {
                Ok(Turn::Full) => {}
                Ok(Turn::Level) => rest(&mut wake, stop).await,
                Err(Stopped::Handler { cause, batch }) => {
                    match self.handler_failed(&mut held, &cause, batch).await {
                        Ok(None) => {}
                        Ok(Some(_)) if matches!(cause, HandleError::Superseded { .. }) => {
                            self.looks_on = LOOKS_SUPERSEDED;
                            break;
                        }
                        Ok(Some(pause)) => {
                            renew_at = Instant::now() + RENEW_AFTER;
                            sleep(pause, stop).await;
                        }
                        Err(Stopped::Database(cause)) => {
                            return self.database_away(&cause, stop).await;
                        }
                        Err(_) => return self.robbed(),
                    }
                }
                Err(Stopped::Database(cause)) => return self.database_away(&cause, stop).await,
                Err(Stopped::Lost) => return self.robbed(),
            }
        }
        if let Err(cause) = held.release(&self.pool).await {
            let name = self.subscription.name;
            tracing::warn!(subscription = name, error = %chain(&cause), "cannot give the lease back");
        }
    }

    /// One batch, or a sign of life.
    async fn turn(
        &mut self,
        held: &mut Held,
        renew_at: &mut Instant,
        stop: &CancellationToken,
    ) -> Result<Turn, Stopped> {
        if Instant::now() >= *renew_at {
            renew(held, &self.pool).await?;
            *renew_at = Instant::now() + RENEW_AFTER;
        }
        if !self.is_told {
            self.handler.holding(held.epoch());
            let acquired = guarded(self.handler.acquired(held.position));
            let acquired = while_renewed(acquired, held, &self.pool);
            let acquired = tokio::select! {
                acquired = acquired => acquired?,
                // It may take long, and whoever comes next begins with it anyway.
                () = stop.cancelled() => return Ok(Turn::Level),
            };
            acquired.map_err(|cause| stopped(cause, None))?;
            self.is_told = true;
        }
        let singly = held.position < self.singly_to;
        let limit = if singly { 1 } else { self.subscription.batch_events_max };
        let events = self.log.after(held.position, limit).await;
        let events = events.map_err(|cause| stopped(cause.into(), None))?;
        let Some(last) = events.last() else {
            self.idle(held).await?;
            return Ok(Turn::Level);
        };
        let is_full = i64::try_from(events.len()).is_ok_and(|events| events >= limit);
        self.batch(held, &events, last.position).await?;
        let handled = counter!("baton_subscription_events_total", "subscription" => held.name());
        handled.increment(events.len() as u64);
        (held.position, held.is_failed) = (last.position, false);
        *renew_at = Instant::now() + RENEW_AFTER;
        Ok(if is_full { Turn::Full } else { Turn::Level })
    }

    /// Nothing to handle. A failure that was not about an event ends here.
    async fn idle(&mut self, held: &mut Held) -> Result<(), Stopped> {
        let idle = guarded(self.handler.idle(held.position));
        let idle = while_renewed(idle, held, &self.pool).await?;
        idle.map_err(|cause| stopped(cause, None))?;
        self.pause = PAUSE_MIN;
        self.told.clear();
        if held.is_failed {
            kept(held.clear_failure(&self.pool).await)?;
            held.is_failed = false;
        }
        // A crash of Postgres may have taken batches that were not committed durably.
        kept(held.stands(&self.pool).await)
    }

    /// Handles the events and moves the checkpoint to `to`, or does neither.
    async fn batch(
        &mut self,
        held: &Held,
        events: &[RecordedEvent],
        to: Position,
    ) -> Result<(), Stopped> {
        let batch = events.first().map(|first| {
            let (first, correlation_id) = (first.position, first.correlation_id);
            Extent { first, last: to, correlation_id }
        });
        let before = guarded(self.handler.before(events));
        let before = while_renewed(before, held, &self.pool).await?;
        before.map_err(|cause| stopped(cause, batch))?;
        let durable_commit = self.subscription.durable_commit;
        let client = self.pool.get().await;
        let mut client = client.map_err(|cause| Stopped::Database(chain(&cause)))?;
        let failed = |cause: tokio_postgres::Error| stopped(cause.into(), batch);
        let transaction = client.transaction().await.map_err(failed)?;
        if !held.move_to(&transaction, to, durable_commit).await.map_err(failed)? {
            return Err(Stopped::Lost);
        }
        let applied = guarded(self.handler.apply(&transaction, events)).await;
        applied.map_err(|cause| stopped(cause, batch))?;
        // A constraint may wait until here to say no. Where the outcome is unknown, the row says
        // which it was when it is acquired again.
        transaction.commit().await.map_err(failed)
    }

    /// What a failure leads to: how long to pause, or `None` to go on at once, one by one.
    async fn handler_failed(
        &mut self,
        held: &mut Held,
        cause: &HandleError,
        batch: Option<Extent>,
    ) -> Result<Option<Duration>, Stopped> {
        // What the handler remembers of the batch was rolled back under it.
        self.is_told = false;
        let is_about_event =
            !matches!(cause, HandleError::Unavailable { .. } | HandleError::Superseded { .. });
        let event = match batch.filter(|_| is_about_event) {
            Some(batch) if batch.first < batch.last => {
                self.singly_to = batch.last;
                return Ok(None);
            }
            event => event,
        };
        let position = event.map(|event| event.first);
        let failure: String =
            chain(cause).replace('\0', "").chars().take(FAILURE_CHARS_MAX).collect();
        let name = self.subscription.name;
        if self.is_news(format!("{position:?} {failure}")) {
            let correlation_id = event.map(|event| tracing::field::display(event.correlation_id));
            tracing::error!(
                subscription = name,
                position,
                correlation_id,
                error = failure,
                "cannot go on"
            );
        }
        counter!("baton_subscription_failures_total", "subscription" => name).increment(1);
        let recorded = held.record_failure(&self.pool, &failure, position).await;
        kept(recorded)?;
        held.is_failed = true;
        Ok(Some(self.next_pause()))
    }

    fn robbed(&self) {
        tracing::warn!(subscription = self.subscription.name, "another holder took over");
    }

    async fn database_away(&mut self, cause: &str, stop: &CancellationToken) {
        if self.is_news(cause.to_owned()) {
            tracing::warn!(subscription = self.subscription.name, error = cause, "no database");
        }
        sleep(self.next_pause(), stop).await;
    }

    fn is_news(&mut self, text: String) -> bool {
        let is_news = text != self.told;
        self.told = text;
        is_news
    }

    fn next_pause(&mut self) -> Duration {
        let pause = self.pause;
        self.pause = PAUSE_MAX.min(pause * 2);
        pause
    }
}

/// Awaits a wake-up; without one the follower looks anyway.
async fn rest(wake: &mut watch::Receiver<Position>, stop: &CancellationToken) {
    tokio::select! {
        () = stop.cancelled() => {}
        () = tokio::time::sleep(POLL) => {}
        // The runner holds the log, which holds the sender: it does not close.
        _ = wake.changed() => {}
    }
}

async fn sleep(pause: Duration, stop: &CancellationToken) {
    tokio::select! {
        () = stop.cancelled() => {}
        () = tokio::time::sleep(pause) => {}
    }
}

async fn renew(held: &Held, pool: &Pool) -> Result<(), Stopped> {
    kept(held.renew(pool).await)
}

/// What an update of the holder's own row says: it still is its own, or not.
fn kept(updated: Result<bool, CheckpointError>) -> Result<(), Stopped> {
    match updated {
        Ok(true) => Ok(()),
        Ok(false) => Err(Stopped::Lost),
        Err(cause) => Err(Stopped::Database(chain(&cause))),
    }
}

/// Awaits work outside a transaction and renews the lease meanwhile; the work is dropped when the
/// lease is lost.
async fn while_renewed<T>(
    work: impl Future<Output = T>,
    held: &Held,
    pool: &Pool,
) -> Result<T, Stopped> {
    let renewals = async {
        loop {
            tokio::time::sleep(RENEW_AFTER).await;
            if let Err(stopped) = renew(held, pool).await {
                return stopped;
            }
        }
    };
    // Side by side, not in turns: what the renewal waits for, such as a connection, the work may
    // have.
    tokio::select! {
        done = work => Ok(done),
        stopped = renewals => Err(stopped),
    }
}

/// A handler that panics stops its own subscription, not the runner.
async fn guarded(work: impl Future<Output = Result<(), HandleError>>) -> Result<(), HandleError> {
    AssertUnwindSafe(work).catch_unwind().await.unwrap_or_else(|panic| {
        let message = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let message = message.or_else(|| panic.downcast_ref::<String>().cloned());
        Err(HandleError::Panicked { message: message.unwrap_or_else(|| "no message".into()) })
    })
}

fn stopped(cause: HandleError, batch: Option<Extent>) -> Stopped {
    if is_outage(&cause) {
        Stopped::Database(chain(&cause))
    } else {
        Stopped::Handler { cause, batch }
    }
}

const _: () = assert!(RENEW_AFTER.as_millis() + PAUSE_MAX.as_millis() < LEASE.as_millis());
const _: () = assert!(POLL.as_millis() * (LOOKS_SUPERSEDED as u128) < LEASE.as_millis());
