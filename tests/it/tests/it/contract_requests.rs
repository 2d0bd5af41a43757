//! Addresses and forms of requests: prefixes, slashes, methods, content types, ids, request ids,
//! origins (protocol 0.1, 0.3, 0.4).

use std::collections::BTreeMap;

use baton_harness::client::{Answer, Client, send};
use reqwest::Method;
use serde_json::{Value, json};

use crate::document::{Operation, filled};
use crate::world::{World, assert_has, fresh, problem, text};

const METHODS: [Method; 5] =
    [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];

/// Paths that end in a word where others have an id.
const LITERALS: [&str; 3] = ["/events/stream", "/tasks/batch-delete", "/tasks/claim"];

/// The paths of the document below a prefix, each with the methods that it offers.
async fn offered(world: &World) -> Vec<(String, Vec<Method>)> {
    let mut offered = BTreeMap::<String, Vec<Method>>::new();
    for operation in Operation::served(world).await {
        offered.entry(operation.path).or_default().push(operation.method);
    }
    offered.into_iter().collect()
}

/// The four addresses of a path.
fn addresses(path: &str) -> [String; 4] {
    [format!("/v1{path}"), format!("/v1{path}/"), format!("/api{path}"), format!("/api{path}/")]
}

/// The path with the same id wherever it takes one.
fn about(path: &str, id: &str) -> String {
    let names = path.split('{').skip(1).filter_map(|after| after.split_once('}'));
    let ids: Vec<(&str, &str)> = names.map(|(name, _)| (name, id)).collect();
    filled(path, &ids)
}

async fn ask(client: &Client, method: &Method, path: &str) -> Answer {
    send(client.request(method.clone(), path)).await
}

/// What was answered, without the address it was asked at.
fn content(answer: &Answer) -> (u16, Value) {
    let mut body = answer.body.clone();
    if let Some(members) = body.as_object_mut() {
        members.remove("instance");
        members.remove("timestamp");
    }
    (answer.status, body)
}

