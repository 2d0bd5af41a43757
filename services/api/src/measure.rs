//! What is counted of requests, for `/metrics`: by operation, method and class of status.
//!
//! Labels come from Baton's own lists, never from a request: whoever calls must not be able to
//! make new ones.

use std::time::Instant;

use metrics::{counter, gauge, histogram};
use poem::http::{Method, StatusCode};
use poem::{Endpoint, IntoResponse, Middleware, Request, Response, Result};
use poem_openapi::OperationId;

/// Middleware: counts every request, also those whose client went away; one that was dropped before
/// it had an answer has the status `none`.
pub struct Measures;

impl<E: Endpoint> Middleware<E> for Measures {
    type Output = MeasuresEndpoint<E>;

    fn transform(&self, inner: E) -> Self::Output {
        MeasuresEndpoint { inner }
    }
}

/// The endpoint of [`Measures`].
pub struct MeasuresEndpoint<E> {
    inner: E,
}

impl<E: Endpoint> Endpoint for MeasuresEndpoint<E> {
    type Output = Response;

    async fn call(&self, request: Request) -> Result<Response> {
        let mut under_way = UnderWay::new(method(request.method()));
        let response = self.inner.call(request).await?.into_response();
        under_way.operation = response.data::<OperationId>().map_or("none", |it| it.0);
        under_way.status = class(response.status());
        Ok(response)
    }
}

/// A request under way until dropped, which is also how one ends that gets no answer.
struct UnderWay {
    started: Instant,
    method: &'static str,
    operation: &'static str,
    status: &'static str,
}

impl UnderWay {
    fn new(method: &'static str) -> Self {
        gauge!("baton_http_requests_in_flight").increment(1.0);
        Self { started: Instant::now(), method, operation: "none", status: "none" }
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        gauge!("baton_http_requests_in_flight").decrement(1.0);
        let Self { method, operation, status, .. } = *self;
        let labels = [("operation", operation), ("method", method), ("status", status)];
        counter!("baton_http_requests_total", &labels).increment(1);
        let took = self.started.elapsed().as_secs_f64();
        histogram!("baton_http_request_duration_seconds", &labels[..2]).record(took);
    }
}

fn method(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

fn class(status: StatusCode) -> &'static str {
    match status.as_u16() {
        100..=199 => "1xx",
        200..=299 => "2xx",
        300..=399 => "3xx",
        400..=499 => "4xx",
        _ => "5xx",
    }
}
