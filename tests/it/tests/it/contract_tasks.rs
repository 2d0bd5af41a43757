//! Tasks: protocol 1.2 and 2.1, one by one.

use baton_harness::client::send;
use reqwest::Method;
use serde_json::{Value, json};

use crate::world::{World, assert_has, assert_timestamp, fresh, problem, text, with, wrong_field};

/// Every field of protocol 2.1 that a plain answer shows.
const FIELDS: [&str; 76] = [
    "id",
    "content",
    "title",
    "description",
    "status",
    "completed",
    "completed_at",
    "completed_by",
    "completed_by_agent_id",
    "completed_by_agent",
    "priority",
    "labels",
    "tags",
    "due_date",
    "due_time",
    "project_id",
    "project_name",
    "created_by_agent_id",
    "created_by_agent",
    "assigned_to_agent_id",
    "assigned_to_agent",
    "assigned_to",
    "accountable_agent_id",
    "accountable_agent",
    "delegated_by_agent_id",
    "delegated_by_agent",
    "parent_task_id",
    "parent_id",
    "delegated_from_task_id",
    "root_task_id",
    "delegation_depth",
    "claimed_by_agent_id",
    "claimed_at",
    "lease_expires_at",
    "claim_generation",
    "session_state",
    "session_state_detail",
    "handoff_note",
    "handoff_by_agent_id",
    "handoff_by_agent",
    "handoff_state",
    "evidence_policy",
    "completion_evidence",
    "metadata",
    "context",
    "context_version",
    "revision",
    "reopen_count",
    "source_ingress_id",
    "source_recurrence_id",
    "source_automation_id",
    "recurring_type",
    "recurring_interval",
    "recurring_string",
    "is_recurring",
    "reminder_time",
    "reminder_sent",
    "epic_id",
    "workflow_slug",
    "execution_id",
    "depends_on",
    "requirements",
    "estimated_tokens",
    "actual_tokens",
    "llm_calls",
    "tool_invocations",
    "duration_ms",
    "actual_usd",
    "retry_count",
    "max_retries",
    "started_at",
    "result_summary",
    "error_message",
    "notes",
    "created_at",
    "updated_at",
];

#[tokio::test]
async fn a_new_task_has_every_field_and_its_defaults() {
    let world = World::shared().await;
    let agent = world.agent("creator").await;
    let task = agent.task("do it").await;
    let missing: Vec<_> = FIELDS.iter().filter(|field| task.get(**field).is_none()).collect();
    assert_eq!(missing, [&""; 0], "{task}");
    let id = text(&task, "id");
    assert!(id.len() == 32 && id.bytes().all(|b| b"0123456789abcdef".contains(&b)), "{id}");
    assert_has(
        &task,
        json!({
            "content": "do it", "title": "do it", "description": null, "status": "open",
            "completed": false, "completed_at": null, "completed_by": null, "priority": 2,
            "labels": [], "tags": [], "due_date": null, "due_time": null, "project_id": null,
            "created_by_agent_id": agent.id, "assigned_to_agent_id": null,
            "accountable_agent_id": agent.id, "delegated_by_agent_id": null,
            "parent_task_id": null, "parent_id": null, "delegated_from_task_id": null,
        }),
    );
    assert_has(
        &task,
        json!({
            "root_task_id": id, "delegation_depth": 0, "claimed_by_agent_id": null,
            "claim_generation": 0, "evidence_policy": null, "completion_evidence": null,
            "metadata": {}, "context": {}, "context_version": 0, "revision": 1,
            "reopen_count": 0, "is_recurring": false, "reminder_sent": false, "depends_on": [],
            "actual_tokens": 0, "llm_calls": 0, "tool_invocations": 0, "duration_ms": 0,
            "actual_usd": 0, "retry_count": 0, "max_retries": 2, "notes": [],
        }),
    );
    assert_timestamp(&task["created_at"]);
    assert_eq!(task["created_at"], task["updated_at"]);
    let by = json!({
        "id": agent.id, "name": agent.name, "display_name": null, "label": null, "active": true,
    });
    assert_eq!(task["created_by_agent"], by);
    let read = agent.client.get(&format!("/v1/tasks/{id}")).await.expect(200);
    assert_has(&read, task);
    for list in ["subtasks", "comments", "links"] {
        assert_eq!(read[list], json!([]), "{list}");
    }
}

