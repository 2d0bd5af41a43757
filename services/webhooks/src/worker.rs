//! One endpoint's deliveries: which go next, how many at once, what follows from each result.
//!
//! First attempts come in log order, handed over or read from the table; retries come from the
//! table when their time has come. A result is final when it is recorded; until then its delivery
//! is under way. Must not: decide what is due, or hold up another endpoint.

use std::collections::{HashSet, VecDeque};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use baton_domain::webhook::{DisableReason, FormerSecret, Ordering};
use baton_domain::{Timestamp, id::SecretId};
use baton_log::Position;
use deadpool_postgres::Pool;
use futures_util::future::BoxFuture;
use futures_util::{FutureExt as _, StreamExt as _, stream::FuturesUnordered};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::Instant;
use uuid::Uuid;

use crate::delivery::{Delivery, read_first, read_retries};
use crate::disable::Disabler;
use crate::endpoint::Endpoint;
use crate::error::StoreError;
use crate::inbox::{Inbox, Mail};
use crate::lanes::Lanes;
use crate::record::{Finished, Recorder};
use crate::secrets::Secrets;
use crate::send::{Outcome, Post};
use crate::sign::Keyring;

/// First attempts in memory before the rest stays in the table.
const QUEUED_DELIVERIES_MAX: usize = 1_024;
/// Bytes of their bodies at most.
const QUEUED_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Results that may wait to be recorded; more, and nothing is sent: it might be in vain.
const UNRECORDED_MAX: usize = 512;
/// Time-outs in a row after which one attempt at a time probes whether the receiver is back.
const TIMEOUTS_MAX: u32 = 3;
/// How long to wait with a database that does not answer.
const OUTAGE_PAUSE: Duration = Duration::from_millis(500);

/// What all workers share. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Means {
    pub(crate) pool: Pool,
    pub(crate) post: Post,
    pub(crate) secrets: Secrets,
    pub(crate) recorder: Recorder,
    pub(crate) disabler: Disabler,
    pub(crate) in_flight_max: usize,
    /// Bounds the connections that workers take from the pool together.
    pub(crate) reads: Arc<Semaphore>,
}

pub(crate) struct Worker {
    means: Means,
    inbox: Arc<Inbox>,
    endpoint: Arc<Endpoint>,
    keyring: Option<(SecretId, Vec<FormerSecret>, Arc<Keyring>)>,
    first: Lanes,
    /// The position up to which first attempts were taken.
    taken: Position,
    /// The table has first attempts above `taken` that will not be handed over.
    is_behind: bool,
    /// First attempts above this position wait: earlier events are not all planned yet.
    ready_through: Position,
    retries: VecDeque<Delivery>,
    /// When to look for retries.
    retry_at: Option<jiff::Timestamp>,
    in_flight: JoinSet<Finished>,
    unrecorded: FuturesUnordered<BoxFuture<'static, (Uuid, Option<jiff::Timestamp>)>>,
    /// Everything in flight or unrecorded.
    under_way: HashSet<Uuid>,
    /// Those of them that may have been asked for again since they were started.
    requested: HashSet<Uuid>,
    timeouts: u32,
    is_gone: bool,
    is_retry_next: bool,
    was_well: bool,
}

impl Worker {
    /// A worker that knows nothing yet and finds what is due in the table.
    pub(crate) fn new(means: Means, inbox: Arc<Inbox>) -> Self {
        let Mail { endpoint, ready_through, .. } = inbox.take();
        Self {
            means,
            endpoint,
            inbox,
            keyring: None,
            first: Lanes::default(),
            taken: 0,
            is_behind: true,
            ready_through,
            retries: VecDeque::new(),
            // Now: a predecessor may have left some.
            retry_at: Some(jiff::Timestamp::UNIX_EPOCH),
            in_flight: JoinSet::new(),
            unrecorded: FuturesUnordered::new(),
            under_way: HashSet::new(),
            requested: HashSet::new(),
            timeouts: 0,
            is_gone: false,
            is_retry_next: false,
            was_well: true,
        }
    }

