//! Health, the OpenAPI document and its pages (protocol 0.1, 1.16).

use serde_json::json;

use crate::world::{World, assert_has, assert_timestamp};

#[tokio::test]
async fn health_is_open_at_three_paths() {
    let world = World::shared().await;
    for path in ["/health", "/v1/health", "/api/health"] {
        let health = world.nobody().get(path).await.expect(200);
        assert_has(&health, json!({ "ok": true, "status": "ok" }));
        assert!(health["service"].is_string() && health["version"].is_string(), "{health}");
        assert_timestamp(&health["timestamp"]);
    }
}

#[tokio::test]
async fn the_openapi_document_names_every_operation_and_the_page_shows_it() {
    let world = World::shared().await;
    let document = world.nobody().get("/openapi.json").await.expect(200);
    assert!(document["openapi"].as_str().is_some_and(|v| v.starts_with("3.")), "{document}");
    for (method, path) in [
        ("get", "/agents"),
        ("post", "/agents"),
        ("get", "/agents/{agent_id}"),
        ("put", "/agents/{agent_id}"),
        ("patch", "/agents/{agent_id}"),
        ("delete", "/agents/{agent_id}"),
        ("post", "/agents/{agent_id}/rotate-key"),
        ("get", "/agent/me"),
        ("get", "/stats"),
        ("get", "/fleet/attention"),
        ("get", "/usage"),
        ("get", "/tasks"),
        ("post", "/tasks"),
        ("get", "/tasks/{id}"),
        ("put", "/tasks/{id}"),
        ("patch", "/tasks/{id}"),
        ("delete", "/tasks/{id}"),
        ("post", "/tasks/{id}/complete"),
        ("post", "/tasks/{id}/uncomplete"),
        ("post", "/tasks/{id}/fail"),
        ("post", "/tasks/{id}/retry"),
        ("post", "/tasks/{id}/cancel"),
        ("post", "/tasks/{id}/delegate"),
        ("get", "/tasks/{id}/chain"),
        ("get", "/tasks/{id}/children"),
        ("get", "/recurrences"),
        ("post", "/recurrences"),
        ("get", "/recurrences/{id}"),
        ("put", "/recurrences/{id}"),
        ("patch", "/recurrences/{id}"),
        ("delete", "/recurrences/{id}"),
        ("get", "/webhooks"),
        ("post", "/webhooks"),
        ("get", "/webhooks/{id}"),
        ("put", "/webhooks/{id}"),
        ("patch", "/webhooks/{id}"),
        ("delete", "/webhooks/{id}"),
        ("get", "/webhooks/{id}/deliveries"),
    ] {
        let operation = &document["paths"][path][method];
        assert!(operation["operationId"].is_string(), "{method} {path}");
        assert!(operation["summary"].is_string(), "{method} {path}");
    }
    let page = world.nobody().get("/docs").await;
    assert_eq!(page.status, 200);
    assert!(page.header("content-type").starts_with("text/html"));
    // The type of an error leads to what it means.
    let lost = world.nobody().get("/v1/nothing").await;
    let (page, section) = lost.body["type"].as_str().and_then(|it| it.split_once('#')).unwrap();
    let page = world.nobody().get(page).await;
    assert_eq!(page.status, 200);
    assert!(page.text.contains(&format!("<h2 id=\"{section}\">")), "{}", page.text);
}

#[tokio::test]
async fn the_printed_document_is_the_served_one() {
    let world = World::shared().await;
    let printed = world.baton.command(&["openapi"]).await;
    let printed: serde_json::Value = serde_json::from_slice(&printed.stdout).expect("JSON");
    assert_eq!(printed, world.nobody().get("/openapi.json").await.expect(200));
}

#[tokio::test]
async fn answers_carry_their_place_in_the_log_and_a_request_id() {
    let world = World::shared().await;
    let agent = world.agent("place").await;
    let one = agent.client.post("/v1/tasks", json!({ "content": "c" })).await;
    let other = agent.client.post("/v1/tasks", json!({ "content": "c" })).await;
    let position = |answer: &baton_harness::client::Answer| -> i64 {
        answer.header("Baton-Position").parse().expect("a position")
    };
    assert!(position(&one) < position(&other));
    assert!(one.header("content-type").starts_with("application/json"));
    assert_ne!(one.header("X-Request-Id"), "");
}
