//! The JetStream stream: made when it is missing, and compared with the log before it is trusted.

use std::time::Duration;

use async_nats::Client;
use async_nats::connection::State as ConnectionState;
use async_nats::header::NATS_MESSAGE_ID;
use async_nats::jetstream::Context;
use async_nats::jetstream::context::{CreateStreamError, PublishError};
use async_nats::jetstream::stream::{
    Config, DiscardPolicy, InfoError, RawMessageError, StorageType, Stream as NatsStream,
};
use baton_log::{Log, Position, ReadError};
use futures_util::stream::{self, StreamExt, TryStreamExt};
use uuid::Uuid;

use super::{BATCH_EVENTS_MAX, RelaySettings, SUBJECTS};
use crate::handler::{Cause, HandleError};

/// Within this time NATS recognises a message that it has already.
const DUPLICATE_WINDOW: Duration = Duration::from_secs(120);

/// Messages that are fetched side by side to be compared.
const COMPARED_AT_ONCE: usize = 64;

/// Why the relay cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum RelayError {
    /// No connection, for the moment.
    #[error("NATS is not connected")]
    Disconnected,
    /// A batch came before the subscription was acquired.
    #[error("the stream is not opened yet")]
    NotOpened,
    /// The stream can neither be found nor made.
    #[error("cannot open the stream {name}")]
    Open {
        /// Its name.
        name: String,
        /// Why.
        #[source]
        cause: CreateStreamError,
    },
    /// The stream can not be looked at.
    #[error("cannot look at the stream {name}")]
    Look {
        /// Its name.
        name: String,
        /// Why.
        #[source]
        cause: Cause,
    },
    /// The stream cannot be deleted.
    #[error("cannot delete the stream {name}")]
    Delete {
        /// Its name.
        name: String,
        /// Why.
        #[source]
        cause: Cause,
    },
    /// The stream does not say where it ends.
    #[error("cannot ask the stream for its last sequence")]
    Info(#[source] InfoError),
    /// A message that must be there cannot be read.
    #[error("cannot read the message at sequence {sequence}")]
    Message {
        /// Where.
        sequence: Position,
        /// Why.
        #[source]
        cause: RawMessageError,
    },
    /// The stream ends elsewhere than the relay left it.
    #[error("the stream ends at {found}, not at {expected}: it was lost, or somebody publishes")]
    Moved {
        /// Where the relay left it.
        expected: Position,
        /// Where it ends.
        found: Position,
    },
    /// The stream was not written from this log.
    #[error(
        "sequence {sequence} of the stream {name} is not the event at this position of the log"
    )]
    Diverged {
        /// The stream.
        name: String,
        /// The first sequence that was seen to differ.
        sequence: Position,
    },
    /// The log has no event where it must have one.
    #[error("the log has no event at position {position}")]
    NoEvent {
        /// Where.
        position: Position,
    },
    /// The log cannot be read.
    #[error("cannot compare the stream with the log")]
    Log(#[source] ReadError),
    /// A message cannot be sent.
    #[error("cannot send the event at position {position}")]
    Send {
        /// The event.
        position: Position,
        /// Why.
        #[source]
        cause: async_nats::PublishError,
    },
    /// NATS refused a message or one before it, or did not say that it has it.
    #[error("cannot publish the event at position {position}")]
    Publish {
        /// The event.
        position: Position,
        /// Why.
        #[source]
        cause: PublishError,
    },
    /// NATS stored a message elsewhere.
    #[error("the event at position {position} is at sequence {sequence} of the stream")]
    Misplaced {
        /// The event.
        position: Position,
        /// Where its message is.
        sequence: u64,
    },
}

impl From<RelayError> for HandleError {
    /// Whatever it is, it is not about one event: NATS or the stream must be mended first.
    fn from(cause: RelayError) -> Self {
        Self::unavailable("cannot relay", cause)
    }
}