#[tokio::test]
async fn every_path_has_four_addresses_that_are_one() {
    let world = World::new().await;
    let task = world.agent("addresses").await.task_id("c").await;
    for (path, methods) in offered(&world).await {
        for method in methods {
            for address in addresses(&about(&path, "unknown")) {
                let answer = ask(&world.nobody(), &method, &address).await;
                match path.as_str() {
                    "/health" => assert_eq!(answer.status, 200, "{method} {address}"),
                    _ => drop(problem(&answer, 401)),
                }
            }
            if method != Method::GET || path == "/events/stream" {
                continue;
            }
            for id in [task.as_str(), "unknown"] {
                let mut answers = Vec::new();
                for address in addresses(&about(&path, id)) {
                    let query = if path.ends_with("/wait") { "?timeout=0" } else { "?limit=1" };
                    let answer = world.project().get(&format!("{address}{query}")).await;
                    answers.push(content(&answer));
                }
                assert!(answers.iter().all(|one| *one == answers[0]), "{path}: {answers:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_method_that_is_not_offered_is_405_and_told_which_are() {
    let world = World::shared().await;
    for (path, methods) in offered(world).await {
        let mut names: Vec<&str> = methods.iter().map(Method::as_str).collect();
        if methods.contains(&Method::GET) {
            names.push("HEAD");
        }
        names.sort_unstable();
        for method in METHODS.iter().filter(|method| !methods.contains(method)) {
            // A literal segment stands where an id may: the address is the id's as well.
            if LITERALS.contains(&path.as_str()) {
                continue;
            }
            for address in addresses(&about(&path, "unknown")) {
                let answer = ask(&world.project(), method, &address).await;
                let body = problem(&answer, 405);
                assert_eq!(answer.header("Allow"), names.join(", "), "{method} {address}");
                assert_eq!(body["detail"], format!("{method} is not offered at this address"));
            }
        }
    }
    problem(&ask(&world.project(), &Method::TRACE, "/v1/tasks").await, 405);
}

#[tokio::test]
async fn literal_segments_win_over_ids() {
    let world = World::shared().await;
    let agent = world.agent("literal").await;
    // No id, so the body is judged first.
    let answer = agent.client.post("/v1/tasks/batch-delete", json!({})).await;
    assert_eq!(problem(&answer, 422)["errors"][0]["field"], "task_ids");
    // An id that is decoded after routing: no second segment appears.
    for path in ["/v1/tasks/x%2Fchain", "/v1/tasks/batch%2Ddelete/chain"] {
        assert_eq!(problem(&agent.client.get(path).await, 404)["detail"], "Task not found");
    }
}

#[tokio::test]
async fn put_is_patch() {
    let world = World::shared().await;
    let admin = world.project();
    let hook = json!({ "url": "https://hooks.example/a", "active": false });
    let agent = world.agent("partial").await;
    for (path, change, kept) in [
        (format!("/v1/tasks/{}", agent.task_id("kept").await), json!({"priority": 4}), "content"),
        (format!("/v1/agents/{}", agent.id), json!({"label": "changed"}), "name"),
        (
            format!("/v1/webhooks/{}", text(&admin.post("/v1/webhooks", hook).await.body, "id")),
            json!({"events": ["task.failed"]}),
            "url",
        ),
    ] {
        let before = admin.get(&path).await.expect(200);
        for method in [Method::PUT, Method::PATCH] {
            let request = admin.request(method, &path).json(&change);
            let after = send(request).await.expect(200);
            assert_has(&after, change.clone());
            assert_eq!(after[kept], before[kept]);
        }
        // An empty change is none, by either.
        for method in [Method::PUT, Method::PATCH] {
            let after = send(admin.request(method, &path)).await.expect(200);
            assert_eq!(after["updated_at"], admin.get(&path).await.expect(200)["updated_at"]);
        }
    }
}

#[tokio::test]
async fn any_content_type_or_none_will_do() {
    let world = World::shared().await;
    let agent = world.agent("types").await;
    let id = agent.task_id("c").await;
    for content_type in [
        "application/json",
        "application/json; charset=utf-8",
        "APPLICATION/JSON",
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
        "*/*",
        "no type at all",
    ] {
        let request = |method, path: &str| {
            let request = agent.client.request(method, path);
            request.header("Content-Type", content_type).header("Accept", "text/csv")
        };
        let made = send(request(Method::POST, "/v1/tasks").body(r#"{"content": "c"}"#)).await;
        assert_eq!(made.status, 201, "{content_type}: {}", made.text);
        assert_eq!(made.header("content-type"), "application/json");
        // Clients send the header also where there is no body.
        let path = format!("/v1/tasks/{id}");
        send(request(Method::GET, &path)).await.expect(200);
        send(request(Method::POST, &format!("{path}/complete"))).await.expect(200);
        send(request(Method::POST, &format!("{path}/uncomplete"))).await.expect(200);
        let gone = format!("/v1/tasks/{}", text(&made.body, "id"));
        send(request(Method::DELETE, &gone)).await.expect(200);
    }
    let none = agent.client.request(Method::POST, "/v1/tasks").body(r#"{"content": "c"}"#);
    assert_eq!(send(none).await.status, 201);
}

#[tokio::test]
async fn where_no_field_is_required_no_body_is_needed() {
    let world = World::shared().await;
    let agent = world.agent("bodiless").await;
    let id = agent.task_id("c").await;
    for (action, status) in [
        ("complete", "completed"),
        ("uncomplete", "open"),
        ("fail", "failed"),
        ("retry", "open"),
        ("cancel", "cancelled"),
    ] {
        let mut first = None;
        for body in ["", "  \n", "{}"] {
            let path = format!("/v1/tasks/{id}/{action}");
            let answer = send(agent.client.request(Method::POST, &path).body(body)).await;
            assert_eq!(answer.status, 200, "{action} {body:?}: {}", answer.text);
            assert_has(&answer.body, json!({ "status": status }));
            // Said again it changes nothing: protocol 0.5.
            let first = first.get_or_insert_with(|| answer.body["revision"].clone());
            assert_eq!(answer.body["revision"], *first, "{action} {body:?}: {}", answer.text);
        }
    }
    let task = agent.client.get(&format!("/v1/tasks/{id}")).await.expect(200);
    assert_has(&task, json!({ "revision": 6, "retry_count": 1 }));
    let path = format!("/v1/agents/{}/rotate-key", agent.id);
    send(agent.client.request(Method::POST, &path)).await.expect(200);
}

#[tokio::test]
async fn a_number_is_an_id() {
    let world = World::shared().await;
    let agent = world.agent("numbers").await;
    // Names that are numbers: as JSON numbers they mean the same agents.
    let number: u32 =
        fresh("n").bytes().fold(7, |sum, byte| sum * 31 % 1_000_003 + u32::from(byte));
    let made = world.project().post("/v1/agents", json!({ "name": number.to_string() })).await;
    let id = text(&made.expect(201), "id");
    for field in ["assigned_to", "assigned_to_agent_id"] {
        let body = json!({ "content": "c", field: number });
        let made = agent.client.post("/v1/tasks", body).await.expect(201);
        assert_eq!(made["assigned_to_agent_id"], id);
    }
    let task = agent.task_id("c").await;
    let body = json!({ "agent_id": number });
    let path = format!("/v1/tasks/{task}/delegate");
    assert_eq!(agent.client.post(&path, body).await.expect(200)["assigned_to_agent_id"], id);
    for (field, value) in [("parent_task_id", json!(891)), ("depends_on", json!([891]))] {
        let answer = agent.client.post("/v1/tasks", json!({ "content": "c", field: value })).await;
        assert!(text(problem(&answer, 404), "detail").ends_with("ask not found"), "{field}");
    }
    let answer = agent.client.post("/v1/tasks/batch-delete", json!({ "task_ids": [891] })).await;
    assert_eq!(answer.status, 404, "{}", answer.text);
}

#[tokio::test]
async fn every_answer_has_the_request_id_that_was_sent_or_one_of_its_own() {
    let world = World::shared().await;
    let id = "8e03978e-40d5-43dd-bc93-6894a57f9324";
    for (path, status) in [("/v1/tasks?limit=1", 200), ("/v1/tasks/x", 404), ("/nowhere", 404)] {
        let request = world.project().request(Method::GET, path).header("X-Request-Id", id);
        let answer = send(request).await;
        assert_eq!((answer.status, answer.header("X-Request-Id")), (status, id));
        for sent in ["", "7", "not a uuid", &"x".repeat(5_000)] {
            let request = world.project().request(Method::GET, path).header("X-Request-Id", sent);
            let answer = send(request).await;
            assert_eq!(answer.status, status);
            assert_eq!(answer.header("X-Request-Id").len(), 36, "{sent}");
        }
    }
    let answer = world.nobody().get("/v1/tasks").await;
    assert_eq!(answer.header("X-Request-Id").len(), 36);
}

/// What a preflight and a call from a page of this origin are answered: the allowed origins.
async fn from_page(world: &World, origin: &str) -> [Answer; 2] {
    let preflight = world
        .nobody()
        .request(Method::OPTIONS, "/v1/tasks/x")
        .header("Origin", origin)
        .header("Access-Control-Request-Method", "DELETE")
        .header("Access-Control-Request-Headers", "authorization,x-anything-at-all");
    let call = world.project().request(Method::GET, "/v1/tasks/x").header("Origin", origin);
    [send(preflight).await, send(call).await]
}

#[tokio::test]
async fn pages_of_the_configured_origins_may_call_with_credentials() {
    let own = "https://app.example, http://localhost:3000/";
    let settings = |builder: baton_harness::baton::Builder| builder.env("BATON_CORS_ORIGINS", own);
    let configured = World::with(settings).await;
    let default = World::shared().await;
    for (world, origin, is_allowed) in [
        (&configured, "https://app.example", true),
        (&configured, "http://localhost:3000", true),
        (&configured, "http://localhost:18890", false),
        (&configured, "https://app.example.evil.example", false),
        (&configured, "http://app.example", false),
        (&configured, "null", false),
        (default, "http://localhost:18890", true),
        (default, "http://localhost:5173", true),
        (default, "http://127.0.0.1:18890", true),
        (default, "https://app.example", false),
    ] {
        let [preflight, call] = from_page(world, origin).await;
        // Errors can be read from the page as well.
        assert_eq!(call.status, 404, "{}", call.text);
        let expected = if is_allowed { origin } else { "" };
        for answer in [&preflight, &call] {
            assert_eq!(answer.header("Access-Control-Allow-Origin"), expected, "{origin}");
            let credentials = answer.header("Access-Control-Allow-Credentials");
            assert_eq!(credentials, if is_allowed { "true" } else { "" }, "{origin}");
        }
        if is_allowed {
            assert_eq!(preflight.status, 200, "{}", preflight.text);
            let methods = preflight.header("Access-Control-Allow-Methods");
            assert!(METHODS.iter().all(|it| methods.contains(it.as_str())), "{methods}");
            let headers = preflight.header("Access-Control-Allow-Headers").to_lowercase();
            assert!(headers.contains("x-anything-at-all"), "{headers}");
            let exposed = call.header("Access-Control-Expose-Headers").to_lowercase();
            for name in ["baton-position", "x-has-more", "idempotency-replayed", "retry-after"] {
                assert!(exposed.contains(name), "{exposed}");
            }
        }
        assert!(call.header("Vary").to_lowercase().contains("origin"), "{origin}");
    }
}
