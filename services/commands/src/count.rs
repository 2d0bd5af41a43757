//! What commands count, for `/metrics`. Names nobody, and changes nothing.

use baton_log::AppendError;
use metrics::counter;

use crate::error::CommandError;

/// One command was answered.
pub(crate) fn answered(outcome: Result<bool, &CommandError>) {
    let outcome = match outcome {
        Ok(false) => "done",
        Ok(true) => "replayed",
        Err(error) => kind(error),
    };
    counter!("baton_commands_total", "outcome" => outcome).increment(1);
}

/// One command is decided again, because what it rests on has moved.
pub(crate) fn conflict() {
    counter!("baton_command_conflicts_total").increment(1);
}

fn kind(error: &CommandError) -> &'static str {
    match error {
        CommandError::Unauthenticated => "unauthenticated",
        CommandError::ReadOnly | CommandError::ProjectIsProtected => "forbidden",
        CommandError::NotWritable | CommandError::OneNotWritable { .. } => "not_writable",
        CommandError::NotFound { .. } | CommandError::OneNotFound { .. } => "not_found",
        CommandError::Late { .. } => "late_completion",
        CommandError::InactiveAgent { .. } => "inactive_agent",
        CommandError::Account(_) => "refused_account",
        CommandError::Task(_) => "refused_task",
        CommandError::Webhook(_) => "refused_webhook",
        CommandError::Recurrence(_) => "refused_recurrence",
        CommandError::KeyReused => "key_reused",
        CommandError::KeyInUse => "key_in_use",
        CommandError::Contended => "contended",
        CommandError::Append(AppendError::Overloaded) => "overloaded",
        CommandError::Append(AppendError::OutcomeUnknown { .. }) => "unknown",
        CommandError::Append(AppendError::Invalid { .. }) => "invalid",
        CommandError::Append(_) => "unavailable",
        CommandError::History(_) | CommandError::AccountClosed => "history",
        CommandError::Seal(_) | CommandError::Secrets(_) => "secrets",
    }
}
