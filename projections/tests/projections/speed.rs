//! How fast a model is rebuilt, followed and read at sizes that only show on demand:
//! `cargo test --release -p baton-projections --test it -- --ignored --nocapture --test-threads 1`.

#![expect(clippy::print_stdout, reason = "its findings are for whoever asked")]

use std::time::{Duration, Instant};

use baton_domain::{
    Standing, TaskId,
    account::Role,
    stored::Event,
    task::{Changes, Status, TaskEvent},
};
use baton_projections::tasks::{Assignee, Page, Scope, TaskFilter, shown_statuses};
use baton_projections::{Model, check, rebuild};
use serde_json::json;
use tokio_postgres::Client;
use uuid::Uuid;

use crate::world::{LIMIT, Tenant, World, agent, standing};

/// Tasks that are under way at once.
const OPEN: usize = 2_000;
/// Events that one statement writes.
const CHUNK: usize = 20_000;

/// Writes a log of one account behind the log's back: one task takes `steps` events, of
/// `OPEN` tasks at once, the last of them a completion for all but every tenth task.
struct Writer {
    account: String,
    position: i64,
    rows: Vec<(i64, Uuid, i64, &'static str, String, String)>,
}

impl Writer {
    async fn write(&mut self, client: &Client, at: (Uuid, i64), what: &(u128, TaskEvent)) {
        let ((task, version), (by, event)) = (at, what);
        self.position += 1;
        let stored = event.encode();
        let actor = format!("agent:{}", agent(*by));
        self.rows.push((self.position, task, version, stored.event_type, stored.payload, actor));
        if self.rows.len() >= CHUNK {
            self.flush(client).await;
        }
    }

    async fn flush(&mut self, client: &Client) {
        let rows = std::mem::take(&mut self.rows);
        let positions: Vec<i64> = rows.iter().map(|row| row.0).collect();
        let tasks: Vec<String> = rows.iter().map(|row| row.1.simple().to_string()).collect();
        let versions: Vec<i64> = rows.iter().map(|row| row.2).collect();
        let types: Vec<&str> = rows.iter().map(|row| row.3).collect();
        let payloads: Vec<&str> = rows.iter().map(|row| row.4.as_str()).collect();
        let actors: Vec<&str> = rows.iter().map(|row| row.5.as_str()).collect();
        let insert = "insert into public.events (position, account_id, account_seq, stream_kind,
                stream_id, version, event_id, event_type, schema_version, payload, actor,
                correlation_id, recorded_at, content_hash)
            select p, $1, p, 'task', s, v, gen_random_uuid(), t, 1, d::json, a,
                gen_random_uuid(), '2026-01-01'::timestamptz + p * interval '1 ms',
                decode(repeat('00', 32), 'hex')
            from unnest($2::bigint[], $3::text[], $4::bigint[], $5::text[], $6::text[], $7::text[])
                as n (p, s, v, t, d, a)";
        client
            .execute(
                insert,
                &[&self.account, &positions, &tasks, &versions, &types, &payloads, &actors],
            )
            .await
            .unwrap();
    }
}

fn id(n: usize) -> TaskId {
    // As a v7 id: time first, then what looks random.
    let n = n as u128;
    TaskId(Uuid::from_u128((0x0198 << 112) | (n << 70) | (n * 7_919 % 1_000_003)))
}

