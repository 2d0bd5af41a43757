//! Schema of every error body (protocol 0.9).

use poem_openapi::Object;

/// One wrong field or parameter.
#[derive(Debug, Clone, PartialEq, Eq, Object)]
#[oai(rename = "FieldError")]
pub struct FieldErrorDocument {
    /// Its name or path, such as `priority` or `labels[2]`.
    pub field: String,
    /// What is wrong with it, to be read after the name.
    pub message: String,
}

/// An error as RFC 9457 describes it. Some errors have further members, such as `matches`,
/// `version` or `claimed_by_agent_id`.
#[derive(Debug, Clone, PartialEq, Eq, Object)]
#[oai(rename = "Problem")]
pub struct ProblemDocument {
    /// Stable name of the kind of error; the part after `#` is for programs.
    pub r#type: String,
    /// The kind of error, for people.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What is wrong with this request.
    pub detail: String,
    /// The path of the request.
    pub instance: String,
    /// Equal to `detail`.
    pub error: String,
    /// Every wrong field, with status 422.
    pub errors: Option<Vec<FieldErrorDocument>>,
}
