//! The ends of a task: completed with or without evidence, cancelled, retried, deleted (protocol
//! 1.2).

use serde_json::{Value, json};

use crate::world::{World, assert_has, assert_timestamp, problem, text, wrong_field};

#[tokio::test]
async fn completing_records_who_and_when_and_merges_what_is_said() {
    let world = World::shared().await;
    let (creator, worker) = (world.agent("creator").await, world.agent("worker").await);
    let body = json!({ "content": "c", "assigned_to": worker.name, "metadata": { "a": 1 } });
    let id = text(&creator.client.post("/v1/tasks", body).await.expect(201), "id");
    let complete = format!("/v1/tasks/{id}/complete");
    let said = json!({ "metadata": { "r": 2 }, "context": { "k": 3 }, "result_summary": "ok" });
    let done = worker.client.post(&complete, said).await.expect(200);
    assert_has(
        &done,
        json!({
            "status": "completed", "completed": true, "completed_by": worker.name,
            "completed_by_agent_id": worker.id, "metadata": { "a": 1, "r": 2 },
            "context": { "k": 3 }, "context_version": 1, "result_summary": "ok",
        }),
    );
    assert_timestamp(&done["completed_at"]);
    assert_eq!(done.get("next_occurrence"), None);
    // A repeat is no change and no event.
    let again = creator.client.post(&complete, json!({ "metadata": { "r": 9 } })).await.expect(200);
    assert_has(&again, json!({ "revision": done["revision"], "completed_by": worker.name }));

    let path = format!("/v1/tasks/{id}/uncomplete");
    let open = worker.client.post(&path, json!({})).await.expect(200);
    assert_has(
        &open,
        json!({
            "status": "open", "completed": false, "completed_at": null, "completed_by": null,
            "completed_by_agent_id": null, "reopen_count": 1,
        }),
    );
    let same = worker.client.post(&path, json!({})).await.expect(200);
    assert_has(&same, json!({ "reopen_count": 1, "revision": open["revision"] }));
}

#[tokio::test]
async fn required_evidence_must_be_strong() {
    let world = World::shared().await;
    let agent = world.agent("prover").await;
    let body = json!({ "content": "c", "evidence_policy": "required" });
    let id = text(&agent.client.post("/v1/tasks", body).await.expect(201), "id");
    let (path, complete) = (format!("/v1/tasks/{id}"), format!("/v1/tasks/{id}/complete"));
    let item = |kind: &str| json!([{ "kind": kind, "ref": "abc", "summary": "s" }]);
    problem(&agent.client.post(&complete, json!({})).await, 422);
    let weak = json!({ "evidence": item("command_output") });
    problem(&agent.client.post(&complete, weak).await, 422);
    problem(&agent.client.patch(&path, json!({ "status": "done" })).await, 422);
    problem(&agent.client.post(&complete, json!({ "evidence": item("rumour") })).await, 422);
    problem(&agent.client.post(&complete, json!({ "evidence": [{ "kind": "pr" }] })).await, 422);
    let six: Vec<Value> = (0..6).map(|_| item("pr")[0].clone()).collect();
    wrong_field(&agent.client.post(&complete, json!({ "evidence": six })).await, "evidence");
    // Evidence comes with a completing status only; lifting the policy is for admins.
    problem(&agent.client.patch(&path, json!({ "evidence": item("pr") })).await, 422);
    problem(&agent.client.patch(&path, json!({ "evidence_policy": null })).await, 403);
    let done =
        agent.client.post(&complete, json!({ "evidence": item("commit") })).await.expect(200);
    assert_eq!(done["completion_evidence"], item("commit"));

    let id = text(
        &agent
            .client
            .post("/v1/tasks", json!({ "content": "c", "evidence_policy": "required" }))
            .await
            .expect(201),
        "id",
    );
    let path = format!("/v1/tasks/{id}");
    let lifted = world.project().patch(&path, json!({ "evidence_policy": null })).await.expect(200);
    assert_eq!(lifted["evidence_policy"], json!(null));
    agent.client.patch(&path, json!({ "status": "done" })).await.expect(200);
}

