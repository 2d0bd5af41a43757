//! The sender: a worker per endpoint that has something due, started when the subscription is
//! acquired and told of everything planned since.
//!
//! The subscription's lease makes it the only one in the cluster, nearly always. Correctness does
//! not need that: a second sender sends the same deliveries with the same ids, and its results
//! are refused by the epoch it knows.

use std::collections::HashSet;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use baton_domain::WebhookId;
use baton_domain::webhook::DisableReason;
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
use crate::slots::{Slot, Slots, State};
use crate::worker::{Means, Worker};

const READ_FAILING: &str = include_str!("sql/read_failing.sql");
/// How long a worker that panicked stays away.
const PANIC_PAUSE: Duration = Duration::from_secs(1);

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
    pub(crate) fn restart(
        &self,
        epoch: i64,
        endpoints: Vec<Endpoint>,
        waiting: &HashSet<WebhookId>,
        failing: &HashSet<WebhookId>,
    ) {
        self.epoch.send_replace(epoch);
        let mut state = self.slots.lock();
        let mut before = std::mem::take(&mut state.slots);
        for endpoint in endpoints.into_iter().filter(|endpoint| endpoint.is_active) {
            let endpoint = Arc::new(endpoint);
            if failing.contains(&endpoint.id) {
                self.means.disabler.disable(&endpoint, DisableReason::Failing);
            }
            let inbox = before.remove(&endpoint.id).and_then(|slot| slot.inbox);
            if let Some(inbox) = &inbox {
                inbox.change(Arc::clone(&endpoint));
            }
            let id = endpoint.id;
            state.slots.insert(id, Slot { endpoint, inbox });
            if waiting.contains(&id) {
                self.inbox(&mut state, id);
            }
        }
        before.values().for_each(Slot::close);
        self.dropped.notify_one();
    }

    /// A batch was committed.
    pub(crate) fn dispatch(&self, planning: Planning) {
        let mut state = self.slots.lock();
        for endpoint in planning.changed {
            self.change(&mut state, endpoint);
        }
        for (webhook, delivery) in planning.deliveries {
            self.offer(&mut state, webhook, delivery);
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
        let inbox = before.and_then(|slot| slot.inbox);
        if let Some(inbox) = &inbox {
            inbox.change(Arc::clone(&endpoint));
        }
        state.slots.insert(endpoint.id, Slot { endpoint, inbox });
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
            let inbox = Arc::new(Inbox::new(Arc::clone(&slot.endpoint)));
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
