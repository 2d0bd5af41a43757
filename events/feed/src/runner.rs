//! The loop that holds a subscription: read from the log, let the handler work, move on.
//!
//! Must not skip an event, whatever happens, nor commit anything that the checkpoint does not
//! cover.
//!
//! Where a handler says that events have no effect, no transaction is made for them: the position
//! moves on in memory, and the row follows with the next batch that has an effect, or by itself
//! after [`SAVE_AFTER`], also when the holder stops or fails. What the row says is thus never above
//! what was handled, and all that lies between the two has no effect, so:
//!
//! - A crash brings those events again, which changes nothing; handlers make their work outside the
//!   database so that it may be repeated anyway.
//! - Rows and checkpoint still belong together at every moment: who locks the row, as a rebuild
//!   does, finds the model as of the position it reads. The next batch moves the row from there.
//! - A holder that was robbed does not learn it from events without effect, but from the next write
//!   to its row, which names epoch and position as ever. What it told of its position meanwhile is
//!   true: no holder has an effect for those events. It has none itself before that write.

mod stopped;

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use baton_log::{Log, Position, RecordedEvent};
use deadpool_postgres::Pool;
use metrics::counter;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::checkpoint::{Held, LEASE, prepare_move};
use crate::follow::{POLL, chain, follow};
use crate::handler::{HandleError, Handler};
use crate::running::{Progress, Subscription};
use stopped::{Extent, Stopped, guarded, has_effect, kept, stopped};

/// How long after the first event without effect the row is behind at most, while nothing fails.
const SAVE_AFTER: Duration = Duration::from_millis(50);
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

/// What became of one turn.
enum Turn {
    /// A batch as large as may be: there is probably more.
    Full,
    /// All that was heard of; see [`Log::after`] on what other processes may have committed.
    Level,
}

/// When the holder writes to its row by itself.
struct Due {
    renew_at: Instant,
    /// None while the row says all that was handled.
    save_at: Option<Instant>,
}

impl Due {
    /// The row was just written.
    fn anew() -> Self {
        Self { renew_at: Instant::now() + RENEW_AFTER, save_at: None }
    }

