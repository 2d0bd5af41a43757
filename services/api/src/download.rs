//! An answer that is a file: made and sent piece by piece, pulled by the connection.
//!
//! Nothing is made before the client can take it. Where a piece cannot be made, the connection
//! breaks off: the client sees that its file is not whole. It must not know what the pieces are.

use std::io;

use futures_util::Stream;
use poem::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION};
use poem::{Body, IntoResponse, Response};
use poem_openapi::ApiResponse;
use poem_openapi::registry::{
    MetaMediaType, MetaResponse, MetaResponses, MetaSchema, MetaSchemaRef, Registry,
};

use crate::header::shown_header;
use crate::request_id;

/// One JSON document a line.
pub const JSON_LINES: &str = "application/x-ndjson";
/// A table.
pub const CSV: &str = "text/csv";

/// A file.
pub struct Download {
    body: Body,
    content_type: &'static str,
    file_name: String,
}

impl Download {
    /// The file of these pieces, each made when the connection asks for it. The name is plain.
    pub fn of(
        pieces: impl Stream<Item = io::Result<Vec<u8>>> + Send + 'static,
        content_type: &'static str,
        file_name: String,
    ) -> Self {
        Self { body: Body::from_bytes_stream(pieces), content_type, file_name }
    }
}

impl IntoResponse for Download {
    fn into_response(self) -> Response {
        let disposition = format!("attachment; filename=\"{}\"", self.file_name);
        Response::builder()
            .content_type(format!("{}; charset=utf-8", self.content_type))
            .header(CACHE_CONTROL, "no-store")
            .header(CONTENT_DISPOSITION, disposition)
            .body(self.body)
    }
}

impl ApiResponse for Download {
    fn meta() -> MetaResponses {
        let of = |content_type, description| MetaMediaType {
            content_type,
            schema: MetaSchemaRef::Inline(Box::new(MetaSchema {
                description: Some(description),
                ..MetaSchema::new("string")
            })),
        };
        let response = MetaResponse {
            description: "The file.",
            status: Some(200),
            status_range: None,
            content: vec![
                of(JSON_LINES, "One JSON object a line: an event each, the last is the manifest."),
                of(CSV, "A line of names, and one line for each event."),
            ],
            headers: vec![
                request_id::shown(),
                shown_header("Cache-Control", "string", "`no-store`.", true),
                shown_header("Content-Disposition", "string", "A name for the file.", true),
            ],
        };
        MetaResponses { responses: vec![response] }
    }

    fn register(_: &mut Registry) {}
}