#[tokio::test]
async fn a_task_of_the_project_token_has_no_creating_agent() {
    let world = World::shared().await;
    let made = world.project().post("/v1/tasks", json!({ "content": "x" })).await.expect(201);
    assert_has(&made, json!({ "created_by_agent_id": null, "created_by_agent": null }));
}

#[tokio::test]
async fn every_create_field_is_kept() {
    let world = World::shared().await;
    let agent = world.agent("creator").await;
    let fields = json!({
        "content": "whole", "description": "long", "priority": 1, "labels": ["a", "@b c"],
        "due_date": "2026-03-22", "due_time": "09:30",
        "reminder_time": "2026-03-22T09:00:00.000Z",
        "metadata": { "a": [1, { "b": null }], "ä": "ö" }, "context": { "k": 1.5 },
        "evidence_policy": "required", "workflow_slug": "research", "estimated_tokens": 1000,
        "requirements": { "gpu": true }, "max_retries": 0, "recurring_type": "weekly",
        "recurring_interval": 2, "recurring_string": "every other week", "is_recurring": true,
    });
    let made = agent.client.post("/v1/tasks", fields.clone()).await.expect(201);
    assert_has(&made, fields);
    assert_has(&made, json!({ "tags": ["a", "@b c"], "context_version": 1 }));
}

#[tokio::test]
async fn create_fields_have_other_names_and_forms() {
    let world = World::shared().await;
    let agent = world.agent("creator").await;
    for (sent, member, kept) in [
        (json!({"title": "t"}), "content", json!("t")),
        (json!({"title": "t", "content": "c"}), "content", json!("c")),
        (json!({"content": "c", "tags": ["a"]}), "labels", json!(["a"])),
        (json!({"content": "c", "labels": "a, b"}), "labels", json!(["a", "b"])),
        (json!({"content": "c", "due_time": "09:30:15"}), "due_time", json!("09:30:15")),
        (json!({"content": "c", "recurring_type": "day"}), "recurring_type", json!("daily")),
        (json!({"content": "c", "recurring_type": "year"}), "recurring_type", json!("yearly")),
        (json!({"content": "c", "unknown": {"x": [1]}}), "status", json!("open")),
        (json!({"content": "c", "delegation_depth": 0}), "delegation_depth", json!(0)),
        (json!({"content": "c", "delegation_depth": null}), "delegation_depth", json!(0)),
        (json!({"content": "c", "priority": 5}), "priority", json!(5)),
        (
            json!({"content": "c", "reminder_time": "2026-03-22T10:00:00+01:00"}),
            "reminder_time",
            json!("2026-03-22T09:00:00.000Z"),
        ),
        (json!({"content": "c", "assigned_to": agent.name}), "assigned_to", json!(agent.name)),
        (json!({"content": "c", "assigned_to": agent.id}), "assigned_to", json!(agent.name)),
        (
            json!({"content": "c", "assigned_to_agent_id": agent.name}),
            "assigned_to_agent_id",
            json!(agent.id),
        ),
    ] {
        let made = agent.client.post("/v1/tasks", sent.clone()).await.expect(201);
        assert_eq!(made[member], kept, "{sent}");
    }
}

