//! `Idempotency-Key` (protocol 0.8): the first answer again, whatever has happened since.

use baton_harness::client::{Answer, Client};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::record;
use crate::world::{World, fresh, problem, text};

fn key() -> String {
    Uuid::new_v4().to_string()
}

/// Asserts that an answer is the first one again.
#[track_caller]
fn assert_replay(again: &Answer, first: &Answer) {
    assert_eq!(again.status, first.status, "{}", again.text);
    assert_eq!(again.text, first.text);
    assert_eq!(again.header("Idempotency-Replayed"), "true");
    assert_eq!(first.header("Idempotency-Replayed"), "");
    assert_eq!(again.header("Baton-Position"), first.header("Baton-Position"));
}

async fn twice(client: &Client, path: &str, body: Value) -> Answer {
    let key = key();
    let first = client.post_once(path, &key, body.clone()).await;
    assert!(first.status < 300, "{}", first.text);
    assert_replay(&client.post_once(path, &key, body).await, &first);
    first
}

#[tokio::test]
async fn every_post_gives_its_first_answer_again() {
    let world = World::shared().await;
    let (agent, other) = (world.agent("repeater").await, world.agent("other").await);
    let admin = world.project();
    twice(&admin, "/v1/agents", json!({ "name": fresh("once") })).await;
    let hook = json!({ "url": "https://hooks.example/once", "active": false });
    let made = twice(&admin, "/v1/webhooks", hook).await;
    assert!(made.body["secret"].is_string());
    let made = twice(&agent.client, "/v1/tasks", json!({ "content": "once" })).await;
    let path = format!("/v1/tasks/{}", text(&made.body, "id"));
    for (action, body) in [
        ("delegate", json!({ "content": "child" })),
        ("delegate", json!({ "agent_id": other.id })),
        ("complete", json!({ "metadata": { "r": 1 } })),
        ("uncomplete", json!({})),
        ("fail", json!({ "error_message": "e" })),
        ("retry", json!({})),
        ("cancel", json!({ "reason": "r" })),
    ] {
        twice(&agent.client, &format!("{path}/{action}"), body).await;
    }
}

#[tokio::test]
async fn a_rotated_key_comes_again() {
    let world = World::shared().await;
    let (agent, admin) = (world.agent("rotated").await, world.project());
    let (path, key) = (format!("/v1/agents/{}/rotate-key", agent.id), key());
    let mut first = admin.post_once(&path, &key, json!({})).await;
    assert!(text(&first.body, "api_key").starts_with("dlg_"));
    let mut again = admin.post_once(&path, &key, json!({})).await;
    // Facts that no event of the agent carries are those of the moment, as in every answer.
    for answer in [&mut first, &mut again] {
        let members = answer.body.as_object_mut().unwrap();
        assert!(members.remove("open_task_count").is_some());
        assert!(members.remove("last_seen_at").is_some());
    }
    assert_eq!(again.body, first.body);
    assert_eq!(again.headers["idempotency-replayed"], "true");
}

#[tokio::test]
async fn the_first_answer_comes_back_after_the_subject_has_changed() {
    let world = World::shared().await;
    let agent = world.agent("repeater").await;
    let (first_key, second_key) = (key(), key());
    let create = json!({ "content": "first" });
    let first = agent.client.post_once("/v1/tasks", &first_key, create.clone()).await;
    let path = format!("/v1/tasks/{}", text(&first.body, "id"));
    let complete = format!("{path}/complete");
    agent.client.patch(&path, json!({ "content": "changed" })).await.expect(200);
    let own = format!("/v1/agents/{}", agent.id);
    agent.client.patch(&own, json!({ "display_name": "Renamed" })).await.expect(200);
    let done = agent.client.post_once(&complete, &second_key, json!({})).await;
    agent.client.delete(&path).await.expect(200);
    assert_replay(&agent.client.post_once("/v1/tasks", &first_key, create).await, &first);
    assert_replay(&agent.client.post_once(&complete, &second_key, json!({})).await, &done);
}

