//! Tasks that repeat by their own fields, and reminders (protocol 1.2).

use baton_harness::wait_until;
use serde_json::{Value, json};

use crate::world::{Agent, LIMIT, World, assert_has, fresh, text, with};

/// A task that repeats every week, with these fields, too.
async fn weekly(agent: &Agent, more: Value) -> Value {
    let body = json!({
        "content": "report", "due_date": "2026-03-17", "is_recurring": true,
        "recurring_type": "weekly",
    });
    agent.client.post("/v1/tasks", with(body, more)).await.expect(201)
}

/// The tasks with this label, whatever became of them.
async fn labelled(agent: &Agent, label: &str) -> Vec<Value> {
    let path = format!("/v1/tasks?label={label}&include_completed=true");
    agent.client.get(&path).await.expect(200).as_array().expect("a list").clone()
}

#[tokio::test]
async fn completing_a_task_that_repeats_creates_the_next_one() {
    let world = World::shared().await;
    let (creator, worker) = (world.agent("creator").await, world.agent("worker").await);
    let label = fresh("weekly");
    let fields = json!({
        "description": "at length", "due_time": "09:30", "priority": 1, "labels": [label],
        "recurring_interval": 2, "recurring_string": "every other week",
        "assigned_to": worker.id, "metadata": { "a": 1 }, "max_retries": 0,
    });
    let first = weekly(&creator, fields).await;
    let path = format!("/v1/tasks/{}", text(&first, "id"));
    let complete = format!("{path}/complete");
    let done = worker.client.post_once(&complete, "once", json!({})).await.expect(200);
    assert_has(&done, json!({ "status": "completed", "next_occurrence": "2026-03-31" }));
    // Said again, by the same key and without one, it is the same answer and no third task.
    for again in [
        worker.client.post_once(&complete, "once", json!({})).await,
        worker.client.post(&complete, json!({})).await,
    ] {
        assert_eq!(again.expect(200)["next_occurrence"], "2026-03-31");
    }
    let tasks = labelled(&creator, &label).await;
    assert_eq!(tasks.len(), 2, "{tasks:?}");
    let next = tasks.iter().find(|task| task["id"] != first["id"]).expect("the next one");
    assert_has(
        next,
        json!({
            "content": "report", "description": "at length", "status": "open", "priority": 1,
            "labels": [label], "due_date": "2026-03-31", "due_time": "09:30",
            "is_recurring": true, "recurring_type": "weekly", "recurring_interval": 2,
            "recurring_string": "every other week", "created_by_agent_id": creator.id,
            "accountable_agent_id": creator.id, "assigned_to_agent_id": worker.id,
            "metadata": {}, "max_retries": 2, "root_task_id": next["id"], "revision": 1,
            "source_recurrence_id": null,
        }),
    );
    assert_eq!(next.get("next_occurrence"), None);
    // It stays nobody's third when it is opened again, and is itself followed.
    worker.client.post(&format!("{path}/uncomplete"), json!({})).await.expect(200);
    worker.client.post(&complete, json!({})).await.expect(200);
    assert_eq!(labelled(&creator, &label).await.len(), 2);
    let next = format!("/v1/tasks/{}/complete", text(next, "id"));
    let after = worker.client.post(&next, json!({})).await.expect(200);
    assert_eq!(after["next_occurrence"], "2026-04-14");
}

/// The position of a task's event of this type.
async fn at(agent: &Agent, task: &str, event_type: &str) -> i64 {
    let page = agent.client.get(&format!("/v1/tasks/{task}/events")).await.expect(200);
    let events = page["items"].as_array().unwrap_or_else(|| panic!("items of {page}"));
    let event = events.iter().find(|event| event["type"] == event_type);
    let event = event.unwrap_or_else(|| panic!("{event_type} in {page}"));
    text(event, "position").parse().expect("a position")
}

