//! When a delivery is tried again (contract 4.4). Pure: the times and the chance are given.

use std::time::Duration;

use jiff::Timestamp;

/// However long a receiver asks to wait.
const RETRY_AFTER_MAX: Duration = Duration::from_hours(24);

/// The pauses after failed attempts: after the first, after the second, and so on.
#[derive(Debug, Clone)]
pub struct Schedule {
    /// One pause per retry; after the last retry a delivery has failed.
    pub pauses: Vec<Duration>,
    /// Up to this part of a pause is added to it by chance, so that the deliveries of an outage
    /// do not come back in one moment.
    pub jitter: f64,
}

impl Default for Schedule {
    fn default() -> Self {
        let pauses = [5, 5 * 60, 30 * 60, 2 * 3_600, 5 * 3_600, 10 * 3_600, 10 * 3_600];
        Self { pauses: pauses.map(Duration::from_secs).to_vec(), jitter: 0.1 }
    }
}

/// A failed attempt, as far as the schedule asks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Failure {
    /// Attempts made, this one included.
    pub(crate) attempts: i32,
    /// When it failed.
    pub(crate) at: Timestamp,
    /// How long the receiver asks to wait.
    pub(crate) retry_after: Option<Duration>,
}

impl Schedule {
    /// When to try again; `None` when that was the last attempt. `chance` is from 0 to 1.
    pub(crate) fn retry_at(&self, failure: Failure, chance: f64) -> Option<Timestamp> {
        let retry = usize::try_from(failure.attempts - 1).ok()?;
        let pause = self.pauses.get(retry)?;
        let pause = pause.mul_f64(1.0 + self.jitter * chance);
        let asked = failure.retry_after.unwrap_or_default().min(RETRY_AFTER_MAX);
        failure.at.checked_add(pause.max(asked)).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Timestamp = Timestamp::UNIX_EPOCH;

    fn wait_secs(attempts: i32, retry_after: Option<u64>, chance: f64) -> Option<i64> {
        let retry_after = retry_after.map(Duration::from_secs);
        let failure = Failure { attempts, at: AT, retry_after };
        Schedule::default().retry_at(failure, chance).map(Timestamp::as_second)
    }

    #[test]
    fn follows_the_contract() {
        let waits: Vec<_> = (1..=8).map(|attempts| wait_secs(attempts, None, 0.0)).collect();
        let expected = [5, 300, 1_800, 7_200, 18_000, 36_000, 36_000].map(Some);
        assert_eq!(waits[..7], expected);
        assert_eq!(waits[7], None, "the eighth attempt was the last");
    }

    #[test]
    fn jitter_only_lengthens_and_is_bounded() {
        assert_eq!(wait_secs(2, None, 1.0), Some(330));
        assert_eq!(wait_secs(2, None, 0.5), Some(315));
    }

    #[test]
    fn a_receiver_may_ask_for_more_time_but_not_for_less_nor_for_ever() {
        assert_eq!(wait_secs(1, Some(60), 0.0), Some(60));
        assert_eq!(wait_secs(2, Some(60), 0.0), Some(300));
        assert_eq!(wait_secs(1, Some(u64::MAX), 0.0), Some(86_400));
        assert_eq!(wait_secs(8, Some(60), 0.0), None);
    }
}
