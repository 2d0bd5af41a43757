//! P8: a read sees every write that its node had acknowledged to anyone when the read arrived;
//! across nodes, every write whose position the reader sends back.

use baton_harness::client::{Answer, Client, send};
use reqwest::Method;
use serde_json::json;
use tokio::task::JoinSet;

use crate::sse::Sse;
use crate::world::{Agent, LIMIT, World, ids, text, wrong_field};

const READERS: usize = 8;
const ROUNDS: usize = 60;

/// Reads at a node that has to have reached the position of a write.
async fn get_from(client: &Client, path: &str, position: &str) -> Answer {
    let request = client.request(Method::GET, path);
    let request = match position {
        "" => request,
        position => request.header("Baton-Min-Position", position),
    };
    send(request).await
}

/// Writes as one and reads as another, at once and without a sleep.
async fn round(writer: &Client, reader: &Client, across: bool, worker: &Agent) {
    let position = |answer: &Answer| match across {
        true => answer.header("Baton-Position").to_owned(),
        false => String::new(),
    };
    let created = writer.post("/v1/tasks", json!({ "content": "read me" })).await;
    let at = position(&created);
    let id = text(&created.expect(201), "id");
    let path = format!("/v1/tasks/{id}");
    let read = get_from(reader, &path, &at).await.expect(200);
    assert_eq!(read["revision"], 1);

    let body = json!({ "agent_id": worker.id });
    let at = position(&writer.post(&format!("{path}/delegate"), body).await);
    let list = format!("/v1/tasks?assigned_to={}", worker.id);
    let list = get_from(reader, &list, &at).await.expect(200);
    assert!(ids(&list).contains(&id), "a task just handed over is not listed");
    let chain = get_from(reader, &format!("{path}/chain"), &at).await.expect(200);
    assert_eq!(chain["chain"][0]["to"], json!(worker.name));

    let child = writer.post(&format!("{path}/delegate"), json!({ "content": "child" })).await;
    let at = position(&child);
    let children = get_from(reader, &format!("{path}/children"), &at).await.expect(200);
    assert_eq!(ids(&children), [text(&child.body, "id")]);

    let done = writer.post(&format!("{path}/complete"), json!({})).await;
    let at = position(&done);
    let read = get_from(reader, &path, &at).await.expect(200);
    assert_eq!(read["status"], "completed");
    let gone = writer.delete(&path).await;
    let at = position(&gone);
    assert_eq!(get_from(reader, &path, &at).await.status, 404, "a deleted task is shown");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_sees_every_write_its_node_has_acknowledged_to_anyone() {
    let world = World::new().await;
    let mut readers = JoinSet::new();
    for _ in 0..READERS {
        let (writer, worker) = (world.agent("writer").await, world.agent("worker").await);
        let reader = world.project();
        readers.spawn(async move {
            for _ in 0..ROUNDS {
                round(&writer.client, &reader, false, &worker).await;
            }
        });
    }
    while let Some(read) = readers.join_next().await {
        read.expect("a reader that sees everything");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_at_another_node_sees_the_write_whose_position_it_sends() {
    let world = World::new().await;
    let node = world.another_node().await;
    let mut readers = JoinSet::new();
    for _ in 0..READERS {
        let (writer, worker) = (world.agent("writer").await, world.agent("worker").await);
        let reader = world.project().at(&node);
        readers.spawn(async move {
            for _ in 0..ROUNDS {
                round(&writer.client, &reader, true, &worker).await;
            }
        });
    }
    while let Some(read) = readers.join_next().await {
        read.expect("a reader that sees what it asks for");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn agents_and_webhooks_are_read_as_they_were_written() {
    let world = World::new().await;
    let node = world.another_node().await;
    for n in 0..60 {
        let admin = world.project();
        let body = json!({ "name": format!("agent-{n}") });
        let made = admin.post("/v1/agents", body).await;
        let at = made.header("Baton-Position").to_owned();
        let id = text(&made.body, "id");
        admin.get(&format!("/v1/agents/{id}")).await.expect(200);
        let there = get_from(&admin.at(&node), &format!("/v1/agents/agent-{n}"), &at).await;
        assert_eq!(there.expect(200)["id"], json!(id));

        let body = json!({ "url": "https://hooks.example/x", "active": false });
        let made = admin.post("/v1/webhooks", body).await;
        let at = made.header("Baton-Position").to_owned();
        let path = format!("/v1/webhooks/{}", text(&made.body, "id"));
        admin.get(&path).await.expect(200);
        get_from(&admin.at(&node), &path, &at).await.expect(200);
        let gone = admin.delete(&path).await;
        let at = gone.header("Baton-Position").to_owned();
        assert_eq!(admin.get(&path).await.status, 404);
        assert_eq!(get_from(&admin.at(&node), &path, &at).await.status, 404);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_made_or_rotated_at_one_node_is_known_at_the_other() {
    let world = World::new().await;
    let node = world.another_node().await;
    for _ in 0..30 {
        let agent = world.agent("roaming").await;
        let there = agent.client.at(&node);
        there.get("/v1/agent/me").await.expect(200);
        let path = format!("/v1/agents/{}/rotate-key", agent.id);
        let rotated = there.post(&path, json!({})).await.expect(200);
        let key = baton_harness::client::Credential::AgentKey(text(&rotated, "api_key"));
        agent.client.with(key).get("/v1/agent/me").await.expect(200);
    }
}

#[tokio::test]
async fn what_is_no_position_in_the_log_is_refused_at_once() {
    let world = World::shared().await;
    let agent = world.agent("impatient").await;
    for bad in ["9000000000000", "9223372036854775807", "x", "-1", "1.5"] {
        let answer = get_from(&agent.client, "/v1/tasks", bad).await;
        wrong_field(&answer, "Baton-Min-Position");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_position_brings_the_account_even_where_others_write_meanwhile() {
    let world = World::new().await;
    let node = world.another_node().await;
    let elsewhere = world.another_account("elsewhere").await.at(&node);
    let admin = world.project();
    let agent = world.agent("renamed").await;
    let path = format!("/v1/agents/{}", agent.id);
    for n in 0..30 {
        let label = format!("label {n}");
        let changed = admin.patch(&path, json!({ "label": label })).await;
        let at = changed.header("Baton-Position").to_owned();
        changed.expect(200);
        // From here on the other node has acknowledged more than that.
        elsewhere.post("/v1/tasks", json!({ "content": "unrelated" })).await.expect(201);
        let read = get_from(&admin.at(&node), &path, &at).await.expect(200);
        assert_eq!(read["label"], json!(label));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_at_another_node_ends_with_the_right_to_read_it() {
    let world = World::new().await;
    let node = world.another_node().await;
    for _ in 0..10 {
        let reader = world.agent_with("reader", json!({ "role": "auditor" })).await;
        let there = reader.client.at(&node);
        there.get("/v1/agent/me").await.expect(200);
        let mut stream = Sse::open(&there, "/v1/events/stream", None).await;
        let first = world.project().post("/v1/tasks", json!({ "content": "seen" })).await;
        first.expect(201);
        assert_eq!(stream.event().await.map(|event| event.1).as_deref(), Some("task.created"));
        let path = format!("/v1/agents/{}/rotate-key", reader.id);
        world.project().post(&path, json!({})).await.expect(200);
        world.project().post("/v1/tasks", json!({ "content": "unseen" })).await.expect(201);
        let next = tokio::time::timeout(LIMIT, stream.event()).await.expect("an end");
        assert_eq!(next, None, "an event left after the key was revoked");
    }
}
