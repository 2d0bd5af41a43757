//! Recurrences and the tasks that come of them (protocol 1.9, 2.6). What the scheduler must not do,
//! whatever crashes, is in `scheduler`.

use baton_harness::client::Client;
use baton_harness::{wait_for, wait_until};
use serde_json::{Value, json};

use crate::world::{
    LIMIT, World, assert_has, assert_timestamp, ids, problem, text, with, wrong_field,
};

/// An id that nothing has.
const UNKNOWN: &str = "0198f000-0000-7000-8000-0000000000ff";
/// Not due in this test.
const FAR: &str = "2099-03-17T09:30:00.000Z";

async fn recurrence(client: &Client, fields: Value) -> Value {
    let body = json!({ "content": "round", "rule_type": "daily", "next_due_at": FAR });
    client.post("/v1/recurrences", with(body, fields)).await.expect(201)
}

fn path(recurrence: &Value) -> String {
    format!("/v1/recurrences/{}", text(recurrence, "id"))
}

/// The tasks that came of it, oldest first.
async fn tasks(client: &Client, recurrence: &Value) -> Vec<Value> {
    let all = client.get("/v1/tasks?include_completed=true&limit=1000").await.expect(200);
    let all = all.as_array().expect("a list").clone();
    all.into_iter().filter(|task| task["source_recurrence_id"] == recurrence["id"]).collect()
}

#[tokio::test]
async fn a_recurrence_is_created_read_changed_and_deleted() {
    let world = World::shared().await;
    let (creator, worker) = (world.agent("creator").await, world.agent("worker").await);
    let client = &creator.client;
    let fields = json!({
        "content": "Make the round", "description": "All rooms", "priority": 3,
        "labels": ["round", "@worker"], "rule_type": "weekly", "interval": 2,
        "timezone": "Europe/Berlin", "anchor_day": 31, "anchor_month": 2, "anchor_weekday": 1,
        "next_due_at": FAR, "skip_if_open": false, "active": false,
        "assigned_to_agent_id": worker.id,
    });
    let made = client.post_once("/v1/recurrences", "key-1", fields.clone()).await.expect(201);
    assert_has(&made, fields.clone());
    assert_has(
        &made,
        json!({
            "project_id": null, "last_spawned_at": null, "created_by_agent_id": creator.id,
        }),
    );
    assert_eq!(made["created_by_agent"]["id"], creator.id);
    assert_eq!(made["assigned_to_agent"]["id"], worker.id);
    assert_timestamp(&made["created_at"]);
    assert_eq!(made["updated_at"], made["created_at"]);
    assert_eq!(made.as_object().map(serde_json::Map::len), Some(22), "{made}");
    let again = client.post_once("/v1/recurrences", "key-1", fields).await;
    assert_eq!((again.header("Idempotency-Replayed"), &again.body), ("true", &made));
    let path = path(&made);
    assert_eq!(client.get(&path).await.expect(200), made);

    let change = json!({
        "content": "Make it short", "labels": "a, b", "interval": 1, "active": true,
        "description": null, "assigned_to_agent_id": null, "anchor_month": null,
    });
    let changed = client.patch(&path, change.clone()).await.expect(200);
    assert_has(&changed, with(change, json!({ "labels": ["a", "b"], "assigned_to_agent": null })));
    assert_has(&changed, json!({ "anchor_day": 31, "anchor_weekday": 1, "priority": 3 }));
    assert_ne!(changed["updated_at"], made["updated_at"]);
    // What it has already is no change, and PUT is PATCH: a record may be sent back whole.
    assert_eq!(client.put(&path, changed.clone()).await.expect(200), changed);
    assert_eq!(client.put(&path, json!({})).await.expect(200), changed);
    assert_eq!(client.get(&path).await.expect(200), changed);

    assert_eq!(client.delete(&path).await.expect(200), json!({ "ok": true }));
    problem(&client.get(&path).await, 404);
    problem(&client.delete(&path).await, 404);
    for path in [&path, "/v1/recurrences/nothing", &format!("/v1/recurrences/{UNKNOWN}")] {
        let refused = client.patch(path, json!({ "content": "x" })).await;
        assert_eq!(problem(&refused, 404)["detail"], "Recurrence not found");
    }
    assert!(!ids(&client.get("/v1/recurrences").await.expect(200)).contains(&text(&made, "id")));
}