    /// The row may stay behind for a while.
    fn save_later(&mut self) {
        self.save_at.get_or_insert_with(|| Instant::now() + SAVE_AFTER);
    }
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
                    tracing::info!(subscription = name, position = held.position(), "held");
                    self.is_told = false;
                    progress.set(held.position());
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
        let mut due = Due::anew();
        while !stop.is_cancelled() {
            // Seen before the read: whatever is committed after it wakes the wait below.
            wake.borrow_and_update();
            let before = held.position();
            let turn = self.turn(&mut held, &mut due, stop).await;
            if held.position() != before {
                progress.set(held.position());
                self.pause = PAUSE_MIN;
            }
            let turn = match turn {
                Ok(Turn::Full) => Ok(()),
                Ok(Turn::Level) => {
                    let wanted = progress.wanted_above(held.position());
                    gather(self.handler.gathers_for(), wanted, stop).await;
                    self.rest(&mut held, &mut due, &mut wake, stop).await
                }
                Err(Stopped::Handler { cause, batch }) => {
                    match self.handler_failed(&mut held, &mut due, &cause, batch).await {
                        Ok(Some(_)) if matches!(cause, HandleError::Superseded { .. }) => {
                            self.looks_on = LOOKS_SUPERSEDED;
                            break;
                        }
                        Ok(Some(pause)) => {
                            sleep(pause, stop).await;
                            Ok(())
                        }
                        Ok(None) => Ok(()),
                        Err(stopped) => Err(stopped),
                    }
                }
                Err(stopped) => Err(stopped),
            };
            match turn {
                Ok(()) => {}
                Err(Stopped::Database(cause)) => return self.database_away(&cause, stop).await,
                Err(_) => return self.robbed(),
            }
        }
        self.give_back(held).await;
    }

    async fn give_back(&mut self, mut held: Held) {
        let saved = if held.is_unsaved() { held.save(&self.pool).await } else { Ok(true) };
        let released = match saved {
            Ok(true) => held.release(&self.pool).await.map(|_| ()),
            Ok(false) => return self.robbed(),
            Err(cause) => Err(cause),
        };
        if let Err(cause) = released {
            let name = self.subscription.name;
            tracing::warn!(subscription = name, error = %chain(&cause), "cannot give the lease back");
        }
    }

    /// One batch, or a sign of life.
    async fn turn(
        &mut self,
        held: &mut Held,
        due: &mut Due,
        stop: &CancellationToken,
    ) -> Result<Turn, Stopped> {
        let now = Instant::now();
        if due.save_at.is_some_and(|at| at <= now) {
            self.save(held, due).await?;
        } else if now >= due.renew_at {
            renew(held, &self.pool).await?;
            due.renew_at = Instant::now() + RENEW_AFTER;
        }
        if !self.is_told {
            self.handler.holding(held.epoch());
            let acquired = guarded(self.handler.acquired(held.position()));
            let acquired = while_renewed(acquired, held, &self.pool);
            let acquired = tokio::select! {
                acquired = acquired => acquired?,
                // It may take long, and whoever comes next begins with it anyway.
                () = stop.cancelled() => return Ok(Turn::Level),
            };
            acquired.map_err(|cause| stopped(cause, None))?;
            self.is_told = true;
        }
        let singly = held.position() < self.singly_to;
        let limit = if singly { 1 } else { self.subscription.batch_events_max };
        let events = self.log.after(held.position(), limit).await;
        let events = events.map_err(|cause| stopped(cause.into(), None))?;
        if events.is_empty() {
            self.idle(held, due).await?;
            return Ok(Turn::Level);
        }
        let is_full = i64::try_from(events.len()).is_ok_and(|events| events >= limit);
        self.batch(held, due, &events).await?;
        let handled = counter!("baton_subscription_events_total", "subscription" => held.name());
        handled.increment(events.len() as u64);
        Ok(if is_full { Turn::Full } else { Turn::Level })
    }

    /// Awaits a wake-up; without one the follower looks anyway. What is not saved is, meanwhile.
    async fn rest(
        &mut self,
        held: &mut Held,
        due: &mut Due,
        wake: &mut watch::Receiver<Position>,
        stop: &CancellationToken,
    ) -> Result<(), Stopped> {
        let until = Instant::now() + POLL;
        loop {
            let save_at = due.save_at.filter(|at| *at < until);
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                // The runner holds the log, which holds the sender: it does not close.
                _ = wake.changed() => return Ok(()),
                () = tokio::time::sleep_until(save_at.unwrap_or(until)) => {}
            }
            if save_at.is_none() {
                return Ok(());
            }
            self.save(held, due).await?;
        }
    }

    /// Lets the row say all that was handled.
    async fn save(&mut self, held: &mut Held, due: &mut Due) -> Result<(), Stopped> {
        kept(held.save(&self.pool).await)?;
        *due = Due::anew();
        Ok(())
    }

    /// Nothing to handle. A failure that was not about an event ends here.
    async fn idle(&mut self, held: &mut Held, due: &mut Due) -> Result<(), Stopped> {
        let idle = guarded(self.handler.idle(held.position()));
        let idle = while_renewed(idle, held, &self.pool).await?;
        idle.map_err(|cause| stopped(cause, None))?;
        self.pause = PAUSE_MIN;
        self.told.clear();
        if held.is_unsaved() {
            return self.save(held, due).await;
        }
        if held.is_failed {
            kept(held.clear_failure(&self.pool).await)?;
            held.is_failed = false;
        }
        // A crash of Postgres may have taken batches that were not committed durably.
        kept(held.stands(&self.pool).await)
    }

    /// Handles the events and moves the checkpoint behind them, or does neither.
    async fn batch(
        &mut self,
        held: &mut Held,
        due: &mut Due,
        events: &[RecordedEvent],
    ) -> Result<(), Stopped> {
        let (Some(first), Some(last)) = (events.first(), events.last()) else { return Ok(()) };
        let (to, correlation_id) = (last.position, first.correlation_id);
        let batch = Some(Extent { first: first.position, last: to, correlation_id });
        let before = guarded(self.handler.before(events));
        let before = while_renewed(before, held, &self.pool).await?;
        before.map_err(|cause| stopped(cause, batch))?;
        if has_effect(&self.handler, events).map_err(|cause| stopped(cause, batch))? {
            self.commit(held, events, batch).await?;
            held.moved_to(to);
            *due = Due::anew();
        } else {
            held.passed(to);
            due.save_later();
            if held.is_failed {
                // What is written down is over: not for another moment may it be read.
                self.save(held, due).await?;
            }
        }
        Ok(())
    }

    /// Applies the events and moves the row, in one transaction.
    async fn commit(
        &mut self,
        held: &Held,
        events: &[RecordedEvent],
        batch: Option<Extent>,
    ) -> Result<(), Stopped> {
        let to = batch.map_or(held.position(), |batch| batch.last);
        let durable_commit = self.subscription.durable_commit;
        let client = self.pool.get().await;
        let mut client = client.map_err(|cause| Stopped::Database(chain(&cause)))?;
        let failed = |cause: tokio_postgres::Error| stopped(cause.into(), batch);
        let transaction = client.transaction().await.map_err(failed)?;
        let statement = prepare_move(&transaction).await.map_err(failed)?;
        let moving = held.move_to(&transaction, &statement, to, durable_commit);
        let moved = async {
            match moving.await.map_err(failed) {
                Ok(true) => Ok(()),
                Ok(false) => Err(Stopped::Lost),
                Err(stopped) => Err(stopped),
            }
        };
        let applied = guarded(self.handler.apply(&transaction, events));
        moved_first(moved, applied).await?.map_err(|cause| stopped(cause, batch))?;
        // A constraint may wait until here to say no. Where the outcome is unknown, the row says
        // which it was when it is acquired again.
        transaction.commit().await.map_err(failed)
    }

    /// What a failure leads to: how long to pause, or `None` to go on at once, one by one.
    async fn handler_failed(
        &mut self,
        held: &mut Held,
        due: &mut Due,
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
        if held.is_unsaved() {
            // Who reads of the failure reads where it stands.
            self.save(held, due).await?;
        }
        let recorded = held.record_failure(&self.pool, &failure, position).await;
        kept(recorded)?;
        held.is_failed = true;
        due.renew_at = Instant::now() + RENEW_AFTER;
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

/// Lets events come together, until somebody waits for them.
async fn gather(pause: Duration, wanted: impl Future<Output = ()>, stop: &CancellationToken) {
    // A sleep of no length takes a tick of the runtime's clock all the same.
    if pause.is_zero() {
        return;
    }
    tokio::select! {
        () = sleep(pause, stop) => {}
        () = wanted => {}
    }
}

async fn sleep(pause: Duration, stop: &CancellationToken) {
    if pause.is_zero() {
        return;
    }
    tokio::select! {
        () = stop.cancelled() => {}
        () = tokio::time::sleep(pause) => {}
    }
}

async fn renew(held: &Held, pool: &Pool) -> Result<(), Stopped> {
    kept(held.renew(pool).await)
}

/// Begins both, so that what `applied` asks of the server first is on its way behind what `moved`
/// asks, and goes on with `applied` once the row was moved. Else `applied` is dropped, and what
/// became of it means nothing.
async fn moved_first<T>(
    moved: impl Future<Output = Result<(), Stopped>>,
    applied: impl Future<Output = T>,
) -> Result<T, Stopped> {
    let (mut moved, mut applied) = (pin!(moved), pin!(applied));
    let begun = poll_fn(|context| {
        let has_moved = moved.as_mut().poll(context);
        Poll::Ready((has_moved, applied.as_mut().poll(context)))
    });
    let (has_moved, is_applied) = begun.await;
    match has_moved {
        Poll::Ready(has_moved) => has_moved?,
        Poll::Pending => moved.await?,
    }
    match is_applied {
        Poll::Ready(applied) => Ok(applied),
        Poll::Pending => Ok(applied.await),
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

const _: () = assert!(RENEW_AFTER.as_millis() + PAUSE_MAX.as_millis() < LEASE.as_millis());
const _: () = assert!(SAVE_AFTER.as_millis() < RENEW_AFTER.as_millis());
const _: () = assert!(POLL.as_millis() * (LOOKS_SUPERSEDED as u128) < LEASE.as_millis());
