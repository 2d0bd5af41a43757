//! The table of protocol 0.5 through HTTP: every status, every action.

use baton_harness::client::Answer;
use serde_json::{Value, json};

use crate::world::{Agent, World, assert_has, problem};

const STATUSES: [&str; 7] =
    ["open", "blocked", "claimed", "delegated", "completed", "failed", "cancelled"];

/// A task of the agent's in this status.
async fn task_in(agent: &Agent, status: &str) -> String {
    let id = agent.task_id(status).await;
    let path = format!("/v1/tasks/{id}");
    let reached = match status {
        "open" => agent.client.get(&path).await.expect(200),
        "delegated" => {
            let body = json!({ "content": "child" });
            agent.client.post(&format!("{path}/delegate"), body).await.expect(201);
            agent.client.get(&path).await.expect(200)
        }
        _ => agent.client.patch(&path, json!({ "status": status })).await.expect(200),
    };
    assert_eq!(reached["status"], status);
    id
}

async fn act(agent: &Agent, id: &str, action: &str) -> Answer {
    let path = format!("/v1/tasks/{id}");
    let client = &agent.client;
    let post = async |action: &str| client.post(&format!("{path}/{action}"), json!({})).await;
    match action {
        "complete" | "uncomplete" | "fail" | "cancel" | "retry" => post(action).await,
        "hand over" => {
            client.post(&format!("{path}/delegate"), json!({ "agent_id": agent.id })).await
        }
        "delegate" => client.post(&format!("{path}/delegate"), json!({ "content": "x" })).await,
        "the flag" => client.patch(&path, json!({ "completed": true })).await,
        status => client.patch(&path, json!({ "status": status })).await,
    }
}

/// One action against every status: where it ends, or 409.
async fn check(action: &str, expected: [Result<&str, u16>; 7]) {
    let world = World::shared().await;
    let agent = world.agent("status").await;
    for (status, expected) in STATUSES.into_iter().zip(expected) {
        let id = task_in(&agent, status).await;
        let path = format!("/v1/tasks/{id}");
        let before = agent.client.get(&path).await.expect(200);
        let answer = act(&agent, &id, action).await;
        let after = agent.client.get(&path).await.expect(200);
        let what = format!("{action} from {status}: {}", answer.text);
        match expected {
            Ok(reached) => {
                assert!([200, 201].contains(&answer.status), "{what}");
                assert_eq!(after["status"], reached, "{what}");
                assert_eq!(after["completed"], json!(reached == "completed"), "{what}");
            }
            Err(refused) => {
                problem(&answer, refused);
                assert_eq!(after["revision"], before["revision"], "{what}");
            }
        }
    }
}

const NO: Result<&str, u16> = Err(409);

#[tokio::test]
async fn delegate_with_content() {
    let to = Ok("delegated");
    check("delegate", [to, NO, to, to, NO, NO, NO]).await;
}

#[tokio::test]
async fn hand_over() {
    let open = Ok("open");
    check("hand over", [open, Ok("blocked"), open, open, NO, open, NO]).await;
}

#[tokio::test]
async fn complete_by_path_by_word_and_by_flag() {
    let done = Ok("completed");
    for action in ["complete", "completed", "done", "the flag"] {
        check(action, [done, NO, done, done, done, NO, NO]).await;
    }
}

#[tokio::test]
async fn fail_by_path_and_by_word() {
    let failed = Ok("failed");
    for action in ["fail", "failed"] {
        check(action, [failed, failed, failed, failed, NO, failed, NO]).await;
    }
}

#[tokio::test]
async fn cancel_by_path_and_by_word() {
    let off = Ok("cancelled");
    for action in ["cancel", "cancelled", "canceled"] {
        check(action, [off, off, off, off, NO, off, off]).await;
    }
}

#[tokio::test]
async fn reopen_by_word() {
    let open = Ok("open");
    for action in ["open", "pending"] {
        check(action, [open, open, open, open, open, open, NO]).await;
    }
}

#[tokio::test]
async fn retry_is_the_same_column() {
    let open = Ok("open");
    check("retry", [open, open, open, open, open, open, NO]).await;
}

#[tokio::test]
async fn uncomplete_changes_completed_tasks_only() {
    check(
        "uncomplete",
        STATUSES.map(|status| Ok(if status == "completed" { "open" } else { status })),
    )
    .await;
}