#[tokio::test]
async fn wrong_create_fields_are_named_all_at_once() {
    let world = World::shared().await;
    let agent = world.agent("creator").await;
    for (field, value) in [
        ("content", json!("")),
        ("content", json!(" \n")),
        ("content", json!(5)),
        ("description", json!(7)),
        ("priority", json!(0)),
        ("priority", json!(6)),
        ("priority", json!("1")),
        ("priority", json!(1.5)),
        ("labels", json!(5)),
        ("labels", json!([1])),
        ("due_date", json!("22.3.2026")),
        ("due_date", json!("2026-02-30")),
        ("due_time", json!("25:00")),
        ("reminder_time", json!("tomorrow")),
        ("metadata", json!([])),
        ("metadata", json!("{}")),
        ("context", json!("{}")),
        ("evidence_policy", json!("optional")),
        ("max_retries", json!(-1)),
        ("max_retries", json!(101)),
        ("recurring_type", json!("hourly")),
        ("is_recurring", json!("true")),
    ] {
        let body = with(json!({ "content": "c" }), json!({ field: value }));
        wrong_field(&agent.client.post("/v1/tasks", body).await, field);
    }
    let answer = agent.client.post("/v1/tasks", json!({ "priority": 9, "labels": 5 })).await;
    for field in ["content", "priority", "labels"] {
        wrong_field(&answer, field);
    }
}

#[tokio::test]
async fn chain_fields_are_refused_with_400() {
    let world = World::shared().await;
    let agent = world.agent("creator").await;
    let (id, other) = (agent.task_id("chain").await, agent.task_id("other").await);
    let (tasks, task) = ("/v1/tasks".to_owned(), format!("/v1/tasks/{id}"));
    let delegate = format!("{task}/delegate");
    for (method, path, field) in [
        (Method::POST, &tasks, json!({ "root_task_id": id })),
        (Method::POST, &tasks, json!({ "root_task_id": null })),
        (Method::POST, &tasks, json!({ "delegation_depth": 1 })),
        (Method::POST, &delegate, json!({ "root_task_id": id })),
        (Method::POST, &delegate, json!({ "delegation_depth": 2 })),
        (Method::PATCH, &task, json!({ "root_task_id": other })),
        (Method::PATCH, &task, json!({ "root_task_id": null })),
        (Method::PATCH, &task, json!({ "delegation_depth": 1 })),
        (Method::PATCH, &task, json!({ "delegation_depth": "0" })),
        (Method::PATCH, &task, json!({ "parent_task_id": id })),
        (Method::PUT, &task, json!({ "parent_task_id": "x" })),
    ] {
        let body = with(json!({ "content": "c" }), field.clone());
        let answer = send(agent.client.request(method.clone(), path).json(&body)).await;
        assert_eq!(problem(&answer, 400)["status"], 400, "{method} {path} {field}");
    }
}

#[tokio::test]
async fn updates_change_what_they_name_by_put_and_by_patch() {
    let world = World::shared().await;
    let (agent, other) = (world.agent("owner").await, world.agent("other").await);
    let fields =
        json!({ "content": "c", "description": "d", "labels": ["l"], "due_date": "2026-01-01" });
    for method in [Method::PUT, Method::PATCH] {
        let made = agent.client.post("/v1/tasks", fields.clone()).await.expect(201);
        let path = format!("/v1/tasks/{}", text(&made, "id"));
        let mut before = made;
        for (change, shown) in [
            (json!({"title": "new"}), json!({"content": "new", "title": "new"})),
            (json!({"description": null}), json!({"description": null})),
            (json!({"tags": "x,y"}), json!({"labels": ["x", "y"], "tags": ["x", "y"]})),
            (json!({"due_date": null}), json!({"due_date": null})),
            (json!({"priority": 1}), json!({"priority": 1})),
            (json!({"assigned_to": other.name}), json!({"assigned_to_agent_id": other.id})),
            (json!({"assigned_to_agent_id": null}), json!({"assigned_to": null})),
            (json!({"execution_id": "e"}), json!({"execution_id": "e"})),
            (json!({"result_summary": "r"}), json!({"result_summary": "r"})),
            (json!({"error_message": "m"}), json!({"error_message": "m"})),
            (json!({"workflow_slug": "w"}), json!({"workflow_slug": "w"})),
            (json!({"actual_tokens": 7, "llm_calls": 7}), json!({"actual_tokens": 0})),
        ] {
            let request = agent.client.request(method.clone(), &path).json(&change);
            let after = send(request).await.expect(200);
            assert_has(&after, shown);
            let step = i64::from(change.get("actual_tokens").is_none());
            let revision = before["revision"].as_i64().expect("a number") + step;
            assert_eq!(after["revision"], json!(revision), "{change}");
            before = after;
        }
        // An assignment by update is no hop.
        let chain = agent.client.get(&format!("{path}/chain")).await.expect(200);
        assert_eq!(chain["chain"][0]["kind"], "create", "{chain}");
    }
}

