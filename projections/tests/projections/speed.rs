//! How fast a model is rebuilt, followed and read at sizes that only show on demand:
//! `cargo test --release -p baton-projections --test it -- --ignored --nocapture --test-threads 1`.

#![expect(clippy::print_stdout, reason = "its findings are for whoever asked")]

use std::time::{Duration, Instant};

use baton_domain::{Standing, account::Role, task::Status};
use baton_feed::Handler as _;
use baton_history::History;
use baton_projections::tasks::{Assignee, Page, Scope, Sort, TaskFilter, shown_statuses};
use baton_projections::{Model, Projector, check, rebuild};
use deadpool_postgres::{Manager, Pool};
use tokio_postgres::NoTls;

use crate::flood::{Lives, id, set_checkpoint, write_lives, write_log};
use crate::world::{LIMIT, Tenant, World, agent, standing};

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
    set_checkpoint(&client, Model::Tasks, events).await;
    let rebuilt = rebuild(&world.log, &world.pool, Model::Tasks).await.unwrap();
    println!("rebuild: {events} events in {:?}: {}/s", rebuilt.took, rate(events, rebuilt.took));
    let started = Instant::now();
    assert_eq!(check(&world.log, &world.pool, Model::Tasks).await.unwrap(), []);
    println!("check: {:?}", started.elapsed());

    // The same events once more, live: one by one batch, into indexed tables.
    client.batch_execute("truncate read.tasks, read.task_lists, read.task_tallies").await.unwrap();
    set_checkpoint(&client, Model::Tasks, 0).await;
    let started = Instant::now();
    let world = world.followed();
    world.reads.wait(Model::Tasks, events, 10 * LIMIT).await.unwrap();
    println!("live: {:?}: {}/s", started.elapsed(), rate(events, started.elapsed()));
    assert_eq!(check(&world.log, &world.pool, Model::Tasks).await.unwrap(), []);
    world.stop().await;
}

/// Tasks that are completed soon, and tasks that stay open for long.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "minutes, and only of interest with --release"]
async fn whole_lives() {
    for (families, open) in [(40_000, 64), (20_000, 20_000)] {
        let world = World::idle().await;
        let tenant = Tenant::new();
        let client = world.database.connect().await;
        let lives = Lives { families, open, sentences: 4 };
        let events = write_lives(&client, tenant.id.as_str(), lives).await;
        for model in Model::ALL {
            set_checkpoint(&client, model, events).await;
            let took = rebuild(&world.log, &world.pool, model).await.unwrap().took;
            println!("{model}, {open} open: {events} events in {took:?}: {}/s", rate(events, took));
        }
        world.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "minutes, and only of interest with --release"]
async fn pages_cost_the_same_at_any_size() {
    for (tasks, steps) in [(1_000, 1), (1_000, 2), (1_000_000, 1), (1_000_000, 2)] {
        let world = World::idle().await;
        let tenant = Tenant::new();
        let client = world.database.connect().await;
        let events = write_log(&client, tenant.id.as_str(), tasks, steps).await;
        set_checkpoint(&client, Model::Tasks, events).await;
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
    let page = |limit| Page { limit, offset: 0, sort: Sort::Priority, scope: Scope::Page };
    let by = |sort| Page { sort, ..page(100) };
    let default = TaskFilter::default;
    let everything = TaskFilter { statuses: Status::ALL.to_vec(), ..default() };
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
            Page { limit: 500, offset: 10_000, sort: Sort::Priority, scope: Scope::Page },
        ),
        ("project, completed, 100", project.clone(), completed.clone(), page(100)),
        ("project, last changed, 100", project.clone(), everything.clone(), by(Sort::Updated)),
        ("project, last completed, 100", project.clone(), everything, by(Sort::Completed)),
        ("project, by due date (sorted), 100", project.clone(), default(), by(Sort::Due)),
        ("project, last changed of agent 3, 100", project.clone(), of(3), by(Sort::Updated)),
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

/// Processor time that a process took so far.
fn cpu(pid: i32) -> Duration {
    let text = std::fs::read_to_string(format!("/proc/{pid}/schedstat")).unwrap();
    Duration::from_nanos(text.split(' ').next().unwrap().parse().unwrap())
}

/// What a batch costs the one backend that writes it, and the log's journal.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "a minute, and only of interest with --release"]
async fn small_batches() {
    for (size, batches) in [(1, 8_000), (10, 800), (500, 32)] {
        let world = World::idle().await;
        let tenant = Tenant::new();
        let client = world.database.connect().await;
        let events = write_log(&client, tenant.id.as_str(), 10_000, 4).await;
        let manager = Manager::new(world.database.config(), NoTls);
        let pool = Pool::builder(manager).max_size(1).build().unwrap();
        let mut projector = Projector::live(History::new(world.log.clone()), Model::Tasks);
        // Some are there already, and the statements are known.
        let mut position = apply(&world, &pool, &mut projector, (0, 4_000, 100)).await;
        let of_backend = "select pg_backend_pid(), pg_current_wal_insert_lsn()::text";
        let row = pool.get().await.unwrap().query_one(of_backend, &[]).await.unwrap();
        let (pid, wal): (i32, String) = (row.get(0), row.get(1));
        let (cpu_before, started) = (cpu(pid), Instant::now());
        let up_to = events.min(position + size * batches);
        position = apply(&world, &pool, &mut projector, (position, up_to, size)).await;
        let (took, cpu) = (started.elapsed(), cpu(pid) - cpu_before);
        let since = "select (pg_current_wal_insert_lsn() - $1::text::pg_lsn)::bigint";
        let wal: i64 = client.query_one(since, &[&wal]).await.unwrap().get(0);
        let done = position - 4_000;
        println!(
            "batches of {size}: a batch {:.3} ms, cpu {:.3} ms; an event cpu {:.3} ms, {} wal",
            took.as_secs_f64() * 1e3 / (done as f64 / size as f64),
            cpu.as_secs_f64() * 1e3 / (done as f64 / size as f64),
            cpu.as_secs_f64() * 1e3 / done as f64,
            wal / done,
        );
        set_checkpoint(&client, Model::Tasks, position).await;
        assert_eq!(check(&world.log, &world.pool, Model::Tasks).await.unwrap(), []);
        world.stop().await;
    }
}

async fn apply(
    world: &World,
    pool: &Pool,
    projector: &mut Projector,
    (mut position, up_to, size): (i64, i64, i64),
) -> i64 {
    while position < up_to {
        let events = world.log.after(position, size.min(up_to - position)).await.unwrap();
        position = events.last().unwrap().position;
        let mut client = pool.get().await.unwrap();
        let transaction = client.transaction().await.unwrap();
        transaction.execute("set local synchronous_commit = off", &[]).await.unwrap();
        projector.apply(&transaction, &events).await.unwrap();
        transaction.commit().await.unwrap();
    }
    position
}
