//! What is due is done, once, whoever holds the schedule and however long nobody did (P12).

use std::collections::BTreeMap;

use baton_harness::baton::Builder;
use baton_harness::client::{Client, Credential};
use baton_harness::{nats, postgres, wait_for, wait_until};
use serde_json::{Value, json};
use tokio_postgres::Client as Database;

use crate::operations::metrics;
use crate::poison::ByHand;
use crate::record;
use crate::world::{LIMIT, World, assert_has, patiently, text};

/// A daily recurrence that is due at this moment, with these fields, too.
async fn recurrence(client: &Client, due_at: &str, more: Value) -> String {
    let body = json!({ "content": "again", "rule_type": "daily", "next_due_at": due_at });
    let made = client.post("/v1/recurrences", crate::world::with(body, more)).await;
    text(&made.expect(201), "id")
}

/// How many tasks each recurrence has given.
async fn spawned(database: &Database) -> BTreeMap<String, usize> {
    let mut spawned = BTreeMap::new();
    for event in record::log(database).await {
        if event.event == "recurrence.spawned" {
            *spawned.entry(event.stream.1).or_default() += 1;
        }
    }
    spawned
}

/// Waits until each of these has given a task, and asserts that none has given two.
async fn each_once(database: &Database, ids: &[String]) {
    wait_until(LIMIT, "each has given a task", async || {
        let spawned = spawned(database).await;
        ids.iter().all(|id| spawned.contains_key(id))
    })
    .await;
    let spawned = spawned(database).await;
    assert!(ids.iter().all(|id| spawned[id] == 1), "{spawned:?}");
}

async fn many(client: &Client) -> Vec<String> {
    let mut ids = Vec::new();
    for _ in 0..20 {
        ids.push(recurrence(client, "2026-03-17T10:00:00Z", json!({})).await);
    }
    ids
}

#[tokio::test]
async fn the_task_of_an_occurrence_is_its_creators_and_due_on_its_day() {
    let world = World::new().await;
    let (creator, worker) = (world.agent("creator").await, world.agent("worker").await);
    let fields = json!({
        "description": "at length", "priority": 1, "labels": ["market"],
        "assigned_to_agent_id": worker.id, "timezone": "Asia/Tokyo",
    });
    // Already the next day there.
    let id = recurrence(&creator.client, "2026-03-17T20:00:00Z", fields).await;
    let database = world.database.connect().await;
    each_once(&database, std::slice::from_ref(&id)).await;
    let tasks = creator.client.get("/v1/tasks").await.expect(200);
    let [task] = &tasks.as_array().expect("a list")[..] else { panic!("one task, not {tasks}") };
    assert_has(
        task,
        json!({
            "content": "again", "description": "at length", "priority": 1, "labels": ["market"],
            "status": "open", "due_date": "2026-03-18", "source_recurrence_id": id,
            "created_by_agent_id": creator.id, "accountable_agent_id": creator.id,
            "assigned_to_agent_id": worker.id,
        }),
    );
    let path = format!("/v1/recurrences/{id}");
    let after = creator.client.get(&path).await.expect(200);
    assert_eq!(after["last_spawned_at"], task["created_at"], "{after}");
    assert!(after["next_due_at"].as_str() > task["created_at"].as_str(), "{after}");
    record::caught_up(&world).await;
    record::assert_models_equal_a_rebuild(&world).await;
}

/// P12: the scheduler may be away for any time.
#[tokio::test]
async fn without_a_scheduler_commands_go_on_and_it_makes_up_for_all_of_it() {
    let (database, nats) = (postgres::database().await, nats::server().await);
    let roles = "api,projector,relay,webhooks,policies";
    let api = Builder::on(&database, &nats).roles(roles).start().await;
    let admin = baton_harness::client::project(&api);
    let ids = many(&admin).await;
    let reminds = json!({ "content": "c", "reminder_time": "2026-03-17T10:00:00Z" });
    let reminds = text(&admin.post("/v1/tasks", reminds).await.expect(201), "id");
    let client = database.connect().await;
    assert!(spawned(&client).await.is_empty());
    let scheduler = || Builder::on(&database, &nats).roles("scheduler").start();
    let mut first = scheduler().await;
    wait_until(LIMIT, "it has begun", async || !spawned(&client).await.is_empty()).await;
    first.kill9();
    let more = many(&admin).await;
    let second = scheduler().await;
    each_once(&client, &[ids, more].concat()).await;
    wait_until(LIMIT, "the task has reminded", async || {
        let task = patiently(&admin, &format!("/v1/tasks/{reminds}")).await;
        task.expect(200)["reminder_sent"] == true
    })
    .await;
    drop(second);
}

