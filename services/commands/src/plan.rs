//! What a decision wants recorded, and the states that change with it.

use std::sync::Arc;

use baton_domain::{
    Envelope, account::Account, recurrence::Recurrence, stored::Event as _, task::Task,
    webhook::Webhook,
};
use baton_history::{Folded, KnownAccount, States, Versioned};
use baton_log::{NewEvent, Position, StreamId, StreamWrite};
use uuid::Uuid;

use crate::{attempt::Attempt, error::CommandError, execute::Commands, keys::KeyText};

/// A change of one stream.
pub(crate) struct Change<S: Folded> {
    pub(crate) stream: StreamId,
    pub(crate) before: Versioned<S>,
    pub(crate) events: Vec<S::Event>,
}

/// What a decision wants recorded.
pub(crate) struct Plan<S: Folded> {
    pub(crate) subject: StreamId,
    pub(crate) change: Change<S>,
    /// Tasks that change along with it.
    pub(crate) also: Vec<Change<Task>>,
    /// The last event of the change led to those of `also`: they are not merely done together.
    pub(crate) leads: bool,
    /// The event of before that led to the change, where the context names none.
    pub(crate) cause: Option<Uuid>,
    /// The account's last `account_seq`, where the decision rests on everything in the account.
    pub(crate) head: Option<i64>,
    pub(crate) secret: Option<KeyText>,
    /// What is answered when it is recorded, where that is not the state.
    pub(crate) refusal: Option<CommandError>,
}

impl<S: Folded> Plan<S> {
    pub(crate) fn new(change: Change<S>) -> Self {
        let subject = change.stream.clone();
        let (also, leads, cause) = (Vec::new(), true, None);
        Self { subject, change, also, leads, cause, head: None, secret: None, refusal: None }
    }

    /// What the log is asked to append: each event names the one that led to it.
    pub(crate) fn to_writes(&self) -> Vec<StreamWrite> {
        let mut writes = Vec::with_capacity(1 + self.also.len());
        writes.extend(self.change.to_write(self.cause));
        let last = writes.last().and_then(|write| write.events.last());
        let leader = last.map(|event| event.event_id).filter(|_| self.leads);
        writes.extend(self.also.iter().filter_map(|change| change.to_write(leader)));
        writes
    }
}

/// A command: how to decide it.
pub(crate) trait Command: Clone + Send + Sync {
    /// What the answer shows.
    type State: Kept;

    /// Looks at what the decision needs, and decides.
    fn plan(
        self,
        attempt: &Attempt<'_>,
    ) -> impl Future<Output = Result<Plan<Self::State>, CommandError>> + Send;
}

/// A state that commands keep between requests.
pub(crate) trait Kept: Folded<Event: Clone + Send + Sync> {
    /// The kept states; accounts are kept by the directory instead.
    fn kept(commands: &Commands) -> Option<&States<Self>>;

    /// The stream with the state that shows what a command was about.
    fn stream_of(subject: &StreamId) -> StreamId {
        subject.clone()
    }

    /// Tells those in this process who wait for such a state what was recorded at `position`.
    fn tell(&self, commands: &Commands, stream: &StreamId, position: Position) {
        let _ = (commands, stream, position);
    }
}

impl Kept for Task {
    fn kept(commands: &Commands) -> Option<&States<Self>> {
        Some(commands.history().tasks())
    }

    /// The task itself, or the one on which hangs what it was about.
    fn stream_of(subject: &StreamId) -> StreamId {
        let task = subject.id.split('/').next().unwrap_or_default();
        StreamId { kind: Self::KIND.to_owned(), id: task.to_owned(), ..subject.clone() }
    }

    fn tell(&self, commands: &Commands, stream: &StreamId, position: Position) {
        commands.openings().tell(&stream.account, self, position);
    }
}

impl Kept for Webhook {
    fn kept(commands: &Commands) -> Option<&States<Self>> {
        Some(commands.history().webhooks())
    }
}

impl Kept for Recurrence {
    fn kept(commands: &Commands) -> Option<&States<Self>> {
        Some(commands.history().recurrences())
    }
}

impl Kept for Account {
    fn kept(_commands: &Commands) -> Option<&States<Self>> {
        None
    }
}

impl<S: Folded> Change<S> {
    /// What the log is asked to append because of an event; nothing for a change that is none.
    fn to_write(&self, cause: Option<Uuid>) -> Option<StreamWrite> {
        let mut events: Vec<NewEvent> = Vec::with_capacity(self.events.len());
        let mut before = None;
        for event in &self.events {
            let stored = event.encode();
            let is_led_to = before.is_some_and(|before| event.follows_from(before));
            let leader = events.last().filter(|_| is_led_to).map(|leader| leader.event_id);
            events.push(NewEvent {
                event_id: event.id().unwrap_or_else(Uuid::now_v7),
                event_type: stored.event_type,
                schema_version: stored.schema_version,
                payload: stored.payload,
                causation_id: leader.or(cause),
            });
            before = Some(event);
        }
        let (stream, expected_version) = (self.stream.clone(), self.before.version);
        (!events.is_empty()).then_some(StreamWrite { stream, expected_version, events })
    }

    /// The version after the change.
    pub(crate) fn version_after(&self) -> i64 {
        self.before.version + self.events.len() as i64
    }
}

impl<S: Kept> Change<S> {
    /// The state after the change was recorded, kept for the next command.
    pub(crate) fn keep(
        self,
        commands: &Commands,
        envelope: &Envelope,
        position: Position,
    ) -> Versioned<S> {
        let version = self.version_after();
        let before = Arc::unwrap_or_clone(self.before.state);
        let state =
            self.events.into_iter().fold(before, |state, event| state.fold(envelope, event));
        let after = Versioned { state: Arc::new(state), version };
        if let Some(kept) = S::kept(commands) {
            kept.put(&self.stream, after.clone());
        }
        after.state.tell(commands, &self.stream, position);
        after
    }
}

/// The account before a change, as a versioned state.
pub(crate) fn versioned(account: &KnownAccount) -> Versioned<Account> {
    Versioned { state: Arc::clone(&account.state), version: account.version }
}
