//! What led to events and what they led to (protocol 1.18), over HTTP and from the command line.

use baton_harness::client::Client;
use baton_harness::wait_for;
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::world::{Agent, LIMIT, World, problem, text};

/// The first event of a type that a task has.
async fn event(client: &Client, task: &str, event: &str) -> Value {
    wait_for(LIMIT, event, async || {
        let events = client.get(&format!("/v1/tasks/{task}/events?limit=1000")).await.expect(200);
        let events = events["items"].as_array().expect("items").clone();
        events.into_iter().find(|item| item["type"] == event)
    })
    .await
}

async fn trace(client: &Client, of: &Value, direction: &str) -> Value {
    client.get(&format!("/v1/events/{}/{direction}", text(of, "id"))).await.expect(200)
}

/// How far away each event of a trace is, its type, and what it is about.
fn told(trace: &Value) -> Vec<(i64, String, String)> {
    let items = trace["items"].as_array().expect("items").iter();
    items
        .map(|item| {
            let (depth, event) = (item["depth"].as_i64().expect("a depth"), &item["event"]);
            (depth, text(event, "type"), text(event, "subject").replace("task/", ""))
        })
        .collect()
}

async fn waiting(agent: &Agent, on: &str) -> String {
    let body = json!({ "content": "waiting", "depends_on": [on] });
    text(&agent.client.post("/v1/tasks", body).await.expect(201), "id")
}

async fn complete(agent: &Agent, task: &str) {
    agent.client.post(&format!("/v1/tasks/{task}/complete"), json!({})).await.expect(200);
}

/// A command's output; it must succeed.
async fn printed(world: &World, arguments: &[&str]) -> Vec<String> {
    let run = world.baton.command(arguments).await;
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    String::from_utf8(run.stdout).expect("text").lines().map(str::to_owned).collect()
}

fn row(depth: i64, event: &str, task: &str) -> (i64, String, String) {
    (depth, event.to_owned(), task.to_owned())
}

#[tokio::test]
async fn what_opened_a_task_is_followed_to_the_request() {
    let world = World::shared().await;
    let agent = world.agent("causes").await;
    let first = agent.task_id("first").await;
    let (one, other) = (waiting(&agent, &first).await, waiting(&agent, &first).await);
    complete(&agent, &first).await;
    let completed = event(&agent.client, &first, "task.completed").await;
    let mut opened = Vec::new();
    for task in [&one, &other] {
        let unblocked = event(&agent.client, task, "task.unblocked").await;
        assert_eq!(unblocked["causationid"], completed["id"]);
        assert_eq!(unblocked["correlationid"], completed["correlationid"]);
        let causes = trace(&agent.client, &unblocked, "causes").await;
        assert_eq!((&causes["event"], &causes["truncated"]), (&unblocked, &json!(false)));
        assert_eq!(told(&causes), [row(1, "task.completed", &first)]);
        assert_eq!(causes["items"][0]["event"], completed);
        let position: i64 = text(&unblocked, "position").parse().expect("a number");
        opened.push((position, row(1, "task.unblocked", task)));
    }
    opened.sort();
    let opened: Vec<_> = opened.into_iter().map(|(_, row)| row).collect();
    let effects = trace(&agent.client, &completed, "effects").await;
    assert_eq!(told(&effects), opened, "in the order of the log");
    assert_eq!(told(&trace(&agent.client, &completed, "causes").await), []);

    let unblocked = event(&agent.client, &one, "task.unblocked").await;
    let why = printed(world, &["why", &text(&unblocked, "id")]).await;
    assert_eq!(why.len(), 3, "{why:?}");
    assert!(why[0].starts_with(&format!("task.unblocked default/task/{one} by system:policies")));
    let because = format!("  because of task.completed default/task/{first} by agent:{}", agent.id);
    assert!(why[1].starts_with(&because), "{why:?}");
    let request = text(&completed, "correlationid");
    assert_eq!(why[2], format!("    asked for by request {request}"));
    let effects = printed(world, &["effects", &text(&completed, "id")]).await;
    assert!(effects[0].starts_with(&format!("task.completed default/task/{first}")));
    assert!(effects.len() == 3 && effects[1].starts_with("  led to task.unblocked"), "{effects:?}");

    let unknown = "0195a3c2-1e05-7b1c-9f0d-6f0e5b1f2a43";
    for wrong in [unknown, "0195A3C2-1E05-7B1C-9F0D-6F0E5B1F2A43", "1", "stream"] {
        problem(&agent.client.get(&format!("/v1/events/{wrong}/causes")).await, 404);
        problem(&agent.client.get(&format!("/v1/events/{wrong}/effects")).await, 404);
    }
    let run = world.baton.command(&["why", unknown]).await;
    let said = String::from_utf8_lossy(&run.stderr).into_owned();
    assert!(!run.status.success() && said.contains("no event with this id"), "{said}");
}

