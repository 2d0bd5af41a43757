//! Cross-origin requests (protocol 0.1): origins on a list may call with credentials, all methods
//! and headers.
//!
//! A request from any other origin is answered as usual but without the headers that would let a
//! page read the answer; that is the browser's part. It must not refuse: the pages this server
//! itself serves send an `Origin` too.

use std::collections::HashSet;
use std::sync::Arc;

use poem::http::header::{ORIGIN, RETRY_AFTER, VARY, WWW_AUTHENTICATE};
use poem::http::{HeaderValue, Method};
use poem::middleware::{Cors, CorsEndpoint};
use poem::{Endpoint, IntoResponse, Middleware, Request, Response, Result};

use crate::header::static_name;
use crate::{answer, request_id};

/// The origins allowed unless configured otherwise.
pub const DEFAULT_ORIGINS: [&str; 3] =
    ["http://localhost:18890", "http://localhost:5173", "http://127.0.0.1:18890"];

/// Middleware for cross-origin requests.
#[derive(Debug, Clone)]
pub struct Origins {
    allowed: HashSet<HeaderValue>,
}

/// A configured origin that is no header value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "cannot allow the origin {origin:?}: it is not of the form https://host or https://host:port"
)]
pub struct BadOrigin {
    origin: String,
}

impl Origins {
    /// Allows these origins, such as `http://localhost:5173`.
    pub fn new<S: AsRef<str>>(origins: impl IntoIterator<Item = S>) -> Result<Self, BadOrigin> {
        let parse = |origin: S| parse(origin.as_ref());
        Ok(Self { allowed: origins.into_iter().map(parse).collect::<Result<_, _>>()? })
    }

    /// Pages of this origin may call.
    pub fn allow(&self, origin: &str) -> bool {
        self.allowed.iter().any(|allowed| allowed == origin)
    }
}

fn parse(origin: &str) -> Result<HeaderValue, BadOrigin> {
    let bad = || BadOrigin { origin: origin.to_owned() };
    let origin = origin.trim().trim_end_matches('/');
    let host = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
    match host {
        Some(host) if !host.is_empty() && !host.contains(['/', '*', ' ', '?', '#', '@']) => {
            HeaderValue::try_from(origin).map_err(|_| bad())
        }
        _ => Err(bad()),
    }
}

impl<E: Endpoint> Middleware<E> for Origins {
    type Output = OriginsEndpoint<E>;

    fn transform(&self, inner: E) -> Self::Output {
        let inner = Arc::new(inner);
        let exposed = [
            static_name(answer::POSITION),
            static_name(answer::REPLAYED),
            static_name(answer::HAS_MORE),
            static_name(request_id::HEADER),
            RETRY_AFTER,
            WWW_AUTHENTICATE,
        ];
        let cors = Cors::new()
            .allow_origins(self.allowed.iter().cloned())
            .allow_credentials(true)
            .expose_headers(exposed);
        OriginsEndpoint {
            allowed: self.allowed.clone(),
            cors: cors.transform(Arc::clone(&inner)),
            inner,
        }
    }
}

/// The endpoint of [`Origins`].
pub struct OriginsEndpoint<E> {
    allowed: HashSet<HeaderValue>,
    cors: CorsEndpoint<Arc<E>>,
    inner: Arc<E>,
}

impl<E: Endpoint> Endpoint for OriginsEndpoint<E> {
    type Output = Response;

    async fn call(&self, request: Request) -> Result<Response> {
        let is_allowed =
            request.headers().get(ORIGIN).is_some_and(|origin| self.allowed.contains(origin));
        // A bare OPTIONS is no preflight and goes the way of every other method.
        let is_preflight = request.headers().contains_key("Access-Control-Request-Method");
        let is_cors = is_allowed && (request.method() != Method::OPTIONS || is_preflight);
        let mut response = if is_cors {
            self.cors.call(request).await?
        } else {
            self.inner.call(request).await?.into_response()
        };
        response.headers_mut().append(VARY, HeaderValue::from_static("Origin"));
        Ok(response)
    }
}

#[cfg(test)]
mod tests {
    use poem::EndpointExt;
    use poem::endpoint::make_sync;

    use super::*;

    async fn answer(method: Method, origin: Option<&str>, preflight: bool) -> Response {
        let endpoint = make_sync(|_| "fine").with(Origins::new(DEFAULT_ORIGINS).unwrap());
        let mut builder = Request::builder().method(method);
        if let Some(origin) = origin {
            builder = builder.header(ORIGIN, origin);
        }
        if preflight {
            builder = builder
                .header("Access-Control-Request-Method", "PATCH")
                .header("Access-Control-Request-Headers", "x-agent-key, content-type");
        }
        endpoint.call(builder.finish()).await.unwrap()
    }

    #[tokio::test]
    async fn only_listed_origins_get_the_headers() {
        let listed = "http://localhost:5173";
        let rows = [
            (Some(listed), Some(listed)),
            (Some("http://127.0.0.1:18890"), Some("http://127.0.0.1:18890")),
            (Some("https://evil.example"), None),
            (Some("null"), None),
            (None, None),
        ];
        for (origin, expected) in rows {
            let response = answer(Method::GET, origin, false).await;
            assert_eq!(response.status(), 200);
            assert_eq!(response.header("access-control-allow-origin"), expected);
            let credentials = response.header("access-control-allow-credentials");
            assert_eq!(credentials, expected.map(|_| "true"));
            assert_eq!(response.header("vary"), Some("Origin"));
        }
    }

    #[tokio::test]
    async fn a_preflight_allows_every_method_and_header() {
        let response = answer(Method::OPTIONS, Some("http://localhost:18890"), true).await;
        assert_eq!(response.status(), 200);
        let methods = response.header("access-control-allow-methods").unwrap().to_owned();
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE"] {
            assert!(methods.contains(method), "{methods}");
        }
        let headers = response.header("access-control-allow-headers");
        assert_eq!(headers, Some("x-agent-key, content-type"));
        let refused = answer(Method::OPTIONS, Some("https://evil.example"), true).await;
        assert_eq!(refused.header("access-control-allow-origin"), None);
    }

    #[test]
    fn configured_origins_are_checked() {
        let good = ["http://localhost:1", "https://baton.example", " https://baton.example/ "];
        assert_eq!(Origins::new(good).unwrap().allowed.len(), 2);
        for bad in ["*", "", "localhost:1", "https://", "https://a/b", "https://*.a", "http://a\nb"]
        {
            assert!(Origins::new([bad]).is_err(), "{bad:?}");
        }
    }
}
