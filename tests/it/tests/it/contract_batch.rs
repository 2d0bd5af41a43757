//! `POST /tasks/batch-delete`: all of them or none (protocol 0.1, 0.8, 1.2).

use baton_harness::client::{Client, send};
use baton_harness::wait_until;
use reqwest::Method;
use serde_json::{Value, json};

use crate::record;
use crate::world::{Agent, LIMIT, World, problem, text, wrong_field};

const PATH: &str = "/v1/tasks/batch-delete";

async fn delete(client: &Client, ids: &[&String]) -> baton_harness::client::Answer {
    client.post(PATH, json!({ "task_ids": ids })).await
}

async fn is_there(client: &Client, id: &str) -> bool {
    client.get(&format!("/v1/tasks/{id}")).await.status == 200
}

async fn some_tasks<const N: usize>(agent: &Agent) -> [String; N] {
    let mut ids = Vec::new();
    for n in 0..N {
        ids.push(agent.task_id(&format!("task {n}")).await);
    }
    ids.try_into().expect("so many")
}

#[tokio::test]
async fn all_of_them_are_deleted_in_one_append() {
    let world = World::shared().await;
    let agent = world.agent("cleaner").await;
    let [a, b, c] = some_tasks(&agent).await;
    // The same one twice counts once.
    let answer = delete(&agent.client, &[&a, &b, &a]).await;
    assert_eq!((answer.status, answer.text.as_str()), (204, ""));
    let position: i64 = answer.header("Baton-Position").parse().expect("a position");
    for (id, left) in [(&a, false), (&b, false), (&c, true)] {
        assert_eq!(is_there(&agent.client, id).await, left);
    }
    assert_eq!(crate::world::ids(&agent.client.get("/v1/tasks").await.expect(200)), [c.as_str()]);
    let database = world.database.connect().await;
    let mut last = Vec::new();
    for id in [&a, &b] {
        let events = record::stream(&database, id).await;
        assert_eq!(record::names(&events), ["task.created", "task.deleted"]);
        let event = &events[1];
        last.push((event.position, event.correlation));
    }
    last.sort();
    assert_eq!(last[1].0, position);
    assert_eq!((last[0].0 + 1, last[0].1), last[1], "one command, one append");
    // Deleted ones are there no more, in whatever company.
    let again = delete(&agent.client, &[&c, &b]).await;
    assert!(problem(&again, 404)["error"].as_str().expect("text").contains(&b));
    assert!(is_there(&agent.client, &c).await);
}

#[tokio::test]
async fn where_one_may_not_be_deleted_it_is_named_and_none_is() {
    let world = World::shared().await;
    let (agent, other) = (world.agent("cleaner").await, world.agent("other").await);
    let [own, another] = some_tasks(&agent).await;
    let hidden = other.task_id("hidden").await;
    let handed = agent.task_id("handed on").await;
    // Handed on by its assignee, who reads it from then on and writes it no more.
    let theirs = text(
        &other
            .client
            .post("/v1/tasks", json!({ "content": "t", "assigned_to": agent.id }))
            .await
            .expect(201),
        "id",
    );
    let path = format!("/v1/tasks/{theirs}/delegate");
    agent.client.post(&path, json!({ "agent_id": other.id })).await.expect(200);
    let unknown = "0".repeat(32);
    for (ids, status, named) in [
        (vec![&own, &hidden, &another], 404, &hidden),
        (vec![&own, &unknown], 404, &unknown),
        (vec![&theirs, &own], 403, &theirs),
        (vec![&own, &another, &theirs], 403, &theirs),
    ] {
        let answer = delete(&agent.client, &ids).await;
        let error = problem(&answer, status)["error"].as_str().expect("text");
        assert!(error.contains(named), "{error}");
        assert_eq!(error.contains("/tasks/:id/claim"), status == 403, "{error}");
        for id in [&own, &another, &handed] {
            assert!(is_there(&agent.client, id).await, "{ids:?}");
        }
    }
    for reference in ["891", "not an id", "A"] {
        let body = json!({ "task_ids": [own, reference] });
        problem(&agent.client.post(PATH, body).await, 404);
    }
    problem(&agent.client.post(PATH, json!({ "task_ids": [own, 891] })).await, 404);
    assert!(is_there(&agent.client, &own).await);
    // An auditor reads everything and deletes nothing; an admin may delete all of these.
    let auditor = world.agent_with("auditor", json!({ "role": "auditor" })).await;
    problem(&delete(&auditor.client, &[&own]).await, 403);
    let ids = [&own, &another, &hidden, &theirs, &handed];
    assert_eq!(delete(&world.project(), &ids).await.status, 204);
}

