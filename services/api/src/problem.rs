//! The only way from an error to an HTTP answer: one type, one body shape, one table of statuses.
//!
//! Protocol 0.9. A problem never carries a secret or the text of an inner failure: failures are
//! logged here, once, with their whole chain, and leave as a generic sentence.

use std::error::Error as StdError;
use std::fmt;

use poem::Response;
use poem::error::ResponseError;
use poem::http::header::{ALLOW, RETRY_AFTER, WWW_AUTHENTICATE};
use poem::http::{HeaderName, HeaderValue, StatusCode};
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::field::FieldError;

/// The content type of every error.
pub const CONTENT_TYPE: &str = "application/problem+json";

/// Clients show at most this much of a detail (protocol 0.9: MCP cuts at 300 characters).
const DETAIL_CHARS_MAX: usize = 300;

/// What every problem type starts with; the rest is a stable slug.
const TYPE_PREFIX: &str = "/docs/problems#";

const GENERIC_FAILURE: &str = "The server could not handle the request; the failure was logged";

/// One row of protocol 0.9: the slug ends the problem's `type`.
struct Kind {
    status: StatusCode,
    slug: &'static str,
    title: &'static str,
    meaning: &'static str,
}

macro_rules! kinds {
    ($($name:ident = $status:ident, $slug:literal, $title:literal, $meaning:literal;)*) => {
        $(const $name: Kind = Kind {
            status: StatusCode::$status,
            slug: $slug,
            title: $title,
            meaning: $meaning,
        };)*

        const KINDS: &[Kind] = &[$($name),*];
    };
}

kinds! {
    BAD_REQUEST = BAD_REQUEST, "bad-request", "Bad request",
        "The request is malformed, or holds a field that may not be sent here.";
    UNAUTHORIZED = UNAUTHORIZED, "unauthorized", "No valid credential",
        "Send an agent key or a project token that is in use.";
    FORBIDDEN = FORBIDDEN, "forbidden", "Not allowed",
        "The credential is valid and lacks the right.";
    NOT_FOUND = NOT_FOUND, "not-found", "Not found",
        "It does not exist, or this credential may not read it.";
    METHOD_NOT_ALLOWED = METHOD_NOT_ALLOWED, "method-not-allowed", "Method not allowed",
        "The address has other methods: see the header Allow.";
    CONFLICT = CONFLICT, "conflict", "Conflict",
        "The state of things does not allow this: read again and decide anew.";
    BUDGET_EXCEEDED = CONFLICT, "budget-exceeded", "Budget exceeded",
        "The epic has spent its budget; raise it to go on.";
    TOO_LARGE = PAYLOAD_TOO_LARGE, "body-too-large", "Body too large",
        "The body is over the size limit of this server.";
    INVALID = UNPROCESSABLE_ENTITY, "invalid-fields", "Invalid fields",
        "Fields or parameters are wrong; errors names each and says how to mend it.";
    KEY_REUSED = UNPROCESSABLE_ENTITY, "idempotency-key-reused", "Idempotency key reused",
        "The Idempotency-Key was used with another request; take a new one.";
    RATE_LIMITED = TOO_MANY_REQUESTS, "rate-limited", "Too many requests",
        "This credential is over its rate; wait for the seconds in Retry-After.";
    INTERNAL = INTERNAL_SERVER_ERROR, "internal", "Server fault",
        "A fault of the server; its log has the X-Request-Id.";
    UNAVAILABLE = SERVICE_UNAVAILABLE, "unavailable", "Temporarily unavailable",
        "Try again after the seconds in Retry-After. Where outcome is unknown, the command may \
         have been carried out: repeat it with the same Idempotency-Key.";
}

/// The kind of what a library refuses by itself.
const OTHER: &str = "http";
const OTHER_MEANING: &str = "The request is not one that HTTP allows; the status says more.";

