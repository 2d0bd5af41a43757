//! The layers around the API, in their one order, and the addresses the API is served at.
//!
//! It must not know an endpoint.

use std::sync::Arc;

use poem::endpoint::BoxEndpoint;
use poem::middleware::AddData;
use poem::{EndpointExt, IntoEndpoint, Response, Route};

use crate::body::BodyLimit;
use crate::catch::Problems;
use crate::cors::Origins;
use crate::measure::Measures;
use crate::path::TrailingSlash;
use crate::proxy::TrustedProxies;
use crate::rate_limit::{RateLimits, Rates};
use crate::request_id::RequestIds;

/// Both serve the identical API (protocol 0.1).
pub const PREFIXES: [&str; 2] = ["/v1", "/api"];

/// What can be configured at the edge.
#[derive(Debug, Clone)]
pub struct EdgeSettings {
    /// Size limit of request bodies.
    pub body: BodyLimit,
    /// Requests per minute and credential.
    pub rates: Rates,
    /// Origins that may call from a browser.
    pub origins: Origins,
    /// Proxies that say who a user is.
    pub proxies: TrustedProxies,
}

/// Serves `api` at both prefixes, beside the routes of `root` (health, documents).
pub fn routes<A>(api: A, root: Route) -> Route
where
    A: IntoEndpoint,
    A::Endpoint: 'static,
{
    let api = Arc::new(api.into_endpoint().map_to_response());
    PREFIXES.into_iter().fold(root, |root, prefix| root.nest(prefix, Arc::clone(&api)))
}

/// Puts all layers around `routes`. The last one added is the first one reached: a request is
/// measured and gets its id, then whatever goes wrong becomes a problem, then come origin, rate
/// and path.
pub fn edge(routes: Route, settings: EdgeSettings) -> BoxEndpoint<'static, Response> {
    routes
        .with(AddData::new(settings.body))
        .with(TrailingSlash)
        .with(RateLimits::new(settings.rates))
        // Below the origin layer, which would turn errors into text ...
        .with(Problems)
        .with(settings.origins)
        // ... and above it, for its own errors.
        .with(Problems)
        .with(AddData::new(settings.proxies))
        .with(RequestIds)
        .with(Measures)
        .map_to_response()
        .boxed()
}
