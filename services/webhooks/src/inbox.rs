//! What the sender tells one endpoint's worker: new deliveries, changes, and when to end.
//! Bounded: deliveries that do not fit are read from the table later.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};

use baton_log::Position;
use tokio::sync::Notify;

use crate::delivery::Delivery;
use crate::endpoint::Endpoint;

/// Deliveries that wait for their worker at most.
const DELIVERIES_MAX: usize = 1_024;
/// Bytes of their bodies at most.
const BYTES_MAX: usize = 8 * 1024 * 1024;

/// A worker's inbox.
#[derive(Debug)]
pub(crate) struct Inbox {
    mail: Mutex<Mail>,
    arrived: Notify,
}

/// What arrived since the worker last looked.
#[derive(Debug)]
pub(crate) struct Mail {
    /// The endpoint as it is now.
    pub(crate) endpoint: Arc<Endpoint>,
    /// It is not what it was, or another sender may have been at work: nothing queued is sure to
    /// be due.
    pub(crate) is_stale: bool,
    /// New first attempts in log order, unless some were left out.
    pub(crate) deliveries: VecDeque<Delivery>,
    bytes: usize,
    /// More is due than is here: read the table.
    pub(crate) is_incomplete: bool,
    /// First attempts above this position wait: earlier events are not all planned yet.
    pub(crate) ready_through: Position,
    /// Deliveries were asked for again.
    pub(crate) has_requests: bool,
    /// Start nothing more.
    pub(crate) is_closed: bool,
}

impl Mail {
    fn none(endpoint: Arc<Endpoint>, ready_through: Position, is_closed: bool) -> Self {
        Self {
            endpoint,
            is_stale: false,
            deliveries: VecDeque::new(),
            bytes: 0,
            is_incomplete: false,
            ready_through,
            has_requests: false,
            is_closed,
        }
    }
}

impl Inbox {
    pub(crate) fn new(endpoint: Arc<Endpoint>, ready_through: Position) -> Self {
        let mail = Mutex::new(Mail::none(endpoint, ready_through, false));
        Self { mail, arrived: Notify::new() }
    }

    /// New first attempts, in log order, above all before.
    pub(crate) fn offer(&self, delivery: Delivery) {
        let mut mail = self.lock();
        let bytes = mail.bytes + delivery.letter.body.len();
        if mail.is_incomplete || mail.deliveries.len() == DELIVERIES_MAX || bytes > BYTES_MAX {
            mail.is_incomplete = true;
        } else {
            mail.bytes = bytes;
            mail.deliveries.push_back(delivery);
        }
        drop(mail);
        self.arrived.notify_one();
    }

    /// The endpoint has changed, or another sender may have been at work.
    pub(crate) fn change(&self, endpoint: Arc<Endpoint>, ready_through: Position) {
        let mut mail = self.lock();
        (mail.endpoint, mail.ready_through) = (endpoint, ready_through);
        mail.is_stale = true;
        drop(mail);
        self.arrived.notify_one();
    }

    /// Events up to this position are planned.
    pub(crate) fn ready(&self, through: Position) {
        self.lock().ready_through = through;
        self.arrived.notify_one();
    }

    /// Deliveries were asked for again.
    pub(crate) fn request(&self) {
        self.lock().has_requests = true;
        self.arrived.notify_one();
    }

    /// Nothing more is to be started.
    pub(crate) fn close(&self) {
        self.lock().is_closed = true;
        self.arrived.notify_one();
    }

    /// Everything that arrived; a closed inbox stays closed.
    pub(crate) fn take(&self) -> Mail {
        let mut mail = self.lock();
        let nothing = Mail::none(Arc::clone(&mail.endpoint), mail.ready_through, mail.is_closed);
        std::mem::replace(&mut *mail, nothing)
    }

    /// Waits for the next arrival since the last wait.
    pub(crate) async fn arrived(&self) {
        self.arrived.notified().await;
    }

    fn lock(&self) -> MutexGuard<'_, Mail> {
        self.mail.lock().expect("no holder of an inbox's lock panics")
    }
}
