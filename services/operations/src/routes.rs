//! `/health/ready` and `/metrics`: open to everybody, around whatever else the process serves.
//!
//! They lie outside its layers: what watches a process is neither limited nor logged like a
//! client, and a failing answer leaves as it is.

use std::sync::Arc;
use std::time::Instant;

use poem::endpoint::BoxEndpoint;
use poem::http::{Method, StatusCode, header};
use poem::{Endpoint, EndpointExt, Request, Response, Result};
use tokio_util::sync::CancellationToken;

use crate::facts::{Looker, Node};
use crate::ready::{self, Itself};
use crate::recorder::Recorder;
use crate::{gauges, process};

const READY: &str = "/health/ready";
const METRICS: &str = "/metrics";
/// Where operators look.
pub const PATHS: [&str; 2] = [READY, METRICS];
const METRICS_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What answers operators.
pub struct Operations {
    node: Node,
    looker: Looker,
    recorder: Recorder,
    started: Instant,
    stop: CancellationToken,
}

impl Operations {
    /// Watches this node; `stop` is cancelled when it is told to stop.
    #[must_use]
    pub fn new(node: Node, recorder: Recorder, stop: CancellationToken) -> Self {
        let looker = Looker::new(node.pool.clone());
        Self { node, looker, recorder, started: Instant::now(), stop }
    }

    /// Serves operators at [`PATHS`], and everything else from `inner`.
    pub fn around(self, inner: BoxEndpoint<'static, Response>) -> BoxEndpoint<'static, Response> {
        Around { operations: Arc::new(self), inner }.boxed()
    }

    async fn ready(&self) -> Response {
        let facts = self.looker.facts().await;
        let queue = self.node.log.queue();
        let itself = Itself {
            roles: &self.node.roles,
            serves_api: self.node.serves_api,
            appends: queue.is_open && queue.waiting < queue.capacity,
            accounts_closed: self.node.directory.closed(),
            nats_connected: self.node.nats.as_ref().map(|is_connected| is_connected()),
            is_stopping: self.stop.is_cancelled(),
        };
        let about = |name: &str| (self.node.holds(name), self.node.takes_part(name));
        let status = match ready::judge(itself, &facts).is_ready() {
            true => StatusCode::OK,
            false => StatusCode::SERVICE_UNAVAILABLE,
        };
        let document = ready::document(itself, &facts, about);
        answer(status, "application/json").body(document.to_string())
    }

    async fn metrics(&self) -> Response {
        let facts = self.looker.facts().await;
        gauges::set(&self.node, &facts);
        let text = self.recorder.text() + &process::text(self.started.elapsed());
        answer(StatusCode::OK, METRICS_TYPE).body(text)
    }
}

struct Around {
    operations: Arc<Operations>,
    inner: BoxEndpoint<'static, Response>,
}

impl Endpoint for Around {
    type Output = Response;

    async fn call(&self, request: Request) -> Result<Response> {
        let path = request.uri().path();
        let Some(path) = PATHS.into_iter().find(|known| *known == path) else {
            return self.inner.call(request).await;
        };
        let mut response = match *request.method() {
            Method::GET | Method::HEAD if path == READY => self.operations.ready().await,
            Method::GET | Method::HEAD => self.operations.metrics().await,
            _ => answer(StatusCode::METHOD_NOT_ALLOWED, "text/plain")
                .header(header::ALLOW, "GET, HEAD")
                .finish(),
        };
        if request.method() == Method::HEAD {
            drop(response.take_body());
        }
        Ok(response)
    }
}

fn answer(status: StatusCode, content_type: &str) -> poem::ResponseBuilder {
    // What was true a moment ago is of no use to whoever asks now.
    Response::builder()
        .status(status)
        .content_type(content_type)
        .header(header::CACHE_CONTROL, "no-store")
}
