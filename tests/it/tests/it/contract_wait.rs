//! `GET /v1/tasks/{id}/wait`: held until the task is where it is waited for.

use std::time::{Duration, Instant};

use baton_harness::client::{Answer, Client};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::world::{World, assert_has, problem, text, waited_in_vain, wrong_field};

fn waiting(client: &Client, id: &str, query: &str) -> JoinHandle<(Answer, Instant)> {
    let (client, path) = (client.clone(), format!("/v1/tasks/{id}/wait?{query}"));
    tokio::spawn(async move { (client.get(&path).await, Instant::now()) })
}

#[tokio::test]
async fn a_status_that_is_there_already_is_answered_at_once() {
    let world = World::shared().await;
    let agent = world.agent("writer").await;
    let id = agent.task_id("to be done").await;
    let path = format!("/v1/tasks/{id}");
    for (until, reached) in
        [("open", true), ("pending", true), ("done,open", true), ("done", false)]
    {
        let answer = agent.client.get(&format!("{path}/wait?until={until}&timeout=0")).await;
        let answer = answer.expect(200);
        assert_eq!(answer["reached"], json!(reached), "{until}");
        assert_eq!(text(&answer["task"], "id"), id);
    }
    let task =
        agent.client.get(&format!("{path}/wait?until=open")).await.expect(200)["task"].clone();
    let list = agent.client.get("/v1/tasks").await.expect(200);
    let listed = list.as_array().and_then(|list| list.iter().find(|task| task["id"] == id));
    assert_eq!(Some(&task), listed, "the document that lists have");
    agent.client.patch(&path, json!({ "status": "failed" })).await.expect(200);
    let answer = agent.client.get(&format!("{path}/wait")).await.expect(200);
    assert_has(&answer, json!({ "reached": true }));
    assert_eq!(answer["task"]["status"], "failed");
}

#[tokio::test]
async fn a_wait_ends_when_the_status_is_reached_here_or_on_another_node() {
    let world = World::new().await;
    let there = world.another_node().await;
    let (writer, worker) = (world.agent("writer").await, world.agent("worker").await);
    let (mut here_waits, mut there_waits) = (Vec::new(), Vec::new());
    for n in 0..24 {
        let id = writer.task_id("to be done").await;
        let path = format!("/v1/tasks/{id}");
        writer.client.post(&format!("{path}/delegate"), json!({ "agent_id": worker.id })).await;
        let reader = if n % 2 == 0 { writer.client.clone() } else { writer.client.at(&there) };
        let wait = waiting(&reader, &id, "until=completed&timeout=30");
        // What does not end it: another change, another status.
        worker.client.patch(&path, json!({ "priority": 5 })).await.expect(200);
        worker.client.patch(&path, json!({ "status": "running" })).await.expect(200);
        let done = worker.client.post(&format!("{path}/complete"), json!({})).await;
        let answered = Instant::now();
        done.expect(200);
        let (answer, woken) = wait.await.expect("an answer");
        let answer = answer.expect(200);
        assert_eq!(answer["reached"], json!(true));
        assert_has(&answer["task"], json!({ "status": "completed", "priority": 5 }));
        let waits = if n % 2 == 0 { &mut here_waits } else { &mut there_waits };
        waits.push(woken.saturating_duration_since(answered));
    }
    for waits in [&mut here_waits, &mut there_waits] {
        waits.sort();
        assert!(waits[waits.len() / 2] < Duration::from_millis(100), "{waits:?}");
    }
}

#[tokio::test]
async fn a_wait_in_vain_says_so_when_its_time_is_over() {
    let world = World::shared().await;
    let agent = world.agent("writer").await;
    let id = agent.task_id("never done").await;
    let started = Instant::now();
    let (answer, _) = waiting(&agent.client, &id, "timeout=2").await.expect("an answer");
    let answer = answer.expect(200);
    let waited = started.elapsed();
    assert_eq!(answer["reached"], json!(false));
    assert_eq!(answer["task"]["status"], "open");
    assert!(waited >= Duration::from_secs(2) && waited < Duration::from_secs(10), "{waited:?}");
}

#[tokio::test]
async fn a_task_that_is_gone_or_somebody_elses_is_404() {
    let world = World::new().await;
    let (writer, worker) = (world.agent("writer").await, world.agent("worker").await);
    let id = writer.task_id("deleted").await;
    let path = format!("/v1/tasks/{id}");
    writer.client.patch(&path, json!({ "assigned_to": worker.id })).await.expect(200);
    let waits = [&writer, &worker].map(|agent| waiting(&agent.client, &id, "timeout=30"));
    waited_in_vain(&writer.client, &id).await;
    writer.client.delete(&path).await;
    for wait in waits {
        problem(&wait.await.expect("an answer").0, 404);
    }
    problem(&writer.client.get(&format!("{path}/wait?until=open")).await, 404);
    // The right is asked for again.
    let id = writer.task_id("taken away").await;
    let path = format!("/v1/tasks/{id}");
    writer.client.patch(&path, json!({ "assigned_to": worker.id })).await.expect(200);
    let wait = waiting(&worker.client, &id, "timeout=30");
    waited_in_vain(&writer.client, &id).await;
    let body = json!({ "assigned_to": writer.id });
    writer.client.patch(&path, body).await.expect(200);
    problem(&wait.await.expect("an answer").0, 404);
    problem(&worker.client.get(&format!("{path}/wait?timeout=0")).await, 404);
    problem(&worker.client.get("/v1/tasks/x/wait?timeout=0").await, 404);
}

#[tokio::test]
async fn wrong_values_are_422() {
    let world = World::shared().await;
    let agent = world.agent("writer").await;
    let id = agent.task_id("to be done").await;
    for (query, field) in [
        ("until=finished", "until"),
        ("until=completed,x", "until"),
        ("timeout=61", "timeout"),
        ("timeout=-1", "timeout"),
        ("timeout=x", "timeout"),
    ] {
        wrong_field(&agent.client.get(&format!("/v1/tasks/{id}/wait?{query}")).await, field);
    }
}

#[tokio::test]
async fn many_waits_hold_up_nobody() {
    let world = World::new().await;
    let agent = world.agent("writer").await;
    let id = agent.task_id("waited for by many").await;
    // Far more than there are connections to the database.
    let waits: Vec<_> =
        (0..200).map(|_| waiting(&agent.client, &id, "until=done&timeout=60")).collect();
    waited_in_vain(&agent.client, &id).await;
    let started = Instant::now();
    for n in 0..20 {
        let made: Value = agent.task(&format!("task {n}")).await;
        agent.client.get(&format!("/v1/tasks/{}", text(&made, "id"))).await.expect(200);
    }
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
    agent.client.post(&format!("/v1/tasks/{id}/complete"), json!({})).await.expect(200);
    for wait in waits {
        assert_eq!(wait.await.expect("an answer").0.expect(200)["reached"], json!(true));
    }
}
