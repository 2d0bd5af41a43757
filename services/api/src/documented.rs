//! The errors of an operation as the OpenAPI document shows them: which every operation of a kind
//! can end in, and how each looks. What only some operations refuse they name themselves
//! (`example::Operation::refusing`).
//!
//! It must not choose a status; `problem` and `refusal` do.

use poem::http::StatusCode;
use poem_openapi::ApiResponse;
use poem_openapi::registry::{MetaMediaType, MetaResponse, MetaResponses, Registry};
use poem_openapi::types::Type;

use crate::body::BODY_BYTES_MAX;
use crate::header::{MIN_POSITION, shown_header};
use crate::problem::{CONTENT_TYPE, Problem};
use crate::request_id;
use crate::schema::ProblemDocument;

/// What the errors of an operation depend on.
pub(crate) struct Traits {
    /// It needs no credential.
    pub(crate) is_open: bool,
    /// It reads the body of the request.
    pub(crate) has_body: bool,
    /// It also answers about the past.
    pub(crate) has_past: bool,
    /// It reads, whatever its method.
    pub(crate) is_read: bool,
    /// Its method in lower case.
    pub(crate) method: String,
}

/// One status: what it means, who can end in it by rule, and an example of that.
struct Row {
    status: StatusCode,
    description: &'static str,
    is_possible: fn(&Traits) -> bool,
    example: fn(&Traits) -> Option<Problem>,
}

const ROWS: [Row; 10] = [
    Row {
        status: StatusCode::BAD_REQUEST,
        description: "The request is malformed or holds a forbidden field.",
        is_possible: |operation| operation.has_body,
        example: |_| {
            let reason = "EOF while parsing an object at line 1 column 31";
            Some(Problem::bad_request(format!("The body is not valid JSON: {reason}")))
        },
    },
    Row {
        status: StatusCode::UNAUTHORIZED,
        description: "No credential, or one that is wrong, inactive or rotated.",
        is_possible: is_closed,
        example: |_| Some(Problem::unauthorized()),
    },
    Row {
        status: StatusCode::FORBIDDEN,
        description: "The caller lacks the right.",
        is_possible: |_| false,
        example: |_| None,
    },
    Row {
        status: StatusCode::NOT_FOUND,
        description: "Missing, or not readable for the caller.",
        is_possible: |_| false,
        example: |_| None,
    },
    Row {
        status: StatusCode::CONFLICT,
        description: "The state of the resource, or a request under way, does not allow this.",
        is_possible: may_carry_key,
        example: |_| {
            let detail = "the first request with this Idempotency-Key is still running; try again";
            Some(Problem::conflict(detail))
        },
    },
    Row {
        status: StatusCode::PAYLOAD_TOO_LARGE,
        description: "The body is over the size limit.",
        is_possible: |operation| operation.has_body,
        example: |_| Some(Problem::too_large(BODY_BYTES_MAX)),
    },
    Row {
        status: StatusCode::UNPROCESSABLE_ENTITY,
        description: "Fields or parameters are wrong; `errors` names each.",
        is_possible: |operation| {
            operation.has_body || is_read(operation) || may_carry_key(operation)
        },
        example: |operation| match operation.method.as_str() {
            _ if operation.is_read => {
                Some(Problem::invalid_field(MIN_POSITION, "must be a position, a whole number"))
            }
            "post" => Some(Problem::key_reused()),
            _ => None,
        },
    },
    Row {
        status: StatusCode::TOO_MANY_REQUESTS,
        description: "Over the configured rate.",
        is_possible: |_| true,
        example: |_| Some(Problem::rate_limited(7)),
    },
    Row {
        status: StatusCode::INTERNAL_SERVER_ERROR,
        description: "A fault of the server.",
        is_possible: |_| true,
        example: |_| Some(Problem::server_fault()),
    },
    Row {
        status: StatusCode::SERVICE_UNAVAILABLE,
        description: "Refused for now. Nothing was changed, unless `outcome` is `unknown`.",
        is_possible: is_closed,
        example: |_| Some(Problem::try_again(1)),
    },
];

fn is_closed(operation: &Traits) -> bool {
    !operation.is_open
}

fn is_read(operation: &Traits) -> bool {
    is_closed(operation) && operation.is_read
}

/// Only a POST needs help to be safe to repeat (protocol 0.8).
fn may_carry_key(operation: &Traits) -> bool {
    is_closed(operation) && operation.method == "post" && !operation.is_read
}

/// Whether every operation with these traits can end in the status.
pub(crate) fn is_possible(status: &str, operation: &Traits) -> bool {
    row(status).is_some_and(|row| (row.is_possible)(operation))
}

/// Whether errors with this status are shown at all.
#[cfg(test)]
pub(crate) fn is_known(status: &str) -> bool {
    row(status).is_some()
}

/// What the status looks like where it is possible by rule.
pub(crate) fn example(status: &str, operation: &Traits) -> Option<Problem> {
    row(status).and_then(|row| (row.example)(operation))
}

fn row(status: &str) -> Option<&'static Row> {
    ROWS.iter().find(|row| row.status.as_str() == status)
}

impl ApiResponse for Problem {
    fn meta() -> MetaResponses {
        MetaResponses { responses: ROWS.iter().map(response).collect() }
    }

    fn register(registry: &mut Registry) {
        ProblemDocument::register(registry);
    }
}

fn response(row: &Row) -> MetaResponse {
    let mut headers = vec![request_id::shown()];
    match row.status {
        StatusCode::UNAUTHORIZED => {
            headers.push(shown_header("WWW-Authenticate", "string", "`Bearer`.", true));
        }
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
            let description = "Seconds to wait before the next try.";
            headers.push(shown_header("Retry-After", "integer", description, true));
        }
        _ => (),
    }
    let content =
        MetaMediaType { content_type: CONTENT_TYPE, schema: ProblemDocument::schema_ref() };
    MetaResponse {
        description: row.description,
        status: Some(row.status.as_u16()),
        status_range: None,
        content: vec![content],
        headers,
    }
}
