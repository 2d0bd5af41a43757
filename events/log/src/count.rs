//! What the log counts, for `/metrics`. Changes nothing, and names nobody.

use std::time::Instant;

use metrics::{counter, histogram};

use crate::append::Appended;
use crate::batch::Waiting;
use crate::error::AppendError;

/// One command was answered.
pub(crate) fn answered(events: usize, outcome: &Result<Appended, AppendError>) {
    let kind = match outcome {
        Ok(Appended::Committed(_)) => {
            counter!("baton_append_events_total").increment(events as u64);
            "committed"
        }
        Ok(Appended::Replayed(_)) => "replayed",
        Err(AppendError::Conflict) => "conflict",
        Err(AppendError::KeyReused) => "key_reused",
        Err(AppendError::Overloaded) => "overloaded",
        Err(AppendError::Unavailable { .. }) => "unavailable",
        Err(AppendError::OutcomeUnknown { .. }) => "unknown",
        Err(AppendError::Invalid { .. }) => "invalid",
    };
    counter!("baton_append_commands_total", "outcome" => kind).increment(1);
}

/// One batch came back from the database, whatever it said.
pub(crate) fn batch(batch: &[Waiting], sent: Instant) {
    let commands = u32::try_from(batch.len()).unwrap_or(u32::MAX);
    histogram!("baton_append_batch_commands").record(f64::from(commands));
    histogram!("baton_append_duration_seconds").record(sent.elapsed().as_secs_f64());
}