/// The page that the types of problems lead to: every kind, with what it means.
pub(crate) fn page() -> String {
    let sections = KINDS.iter().map(|Kind { status, slug, title, meaning }| {
        let status = status.as_u16();
        format!("<h2 id=\"{slug}\">{title} ({status})</h2>\n<p>{meaning}</p>\n")
    });
    let other = format!("<h2 id=\"{OTHER}\">Other</h2>\n<p>{OTHER_MEANING}</p>\n");
    let sections: String = sections.chain([other]).collect();
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <title>Errors of Baton</title>\n<h1>Errors of Baton</h1>\n{sections}</html>\n"
    )
}

/// An answer that is not a success.
pub struct Problem {
    kind: Box<Kind>,
    detail: String,
    extensions: Map<String, Value>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Problem {
    /// 400: the request as a whole is not what the protocol allows (malformed JSON, chain fields).
    pub fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(BAD_REQUEST, detail)
    }

    /// 401: no, a wrong, an inactive or a rotated credential. The reasons are not told apart.
    pub fn unauthorized() -> Self {
        Self::new(UNAUTHORIZED, "A valid agent key or project token is required")
            .header(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))
    }

    /// 403: authenticated, but lacks the right.
    pub fn forbidden(detail: impl Into<String>) -> Self {
        Self::new(FORBIDDEN, detail)
    }

    /// 404: missing, or there but not readable. `what` is a noun: "Task", "Agent".
    pub fn not_found(what: &str) -> Self {
        Self::new(NOT_FOUND, format!("{what} not found"))
    }

    /// 404 for an address that no operation answers.
    pub fn no_such_address() -> Self {
        Self::new(NOT_FOUND, "Nothing is served at this address")
    }

    /// 405: the address exists, the method does not; `offered` goes into `Allow`.
    pub fn method_not_allowed(method: &str, offered: Option<HeaderValue>) -> Self {
        let detail = format!("{method} is not offered at this address");
        let problem = Self::new(METHOD_NOT_ALLOWED, detail);
        match offered {
            Some(offered) => problem.header(ALLOW, offered),
            None => problem,
        }
    }

    /// 409: the request is fine, the state of the resource does not allow it.
    pub fn conflict(detail: impl Into<String>) -> Self {
        Self::new(CONFLICT, detail)
    }

    /// 409 whose `type` ends in `budget-exceeded`.
    pub fn budget_exceeded(detail: impl Into<String>) -> Self {
        Self::new(BUDGET_EXCEEDED, detail)
    }

    /// 413: the body is over the configured limit.
    pub fn too_large(bytes_max: usize) -> Self {
        Self::new(TOO_LARGE, format!("The body is larger than {bytes_max} bytes"))
    }

    /// 422: one or more fields or parameters are wrong; all of them are named.
    pub fn invalid(errors: Vec<FieldError>) -> Self {
        Self::new(INVALID, summary(&errors)).with("errors", json!(errors))
    }

    /// 422 for one field.
    pub fn invalid_field(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self::invalid(vec![FieldError { field: field.into(), message: message.into() }])
    }

    /// 422: this `Idempotency-Key` was first sent with another request.
    pub fn key_reused() -> Self {
        let message = "was already used for a different request";
        let error = FieldError { field: "Idempotency-Key".into(), message: message.into() };
        Self::new(KEY_REUSED, summary(std::slice::from_ref(&error))).with("errors", json!([error]))
    }

    /// 429: over the configured rate.
    pub fn rate_limited(retry_after_seconds: u64) -> Self {
        Self::new(RATE_LIMITED, "Too many requests for this credential")
            .retry_after(retry_after_seconds)
    }

    /// 503: refused for now, nothing was changed. The cause is logged.
    pub fn unavailable(retry_after_seconds: u64, cause: &(dyn StdError + 'static)) -> Self {
        tracing::warn!(error = chain(cause), "cannot serve the request for now");
        Self::try_again(retry_after_seconds)
    }

    /// 500: a fault of the server. The cause and all its sources are logged; the client gets none.
    pub fn internal(cause: &(dyn StdError + 'static)) -> Self {
        tracing::error!(error = chain(cause), "cannot handle the request");
        Self::server_fault()
    }

    /// 500 for a fault that has no error value (a panic, a missing part of the wiring).
    pub fn fault(what: &str) -> Self {
        tracing::error!(error = what, "cannot handle the request");
        Self::server_fault()
    }

    /// The 503 itself; nothing is logged.
    pub(crate) fn try_again(retry_after_seconds: u64) -> Self {
        Self::new(UNAVAILABLE, "The server cannot take this request right now; try again")
            .retry_after(retry_after_seconds)
    }

    /// The 500 itself; nothing is logged.
    pub(crate) fn server_fault() -> Self {
        Self::new(INTERNAL, GENERIC_FAILURE)
    }

    /// The problem of a status that a library answered with, its detail already safe to show.
    pub(crate) fn of_status(status: StatusCode, detail: String) -> Self {
        let title = status.canonical_reason().unwrap_or("Error");
        let detail = if detail.is_empty() { title.to_owned() } else { detail };
        Self::new(Kind { status, slug: OTHER, title, meaning: OTHER_MEANING }, detail)
    }

    /// Adds an extension member, such as `matches`, `version` or `claimed_by_agent_id`.
    #[must_use]
    pub fn with(mut self, member: &str, value: impl Into<Value>) -> Self {
        debug_assert!(!STANDARD_MEMBERS.contains(&member), "{member} is no extension");
        self.extensions.insert(member.to_owned(), value.into());
        self
    }

    /// The same with another sentence for the reader.
    #[must_use]
    pub fn detailed(self, detail: impl Into<String>) -> Self {
        Self { detail: detail.into(), ..self }
    }

    /// The HTTP status.
    pub fn status(&self) -> StatusCode {
        self.kind.status
    }

    /// The sentence for the reader.
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// The answer; `instance` is the path of the request.
    pub fn respond(&self, instance: &str) -> Response {
        let body = self.body(instance);
        let bytes = serde_json::to_vec(&body).expect("a map with text keys always serializes");
        let mut response =
            Response::builder().status(self.kind.status).content_type(CONTENT_TYPE).body(bytes);
        for (name, value) in &self.headers {
            response.headers_mut().insert(name, value.clone());
        }
        response
    }

    /// The body of the answer.
    pub(crate) fn document(&self, instance: &str) -> Value {
        json!(self.body(instance))
    }

    fn body<'a>(&'a self, instance: &'a str) -> ProblemBody<'a> {
        ProblemBody {
            r#type: format!("{TYPE_PREFIX}{}", self.kind.slug),
            title: self.kind.title,
            status: self.kind.status.as_u16(),
            detail: &self.detail,
            instance,
            error: &self.detail,
            extensions: &self.extensions,
        }
    }

    fn new(kind: Kind, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        Self { kind: Box::new(kind), detail, extensions: Map::new(), headers: Vec::new() }
    }

    fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    fn retry_after(self, seconds: u64) -> Self {
        self.header(RETRY_AFTER, HeaderValue::from(seconds.max(1)))
    }
}

const STANDARD_MEMBERS: [&str; 6] = ["type", "title", "status", "detail", "instance", "error"];

#[derive(Serialize)]
struct ProblemBody<'a> {
    r#type: String,
    title: &'a str,
    status: u16,
    detail: &'a str,
    instance: &'a str,
    error: &'a str,
    #[serde(flatten)]
    extensions: &'a Map<String, Value>,
}

