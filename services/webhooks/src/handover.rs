//! From the planner to the sender, in memory: what a batch planned, held back until its
//! transaction is known to be committed. Losing it loses nothing: the rows are in the table.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};

use baton_domain::WebhookId;
use baton_log::Position;

use crate::delivery::Delivery;
use crate::endpoint::Endpoint;

/// What one batch of events led to.
#[derive(Debug, Default)]
pub(crate) struct Planning {
    /// Endpoints as the batch left them. Applied first: nothing due to an endpoint follows its
    /// last change within a batch unless the change allows it.
    pub(crate) changed: Vec<Endpoint>,
    /// Webhooks that were out of use in between: all from before then is given up.
    pub(crate) given_up: Vec<WebhookId>,
    /// Webhooks that are to get the events above a position before those from now on.
    pub(crate) backfills: Vec<(WebhookId, Position)>,
    /// New deliveries in log order.
    pub(crate) deliveries: Vec<(WebhookId, Delivery)>,
    /// Webhooks of which deliveries were asked for again.
    pub(crate) redelivering: Vec<WebhookId>,
}

impl Planning {
    fn is_empty(&self) -> bool {
        let Self { changed, given_up, backfills, deliveries, redelivering } = self;
        changed.is_empty()
            && given_up.is_empty()
            && backfills.is_empty()
            && deliveries.is_empty()
            && redelivering.is_empty()
    }
}

/// Batches whose commit is not known yet. Clones share them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Handover(Arc<Mutex<VecDeque<(Position, Planning)>>>);

impl Handover {
    /// Holds a batch back until the checkpoint has reached `last`.
    pub(crate) fn stage(&self, last: Position, planning: Planning) {
        if !planning.is_empty() {
            self.lock().push_back((last, planning));
        }
    }

    /// The next batch that the checkpoint covers.
    pub(crate) fn take(&self, checkpoint: Position) -> Option<Planning> {
        let mut staged = self.lock();
        let (last, _) = staged.front()?;
        if *last > checkpoint {
            return None;
        }
        staged.pop_front().map(|(_, planning)| planning)
    }

    /// Forgets what was staged.
    pub(crate) fn clear(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<(Position, Planning)>> {
        self.0.lock().expect("no holder of the handover's lock panics")
    }
}
