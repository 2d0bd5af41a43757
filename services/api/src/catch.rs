//! The last layer before the wire: whatever goes wrong below leaves as `application/problem+json`.
//!
//! It turns unknown addresses, wrong methods, library errors and panics into problems and fills in
//! `instance`. It must not touch a body that is a problem already.

use std::any::Any;
use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;
use poem::error::{MethodNotAllowedError, NotFoundError, ParsePathError, ReadBodyError};
use poem::http::StatusCode;
use poem::{Endpoint, Error, IntoResponse, Middleware, PathPattern, Request, Response, Result};
use poem_openapi::OperationId;
use poem_openapi::error as openapi;

use crate::problem::{CONTENT_TYPE, Problem};

/// Middleware: every error below it becomes a problem; it never fails itself.
pub struct Problems;

impl<E: Endpoint> Middleware<E> for Problems {
    type Output = ProblemsEndpoint<E>;

    fn transform(&self, inner: E) -> Self::Output {
        ProblemsEndpoint { inner }
    }
}

/// The endpoint of [`Problems`].
pub struct ProblemsEndpoint<E> {
    inner: E,
}

impl<E: Endpoint> Endpoint for ProblemsEndpoint<E> {
    type Output = Response;

    async fn call(&self, request: Request) -> Result<Response> {
        let method = request.method().clone();
        let instance = request.uri().path().to_owned();
        let outcome = AssertUnwindSafe(self.inner.call(request)).catch_unwind().await;
        Ok(match outcome {
            Ok(Ok(output)) => of_response(output.into_response(), &instance),
            Ok(Err(error)) => of_error(error, method.as_str(), &instance),
            Err(panic) => Problem::fault(&panic_text(panic.as_ref())).respond(&instance),
        })
    }
}

/// A response that says it failed but has no problem body comes from a library, not from us.
fn of_response(response: Response, instance: &str) -> Response {
    let failed = response.status().is_client_error() || response.status().is_server_error();
    if !failed || response.content_type() == Some(CONTENT_TYPE) {
        return response;
    }
    of_status(response.status(), String::new()).respond(instance)
}

fn of_error(error: Error, method: &str, instance: &str) -> Response {
    let (pattern, operation) =
        (error.data::<PathPattern>().cloned(), error.data::<OperationId>().copied());
    let mut response = match error.downcast_ref::<Problem>() {
        Some(problem) => problem.respond(instance),
        None if error.is_from_response() => of_response(error.into_response(), instance),
        None => of_library(&error, method).respond(instance),
    };
    // The access log names the route, and metrics the operation, also when the handler failed.
    if let Some(pattern) = pattern {
        response.set_data(pattern);
    }
    if let Some(operation) = operation {
        response.set_data(operation);
    }
    response
}

fn of_library(error: &Error, method: &str) -> Problem {
    if error.is::<NotFoundError>() {
        return Problem::no_such_address();
    }
    if error.is::<MethodNotAllowedError>() {
        return Problem::method_not_allowed(method, None);
    }
    // An id in any form that cannot be read names nothing (protocol 0.1): never 400 or 422.
    if error.is::<ParsePathError>() || error.is::<openapi::ParsePathError>() {
        return Problem::not_found("Resource");
    }
    if let Some(error) = error.downcast_ref::<openapi::ParseParamError>() {
        return Problem::invalid_field(error.name, &error.reason);
    }
    if let Some(ReadBodyError::Io(_)) = error.downcast_ref::<ReadBodyError>() {
        return Problem::bad_request("The body ended before it was complete");
    }
    if error.status().is_server_error() {
        return Problem::internal(error);
    }
    of_status(error.status(), error.to_string())
}

fn of_status(status: StatusCode, detail: String) -> Problem {
    match status {
        StatusCode::NOT_FOUND => Problem::no_such_address(),
        StatusCode::UNAUTHORIZED => Problem::unauthorized(),
        _ if status.is_server_error() => Problem::fault("a library answered with a failure"),
        _ => Problem::of_status(status, detail),
    }
}

fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("panic: {}", text.unwrap_or("without a message"))
}

#[cfg(test)]
mod tests {
    use poem::EndpointExt;
    use poem::endpoint::make;
    use poem::http::Method;
    use serde_json::Value;

    use super::*;

    type Fails = fn() -> Result<Response>;

    async fn answer(fails: Fails) -> (StatusCode, Option<String>, Value) {
        let endpoint = make(move |_| async move { fails() }).with(Problems);
        let request = Request::builder().method(Method::PUT).uri_str("/v1/x").finish();
        let mut response = endpoint.call(request).await.unwrap();
        let content_type = response.content_type().map(str::to_owned);
        let text = response.take_body().into_string().await.unwrap();
        (response.status(), content_type, serde_json::from_str(&text).unwrap_or(Value::Null))
    }

    #[tokio::test]
    async fn every_failure_leaves_as_a_problem() {
        let parameter = || -> Result<Response> {
            Err(openapi::ParseParamError { name: "limit", reason: "is not a number".into() }.into())
        };
        let path = || -> Result<Response> {
            Err(openapi::ParsePathError { name: "id", reason: "not text".into() }.into())
        };
        let rows: [(Fails, u16, &str); 12] = [
            (|| Err(NotFoundError.into()), 404, "Nothing is served at this address"),
            (|| Err(MethodNotAllowedError.into()), 405, "PUT is not offered at this address"),
            (|| Err(ParsePathError.into()), 404, "Resource not found"),
            (path, 404, "Resource not found"),
            (parameter, 422, "limit is not a number"),
            (|| Err(Problem::conflict("Name is taken").into()), 409, "Name is taken"),
            (|| Err(Error::from_status(StatusCode::IM_A_TEAPOT)), 418, "418 I'm a teapot"),
            (|| Ok(Response::builder().status(StatusCode::GONE).body("x")), 410, "Gone"),
            (|| Err(Error::from_response(StatusCode::GONE.into_response())), 410, "Gone"),
            (|| Err(Error::from_string("inner secret", StatusCode::BAD_GATEWAY)), 500, GENERIC),
            (|| Ok(StatusCode::SERVICE_UNAVAILABLE.into_response()), 500, GENERIC),
            (|| panic!("inner secret"), 500, GENERIC),
        ];
        for (fails, status, detail) in rows {
            let (got, content_type, body) = answer(fails).await;
            assert_eq!(got, status, "{detail}");
            assert_eq!(content_type.as_deref(), Some(CONTENT_TYPE), "{detail}");
            assert_eq!(body["detail"], detail);
            assert_eq!(body["error"], detail);
            assert_eq!(body["instance"], "/v1/x", "{detail}");
        }
    }

    const GENERIC: &str = "The server could not handle the request; the failure was logged";

    #[tokio::test]
    async fn a_problem_body_made_below_is_not_overwritten() {
        let rows: [Fails; 2] = [
            || Ok(Problem::conflict("mine").respond("/mine")),
            || Err(Error::from_response(Problem::conflict("mine").respond("/mine"))),
        ];
        for fails in rows {
            let (status, _, body) = answer(fails).await;
            assert_eq!(status, 409);
            assert_eq!(body["detail"], "mine");
            assert_eq!(body["instance"], "/mine");
        }
    }

    #[tokio::test]
    async fn a_success_passes_untouched() {
        let (status, content_type, _) = answer(|| Ok(Response::builder().body("fine"))).await;
        assert_eq!((status, content_type), (StatusCode::OK, None));
    }
}