/// The failure and its sources on one line.
fn chain(cause: &(dyn StdError + 'static)) -> String {
    let mut text = cause.to_string();
    let mut source = cause.source();
    while let Some(inner) = source {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        source = inner.source();
    }
    text
}

fn summary(errors: &[FieldError]) -> String {
    let all: Vec<_> = errors.iter().map(|e| format!("{} {}", e.field, e.message)).collect();
    let text = all.join("; ");
    if text.chars().count() <= DETAIL_CHARS_MAX {
        return text;
    }
    text.chars().take(DETAIL_CHARS_MAX - 1).chain(['…']).collect()
}

impl fmt::Debug for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.kind.status.as_u16(), self.kind.slug, self.detail)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)
    }
}

impl StdError for Problem {}

impl ResponseError for Problem {
    fn status(&self) -> StatusCode {
        self.kind.status
    }

    fn as_response(&self) -> Response {
        self.respond("")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("cannot append")]
    struct Outer(#[source] std::io::Error);

    fn secret() -> Outer {
        Outer(std::io::Error::other("dlg_secret in a connection string"))
    }

    async fn body_of(problem: Problem) -> (Response, Value) {
        let mut response = problem.respond("/v1/tasks");
        let text = response.take_body().into_string().await.unwrap();
        (response, serde_json::from_str(&text).unwrap())
    }

    /// One row of protocol 0.9 per line: status, end of `type`, a word of the detail.
    #[tokio::test]
    async fn every_row_of_the_error_table() {
        let rows = [
            (Problem::unauthorized(), 401, "unauthorized", "credential is", false),
            (Problem::forbidden("Only an admin may do this"), 403, "forbidden", "admin", true),
            (Problem::not_found("Task"), 404, "not-found", "Task not found", true),
            (Problem::no_such_address(), 404, "not-found", "address", true),
            (Problem::method_not_allowed("PUT", None), 405, "method-not-allowed", "PUT", true),
            (Problem::conflict("Name is taken"), 409, "conflict", "taken", true),
            (Problem::budget_exceeded("Epic is over"), 409, "budget-exceeded", "over", true),
            (Problem::bad_request("root_task_id"), 400, "bad-request", "root_task_id", true),
            (Problem::invalid_field("a", "is required"), 422, "invalid-fields", "a is", true),
            (Problem::key_reused(), 422, "idempotency-key-reused", "different", true),
            (Problem::too_large(7), 413, "body-too-large", "7 bytes", true),
            (Problem::rate_limited(3), 429, "rate-limited", "Too many", true),
            (Problem::internal(&secret()), 500, "internal", "logged", true),
            (Problem::unavailable(2, &secret()), 503, "unavailable", "try again", true),
        ];
        for (problem, status, slug, word, check_word) in rows {
            let (response, body) = body_of(problem).await;
            assert_eq!(response.status(), status, "{slug}");
            assert_eq!(response.content_type(), Some(CONTENT_TYPE), "{slug}");
            assert_eq!(body["status"], status, "{slug}");
            assert_eq!(body["type"], format!("/docs/problems#{slug}"));
            assert_eq!(body["error"], body["detail"], "{slug}");
            assert_eq!(body["instance"], "/v1/tasks", "{slug}");
            assert!(body["title"].is_string(), "{slug}");
            let detail = body["detail"].as_str().unwrap();
            assert!(!check_word || detail.contains(word), "{slug}: {detail}");
            assert!(!body.to_string().contains("dlg_secret"), "{slug}");
        }
    }

    #[tokio::test]
    async fn headers_of_the_error_table() {
        let rows = [
            (Problem::unauthorized(), "www-authenticate", "Bearer"),
            (Problem::rate_limited(0), "retry-after", "1"),
            (Problem::rate_limited(30), "retry-after", "30"),
            (Problem::unavailable(5, &secret()), "retry-after", "5"),
        ];
        for (problem, name, value) in rows {
            assert_eq!(problem.respond("").header(name), Some(value));
        }
    }

    #[tokio::test]
    async fn extensions_stand_beside_the_standard_members() {
        let problem = Problem::conflict("Context has moved on")
            .with("version", 4)
            .with("context", json!({"a": 1}));
        let (_, body) = body_of(problem).await;
        assert_eq!(body["version"], 4);
        assert_eq!(body["context"], json!({"a": 1}));
    }

    #[tokio::test]
    async fn all_field_errors_are_listed_and_the_detail_stays_short() {
        let errors = (0..60)
            .map(|n| FieldError { field: format!("labels[{n}]"), message: "is too long".into() })
            .collect();
        let (_, body) = body_of(Problem::invalid(errors)).await;
        assert_eq!(body["errors"].as_array().unwrap().len(), 60);
        assert_eq!(body["errors"][3], json!({"field": "labels[3]", "message": "is too long"}));
        assert_eq!(body["detail"].as_str().unwrap().chars().count(), DETAIL_CHARS_MAX);
    }

    #[test]
    fn the_chain_names_every_source_once() {
        assert_eq!(chain(&secret()), "cannot append: dlg_secret in a connection string");
    }
}
