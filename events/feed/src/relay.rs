//! The relay: every event of the log, one message each, to one JetStream stream whose sequence
//! is the log's position.
//!
//! The stream itself says where to go on; the checkpoint follows it. Must not publish anything
//! that is not in the log, and must not go on when the stream holds something else.

mod connection;
mod publish;
mod rebuild;
mod stream;

use std::sync::atomic::Ordering;
use std::time::Duration;

use async_nats::Client;
use async_nats::connection::State as ConnectionState;
use async_nats::jetstream::{Context, ContextBuilder};
use baton_history::{FoldError, History, Subjects};
use baton_log::{Log, Position, RecordedEvent};
use deadpool_postgres::Transaction;
use tokio::time::Instant;

use crate::follow::chain;
use crate::handler::{HandleError, Handler};
use crate::message;
use crate::running::Subscription;
pub use async_nats::{Client as NatsClient, ConnectError};
pub use connection::{connect, is_connected};
use publish::Window;
pub use rebuild::{StreamState, delete_stream, is_of_log, stream_state};
pub use stream::RelayError;
use stream::{Stream, must_be_connected};

/// Every subject that the relay publishes on.
pub const SUBJECTS: &str = "baton.v1.>";

/// Events of one batch, and of one read when a lost stream is filled again.
const BATCH_EVENTS_MAX: i64 = 500;
/// How long NATS may take to answer anything.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a relay that has just started waits for its first connection.
const FIRST_CONNECT_WITHIN: Duration = Duration::from_secs(1);
/// How long events come together: many small batches cost NATS and this process far more.
const GATHERS_FOR: Duration = Duration::from_millis(20);
/// How often an idle relay looks whether the stream is still what it left.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Where the relay publishes.
#[derive(Clone, Debug)]
pub struct RelaySettings {
    /// Name of the JetStream stream.
    pub stream: String,
    /// Copies that a NATS cluster keeps of it.
    pub replicas: usize,
    /// Messages older than this are trimmed; `None` keeps them all.
    pub max_age: Option<Duration>,
}

impl Default for RelaySettings {
    fn default() -> Self {
        Self { stream: "BATON".to_owned(), replicas: 1, max_age: None }
    }
}

/// The handler of the subscription `relay`.
pub struct Relay {
    log: Log,
    client: Client,
    jetstream: Context,
    settings: RelaySettings,
    subjects: Subjects,
    /// The stream as it was opened when the subscription was acquired.
    stream: Option<Stream>,
    /// When the stream was last looked at, and over which connection.
    looked: Instant,
    looked_connects: u64,
}

impl Relay {
    /// A relay that has not spoken to NATS yet.
    #[must_use]
    pub fn new(history: History, client: Client, settings: RelaySettings) -> Self {
        let jetstream = ContextBuilder::new()
            .timeout(ANSWER_TIMEOUT)
            .ack_timeout(ANSWER_TIMEOUT)
            .build(client.clone());
        let log = history.log().clone();
        let subjects = Subjects::new(history);
        let (looked, looked_connects) = (Instant::now(), 0);
        Self { log, client, jetstream, settings, subjects, stream: None, looked, looked_connects }
    }

    /// The subscription to run it under. Its checkpoint may fall back: the stream knows better.
    #[must_use]
    pub fn subscription() -> Subscription {
        Subscription { name: "relay", batch_events_max: BATCH_EVENTS_MAX, durable_commit: false }
    }

    /// A client that was just made has not reached NATS yet, which is no failure.
    async fn first_connected(&self) {
        if self.client.connection_state() == ConnectionState::Pending {
            // It answers when it is connected; whether it is, is asked next.
            let _flushed = tokio::time::timeout(FIRST_CONNECT_WITHIN, self.client.flush()).await;
        }
    }

    fn connects(&self) -> u64 {
        self.client.statistics().connects.load(Ordering::Relaxed)
    }

