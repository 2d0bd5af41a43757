//! The endpoints that this process sends to, each with its worker once it has something to do.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

use baton_domain::WebhookId;
use baton_log::Position;

use crate::endpoint::Endpoint;
use crate::inbox::Inbox;

/// Nothing waits: all earlier events are planned.
pub(crate) const ALL_READY: Position = Position::MAX;

/// One active endpoint.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) endpoint: Arc<Endpoint>,
    /// First attempts above this position wait: earlier events are not all planned yet.
    pub(crate) ready_through: Position,
    /// Its worker's inbox.
    pub(crate) inbox: Option<Arc<Inbox>>,
}

/// All active endpoints. Clones share them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Slots(Arc<Mutex<State>>);

#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) slots: HashMap<WebhookId, Slot>,
    /// The process is ending: no worker may start.
    pub(crate) is_closed: bool,
}

impl Slots {
    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("no holder of the slots' lock panics")
    }

    /// Ends all workers: another process sends now.
    pub(crate) fn halt(&self) {
        for (_, slot) in self.lock().slots.drain() {
            slot.close();
        }
    }

    /// Ends all workers, and lets none start again.
    pub(crate) fn close(&self) {
        self.lock().is_closed = true;
        self.halt();
    }
}

impl Slot {
    /// Events up to this position are planned.
    pub(crate) fn set_ready(&mut self, through: Position) {
        self.ready_through = through;
        self.inbox.iter().for_each(|inbox| inbox.ready(through));
    }

    /// Ends the endpoint's worker.
    pub(crate) fn close(&self) {
        self.inbox.iter().for_each(|inbox| inbox.close());
    }
}
