//! Statistics, what needs attention, usage, and who the caller is (protocol 1.15, 1.16, 2.8).

use baton_harness::client::Client;
use jiff::civil::Date;
use jiff::{Timestamp, ToSpan as _, tz::TimeZone};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::poison::ByHand;
use crate::record;
use crate::world::{Agent, World, assert_has, fresh, ids, problem, text, with, wrong_field};

/// Another day than today, by so many.
fn day(from_today: i64) -> String {
    today().checked_add(from_today.days()).expect("a day").to_string()
}

fn today() -> Date {
    Timestamp::now().to_zoned(TimeZone::UTC).date()
}

async fn task(by: &Client, fields: Value) -> String {
    let body = with(json!({ "content": fresh("task") }), fields);
    text(&by.post("/v1/tasks", body).await.expect(201), "id")
}

async fn finish(by: &Client, task: &str, how: &str) {
    by.post(&format!("/v1/tasks/{task}/{how}"), json!({})).await.expect(200);
}

async fn stats(of: &Client) -> Value {
    of.get("/v1/stats").await.expect(200)
}

async fn attention(of: &Client) -> Value {
    of.get("/v1/fleet/attention").await.expect(200)
}

/// Every kind of task once: by the creator, but for one that the project token creates.
async fn fill(world: &World, creator: &Agent) {
    let by = &creator.client;
    for fields in [
        json!({}),
        json!({ "due_date": day(-1) }),
        json!({ "due_date": day(-400) }),
        json!({ "due_date": day(0) }),
        json!({ "due_date": day(1) }),
        json!({ "due_date": day(7) }),
        json!({ "due_date": day(8) }),
    ] {
        task(by, fields).await;
    }
    for how in ["complete", "fail", "cancel"] {
        let id = task(by, json!({ "due_date": day(-1) })).await;
        finish(by, &id, how).await;
    }
    let reopened = task(by, json!({})).await;
    finish(by, &reopened, "complete").await;
    finish(by, &reopened, "uncomplete").await;
    let deleted = task(by, json!({ "due_date": day(-1) })).await;
    by.delete(&format!("/v1/tasks/{deleted}")).await.expect(200);
    let parent = task(by, json!({})).await;
    let child = json!({ "content": "child" });
    by.post(&format!("/v1/tasks/{parent}/delegate"), child).await.expect(201);
    let waiting = json!({ "content": "waiting", "depends_on": [parent] });
    by.post("/v1/tasks", waiting).await.expect(201);
    let held = task(by, json!({})).await;
    by.patch(&format!("/v1/tasks/{held}"), json!({ "status": "running" })).await.expect(200);
    task(&world.project(), json!({ "due_date": day(-1) })).await;
}

#[tokio::test]
async fn statistics_are_of_the_tasks_that_the_caller_may_read() {
    let world = World::new().await;
    let creator = world.agent("creator").await;
    let inactive = world.agent("inactive").await;
    let off = json!({ "active": false });
    world.project().patch(&format!("/v1/agents/{}", inactive.id), off).await.expect(200);
    let reader = world.agent_with("reader", json!({ "permissions": ["tasks.read_all"] })).await;
    let stranger = world.agent("stranger").await;
    fill(&world, &creator).await;

    let own = json!({
        "total": 15, "total_tasks": 15, "pending_tasks": 13, "completed_tasks": 1,
        "total_completed": 1, "completed_today": 1, "due_today": 1, "overdue": 2, "upcoming": 2,
        "by_project": { "Inbox": 12 },
        "by_status": {
            "open": 9, "blocked": 1, "claimed": 1, "delegated": 1, "completed": 1, "failed": 1,
            "cancelled": 1,
        },
        "total_agents": 4, "active_agents": 3,
    });
    assert_eq!(stats(&creator.client).await, own);
    let by_status = with(own["by_status"].clone(), json!({ "open": 10 }));
    let more = json!({
        "total": 16, "total_tasks": 16, "pending_tasks": 14, "overdue": 3,
        "by_project": { "Inbox": 13 }, "by_status": by_status,
    });
    let all = with(own, more);
    assert_eq!(stats(&reader.client).await, all);
    assert_eq!(stats(&world.project()).await, all);
    let nothing = stats(&stranger.client).await;
    assert_has(&nothing, json!({ "total": 0, "overdue": 0, "by_project": {} }));
    assert_eq!(nothing["by_status"]["open"], 0);
    problem(&world.nobody().get("/v1/stats").await, 401);
    assert_eq!(world.project().get("/api/stats").await.expect(200), all);
}