    /// Works until the inbox is closed and everything under way has ended.
    pub(crate) async fn run(mut self) {
        while self.take_mail() {
            let mut look_at = None;
            match self.refill().await {
                Ok(()) => {
                    self.was_well = true;
                    self.start();
                }
                Err(error) => {
                    self.tell(&error);
                    look_at = Some(Instant::now() + OUTAGE_PAUSE);
                }
            }
            let look_at = look_at.or_else(|| self.look_at());
            tokio::select! {
                () = self.inbox.arrived() => {}
                Some(finished) = self.in_flight.join_next() => self.finished(finished).await,
                Some(recorded) = self.unrecorded.next() => self.recorded(recorded),
                () = sleep_until(look_at) => {}
            }
        }
        self.drain().await;
    }

    /// Takes what the sender has to say; false when it says to end.
    fn take_mail(&mut self) -> bool {
        let mail = self.inbox.take();
        self.endpoint = mail.endpoint;
        if mail.is_stale {
            self.is_gone = false;
            self.look_anew();
        }
        if mail.has_requests {
            self.retries.clear();
            self.retry_at = Some(jiff::Timestamp::UNIX_EPOCH);
            self.requested = self.under_way.clone();
        }
        if mail.ready_through != self.ready_through {
            (self.ready_through, self.is_behind) = (mail.ready_through, true);
        }
        for delivery in mail.deliveries {
            if delivery.position > self.ready_through {
                // Read from the table when its time has come.
                break;
            }
            if self.is_behind || self.is_full() {
                self.is_behind = true;
                break;
            }
            if delivery.position > self.taken.max(self.endpoint.dropped_through) {
                self.taken = delivery.position;
                self.first.push(delivery);
            }
        }
        self.is_behind |= mail.is_incomplete;
        !mail.is_closed
    }

    /// Forgets what is queued: the table knows better.
    fn look_anew(&mut self) {
        self.first.forget_queued();
        self.retries.clear();
        (self.taken, self.is_behind) = (0, true);
        self.retry_at = Some(jiff::Timestamp::UNIX_EPOCH);
    }

    fn is_full(&self) -> bool {
        self.first.queued() >= QUEUED_DELIVERIES_MAX || self.first.bytes() >= QUEUED_BYTES_MAX
    }

    /// Reads what is missing to go on.
    async fn refill(&mut self) -> Result<(), RefillError> {
        let Endpoint { secret_id, former_secrets, .. } = &*self.endpoint;
        let is_current = |(id, former, _): &(SecretId, Vec<FormerSecret>, Arc<Keyring>)| {
            id == secret_id && former == former_secrets
        };
        if !self.keyring.as_ref().is_some_and(is_current) {
            self.keyring = None;
            let keyring = self.means.secrets.keyring(&self.endpoint).await?;
            self.keyring = Some((*secret_id, former_secrets.clone(), keyring));
        }
        let is_due = |at: jiff::Timestamp| at <= jiff::Timestamp::now();
        let is_low = self.first.queued() < QUEUED_DELIVERIES_MAX / 2
            && self.first.bytes() < QUEUED_BYTES_MAX / 2;
        if self.is_behind && is_low {
            let _permit = self.means.reads.acquire().await;
            let page =
                read_first(&self.means.pool, &self.endpoint, (self.taken, self.ready_through))
                    .await?;
            self.is_behind = !page.is_last;
            for delivery in page.deliveries {
                self.taken = delivery.position;
                if !self.under_way.contains(&delivery.letter.id) {
                    self.first.push(delivery);
                }
            }
        }
        if self.retries.is_empty() && self.retry_at.is_some_and(is_due) {
            let _permit = self.means.reads.acquire().await;
            let now = jiff::Timestamp::now();
            let under_way: Vec<Uuid> = self.under_way.iter().copied().collect();
            let limit = self.means.in_flight_max;
            let retries =
                read_retries(&self.means.pool, &self.endpoint, &under_way, now, limit).await?;
            self.retries = retries.due.into();
            self.retry_at = retries.next_at;
        }
        Ok(())
    }

