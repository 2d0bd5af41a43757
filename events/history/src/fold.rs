//! From a recorded event to a state.

use baton_domain::{
    AccountId, DecodeError, Envelope, RecurrenceId, TaskId, WebhookId,
    account::{self, Account, AccountEvent},
    recurrence::{self, Recurrence, RecurrenceEvent},
    stored::Event,
    task::{self, Task, TaskEvent},
    webhook::{self, Webhook, WebhookEvent},
};
use baton_log::{ReadError, RecordedEvent, StreamId};

use crate::weight;

/// Recorded history that cannot be folded. Except for [`FoldError::Read`] this is permanent:
/// whoever follows the log stops at the event and says so.
#[derive(Debug, thiserror::Error)]
pub enum FoldError {
    /// The log could not be read.
    #[error("cannot read history")]
    Read(#[from] ReadError),
    /// An event that this version of Baton cannot read.
    #[error("cannot read the event at position {position}")]
    Decode {
        /// Where it is.
        position: i64,
        /// Why.
        #[source]
        cause: DecodeError,
    },
    /// An actor that is none.
    #[error("the event at position {position} has the unknown actor \"{actor}\"")]
    Actor {
        /// Where it is.
        position: i64,
        /// The stored text.
        actor: String,
    },
    /// An account whose name is none.
    #[error("\"{name}\" is not the name of an account")]
    Account {
        /// The stored text.
        name: String,
    },
    /// A stream without the events that it must have.
    #[error("stream {stream} ends at version {found}, before {wanted}")]
    Missing {
        /// The stream.
        stream: StreamId,
        /// The version asked for.
        wanted: i64,
        /// The last version there is.
        found: i64,
    },
}

impl FoldError {
    /// Trying again may help: the history is sound, only the database did not answer.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Read(_))
    }
}

/// A state that a stream folds to.
pub trait Folded: Default + Clone + Send + Sync + 'static {
    /// Kind of the streams that fold to it.
    const KIND: &'static str;
    /// What happens to it.
    type Event: Event;

    /// The state after one more event.
    #[must_use]
    fn fold(self, envelope: &Envelope, event: Self::Event) -> Self;

    /// Roughly how many bytes it takes in memory.
    fn weight_bytes(&self) -> u64;
}

impl Folded for Task {
    const KIND: &'static str = task::KIND;
    type Event = TaskEvent;

    fn fold(self, envelope: &Envelope, event: TaskEvent) -> Self {
        task::fold(self, envelope, event)
    }

    fn weight_bytes(&self) -> u64 {
        weight::task(self) as u64
    }
}

impl Folded for Webhook {
    const KIND: &'static str = webhook::KIND;
    type Event = WebhookEvent;

    fn fold(self, envelope: &Envelope, event: WebhookEvent) -> Self {
        webhook::fold(self, envelope, event)
    }

    fn weight_bytes(&self) -> u64 {
        weight::webhook(self) as u64
    }
}

impl Folded for Recurrence {
    const KIND: &'static str = recurrence::KIND;
    type Event = RecurrenceEvent;

    fn fold(self, envelope: &Envelope, event: RecurrenceEvent) -> Self {
        recurrence::fold(self, envelope, event)
    }

    fn weight_bytes(&self) -> u64 {
        weight::recurrence(self) as u64
    }
}

impl Folded for Account {
    const KIND: &'static str = account::KIND;
    type Event = AccountEvent;

    fn fold(self, envelope: &Envelope, event: AccountEvent) -> Self {
        account::fold(self, envelope, event)
    }

    fn weight_bytes(&self) -> u64 {
        weight::account(self) as u64
    }
}

/// The state after one more recorded event of its stream.
///
/// # Errors
/// [`FoldError::Decode`] or [`FoldError::Actor`] where the event is not one that Baton writes.
pub fn fold<S: Folded>(state: S, event: &RecordedEvent) -> Result<S, FoldError> {
    let (envelope, decoded) = decode::<S>(event)?;
    Ok(state.fold(&envelope, decoded))
}

/// What a recorded event says, and what surrounds it.
pub(crate) fn decode<S: Folded>(event: &RecordedEvent) -> Result<(Envelope, S::Event), FoldError> {
    let position = event.position;
    let decoded = S::Event::decode(&event.event_type, event.schema_version, &event.payload)
        .map_err(|cause| FoldError::Decode { position, cause })?;
    let actor = event
        .actor
        .parse()
        .map_err(|_| FoldError::Actor { position, actor: event.actor.clone() })?;
    Ok((Envelope { at: event.recorded_at.into(), actor }, decoded))
}

/// The stream of an account.
#[must_use]
pub fn account_stream(account: &AccountId) -> StreamId {
    stream(account, account::KIND, account.to_string())
}

/// The stream of a task.
#[must_use]
pub fn task_stream(account: &AccountId, task: TaskId) -> StreamId {
    stream(account, task::KIND, task.to_string())
}

/// The stream of a recurrence.
#[must_use]
pub fn recurrence_stream(account: &AccountId, recurrence: RecurrenceId) -> StreamId {
    stream(account, recurrence::KIND, recurrence.to_string())
}

/// The stream of a webhook.
#[must_use]
pub fn webhook_stream(account: &AccountId, webhook: WebhookId) -> StreamId {
    stream(account, webhook::KIND, webhook.to_string())
}

fn stream(account: &AccountId, kind: &str, id: String) -> StreamId {
    StreamId { account: account.to_string(), kind: kind.to_owned(), id }
}
