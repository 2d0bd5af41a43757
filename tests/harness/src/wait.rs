//! Waiting for facts of other processes, which can only be asked for again and again.
//!
//! Must not: be used where a notification exists.

use std::time::{Duration, Instant};

const TICK: Duration = Duration::from_millis(10);

/// Lets an instant pass before a fault is made: which moment of a command's course it meets is
/// what such a test varies. Not for waiting.
pub async fn before_a_fault(instant: Duration) {
    tokio::time::sleep(instant).await;
}

/// Waits until `holds` says yes.
///
/// # Panics
///
/// When `limit` passes first, naming `what` was awaited.
pub async fn wait_until(limit: Duration, what: &str, mut holds: impl AsyncFnMut() -> bool) {
    wait_for(limit, what, async || holds().await.then_some(())).await;
}

/// Waits until `look` finds something, and gives it.
///
/// # Panics
///
/// When `limit` passes first, naming `what` was awaited.
pub async fn wait_for<T>(
    limit: Duration,
    what: &str,
    mut look: impl AsyncFnMut() -> Option<T>,
) -> T {
    let end = Instant::now() + limit;
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(Instant::now() < end, "waited {limit:?} in vain: {what}");
        tokio::time::sleep(TICK).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn gives_what_it_found() {
        let mut looks = 0;
        let found = wait_for(Duration::from_secs(5), "three looks", async || {
            looks += 1;
            (looks == 3).then_some(looks)
        });
        assert_eq!(found.await, 3);
    }

    #[tokio::test]
    #[should_panic(expected = "in vain: a miracle")]
    async fn says_what_never_came() {
        wait_until(Duration::from_millis(30), "a miracle", async || false).await;
    }
}
