//! Request ids and the access log: one id per request, in the answer, in the request data and in
//! every log line; one line per request when it is done.
//!
//! It must never log a header, a query or a body.

use std::time::Instant;

use poem::http::{HeaderMap, HeaderValue};
use poem::{Endpoint, IntoResponse, Middleware, PathPattern, Request, Response, Result};
use poem_openapi::registry::MetaHeader;
use tracing::Instrument;
use uuid::Uuid;

use crate::header::{shown_header, static_name};

/// The header that carries the id, both ways.
pub const HEADER: &str = "X-Request-Id";

/// The id of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestId(pub Uuid);

impl RequestId {
    /// The id of this request; a new one where the middleware is not at work.
    pub fn of(request: &Request) -> Self {
        request.data().copied().unwrap_or_else(|| Self(Uuid::now_v7()))
    }

    fn from_headers(headers: &HeaderMap) -> Self {
        let sent = headers.get(HEADER).and_then(|value| value.to_str().ok());
        // Anything else than a UUID could be used to write into our logs.
        let sent = sent.and_then(|text| Uuid::try_parse(text).ok());
        Self(sent.unwrap_or_else(Uuid::now_v7))
    }
}

/// The header as the OpenAPI document shows it: every answer has it.
pub(crate) fn shown() -> MetaHeader {
    let description = "Id of the request, a UUID: the one that was sent, or a new one. Events that \
                       it leads to carry it as `correlationid`.";
    shown_header(HEADER, "string", description, true)
}

/// Middleware: gives each request its id and writes the access log.
pub struct RequestIds;

impl<E: Endpoint> Middleware<E> for RequestIds {
    type Output = RequestIdsEndpoint<E>;

    fn transform(&self, inner: E) -> Self::Output {
        RequestIdsEndpoint { inner }
    }
}

/// The endpoint of [`RequestIds`].
pub struct RequestIdsEndpoint<E> {
    inner: E,
}

impl<E: Endpoint> Endpoint for RequestIdsEndpoint<E> {
    type Output = Response;

    async fn call(&self, mut request: Request) -> Result<Response> {
        let started = Instant::now();
        let id = RequestId::from_headers(request.headers());
        request.set_data(id);
        let method = request.method().clone();
        // By this name it is in every event that the request leads to.
        let span = tracing::info_span!("request", correlation_id = %id.0);

        let handled = async {
            let mut response = self.inner.call(request).await?.into_response();
            let value = HeaderValue::try_from(id.0.to_string()).expect("a UUID is visible ASCII");
            response.headers_mut().insert(static_name(HEADER), value);
            // The pattern keeps ids out of the line and lines of one operation together. An
            // address that nothing is served at may hold anything, a key for example.
            let route = response.data::<PathPattern>().map_or("none", |pattern| &pattern.0);
            tracing::info!(
                %method,
                route,
                status = response.status().as_u16(),
                duration_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
                "request handled"
            );
            Ok(response)
        };
        handled.instrument(span).await
    }
}

#[cfg(test)]
mod tests {
    use poem::EndpointExt;
    use poem::endpoint::make_sync;

    use super::*;

    async fn echoed(sent: Option<&str>) -> (String, String) {
        let endpoint = make_sync(|request: Request| RequestId::of(&request).0.to_string());
        let mut builder = Request::builder();
        if let Some(sent) = sent {
            builder = builder.header(HEADER, sent);
        }
        let mut response = endpoint.with(RequestIds).call(builder.finish()).await.unwrap();
        let header = response.header(HEADER).unwrap().to_owned();
        (header, response.take_body().into_string().await.unwrap())
    }

    #[tokio::test]
    async fn a_uuid_is_kept_and_anything_else_replaced() {
        let id = "8e03978e-40d5-43dd-bc93-6894a57f9324";
        for sent in [id, "8E03978E-40D5-43DD-BC93-6894A57F9324"] {
            assert_eq!(echoed(Some(sent)).await, (id.to_owned(), id.to_owned()));
        }
        for sent in [None, Some("x"), Some(""), Some("8e03978e"), Some("a b {}")] {
            let (header, seen) = echoed(sent).await;
            assert_eq!(header, seen);
            assert_eq!(Uuid::parse_str(&header).unwrap().get_version_num(), 7, "{sent:?}");
        }
    }
}
