//! Following a checkpoint that another process moves. Reads only.

use std::time::Duration;

use deadpool_postgres::Pool;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::checkpoint::{CheckpointError, read_position};
use crate::running::Progress;

/// How often a follower looks when nothing wakes it.
pub(crate) const POLL: Duration = Duration::from_millis(500);
/// How often a stand-by looks at the checkpoint while somebody waits for it.
const POLL_AWAITED: Duration = Duration::from_millis(10);

/// Follows the checkpoint for one [`POLL`], closely while somebody waits for it.
pub(crate) async fn follow(
    pool: &Pool,
    name: &str,
    progress: &Progress,
    stop: &CancellationToken,
) -> Result<(), CheckpointError> {
    let until = Instant::now() + POLL;
    let mut waiting = progress.waiting();
    while !stop.is_cancelled() && Instant::now() < until {
        if let Some(position) = read_position(pool, name).await? {
            progress.set(position);
        }
        let awaited = *waiting.borrow_and_update() > 0;
        let pause = if awaited { until.min(Instant::now() + POLL_AWAITED) } else { until };
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep_until(pause) => {}
            // Somebody began to wait; nobody stops being heard: `progress` holds the sender.
            _ = waiting.changed(), if !awaited => {}
        }
    }
    Ok(())
}

/// Follows the checkpoint until stopped.
pub(crate) async fn observe(
    pool: Pool,
    name: &'static str,
    progress: Progress,
    stop: CancellationToken,
) {
    while !stop.is_cancelled() {
        if let Err(error) = follow(&pool, name, &progress, &stop).await {
            tracing::warn!(subscription = name, error = %chain(&error), "cannot follow");
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(POLL) => {}
            }
        }
    }
}

/// An error with all its causes, on one line.
pub(crate) fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| (*error).source());
    let causes: Vec<String> = causes.map(ToString::to_string).collect();
    causes.join(": ")
}