#[tokio::test]
async fn notes_are_appended_and_say_who_wrote_them() {
    let world = World::shared().await;
    let agent = world.agent("author").await;
    let id = agent.task_id("noted").await;
    let path = format!("/v1/tasks/{id}");
    agent.client.patch(&path, json!({ "notes": "one" })).await.expect(200);
    let task = world.project().patch(&path, json!({ "notes": ["two", "three"] })).await.expect(200);
    let notes = task["notes"].as_array().expect("notes");
    let texts: Vec<&Value> = notes.iter().map(|note| &note["text"]).collect();
    assert_eq!(texts, ["one", "two", "three"]);
    let authors: Vec<&Value> = notes.iter().map(|note| &note["author"]).collect();
    assert_eq!(authors, [&json!(agent.name), &json!(null), &json!(null)]);
    notes.iter().for_each(|note| assert_timestamp(&note["at"]));
}

#[tokio::test]
async fn metadata_merges_at_the_top_and_context_deeply() {
    let world = World::shared().await;
    let agent = world.agent("merger").await;
    let start = json!({ "o": { "a": 1, "b": [1] }, "k": "x" });
    let body = json!({ "content": "c", "metadata": start, "context": start });
    let made = agent.client.post("/v1/tasks", body).await.expect(201);
    assert_eq!(made["context_version"], 1);
    let path = format!("/v1/tasks/{}", text(&made, "id"));
    let patch = json!({ "o": { "b": [2], "c": null }, "n": null });
    let merged =
        agent.client.patch(&path, json!({ "metadata": patch, "context": patch })).await.expect(200);
    assert_eq!(merged["metadata"], json!({ "o": { "b": [2], "c": null }, "k": "x", "n": null }));
    let deep = json!({ "o": { "a": 1, "b": [2], "c": null }, "k": "x", "n": null });
    assert_eq!(merged["context"], deep);
    assert_eq!(merged["context_version"], 2);
    // A write that carries no key is no write.
    let same = agent.client.put(&path, json!({ "context": {} })).await.expect(200);
    assert_eq!(same["context_version"], 2);
    assert_eq!(same["revision"], merged["revision"]);
}

#[tokio::test]
async fn a_whole_record_sent_back_changes_nothing() {
    let world = World::shared().await;
    let (creator, worker) = (world.agent("creator").await, world.agent("worker").await);
    let body = json!({
        "content": "c", "assigned_to": worker.name, "labels": ["a"], "evidence_policy": "required",
        "metadata": { "a": 1 }, "context": { "b": 2 }, "due_date": "2026-01-01",
    });
    let made = creator.client.post("/v1/tasks", body).await.expect(201);
    let path = format!("/v1/tasks/{}", text(&made, "id"));
    let mut record = made.clone();
    for field in CHAIN_FIELDS {
        record.as_object_mut().expect("an object").remove(field);
    }
    let after = worker.client.put(&path, record).await.expect(200);
    assert_eq!(after["revision"], made["revision"]);
    assert_eq!(after["updated_at"], made["updated_at"]);
}

/// No update may name them, not even with the value they have.
const CHAIN_FIELDS: [&str; 3] = ["root_task_id", "delegation_depth", "parent_task_id"];