    /// Publishes the log's events above the stream's end, up to the checkpoint: NATS lost them.
    async fn fill(&mut self, position: Position) -> Result<(), HandleError> {
        while let Some(last) = self.stream.as_ref().map(Stream::last)
            && last < position
        {
            let limit = BATCH_EVENTS_MAX.min(position - last);
            let events = self.log.after(last, limit).await?;
            if events.is_empty() {
                // The checkpoint is beyond the log: somebody restored an older database.
                return Err(HandleError::unavailable(
                    "cannot relay",
                    RelayError::NoEvent { position: last + 1 },
                ));
            }
            self.publish(&events).await?;
        }
        Ok(())
    }

    /// Publishes those of the events that the stream does not have yet.
    async fn publish(&mut self, events: &[RecordedEvent]) -> Result<(), HandleError> {
        must_be_connected(&self.client)?;
        let stream = self.stream.as_mut().ok_or(RelayError::NotOpened)?;
        let payload_bytes_max = self.client.server_info().max_payload;
        let name = &self.settings.stream;
        let mut window = Window::new(&self.client, &self.jetstream, name, stream.last());
        let news = events.partition_point(|event| event.position <= stream.last());
        let Some(last) = events[news..].last() else { return Ok(()) };
        for event in &events[news..] {
            let subject = match self.subjects.subject(event).await {
                Ok(subject) => Some(subject),
                Err(cause) if cause.is_passing() => return Err(cause.into()),
                Err(cause) => {
                    tell_unreadable(event, &cause);
                    None
                }
            };
            let message = message::render(event, subject.as_ref(), payload_bytes_max)?;
            let is_last = event.position == last.position;
            window.publish(event.position, message, is_last).await?;
        }
        window.stored().await?;
        stream.reached(last.position);
        Ok(())
    }
}

/// The stream is a copy of the log, place by place: an event that nobody can read has its place
/// there, too, and must not keep those of all accounts behind it from the world.
fn tell_unreadable(event: &RecordedEvent, cause: &FoldError) {
    metrics::counter!("baton_relay_unreadable_total").increment(1);
    tracing::error!(
        position = event.position,
        correlation_id = %event.correlation_id,
        error = chain(cause),
        "published an event without its subject, which cannot be read"
    );
}

impl Handler for Relay {
    async fn acquired(&mut self, position: Position) -> Result<(), HandleError> {
        self.subjects.reset();
        self.first_connected().await;
        (self.looked, self.looked_connects) = (Instant::now(), self.connects());
        must_be_connected(&self.client)?;
        let stream = Stream::open(&self.jetstream, &self.settings).await?;
        stream.must_agree(&self.log, position).await?;
        if stream.last() < position {
            let (last, name) = (stream.last(), &self.settings.stream);
            tracing::warn!(stream = name, last, position, "NATS lost messages: publishing again");
        }
        self.stream = Some(stream);
        self.fill(position).await
    }

    async fn before(&mut self, events: &[RecordedEvent]) -> Result<(), HandleError> {
        self.publish(events).await
    }

    async fn idle(&mut self, _position: Position) -> Result<(), HandleError> {
        must_be_connected(&self.client)?;
        let connects = self.connects();
        // Another connection is perhaps another server, with another store.
        if connects != self.looked_connects || self.looked.elapsed() >= LOOK_EVERY {
            let stream = self.stream.as_ref().ok_or(RelayError::NotOpened)?;
            stream.must_be_unchanged().await?;
            (self.looked, self.looked_connects) = (Instant::now(), connects);
        }
        Ok(())
    }

    fn gathers_for(&self) -> Duration {
        GATHERS_FOR
    }

    /// All of it lies in NATS, and the stream itself says how far that is.
    fn has_effect(&self, _events: &[RecordedEvent]) -> bool {
        false
    }

    async fn apply(
        &mut self,
        _transaction: &Transaction<'_>,
        _events: &[RecordedEvent],
    ) -> Result<(), HandleError> {
        Ok(())
    }
}
