//! Schema of every error body (protocol 0.9).

use poem_openapi::Object;

use super::duplicates::DuplicateMatch;
use super::scalar::{Instant, JsonObject, Nullable};

/// One wrong field or parameter.
#[derive(Debug, Clone, PartialEq, Eq, Object)]
#[oai(rename = "FieldError")]
pub struct FieldErrorDocument {
    /// Its name or path, such as `priority` or `labels[2]`.
    pub field: String,
    /// What is wrong with it, to be read after the name.
    pub message: String,
}

/// What was finished after its claim was lost.
#[derive(Debug, Clone, PartialEq, Eq, Object)]
#[oai(rename = "LateCompletion")]
pub struct LateCompletionDocument {
    /// Its id: `POST /tasks/{id}/late-completions/{completion_id}/accept` takes it.
    pub id: String,
    /// The claim that was lost.
    pub claim_generation: i64,
}

/// An error as RFC 9457 describes it. Members may be added.
#[derive(Debug, Clone, PartialEq, Object)]
#[oai(rename = "Problem")]
pub struct ProblemDocument {
    /// Stable name of the kind of error. It ends in one of `#bad-request`, `#unauthorized`,
    /// `#forbidden`, `#not-found`, `#method-not-allowed`, `#conflict`, `#budget-exceeded`,
    /// `#body-too-large`, `#invalid-fields`, `#idempotency-key-reused`, `#rate-limited`,
    /// `#internal`, `#unavailable`, `#http`; there may be more.
    pub r#type: String,
    /// The kind of error, for people.
    pub title: String,
    /// The HTTP status.
    pub status: i32,
    /// What is wrong with this request.
    pub detail: String,
    /// The path of the request.
    pub instance: String,
    /// Equal to `detail`.
    pub error: String,
    /// Every wrong field, with status 422.
    pub errors: Option<Vec<FieldErrorDocument>>,
    /// With 409: the agent that holds the task; null for none.
    pub claimed_by_agent_id: Option<Nullable<String>>,
    /// With 409: until when it holds the task.
    pub lease_expires_at: Option<Nullable<Instant>>,
    /// With 403 and 409: what the caller had finished is kept, although it had lost its claim.
    pub late_completion: Option<LateCompletionDocument>,
    /// With 409: the version of the context.
    pub version: Option<i64>,
    /// With 409: the context as it is.
    pub context: Option<JsonObject>,
    /// With 409: the open tasks that a new one is like.
    pub matches: Option<Vec<DuplicateMatch>>,
    /// With 409: what may be done about it.
    pub hint: Option<String>,
    /// With 503: `unknown` where the write may have happened all the same.
    pub outcome: Option<String>,
}
