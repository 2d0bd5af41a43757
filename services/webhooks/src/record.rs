//! What became of attempts, written down in batches: while one is written the next gathers, and
//! each waits a moment for others. Nothing waits for a result to be written but a retry's time.
//!
//! Must not: judge a receiver beyond what an attempt says, or write for a subscription that
//! another process holds.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use baton_domain::webhook::DisableReason;
use baton_log::Position;
use deadpool_postgres::Pool;
use futures_util::FutureExt as _;
use jiff::Timestamp;
use tokio::sync::{mpsc, oneshot, watch};
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use crate::count;
use crate::delivery::Delivery;
use crate::disable::Disabler;
use crate::endpoint::Endpoint;
use crate::error::StoreError;
use crate::plan::SUBSCRIPTION;
use crate::schedule::{Failure, Schedule};
use crate::send::Outcome;
use crate::slots::Slots;

const RECORD_ATTEMPTS: &str = include_str!("sql/record_attempts.sql");
/// Results that one statement writes at most.
const BATCH_RESULTS_MAX: usize = 256;
/// How long a result waits for others to be written with: one write costs more than many rows.
const GATHER: Duration = Duration::from_millis(10);
/// Results that wait for the recorder at most.
const QUEUE_RESULTS_MAX: usize = 1_024;
/// How long to wait with a database that does not answer.
const OUTAGE_PAUSE: Duration = Duration::from_millis(500);
/// How long results wait for this process to hold the subscription again.
const REACQUIRE_WITHIN: Duration = Duration::from_secs(2);

/// One attempt that ended.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) delivery: Delivery,
    pub(crate) endpoint: Arc<Endpoint>,
    pub(crate) outcome: Outcome,
    pub(crate) attempted_at: Timestamp,
    pub(crate) ended_at: Timestamp,
}

/// Takes results. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Recorder {
    queue: mpsc::Sender<Waiting>,
    schedule: Arc<Schedule>,
}

/// The task behind [`Recorder`].
pub(crate) struct Recording {
    pub(crate) pool: Pool,
    pub(crate) failures_max: i32,
    /// The epoch of the subscription that this process last held.
    pub(crate) epoch: watch::Receiver<i64>,
    pub(crate) slots: Slots,
    pub(crate) disabler: Disabler,
}

struct Waiting {
    endpoint: Arc<Endpoint>,
    row: Row,
    /// Told when the next attempt is due, once that is recorded.
    recorded: oneshot::Sender<Option<Timestamp>>,
}

/// A delivery's row after an attempt.
#[derive(Debug, PartialEq, Eq)]
struct Row {
    id: Uuid,
    attempt: i32,
    /// The request for a redelivery that the attempt knew of.
    requested_position: Position,
    state: &'static str,
    next_attempt_at: Option<Timestamp>,
    status_code: Option<i32>,
    response_body: Option<String>,
    error: Option<&'static str>,
    attempted_at: Timestamp,
    delivered_at: Option<Timestamp>,
}

/// What the table said to a batch.
struct Written {
    /// The subscription is this process's.
    is_held: bool,
    /// Webhooks that have now failed too often.
    failing: Vec<Uuid>,
}

impl Recorder {
    /// A recorder and the end of its queue, for [`Recording::run`].
    pub(crate) fn new(schedule: Schedule) -> (Self, Queue) {
        let (queue, receiver) = mpsc::channel(QUEUE_RESULTS_MAX);
        (Self { queue, schedule: Arc::new(schedule) }, Queue(receiver))
    }

    /// Hands a result over; the answer comes when it is recorded, or nothing where it never is.
    pub(crate) async fn record(&self, finished: Finished) -> oneshot::Receiver<Option<Timestamp>> {
        count::attempt(&finished);
        let (recorded, answer) = oneshot::channel();
        let row = row(&finished, &self.schedule, chance());
        let waiting = Waiting { endpoint: finished.endpoint, row, recorded };
        // Nobody listens any more only when this process is ending: sent again by the next.
        let _is_taken = self.queue.send(waiting).await;
        answer
    }
}

/// Results on their way to [`Recording::run`].
pub(crate) struct Queue(mpsc::Receiver<Waiting>);

impl Queue {
    /// The next results to be written together; false when there are no more recorders.
    async fn gather(&mut self, batch: &mut Vec<Waiting>) -> bool {
        if self.0.recv_many(batch, BATCH_RESULTS_MAX).await == 0 {
            return false;
        }
        if batch.len() < BATCH_RESULTS_MAX {
            tokio::time::sleep(GATHER).await;
            let room = BATCH_RESULTS_MAX - batch.len();
            // What is there by now, if anything is.
            let _more = self.0.recv_many(batch, room).now_or_never();
        }
        true
    }
}