/// The events of task `n`, in order.
fn story(n: usize, steps: usize) -> Vec<(u128, TaskEvent)> {
    let worker = 1 + n as u128 % 50;
    let mut labels = vec![];
    if n.is_multiple_of(3) {
        labels.push("common".to_owned());
    }
    if n.is_multiple_of(1_000) {
        labels.push("rare".to_owned());
    }
    if n.is_multiple_of(7) {
        labels.push("@writer".to_owned());
    }
    let created = Changes {
        content: Some(format!("Research AI task management competitors, part {n}")),
        priority: Some(1 + (n % 5) as u8),
        max_retries: Some(2),
        labels: Some(labels),
        assigned_to: Some((!n.is_multiple_of(10)).then(|| agent(worker))),
        metadata: json!({"pipeline": "blog", "step": n % 4}).as_object().cloned(),
        ..Changes::default()
    };
    let said = |key: &str| Changes {
        metadata: json!({key: "## Competitor Analysis\n1. Tool A\n2. Tool B"}).as_object().cloned(),
        ..Changes::default()
    };
    let mut story =
        vec![(0, TaskEvent::Created { task_id: id(n), changes: created, parent: None })];
    let last = match n % 10 {
        9 => TaskEvent::Blocked,
        _ => TaskEvent::Completed { changes: said("result"), evidence: None },
    };
    let middle = [
        TaskEvent::Claimed { lease_expires_at: None },
        TaskEvent::Updated { changes: said("draft"), transition: None },
    ];
    story.extend(middle.into_iter().take(steps.saturating_sub(2)).map(|event| (worker, event)));
    if steps > 1 {
        story.push((worker, last));
    }
    story
}

async fn write_log(client: &Client, account: &str, tasks: usize, steps: usize) -> i64 {
    let mut writer = Writer { account: account.to_owned(), position: 0, rows: vec![] };
    for first in (0..tasks).step_by(OPEN) {
        let stories: Vec<_> =
            (first..tasks.min(first + OPEN)).map(|n| (id(n).0, story(n, steps))).collect();
        for step in 0..steps {
            for (task, story) in &stories {
                writer.write(client, (*task, step as i64 + 1), &story[step]).await;
            }
        }
    }
    writer.flush(client).await;
    client.batch_execute("vacuum analyze public.events").await.unwrap();
    writer.position
}

fn rate(events: i64, took: Duration) -> f64 {
    (events as f64 / took.as_secs_f64()).round()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "minutes, and only of interest with --release"]
async fn a_million_events() {
    let world = World::idle().await;
    let tenant = Tenant::new();
    let client = world.database.connect().await;
    let events = write_log(&client, tenant.id.as_str(), 250_000, 4).await;
    set_checkpoint(&client, events).await;
    let rebuilt = rebuild(&world.log, &world.pool, Model::Tasks).await.unwrap();
    println!("rebuild: {events} events in {:?}: {}/s", rebuilt.took, rate(events, rebuilt.took));
    let started = Instant::now();
    assert_eq!(check(&world.log, &world.pool, Model::Tasks).await.unwrap(), []);
    println!("check: {:?}", started.elapsed());

    // The same events once more, live: one by one batch, into indexed tables.
    client.batch_execute("truncate read.tasks, read.task_lists").await.unwrap();
    set_checkpoint(&client, 0).await;
    let started = Instant::now();
    let world = world.followed();
    world.reads.wait(Model::Tasks, events, 10 * LIMIT).await.unwrap();
    println!("live: {:?}: {}/s", started.elapsed(), rate(events, started.elapsed()));
    assert_eq!(check(&world.log, &world.pool, Model::Tasks).await.unwrap(), []);
    world.stop().await;
}

async fn set_checkpoint(client: &Client, position: i64) {
    let name = Model::Tasks.subscription_name();
    let sql = "update public.subscriptions set position = $2 where name = $1";
    assert_eq!(client.execute(sql, &[&name, &position]).await.unwrap(), 1);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "minutes, and only of interest with --release"]
