//! What commands and reads refuse or fail with, as problems: the one place from a refusal to a
//! status (protocol 0.9).
//!
//! Where several things are wrong, every operation says the first of these:
//!
//! 1. 401: nobody known asks;
//! 2. 400, 413, 422: the request by itself, whatever there is and whoever asks;
//! 3. 403: the caller's role may never do this (`baton_domain::rights`);
//! 4. 404: what the path names is not there, or not for this caller;
//! 5. 403: the caller may read the task but not write it, or not this about it;
//! 6. 404: what the body names is not there, or not for this caller;
//! 7. 409, 422: how things stand; 400 for a place in a chain that is not the task's.
//!
//! So a refusal tells nobody of things that it may not read. Which agents there are is no more
//! told to those who may not see the directory: to them every agent but themselves is 403.

use baton_audit::AuditError;
use baton_commands::CommandError;
use baton_domain::{
    AgentId, Timestamp,
    account::AccountRefusal,
    recurrence::RecurrenceRefusal,
    task::{CLAIMED, TaskRefusal},
    webhook::WebhookRefusal,
};
use baton_duplicates::CheckError;
use baton_feed::{FeedError, ListenError};
use baton_history::{FoldError, PastError};
use baton_ledger::LedgerError;
use baton_log::AppendError;
use baton_projections::{Behind, QueryError};
use baton_queue::ClaimError;
use baton_webhooks::StoreError;
use serde_json::json;

use crate::problem::Problem;

/// After how many seconds a client may try again what the server could not take.
const RETRY_AFTER_SECONDS: u64 = 1;
/// The same where an operator must do something about it.
const TOO_LARGE_RETRY_SECONDS: u64 = 60;

impl From<CommandError> for Problem {
    fn from(error: CommandError) -> Self {
        let detail = error.to_string();
        match error {
            CommandError::Unauthenticated => Self::unauthorized(),
            CommandError::ReadOnly
            | CommandError::ProjectIsProtected
            | CommandError::NotWritable
            | CommandError::OneNotWritable { .. } => Self::forbidden(detail),
            CommandError::OneNotFound { id } => Self::not_found(&format!("Task {id}")),
            CommandError::NotFound { what } => Self::not_found(what),
            CommandError::InactiveAgent { .. } => {
                Self::invalid_field("assigned_to_agent_id", detail)
            }
            CommandError::Late { refusal, id, claim_generation } => {
                let kept = json!({ "id": id, "claim_generation": claim_generation });
                Self::from(*refusal).detailed(detail).with("late_completion", kept)
            }
            CommandError::Account(refusal) => of_account(refusal),
            CommandError::Task(refusal) => of_task(refusal),
            CommandError::Webhook(WebhookRefusal::NotFound) => Self::not_found("Webhook"),
            CommandError::Webhook(WebhookRefusal::AlreadyExists | WebhookRefusal::Inactive) => {
                Self::conflict(detail)
            }
            CommandError::Webhook(WebhookRefusal::NotAdmin) => Self::forbidden(detail),
            CommandError::Webhook(WebhookRefusal::PositionAhead) => {
                Self::invalid_field("from_position", detail)
            }
            CommandError::Recurrence(refusal) => of_recurrence(refusal),
            CommandError::KeyReused => Self::key_reused(),
            CommandError::KeyInUse => Self::conflict(detail),
            CommandError::Contended | CommandError::AccountClosed => {
                Self::unavailable(RETRY_AFTER_SECONDS, &error)
            }
            // Its text names a bound; the edge's own bounds should have come first.
            CommandError::Append(AppendError::Invalid { source }) => {
                Self::invalid_field("body", format!("cannot be recorded: {source}"))
            }
            // Only a repetition with the same Idempotency-Key is safe now; the client is told why.
            CommandError::Append(AppendError::OutcomeUnknown { .. }) => {
                Self::unavailable(RETRY_AFTER_SECONDS, &error).with("outcome", "unknown")
            }
            CommandError::Append(_) => Self::unavailable(RETRY_AFTER_SECONDS, &error),
            CommandError::History(history) => history.into(),
            CommandError::Secrets(_) => Self::unavailable(RETRY_AFTER_SECONDS, &error),
            CommandError::Seal(_) => Self::internal(&error),
        }
    }
}