impl Recording {
    /// Records until there are no more recorders.
    pub(crate) async fn run(mut self, mut queue: Queue) {
        let mut batch = Vec::with_capacity(BATCH_RESULTS_MAX);
        while queue.gather(&mut batch).await {
            let Some(failing) = self.write(&batch).await else {
                // Answers are dropped with the batch: nothing of it was recorded.
                batch.clear();
                continue;
            };
            for webhook in failing {
                let failed = batch.iter().find(|waiting| waiting.endpoint.id.0 == webhook);
                if let Some(waiting) = failed {
                    self.disabler.disable(&waiting.endpoint, DisableReason::Failing);
                }
            }
            for Waiting { row, recorded, .. } in batch.drain(..) {
                // A worker that ended needs no answer.
                let _is_heard = recorded.send(row.next_attempt_at);
            }
        }
    }

    /// Writes a batch, however long the database is away; `None` when the subscription was lost.
    async fn write(&mut self, batch: &[Waiting]) -> Option<Vec<Uuid>> {
        let mut was_well = true;
        loop {
            let epoch = *self.epoch.borrow_and_update();
            match self.try_write(epoch, batch).await {
                Ok(Written { is_held: true, failing }) => return Some(failing),
                Ok(Written { is_held: false, .. }) => {
                    // Taken back after an outage, or lost for good.
                    let again = tokio::time::timeout(REACQUIRE_WITHIN, self.epoch.changed()).await;
                    if !matches!(again, Ok(Ok(()))) {
                        tracing::warn!("another process sends webhooks now");
                        self.slots.halt();
                        return None;
                    }
                }
                Err(error) => {
                    if std::mem::take(&mut was_well) {
                        let error: &dyn Error = &error;
                        tracing::error!(error, "cannot record what became of deliveries");
                    }
                    tokio::time::sleep(OUTAGE_PAUSE).await;
                }
            }
        }
    }

    async fn try_write(&self, epoch: i64, batch: &[Waiting]) -> Result<Written, StoreError> {
        fn column<'a, T>(batch: &'a [Waiting], of: impl Fn(&'a Row) -> T) -> Vec<T> {
            batch.iter().map(|waiting| of(&waiting.row)).collect()
        }
        let client = self.pool.get().await.map_err(StoreError::Pool)?;
        let statement = client.prepare_cached(RECORD_ATTEMPTS).await?;
        let parameters: [&(dyn ToSql + Sync); 13] = [
            &SUBSCRIPTION,
            &epoch,
            &self.failures_max,
            &column(batch, |row| row.id),
            &column(batch, |row| row.attempt),
            &column(batch, |row| row.requested_position),
            &column(batch, |row| row.state),
            &column(batch, |row| row.next_attempt_at),
            &column(batch, |row| row.status_code),
            &column(batch, |row| row.response_body.as_deref()),
            &column(batch, |row| row.error),
            &column(batch, |row| row.attempted_at),
            &column(batch, |row| row.delivered_at),
        ];
        let row = client.query_one(&statement, &parameters).await?;
        Ok(Written { is_held: row.try_get("is_held")?, failing: row.try_get("failing")? })
    }
}

/// What an attempt leads to. `chance` is from 0 to 1.
fn row(finished: &Finished, schedule: &Schedule, chance: f64) -> Row {
    let attempt = finished.delivery.attempts + 1;
    let outcome = &finished.outcome;
    let (status_code, response_body, retry_after, error) = match outcome {
        Outcome::Answered { status, body, retry_after } => {
            (Some(i32::from(*status)), Some(body.clone()), *retry_after, None)
        }
        Outcome::TimedOut => (None, None, None, Some("there was no answer in time")),
        Outcome::Unreached { why } => (None, None, None, Some(*why)),
    };
    // Asked for again, a delivery has its whole schedule before it.
    let attempts = attempt - finished.delivery.attempts_before;
    let failure = Failure { attempts, at: finished.ended_at, retry_after };
    let next_attempt_at = match outcome.is_success() || outcome.is_gone() {
        true => None,
        false => schedule.retry_at(failure, chance),
    };
    let state = match (outcome.is_success(), next_attempt_at) {
        (true, _) => "delivered",
        (false, Some(_)) => "due",
        (false, None) => "failed",
    };
    Row {
        id: finished.delivery.letter.id,
        attempt,
        requested_position: finished.delivery.requested_position,
        state,
        next_attempt_at,
        status_code,
        response_body,
        error,
        attempted_at: finished.attempted_at,
        delivered_at: outcome.is_success().then_some(finished.ended_at),
    }
}

/// A number from 0 to 1 for the schedule; without randomness there is no jitter.
fn chance() -> f64 {
    getrandom::u32().map_or(0.0, |number| f64::from(number) / f64::from(u32::MAX))
}
