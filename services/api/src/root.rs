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

/// Routes that need no credential.
pub(crate) fn routes(documents: Documents) -> Route {
    let Documents { json, page } = documents;
    health_routes()
        .at("/openapi.json", get(openapi).with(AddData::new(Document(json))))
        .at("/docs", get(docs).with(AddData::new(Page(page))))
        .at("/docs/problems", get(problems))
}

#[derive(Clone)]
struct Document(String);

#[derive(Clone)]
struct Page(String);

#[handler]
fn health() -> Json<Value> {
    Json(health_document())
}

#[handler]
fn openapi(Data(document): Data<&Document>) -> Response {
    Response::builder().content_type("application/json").body(document.0.clone())
}

#[handler]
fn docs(Data(page): Data<&Page>) -> Html<String> {
    Html(page.0.clone())
}

/// Where the `type` of every problem leads.
#[handler]
fn problems() -> Html<String> {
    Html(problem::page())
}
