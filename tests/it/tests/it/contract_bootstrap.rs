//! The first agent (protocol 0.2): created without a credential, on the machine that Baton runs on,
//! by whoever comes first.

use baton_harness::client::{Answer, Client, Credential, send};
use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use crate::world::{World, assert_has, problem, text};

/// A creation without a credential, with these headers.
async fn create(nobody: &Client, headers: &[(&str, &str)], body: &Value) -> Answer {
    let request = nobody.request(Method::POST, "/api/agents").json(body);
    send(headers.iter().fold(request, |request, (name, value)| request.header(*name, *value))).await
}

#[tokio::test]
async fn the_first_agent_needs_no_credential_and_is_an_admin() {
    let world = World::new().await;
    let nobody = world.nobody();
    nobody.get("/api/health").await.expect(200);
    problem(&nobody.get("/api/agents").await, 401);
    problem(&nobody.post("/api/tasks", json!({ "content": "c" })).await, 401);
    let body = json!({ "name": "my-agent", "label": "Mine", "permissions": ["agents.read"] });
    let made = nobody.post("/api/agents", body).await.expect(201);
    let expected = json!({
        "name": "my-agent", "display_name": "Mine", "role": "admin", "is_admin": true,
        "permissions": [], "active": true,
    });
    assert_has(&made, expected);
    let admin = nobody.with(Credential::AgentKey(text(&made, "api_key")));
    let task = json!({ "content": "first", "priority": 2 });
    let task = admin.post("/api/tasks", task).await.expect(201);
    assert_eq!(task["created_by_agent_id"], made["id"]);
    let other = admin.post("/api/agents", json!({ "name": "other" })).await.expect(201);
    assert_eq!(other["role"], "worker");
    // Who created it, is on record.
    let events = admin.get("/v1/events?types=agent.created").await.expect(200);
    assert_eq!(events["items"][0]["actor"], "system:bootstrap");
    problem(&nobody.post("/api/agents", json!({ "name": "second" })).await, 401);
    problem(&nobody.post("/api/agents", json!({ "name": 7 })).await, 401);
}

#[tokio::test]
async fn only_who_is_on_the_machine_creates_the_first_agent() {
    let world = World::new().await;
    let (nobody, body) = (world.nobody(), json!({ "name": "first" }));
    for headers in [
        [("Host", "baton.example")],
        [("Host", "localhost.evil.example:18890")],
        [("Host", "10.0.0.1:18890")],
        [("X-Forwarded-For", "203.0.113.9")],
        [("Forwarded", "for=203.0.113.9")],
        [("X-Real-IP", "203.0.113.9")],
        [("Via", "1.1 proxy")],
        [("Remote-User", "first")],
        [("Origin", "https://evil.example")],
        [("Origin", "null")],
    ] {
        let answer = create(&nobody, &headers, &body).await;
        problem(&answer, 403);
        // What is wrong with the body is not told to those who may not ask.
        problem(&create(&nobody, &headers, &json!({ "name": 7 })).await, 403);
    }
    let wrong = [("X-Agent-Key", "dlg_wrong")];
    problem(&create(&nobody, &wrong, &body).await, 401);
    problem(&create(&nobody, &[], &json!({ "name": " " })).await, 422);
    let project = world.project().get("/v1/agents").await.expect(200);
    assert_eq!(project, json!([]));
    create(&nobody, &[("Origin", "http://localhost:18890")], &body).await.expect(201);
}

#[tokio::test]
async fn the_first_answer_is_nobodys_to_ask_for_again() {
    let world = World::new().await;
    let (nobody, body) = (world.nobody(), json!({ "name": "first" }));
    let again = [("Idempotency-Key", "again")];
    create(&nobody, &again, &body).await.expect(201);
    problem(&create(&nobody, &again, &body).await, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_at_once_at_two_nodes_one_succeeds() {
    for _ in 0..3 {
        let world = World::new().await;
        let node = world.another_node().await;
        let (here, there) = (world.nobody(), world.nobody().at(&node));
        let tries = (0..32).map(|n| {
            let nobody = if n % 2 == 0 { &here } else { &there };
            nobody.post("/v1/agents", json!({ "name": format!("agent-{n}") }))
        });
        let answers = join_all(tries).await;
        let made: Vec<&Answer> = answers.iter().filter(|answer| answer.status == 201).collect();
        assert_eq!(made.len(), 1, "{answers:?}");
        let others = answers.iter().filter(|answer| answer.status != 201);
        others.for_each(|answer| assert!([401, 403].contains(&answer.status), "{}", answer.text));
        let agents = world.project().get("/v1/agents").await.expect(200);
        assert_eq!(agents.as_array().map(Vec::len), Some(1));
        assert_eq!(agents[0]["id"], made[0].body["id"]);
    }
}

#[tokio::test]
async fn where_there_was_an_agent_none_is_the_first() {
    let world = World::new().await;
    let admin = world.project();
    let made = admin.post("/v1/agents", json!({ "name": "made" })).await.expect(201);
    let (nobody, body) = (world.nobody(), json!({ "name": "first" }));
    problem(&create(&nobody, &[], &body).await, 401);
    admin.delete(&format!("/v1/agents/{}", text(&made, "id"))).await.expect(200);
    assert_eq!(admin.get("/v1/agents").await.expect(200), json!([]));
    problem(&create(&nobody, &[], &body).await, 401);
}