impl From<FoldError> for Problem {
    fn from(error: FoldError) -> Self {
        if error.is_passing() {
            Self::unavailable(RETRY_AFTER_SECONDS, &error)
        } else {
            Self::internal(&error)
        }
    }
}

impl From<PastError> for Problem {
    fn from(error: PastError) -> Self {
        match error {
            PastError::Busy => Self::unavailable(RETRY_AFTER_SECONDS, &error),
            PastError::Fold(fold) => fold.into(),
            PastError::Ahead { .. }
            | PastError::Future { .. }
            | PastError::Before { .. }
            | PastError::Empty
            | PastError::TooLong { .. } => Self::invalid_field("as_of", error.to_string()),
        }
    }
}

impl From<FeedError> for Problem {
    fn from(error: FeedError) -> Self {
        match error {
            FeedError::Read(_) => Self::unavailable(RETRY_AFTER_SECONDS, &error),
            FeedError::Fold(fold) => fold.into(),
            FeedError::Render(_) => Self::internal(&error),
        }
    }
}

impl From<LedgerError> for Problem {
    fn from(error: LedgerError) -> Self {
        match error.is_passing() {
            true => Self::unavailable(RETRY_AFTER_SECONDS, &error),
            false => Self::internal(&error),
        }
    }
}

impl From<AuditError> for Problem {
    fn from(error: AuditError) -> Self {
        match error {
            AuditError::NotSigned => Self::not_found("Checkpoint"),
            AuditError::Ledger(ledger) => ledger.into(),
            passing if passing.is_passing() => Self::unavailable(RETRY_AFTER_SECONDS, &passing),
            error => Self::internal(&error),
        }
    }
}

impl From<ListenError> for Problem {
    fn from(error: ListenError) -> Self {
        Self::unavailable(RETRY_AFTER_SECONDS, &error)
    }
}

impl From<Behind> for Problem {
    fn from(behind: Behind) -> Self {
        Self::unavailable(RETRY_AFTER_SECONDS, &behind)
    }
}

impl From<QueryError> for Problem {
    fn from(error: QueryError) -> Self {
        match error {
            QueryError::Pool(_) | QueryError::Query(_) => {
                Self::unavailable(RETRY_AFTER_SECONDS, &error)
            }
            QueryError::Row(_) => Self::internal(&error),
            QueryError::TooMany { .. } => Self::conflict(error.to_string()),
        }
    }
}

impl From<ClaimError> for Problem {
    fn from(error: ClaimError) -> Self {
        match error {
            ClaimError::Command(command) => command.into(),
            ClaimError::Behind(behind) => behind.into(),
            ClaimError::Query(query) => query.into(),
            ClaimError::Head(_) | ClaimError::Contended => {
                Self::unavailable(RETRY_AFTER_SECONDS, &error)
            }
        }
    }
}

impl From<CheckError> for Problem {
    fn from(error: CheckError) -> Self {
        match error {
            CheckError::NotReady { .. } | CheckError::Read(_) => {
                Self::unavailable(RETRY_AFTER_SECONDS, &error)
            }
            CheckError::TooLarge { .. } => Self::unavailable(TOO_LARGE_RETRY_SECONDS, &error),
            CheckError::Behind(behind) => behind.into(),
            CheckError::Query(query) => query.into(),
            CheckError::Fold(fold) => fold.into(),
            CheckError::Broken => Self::internal(&error),
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Pool(_) | StoreError::Query(_) => {
                Self::unavailable(RETRY_AFTER_SECONDS, &error)
            }
            StoreError::Malformed(_) | StoreError::Fold(_) | StoreError::Id(_) => {
                Self::internal(&error)
            }
        }
    }
}

