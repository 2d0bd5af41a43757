//! What the sender counts, for `/metrics`. Names no webhook and no receiver.

use std::time::Duration;

use metrics::{counter, histogram};

use crate::record::Finished;
use crate::send::Outcome;

/// One attempt ended.
pub(crate) fn attempt(finished: &Finished) {
    let outcome = match &finished.outcome {
        outcome if outcome.is_success() => "delivered",
        outcome if outcome.is_gone() => "gone",
        Outcome::Answered { .. } => "refused",
        Outcome::TimedOut => "timed_out",
        Outcome::Unreached { .. } => "unreached",
    };
    counter!("baton_webhook_attempts_total", "outcome" => outcome).increment(1);
    // A clock that was set back meanwhile makes no negative time.
    let took = finished.ended_at.duration_since(finished.attempted_at);
    let took = Duration::try_from(took).unwrap_or_default();
    histogram!("baton_webhook_attempt_duration_seconds").record(took.as_secs_f64());
}