#[tokio::test]
async fn the_body_names_1_to_1000_tasks() {
    let world = World::shared().await;
    let agent = world.agent("cleaner").await;
    let own = agent.task_id("own").await;
    for ids in [
        json!(null),
        json!([]),
        json!(own),
        json!([null]),
        json!([""]),
        json!([[own]]),
        json!(vec![&own; 1_001]),
    ] {
        let answer = agent.client.post(PATH, json!({ "task_ids": ids })).await;
        wrong_field(&answer, "task_ids");
    }
    wrong_field(&agent.client.post(PATH, json!({})).await, "task_ids");
    assert!(is_there(&agent.client, &own).await);
    let same = json!({ "task_ids": vec![&own; 1_000] });
    assert_eq!(agent.client.post(PATH, same).await.status, 204);
    assert!(!is_there(&agent.client, &own).await);
}

#[tokio::test]
async fn a_thousand_go_at_once() {
    let world = World::shared().await;
    let agent = world.agent("cleaner").await;
    let add = async || agent.task_id("one of many").await;
    let mut ids = Vec::new();
    while ids.len() < 1_000 {
        let (a, b, c, d) = tokio::join!(add(), add(), add(), add());
        ids.extend([a, b, c, d]);
    }
    let refused =
        json!({ "task_ids": ids[..999].iter().chain([&"0".repeat(32)]).collect::<Vec<_>>() });
    problem(&agent.client.post(PATH, refused).await, 404);
    assert_eq!(
        agent.client.get("/v1/tasks?limit=1000").await.body.as_array().map(Vec::len),
        Some(1_000)
    );
    assert_eq!(agent.client.post(PATH, json!({ "task_ids": ids })).await.status, 204);
    assert_eq!(agent.client.get("/v1/tasks?include_completed=true").await.body, json!([]));
}

#[tokio::test]
async fn the_same_key_deletes_once() {
    let world = World::shared().await;
    let agent = world.agent("cleaner").await;
    let [a, b, c] = some_tasks(&agent).await;
    let (key, body) = (uuid::Uuid::new_v4().to_string(), json!({ "task_ids": [a, b] }));
    let first = agent.client.post_once(PATH, &key, body.clone()).await;
    assert_eq!((first.status, first.header("Idempotency-Replayed")), (204, ""));
    let again = agent.client.post_once(PATH, &key, body).await;
    assert_eq!((again.status, again.header("Idempotency-Replayed")), (204, "true"));
    assert_eq!(again.header("Baton-Position"), first.header("Baton-Position"));
    problem(&agent.client.post_once(PATH, &key, json!({ "task_ids": [c] })).await, 422);
    assert!(is_there(&agent.client, &c).await);
    let database = world.database.connect().await;
    assert_eq!(record::stream(&database, &a).await.len(), 2);
}

#[tokio::test]
async fn those_that_waited_for_them_open() {
    let world = World::shared().await;
    let agent = world.agent("cleaner").await;
    let [a, b, kept] = some_tasks(&agent).await;
    let on = async |ids: Value| {
        let body = json!({ "content": "waits", "depends_on": ids });
        text(&agent.client.post("/v1/tasks", body).await.expect(201), "id")
    };
    let (opens, stays) = (on(json!([a, b])).await, on(json!([a, kept])).await);
    assert_eq!(delete(&agent.client, &[&a, &b]).await.status, 204);
    let read = async |id: &str| agent.client.get(&format!("/v1/tasks/{id}")).await.expect(200);
    wait_until(LIMIT, "the dependents were looked at again", async || {
        read(&opens).await["depends_on"] == json!([])
            && read(&stays).await["depends_on"] == json!([kept])
    })
    .await;
    assert_eq!(read(&opens).await["status"], "open");
    assert_eq!(read(&stays).await["status"], "blocked");
}

/// Protocol 0.1: literal segments win over ids.
#[tokio::test]
async fn the_address_is_no_task() {
    let world = World::shared().await;
    let agent = world.agent("cleaner").await;
    for method in [Method::GET, Method::PUT, Method::PATCH, Method::DELETE] {
        let answer = send(agent.client.request(method, PATH).json(&json!({}))).await;
        problem(&answer, 405);
        assert!(answer.header("Allow").contains("POST"));
    }
    let own = agent.task_id("own").await;
    let slash = agent.client.post("/api/tasks/batch-delete/", json!({ "task_ids": [own] })).await;
    assert_eq!(slash.status, 204);
}

#[tokio::test]
async fn an_id_has_at_most_100_characters() {
    let world = World::shared().await;
    let agent = world.agent("cleaner").await;
    let body = |id: String| json!({ "task_ids": [id] });
    problem(&agent.client.post(PATH, body("x".repeat(100))).await, 404);
    wrong_field(&agent.client.post(PATH, body("x".repeat(101))).await, "task_ids");
}
