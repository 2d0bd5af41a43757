//! An answer without an end: Server-Sent Events, pulled by the connection.
//!
//! Nothing is made before the client can take it, so that a slow one costs no memory. It must not
//! know what the events are.

use std::fmt::Write as _;
use std::io;

use futures_util::{Stream, StreamExt};
use poem::http::header::CACHE_CONTROL;
use poem::{Body, IntoResponse, Request, RequestBody, Response};
use poem_openapi::registry::{
    MetaMediaType, MetaParamIn, MetaResponse, MetaResponses, MetaSchema, MetaSchemaRef, Registry,
};
use poem_openapi::{ApiExtractor, ApiExtractorType, ApiResponse, ExtractParamOptions};

use crate::header::{described_position, shown_header};
use crate::problem::Problem;
use crate::request_id;

/// The content type of the stream.
pub const CONTENT_TYPE: &str = "text/event-stream";

/// Name of the header by which a client that was cut off says how far it had come.
pub const LAST_EVENT_ID: &str = "Last-Event-ID";

/// What a client is told first: after how many milliseconds to come back when it is cut off.
pub const OPENING: &str = "retry: 1000\n\n";

/// What keeps the connection alive while nothing happens.
pub const HEARTBEAT: &str = ": heartbeat\n\n";

/// Server-Sent Events, as they come.
pub struct EventStream(Body);

impl EventStream {
    /// The stream of these pieces, each made when the connection asks for it.
    pub fn of(pieces: impl Stream<Item = String> + Send + 'static) -> Self {
        Self(Body::from_bytes_stream(pieces.map(Ok::<_, io::Error>)))
    }
}

/// Appends one event to a piece.
pub fn push_event(piece: &mut String, id: i64, event: &str, data: &str) {
    write!(piece, "id: {id}\nevent: {event}\n").expect("text takes text");
    // A line break would end the field; in JSON it stands only between tokens.
    for line in data.split(['\n', '\r']) {
        writeln!(piece, "data: {line}").expect("text takes text");
    }
    piece.push('\n');
}

impl IntoResponse for EventStream {
    fn into_response(self) -> Response {
        Response::builder()
            .content_type(CONTENT_TYPE)
            .header(CACHE_CONTROL, "no-store")
            // Proxies of one widespread make would hold events back.
            .header("X-Accel-Buffering", "no")
            .body(self.0)
    }
}

impl ApiResponse for EventStream {
    fn meta() -> MetaResponses {
        // Readers of the document differ in whether a schema here is that of the text or that of
        // an event; so it says neither.
        let schema = MetaSchema {
            description: Some("Text; every event in it has `id`, `event` and `data`."),
            ..MetaSchema::ANY
        };
        let response = MetaResponse {
            description: "Server-Sent Events as they come, without an end: `id` is the position, \
                          `event` the type, `data` the CloudEvent.",
            status: Some(200),
            status_range: None,
            content: vec![MetaMediaType {
                content_type: CONTENT_TYPE,
                schema: MetaSchemaRef::Inline(Box::new(schema)),
            }],
            headers: vec![
                request_id::shown(),
                shown_header("Cache-Control", "string", "`no-store`.", true),
            ],
        };
        MetaResponses { responses: vec![response] }
    }

    fn register(_: &mut Registry) {}
}

/// Extracts `Last-Event-ID`: a position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LastEventId(pub Option<i64>);

impl<'a> ApiExtractor<'a> for LastEventId {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::Parameter];

    type ParamType = ();
    type ParamRawType = ();

    fn param_in() -> Option<MetaParamIn> {
        Some(MetaParamIn::Header)
    }

    fn param_schema_ref() -> Option<MetaSchemaRef> {
        let description = "The `id` of the last event received: the stream goes on after it. \
                           Goes before `after`.";
        Some(described_position(LAST_EVENT_ID, description))
    }

    async fn from_request(
        request: &'a Request,
        _: &mut RequestBody,
        _: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        let Some(value) = request.headers().get(LAST_EVENT_ID) else {
            return Ok(Self(None));
        };
        let position = value.to_str().ok().and_then(|text| text.trim().parse().ok());
        match position {
            Some(position) if position >= 0 => Ok(Self(Some(position))),
            _ => Err(Problem::invalid_field(LAST_EVENT_ID, "must be the id of an event").into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_one_block_whatever_its_data() {
        let mut piece = String::new();
        push_event(&mut piece, 7, "task.created", "{\"a\":\n1}");
        assert_eq!(piece, "id: 7\nevent: task.created\ndata: {\"a\":\ndata: 1}\n\n");
    }
}
