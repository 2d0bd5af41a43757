//! Successful answers: bytes made by serde, described by a schema, with the headers of protocol
//! 0.7 and 0.8.
//!
//! The document that is sent and the schema that is shown are separate on purpose: documents are
//! rendered by the domain. It must not build or change a document.

use std::marker::PhantomData;

use poem::http::{HeaderValue, StatusCode};
use poem::{IntoResponse, Response};
use poem_openapi::ApiResponse;
use poem_openapi::registry::{MetaMediaType, MetaResponse, MetaResponses, Registry};
use poem_openapi::types::Type;
use serde::Serialize;

use crate::header::{shown_header, shown_mark, static_name};
use crate::problem::Problem;
use crate::request_id;

/// The content type of every success with a body.
pub const CONTENT_TYPE: &str = "application/json";

/// Where in the log this answer stands.
pub const POSITION: &str = "Baton-Position";

/// `true` when an `Idempotency-Key` brought an earlier answer back.
pub const REPLAYED: &str = "Idempotency-Replayed";

/// `true` when an array was cut.
pub const HAS_MORE: &str = "X-Has-More";

/// What a task takes, and most documents: room that is made at once.
const BYTES_EXPECTED: usize = 4 * 1_024;

/// The headers an answer may carry.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Marks {
    position: Option<i64>,
    replayed: bool,
    has_more: bool,
}

impl Marks {
    fn apply(self, response: &mut Response) {
        let headers = response.headers_mut();
        let yes = HeaderValue::from_static("true");
        if let Some(position) = self.position {
            headers.insert(static_name(POSITION), HeaderValue::from(position));
        }
        if self.replayed {
            headers.insert(static_name(REPLAYED), yes.clone());
        }
        if self.has_more {
            headers.insert(static_name(HAS_MORE), yes);
        }
    }
}

/// A success with a document of schema `T`.
pub struct Rendered<T, const STATUS: u16 = 200> {
    bytes: Vec<u8>,
    marks: Marks,
    schema: PhantomData<fn() -> T>,
}

/// 201 with the created document.
pub type Created<T> = Rendered<T, 201>;

/// 202 with the document of what was started.
pub type Accepted<T> = Rendered<T, 202>;

impl<T, const STATUS: u16> Rendered<T, STATUS> {
    /// Serializes a document.
    pub fn of(document: &impl Serialize) -> Result<Self, Problem> {
        let mut bytes = Vec::with_capacity(BYTES_EXPECTED);
        match serde_json::to_writer(&mut bytes, document) {
            Ok(()) => Ok(Self::of_bytes(bytes)),
            Err(error) => Err(Problem::internal(&error)),
        }
    }

    /// Takes a document that is JSON text already.
    pub fn of_bytes(bytes: Vec<u8>) -> Self {
        Self { bytes, marks: Marks::default(), schema: PhantomData }
    }

    /// Says where in the log the answer stands.
    #[must_use]
    pub fn at(mut self, position: i64) -> Self {
        self.marks.position = Some(position);
        self
    }

    /// Says whether this is an earlier answer again.
    #[must_use]
    pub fn replayed(mut self, replayed: bool) -> Self {
        self.marks.replayed = replayed;
        self
    }

    /// Says whether the array was cut.
    #[must_use]
    pub fn has_more(mut self, has_more: bool) -> Self {
        self.marks.has_more = has_more;
        self
    }
}

impl<T: Send, const STATUS: u16> IntoResponse for Rendered<T, STATUS> {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(STATUS).expect("the statuses in this crate are valid");
        let mut response =
            Response::builder().status(status).content_type(CONTENT_TYPE).body(self.bytes);
        self.marks.apply(&mut response);
        response
    }
}

impl<T: Type, const STATUS: u16> ApiResponse for Rendered<T, STATUS> {
    fn meta() -> MetaResponses {
        let content = vec![MetaMediaType { content_type: CONTENT_TYPE, schema: T::schema_ref() }];
        MetaResponses { responses: vec![described(STATUS, content)] }
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

/// 204: done, and there is nothing to show.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoContent {
    marks: Marks,
}

impl NoContent {
    /// Says where in the log the answer stands.
    pub fn at(position: i64) -> Self {
        Self { marks: Marks { position: Some(position), ..Marks::default() } }
    }

    /// Says whether this is an earlier answer again.
    #[must_use]
    pub fn replayed(mut self, replayed: bool) -> Self {
        self.marks.replayed = replayed;
        self
    }
}

impl IntoResponse for NoContent {
    fn into_response(self) -> Response {
        let mut response = Response::builder().status(StatusCode::NO_CONTENT).finish();
        self.marks.apply(&mut response);
        response
    }
}

impl ApiResponse for NoContent {
    fn meta() -> MetaResponses {
        MetaResponses { responses: vec![described(204, Vec::new())] }
    }

    fn register(_: &mut Registry) {}
}

/// One operation with two successes: `delegate` creates a child (201) or hands over (200).
pub enum CreatedOrOk<T> {
    /// Something new.
    Created(Created<T>),
    /// Something that was there.
    Ok(Rendered<T>),
}

impl<T: Send> IntoResponse for CreatedOrOk<T> {
    fn into_response(self) -> Response {
        match self {
            Self::Created(created) => created.into_response(),
            Self::Ok(rendered) => rendered.into_response(),
        }
    }
}

impl<T: Type> ApiResponse for CreatedOrOk<T> {
    fn meta() -> MetaResponses {
        let mut meta = Rendered::<T>::meta();
        meta.responses.extend(Created::<T>::meta().responses);
        meta
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

fn described(status: u16, content: Vec<MetaMediaType>) -> MetaResponse {
    let description = match status {
        201 => "Created.",
        202 => "Accepted.",
        204 => "Done; there is no body.",
        _ => "Success.",
    };
    // `document` takes away what an operation of this kind never sends.
    let headers = vec![
        request_id::shown(),
        shown_header(POSITION, "integer", "Where in the log the answer stands.", true),
        shown_mark(REPLAYED, "`true`: an earlier answer again."),
        shown_mark(HAS_MORE, "`true`: the array was cut at `limit`."),
    ];
    MetaResponse { description, status: Some(status), status_range: None, content, headers }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[tokio::test]
    async fn statuses_bodies_and_headers() {
        let document = json!({"id": "1"});
        let plain = Rendered::<Value>::of(&document).unwrap();
        let created = Created::<Value>::of(&document).unwrap().at(7).replayed(true);
        let accepted = Accepted::<Value>::of(&document).unwrap().replayed(false);
        let cut = Rendered::<Value>::of(&document).unwrap().has_more(true);
        let either = CreatedOrOk::Created(Created::<Value>::of(&document).unwrap());
        let rows = [
            (plain.into_response(), 200, [None, None, None]),
            (created.into_response(), 201, [Some("7"), Some("true"), None]),
            (accepted.into_response(), 202, [None, None, None]),
            (cut.into_response(), 200, [None, None, Some("true")]),
            (either.into_response(), 201, [None, None, None]),
        ];
        for (mut response, status, headers) in rows {
            assert_eq!(response.status(), status);
            assert_eq!(response.content_type(), Some("application/json"));
            assert_eq!([POSITION, REPLAYED, HAS_MORE].map(|name| response.header(name)), headers);
            let text = response.take_body().into_string().await.unwrap();
            assert_eq!(text, "{\"id\":\"1\"}");
        }
        let response = NoContent::at(9).replayed(true).into_response();
        assert_eq!(response.status(), 204);
        assert_eq!(response.header(POSITION), Some("9"));
        assert_eq!(response.content_type(), None);
    }
}
