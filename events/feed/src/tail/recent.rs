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
    weight_bytes: u64,
}

impl Told {
    pub(super) fn new(event: RecordedEvent, subject: Seen) -> Self {
        let weight_bytes = weight_bytes(&event, &subject);
        Self { event, subject, document: OnceLock::new(), weight_bytes }
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
}

fn weight_bytes(event: &RecordedEvent, subject: &Seen) -> u64 {
    let payload = event.payload.len() as u64;
    let (state, account) = match subject {
        Seen::Readable(subject) => match &subject.state {
            SubjectState::Task(task) => (task.weight_bytes(), 0),
            SubjectState::Webhook(webhook) => (webhook.weight_bytes(), 0),
            SubjectState::Recurrence(recurrence) => (recurrence.weight_bytes(), 0),
            // Each of its events made it anew; those about others share what it was then.
            SubjectState::Account => (0, subject.account.weight_bytes()),
            SubjectState::Other => (0, 0),
        },
        Seen::Unreadable | Seen::NotNow => (0, 0),
    };
    // Once as it is, once rendered; of an account, no more than one agent is.
    ENVELOPE_BYTES + 2 * (payload + state) + account
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
        self.weight_bytes += told.weight_bytes;
        self.told.push_back(told);
        while self.told.len() > EVENTS_MAX || self.weight_bytes > WEIGHT_BYTES_MAX {
            let Some(oldest) = self.told.pop_front() else { return };
            self.weight_bytes -= oldest.weight_bytes;
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

#[cfg(test)]
mod tests {
    use baton_domain::account::{self, Account, Agent, KeyHash, Role};
    use baton_domain::{Actor, AgentId, time::Timestamp};
    use baton_log::StreamId;
    use uuid::Uuid;

    use super::*;

    fn agent(description: &str) -> Agent {
        let at = Timestamp::default();
        Agent {
            id: AgentId::default(),
            name: "one".to_owned(),
            label: None,
            display_name: None,
            description: Some(description.to_owned()),
            role: Role::Worker,
            permissions: vec![],
            active: true,
            key_hash: KeyHash([0; 32]),
            key_prefix: String::new(),
            created_at: at,
            updated_at: at,
            deleted: false,
        }
    }

    /// An event of an account that takes so much.
    fn told(position: Position, bytes: usize) -> Arc<Told> {
        let kind = account::KIND.to_owned();
        let event = RecordedEvent {
            position,
            account_seq: position,
            stream: StreamId { account: "default".into(), kind, id: "default".into() },
            version: position,
            event_id: Uuid::nil(),
            event_type: "agent.updated".into(),
            schema_version: 1,
            payload: "{}".into(),
            actor: "project".into(),
            correlation_id: Uuid::nil(),
            causation_id: None,
            recorded_at: "2026-03-17T10:00:00Z".parse().expect("a time"),
            content_hash: [0; 32],
        };
        let agents = [(AgentId::default(), agent(&"d".repeat(bytes)))].into();
        let account = Arc::new(Account { agents, ..Account::default() });
        let subject = Subject { state: SubjectState::Account, account, actor: Actor::Project };
        Arc::new(Told::new(event, Seen::Readable(Box::new(subject))))
    }

    #[test]
    fn accounts_as_they_were_weigh_what_they_take() {
        let mut recent = Recent::default();
        for position in 1..=20 {
            recent.push(told(position, 5 * 1024 * 1024));
        }
        assert_eq!((recent.told.len(), recent.start), (6, 14));
        recent.push(told(21, 40 * 1024 * 1024));
        assert_eq!((recent.told.len(), recent.start, recent.weight_bytes), (0, 21, 0));
    }
}
