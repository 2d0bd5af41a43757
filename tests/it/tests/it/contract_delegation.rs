//! Delegation in both forms (protocol 1.3) and the events it causes (4.1).

use baton_harness::receiver::{Received, Receiver};
use serde_json::json;

use crate::record::{self, names};
use crate::world::{LIMIT, World, assert_has, problem, text, with, wrong_field};

#[tokio::test]
async fn with_content_a_child_is_made_and_the_parent_waits() {
    let world = World::shared().await;
    let (boss, worker) = (world.agent("boss").await, world.agent("worker").await);
    let made = boss.client.post("/v1/tasks", json!({ "content": "c", "priority": 1 })).await;
    let id = text(&made.expect(201), "id");
    let path = format!("/v1/tasks/{id}");
    let body = json!({ "title": "child", "agent_id": worker.name, "metadata": { "m": 1 } });
    let child = boss.client.post(&format!("{path}/delegate"), body).await.expect(201);
    assert_has(
        &child,
        json!({
            "content": "child", "status": "open", "priority": 2, "metadata": { "m": 1 },
            "parent_task_id": id, "parent_id": id, "delegated_from_task_id": id,
            "root_task_id": id, "delegation_depth": 1, "delegated_by_agent_id": boss.id,
            "accountable_agent_id": boss.id, "created_by_agent_id": boss.id,
            "assigned_to_agent_id": worker.id,
        }),
    );
    assert_eq!(boss.client.get(&path).await.expect(200)["status"], "delegated");

    let path = format!("/v1/tasks/{}/delegate", text(&child, "id"));
    let grandchild = worker.client.post(&path, json!({ "content": "deeper" })).await.expect(201);
    assert_has(
        &grandchild,
        json!({
            "root_task_id": id, "delegation_depth": 2, "delegated_by_agent_id": worker.id,
            "accountable_agent_id": boss.id, "parent_task_id": child["id"],
        }),
    );
}

#[tokio::test]
async fn creating_with_a_parent_is_the_same_as_delegating_with_content() {
    let world = World::shared().await;
    let (boss, stranger) = (world.agent("boss").await, world.agent("stranger").await);
    let id = boss.task_id("parent").await;
    let body = json!({ "content": "child", "parent_task_id": id });
    problem(&stranger.client.post("/v1/tasks", body.clone()).await, 404);
    let child = boss.client.post("/v1/tasks", body).await.expect(201);
    assert_has(&child, json!({ "parent_task_id": id, "delegation_depth": 1 }));
    let parent = boss.client.get(&format!("/v1/tasks/{id}")).await.expect(200);
    assert_eq!(parent["status"], "delegated");
    // The delegate form ignores the field: the path says the parent.
    let other = boss.task_id("another").await;
    let body = json!({ "content": "child", "parent_task_id": other });
    let child = boss.client.post(&format!("/v1/tasks/{id}/delegate"), body).await.expect(201);
    assert_eq!(child["parent_task_id"], json!(id));
}

#[tokio::test]
async fn the_parent_stays_delegated_until_somebody_completes_it() {
    let world = World::shared().await;
    let boss = world.agent("boss").await;
    let id = boss.task_id("parent").await;
    let path = format!("/v1/tasks/{id}");
    let body = json!({ "content": "child" });
    let child = boss.client.post(&format!("{path}/delegate"), body).await.expect(201);
    let complete = format!("/v1/tasks/{}/complete", text(&child, "id"));
    boss.client.post(&complete, json!({})).await.expect(200);
    assert_eq!(boss.client.get(&path).await.expect(200)["status"], "delegated");
    let done = boss.client.post(&format!("{path}/complete"), json!({})).await.expect(200);
    assert_eq!(done["status"], "completed");
}

#[tokio::test]
async fn without_content_the_task_is_handed_over_under_three_names() {
    let world = World::shared().await;
    let (boss, worker) = (world.agent("boss").await, world.agent("worker").await);
    for name in ["agent_id", "assigned_to_agent_id", "assigned_to"] {
        for reference in [&worker.id, &worker.name] {
            let id = boss.task_id("handed").await;
            let body = json!({ name: reference, "note": "please", "metadata": { "n": 1 } });
            let path = format!("/v1/tasks/{id}/delegate");
            let handed = boss.client.post(&path, body).await.expect(200);
            assert_has(
                &handed,
                json!({
                    "id": id, "assigned_to": worker.name, "delegated_by_agent_id": boss.id,
                    "status": "open", "metadata": { "n": 1 }, "delegation_depth": 0,
                    "parent_task_id": null,
                }),
            );
            assert_eq!(handed["notes"][0]["text"], "please");
        }
    }
    let id = boss.task_id("handed").await;
    wrong_field(
        &boss.client.post(&format!("/v1/tasks/{id}/delegate"), json!({})).await,
        "agent_id",
    );
}

#[tokio::test]
async fn the_new_assignee_may_hand_it_on_and_back() {
    let world = World::shared().await;
    let (boss, worker) = (world.agent("boss").await, world.agent("worker").await);
    let stranger = world.agent("stranger").await;
    let path = format!("/v1/tasks/{}/delegate", boss.task_id("handed").await);
    problem(&stranger.client.post(&path, json!({ "agent_id": worker.id })).await, 404);
    boss.client.post(&path, json!({ "agent_id": worker.id })).await.expect(200);
    worker.client.post(&path, json!({ "agent_id": boss.id })).await.expect(200);
    let last = boss.client.post(&path, json!({ "agent_id": worker.id })).await.expect(200);
    assert_eq!(last["assigned_to_agent_id"], json!(worker.id));
}