#[tokio::test]
async fn what_is_left_out_has_a_value_and_the_first_occurrence_is_ahead() {
    let world = World::shared().await;
    let admin = world.agent_with("admin", json!({ "role": "admin" })).await.client;
    let body = json!({ "content": "c", "rule_type": "daily" });
    let made = admin.post("/v1/recurrences", body).await.expect(201);
    assert_has(
        &made,
        json!({
            "description": null, "project_id": null, "priority": 2, "labels": [],
            "assigned_to_agent_id": null, "interval": 1, "timezone": "UTC", "anchor_day": null,
            "anchor_month": null, "anchor_weekday": null, "last_spawned_at": null,
            "active": true, "skip_if_open": true,
        }),
    );
    let due = text(&made, "next_due_at");
    assert!(due.ends_with("T00:00:00.000Z") && due > text(&made, "created_at"), "{due}");

    // Another rule, with the same time of day; another zone, with the same hands of the clock.
    let made = recurrence(&admin, json!({ "rule_type": "monthly", "anchor_day": 31 })).await;
    let path = path(&made);
    let change = json!({ "timezone": "asia/tokyo" });
    let changed = admin.patch(&path, change).await.expect(200);
    assert_eq!(changed["timezone"], "Asia/Tokyo");
    assert_eq!(changed["next_due_at"], "2099-03-31T00:30:00.000Z");
    let change = json!({ "rule_type": "yearly", "anchor_month": 2, "timezone": "UTC" });
    let changed = admin.patch(&path, change).await.expect(200);
    assert_eq!(changed["next_due_at"], "2099-02-28T09:30:00.000Z");
    let change = json!({ "anchor_day": 1, "next_due_at": "2098-05-06T07:08:09+02:00" });
    let changed = admin.patch(&path, change).await.expect(200);
    assert_eq!(changed["next_due_at"], "2098-05-06T05:08:09.000Z");
    // No other field moves it.
    let changed = admin.patch(&path, json!({ "priority": 5, "active": false })).await;
    assert_eq!(changed.expect(200)["next_due_at"], "2098-05-06T05:08:09.000Z");
}

#[tokio::test]
async fn wrong_fields_are_named() {
    let world = World::shared().await;
    let client = world.agent("creator").await.client;
    let path = path(&recurrence(&client, json!({})).await);
    let long = "x".repeat(2_001);
    for (field, value) in [
        ("content", json!("")),
        ("content", json!(" ")),
        ("content", json!(long)),
        ("content", json!(5)),
        ("content", json!(null)),
        ("rule_type", json!("hourly")),
        ("rule_type", json!(null)),
        ("interval", json!(0)),
        ("interval", json!(10_001)),
        ("interval", json!("2")),
        ("timezone", json!("Mars/Olympus")),
        ("timezone", json!("+01:00")),
        ("timezone", json!("")),
        ("anchor_day", json!(0)),
        ("anchor_day", json!(32)),
        ("anchor_month", json!(13)),
        ("anchor_weekday", json!(7)),
        ("anchor_weekday", json!(-1)),
        ("next_due_at", json!("tomorrow")),
        ("next_due_at", json!("2026-03-17")),
        ("next_due_at", json!("1969-12-31T23:59:59Z")),
        ("priority", json!(6)),
        ("labels", json!(7)),
        ("description", json!("x".repeat(10_001))),
        ("skip_if_open", json!("yes")),
        ("active", json!(1)),
    ] {
        let wrong = json!({ field: value });
        wrong_field(&client.patch(&path, wrong.clone()).await, field);
        let body = with(json!({ "content": "c", "rule_type": "daily" }), wrong);
        wrong_field(&client.post("/v1/recurrences", body).await, field);
    }
    for field in ["interval", "timezone", "next_due_at", "priority", "active"] {
        wrong_field(&client.patch(&path, json!({ field: null })).await, field);
    }
    for field in ["content", "rule_type"] {
        let mut body = json!({ "content": "c", "rule_type": "daily" });
        body.as_object_mut().expect("an object").remove(field);
        wrong_field(&client.post("/v1/recurrences", body).await, field);
    }
    let dead = world.agent("dead").await;
    let update = json!({ "active": false });
    world.project().patch(&format!("/v1/agents/{}", dead.id), update).await.expect(200);
    let given = json!({ "assigned_to_agent_id": dead.id });
    wrong_field(&client.patch(&path, given).await, "assigned_to_agent_id");
    let given = json!({ "assigned_to_agent_id": "nobody at all" });
    problem(&client.patch(&path, given).await, 404);
}

