//! Tasks that wait for others (protocol 0.5, 1.2; acceptance A22).

use baton_harness::wait_until;
use serde_json::{Value, json};

use crate::world::{Agent, LIMIT, World, assert_has, problem, text, wrong_field};

async fn task_on(agent: &Agent, on: Value) -> Value {
    let body = json!({ "content": "Write", "depends_on": on });
    agent.client.post("/v1/tasks", body).await.expect(201)
}

async fn read(agent: &Agent, task: &str) -> Value {
    agent.client.get(&format!("/v1/tasks/{task}")).await.expect(200)
}

async fn becomes(agent: &Agent, task: &str, status: &str) -> Value {
    wait_until(LIMIT, status, async || read(agent, task).await["status"] == status).await;
    read(agent, task).await
}

async fn act(agent: &Agent, task: &str, action: &str) -> Value {
    agent.client.post(&format!("/v1/tasks/{task}/{action}"), json!({})).await.expect(200)
}

#[tokio::test]
async fn a_dependent_is_blocked_and_opens_after_its_dependency_completes() {
    let world = World::shared().await;
    let ada = world.agent("ada").await;
    let research = ada.task_id("Research").await;
    let made = task_on(&ada, json!([research])).await;
    assert_has(&made, json!({ "status": "blocked", "completed": false, "depends_on": [research] }));
    let writer = text(&made, "id");
    assert_eq!(read(&ada, &writer).await["status"], "blocked");
    problem(&ada.client.post(&format!("/v1/tasks/{writer}/complete"), json!({})).await, 409);
    for status in ["open", "claimed", "delegated"] {
        let body = json!({ "status": status });
        problem(&ada.client.patch(&format!("/v1/tasks/{writer}"), body).await, 409);
    }
    act(&ada, &research, "complete").await;
    let opened = becomes(&ada, &writer, "open").await;
    assert_eq!(opened["depends_on"], json!([research]));
    act(&ada, &writer, "complete").await;
    // One that is done already holds nobody up.
    assert_eq!(task_on(&ada, json!([research])).await["status"], "open");
}

#[tokio::test]
async fn dependencies_come_as_an_array_or_with_commas_each_once() {
    let world = World::shared().await;
    let ada = world.agent("ada").await;
    let (one, two) = (ada.task_id("one").await, ada.task_id("two").await);
    let made = task_on(&ada, json!(format!("{one},{two}, {one}"))).await;
    assert_eq!(made["depends_on"], json!([one, two]));
    let made = task_on(&ada, json!([two, one, two])).await;
    assert_eq!(made["depends_on"], json!([two, one]));
    assert_eq!(task_on(&ada, json!([])).await["status"], "open");
    assert_eq!(task_on(&ada, Value::Null).await["depends_on"], json!([]));
}

#[tokio::test]
async fn only_tasks_that_the_caller_may_read_can_be_waited_for() {
    let world = World::shared().await;
    let (ada, bob) = (world.agent("ada").await, world.agent("bob").await);
    let hidden = bob.task_id("hidden").await;
    let gone = ada.task_id("gone").await;
    ada.client.delete(&format!("/v1/tasks/{gone}")).await.expect(200);
    let own = ada.task_id("own").await;
    for id in [hidden.as_str(), gone.as_str(), "891", "f00d", "%00"] {
        let body = json!({ "content": "c", "depends_on": [own, id] });
        let answer = ada.client.post("/v1/tasks", body).await;
        let text = text(problem(&answer, 404), "error");
        assert!(text.contains("task not found"), "{text}");
        let body = json!({ "depends_on": [id] });
        problem(&ada.client.patch(&format!("/v1/tasks/{own}"), body).await, 404);
    }
    // What stands there already is no news, whoever may read it.
    let shared = task_on(&bob, json!([hidden])).await;
    let shared = text(&shared, "id");
    let to_ada = json!({ "agent_id": ada.name });
    bob.client.post(&format!("/v1/tasks/{shared}/delegate"), to_ada).await.expect(200);
    let whole = json!({ "content": "Write", "status": "blocked", "depends_on": [hidden] });
    let same = ada.client.put(&format!("/v1/tasks/{shared}"), whole).await.expect(200);
    assert_eq!(same["status"], "blocked");
}

