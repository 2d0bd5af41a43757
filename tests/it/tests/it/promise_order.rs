//! P2: positions are gapless and equal to commit order, and the database itself keeps the log
//! append-only. P4: commands on one stream are serialised; one on several commits whole or not.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio_postgres::error::SqlState;

use crate::record::{self, Recorded};
use crate::world::{World, assert_has, ids, problem, text};

const WRITERS: usize = 8;
const TASKS_PER_WRITER: usize = 25;

#[tokio::test(flavor = "multi_thread")]
async fn positions_are_gapless_at_every_instant_of_a_load_on_two_nodes() {
    let world = World::new().await;
    let node = world.another_node().await;
    let done = Arc::new(AtomicBool::new(false));
    // A reader that has seen position n must never meet a new event at or below n.
    let reader = tokio::spawn({
        let (database, done) = (world.database.connect().await, done.clone());
        async move {
            let (mut last, mut looks) = (0, 0);
            while !done.load(Ordering::Relaxed) {
                let (head, count) = record::head_and_count(&database).await;
                assert_eq!(head, count, "a position is missing below the head");
                assert!(head >= last, "the head went back from {last} to {head}");
                (last, looks) = (head, looks + 1);
            }
            looks
        }
    });
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let agent = world.agent("writer").await;
        let client = match writer % 2 {
            0 => agent.client,
            _ => agent.client.at(&node),
        };
        writers.spawn(async move {
            for n in 0..TASKS_PER_WRITER {
                let body = json!({ "content": format!("{writer} {n}") });
                let made = client.post("/v1/tasks", body).await.expect(201);
                let path = format!("/v1/tasks/{}", text(&made, "id"));
                client.post(&format!("{path}/delegate"), json!({"content": "x"})).await.expect(201);
                client.post(&format!("{path}/complete"), json!({})).await.expect(200);
            }
        });
    }
    while let Some(written) = writers.join_next().await {
        written.expect("a writer that succeeds");
    }
    done.store(true, Ordering::Relaxed);
    assert!(reader.await.expect("a reader that sees no gap") > 10);

    let log = record::log(&world.database.connect().await).await;
    record::assert_gapless(&log);
    // Per round: created; created, delegated, child_delegated; completed.
    let of_tasks = log.iter().filter(|event| event.stream.0 == "task").count();
    assert_eq!(of_tasks, WRITERS * TASKS_PER_WRITER * 5);
}

#[tokio::test]
async fn the_database_refuses_to_change_or_remove_what_is_written() {
    let world = World::new().await;
    world.agent("witness").await.task("kept").await;
    let before = record::log(&world.database.connect().await).await;
    let owner = world.database.connect().await;
    let superuser = world.database.connect_as_superuser().await;
    for client in [&owner, &superuser] {
        for statement in [
            "update public.events set actor = 'nobody'",
            "update public.events set payload = payload where position = 1",
            "delete from public.events",
            "delete from public.events where position = 1",
            "truncate public.events",
            "truncate public.events cascade",
        ] {
            let refused = client.execute(statement, &[]).await.expect_err(statement);
            let code = refused.code().expect("an answer of the database");
            assert_eq!(*code, SqlState::RESTRICT_VIOLATION, "{statement}: {refused}");
        }
    }
    // Also in a session that plays replica, which ordinary triggers let pass.
    superuser.batch_execute("set session_replication_role = replica").await.expect("it may");
    superuser.execute("delete from public.events", &[]).await.expect_err("still refused");
    let after = record::log(&owner).await;
    assert_eq!(after.len(), before.len());
}