#[tokio::test]
async fn creator_and_assignee_see_it_and_its_creator_and_admins_change_it() {
    let world = World::new().await;
    let (creator, assignee) = (world.agent("creator").await, world.agent("assignee").await);
    let stranger = world.agent("stranger").await;
    let overseer = world.agent_with("overseer", json!({ "role": "coordinator" })).await;
    let admin = world.agent_with("boss", json!({ "role": "admin" })).await;
    let given = json!({ "assigned_to_agent_id": assignee.id });
    let first = recurrence(&creator.client, given).await;
    let second = recurrence(&world.project(), json!({})).await;
    let third = recurrence(&creator.client, json!({})).await;
    let [one, two, three] = [&first, &second, &third].map(|it| text(it, "id"));
    for (client, expected) in [
        (&creator.client, vec![&one, &three]),
        (&assignee.client, vec![&one]),
        (&stranger.client, vec![]),
        (&overseer.client, vec![&one, &two, &three]),
        (&admin.client, vec![&one, &two, &three]),
        (&world.project(), vec![&one, &two, &three]),
    ] {
        let list = client.get("/v1/recurrences").await.expect(200);
        assert_eq!(ids(&list).iter().collect::<Vec<_>>(), expected);
    }
    assert_eq!(second["created_by_agent_id"], Value::Null);
    let path = path(&first);
    problem(&stranger.client.get(&path).await, 404);
    problem(&stranger.client.patch(&path, json!({ "active": false })).await, 404);
    for reader in [&assignee.client, &overseer.client] {
        assert_eq!(reader.get(&path).await.expect(200), first);
        for refused in
            [reader.patch(&path, json!({ "active": false })).await, reader.delete(&path).await]
        {
            let detail = "only its creator or an admin may change a recurrence";
            assert_eq!(problem(&refused, 403)["detail"], detail);
        }
    }
    // Nobody's any more but its creator's.
    admin.client.patch(&path, json!({ "assigned_to_agent_id": null })).await.expect(200);
    problem(&assignee.client.get(&path).await, 404);

    let launch = world.project().post("/v1/projects", json!({ "name": "Launch" })).await;
    let launch = text(&launch.expect(201), "id");
    let of_project = json!({ "project_id": launch });
    problem(&creator.client.patch(&path, of_project.clone()).await, 403);
    let kept = admin.client.patch(&path, of_project.clone()).await.expect(200);
    assert_has(&kept, of_project.clone());
    // What it is in already is no wish.
    assert_eq!(creator.client.patch(&path, of_project).await.expect(200), kept);
    problem(&admin.client.patch(&path, json!({ "project_id": UNKNOWN })).await, 404);
    world.project().delete(&format!("/v1/projects/{launch}")).await.expect(200);
    assert_eq!(creator.client.get(&path).await.expect(200)["project_id"], Value::Null);
}

#[tokio::test]
async fn occurrences_that_were_missed_give_one_task_and_an_unfinished_one_gives_none() {
    let world = World::new().await;
    let creator = world.agent("creator").await;
    let client = &creator.client;
    let made = recurrence(client, json!({ "next_due_at": "2026-01-05T07:30:00Z" })).await;
    let first = wait_for(LIMIT, "a task", async || tasks(client, &made).await.pop()).await;
    assert_has(
        &first,
        json!({
            "content": "round", "due_date": "2026-01-05", "status": "open",
            "created_by_agent_id": creator.id, "accountable_agent_id": creator.id,
        }),
    );
    let path = path(&made);
    let now = client.get(&path).await.expect(200);
    let next = text(&now, "next_due_at");
    assert!(next.ends_with("T07:30:00.000Z") && next > text(&first, "created_at"), "{now}");
    assert_eq!(now["last_spawned_at"], first["created_at"]);

    // Its task is unfinished: the occurrence goes by.
    let passed = json!({ "next_due_at": "2026-01-06T07:30:00Z" });
    let moves_on = async |passed: &Value| {
        let moved = client.patch(&path, passed.clone()).await.expect(200);
        wait_until(LIMIT, "the occurrence has passed", async || {
            client.get(&path).await.expect(200)["next_due_at"] != moved["next_due_at"]
        })
        .await;
        client.get(&path).await.expect(200)
    };
    let after = moves_on(&passed).await;
    assert_eq!(after["last_spawned_at"], now["last_spawned_at"]);
    assert_eq!(tasks(client, &made).await.len(), 1);
    // It is finished, or nobody minds.
    let complete = format!("/v1/tasks/{}/complete", text(&first, "id"));
    client.post(&complete, json!({})).await.expect(200);
    moves_on(&json!({ "next_due_at": "2026-01-07T07:30:00Z" })).await;
    assert_eq!(tasks(client, &made).await.len(), 2);
    let careless = json!({ "next_due_at": "2026-01-08T07:30:00Z", "skip_if_open": false });
    moves_on(&careless).await;
    assert_eq!(tasks(client, &made).await.len(), 3);

    // Out of use nothing comes of it, and in use again it does.
    let paused = json!({ "next_due_at": "2026-01-09T07:30:00Z", "active": false });
    let paused = client.patch(&path, paused).await.expect(200);
    let marker = recurrence(client, json!({ "next_due_at": "2026-01-09T07:30:00Z" })).await;
    wait_for(LIMIT, "a task of another", async || tasks(client, &marker).await.pop()).await;
    assert_eq!(client.get(&path).await.expect(200), paused);
    moves_on(&json!({ "active": true })).await;
    assert_eq!(tasks(client, &made).await.len(), 4);
    // They stay when it goes.
    client.delete(&path).await.expect(200);
    assert_eq!(tasks(client, &made).await.len(), 4);
}
