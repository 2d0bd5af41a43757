//! P5: the same `Idempotency-Key` with the same request gives the same answer and no second
//! event, also after a crash and on another node; with another request, 422.

use std::collections::BTreeSet;
use std::time::Duration;

use baton_harness::client::{Answer, Client, try_send};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::record;
use crate::world::{LIMIT, World, problem, text};

/// Repeats a request until it is neither under way somewhere nor out of reach.
async fn persist(client: &Client, path: &str, key: &str, body: &Value) -> Answer {
    let repeat = async {
        loop {
            let request = client.request(Method::POST, path).header("Idempotency-Key", key);
            match try_send(request.json(body)).await {
                Ok(answer) if ![409, 503].contains(&answer.status) => return answer,
                _ => tokio::task::yield_now().await,
            }
        }
    };
    tokio::time::timeout(LIMIT, repeat).await.expect("an answer to a repeated request")
}

fn body(content: &str) -> Value {
    json!({ "content": content })
}

#[tokio::test]
async fn another_node_gives_the_same_answer_and_refuses_another_request() {
    let world = World::new().await;
    let node = world.another_node().await;
    let agent = world.agent("repeater").await;
    let admin = world.project();
    let rotate = format!("/v1/agents/{}/rotate-key", world.agent("rotated").await.id);
    let task = agent.task_id("to delegate").await;
    for (client, path, body) in [
        (&agent.client, "/v1/tasks".to_owned(), body("once")),
        (&agent.client, format!("/v1/tasks/{task}/delegate"), body("child")),
        (&agent.client, format!("/v1/tasks/{task}/complete"), json!({ "metadata": { "r": 1 } })),
        (&admin, "/v1/agents".to_owned(), json!({ "name": "once" })),
        (
            &admin,
            "/v1/webhooks".to_owned(),
            json!({ "url": "https://a.example/", "active": false }),
        ),
        (&admin, rotate, json!({})),
    ] {
        let key = Uuid::new_v4().to_string();
        let first = client.post_once(&path, &key, body.clone()).await;
        assert!(first.status < 300, "{}", first.text);
        let there = client.at(&node);
        let again = there.post_once(&path, &key, body.clone()).await;
        assert_eq!((again.status, &again.text), (first.status, &first.text), "{path}");
        assert_eq!(again.header("Idempotency-Replayed"), "true");
        let other = crate::world::with(body, json!({ "label": "another" }));
        problem(&there.post_once(&path, &key, other).await, 422);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn racing_repeats_on_two_nodes_are_one_task() {
    let world = World::new().await;
    let node = world.another_node().await;
    let agent = world.agent("racer").await;
    for round in 0..20 {
        let (key, body) = (format!("race-{round}"), body(&format!("race {round}")));
        let mut racers = JoinSet::new();
        for racer in 0..8 {
            let client = if racer % 2 == 0 { agent.client.clone() } else { agent.client.at(&node) };
            let (key, body) = (key.clone(), body.clone());
            racers.spawn(async move { persist(&client, "/v1/tasks", &key, &body).await });
        }
        let (mut answers, mut replays) = (BTreeSet::new(), 0);
        while let Some(answer) = racers.join_next().await {
            let answer = answer.expect("an answer");
            assert_eq!(answer.status, 201, "{}", answer.text);
            replays += usize::from(answer.header("Idempotency-Replayed") == "true");
            answers.insert(answer.text);
        }
        assert_eq!((answers.len(), replays), (1, 7), "round {round}");
    }
    let log = record::log(&world.database.connect().await).await;
    let created = log.iter().filter(|event| event.event == "task.created");
    assert_eq!(created.count(), 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_cut_off_by_a_kill_and_repeated_is_one_task() {
    let mut world = World::new().await;
    let agent = world.agent("persistent").await;
    let mut answered = 0;
    // From "not yet arrived" to "answered": the kill meets every stage.
    for round in 0..16_u64 {
        let (key, body) = (format!("kill-{round}"), body(&format!("kill {round}")));
        let first = tokio::spawn({
            let (client, key, body) = (agent.client.clone(), key.clone(), body.clone());
            async move {
                let request = client.request(Method::POST, "/v1/tasks");
                try_send(request.header("Idempotency-Key", key).json(&body)).await
            }
        });
        baton_harness::before_a_fault(Duration::from_micros(700 * round)).await;
        world.baton.kill9();
        let first = first.await.expect("it ends, one way or the other").ok();
        world.baton.restart().await;
        let second = persist(&agent.client, "/v1/tasks", &key, &body).await;
        assert_eq!(second.status, 201, "{}", second.text);
        if let Some(first) = first {
            answered += 1;
            assert_eq!(second.text, first.text);
            assert_eq!(second.header("Idempotency-Replayed"), "true");
        }
        let third = persist(&agent.client, "/v1/tasks", &key, &body).await;
        assert_eq!(third.text, second.text);
    }
    let log = record::log(&world.database.connect().await).await;
    let created: Vec<&Value> = log
        .iter()
        .filter(|event| event.event == "task.created")
        .map(|event| &event.payload["changes"]["content"])
        .collect();
    assert_eq!(created.len(), 16, "{answered} answered before the kill: {created:?}");
    record::assert_gapless(&log);
}

#[tokio::test]
async fn the_key_of_a_new_agent_and_the_secret_of_a_webhook_survive_a_kill() {
    let mut world = World::new().await;
    let admin = world.project();
    let agent = admin.post_once("/v1/agents", "a", json!({ "name": "kept" })).await;
    let hook = json!({ "url": "https://hooks.example/x", "active": false });
    let webhook = admin.post_once("/v1/webhooks", "w", hook.clone()).await;
    world.baton.restart().await;
    let again = admin.post_once("/v1/agents", "a", json!({ "name": "kept" })).await;
    assert_eq!(again.text, agent.text);
    assert!(text(&again.body, "api_key").starts_with("dlg_"));
    let again = admin.post_once("/v1/webhooks", "w", hook).await;
    assert_eq!(again.text, webhook.text);
    assert!(text(&again.body, "secret").starts_with("whsec_"));
    problem(&admin.post_once("/v1/agents", "a", json!({ "name": "other" })).await, 422);
}