#[tokio::test]
async fn a_record_of_any_status_sent_back_by_anybody_who_writes_changes_nothing() {
    let world = World::shared().await;
    let (creator, worker) = (world.agent("creator").await, world.agent("worker").await);
    let done = creator.task_id("done").await;
    for status in ["open", "blocked", "running", "done", "failed", "cancelled"] {
        let body = json!({
            "content": "c", "assigned_to": worker.name, "evidence_policy": "required",
            "depends_on": [done], "due_time": "09:30", "max_retries": 1,
        });
        let made = creator.client.post("/v1/tasks", body).await.expect(201);
        let path = format!("/v1/tasks/{}", text(&made, "id"));
        creator.client.patch(&path, json!({ "notes": ["one", "two"] })).await.expect(200);
        if status != "blocked" {
            let nothing = json!({ "depends_on": [] });
            creator.client.patch(&path, nothing).await.expect(200);
            let evidence = json!([{ "kind": "pr", "ref": "1" }]);
            let given = if status == "done" { json!({ "evidence": evidence }) } else { json!({}) };
            let change = with(given, json!({ "status": status }));
            worker.client.patch(&path, change).await.expect(200);
        }
        let mut record = creator.client.get(&path).await.expect(200);
        let before = record.clone();
        for field in CHAIN_FIELDS {
            record.as_object_mut().expect("an object").remove(field);
        }
        for client in [&creator.client, &worker.client, &world.project()] {
            let after = client.put(&path, record.clone()).await.expect(200);
            for member in ["revision", "updated_at", "status", "notes", "depends_on"] {
                assert_eq!(after[member], before[member], "{member} of one that is {status}");
            }
        }
        // By itself each value it has already is no news either.
        for (name, value) in record.as_object().expect("an object") {
            if name == "status" || name == "completed" {
                continue;
            }
            let body = json!({ name: value });
            let after = worker.client.patch(&path, body).await.expect(200);
            assert_eq!(after["revision"], before["revision"], "{name} of one that is {status}");
        }
    }
}

#[tokio::test]
async fn of_two_names_of_a_field_the_first_wins_and_an_update_needs_no_right_for_old_values() {
    let world = World::shared().await;
    let (agent, other) = (world.agent("owner").await, world.agent("other").await);
    let path = format!("/v1/tasks/{}", agent.task_id("named").await);
    for (change, shown) in [
        (json!({"content": "c", "title": "t"}), json!({"content": "c", "title": "c"})),
        (json!({"labels": ["a"], "tags": ["b"]}), json!({"labels": ["a"], "tags": ["a"]})),
        (json!({"labels": "x, ,y,"}), json!({"labels": ["x", "y"]})),
        (json!({"tags": "z"}), json!({"labels": ["z"]})),
        (json!({"labels": null}), json!({"labels": []})),
        (
            json!({"assigned_to_agent_id": other.name, "assigned_to": agent.name}),
            json!({"assigned_to_agent_id": other.id, "assigned_to": other.name}),
        ),
        (json!({"project_id": null, "epic_id": null}), json!({"project_id": null})),
        (json!({"evidence_policy": null}), json!({"evidence_policy": null})),
        (json!({"evidence_policy": "required"}), json!({"evidence_policy": "required"})),
        (json!({"evidence_policy": "required"}), json!({"evidence_policy": "required"})),
    ] {
        assert_has(&agent.client.patch(&path, change).await.expect(200), shown);
    }
    problem(&agent.client.patch(&path, json!({"evidence_policy": null})).await, 403);
    problem(&agent.client.patch(&path, json!({"project_id": "p"})).await, 403);
    problem(&world.project().patch(&path, json!({"project_id": "p"})).await, 404);
    problem(&agent.client.patch(&path, json!({"epic_id": "e"})).await, 404);
    problem(&agent.client.patch(&path, json!({"assigned_to": fresh("x")})).await, 404);
    // An agent that has gone may stay the assignee, and become none anew.
    let gone = world.agent("gone").await;
    agent.client.patch(&path, json!({"assigned_to": gone.name})).await.expect(200);
    let off = json!({"active": false});
    world.project().patch(&format!("/v1/agents/{}", gone.id), off).await.expect(200);
    agent.client.patch(&path, json!({"assigned_to": gone.name, "priority": 1})).await.expect(200);
    agent.client.patch(&path, json!({"assigned_to": null})).await.expect(200);
    let again = agent.client.patch(&path, json!({"assigned_to": gone.name})).await;
    wrong_field(&again, "assigned_to_agent_id");
}

