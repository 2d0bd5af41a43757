//! Publishing side by side: many messages on their way, each acknowledged before a batch counts.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::time::Duration;

use async_nats::Client;
use async_nats::jetstream::Context;
use async_nats::jetstream::context::PublishAckFuture;
use async_nats::jetstream::message::PublishMessage;
use baton_log::Position;

use super::UNACKNOWLEDGED_MAX;
use super::stream::{RelayError, must_be_connected};
use crate::message::Message;

/// How often whoever waits for an acknowledgement looks whether it can still come.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Messages on their way, in the order of their positions.
pub(super) struct Window<'a> {
    client: &'a Client,
    /// Connections so far: an acknowledgement comes over the one that took the message, or never.
    connects: u64,
    jetstream: &'a Context,
    stream: &'a str,
    unacknowledged: VecDeque<(Position, PublishAckFuture)>,
    is_first: bool,
}

impl<'a> Window<'a> {
    pub(super) fn new(client: &'a Client, jetstream: &'a Context, stream: &'a str) -> Self {
        let unacknowledged = VecDeque::with_capacity(UNACKNOWLEDGED_MAX);
        let connects = client.statistics().connects.load(Ordering::Relaxed);
        Self { client, connects, jetstream, stream, unacknowledged, is_first: true }
    }

    /// Sends a message; waits for an older one where too many are on their way.
    pub(super) async fn publish(
        &mut self,
        position: Position,
        message: Message,
    ) -> Result<(), RelayError> {
        if self.unacknowledged.len() >= UNACKNOWLEDGED_MAX {
            self.acknowledge_oldest().await?;
        }
        let expected = u64::try_from(position - 1).expect("positions are above zero");
        let publish = PublishMessage::build()
            .payload(message.body)
            .header("Content-Type", "application/cloudevents+json")
            .message_id(message.id)
            // Refused anywhere but at its own place, however late it arrives.
            .expected_last_sequence(expected)
            .expected_stream(self.stream);
        let sent = self.jetstream.send_publish(message.subject, publish).await;
        let sent = sent.map_err(|cause| RelayError::Publish { position, cause })?;
        self.unacknowledged.push_back((position, sent));
        if self.is_first {
            // Where the stream is not at the batch's beginning, nothing more goes there.
            self.is_first = false;
            self.acknowledge_oldest().await?;
        }
        Ok(())
    }

    /// Waits until NATS has everything.
    pub(super) async fn acknowledged(mut self) -> Result<(), RelayError> {
        while !self.unacknowledged.is_empty() {
            self.acknowledge_oldest().await?;
        }
        Ok(())
    }

    async fn acknowledge_oldest(&mut self) -> Result<(), RelayError> {
        let Some((position, sent)) = self.unacknowledged.pop_front() else { return Ok(()) };
        // A duplicate is as good: its sequence says that it is where it belongs.
        let ack = tokio::select! {
            ack = sent.into_future() => ack,
            cut = self.cut_off() => return Err(cut),
        };
        let ack = ack.map_err(|cause| RelayError::Publish { position, cause })?;
        match Position::try_from(ack.sequence) == Ok(position) {
            true => {
                metrics::counter!("baton_relay_published_total").increment(1);
                Ok(())
            }
            false => Err(RelayError::Misplaced { position, sequence: ack.sequence }),
        }
    }

    /// Ends when the connection is lost.
    async fn cut_off(&self) -> RelayError {
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            if let Err(lost) = must_be_connected(self.client) {
                return lost;
            }
            if self.client.statistics().connects.load(Ordering::Relaxed) != self.connects {
                return RelayError::Disconnected;
            }
        }
    }
}
