//! Wake-ups between processes: each says on NATS how far it has committed, and hears it from the
//! others, so that followers everywhere look at the log at once.
//!
//! Only wakes. What is lost here is found by the followers' own poll, so nothing is retried.

use std::time::Duration;

use async_nats::Client;
use baton_log::{Log, Position};
use futures_util::StreamExt;
use tokio_util::sync::CancellationToken;

/// Where processes say how far they have committed: a position in decimal digits. Outside the
/// subjects of the stream, so that nothing of it is kept.
pub const WAKE_SUBJECT: &str = "baton.committed";

/// How often it is said at most, while there is always more. The first commit after a while is
/// said at once, and the last one always.
const SAID_EVERY: Duration = Duration::from_millis(5);

/// Wakes this process's followers for what others commit, and the other way round, until stopped.
///
/// # Errors
/// Where the client can take no subscription; NATS being away is none.
pub async fn share_wakes(
    log: Log,
    client: Client,
    stop: CancellationToken,
) -> Result<(), async_nats::SubscribeError> {
    let heard = client.subscribe(WAKE_SUBJECT).await?;
    let both = async { tokio::join!(say(&log, &client), hear(&log, heard)) };
    stop.run_until_cancelled(both).await;
    Ok(())
}

async fn say(log: &Log, client: &Client) {
    let mut committed = log.committed();
    while committed.changed().await.is_ok() {
        // The latest: what was committed meanwhile is said along with it.
        let position = committed.borrow_and_update().to_string();
        if let Err(error) = client.publish(WAKE_SUBJECT, position.into()).await {
            let error: &dyn std::error::Error = &error;
            tracing::debug!(error, "cannot wake other processes");
        }
        tokio::time::sleep(SAID_EVERY).await;
    }
}

async fn hear(log: &Log, mut heard: async_nats::Subscriber) {
    while let Some(message) = heard.next().await {
        let position = std::str::from_utf8(&message.payload).ok();
        let position: Option<Position> = position.and_then(|position| position.parse().ok());
        // What this process has committed itself, it was woken for already.
        if let Some(position) = position.filter(|position| *position > log.acknowledged()) {
            log.woken(position);
        }
    }
}