async fn pages_cost_the_same_at_any_size() {
    for (tasks, steps) in [(1_000, 1), (1_000, 2), (1_000_000, 1), (1_000_000, 2)] {
        let world = World::idle().await;
        let tenant = Tenant::new();
        let client = world.database.connect().await;
        let events = write_log(&client, tenant.id.as_str(), tasks, steps).await;
        set_checkpoint(&client, events).await;
        let rebuilt = rebuild(&world.log, &world.pool, Model::Tasks).await.unwrap();
        let state = if steps == 1 { "all open" } else { "nine of ten completed" };
        println!("\n{tasks} tasks, {state}; rebuilt in {:?}", rebuilt.took);
        let sizes = "select relname::text, pg_size_pretty(pg_relation_size(oid)) from pg_class
            where relnamespace = 'read'::regnamespace order by 1";
        for row in client.query(sizes, &[]).await.unwrap() {
            print!("{} {}; ", row.get::<_, &str>(0), row.get::<_, &str>(1));
        }
        println!();
        for (what, caller, filter, page) in questions() {
            time(&world, &tenant, what, &caller, (&filter, page)).await;
        }
        let mut took = Duration::MAX;
        for _ in 0..10 {
            let started = Instant::now();
            world.reads.tasks_by_root(&tenant.id, id(tasks / 2)).await.unwrap();
            took = took.min(started.elapsed());
        }
        println!("{:>9.3} ms  chain", took.as_secs_f64() * 1e3);
        let agents: Vec<_> = (0..51).map(agent).collect();
        let started = Instant::now();
        world.reads.open_task_counts(&tenant.id, &agents).await.unwrap();
        println!("{:>9.3} ms  open counts of 51 agents", started.elapsed().as_secs_f64() * 1e3);
        let started = Instant::now();
        world.reads.unfinished_tasks(&tenant.id, agent(3)).await.unwrap();
        println!("{:>9.3} ms  unfinished tasks of one", started.elapsed().as_secs_f64() * 1e3);
        world.stop().await;
    }
}

fn questions() -> Vec<(&'static str, Standing, TaskFilter, Page)> {
    let project = Standing::project();
    let creator = standing(0, Role::Worker, &["orchestrator"]);
    let writer = standing(5, Role::Worker, &["worker-5", "writer"]);
    let stranger = standing(77, Role::Worker, &["nobody"]);
    let page = |limit| Page { limit, offset: 0, scope: Scope::Page };
    let default = TaskFilter::default;
    let labelled = |label: &str| TaskFilter { labels: vec![label.to_owned()], ..default() };
    let of = |n| TaskFilter { assigned_to: Some(Assignee::Agent(agent(n))), ..default() };
    let completed = TaskFilter { statuses: shown_statuses(None, Some(true), false), ..default() };
    let only = |status| TaskFilter { statuses: vec![status], ..default() };
    vec![
        ("project, 100", project.clone(), default(), page(100)),
        ("project, 500", project.clone(), default(), page(500)),
        (
            "project, 500 at offset 10,000",
            project.clone(),
            default(),
            Page { limit: 500, offset: 10_000, scope: Scope::Page },
        ),
        ("project, completed, 100", project.clone(), completed.clone(), page(100)),
        ("project, claimed status, 100", project.clone(), only(Status::Claimed), page(100)),
        ("project, of agent 3, 100", project.clone(), of(3), page(100)),
        ("project, rare label, 100", project.clone(), labelled("rare"), page(100)),
        ("project, common label, 100", project, labelled("common"), page(100)),
        ("creator of all, 100", creator.clone(), default(), page(100)),
        ("creator of all, rare label, 100", creator.clone(), labelled("rare"), page(100)),
        ("creator of all, of agent 3, 100", creator.clone(), of(3), page(100)),
        ("creator of all, completed, 100", creator, completed, page(100)),
        ("worker with a route, 100", writer.clone(), default(), page(100)),
        ("worker with a route, 500", writer.clone(), default(), page(500)),
        ("worker, its own, 100", writer.clone(), of(5), page(100)),
        ("worker, common label, 100", writer, labelled("common"), page(100)),
        ("stranger, 100", stranger, default(), page(100)),
    ]
}

async fn time(
    world: &World,
    tenant: &Tenant,
    what: &str,
    caller: &Standing,
    (filter, page): (&TaskFilter, Page),
) {
    let mut took = Vec::new();
    let mut found = 0;
    for _ in 0..15 {
        let started = Instant::now();
        let answer = world.reads.list(&tenant.id, caller, filter, page).await.unwrap();
        took.push(started.elapsed());
        found = answer.tasks.len();
    }
    took.sort();
    println!("{:>9.3} ms  {what} ({found} found)", took[7].as_secs_f64() * 1e3);
}