#[tokio::test]
async fn events_of_one_command_name_each_other_where_one_led_to_the_other() {
    let world = World::shared().await;
    let (agent, other) = (world.agent("commands").await, world.agent("other").await);
    let parent = agent.task_id("parent").await;
    let delegate = format!("/v1/tasks/{parent}/delegate");
    let child = agent.client.post(&delegate, json!({ "content": "child" })).await.expect(201);
    let child = text(&child, "id");
    let created = event(&agent.client, &child, "task.created").await;
    assert_eq!(
        told(&trace(&agent.client, &created, "effects").await),
        [row(1, "task.delegated", &child), row(2, "task.child_delegated", &parent)]
    );
    let body = json!({ "agent_id": other.id });
    agent.client.post(&format!("/v1/tasks/{child}/delegate"), body).await.expect(200);
    let assigned = event(&agent.client, &child, "task.assigned").await;
    let causes = trace(&agent.client, &assigned, "causes").await;
    assert_eq!(told(&causes), [row(1, "task.delegated", &child)]);
    // What was only asked for together was not led to by anything.
    let (one, two) = (agent.task_id("one").await, agent.task_id("two").await);
    let both = json!({ "task_ids": [one, two] });
    agent.client.post("/v1/tasks/batch-delete", both).await.expect(204);
    let admin = world.project();
    for task in [one, two] {
        let events = admin.get(&format!("/v1/events?task={task}")).await.expect(200);
        let deleted = events["items"].as_array().expect("items").last().expect("one").clone();
        assert_eq!(deleted["type"], "task.deleted");
        assert_eq!(deleted.get("causationid"), None, "{deleted}");
    }
}

#[tokio::test]
async fn what_was_finished_late_leads_to_the_completion() {
    let world = World::shared().await;
    let (agent, holder) = (world.agent("creator").await, world.agent("holder").await);
    let task = agent.task_id("late").await;
    let path = format!("/v1/tasks/{task}");
    holder.client.post(&format!("{path}/claim"), json!({})).await.expect(200);
    agent.client.patch(&path, json!({ "status": "open" })).await.expect(200);
    let refused = holder.client.post(&format!("{path}/complete"), json!({})).await.expect(403);
    let late = text(&refused["late_completion"], "id");
    let accept = format!("{path}/late-completions/{late}/accept");
    agent.client.post(&accept, json!({})).await.expect(200);
    let completed = event(&agent.client, &task, "task.completed").await;
    let causes = trace(&agent.client, &completed, "causes").await;
    assert_eq!(
        told(&causes),
        [row(1, "task.late_completion_accepted", &task), row(2, "task.completion_late", &task)]
    );
    assert_eq!(causes["items"][1]["event"]["id"], json!(late));
}

#[tokio::test]
async fn a_trace_ends_where_its_reader_may_not_look() {
    let world = World::shared().await;
    let (agent, other) = (world.agent("one").await, world.agent("other").await);
    let hidden = agent.task_id("hidden").await;
    let body = json!({ "content": "shared", "depends_on": [hidden], "assigned_to": other.id });
    let shared = text(&agent.client.post("/v1/tasks", body).await.expect(201), "id");
    complete(&agent, &hidden).await;
    let unblocked = event(&agent.client, &shared, "task.unblocked").await;
    let completed = event(&agent.client, &hidden, "task.completed").await;
    let causes = trace(&other.client, &unblocked, "causes").await;
    assert_eq!((told(&causes), &causes["truncated"]), (vec![], &json!(false)));
    assert!(!causes.to_string().contains("task.completed"), "{causes}");
    let path = format!("/v1/events/{}/effects", text(&completed, "id"));
    problem(&other.client.get(&path).await, 404);
    // The other way round: what a task of one's own led to elsewhere.
    let seen = other.task_id("seen").await;
    let body = json!({ "content": "unseen", "depends_on": [seen] });
    let unseen = text(&world.project().post("/v1/tasks", body).await.expect(201), "id");
    complete(&other, &seen).await;
    event(&world.project(), &unseen, "task.unblocked").await;
    let completed = event(&other.client, &seen, "task.completed").await;
    let effects = trace(&world.project(), &completed, "effects").await;
    assert_eq!(told(&effects), [row(1, "task.unblocked", &unseen)]);
    assert_eq!(told(&trace(&other.client, &completed, "effects").await), []);
    // A deleted task's events are for those who read all.
    let deleted = event(&other.client, &seen, "task.created").await;
    other.client.delete(&format!("/v1/tasks/{seen}")).await.expect(200);
    let path = format!("/v1/events/{}/causes", text(&deleted, "id"));
    problem(&other.client.get(&path).await, 404);
    world.project().get(&path).await.expect(200);
}

#[tokio::test]
async fn of_very_many_effects_the_first_are_told() {
    const DEPENDENTS: usize = 205;
    let world = World::shared().await;
    let agent = world.agent("many").await;
    let first = agent.task_id("first").await;
    let tasks = join_all((0..DEPENDENTS).map(|_| waiting(&agent, &first))).await;
    complete(&agent, &first).await;
    for task in &tasks {
        event(&agent.client, task, "task.unblocked").await;
    }
    let completed = event(&agent.client, &first, "task.completed").await;
    let effects = trace(&agent.client, &completed, "effects").await;
    assert_eq!((told(&effects).len(), &effects["truncated"]), (200, &json!(true)));
    let all = printed(world, &["effects", &text(&completed, "id")]).await;
    assert_eq!(all.len(), 1 + DEPENDENTS);
}
