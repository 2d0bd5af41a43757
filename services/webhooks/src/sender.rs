//! The sender: a worker per endpoint that has something due, started when the subscription is
//! acquired and told of everything planned since.
//!
//! The subscription's lease makes it the only one in the cluster, nearly always. Correctness does
//! not need that: a second sender sends the same deliveries with the same ids, and its results
//! are refused by the epoch it knows.

use std::collections::{HashMap, HashSet};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use baton_domain::WebhookId;
use baton_domain::webhook::DisableReason;
use baton_log::Position;
use deadpool_postgres::Object;
use futures_util::FutureExt as _;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::delivery::Delivery;
use crate::endpoint::Endpoint;
use crate::error::StoreError;
use crate::handover::Planning;
use crate::inbox::Inbox;
use crate::slots::{ALL_READY, Slot, Slots, State};
use crate::worker::{Means, Worker};

const READ_FAILING: &str = include_str!("sql/read_failing.sql");
/// How long a worker that panicked stays away.
const PANIC_PAUSE: Duration = Duration::from_secs(1);

/// What is known when the subscription is acquired.
pub(crate) struct Known {
    pub(crate) endpoints: Vec<Endpoint>,
    /// Endpoints with anything due.
    pub(crate) waiting: HashSet<WebhookId>,
    /// Those that have failed too often.
    pub(crate) failing: HashSet<WebhookId>,
    /// Those whose earlier events are not all planned yet, and up to where they are.
    pub(crate) ready: HashMap<WebhookId, Position>,
}

/// Sends what is due. Clones share everything.
#[derive(Clone)]
pub(crate) struct Sender {
    pub(crate) slots: Slots,
    pub(crate) means: Means,
    /// The epoch of the subscription that this process last acquired.
    pub(crate) epoch: Arc<watch::Sender<i64>>,
    pub(crate) workers: TaskTracker,
    /// Ends workers at once.
    pub(crate) stop: CancellationToken,
    /// Deliveries were given up: their rows are to be marked.
    pub(crate) dropped: Arc<Notify>,
    /// There may be events to plan from before a webhook's registration.
    pub(crate) backfills: Arc<Notify>,
    pub(crate) failures_max: i32,
}

impl Sender {
    /// The webhooks that have failed too often, also those switched off for it.
    pub(crate) async fn read_failing(
        &self,
        client: &Object,
    ) -> Result<HashSet<WebhookId>, StoreError> {
        let statement = client.prepare_cached(READ_FAILING).await?;
        let rows = client.query(&statement, &[&self.failures_max]).await?;
        rows.iter().map(|row| Ok(WebhookId(row.try_get("webhook_id")?))).collect()
    }

    /// The subscription was acquired: another sender may have been at work until now.
    pub(crate) fn restart(&self, epoch: i64, known: Known) {
        self.epoch.send_replace(epoch);
        let mut state = self.slots.lock();
        let mut before = std::mem::take(&mut state.slots);
        for endpoint in known.endpoints.into_iter().filter(|endpoint| endpoint.is_active) {
            let endpoint = Arc::new(endpoint);
            let id = endpoint.id;
            if known.failing.contains(&id) {
                self.means.disabler.disable(&endpoint, DisableReason::Failing);
            }
            let ready_through = known.ready.get(&id).copied().unwrap_or(ALL_READY);
            let inbox = before.remove(&id).and_then(|slot| slot.inbox);
            if let Some(inbox) = &inbox {
                inbox.change(Arc::clone(&endpoint), ready_through);
            }
            state.slots.insert(id, Slot { endpoint, ready_through, inbox });
            if known.waiting.contains(&id) {
                self.inbox(&mut state, id);
            }
        }
        before.values().for_each(Slot::close);
        self.dropped.notify_one();
        self.backfills.notify_one();
    }

    /// A batch was committed.
    pub(crate) fn dispatch(&self, planning: Planning) {
        let mut state = self.slots.lock();
        for endpoint in planning.changed {
            self.change(&mut state, endpoint);
        }
        for webhook in planning.given_up {
            if let Some(slot) = state.slots.get_mut(&webhook) {
                slot.set_ready(ALL_READY);
            }
            self.dropped.notify_one();
        }
        for (webhook, position) in planning.backfills {
            if let Some(slot) = state.slots.get_mut(&webhook) {
                slot.set_ready(position);
            }
            self.backfills.notify_one();
        }
        for (webhook, delivery) in planning.deliveries {
            self.offer(&mut state, webhook, delivery);
        }
        for webhook in planning.redelivering {
            if let Some(inbox) = self.inbox(&mut state, webhook) {
                inbox.request();
            }
        }
    }

    /// The endpoints whose earlier events are not all planned yet, as far as is known here.
    pub(crate) fn backfilling(&self) -> Vec<WebhookId> {
        let state = self.slots.lock();
        let waits =
            |(id, slot): (&WebhookId, &Slot)| (slot.ready_through < ALL_READY).then_some(*id);
        state.slots.iter().filter_map(waits).collect()
    }

    /// A webhook's events are planned up to a position, by the holder of this epoch.
    pub(crate) fn ready(&self, epoch: i64, webhook: WebhookId, through: Position) {
        let mut state = self.slots.lock();
        // What was planned under an earlier epoch was looked at when this one began.
        if *self.epoch.borrow() != epoch {
            return;
        }
        let Some(slot) = state.slots.get_mut(&webhook) else { return };
        if through > slot.ready_through {
            slot.set_ready(through);
            self.inbox(&mut state, webhook);
        }
    }

    fn change(&self, state: &mut State, endpoint: Endpoint) {
        if !endpoint.is_active {
            state.slots.remove(&endpoint.id).iter().for_each(Slot::close);
            self.dropped.notify_one();
            return;
        }
        let endpoint = Arc::new(endpoint);
        let before = state.slots.remove(&endpoint.id);
        let (ready_through, inbox) =
            before.map_or((ALL_READY, None), |slot| (slot.ready_through, slot.inbox));
        if let Some(inbox) = &inbox {
            inbox.change(Arc::clone(&endpoint), ready_through);
        }
        state.slots.insert(endpoint.id, Slot { endpoint, ready_through, inbox });
    }

    fn offer(&self, state: &mut State, webhook: WebhookId, delivery: Delivery) {
        if let Some(inbox) = self.inbox(state, webhook) {
            inbox.offer(delivery);
        }
    }

    /// The inbox of an active endpoint's worker, which is started if need be.
    fn inbox(&self, state: &mut State, webhook: WebhookId) -> Option<Arc<Inbox>> {
        if state.is_closed {
            return None;
        }
        let slot = state.slots.get_mut(&webhook)?;
        if slot.inbox.is_none() {
            let inbox = Arc::new(Inbox::new(Arc::clone(&slot.endpoint), slot.ready_through));
            slot.inbox = Some(Arc::clone(&inbox));
            let work = work(self.means.clone(), webhook, inbox);
            self.workers.spawn(self.stop.clone().run_until_cancelled_owned(work));
        }
        slot.inbox.clone()
    }
}

/// A worker; one that panics is replaced, and reads anew what is due.
async fn work(means: Means, webhook: WebhookId, inbox: Arc<Inbox>) {
    loop {
        let worker = Worker::new(means.clone(), Arc::clone(&inbox));
        if AssertUnwindSafe(worker.run()).catch_unwind().await.is_ok() {
            return;
        }
        tracing::error!(%webhook, "the worker of a webhook panicked");
        tokio::time::sleep(PANIC_PAUSE).await;
    }
}