/// Both in one change: neither is ever without the other.
#[tokio::test]
async fn however_it_is_completed_the_next_comes_in_the_same_append() {
    let world = World::shared().await;
    let agent = world.agent("ada").await;
    let label = fresh("append");
    let first = weekly(&agent, json!({ "labels": [label] })).await;
    let path = format!("/v1/tasks/{}", text(&first, "id"));
    // A field of the same update counts already.
    let update = json!({ "status": "done", "due_date": "2026-01-31", "recurring_type": "month" });
    let done = agent.client.patch(&path, update).await.expect(200);
    assert_eq!(done.get("next_occurrence"), None, "only complete says it");
    let tasks = labelled(&agent, &label).await;
    let next = tasks.iter().find(|task| task["id"] != first["id"]).expect("the next one");
    assert_eq!(next["due_date"], "2026-02-28", "the last day of a month that lacks the day");
    let completed = at(&agent, &text(&first, "id"), "task.completed").await;
    let created = at(&agent, &text(next, "id"), "task.created").await;
    assert_eq!(created, completed + 2, "nothing is recorded between what comes together");
}

#[tokio::test]
async fn who_is_gone_is_given_nothing_and_what_does_not_repeat_is_not_followed() {
    let world = World::shared().await;
    let (agent, gone) = (world.agent("ada").await, world.agent("gone").await);
    let label = fresh("gone");
    let project = json!({ "name": fresh("project") });
    let project = text(&world.project().post("/v1/projects", project).await.expect(201), "id");
    let first = weekly(&agent, json!({ "labels": [label], "assigned_to": gone.id })).await;
    let path = format!("/v1/tasks/{}", text(&first, "id"));
    world.project().patch(&path, json!({ "project_id": project })).await.expect(200);
    let inactive = json!({ "active": false });
    world.project().patch(&format!("/v1/agents/{}", gone.id), inactive).await.expect(200);
    assert!(world.project().delete(&format!("/v1/projects/{project}")).await.status < 300);
    agent.client.post(&format!("{path}/complete"), json!({})).await.expect(200);
    let tasks = labelled(&agent, &label).await;
    let next = tasks.iter().find(|task| task["id"] != first["id"]).expect("the next one");
    assert_has(next, json!({ "assigned_to_agent_id": null, "project_id": null }));
    for fields in [
        json!({ "is_recurring": false }),
        json!({ "due_date": null }),
        json!({ "recurring_type": null }),
    ] {
        let task = weekly(&agent, fields).await;
        let complete = format!("/v1/tasks/{}/complete", text(&task, "id"));
        let done = agent.client.post(&complete, json!({})).await.expect(200);
        assert_eq!(done.get("next_occurrence"), None, "{done}");
    }
    for end in ["fail", "cancel"] {
        let label = fresh(end);
        let task = weekly(&agent, json!({ "labels": [label] })).await;
        let end = format!("/v1/tasks/{}/{end}", text(&task, "id"));
        agent.client.post(&end, json!({})).await.expect(200);
        assert_eq!(labelled(&agent, &label).await.len(), 1);
    }
}

#[tokio::test]
async fn a_reminder_that_has_come_is_marked_and_another_one_counts_anew() {
    let world = World::shared().await;
    let agent = world.agent("ada").await;
    let past = json!({ "content": "c", "reminder_time": "2026-03-17T10:00:00Z" });
    let task = agent.client.post("/v1/tasks", past).await.expect(201);
    let path = format!("/v1/tasks/{}", text(&task, "id"));
    let reminded = async || {
        wait_until(LIMIT, "the task has reminded", async || {
            agent.client.get(&path).await.expect(200)["reminder_sent"] == true
        })
        .await;
    };
    reminded().await;
    let seen = agent.client.get(&path).await.expect(200);
    // Nobody's fence breaks because a clock went on.
    assert_has(&seen, json!({ "revision": 1, "updated_at": task["updated_at"] }));
    let ahead = json!({ "reminder_time": "2999-01-01T00:00:00Z", "expected_revision": 1 });
    let moved = agent.client.patch(&path, ahead).await.expect(200);
    assert_has(&moved, json!({ "reminder_sent": false, "revision": 2 }));
    let again = json!({ "reminder_time": "2026-03-18T10:00:00Z" });
    agent.client.patch(&path, again).await.expect(200);
    reminded().await;
}
