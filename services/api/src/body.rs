//! The request body (protocol 0.1, 0.9, 0.10): bytes to fields to a typed value.
//!
//! Any content type or none is taken, no body is the same as `{}`, fields nobody reads are
//! ignored, and of equal keys the last wins. It must not know what the fields mean.

use futures_util::{StreamExt, pin_mut};
use poem::http::header::CONTENT_LENGTH;
use poem::{Request, RequestBody};
use poem_openapi::registry::{MetaMediaType, MetaRequest, MetaSchemaRef, Registry};
use poem_openapi::types::Type;
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::field::Report;
use crate::fields::Fields;
use crate::problem::Problem;

/// Largest body unless configured otherwise.
pub const BODY_BYTES_MAX: usize = 1_048_576;

/// A body over its limit is still read up to here, so that the client gets to see the 413 instead
/// of a broken connection.
const DRAIN_BYTES_MAX: usize = 8 * 1_048_576;

/// Deepest nesting of arrays and objects.
const DEPTH_MAX: usize = 64;

/// How much of a field path an error shows.
const PATH_CHARS_MAX: usize = 200;

/// The configured body limit; it travels in the request's data.
#[derive(Debug, Clone, Copy)]
pub struct BodyLimit {
    /// The most bytes a body may have.
    pub bytes_max: usize,
}

impl Default for BodyLimit {
    fn default() -> Self {
        Self { bytes_max: BODY_BYTES_MAX }
    }
}

/// A type that is read from the fields of a body.
pub trait FromFields: Sized + Send {
    /// What the OpenAPI document shows for it; often a `poem_openapi::Object` made for this alone.
    type Document: Type;

    /// Reads all its fields; what is wrong goes into the report behind `fields`. The value
    /// returned is used only when nothing is wrong.
    fn from_fields(fields: &mut Fields<'_>) -> Self;
}

/// The body of an operation that needs no field, such as `uncomplete`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoFields;

impl FromFields for NoFields {
    type Document = crate::schema::NoFieldsDocument;

    fn from_fields(_: &mut Fields<'_>) -> Self {
        Self
    }
}

/// Extracts a request body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Body<T> {
    /// What was read.
    pub value: T,
    /// SHA-256 of the bytes as they came (no body counts as `{}`): what makes two requests with
    /// one `Idempotency-Key` the same.
    pub digest: [u8; 32],
}

impl<'a, T: FromFields> ApiExtractor<'a> for Body<T> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];

    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        T::Document::register(registry);
    }

    fn request_meta() -> Option<MetaRequest> {
        let schema = T::Document::schema_ref();
        let required = has_required_field::<T::Document>(&schema);
        let content = vec![MetaMediaType { content_type: "application/json", schema }];
        Some(MetaRequest { description: None, content, required })
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        let bytes = read_bytes(request, body).await?;
        Ok(parse(&bytes)?)
    }
}

/// The typed value of a body's bytes.
pub fn parse<T: FromFields>(bytes: &[u8]) -> Result<Body<T>, Problem> {
    let bytes = if bytes.trim_ascii().is_empty() { b"{}" } else { bytes };
    let map = parse_object(bytes)?;
    let mut report = Report::default();
    Scan { report: &mut report }.object(&map, &mut Vec::new());
    let value = T::from_fields(&mut Fields::new(map, &mut report));
    report.finish()?;
    Ok(Body { value, digest: Sha256::digest(bytes).into() })
}

fn parse_object(bytes: &[u8]) -> Result<Map<String, Value>, Problem> {
    match serde_json::from_slice(bytes) {
        Ok(Value::Object(map)) => Ok(map),
        Ok(_) => Err(Problem::invalid_field("body", "must be a JSON object")),
        // The parser's words tell the place and never repeat what was sent.
        Err(error) => Err(Problem::bad_request(format!("The body is not valid JSON: {error}"))),
    }
}

pub(crate) async fn read_bytes(
    request: &Request,
    body: &mut RequestBody,
) -> Result<Vec<u8>, Problem> {
    let BodyLimit { bytes_max } = request.data().copied().unwrap_or_default();
    let announced = request
        .headers()
        .get(CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|bytes| bytes > bytes_max && bytes > DRAIN_BYTES_MAX) {
        return Err(Problem::too_large(bytes_max));
    }
    let body = body.take().map_err(|error| Problem::internal(&error))?;
    let stream = body.into_bytes_stream();
    pin_mut!(stream);
    let (mut kept, mut seen) = (Vec::new(), 0);
    while let Some(chunk) = stream.next().await {
        let chunk =
            chunk.map_err(|_| Problem::bad_request("The body ended before it was complete"))?;
        seen += chunk.len();
        if seen <= bytes_max {
            kept.extend_from_slice(&chunk);
        } else if seen > DRAIN_BYTES_MAX {
            break;
        }
    }
    if seen > bytes_max { Err(Problem::too_large(bytes_max)) } else { Ok(kept) }
}

fn has_required_field<T: Type>(schema: &MetaSchemaRef) -> bool {
    let mut registry = Registry::new();
    T::register(&mut registry);
    match schema {
        MetaSchemaRef::Inline(schema) => !schema.required.is_empty(),
        MetaSchemaRef::Reference(name) => {
            registry.schemas.get(name).is_some_and(|schema| !schema.required.is_empty())
        }
    }
}

#[derive(Clone, Copy)]
enum Step<'a> {
    Key(&'a str),
    Index(usize),
}

/// Looks through the whole body, also the fields nobody reads, for what Postgres cannot store.
struct Scan<'r> {
    report: &'r mut Report,
}

impl Scan<'_> {
    fn object<'a>(&mut self, map: &'a Map<String, Value>, path: &mut Vec<Step<'a>>) {
        for (key, value) in map {
            path.push(Step::Key(key));
            if key.contains('\0') {
                self.report.wrong(shown(path), "must not have U+0000 in its name");
            }
            self.value(value, path);
            path.pop();
        }
    }

    fn value<'a>(&mut self, value: &'a Value, path: &mut Vec<Step<'a>>) {
        match value {
            Value::String(text) if text.contains('\0') => {
                self.report.wrong(shown(path), "must not contain U+0000");
            }
            Value::Array(_) | Value::Object(_) if path.len() > DEPTH_MAX => {
                let top = shown(&path[..1]);
                self.report.wrong(top, format!("must not nest deeper than {DEPTH_MAX} levels"));
            }
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    path.push(Step::Index(index));
                    self.value(item, path);
                    path.pop();
                }
            }
            Value::Object(map) => self.object(map, path),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => (),
        }
    }
}

fn shown(path: &[Step<'_>]) -> String {
    let mut text = String::new();
    for step in path {
        match step {
            Step::Key(key) => {
                if !text.is_empty() {
                    text.push('.');
                }
                text.push_str(&key.replace('\0', "\\u0000"));
            }
            Step::Index(index) => text.push_str(&format!("[{index}]")),
        }
    }
    if text.chars().count() > PATH_CHARS_MAX {
        text = text.chars().take(PATH_CHARS_MAX - 1).chain(['…']).collect();
    }
    text
}

#[cfg(test)]
#[path = "body_tests.rs"]
mod tests;
