//! The `Allow` header of a 405: which methods an address does offer.
//!
//! The router does not say, so the table is made from the operations themselves.

use std::collections::HashMap;

use poem::error::MethodNotAllowedError;
use poem::http::HeaderValue;
use poem::{Endpoint, IntoResponse, Middleware, PathPattern, Request, Response, Result};
use poem_openapi::OpenApi;

use crate::edge::PREFIXES;
use crate::problem::Problem;

/// Middleware around the API `A`: answers 405 with the methods that are offered.
#[derive(Clone)]
pub struct Allow {
    methods: HashMap<String, HeaderValue>,
}

impl Allow {
    /// The table of all operations of `A`.
    pub fn of<A: OpenApi>() -> Self {
        let mut methods: HashMap<String, Vec<String>> = HashMap::new();
        for path in A::meta().into_iter().flat_map(|api| api.paths) {
            let offered = methods.entry(form(&path.path)).or_default();
            offered.extend(path.operations.iter().map(|operation| operation.method.to_string()));
        }
        let header = |mut offered: Vec<String>| {
            if offered.iter().any(|method| method == "GET") {
                offered.push("HEAD".to_owned());
            }
            offered.sort_unstable();
            HeaderValue::try_from(offered.join(", ")).expect("method names are visible ASCII")
        };
        let methods = methods.into_iter().map(|(form, offered)| (form, header(offered)));
        Self { methods: methods.collect() }
    }

    fn offered(&self, pattern: &PathPattern) -> Option<&HeaderValue> {
        let path = PREFIXES.iter().find_map(|prefix| pattern.0.strip_prefix(prefix));
        self.methods.get(&form(path?))
    }
}

/// A path with its parameters unnamed: `/tasks/{id}` and `/tasks/:param0` are `/tasks/*`.
fn form(path: &str) -> String {
    let unnamed = |segment| if is_parameter(segment) { "*" } else { segment };
    path.split('/').map(unnamed).collect::<Vec<_>>().join("/")
}

fn is_parameter(segment: &str) -> bool {
    segment.starts_with(['{', ':'])
}

impl<E: Endpoint> Middleware<E> for Allow {
    type Output = AllowEndpoint<E>;

    fn transform(&self, inner: E) -> Self::Output {
        AllowEndpoint { allow: self.clone(), inner }
    }
}

/// The endpoint of [`Allow`].
pub struct AllowEndpoint<E> {
    allow: Allow,
    inner: E,
}

impl<E: Endpoint> Endpoint for AllowEndpoint<E> {
    type Output = Response;

    async fn call(&self, request: Request) -> Result<Response> {
        let method = request.method().clone();
        match self.inner.call(request).await {
            Ok(output) => Ok(output.into_response()),
            Err(error) if error.is::<MethodNotAllowedError>() => {
                let pattern = error.data::<PathPattern>();
                let offered = pattern.and_then(|pattern| self.allow.offered(pattern));
                let mut refused: poem::Error =
                    Problem::method_not_allowed(method.as_str(), offered.cloned()).into();
                if let Some(pattern) = pattern {
                    refused.set_data(pattern.clone());
                }
                Err(refused)
            }
            Err(error) => Err(error),
        }
    }
}
