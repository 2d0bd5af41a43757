//! `openapi/asyncapi.yaml` describes what is published: every event that there is, and each
//! message of a run.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use baton_harness::client::send;
use baton_harness::python;
use baton_harness::receiver::{Answer, Receiver};
use reqwest::Method;
use serde_json::{Value, json};

use crate::record;
use crate::world::{Agent, LIMIT, World, text};

/// Something of every kind that a client can bring about.
async fn bring_everything_about(world: &World) {
    let project = world.project();
    let fields = json!({ "display_name": "Writer", "label": "text", "description": "writes" });
    let writer = world.agent_with("writer", fields).await;
    let worker = world.agent("worker").await;
    let path = format!("/v1/agents/{}", world.agent("doomed").await.id);
    let update = json!({ "display_name": null, "active": true, "role": "auditor" });
    project.patch(&path, update).await.expect(200);
    project.post(&format!("{path}/rotate-key"), json!({})).await.expect(200);
    assert!(project.delete(&path).await.status < 300);
    for action in ["create", "rotate-token"] {
        let done = world.baton.command(&["account", action, "other"]).await;
        assert!(done.status.success(), "{done:?}");
    }
    tasks(&writer, &worker).await;
    projects(world, &writer).await;
    recurrences(&writer).await;
    webhooks(world, &writer).await;
}

async fn projects(world: &World, writer: &Agent) {
    let admin = world.project();
    let body = json!({ "name": "Launch", "emoji": "\u{1F680}", "color": "#2f6fed" });
    let made = admin.post("/v1/projects", body).await.expect(201);
    let path = format!("/v1/projects/{}", text(&made, "id"));
    let update = json!({ "name": "Relaunch", "emoji": null, "sort_order": 2 });
    admin.patch(&path, update).await.expect(200);
    let task = format!("/v1/tasks/{}", writer.task_id("in a project").await);
    admin.patch(&task, json!({ "project_id": made["id"] })).await.expect(200);
    admin.patch(&task, json!({ "project_id": null })).await.expect(200);
    assert!(admin.delete(&path).await.status < 300);
}

/// One that has passed twice: its first task is unfinished the second time.
async fn recurrences(writer: &Agent) {
    let body = json!({
        "content": "round", "rule_type": "daily", "timezone": "Europe/Berlin",
        "next_due_at": "2026-03-17T09:00:00+01:00", "assigned_to_agent_id": writer.name,
    });
    let made = writer.client.post("/v1/recurrences", body).await.expect(201);
    let path = format!("/v1/recurrences/{}", text(&made, "id"));
    let passes = async |seen: &Value| {
        baton_harness::wait_for(LIMIT, "an occurrence passes", async || {
            let now = writer.client.get(&path).await.expect(200);
            (now["next_due_at"] != *seen).then_some(now)
        })
        .await
    };
    passes(&made["next_due_at"]).await;
    let again = json!({ "next_due_at": "2026-03-18T08:00:00Z", "assigned_to_agent_id": null });
    let moved = writer.client.patch(&path, again).await.expect(200);
    passes(&moved["next_due_at"]).await;
    assert!(writer.client.delete(&path).await.status < 300);
}

/// A comment, a subtask and a link, which go again.
async fn annotations(writer: &Agent, path: &str) {
    for (list, body) in [
        ("comments", json!({ "content": "well" })),
        ("subtasks", json!({ "content": "a part" })),
        ("links", json!({ "kind": "pr", "ref": "41", "repo": "acme/site" })),
    ] {
        let list = format!("{path}/{list}");
        let made = writer.client.post(&list, body).await.expect(201);
        let one = format!("{list}/{}", text(&made, "id"));
        if list.ends_with("subtasks") {
            let update = json!({ "content": "a large part", "completed": true, "sort_order": 4 });
            writer.client.patch(&one, update).await.expect(200);
        }
        assert!(writer.client.delete(&one).await.status < 300);
    }
}

async fn tasks(writer: &Agent, worker: &Agent) {
    let full = json!({
        "content": "everything", "description": "at length", "priority": 1,
        "labels": ["market", "@worker"], "due_date": "2026-03-17", "metadata": { "a": [1, null] },
        "context": { "urgency": "high" }, "assigned_to": worker.id,
    });
    let made = writer.client.post("/v1/tasks", full).await.expect(201);
    let path = format!("/v1/tasks/{}", text(&made, "id"));
    let context = format!("{path}/context");
    let seen = json!({ "found": { "count": 3 } });
    let observed = format!("{context}?source=agent_observed");
    writer.client.patch(&observed, seen).await.expect(200);
    let stale = json!({ "key": "urgency" });
    writer.client.post(&format!("{context}/supersede"), stale).await.expect(200);
    for status in ["running", "open", "blocked", "open"] {
        worker.client.patch(&path, json!({ "status": status })).await.expect(200);
    }
    claims(writer, worker, &path).await;
    annotations(writer, &path).await;
    let hand = json!({ "agent_id": worker.id });
    writer.client.post(&format!("{path}/delegate"), hand).await.expect(200);
    let child =
        worker.client.post(&format!("{path}/delegate"), json!({ "content": "child" })).await;
    let child = text(&child.expect(201), "id");
    let waiting = json!({ "content": "waiting", "depends_on": [child] });
    let waiting = text(&writer.client.post("/v1/tasks", waiting).await.expect(201), "id");
    let evidence = json!([{ "kind": "commit", "ref": "abc" }]);
    let done = json!({ "metadata": { "result": "five" }, "evidence": evidence });
    let child = format!("/v1/tasks/{child}");
    worker.client.post(&format!("{child}/complete"), done).await.expect(200);
    worker.client.patch(&child, json!({ "status": "open" })).await.expect(200);
    writer
        .client
        .patch(&path, json!({ "assigned_to": writer.id, "due_date": null }))
        .await
        .expect(200);
    writer.client.post(&format!("{path}/fail"), json!({ "error_message": "no data" })).await;
    writer.client.patch(&path, json!({ "status": "open" })).await.expect(200);
    writer.client.patch(&path, json!({ "status": "cancelled" })).await.expect(200);
    assert!(writer.client.delete(&format!("/v1/tasks/{waiting}")).await.status < 300);
    repeating(writer).await;
}