#[tokio::test]
async fn a_stopped_holder_that_wakes_up_beside_its_successor_does_no_harm() {
    let world = World::new().await;
    let other = world.another_node().await;
    let database = world.database.connect().await;
    let admin = world.project().at(&other);
    record::caught_up(&world).await;
    let before = many(&admin).await;
    wait_until(LIMIT, "it has begun", async || !spawned(&database).await.is_empty()).await;
    world.baton.sigstop();
    let meanwhile = many(&admin).await;
    each_once(&database, &[before.clone(), meanwhile.clone()].concat()).await;
    world.baton.sigcont();
    let after = many(&admin).await;
    each_once(&database, &[before, meanwhile, after].concat()).await;
    record::caught_up(&world).await;
    let (total, ids) = (spawned(&database).await.values().sum::<usize>(), 60);
    assert_eq!(total, ids, "a task each");
}

/// Assignee and project gone, and an account that lets nobody in: nothing else waits for that.
#[tokio::test]
async fn what_cannot_be_done_as_it_was_meant_holds_up_nothing_else() {
    let world = World::new().await;
    let (admin, gone) = (world.project(), world.agent("gone").await);
    let project = admin.post("/v1/projects", json!({ "name": "Launch" })).await.expect(201);
    let project = text(&project, "id");
    let acme = world.another_account("acme").await;
    let fields = json!({ "assigned_to_agent_id": gone.id, "project_id": project });
    let orphan = recurrence(&admin, "2999-01-01T00:00:00Z", fields).await;
    let closed = recurrence(&acme, "2999-01-01T00:00:00Z", json!({})).await;
    let inactive = json!({ "active": false });
    admin.patch(&format!("/v1/agents/{}", gone.id), inactive).await.expect(200);
    assert!(admin.delete(&format!("/v1/projects/{project}")).await.status < 300);
    // Due now; the account closes behind it.
    let superuser = world.database.connect_as_superuser().await;
    let roles = "api,projector,relay,webhooks,policies";
    let mut world = world;
    world.baton.stop().await;
    let api = Builder::on(&world.database, &world.nats).roles(roles).start().await;
    let due = json!({ "next_due_at": "2026-03-17T10:00:00Z" });
    for (client, id) in [(&acme, &closed), (&admin, &orphan)] {
        client.at(&api).patch(&format!("/v1/recurrences/{id}"), due.clone()).await.expect(200);
    }
    drop(api);
    let version = "select max(e.version) from public.events e \
         where e.account_id = 'acme' and e.stream_kind = 'account'";
    let version: i64 = superuser.query_one(version, &[]).await.expect("events").get(0);
    let wrong = ByHand {
        account: "acme".to_owned(),
        kind: "account",
        stream: "acme".to_owned(),
        version: version + 1,
        event: "agent.exploded",
        ..ByHand::task_of(uuid::Uuid::new_v4())
    };
    wrong.insert(&superuser).await;
    world.baton.restart().await;
    each_once(&superuser, std::slice::from_ref(&orphan)).await;
    let tasks = wait_for(LIMIT, "its task is shown", async || {
        let tasks = patiently(&world.project(), "/v1/tasks").await.expect(200);
        (!tasks.as_array().expect("a list").is_empty()).then_some(tasks)
    })
    .await;
    assert_has(
        &tasks[0],
        json!({
            "source_recurrence_id": orphan, "assigned_to_agent_id": null, "project_id": null,
        }),
    );
    let failed = [("kind", "recurrence"), ("outcome", "failed")];
    wait_until(LIMIT, "it is said", async || {
        let seen = metrics(&world.baton).await;
        seen.value("baton_scheduler_fired_total", &failed).is_some_and(|count| count >= 1.0)
    })
    .await;
    assert!(world.baton.log().contains("not fired"), "{}", world.baton.log());
    assert!(!spawned(&superuser).await.contains_key(&closed));
    let key = Credential::None;
    let ready = Client::new(&world.baton.url(), key).get("/health/ready").await;
    let all = ready.body["subscriptions"].as_array().expect("subscriptions").clone();
    let scheduler = all.iter().find(|it| it["name"] == "scheduler").expect("the scheduler");
    assert_eq!(scheduler["failure"], Value::Null, "it does not stand still: {scheduler}");
}
