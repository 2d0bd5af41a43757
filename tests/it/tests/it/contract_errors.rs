//! Every error is `application/problem+json` with `error` beside `detail` (protocol 0.1, 0.9).

use baton_harness::client::{Answer, Client, Credential, send};
use reqwest::Method;
use serde_json::{Value, json};

use crate::poison::ByHand;
use crate::world::{Agent, World, assert_has, fresh, problem, text, with, wrong_field};

async fn raw(client: &Client, path: &str, body: impl Into<reqwest::Body>) -> u16 {
    let request = client.request(Method::POST, path).body(body);
    let answer = send(request.header("Content-Type", "application/json")).await;
    if answer.status >= 400 {
        problem(&answer, answer.status);
    }
    answer.status
}

#[tokio::test]
async fn a_missing_or_wrong_credential_is_401_and_asks_for_a_bearer() {
    let world = World::shared().await;
    let agent = world.agent("auth").await;
    let key = agent.client.secret().to_owned();
    let wrong = format!("dlg_{}", "A".repeat(43));
    for credential in [
        Credential::None,
        Credential::Bearer("no-such-token-of-anybody".to_owned()),
        Credential::Bearer(wrong.clone()),
        Credential::AgentKey(wrong.clone()),
        Credential::AgentKey(String::new()),
        Credential::AgentKey(world.project().secret().to_owned()),
        Credential::AgentKey(key.to_uppercase()),
    ] {
        for path in ["/v1/tasks", "/api/agents", "/v1/agent/me", "/v1/tasks/x", "/v1/webhooks"] {
            let answer = world.nobody().with(credential.clone()).get(path).await;
            problem(&answer, 401);
            assert_eq!(answer.header("WWW-Authenticate"), "Bearer");
        }
    }
    // Both headers present: `X-Agent-Key` decides.
    let both = world.project().request(Method::GET, "/v1/tasks").header("X-Agent-Key", &wrong);
    problem(&send(both).await, 401);
    let both = agent.client.request(Method::GET, "/v1/agent/me").bearer_auth("wrong");
    assert_eq!(send(both).await.expect(200)["name"], json!(agent.name));
}

#[tokio::test]
async fn what_is_not_there_is_404_in_whatever_form_it_is_asked_for() {
    let world = World::shared().await;
    let agent = world.agent("lost").await;
    for path in [
        "/v1/tasks/unknown",
        "/v1/tasks/891",
        "/v1/tasks/%20",
        "/v1/tasks/%FF",
        "/v1/tasks/a%2Fb",
        "/v1/tasks/a%00b",
        "/v1/tasks/x/chain",
        "/v1/nothing",
        "/v2/tasks",
        "/tasks",
        "/v1",
        "/",
    ] {
        problem(&agent.client.get(path).await, 404);
    }
    for path in ["/v1/signup", "/v1/verify", "/v1/integrations/github/connect"] {
        problem(&agent.client.post(path, json!({})).await, 404);
    }
    let body = json!({ "status": "done" });
    problem(&agent.client.patch(&format!("/v1/tasks/{}", "0".repeat(32)), body).await, 404);
    let answer = agent.client.get("/v1/tasks/unknown").await;
    assert_eq!(problem(&answer, 404)["instance"], "/v1/tasks/unknown");
}

#[tokio::test]
async fn bodies_that_are_no_json_are_400_and_no_object_422() {
    let world = World::shared().await;
    let agent = world.agent("body").await;
    let id = agent.task_id("body").await;
    for path in ["/v1/tasks".to_owned(), format!("/v1/tasks/{id}/delegate")] {
        for (body, status) in [
            (&b"{"[..], 400),
            (b"{\"content\":}", 400),
            (b"content=x", 400),
            (b"{\"content\":\"a\"} x", 400),
            (b"\xff\xfe", 400),
            (b"[]", 422),
            (b"\"text\"", 422),
            (b"null", 422),
            (b"{}", 422),
            (b"", 422),
        ] {
            let got = raw(&agent.client, &path, body).await;
            assert_eq!(got, status, "{path} {}", String::from_utf8_lossy(body));
        }
    }
    // Where no field is required an empty body is valid, with the header and without.
    let path = format!("/v1/tasks/{id}/complete");
    assert_eq!(raw(&agent.client, &path, "").await, 200);
    assert_eq!(send(agent.client.request(Method::POST, &path)).await.status, 200);
}