/// A task that reminds at once, and that another follows.
async fn repeating(writer: &Agent) {
    let weekly = json!({
        "content": "again", "due_date": "2026-03-17", "is_recurring": true,
        "recurring_type": "weekly", "reminder_time": "2026-03-17T09:00:00Z",
    });
    let path = text(&writer.client.post("/v1/tasks", weekly).await.expect(201), "id");
    let path = format!("/v1/tasks/{path}");
    baton_harness::wait_until(LIMIT, "the task has reminded", async || {
        writer.client.get(&path).await.expect(200)["reminder_sent"] == json!(true)
    })
    .await;
    writer.client.post(&format!("{path}/complete"), json!({})).await.expect(200);
}

/// All that is said of a claim, and a completion that comes too late; the task is open again.
async fn claims(writer: &Agent, worker: &Agent, path: &str) {
    for (action, body) in [
        ("claim", json!({})),
        ("heartbeat", json!({ "state": "working", "detail": "reads" })),
        ("release", json!({ "handoff": "half" })),
    ] {
        worker.client.post(&format!("{path}/{action}"), body).await.expect(200);
    }
    let claim = format!("{path}/claim");
    let claimed = worker.client.post(&claim, json!({})).await.expect(200);
    writer.client.patch(path, json!({ "status": "open" })).await.expect(200);
    worker.client.post(&claim, json!({})).await.expect(200);
    let lost = &claimed["task"]["claim_generation"];
    let late = json!({ "claim_generation": lost, "metadata": { "result": "late" } });
    let refused = worker.client.post(&format!("{path}/complete"), late).await.expect(409);
    let late = text(&refused["late_completion"], "id");
    let accept = format!("{path}/late-completions/{late}/accept");
    writer.client.post(&accept, json!({})).await.expect(200);
    writer.client.post(&format!("{path}/uncomplete"), json!({})).await.expect(200);
}

async fn webhooks(world: &World, writer: &Agent) {
    let project = world.project();
    let receiver = Receiver::start().await;
    let body = json!({ "url": receiver.url(), "events": ["task.created"] });
    let hook = text(&project.post("/v1/webhooks", body).await.expect(201), "id");
    let path = format!("/v1/webhooks/{hook}");
    project.patch(&path, json!({ "signature_scheme": "timestamped" })).await.expect(200);
    writer.task("delivered").await;
    receiver.wait_for(LIMIT, |requests| !requests.is_empty()).await;
    // A receiver that is gone for good is switched off.
    receiver.answer_always(Answer::status(410));
    writer.task("refused").await;
    baton_harness::wait_until(LIMIT, "the webhook is disabled", async || {
        project.get(&path).await.expect(200)["active"] == json!(false)
    })
    .await;
    let request = project.request(Method::DELETE, &path);
    assert!(send(request).await.status < 300);
}

/// Every message of the stream: subject, headers, body.
async fn published(world: &World) -> Vec<Value> {
    let head = record::caught_up(world).await;
    let context = async_nats::jetstream::new(world.nats.connect().await);
    let stream = context.get_stream("BATON").await.expect("the relay's stream");
    let mut messages = Vec::new();
    for sequence in 1..=u64::try_from(head).expect("a position") {
        let message = stream.get_raw_message(sequence).await.expect("a message per position");
        let body: Value = serde_json::from_slice(&message.payload).expect("JSON");
        assert_eq!(body["position"], json!(sequence.to_string()), "sequence is position");
        let headers = message.headers.iter();
        let headers = headers.map(|(name, value)| (name.to_string(), json!(value[0].as_str())));
        let headers: serde_json::Map<_, _> = headers.collect();
        let subject = message.subject.to_string();
        messages.push(json!({ "subject": subject, "headers": headers, "body": body }));
    }
    messages
}

#[tokio::test]
async fn every_event_is_described_and_every_message_is_as_described() {
    let world = World::new().await;
    bring_everything_about(&world).await;
    let messages = published(&world).await;
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let file = world.baton.data_dir().join("messages.jsonl");
    let lines: Vec<String> = messages.iter().map(ToString::to_string).collect();
    std::fs::write(&file, lines.join("\n")).expect("a file of messages");
    let python = tokio::task::spawn_blocking(python::interpreter).await.expect("a Python");
    let mut run = Command::new(python);
    run.arg(root.join("tests/python/asyncapi.py")).arg(root.join("openapi/asyncapi.yaml"));
    run.arg(root.join("events/domain/tests/golden")).arg(&file);
    let run = tokio::task::spawn_blocking(move || run.output()).await.expect("not cancelled");
    let run = run.expect("Python runs");
    let errors = String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success(), "{errors}");
    let said: Value = serde_json::from_slice(&run.stdout).expect("JSON");
    let names = |member: &str| -> BTreeSet<String> {
        let list = said[member].as_array().expect("a list");
        list.iter().map(|name| name.as_str().expect("a name").to_owned()).collect()
    };
    let (described, published) = (names("described"), names("published"));
    let unseen: Vec<_> = described.difference(&published).collect();
    assert_eq!(unseen, ["webhook.redelivery_requested"], "described, and not of this run");
}