    /// Starts attempts as far as there is room.
    fn start(&mut self) {
        let Some((_, _, keyring)) = self.keyring.clone() else { return };
        while self.endpoint.is_active
            && !self.is_gone
            && self.in_flight.len() < self.in_flight_max()
            && self.under_way.len() < UNRECORDED_MAX
        {
            let Some(delivery) = self.pick() else { break };
            self.under_way.insert(delivery.letter.id);
            let (post, endpoint) = (self.means.post.clone(), Arc::clone(&self.endpoint));
            let keyring = Arc::clone(&keyring);
            self.in_flight.spawn(async move {
                let at = jiff::Timestamp::now();
                let sent = post.send(&endpoint, &keyring, &delivery.letter, Timestamp::from(at));
                let outcome = AssertUnwindSafe(sent).catch_unwind().await;
                let outcome = outcome.unwrap_or(Outcome::Unreached { why: "Baton failed to send" });
                Finished {
                    delivery,
                    outcome,
                    endpoint,
                    attempted_at: at,
                    ended_at: jiff::Timestamp::now(),
                }
            });
        }
    }

    fn in_flight_max(&self) -> usize {
        let is_single = self.endpoint.ordering == Ordering::Strict || self.timeouts >= TIMEOUTS_MAX;
        if is_single { 1 } else { self.means.in_flight_max }
    }

    /// First attempts and retries in turn: neither waits for the other to run out.
    fn pick(&mut self) -> Option<Delivery> {
        self.is_retry_next = !self.is_retry_next;
        if self.is_retry_next {
            self.retries.pop_front().or_else(|| self.first.start())
        } else {
            self.first.start().or_else(|| self.retries.pop_front())
        }
    }

    /// When to look again if nothing happens before.
    fn look_at(&self) -> Option<Instant> {
        if !self.retries.is_empty() {
            // They wait for room, which comes with a result.
            return None;
        }
        let wait = self.retry_at?.duration_since(jiff::Timestamp::now());
        Some(Instant::now() + Duration::try_from(wait).unwrap_or_default())
    }

    async fn finished(&mut self, finished: Result<Finished, tokio::task::JoinError>) {
        self.take_result(finished).await;
        while let Some(more) = self.in_flight.try_join_next() {
            self.take_result(more).await;
        }
    }

    async fn take_result(&mut self, finished: Result<Finished, tokio::task::JoinError>) {
        // Attempts catch their panics and are never aborted while there is a worker.
        let Ok(finished) = finished else { return };
        if finished.delivery.is_first() {
            self.first.free(&finished.delivery.lane);
        }
        match finished.outcome {
            Outcome::TimedOut => self.timeouts += 1,
            _ => self.timeouts = 0,
        }
        let id = finished.delivery.letter.id;
        let is_gone = finished.outcome.is_gone();
        let recorded = self.means.recorder.record(finished).await;
        // A recorder that ended has recorded nothing: the next sender will try again.
        self.unrecorded.push(recorded.map(move |it| (id, it.ok().flatten())).boxed());
        if is_gone && !self.is_gone {
            self.is_gone = true;
            self.means.disabler.disable(&self.endpoint, DisableReason::Gone);
        }
    }

    /// Results are recorded many at a time.
    fn recorded(&mut self, recorded: (Uuid, Option<jiff::Timestamp>)) {
        let mut next = Some(recorded);
        while let Some(recorded) = next {
            self.settle(recorded);
            next = self.unrecorded.next().now_or_never().flatten();
        }
    }

    fn settle(&mut self, (id, retry_at): (Uuid, Option<jiff::Timestamp>)) {
        self.under_way.remove(&id);
        let requested_at = self.requested.remove(&id).then_some(jiff::Timestamp::UNIX_EPOCH);
        let times = [self.retry_at, retry_at, requested_at];
        self.retry_at = times.into_iter().flatten().min();
    }

    async fn drain(mut self) {
        while let Some(finished) = self.in_flight.join_next().await {
            self.finished(finished).await;
        }
        while self.unrecorded.next().await.is_some() {}
    }

    fn tell(&mut self, error: &RefillError) {
        if std::mem::take(&mut self.was_well) {
            let error: &dyn std::error::Error = error;
            tracing::error!(webhook = %self.endpoint.id, error, "cannot go on delivering");
        }
    }
}

/// Why a worker cannot go on for now.
#[derive(Debug, thiserror::Error)]
enum RefillError {
    #[error("cannot read what is due")]
    Store(#[from] StoreError),
    #[error("cannot get the webhook's secret")]
    Secret(#[from] baton_commands::CommandError),
}

async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}
