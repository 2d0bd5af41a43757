//! When a delivery is tried again (protocol 4.4). Pure: the times and the chance are given.

use std::time::Duration;

use jiff::Timestamp;

/// However long a receiver asks to wait.
const RETRY_AFTER_MAX: Duration = Duration::from_hours(24);
/// However long the operator's pauses are: what comes after a century can be written down.
const PAUSE_MAX: Duration = Duration::from_hours(100 * 365 * 24);

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
        let lengthened = pause.as_secs_f64() * (1.0 + self.jitter * chance);
        let pause = Duration::try_from_secs_f64(lengthened).unwrap_or(PAUSE_MAX).min(PAUSE_MAX);
        let asked = failure.retry_after.unwrap_or_default().min(RETRY_AFTER_MAX);
        Some(failure.at.checked_add(pause.max(asked)).unwrap_or(Timestamp::MAX))
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
    fn follows_the_protocol() {
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

    #[test]
    fn absurdly_long_pauses_are_cut_short() {
        let failure = Failure { attempts: 1, at: AT, retry_after: None };
        let century = Some(PAUSE_MAX.as_secs() as i64);
        for (pause, jitter) in [
            (Duration::MAX, 0.1),
            (Duration::from_secs(u64::MAX / 2), 1.0),
            (Duration::from_secs(1), f64::MAX),
            (Duration::from_secs(1), f64::NAN),
        ] {
            let schedule = Schedule { pauses: vec![pause], jitter };
            let at = schedule.retry_at(failure, 1.0).map(Timestamp::as_second);
            assert_eq!(at, century, "{pause:?} {jitter}");
        }
        let late = Failure { at: Timestamp::MAX, ..failure };
        assert_eq!(Schedule::default().retry_at(late, 1.0), Some(Timestamp::MAX));
    }
}