/// Answers at once where an attempt would only run into its time limit.
pub(super) fn must_be_connected(client: &Client) -> Result<(), RelayError> {
    match client.connection_state() {
        ConnectionState::Connected => Ok(()),
        ConnectionState::Pending | ConnectionState::Disconnected => Err(RelayError::Disconnected),
    }
}

/// The stream, and where it ended when the relay last knew.
pub(super) struct Stream {
    stream: NatsStream,
    name: String,
    first: Position,
    last: Position,
}

impl Stream {
    /// Finds the stream, or makes it.
    pub(super) async fn open(
        jetstream: &Context,
        settings: &RelaySettings,
    ) -> Result<Self, RelayError> {
        let name = settings.stream.clone();
        let stream = jetstream.get_or_create_stream(config(settings)).await;
        let stream = stream.map_err(|cause| RelayError::Open { name: name.clone(), cause })?;
        let state = &stream.cached_info().state;
        let (first, last) = (position(state.first_sequence), position(state.last_sequence));
        Ok(Self { stream, name, first, last })
    }

    /// The sequence of its last message: the position up to which the log is published.
    pub(super) fn last(&self) -> Position {
        self.last
    }

    /// Remembers that everything up to `position` is there.
    pub(super) fn reached(&mut self, position: Position) {
        self.last = self.last.max(position);
    }

    /// Compares the message at the checkpoint, and every one above it, with the log's events.
    ///
    /// Above the checkpoint anything may have happened: a message that somebody else slipped in
    /// does not refuse those that were sent for the places after it.
    pub(super) async fn must_agree(&self, log: &Log, at: Position) -> Result<(), RelayError> {
        // What was trimmed cannot be compared; nothing is published there either.
        let mut from = at.min(self.last).max(self.first).max(1);
        while from <= self.last {
            let limit = BATCH_EVENTS_MAX.min(self.last - from + 1);
            let events = log.after(from - 1, limit).await.map_err(RelayError::Log)?;
            let mut ids: Vec<_> = events.iter().map(|event| Some(event.event_id)).collect();
            if ids.is_empty() {
                // Where the log ends before the stream does, nothing is expected there.
                ids.resize(usize::try_from(limit).expect("a batch is bounded"), None);
            }
            let next = from + i64::try_from(ids.len()).expect("a batch is bounded");
            let compared = (from..).zip(ids).map(|(sequence, id)| self.must_hold(sequence, id));
            stream::iter(compared).buffered(COMPARED_AT_ONCE).try_collect::<()>().await?;
            from = next;
        }
        Ok(())
    }

    async fn must_hold(&self, sequence: Position, id: Option<Uuid>) -> Result<(), RelayError> {
        let at = u64::try_from(sequence).expect("positions are above zero");
        let message = self.stream.get_raw_message(at).await;
        let message = message.map_err(|cause| RelayError::Message { sequence, cause })?;
        let found = message.headers.get(NATS_MESSAGE_ID).map(|id| id.as_str().to_owned());
        match id.is_some_and(|id| found == Some(id.to_string())) {
            true => Ok(()),
            false => Err(RelayError::Diverged { name: self.name.clone(), sequence }),
        }
    }

    /// Asks whether the stream still ends where the relay left it.
    pub(super) async fn must_be_unchanged(&self) -> Result<(), RelayError> {
        let info = self.stream.get_info().await.map_err(RelayError::Info)?;
        let found = position(info.state.last_sequence);
        match found == self.last {
            true => Ok(()),
            false => Err(RelayError::Moved { expected: self.last, found }),
        }
    }
}

pub(super) fn position(sequence: u64) -> Position {
    Position::try_from(sequence).unwrap_or(Position::MAX)
}

fn config(settings: &RelaySettings) -> Config {
    Config {
        name: settings.stream.clone(),
        description: Some("Every event of Baton's log; the sequence is the position".to_owned()),
        subjects: vec![SUBJECTS.to_owned()],
        storage: StorageType::File,
        num_replicas: settings.replicas,
        discard: DiscardPolicy::Old,
        duplicate_window: DUPLICATE_WINDOW,
        max_age: settings.max_age.unwrap_or_default(),
        ..Config::default()
    }
}