#[tokio::test]
async fn every_address_of_a_task_may_end_in_a_slash() {
    let world = World::shared().await;
    let agent = world.agent("slash").await;
    let id = agent.task_id("slash").await;
    for (method, action, body) in [
        (Method::GET, "", json!({})),
        (Method::PATCH, "", json!({ "priority": 3 })),
        (Method::PUT, "", json!({ "priority": 4 })),
        (Method::GET, "chain/", json!({})),
        (Method::GET, "children/", json!({})),
        (Method::POST, "delegate/", json!({ "agent_id": agent.id })),
        (Method::POST, "fail/", json!({})),
        (Method::POST, "retry/", json!({})),
        (Method::POST, "complete/", json!({})),
        (Method::POST, "uncomplete/", json!({})),
        (Method::POST, "cancel/", json!({})),
        (Method::DELETE, "", json!({})),
    ] {
        let path = format!("/api/tasks/{id}/{action}");
        let answer = send(agent.client.request(method.clone(), &path).json(&body)).await;
        assert_eq!(answer.status, 200, "{method} {path}: {}", answer.text);
    }
}

#[tokio::test]
async fn fences_refuse_what_was_decided_on_an_old_state() {
    let world = World::shared().await;
    let agent = world.agent("fenced").await;
    let id = agent.task_id("fenced").await;
    let path = format!("/v1/tasks/{id}");
    let client = &agent.client;
    client.patch(&path, json!({ "priority": 1, "expected_revision": 1 })).await.expect(200);
    problem(&client.patch(&path, json!({ "priority": 3, "expected_revision": 1 })).await, 409);
    problem(&client.put(&path, json!({ "priority": 3, "claim_generation": 4 })).await, 409);
    let complete = format!("{path}/complete");
    problem(&client.post(&complete, json!({ "expected_revision": 1 })).await, 409);
    problem(&client.post(&complete, json!({ "claim_generation": 1 })).await, 409);
    // A fence holds for a change that is none, and null is no fence.
    problem(&client.patch(&path, json!({ "priority": 1, "expected_revision": 1 })).await, 409);
    let none = json!({ "priority": 1, "expected_revision": null, "claim_generation": null });
    assert_eq!(client.patch(&path, none).await.expect(200)["revision"], 2);
    for fence in [json!(-1), json!("2"), json!(1.5)] {
        let body = json!({ "expected_revision": fence });
        wrong_field(&client.put(&path, body).await, "expected_revision");
    }
    let done =
        client.post(&complete, json!({ "expected_revision": 2, "claim_generation": 0 })).await;
    assert_eq!(done.expect(200)["status"], "completed");
}

#[tokio::test]
async fn unknown_references_in_a_body_are_404_and_name_what_is_missing() {
    let world = World::shared().await;
    let agent = world.agent("referrer").await;
    let unknown = fresh("unknown");
    for (body, missing) in [
        (json!({ "assigned_to": unknown }), "Agent not found"),
        (json!({ "assigned_to_agent_id": 12 }), "Agent not found"),
        (json!({ "epic_id": unknown }), "Epic not found"),
    ] {
        let body = with(json!({ "content": "c" }), body);
        let answer = agent.client.post("/v1/tasks", body).await;
        assert_eq!(problem(&answer, 404)["error"], missing);
    }
    let body = json!({ "content": "c", "parent_task_id": "0".repeat(32) });
    problem(&agent.client.post("/v1/tasks", body).await, 404);
    let body = json!({ "content": "c", "project_id": unknown });
    problem(&agent.client.post("/v1/tasks", body.clone()).await, 403);
    let answer = world.project().post("/v1/tasks", body).await;
    assert_eq!(problem(&answer, 404)["error"], "Project not found");
}
