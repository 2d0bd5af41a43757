//! What lives at the root: health, the OpenAPI document and the page that shows it. All open.

use poem::{
    EndpointExt, Response, Route, get, handler,
    middleware::AddData,
    web::{Data, Html, Json},
};
use serde_json::{Value, json};

use crate::{document::Documents, problem, service::now};

/// The Health document (protocol 2.8).
pub(crate) fn health_document() -> Value {
    json!({
        "ok": true,
        "status": "ok",
        "service": "baton",
        "version": env!("CARGO_PKG_VERSION"),
        "timestamp": now(),
    })
}

/// What every process answers, whatever its roles.
pub(crate) fn health_routes() -> Route {
    Route::new().at("/health", get(health)).at("/health/live", get(health))
}

/// Routes that need no credential. The documents are made when they are first asked for.
pub(crate) fn routes(documents: Described) -> Route {
    health_routes()
        .at("/openapi.json", get(openapi).with(AddData::new(documents)))
        .at("/docs", get(docs).with(AddData::new(documents)))
        .at("/docs/problems", get(problems))
}

/// How the API describes itself.
type Described = fn() -> &'static Documents;

#[handler]
fn health() -> Json<Value> {
    Json(health_document())
}

#[handler]
fn openapi(Data(documents): Data<&Described>) -> Response {
    Response::builder().content_type("application/json").body(documents().json.as_str())
}

#[handler]
fn docs(Data(documents): Data<&Described>) -> Html<&'static str> {
    Html(documents().page.as_str())
}

/// Where the `type` of every problem leads.
#[handler]
fn problems() -> Html<String> {
    Html(problem::page())
}