#[tokio::test]
async fn block_by_word() {
    let blocked = Ok("blocked");
    check("blocked", [blocked, blocked, blocked, blocked, NO, NO, NO]).await;
}

#[tokio::test]
async fn claim_by_word() {
    let claimed = Ok("claimed");
    for action in ["claimed", "running", "in_progress"] {
        check(action, [claimed, NO, claimed, claimed, NO, NO, NO]).await;
    }
}

#[tokio::test]
async fn delegated_by_hand_is_refused() {
    for status in ["open", "blocked", "claimed", "completed", "failed", "cancelled"] {
        let world = World::shared().await;
        let agent = world.agent("status").await;
        let id = task_in(&agent, status).await;
        problem(&act(&agent, &id, "delegated").await, 409);
    }
}

#[tokio::test]
async fn the_completed_flag_is_a_second_word_for_the_status() {
    let world = World::shared().await;
    let agent = world.agent("flag").await;
    let path = format!("/v1/tasks/{}", agent.task_id("flag").await);
    let done = agent.client.put(&path, json!({ "completed": true })).await.expect(200);
    assert_has(&done, json!({ "status": "completed", "completed_by": agent.name }));
    let open = agent.client.put(&path, json!({ "completed": false })).await.expect(200);
    assert_has(&open, json!({ "status": "open", "completed_at": null, "reopen_count": 1 }));
    let unknown = agent.client.put(&path, json!({ "status": "finished" })).await;
    problem(&unknown, 422);
}

#[tokio::test]
async fn running_is_a_claim_of_the_callers_without_lease_end() {
    let world = World::shared().await;
    let (owner, worker) = (world.agent("owner").await, world.agent("worker").await);
    let body = json!({ "content": "c", "assigned_to": worker.id });
    let made = owner.client.post("/v1/tasks", body).await.expect(201);
    let path = format!("/v1/tasks/{}", made["id"].as_str().expect("an id"));
    let claimed = worker.client.patch(&path, json!({ "status": "running" })).await.expect(200);
    assert_has(
        &claimed,
        json!({
            "status": "claimed", "claimed_by_agent_id": worker.id, "lease_expires_at": null,
            "claim_generation": 1, "assigned_to_agent_id": worker.id,
        }),
    );
    assert!(claimed["claimed_at"].is_string() && claimed["started_at"].is_string());
    // Another agent's claim is live: 409 that says whose.
    let refused = owner.client.patch(&path, json!({ "status": "running" })).await;
    let body = problem(&refused, 409);
    assert_has(body, json!({ "claimed_by_agent_id": worker.id, "lease_expires_at": null }));
    // The holder may ask again, and the project token holds without a name.
    let again = worker.client.patch(&path, json!({ "status": "claimed" })).await.expect(200);
    assert_eq!(again["claim_generation"], 1);
    let released = worker.client.patch(&path, json!({ "status": "open" })).await.expect(200);
    assert_has(&released, json!({ "status": "open", "claimed_by_agent_id": null }));
    let held = world.project().patch(&path, json!({ "status": "running" })).await.expect(200);
    assert_has(&held, json!({ "status": "claimed", "claimed_by_agent_id": null }));
    assert_eq!(held["claim_generation"], 2);
}

#[tokio::test]
async fn a_change_of_assignee_ends_the_claim_of_another() {
    let world = World::shared().await;
    let (owner, worker) = (world.agent("owner").await, world.agent("worker").await);
    for by_update in [true, false] {
        let body = json!({ "content": "c", "assigned_to": worker.id });
        let made = owner.client.post("/v1/tasks", body).await.expect(201);
        let path = format!("/v1/tasks/{}", made["id"].as_str().expect("an id"));
        worker.client.patch(&path, json!({ "status": "running" })).await.expect(200);
        let after: Value = if by_update {
            owner.client.patch(&path, json!({ "assigned_to": owner.id })).await.expect(200)
        } else {
            let body = json!({ "agent_id": owner.id });
            owner.client.post(&format!("{path}/delegate"), body).await.expect(200)
        };
        assert_has(
            &after,
            json!({ "status": "open", "claimed_by_agent_id": null, "claimed_at": null }),
        );
    }
}