fn of_account(refusal: AccountRefusal) -> Problem {
    let detail = refusal.to_string();
    match refusal {
        AccountRefusal::NameTaken { .. }
        | AccountRefusal::AlreadyOpened
        | AccountRefusal::Self_
        | AccountRefusal::LastAdmin
        | AccountRefusal::StillAtWork { .. }
        | AccountRefusal::Full { .. } => Problem::conflict(detail),
        // Who may not found the account needs a credential like everybody.
        AccountRefusal::NotFirst => Problem::unauthorized(),
        AccountRefusal::NameIsAnId => Problem::invalid_field("name", detail),
        AccountRefusal::NoSuchAgent => Problem::not_found("Agent"),
        AccountRefusal::NoSuchProject => Problem::not_found("Project"),
        AccountRefusal::TooManyProjects { .. } => Problem::conflict(detail),
        AccountRefusal::NotOpened => Problem::not_found("Account"),
        AccountRefusal::NotAdmin { .. } | AccountRefusal::Protected { .. } => {
            Problem::forbidden(detail)
        }
    }
}

fn of_recurrence(refusal: RecurrenceRefusal) -> Problem {
    let detail = refusal.to_string();
    match refusal {
        RecurrenceRefusal::NotFound => Problem::not_found("Recurrence"),
        RecurrenceRefusal::NotYours => Problem::forbidden(detail),
        RecurrenceRefusal::AlreadyExists | RecurrenceRefusal::NotDue => Problem::conflict(detail),
    }
}

fn of_task(refusal: TaskRefusal) -> Problem {
    let detail = refusal.to_string();
    match refusal {
        TaskRefusal::NotFound => Problem::not_found("Task"),
        TaskRefusal::NoSuch { what } => Problem::not_found(what),
        // Nobody holds a task that stands like this.
        TaskRefusal::Status { action: CLAIMED, .. }
        | TaskRefusal::AssignedToAnother
        | TaskRefusal::NotQueued
        | TaskRefusal::NotClaimed => held(detail, None, None),
        TaskRefusal::AlreadyExists
        | TaskRefusal::Status { .. }
        | TaskRefusal::Waits
        | TaskRefusal::Fence { .. }
        | TaskRefusal::RetriesUsed { .. } => Problem::conflict(detail),
        TaskRefusal::Held { by, lease_expires_at }
        | TaskRefusal::NotHolder { by, lease_expires_at } => held(detail, by, lease_expires_at),
        TaskRefusal::ContextVersion { version, context } => {
            Problem::conflict(detail).with("version", version).with("context", context)
        }
        TaskRefusal::ContextSourceProtected => Problem::forbidden(detail),
        TaskRefusal::NotReleasable | TaskRefusal::NoAgent | TaskRefusal::NotAcceptable => {
            Problem::forbidden(detail)
        }
        TaskRefusal::EvidenceMissing | TaskRefusal::EvidenceWithoutCompletion => {
            Problem::invalid_field("evidence", detail)
        }
        TaskRefusal::ChainField { .. } => Problem::bad_request(detail),
        TaskRefusal::EvidencePolicyProtected => Problem::forbidden(detail),
        TaskRefusal::DependencyCycle => Problem::invalid_field("depends_on", detail),
        TaskRefusal::TooLarge { field, .. } => Problem::invalid_field(field, detail),
    }
}

/// Who holds the task, until when.
fn held(detail: String, by: Option<AgentId>, lease_expires_at: Option<Timestamp>) -> Problem {
    Problem::conflict(detail)
        .with("claimed_by_agent_id", by.map(|agent| agent.to_string()))
        .with("lease_expires_at", lease_expires_at.map(|end| end.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Clients look for it.
    #[tokio::test]
    async fn who_may_not_write_a_task_is_told_to_claim_it() {
        let one = CommandError::OneNotWritable { id: "1".to_owned() };
        for refusal in [CommandError::NotWritable, one] {
            let mut response = Problem::from(refusal).respond("");
            assert_eq!(response.status(), 403);
            let body = response.take_body().into_string().await.expect("text");
            assert!(body.contains("/tasks/:id/claim"), "{body}");
        }
    }

    #[test]
    fn one_who_finds_no_place_to_wait_may_come_back() {
        for error in [ListenError::Full, ListenError::Stopping, ListenError::NotReady] {
            let response = Problem::from(error).respond("");
            assert_eq!(response.status(), 503);
            assert_eq!(response.header("retry-after"), Some("1"));
        }
    }
}