#[tokio::test]
async fn a_failed_or_cancelled_dependency_keeps_its_dependents_blocked() {
    let world = World::shared().await;
    let ada = world.agent("ada").await;
    let (fails, cancelled) = (ada.task_id("fails").await, ada.task_id("cancelled").await);
    let waits = text(&task_on(&ada, json!([fails, cancelled])).await, "id");
    let first = text(&task_on(&ada, json!([fails])).await, "id");
    act(&ada, &fails, "fail").await;
    act(&ada, &cancelled, "cancel").await;
    act(&ada, &fails, "retry").await;
    act(&ada, &fails, "complete").await;
    // By now the policies have seen all that came before.
    becomes(&ada, &first, "open").await;
    assert_eq!(read(&ada, &waits).await["status"], "blocked");
    // Whoever gave up on it takes it out.
    let body = json!({ "depends_on": [fails] });
    let freed = ada.client.patch(&format!("/v1/tasks/{waits}"), body).await.expect(200);
    assert_has(&freed, json!({ "status": "open", "depends_on": [fails] }));
}

#[tokio::test]
async fn a_deleted_dependency_disappears() {
    let world = World::shared().await;
    let ada = world.agent("ada").await;
    let (one, two) = (ada.task_id("one").await, ada.task_id("two").await);
    let only = text(&task_on(&ada, json!([one])).await, "id");
    let both = text(&task_on(&ada, json!([one, two])).await, "id");
    ada.client.delete(&format!("/v1/tasks/{one}")).await.expect(200);
    assert_eq!(becomes(&ada, &only, "open").await["depends_on"], json!([]));
    wait_until(LIMIT, "the id is gone", async || {
        read(&ada, &both).await["depends_on"] == json!([two])
    })
    .await;
    assert_eq!(read(&ada, &both).await["status"], "blocked");
    act(&ada, &two, "complete").await;
    becomes(&ada, &both, "open").await;
}

#[tokio::test]
async fn replaced_dependencies_are_judged_anew_and_no_circle_is_taken() {
    let world = World::shared().await;
    let ada = world.agent("ada").await;
    let (one, two, three) =
        (ada.task_id("1").await, ada.task_id("2").await, ada.task_id("3").await);
    let depend = async |task: &str, on: Value| {
        ada.client.patch(&format!("/v1/tasks/{task}"), json!({ "depends_on": on })).await
    };
    let blocked = depend(&two, json!([one])).await.expect(200);
    assert_has(&blocked, json!({ "status": "blocked", "depends_on": [one] }));
    depend(&three, json!([two])).await.expect(200);
    for (task, on) in [(&one, &one), (&one, &two), (&one, &three), (&two, &three)] {
        wrong_field(&depend(task, json!([on])).await, "depends_on");
    }
    let revision = read(&ada, &three).await["revision"].clone();
    assert_eq!(depend(&three, json!([two])).await.expect(200)["revision"], revision, "no news");
    assert_has(&depend(&three, Value::Null).await.expect(200), json!({ "status": "open" }));
    assert_has(&depend(&one, json!([three])).await.expect(200), json!({ "status": "blocked" }));
    // A holder is told to wait, and loses its claim.
    ada.client
        .patch(&format!("/v1/tasks/{three}"), json!({ "status": "running" }))
        .await
        .expect(200);
    let other = ada.task_id("4").await;
    let waits = depend(&three, json!([other])).await.expect(200);
    assert_has(&waits, json!({ "status": "blocked", "claimed_by_agent_id": null }));
}

#[tokio::test]
async fn a_retry_waits_again_and_a_child_may_wait_too() {
    let world = World::shared().await;
    let ada = world.agent("ada").await;
    let one = ada.task_id("one").await;
    let waits = text(&task_on(&ada, json!([one])).await, "id");
    act(&ada, &waits, "fail").await;
    assert_has(&act(&ada, &waits, "retry").await, json!({ "status": "blocked", "retry_count": 1 }));
    let parent = ada.task_id("parent").await;
    let child = json!({ "content": "child", "agent_id": ada.name, "depends_on": [one] });
    let child = ada.client.post(&format!("/v1/tasks/{parent}/delegate"), child).await.expect(201);
    assert_has(&child, json!({ "status": "blocked", "parent_task_id": parent }));
    act(&ada, &one, "complete").await;
    becomes(&ada, &waits, "open").await;
    becomes(&ada, &text(&child, "id"), "open").await;
}