#[tokio::test]
async fn statistics_follow_every_change_of_a_task() {
    let world = World::new().await;
    let (admin, agent) = (world.project(), world.agent("agent").await);
    let id = task(&agent.client, json!({ "due_date": day(-1) })).await;
    let path = format!("/v1/tasks/{id}");
    let both = [&admin, &agent.client];
    for (change, expected) in [
        (json!({}), json!({ "overdue": 1, "due_today": 0, "upcoming": 0 })),
        (json!({ "due_date": day(0) }), json!({ "overdue": 0, "due_today": 1, "upcoming": 0 })),
        (json!({ "due_date": day(7) }), json!({ "overdue": 0, "due_today": 0, "upcoming": 1 })),
        (json!({ "completed": true }), json!({ "upcoming": 0, "completed_today": 1 })),
        (json!({ "completed": false }), json!({ "upcoming": 1, "completed_today": 0 })),
        (json!({ "due_date": null }), json!({ "upcoming": 0, "pending_tasks": 1 })),
        (json!({ "status": "cancelled" }), json!({ "pending_tasks": 0, "total": 1 })),
    ] {
        agent.client.patch(&path, change.clone()).await.expect(200);
        for client in both {
            assert_has(&stats(client).await, expected.clone());
        }
    }
    agent.client.delete(&path).await.expect(200);
    for client in both {
        assert_has(&stats(client).await, json!({ "total": 0, "by_project": {} }));
    }
}

#[tokio::test]
async fn statistics_name_projects() {
    let world = World::new().await;
    let admin = world.project();
    let worker = world.agent("worker").await;
    let project = async |name: &str| {
        text(&admin.post("/v1/projects", json!({ "name": name })).await.expect(201), "id")
    };
    let (blog, also, gone) = (project("Blog").await, project("Blog").await, project("Gone").await);
    for project in [&blog, &blog, &also, &gone] {
        task(&admin, json!({ "project_id": project, "assigned_to": worker.name })).await;
    }
    let done = task(&admin, json!({ "project_id": blog, "assigned_to": worker.name })).await;
    finish(&admin, &done, "complete").await;
    for client in [&admin, &worker.client] {
        assert_eq!(stats(client).await["by_project"], json!({ "Blog": 3, "Gone": 1 }));
    }
    admin.delete(&format!("/v1/projects/{gone}")).await.expect(200);
    for client in [&admin, &worker.client] {
        assert_eq!(stats(client).await["by_project"], json!({ "Blog": 3, "Inbox": 1 }));
    }
    assert_eq!(admin.get("/v1/usage").await.expect(200)["project_count"], 2);
}

/// Ends the task's lease, as if its time were over.
async fn let_lapse(world: &World, task: &str) {
    let database = world.database.connect().await;
    let version = record::stream(&database, task).await.len() as i64 + 1;
    let id: Uuid = task.parse().expect("a task's id");
    ByHand::lease_over(id, version).insert(&database).await;
    record::caught_up(world).await;
}

/// The ids in each bucket that is not empty.
fn filled(attention: &Value) -> Vec<(String, Vec<String>)> {
    let buckets = attention["buckets"].as_object().expect("buckets");
    assert_eq!(buckets.len(), 6, "{attention}");
    let filled = buckets.iter().filter(|(_, tasks)| **tasks != json!([]));
    let mut filled: Vec<_> = filled.map(|(name, tasks)| (name.clone(), ids(tasks))).collect();
    filled.sort();
    let count: usize = filled.iter().map(|(_, tasks)| tasks.len()).sum();
    assert_eq!(attention["count"], json!(count), "{attention}");
    filled
}

#[tokio::test]
async fn what_needs_attention_is_shown_to_those_who_may_read_it() {
    let world = World::new().await;
    let (agent, admin) = (world.agent("agent").await, world.project());
    let (by, stranger) = (&agent.client, world.agent("stranger").await);
    assert!(filled(&attention(&admin).await).is_empty());
    let overdue = task(by, json!({ "due_date": day(-1) })).await;
    let longer = task(by, json!({ "due_date": day(-9) })).await;
    task(by, json!({ "due_date": day(0) })).await;
    let held = async |state: &str| {
        let id = task(by, json!({})).await;
        by.post(&format!("/v1/tasks/{id}/claim"), json!({})).await.expect(200);
        let body = json!({ "state": state, "detail": format!("it is {state}") });
        by.post(&format!("/v1/tasks/{id}/state"), body).await.expect(200);
        id
    };
    let errored = held("errored").await;
    let waiting = held("waiting_input").await;
    held("working").await;
    let abandoned = held("errored").await;
    let_lapse(&world, &abandoned).await;
    let looping = task(by, json!({})).await;
    finish(by, &looping, "complete").await;
    finish(by, &looping, "uncomplete").await;
    for round in 0..2 {
        let is_shown = !attention(by).await["buckets"]["looping"].as_array().unwrap().is_empty();
        assert!(!is_shown, "after {round} releases");
        by.post(&format!("/v1/tasks/{looping}/claim"), json!({})).await.expect(200);
        by.post(&format!("/v1/tasks/{looping}/release"), json!({})).await.expect(200);
    }
    let expected: Vec<(String, Vec<String>)> = vec![
        ("abandoned_claims".into(), vec![abandoned.clone()]),
        ("errored".into(), vec![errored.clone()]),
        ("looping".into(), vec![looping.clone()]),
        ("overdue".into(), vec![longer.clone(), overdue.clone()]),
        ("waiting_input".into(), vec![waiting.clone()]),
    ];
    for client in [&admin, by] {
        let found = attention(client).await;
        assert_eq!(filled(&found), expected);
        let shown = &found["buckets"]["errored"][0];
        assert_eq!(shown["session_state_detail"], "it is errored");
        assert_eq!(found["more"], json!([]));
    }
    assert!(filled(&attention(&stranger.client).await).is_empty());
    for id in [&abandoned, &errored, &waiting, &looping, &overdue, &longer] {
        finish(by, id, "complete").await;
    }
    assert!(filled(&attention(&admin).await).is_empty());
    problem(&world.nobody().get("/v1/fleet/attention").await, 401);
}