/// What the story below tells of its first task.
const TOLD: [&str; 14] = [
    "task.created",
    "task.updated",
    // An assignment by update tells both (protocol 4.1).
    "task.assigned",
    "task.updated",
    "task.blocked",
    "task.unblocked",
    "task.claimed",
    "task.released",
    "task.completed",
    "task.updated",
    "task.failed",
    "task.updated",
    "task.cancelled",
    "task.deleted",
];

#[tokio::test]
async fn each_action_tells_its_events_in_the_contracts_order() {
    let world = World::new().await;
    let (boss, worker) = (world.agent("boss").await, world.agent("worker").await);
    let receiver = Receiver::start().await;
    let body = json!({ "url": receiver.url(), "events": ["*"] });
    world.project().post("/v1/webhooks", body).await.expect(201);
    let database = world.database.connect().await;

    let parent = boss.task_id("parent").await;
    let path = format!("/v1/tasks/{parent}");
    let body = json!({ "content": "child", "agent_id": worker.id });
    let child = boss.client.post(&format!("{path}/delegate"), body).await.expect(201);
    let child = text(&child, "id");
    boss.client.patch(&path, json!({ "priority": 1, "metadata": { "a": 1 } })).await.expect(200);
    boss.client.patch(&path, json!({ "assigned_to": worker.id })).await.expect(200);
    boss.client.patch(&path, json!({ "status": "blocked" })).await.expect(200);
    boss.client.patch(&path, json!({ "status": "open" })).await.expect(200);
    boss.client.patch(&path, json!({ "status": "running" })).await.expect(200);
    boss.client.patch(&path, json!({ "status": "open" })).await.expect(200);
    boss.client.post(&format!("{path}/complete"), json!({})).await.expect(200);
    boss.client.post(&format!("{path}/uncomplete"), json!({})).await.expect(200);
    boss.client.post(&format!("{path}/fail"), json!({})).await.expect(200);
    boss.client.post(&format!("{path}/retry"), json!({})).await.expect(200);
    boss.client.post(&format!("{path}/cancel"), json!({})).await.expect(200);
    boss.client.delete(&path).await.expect(200);

    let heard = |requests: &[Received], id: &str| -> Vec<String> {
        let of_task = requests.iter().filter(|request| request.json()["task"]["id"] == id);
        of_task.map(|request| request.event().to_owned()).collect()
    };
    let requests = receiver.wait_for(LIMIT, |requests| requests.len() >= TOLD.len() + 2).await;
    assert_eq!(heard(&requests, &parent), TOLD);
    assert_eq!(heard(&requests, &child), ["task.created", "task.delegated"]);
    // In the log the parent's own change stands, too; no webhook hears of it.
    let log = record::stream(&database, &parent).await;
    assert_eq!(names(&log)[..2], ["task.created", "task.child_delegated"]);

    let of = |event: &str, id: &str| {
        let found = requests.iter().map(Received::json);
        let mut found = found.filter(|body| body["event"] == event && body["task"]["id"] == id);
        found.next().expect("an event that was sent")
    };
    let delegated = of("task.delegated", &child);
    assert_has(&delegated, json!({ "from": boss.name, "to": worker.name, "kind": "child" }));
    assert_eq!(delegated["agent"]["id"], json!(boss.id));
    let assigned = of("task.assigned", &parent);
    assert_eq!(assigned["previous_agent_id"], json!(null));
    assert_eq!(of("task.updated", &parent)["changed"], json!(["priority", "metadata"]));
    let deleted = of("task.deleted", &parent);
    assert_eq!(deleted["task"]["status"], "cancelled");
}

#[tokio::test]
async fn nothing_is_said_of_what_the_body_names_before_the_parent() {
    let world = World::shared().await;
    let (boss, stranger) = (world.agent("boss").await, world.agent("stranger").await);
    let id = boss.task_id("parent").await;
    let path = format!("/v1/tasks/{id}/delegate");
    let unknown = json!({ "content": "child", "assigned_to": "nobody of that name" });
    let epic = json!({ "content": "child", "epic_id": "1" });
    let waits = json!({ "content": "child", "depends_on": ["0".repeat(32)] });
    for body in [unknown, epic, waits] {
        let said = stranger.client.post(&path, body.clone()).await;
        assert_eq!(problem(&said, 404)["detail"], "Task not found", "{body}");
        let with_parent = with(body.clone(), json!({ "parent_task_id": id }));
        let said = stranger.client.post("/v1/tasks", with_parent).await;
        assert_eq!(problem(&said, 404)["detail"], "Parent task not found", "{body}");
        let said = boss.client.post(&path, body.clone()).await;
        assert_ne!(problem(&said, 404)["detail"], "Task not found", "{body}");
    }
    // What its role may never do comes first.
    let project = json!({ "content": "child", "project_id": "1" });
    problem(&stranger.client.post(&path, project).await, 403);
    // How the parent stands comes last.
    boss.client.post(&format!("/v1/tasks/{id}/complete"), json!({})).await.expect(200);
    let body = json!({ "content": "child", "depends_on": ["0".repeat(32)] });
    problem(&boss.client.post(&path, body).await, 404);
    problem(&boss.client.post(&path, json!({ "content": "child" })).await, 409);
}
