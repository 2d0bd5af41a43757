//! Publishing side by side: many messages on their way, all of them stored before a batch counts.
//!
//! Each names the sequence it must follow, so that NATS stores none whose predecessor it has not:
//! the acknowledgement of one is that of all before it, and not each is asked for. One that NATS
//! refuses takes those after it along; it is then the first of the next attempt, and says why.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::time::Duration;

use async_nats::header::{NATS_EXPECTED_LAST_SEQUENCE, NATS_EXPECTED_STREAM, NATS_MESSAGE_ID};
use async_nats::jetstream::Context;
use async_nats::jetstream::context::PublishAckFuture;
use async_nats::jetstream::message::PublishMessage;
use async_nats::{Client, HeaderMap, HeaderValue};
use baton_log::Position;

use super::stream::{RelayError, must_be_connected};
use crate::message::Message;

/// Of so many messages one is asked about.
const ASKED_EVERY: usize = 64;
/// Questions that may wait for their answer at once.
const QUESTIONS_MAX: usize = 4;
/// How often whoever waits for an acknowledgement looks whether it can still come.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Messages on their way, in the order of their positions.
pub(super) struct Window<'a> {
    client: &'a Client,
    /// Connections so far: an acknowledgement comes over the one that took the message, or never.
    connects: u64,
    jetstream: &'a Context,
    stream: &'a str,
    unanswered: VecDeque<(Position, PublishAckFuture)>,
    /// Sent since NATS was last asked; none where nothing was sent yet.
    unasked: Option<usize>,
    /// The last one that is known to be stored.
    stored: Position,
}

impl<'a> Window<'a> {
    /// A window for messages from the one after `stored` on.
    pub(super) fn new(
        client: &'a Client,
        jetstream: &'a Context,
        stream: &'a str,
        stored: Position,
    ) -> Self {
        let unanswered = VecDeque::with_capacity(QUESTIONS_MAX);
        let connects = client.statistics().connects.load(Ordering::Relaxed);
        Self { client, connects, jetstream, stream, unanswered, unasked: None, stored }
    }

    /// Sends a message; asks about the first, the last, and one in [`ASKED_EVERY`], and waits for
    /// older answers where too many are due.
    pub(super) async fn publish(
        &mut self,
        position: Position,
        message: Message,
        is_last: bool,
    ) -> Result<(), RelayError> {
        if self.unanswered.len() >= QUESTIONS_MAX {
            self.oldest_answered().await?;
        }
        let headers = self.headers(position, &message);
        let is_first = self.unasked.is_none();
        let unasked = self.unasked.unwrap_or_default() + 1;
        if !(is_first || is_last || unasked >= ASKED_EVERY) {
            self.unasked = Some(unasked);
            let sent = self.client.publish_with_headers(message.subject, headers, message.body);
            return sent.await.map_err(|cause| RelayError::Send { position, cause });
        }
        self.unasked = Some(0);
        let publish = PublishMessage::build().payload(message.body).headers(headers);
        let sent = self.jetstream.send_publish(message.subject, publish).await;
        let sent = sent.map_err(|cause| RelayError::Publish { position, cause })?;
        self.unanswered.push_back((position, sent));
        if is_first {
            // Where the stream is not at the batch's beginning, nothing more goes there.
            self.oldest_answered().await?;
        }
        Ok(())
    }

    fn headers(&self, position: Position, message: &Message) -> HeaderMap {
        let expected = u64::try_from(position - 1).expect("positions are above zero");
        let mut headers = HeaderMap::new();
        headers.insert("Content-Type", "application/cloudevents+json");
        headers.insert(NATS_MESSAGE_ID, message.id.as_str());
        // Refused anywhere but at its own place, however late it arrives.
        headers.insert(NATS_EXPECTED_LAST_SEQUENCE, HeaderValue::from(expected));
        headers.insert(NATS_EXPECTED_STREAM, self.stream);
        headers
    }

    /// Waits until NATS has everything up to the last one that it was asked about.
    pub(super) async fn stored(mut self) -> Result<(), RelayError> {
        while !self.unanswered.is_empty() {
            self.oldest_answered().await?;
        }
        Ok(())
    }

    async fn oldest_answered(&mut self) -> Result<(), RelayError> {
        let Some((position, sent)) = self.unanswered.pop_front() else { return Ok(()) };
        // A duplicate is as good: its sequence says that it is where it belongs.
        let ack = tokio::select! {
            ack = sent.into_future() => ack,
            cut = self.cut_off() => return Err(cut),
        };
        let ack = ack.map_err(|cause| RelayError::Publish { position, cause })?;
        match Position::try_from(ack.sequence) == Ok(position) {
            true => {
                let stored = u64::try_from(position - self.stored).unwrap_or_default();
                metrics::counter!("baton_relay_published_total").increment(stored);
                self.stored = position;
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