#[tokio::test]
async fn nul_characters_are_422_wherever_they_stand() {
    let world = World::shared().await;
    let agent = world.agent("nul").await;
    for body in [
        r#"{"content": "a\u0000b"}"#,
        r#"{"content": "a", "metadata": {"k": ["\u0000"]}}"#,
        r#"{"content": "a", "context": {"\u0000": 1}}"#,
        r#"{"content": "a", "unknown": "\u0000"}"#,
    ] {
        assert_eq!(raw(&agent.client, "/v1/tasks", body).await, 422, "{body}");
    }
}

#[tokio::test]
async fn a_body_over_the_limit_is_413() {
    let world = World::shared().await;
    let agent = world.agent("large").await;
    let body = |bytes: usize| {
        let frame = r#"{"content": "a", "unknown": ""}"#.len();
        format!(r#"{{"content": "a", "unknown": "{}"}}"#, "x".repeat(bytes - frame))
    };
    assert_eq!(raw(&agent.client, "/v1/tasks", body(1_048_576)).await, 201);
    assert_eq!(raw(&agent.client, "/v1/tasks", body(1_048_577)).await, 413);
}

/// The status and the `type`'s last part of every row, as clients tell them apart.
#[track_caller]
fn kind(answer: &Answer, status: u16, slug: &str, title: &str) -> Value {
    let body = problem(answer, status);
    assert_eq!(body["type"], format!("/docs/problems#{slug}"), "{body}");
    assert_eq!(body["title"], title, "{body}");
    let detail = text(body, "detail");
    assert!((10..=300).contains(&detail.chars().count()), "{detail}");
    for inner in ["::", "sql", "panicked", "Error(", "None", "baton_"] {
        assert!(!detail.contains(inner), "{inner} in {detail}");
    }
    body.clone()
}

#[tokio::test]
async fn keys_that_are_no_longer_good_are_401_like_any_other() {
    let world = World::shared().await;
    let admin = world.project();
    let rotated = world.agent("rotated").await;
    let inactive = world.agent("inactive").await;
    let deleted = world.agent("deleted").await;
    admin.post(&format!("/v1/agents/{}/rotate-key", rotated.id), json!({})).await.expect(200);
    let path = format!("/v1/agents/{}", inactive.id);
    admin.patch(&path, json!({ "active": false })).await.expect(200);
    admin.delete(&format!("/v1/agents/{}", deleted.id)).await.expect(200);
    let mut told = Vec::new();
    for agent in [&rotated, &inactive, &deleted] {
        let as_bearer = agent.client.with(Credential::Bearer(agent.client.secret().to_owned()));
        for client in [&agent.client, &as_bearer] {
            for answer in [
                client.get("/v1/agent/me").await,
                client.post("/v1/tasks", json!({ "content": "c" })).await,
                client.delete("/v1/tasks/x").await,
            ] {
                let body = kind(&answer, 401, "unauthorized", "No valid credential");
                assert_eq!(answer.header("WWW-Authenticate"), "Bearer");
                told.push(text(&body, "detail"));
            }
        }
    }
    told.push(text(&world.nobody().get("/v1/tasks").await.body, "detail"));
    // Whoever guesses is not told why a credential is not good.
    told.dedup();
    assert_eq!(told.len(), 1, "{told:?}");
}

#[tokio::test]
async fn who_lacks_a_right_is_told_which_with_403() {
    let world = World::shared().await;
    let (agent, other) = (world.agent("worker").await, world.agent("other").await);
    let own = format!("/v1/agents/{}", agent.id);
    let others = format!("/v1/agents/{}", other.id);
    let client = &agent.client;
    let task = json!({ "content": "c", "project_id": "p" });
    let policy = json!({ "content": "c", "evidence_policy": "required" });
    let policy = client.post("/v1/tasks", policy).await.expect(201);
    let policy = format!("/v1/tasks/{}", text(&policy, "id"));
    let auditor = world.agent_with("auditor", json!({ "role": "auditor" })).await;
    for (answer, names) in [
        (client.get("/v1/agents").await, "agents"),
        (client.post("/v1/agents", json!({ "name": fresh("x") })).await, "admin"),
        (client.patch(&own, json!({ "role": "admin" })).await, "role"),
        (client.patch(&own, json!({ "permissions": ["tasks.read_all"] })).await, "permissions"),
        (client.patch(&own, json!({ "is_admin": true })).await, "role"),
        (client.patch(&own, json!({ "active": false })).await, "active"),
        (client.patch(&own, json!({ "name": fresh("x") })).await, "name"),
        (client.patch(&others, json!({ "label": "x" })).await, "admin"),
        (client.delete(&others).await, "admin"),
        (client.post(&format!("{others}/rotate-key"), json!({})).await, "admin"),
        (client.get(&others).await, "agent"),
        (client.get("/v1/webhooks").await, "webhooks"),
        (client.post("/v1/webhooks", json!({ "url": "https://x.example" })).await, "webhooks"),
        (client.post("/v1/tasks", task).await, "project"),
        (client.get("/v1/tasks?project_id=p").await, "project"),
        (client.patch(&policy, json!({ "evidence_policy": null })).await, "evidence policy"),
        (client.get("/v1/events").await, "event"),
        (auditor.client.post("/v1/tasks", json!({ "content": "c" })).await, "read"),
    ] {
        let body = kind(&answer, 403, "forbidden", "Not allowed");
        let detail = text(&body, "detail");
        assert!(detail.contains(names), "{names} is not in {detail:?}");
    }
    assert_has(
        &world.project().get(&own).await.expect(200),
        json!({ "role": "worker", "active": true, "permissions": [], "name": agent.name }),
    );
}

#[tokio::test]
async fn who_may_read_a_task_and_not_write_it_is_sent_to_claim_it() {
    let world = World::shared().await;
    let owner = world.agent("owner").await;
    let reader = world.agent_with("reader", json!({ "role": "coordinator" })).await;
    let task = format!("/v1/tasks/{}", owner.task_id("c").await);
    let client = &reader.client;
    let before = client.get(&task).await.expect(200);
    let mut answers = vec![
        client.patch(&task, json!({ "priority": 1 })).await,
        client.put(&task, json!({ "status": "running" })).await,
        client.delete(&task).await,
        client.post(&format!("{task}/delegate"), json!({ "agent_id": reader.name })).await,
        client.post(&format!("{task}/delegate"), json!({ "content": "child" })).await,
    ];
    for action in ["complete", "uncomplete", "fail", "retry", "cancel"] {
        answers.push(client.post(&format!("{task}/{action}"), json!({})).await);
    }
    let body = json!({ "content": "c", "parent_task_id": before["id"] });
    answers.push(client.post("/v1/tasks", body).await);
    for answer in &answers {
        let body = kind(answer, 403, "forbidden", "Not allowed");
        assert!(text(&body, "error").contains("/tasks/:id/claim"), "{body}");
    }
    assert_eq!(client.get(&task).await.expect(200), before);
}

#[tokio::test]
async fn what_may_not_be_read_is_as_if_it_were_not_there() {
    let world = World::shared().await;
    let (owner, stranger) = (world.agent("owner").await, world.agent("stranger").await);
    let task = owner.task_id("c").await;
    let unknown = "0".repeat(32);
    let mut seen = Vec::new();
    for id in [&task, &unknown] {
        let path = format!("/v1/tasks/{id}");
        let client = &stranger.client;
        let mut answers = vec![
            client.get(&path).await,
            client.patch(&path, json!({ "priority": 1 })).await,
            client.delete(&path).await,
            client.post(&format!("{path}/delegate"), json!({ "agent_id": "x" })).await,
            client.post("/v1/tasks", json!({ "content": "c", "parent_task_id": id })).await,
            client.post("/v1/tasks", json!({ "content": "c", "depends_on": [id] })).await,
        ];
        for read in ["chain", "children", "events", "wait"] {
            answers.push(client.get(&format!("{path}/{read}")).await);
        }
        for action in ["complete", "uncomplete", "fail", "retry", "cancel"] {
            answers.push(client.post(&format!("{path}/{action}"), json!({})).await);
        }
        let told = answers.iter().map(|it| {
            let body = kind(it, 404, "not-found", "Not found");
            text(&body, "detail").replace(id.as_str(), "ID")
        });
        seen.push(told.collect::<Vec<_>>());
    }
    assert_eq!(seen[0], seen[1]);
    assert_eq!(owner.client.get(&format!("/v1/tasks/{task}")).await.expect(200)["revision"], 1);
}

/// A task of the agent's in which these things were done to it.
async fn task_after(agent: &Agent, actions: &[&str]) -> String {
    let path = format!("/v1/tasks/{}", agent.task_id("c").await);
    for action in actions {
        agent.client.post(&format!("{path}/{action}"), json!({})).await.expect(200);
    }
    path
}

#[tokio::test]
async fn what_the_state_does_not_allow_is_409_and_says_why() {
    let world = World::shared().await;
    let (agent, other) = (world.agent("conflict").await, world.agent("other").await);
    let admin = world.project();
    let client = &agent.client;
    let boss = world.agent_with("boss", json!({ "role": "admin" })).await;
    let assigned = json!({ "content": "c", "assigned_to": other.name });
    client.post("/v1/tasks", assigned).await.expect(201);
    let done = task_after(&agent, &["complete"]).await;
    let cancelled = task_after(&agent, &["cancel"]).await;
    let open = task_after(&agent, &[]).await;
    let own = |agent: &Agent| format!("/v1/agents/{}", agent.id);
    for (answer, says) in [
        (admin.post("/v1/agents", json!({ "name": agent.name })).await, "exists already"),
        (admin.patch(&own(&other), json!({ "name": agent.name })).await, "exists already"),
        (boss.client.delete(&own(&boss)).await, "cannot delete itself"),
        (admin.delete(&own(&other)).await, "1 unfinished task"),
        (client.post(&format!("{done}/fail"), json!({})).await, "completed"),
        (client.post(&format!("{done}/cancel"), json!({})).await, "completed"),
        (client.patch(&done, json!({ "status": "running" })).await, "completed"),
        (client.post(&format!("{cancelled}/complete"), json!({})).await, "cancelled"),
        (client.post(&format!("{cancelled}/retry"), json!({})).await, "cancelled"),
        (client.patch(&open, json!({ "status": "delegated" })).await, "delegated"),
        (client.patch(&open, json!({ "expected_revision": 9, "priority": 1 })).await, "9"),
        (client.post(&format!("{open}/fail"), json!({ "claim_generation": 7 })).await, "7"),
    ] {
        let body = kind(&answer, 409, "conflict", "Conflict");
        let detail = text(&body, "detail");
        assert!(detail.contains(says), "{says} is not in {detail:?}");
        assert_eq!(body.get("errors"), None, "no field is wrong: {body}");
    }
    assert_has(&client.get(&open).await.expect(200), json!({ "status": "open", "revision": 1 }));
    assert_has(&client.get(&done).await.expect(200), json!({ "status": "completed" }));
}

#[tokio::test]
async fn a_task_that_another_holds_says_who_and_until_when() {
    let world = World::shared().await;
    let (owner, holder) = (world.agent("owner").await, world.agent("holder").await);
    let body = json!({ "content": "c", "labels": [format!("@{}", holder.name)] });
    let made = owner.client.post("/v1/tasks", body).await.expect(201);
    let path = format!("/v1/tasks/{}", text(&made, "id"));
    holder.client.patch(&path, json!({ "status": "running" })).await.expect(200);
    let answer = owner.client.patch(&path, json!({ "status": "running" })).await;
    let body = kind(&answer, 409, "conflict", "Conflict");
    assert_has(&body, json!({ "claimed_by_agent_id": holder.id, "lease_expires_at": null }));
    let task = owner.client.get(&path).await.expect(200);
    assert_eq!(task["claimed_by_agent_id"], json!(holder.id));
}

#[tokio::test]
async fn what_the_protocol_forbids_is_400_and_nothing_of_it_is_done() {
    let world = World::shared().await;
    let agent = world.agent("forbidden").await;
    let admin = world.project();
    let client = &agent.client;
    let task = format!("/v1/tasks/{}", agent.task_id("c").await);
    let delegate = format!("{task}/delegate");
    let hook = json!({ "url": "https://hooks.example/a", "active": false });
    let hook = admin.post("/v1/webhooks", hook).await.expect(201);
    let hook = format!("/v1/webhooks/{}", text(&hook, "id"));
    let child = |fields: Value| with(json!({ "content": "c", "priority": 4 }), fields);
    let handover = |fields: Value| with(json!({ "agent_id": agent.name }), fields);
    let long = "s".repeat(257);
    for (answer, names) in [
        (client.post("/v1/tasks", child(json!({ "root_task_id": null }))).await, "root_task_id"),
        (
            client.post("/v1/tasks", child(json!({ "delegation_depth": 1 }))).await,
            "delegation_depth",
        ),
        (
            client.post("/v1/tasks", child(json!({ "delegation_depth": "0" }))).await,
            "delegation_depth",
        ),
        (client.post(&delegate, child(json!({ "root_task_id": "x" }))).await, "root_task_id"),
        (
            client.post(&delegate, handover(json!({ "delegation_depth": 2 }))).await,
            "delegation_depth",
        ),
        (client.patch(&task, child(json!({ "parent_task_id": "x" }))).await, "parent_task_id"),
        (client.put(&task, child(json!({ "delegation_depth": 1 }))).await, "delegation_depth"),
        (client.put(&task, child(json!({ "root_task_id": "x" }))).await, "root_task_id"),
        (admin.patch(&hook, json!({ "events": ["task.exploded"] })).await, "task.exploded"),
        (admin.patch(&hook, json!({ "url": "no url" })).await, "URL is not valid"),
        (admin.patch(&hook, json!({ "url": "ftp://hooks.example/a" })).await, "http"),
        (admin.post("/v1/webhooks", json!({ "url": "" })).await, "url"),
        (admin.patch(&hook, json!({ "secret": long, "events": ["task.failed"] })).await, "256"),
    ] {
        let blank = answer.status == 422 && names == "url";
        if blank {
            wrong_field(&answer, "url");
            continue;
        }
        let body = kind(&answer, 400, "bad-request", "Bad request");
        let detail = text(&body, "detail");
        assert!(detail.contains(names), "{names} is not in {detail:?}");
    }
    let shown = json!({ "priority": 2, "revision": 1, "status": "open" });
    assert_has(&client.get(&task).await.expect(200), shown);
    assert_has(&admin.get(&hook).await.expect(200), json!({ "events": ["*"] }));
    // What is allowed of them passes.
    for fields in [json!({ "delegation_depth": 0 }), json!({ "delegation_depth": null })] {
        client.post("/v1/tasks", child(fields)).await.expect(201);
    }
    client.post(&delegate, child(json!({ "parent_task_id": "ignored" }))).await.expect(201);
}

/// Asserts that the body is refused for this field, with words that say what would be right.
async fn assert_named(
    client: &Client,
    (method, path): (&str, &str),
    body: Value,
    field: &str,
    message: &str,
) {
    let method: Method = method.parse().expect("a method");
    let answer = send(client.request(method, path).json(&body)).await;
    let shown = kind(&answer, 422, "invalid-fields", "Invalid fields");
    let errors = shown["errors"].as_array().expect("errors");
    let error = errors.iter().find(|it| text(it, "field").starts_with(field));
    let error = error.unwrap_or_else(|| panic!("{field} is not named in {shown}"));
    assert!(text(error, "message").contains(message), "{body}: {error}");
    assert!(text(&shown, "detail").contains(field), "{shown}");
}

#[tokio::test]
async fn fields_of_tasks_that_are_missing_blank_or_unknown_are_named_with_the_mend() {
    let world = World::shared().await;
    let agent = world.agent("fields").await;
    let admin = world.project();
    let task = format!("/v1/tasks/{}", agent.task_id("c").await);
    let proof = json!({ "content": "c", "evidence_policy": "required" });
    let proof = agent.client.post("/v1/tasks", proof).await.expect(201);
    let proof = format!("/v1/tasks/{}", text(&proof, "id"));
    let weak = json!({ "evidence": [{ "kind": "command_output", "ref": "ok" }] });
    let inactive = world.agent("inactive").await;
    let off = json!({ "active": false });
    admin.patch(&format!("/v1/agents/{}", inactive.id), off).await.expect(200);
    let to_inactive = json!({ "content": "c", "assigned_to": inactive.name });
    for (method, path, body, field, message) in [
        ("POST", "/v1/tasks", json!({}), "content", "is required"),
        ("POST", "/v1/tasks", json!({ "content": null }), "content", "is required"),
        ("POST", "/v1/tasks", json!({ "content": " " }), "content", "must not be blank"),
        ("POST", "/v1/tasks", json!({ "title": "" }), "title", "must not be blank"),
        ("PATCH", &task, json!({ "content": null }), "content", "must not be null"),
        ("PATCH", &task, json!({ "priority": 0 }), "priority", "must be an integer from 1 to 5"),
        ("PATCH", &task, json!({ "status": "asleep" }), "status", "must be one of open, blocked"),
        ("PATCH", &task, json!({ "due_date": "2026-02-30" }), "due_date", "must be a real date"),
        ("PATCH", &task, json!({ "due_date": "soon" }), "due_date", "YYYY-MM-DD"),
        ("PATCH", &task, json!({ "due_time": "25:00" }), "due_time", "HH:MM"),
        ("PATCH", &task, json!({ "reminder_time": "10:00" }), "reminder_time", "RFC 3339"),
        ("PATCH", &task, json!({ "evidence_policy": "x" }), "evidence_policy", "required"),
        ("PATCH", &task, json!({ "recurring_type": "x" }), "recurring_type", "daily"),
        ("PATCH", &task, json!({ "labels": [1] }), "labels[0]", "must be a string"),
        ("PATCH", &task, json!({ "depends_on": [{}] }), "depends_on[0]", "whole number"),
        ("PATCH", &task, json!({ "evidence": [] , "priority": 1 }), "evidence", "completing"),
        ("POST", &format!("{task}/delegate"), json!({}), "agent_id", "is required"),
        ("POST", &format!("{proof}/complete"), json!({}), "evidence", "at least one item"),
        ("POST", &format!("{proof}/complete"), weak, "evidence", "at least one item"),
        ("PATCH", &proof, json!({ "status": "done" }), "evidence", "at least one item"),
        ("POST", "/v1/tasks", to_inactive, "assigned_to", "inactive"),
        ("POST", "/v1/tasks/batch-delete", json!({}), "task_ids", "is required"),
        ("POST", "/v1/tasks/batch-delete", json!({ "task_ids": [] }), "task_ids", "at least 1"),
    ] {
        assert_named(&agent.client, (method, path), body, field, message).await;
    }
    for path in [&task, &proof] {
        assert_eq!(agent.client.get(path).await.expect(200)["revision"], 1);
    }
}

#[tokio::test]
async fn fields_of_agents_and_webhooks_are_named_with_the_mend() {
    let world = World::shared().await;
    let agent = world.agent("fields").await;
    let hooks = "/v1/webhooks".to_owned();
    for (method, path, body, field, message) in [
        ("POST", "/v1/agents", json!({}), "name", "is required"),
        ("POST", "/v1/agents", json!({ "name": "a/b" }), "name", "must not contain /"),
        ("POST", "/v1/agents", json!({ "name": agent.id }), "name", "form of an id"),
        ("POST", "/v1/agents", json!({ "name": "x", "role": "king" }), "role", "worker"),
        (
            "POST",
            "/v1/agents",
            json!({ "name": "x", "role": "worker", "permissions": ["p"] }),
            "permissions",
            "together with role",
        ),
        ("POST", &hooks, json!({}), "url", "is required"),
        (
            "POST",
            &hooks,
            json!({ "url": "https://a.example", "ordering": "x" }),
            "ordering",
            "strict",
        ),
        (
            "POST",
            &hooks,
            json!({ "url": "https://a.example", "signature_scheme": "x" }),
            "signature_scheme",
            "timestamped",
        ),
    ] {
        assert_named(&world.project(), (method, path), body, field, message).await;
    }
}

#[tokio::test]
async fn a_fault_of_the_server_is_500_and_says_nothing_of_the_inside() {
    let world = World::new().await;
    let agent = world.agent("fault").await;
    let id = agent.task_id("c").await;
    let database = world.database.connect_as_superuser().await;
    // No Baton ever wrote such an event: what the task is cannot be told any more.
    let stream = id.parse().expect("a task's id is a UUID");
    let mut poison = ByHand::task_of(stream);
    (poison.version, poison.event) = (2, "task.exploded");
    poison.insert(&database).await;
    let path = format!("/v1/tasks/{id}");
    for answer in [
        agent.client.patch(&path, json!({ "priority": 1 })).await,
        agent.client.post(&format!("{path}/complete"), json!({})).await,
        world.project().delete(&path).await,
    ] {
        let body = kind(&answer, 500, "internal", "Server fault");
        let told = "The server could not handle the request; the failure was logged";
        assert_eq!(body["detail"], told);
        assert_eq!(answer.header("X-Request-Id").len(), 36);
    }
    // The log says what the client is not told.
    let log = world.baton.log();
    assert!(log.contains("task.exploded version 1 is unknown to this version of Baton"));
}