/// What the commands of one task look like in the log: runs of one correlation id.
fn commands(log: &[Recorded]) -> Vec<Vec<&Recorded>> {
    let mut commands: Vec<Vec<&Recorded>> = Vec::new();
    for event in log {
        match commands.last_mut() {
            Some(last) if last[0].correlation == event.correlation => last.push(event),
            _ => commands.push(vec![event]),
        }
    }
    commands
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delegation_commits_parent_and_child_together_also_when_many_race() {
    let world = World::new().await;
    let node = world.another_node().await;
    let boss = world.agent("boss").await;
    let parent = boss.task_id("parent").await;
    let path = format!("/v1/tasks/{parent}/delegate");
    let mut racers = JoinSet::new();
    for racer in 0..16 {
        let client = if racer % 2 == 0 { boss.client.clone() } else { boss.client.at(&node) };
        let path = path.clone();
        racers.spawn(async move {
            client.post(&path, json!({ "content": format!("child {racer}") })).await.expect(201)
        });
    }
    let mut children: Vec<String> = Vec::new();
    while let Some(child) = racers.join_next().await {
        children.push(text(&child.expect("an answer"), "id"));
    }
    let log = record::log(&world.database.connect().await).await;
    record::assert_gapless(&log);
    let delegations: Vec<Vec<&Recorded>> = commands(&log)
        .into_iter()
        .filter(|events| events.iter().any(|event| event.event == "task.child_delegated"))
        .collect();
    let mut recorded = Vec::new();
    for events in delegations {
        let mut names: Vec<&str> = events.iter().map(|event| event.event.as_str()).collect();
        names.sort_unstable();
        assert_eq!(names, ["task.child_delegated", "task.created", "task.delegated"]);
        let of_parent = events.iter().find(|event| event.stream.1 == parent).expect("the parent");
        let of_child = events.iter().find(|event| event.stream.1 != parent).expect("the child");
        assert_eq!(of_parent.payload["child_id"], json!(of_child.stream.1));
        recorded.push(of_child.stream.1.clone());
    }
    children.sort();
    recorded.sort();
    assert_eq!(recorded, children);
    record::caught_up(&world).await;
    let listed = boss.client.get(&format!("/v1/tasks/{parent}/children")).await.expect(200);
    assert_eq!(ids(&listed).len(), 16);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_completions_of_one_task_are_one_event() {
    let world = World::new().await;
    let node = world.another_node().await;
    let boss = world.agent("boss").await;
    for _ in 0..10 {
        let id = boss.task_id("contended").await;
        let path = format!("/v1/tasks/{id}/complete");
        let mut racers = JoinSet::new();
        for racer in 0..8 {
            let client =
                if racer % 2 == 0 { boss.client.clone() } else { world.project().at(&node) };
            let path = path.clone();
            racers.spawn(async move {
                let body = json!({ "metadata": { "by": racer } });
                client.post(&path, body).await.expect(200)
            });
        }
        let mut answers: Vec<Value> = Vec::new();
        while let Some(answer) = racers.join_next().await {
            answers.push(answer.expect("an answer"));
        }
        let events = record::stream(&world.database.connect().await, &id).await;
        assert_eq!(record::names(&events), ["task.created", "task.completed"]);
        // The losers were told what the winner did.
        record::caught_up(&world).await;
        let after = boss.client.get(&format!("/v1/tasks/{id}")).await.expect(200);
        for answer in &answers {
            for field in ["metadata", "completed_at", "completed_by", "revision"] {
                assert_eq!(answer[field], after[field], "{field}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_change_is_lost_when_many_update_one_task() {
    let world = World::new().await;
    let node = world.another_node().await;
    let boss = world.agent("boss").await;
    let id = boss.task_id("contended").await;
    let path = format!("/v1/tasks/{id}");
    let mut racers = JoinSet::new();
    for racer in 0..16 {
        let client = if racer % 2 == 0 { boss.client.clone() } else { boss.client.at(&node) };
        let path = path.clone();
        racers.spawn(async move {
            for n in 0..5 {
                let key = format!("{racer}-{n}");
                let body = json!({ "metadata": { key: n }, "notes": format!("{racer} {n}") });
                client.patch(&path, body).await.expect(200);
            }
        });
    }
    while let Some(done) = racers.join_next().await {
        done.expect("every update is taken");
    }
    record::caught_up(&world).await;
    let after = boss.client.get(&path).await.expect(200);
    assert_eq!(after["metadata"].as_object().map(serde_json::Map::len), Some(80));
    assert_eq!(after["notes"].as_array().map(Vec::len), Some(80));
    assert_eq!(after["revision"], 81);
    record::assert_gapless(&record::log(&world.database.connect().await).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn contradicting_commands_are_decided_one_after_the_other() {
    let world = World::new().await;
    let boss = world.agent("boss").await;
    for round in 0..10 {
        let id = boss.task_id("contested").await;
        let path = format!("/v1/tasks/{id}");
        let (complete, cancel) = (format!("{path}/complete"), format!("{path}/cancel"));
        let admin = world.project();
        let (completed, cancelled) =
            tokio::join!(boss.client.post(&complete, json!({})), admin.post(&cancel, json!({})));
        // A completed task cannot be cancelled, nor the other way round.
        let winner = match (completed.status, cancelled.status) {
            (200, 409) => "completed",
            (409, 200) => "cancelled",
            other => panic!("round {round}: {other:?}"),
        };
        problem(if winner == "completed" { &cancelled } else { &completed }, 409);
        let after = boss.client.get(&path).await.expect(200);
        assert_has(&after, json!({ "status": winner, "revision": 2 }));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_name_is_given_once_however_many_ask_for_it() {
    let world = World::new().await;
    let node = world.another_node().await;
    let mut racers = JoinSet::new();
    for racer in 0..8 {
        let admin = world.project();
        let admin = if racer % 2 == 0 { admin } else { admin.at(&node) };
        racers
            .spawn(async move { admin.post("/v1/agents", json!({ "name": "one" })).await.status });
    }
    let mut statuses = Vec::new();
    while let Some(status) = racers.join_next().await {
        statuses.push(status.expect("an answer"));
    }
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409, 409, 409, 409, 409, 409, 409]);
}