#[tokio::test]
async fn no_second_event_stands_in_the_log() {
    let world = World::shared().await;
    let agent = world.agent("repeater").await;
    let database = world.database.connect().await;
    let made = twice(&agent.client, "/v1/tasks", json!({ "content": "once" })).await;
    let id = text(&made.body, "id");
    twice(&agent.client, &format!("/v1/tasks/{id}/complete"), json!({})).await;
    // Also an answer without an event comes back.
    twice(&agent.client, &format!("/v1/tasks/{id}/complete"), json!({})).await;
    let events = record::stream(&database, &id).await;
    assert_eq!(record::names(&events), ["task.created", "task.completed"]);
}

#[tokio::test]
async fn another_request_under_the_same_key_is_422() {
    let world = World::shared().await;
    let agent = world.agent("repeater").await;
    let key = key();
    let body = json!({ "content": "one" });
    let first = agent.client.post_once("/v1/tasks", &key, body.clone()).await;
    let path = format!("/v1/tasks/{}/complete", text(&first.body, "id"));
    let other = agent.client.post_once("/v1/tasks", &key, json!({ "content": "two" })).await;
    problem(&other, 422);
    problem(&agent.client.post_once(&path, &key, json!({})).await, 422);
    problem(&agent.client.post_once(&path, &key, body.clone()).await, 422);
    // The other prefix is the same path.
    assert_replay(&agent.client.post_once("/api/tasks", &key, body).await, &first);
}

#[tokio::test]
async fn keys_belong_to_a_credential() {
    let world = World::shared().await;
    let (agent, other) = (world.agent("repeater").await, world.agent("other").await);
    let (key, body) = (key(), json!({ "content": "one" }));
    let mut ids = Vec::new();
    for client in [&agent.client, &other.client, &world.project()] {
        let made = client.post_once("/v1/tasks", &key, body.clone()).await;
        assert_eq!(made.header("Idempotency-Replayed"), "");
        ids.push(text(&made.expect(201), "id"));
    }
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 3);
}

#[tokio::test]
async fn a_refusal_is_not_remembered() {
    let world = World::shared().await;
    let agent = world.agent("repeater").await;
    let name = fresh("late");
    let (key, body) = (key(), json!({ "content": "c", "assigned_to": name }));
    problem(&agent.client.post_once("/v1/tasks", &key, body.clone()).await, 404);
    world.project().post("/v1/agents", json!({ "name": name })).await.expect(201);
    let made = agent.client.post_once("/v1/tasks", &key, body).await;
    assert_eq!((made.status, made.header("Idempotency-Replayed")), (201, ""));
}

#[tokio::test]
async fn keys_are_1_to_255_visible_characters() {
    let world = World::shared().await;
    let agent = world.agent("repeater").await;
    let longest = "k".repeat(255);
    agent.client.post_once("/v1/tasks", &longest, json!({ "content": "c" })).await.expect(201);
    for bad in ["", "a b", &"k".repeat(256)] {
        let answer = agent.client.post_once("/v1/tasks", bad, json!({ "content": "c" })).await;
        problem(&answer, 422);
    }
}

#[tokio::test]
async fn the_same_answer_comes_after_a_restart_with_keys_and_secrets() {
    let mut world = World::new().await;
    let agent = world.agent("repeater").await;
    let admin = world.project();
    let requests = [
        (&admin, "/v1/agents", json!({ "name": "once" })),
        (&admin, "/v1/webhooks", json!({ "url": "https://hooks.example/x", "active": false })),
        (&agent.client, "/v1/tasks", json!({ "content": "once" })),
    ];
    let mut firsts = Vec::new();
    for (client, path, body) in requests {
        let key = key();
        let first = client.post_once(path, &key, body.clone()).await;
        firsts.push((client, path, body, key, first));
    }
    for round in ["killed", "stopped"] {
        if round == "stopped" {
            assert!(world.baton.stop().await.success());
        }
        world.baton.restart().await;
        for (client, path, body, key, first) in &firsts {
            assert_replay(&client.post_once(path, key, body.clone()).await, first);
        }
    }
    let key = text(&firsts[0].4.body, "api_key");
    let made = admin.with(baton_harness::client::Credential::AgentKey(key));
    assert_eq!(made.get("/v1/agent/me").await.expect(200)["name"], "once");
}