#[tokio::test]
async fn each_strong_kind_proves_on_its_own_and_any_completing_word_takes_it() {
    let world = World::shared().await;
    let agent = world.agent("prover").await;
    let item = |kind: &str| json!({ "kind": kind, "ref": "abc", "summary": "s" });
    for (kind, is_strong) in [
        ("commit", true),
        ("pr", true),
        ("ci_check", true),
        ("deploy_sha", true),
        ("artifact_url", true),
        ("command_output", false),
    ] {
        let body = json!({ "content": "c", "evidence_policy": "required" });
        let made = agent.client.post("/v1/tasks", body).await.expect(201);
        let (path, given) = (format!("/v1/tasks/{}", text(&made, "id")), json!([item(kind)]));
        for (word, value) in [("status", json!("done")), ("completed", json!(true))] {
            let mut body = json!({ "evidence": given });
            body[word] = value;
            let answer = agent.client.put(&path, body).await;
            if is_strong {
                assert_eq!(answer.expect(200)["completion_evidence"], given, "{kind}");
            } else {
                wrong_field(&answer, "evidence");
            }
            let reopened = agent.client.patch(&path, json!({ "status": "open" })).await;
            assert_eq!(reopened.expect(200)["completion_evidence"], json!(null));
        }
        // A weak one beside a strong one is kept with it.
        let both = json!([item("command_output"), item(kind)]);
        let complete = format!("{path}/complete");
        let answer = agent.client.post(&complete, json!({ "evidence": both })).await;
        match is_strong {
            true => assert_eq!(answer.expect(200)["completion_evidence"], both),
            false => wrong_field(&answer, "evidence"),
        }
    }
    // Without a completing status it is refused, whatever else is asked.
    let path = format!("/v1/tasks/{}", agent.task_id("c").await);
    for body in [
        json!({ "status": "failed" }),
        json!({ "status": "blocked" }),
        json!({ "completed": false }),
        json!({ "priority": 1 }),
    ] {
        let mut body = body;
        body["evidence"] = json!([item("commit")]);
        wrong_field(&agent.client.patch(&path, body).await, "evidence");
    }
    assert_eq!(agent.client.get(&path).await.expect(200)["revision"], 1);
}

#[tokio::test]
async fn completing_ends_the_claim() {
    let world = World::shared().await;
    let agent = world.agent("holder").await;
    let path = format!("/v1/tasks/{}", agent.task_id("c").await);
    agent.client.patch(&path, json!({ "status": "running" })).await.expect(200);
    let done = agent.client.post(&format!("{path}/complete"), json!({})).await.expect(200);
    assert_has(
        &done,
        json!({
            "claimed_by_agent_id": null, "claimed_at": null, "lease_expires_at": null,
            "claim_generation": 1, "session_state": null, "status": "completed",
        }),
    );
}

#[tokio::test]
async fn a_deleted_task_is_gone_and_its_children_stay() {
    let world = World::shared().await;
    let agent = world.agent("deleter").await;
    let id = agent.task_id("parent").await;
    let path = format!("/v1/tasks/{id}");
    let child = agent.client.post(&format!("{path}/delegate"), json!({ "content": "child" })).await;
    let child = text(&child.expect(201), "id");
    let gone = agent.client.delete(&path).await.expect(200);
    assert_eq!(gone, json!({ "ok": true, "deleted": id }));
    problem(&agent.client.delete(&path).await, 404);
    problem(&agent.client.get(&path).await, 404);
    problem(&agent.client.patch(&path, json!({ "priority": 1 })).await, 404);
    for action in ["complete", "uncomplete", "fail", "retry", "cancel"] {
        problem(&agent.client.post(&format!("{path}/{action}"), json!({})).await, 404);
    }
    let child = agent.client.get(&format!("/v1/tasks/{child}")).await.expect(200);
    assert_eq!(child["parent_task_id"], json!(id));
    let chain = format!("/v1/tasks/{}/chain", text(&child, "id"));
    let chain = agent.client.get(&chain).await.expect(200);
    assert_has(&chain, json!({ "root_id": id, "depth": 1 }));
}

#[tokio::test]
async fn cancelling_says_why_and_that_no_execution_was_cancelled() {
    let world = World::shared().await;
    let agent = world.agent("canceller").await;
    let id = agent.task_id("cancelled").await;
    let path = format!("/v1/tasks/{id}/cancel");
    let body = json!({ "reason": "not needed", "metadata": { "m": 1 } });
    let off = agent.client.post(&path, body).await.expect(200);
    assert_has(
        &off,
        json!({ "status": "cancelled", "execution_cancelled": false, "metadata": { "m": 1 } }),
    );
    assert_eq!(off["notes"][0]["text"], "not needed");
}

#[tokio::test]
async fn retries_are_counted_and_end_except_for_admins() {
    let world = World::shared().await;
    let agent = world.agent("retrier").await;
    let body = json!({ "content": "c", "max_retries": 1 });
    let id = text(&agent.client.post("/v1/tasks", body).await.expect(201), "id");
    let (fail, retry) = (format!("/v1/tasks/{id}/fail"), format!("/v1/tasks/{id}/retry"));
    agent.client.post(&fail, json!({})).await.expect(200);
    let open = agent.client.post(&retry, json!({})).await.expect(200);
    assert_has(&open, json!({ "status": "open", "retry_count": 1 }));
    agent.client.post(&fail, json!({})).await.expect(200);
    problem(&agent.client.post(&retry, json!({})).await, 409);
    let by_admin = world.project().post(&retry, json!({})).await.expect(200);
    assert_has(&by_admin, json!({ "status": "open", "retry_count": 2 }));
}
