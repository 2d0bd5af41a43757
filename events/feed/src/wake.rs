//! Wake-ups between processes: hearing on NATS that the relay published, so that followers here
//! look at the log at once.
//!
//! Only wakes. What is lost here is found by the followers' own poll, so nothing is retried.

use async_nats::Client;
use async_nats::header::NATS_EXPECTED_LAST_SEQUENCE;
use baton_log::{Log, Position};
use futures_util::StreamExt;
use tokio_util::sync::CancellationToken;

use crate::relay::SUBJECTS;

/// Wakes this process's followers for whatever any relay publishes, until stopped.
///
/// # Errors
/// Where the client can take no subscription; NATS being away is none.
pub async fn hear(
    log: Log,
    client: Client,
    stop: CancellationToken,
) -> Result<(), async_nats::SubscribeError> {
    let mut messages = client.subscribe(SUBJECTS).await?;
    loop {
        let message = tokio::select! {
            () = stop.cancelled() => return Ok(()),
            message = messages.next() => message,
        };
        let Some(message) = message else { return Ok(()) };
        let headers = message.headers.as_ref();
        let before = headers.and_then(|headers| headers.get(NATS_EXPECTED_LAST_SEQUENCE));
        let before: Option<Position> = before.and_then(|before| before.as_str().parse().ok());
        if let Some(position) = before.and_then(|before| before.checked_add(1)) {
            log.woken(position);
        }
    }
}
