//! The last events with their subjects, for those who are level with the log. Bounded.

use std::collections::VecDeque;
use std::sync::{Arc, OnceLock};

use baton_history::{Folded, Subject, SubjectState};
use baton_log::{Position, RecordedEvent, Scope};
use bytes::Bytes;

use crate::handler::HandleError;
use crate::message;

/// Events that are kept at most.
const EVENTS_MAX: usize = 4_096;
/// What they may weigh together: roughly their bytes, rendered ones included.
const WEIGHT_BYTES_MAX: u64 = 32 * 1024 * 1024;
/// What an event weighs beside its payload and its subject.
const ENVELOPE_BYTES: u64 = 1_024;

/// What is known of an event's subject.
pub(super) enum Seen {
    Readable(Box<Subject>),
    /// Nobody can read it.
    Unreadable,
    /// The database did not answer.
    NotNow,
}

/// An event as those who listen hear of it. Rendered when somebody first asks, and once.
pub struct Told {
    event: RecordedEvent,
    subject: Seen,
    document: OnceLock<Bytes>,
}

impl Told {
    pub(super) fn new(event: RecordedEvent, subject: Seen) -> Self {
        Self { event, subject, document: OnceLock::new() }
    }

    /// The event.
    #[must_use]
    pub fn event(&self) -> &RecordedEvent {
        &self.event
    }

    /// The event as a CloudEvent.
    pub(crate) fn document(&self) -> Result<Bytes, HandleError> {
        if let Some(document) = self.document.get() {
            return Ok(document.clone());
        }
        let subject = match &self.subject {
            Seen::Readable(subject) => Some(&**subject),
            Seen::Unreadable | Seen::NotNow => None,
        };
        let document = message::document(&self.event, subject)?;
        Ok(self.document.get_or_init(|| document).clone())
    }

    fn weight_bytes(&self) -> u64 {
        let payload = self.event.payload.len() as u64;
        let state = match &self.subject {
            Seen::Readable(subject) => match &subject.state {
                SubjectState::Task(task) => task.weight_bytes(),
                SubjectState::Webhook(webhook) => webhook.weight_bytes(),
                SubjectState::Account | SubjectState::Other => 0,
            },
            Seen::Unreadable | Seen::NotNow => 0,
        };
        // Once as it is, once rendered.
        ENVELOPE_BYTES + 2 * (payload + state)
    }
}

/// The last events of the log, without gaps.
#[derive(Default)]
pub(super) struct Recent {
    /// The position before the first one.
    start: Position,
    told: VecDeque<Arc<Told>>,
    weight_bytes: u64,
}

impl Recent {
    /// Begins anew above a position.
    pub(super) fn begin(&mut self, position: Position) {
        *self = Self { start: position, ..Self::default() };
    }

    /// Adds the next event; the oldest go where that is too much.
    pub(super) fn push(&mut self, told: Arc<Told>) {
        if matches!(told.subject, Seen::NotNow) {
            // Whoever wants it reads the log, and all after it are here again.
            return self.begin(told.event.position);
        }
        self.weight_bytes += told.weight_bytes();
        self.told.push_back(told);
        while self.told.len() > EVENTS_MAX || self.weight_bytes > WEIGHT_BYTES_MAX {
            let Some(oldest) = self.told.pop_front() else { return };
            self.weight_bytes -= oldest.weight_bytes();
            self.start = oldest.event.position;
        }
    }

    /// The scope's events above a position; `None` where some may be missing.
    pub(super) fn above(&self, after: Position, scope: &Scope) -> Option<Vec<Arc<Told>>> {
        if after < self.start {
            return None;
        }
        let from = self.told.partition_point(|told| told.event.position <= after);
        let theirs = self.told.range(from..).filter(|told| scope.has(&told.event));
        Some(theirs.cloned().collect())
    }
}