#[tokio::test]
async fn buckets_are_cut_and_say_so() {
    let world = World::new().await;
    let agent = world.agent("agent").await;
    let mut overdue = Vec::new();
    for n in 1..=3 {
        overdue.push(task(&agent.client, json!({ "due_date": day(-n) })).await);
    }
    for client in [&agent.client, &world.project()] {
        let found = client.get("/v1/fleet/attention?limit=2").await.expect(200);
        assert_eq!(ids(&found["buckets"]["overdue"]), [&*overdue[2], &*overdue[1]]);
        assert_eq!((&found["count"], &found["more"]), (&json!(2), &json!(["overdue"])));
        let found = client.get("/v1/fleet/attention?limit=3").await.expect(200);
        assert_eq!((&found["count"], &found["more"]), (&json!(3), &json!([])));
    }
    for limit in ["0", "1001", "many"] {
        let path = format!("/v1/fleet/attention?limit={limit}");
        wrong_field(&agent.client.get(&path).await, "limit");
    }
}

#[tokio::test]
async fn usage_is_counted_and_says_its_limits() {
    let world = World::with(|builder| {
        builder
            .env("BATON_RATE_LIMIT_READS_PER_MINUTE", "5000")
            .env("BATON_RATE_LIMIT_WRITES_PER_MINUTE", "4000")
    })
    .await;
    let (agent, gone) = (world.agent("agent").await, world.agent("gone").await);
    let admin = world.project();
    admin.delete(&format!("/v1/agents/{}", gone.id)).await.expect(200);
    for n in 0..3 {
        let id = task(&agent.client, json!({})).await;
        if n == 0 {
            agent.client.delete(&format!("/v1/tasks/{id}")).await.expect(200);
        }
    }
    admin.post("/v1/webhooks", json!({ "url": "https://hooks.example/x" })).await.expect(201);
    let next = today().first_of_month().checked_add(1.month()).expect("a month");
    for (client, prefix) in [(&agent.client, "/v1"), (&admin, "/api")] {
        let usage = client.get(&format!("{prefix}/usage")).await.expect(200);
        let expected = json!({
            "plan": "self-hosted", "task_count_month": 3, "task_limit": null,
            "reset_date": next.to_string(), "agent_count": 1, "agent_limit": 9_999,
            "webhook_count": 1, "webhook_limit": null, "project_count": 0,
            "project_limit": 10_000, "rate_limit_rpm": 4_000, "max_content_chars": 2_000,
        });
        assert_eq!(usage, expected);
    }
    problem(&world.nobody().get("/v1/usage").await, 401);
}

#[tokio::test]
async fn who_the_caller_is_stands_twice_and_without_its_key() {
    let world = World::shared().await;
    let agent = world.agent_with("agent", json!({ "label": "Label" })).await;
    task(&agent.client, json!({ "assigned_to": agent.name })).await;
    let me = agent.client.get("/v1/agent/me").await.expect(200);
    let expected = json!({
        "id": agent.id, "name": agent.name, "label": "Label", "display_name": "Label",
        "description": null, "role": "worker", "permissions": [], "is_admin": false,
        "active": true, "open_task_count": 1,
    });
    assert_has(&me, expected.clone());
    assert_has(&me["agent"], expected);
    assert_eq!(me["account"], json!({ "plan": "self-hosted", "email": null }));
    assert!(me.get("api_key").is_none() && me["agent"].get("api_key").is_none(), "{me}");
    let me = world.project().get("/v1/agent/me").await.expect(200);
    let account = json!({ "plan": "self-hosted", "email": null });
    assert_eq!(me, json!({ "agent": null, "account": account }));
}
