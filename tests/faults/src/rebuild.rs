//! A rebuild of the read models beside load: nobody's read fails, and no receiver hears of what
//! happened before.
//!
//! Must not: pass for a rate that the machine did not reach.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use baton_harness::baton::{Baton, Builder};
use baton_harness::client::{Client, agent, project};
use baton_harness::nats;
use baton_harness::postgres::{Database, own_cluster};
use baton_harness::receiver::Receiver;
use baton_harness::{record, wait_until};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::fill::{ID_OF, fill};
use crate::journal::Journal;

/// Clients that write side by side.
const WRITERS: u32 = 16;
/// Clients that read side by side.
const READERS: usize = 3;
/// Load before the rebuild, and after it.
const MARGIN: Duration = Duration::from_secs(3);
/// A long log takes its time on a busy machine.
const LIMIT: Duration = Duration::from_secs(1_200);
/// Of the rate that was asked for, reached at least.
const REACHED_MIN: f64 = 0.9;
const PUBLIC: &str = "select count(*) from public.events where stream_kind = 'task' \
     and event_type <> 'task.child_delegated' and position > $1";

/// How much.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// Events that the log has before.
    pub events: i64,
    /// Commands a second.
    pub rate: u32,
}

/// What the load came to.
#[derive(Default)]
struct Load {
    is_over: AtomicBool,
    commands: AtomicUsize,
    reads: AtomicUsize,
}

/// Fills a log, rebuilds every model beside reads and writes, and looks.
///
/// # Panics
///
/// When a read failed, a delivery was sent that must not be, a model differs from the log, or the
/// machine did not reach the rate.
pub async fn beside_load(size: Size, journal: &Journal) {
    let cluster = own_cluster().await;
    let (database, nats) = (cluster.database().await, nats::server().await);
    let roles = "api,projector,webhooks,policies";
    let mut baton = Builder::on(&database, &nats).roles(roles).start().await;
    let (writer, _) = agent(&baton, "writer").await;
    let filled = fill_up(&mut baton, &database, &writer, size.events).await;
    journal.line(&format!("{filled} events are in the log and in the read models"));

    let receiver = Receiver::start().await;
    let hook = json!({ "url": receiver.url(), "events": ["*"] });
    project(&baton).post("/v1/webhooks", hook).await.expect(201);
    let client = database.connect().await;
    let (before, _) = record::head_and_count(&client).await;
    let load = Arc::<Load>::default();
    let mut clients = JoinSet::new();
    for _ in 0..WRITERS {
        clients.spawn(write(writer.clone(), load.clone(), size.rate));
    }
    for _ in 0..READERS {
        let ids = old_tasks(&database, size.events).await;
        clients.spawn(read(project(&baton), ids, load.clone()));
    }
    let loaded = Instant::now();
    wait_until(LIMIT, "load before", async || loaded.elapsed() > MARGIN).await;
    let started = Instant::now();
    let rebuilt = baton.command(&["rebuild"]).await;
    let took = started.elapsed();
    assert!(rebuilt.status.success(), "{}", String::from_utf8_lossy(&rebuilt.stderr));
    let after = Instant::now();
    wait_until(LIMIT, "load after", async || after.elapsed() > MARGIN).await;
    load.is_over.store(true, Ordering::Relaxed);
    let lasted = loaded.elapsed();
    let slowest = slowest_read(clients).await;

    let expected: i64 = client.query_one(PUBLIC, &[&before]).await.expect("a count").get(0);
    assert_delivered(&receiver, usize::try_from(expected).expect("a count")).await;
    quiet(&database).await;
    let checked = baton.command(&["rebuild", "--check"]).await;
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stdout));
    let commands = load.commands.load(Ordering::Relaxed);
    let rate = commands as f64 / lasted.as_secs_f64();
    journal.line(&String::from_utf8_lossy(&rebuilt.stdout));
    journal.line(&format!(
        "rebuilt beside load in {took:.1?}; {rate:.0} commands/s, {} reads, none refused, the \
         slowest {slowest:.0?}; {expected} deliveries, none of old events",
        load.reads.load(Ordering::Relaxed),
    ));
    let wanted = f64::from(size.rate) * REACHED_MIN;
    assert!(rate >= wanted, "{rate:.0} commands/s are fewer than {wanted:.0}: a slow machine?");
}

/// One task's way, repeated until the log is long, and followed by the read models.
async fn fill_up(baton: &mut Baton, database: &Database, writer: &Client, events: i64) -> u64 {
    let made = writer.post("/v1/tasks", json!({ "content": "template" })).await.expect(201);
    let id = made["id"].as_str().expect("an id").to_owned();
    let path = format!("/v1/tasks/{id}");
    writer.patch(&path, json!({ "metadata": { "draft": "a" }, "labels": ["b"] })).await.expect(200);
    let body = json!({ "agent_id": "writer", "note": "c" });
    writer.post(&format!("{path}/delegate"), body).await.expect(200);
    writer.post(&format!("{path}/complete"), json!({})).await.expect(200);
    baton.stop().await;
    let filled = fill(&database.connect().await, &id, events).await;
    baton.restart().await;
    quiet(database).await;
    filled
}

/// Waits until every follower has everything.
async fn quiet(database: &Database) {
    let client = database.connect().await;
    wait_until(LIMIT, "every follower reaches the head", async || {
        let (head, _) = record::head_and_count(&client).await;
        let followers = record::followers(&client).await.expect("subscriptions can be read");
        followers.iter().all(|follower| follower.position >= head)
    })
    .await;
}

/// Ids of tasks that were there before.
async fn old_tasks(database: &Database, events: i64) -> Vec<String> {
    let client = database.connect().await;
    let mut ids = Vec::new();
    for _ in 0..20 {
        let number = fastrand::i64(0..events / 8);
        ids.push(client.query_one(ID_OF, &[&number]).await.expect("an id").get(0));
    }
    ids
}

/// Creates and completes tasks at this writer's part of the rate.
async fn write(client: Client, load: Arc<Load>, rate: u32) -> Duration {
    // Two commands each time.
    let mut pace = tokio::time::interval(Duration::from_secs(2) * WRITERS / rate);
    while !load.is_over.load(Ordering::Relaxed) {
        pace.tick().await;
        let made = client.post("/v1/tasks", json!({ "content": "new" })).await.expect(201);
        let path = format!("/v1/tasks/{}/complete", made["id"].as_str().expect("an id"));
        client.post(&path, json!({})).await.expect(200);
        load.commands.fetch_add(2, Ordering::Relaxed);
    }
    Duration::ZERO
}

/// Reads lists, tasks and chains without a pause; each read must succeed. The slowest.
async fn read(client: Client, ids: Vec<String>, load: Arc<Load>) -> Duration {
    let mut slowest = Duration::ZERO;
    for id in ids.iter().cycle() {
        if load.is_over.load(Ordering::Relaxed) {
            break;
        }
        let task = format!("/v1/tasks/{id}");
        let chain = format!("{task}/chain");
        for path in [&task, &chain, "/v1/tasks?completed=true&limit=20", "/v1/tasks?limit=20"] {
            let started = Instant::now();
            let shown: Value = client.get(path).await.expect(200);
            slowest = slowest.max(started.elapsed());
            assert!(path != task || shown["status"] == "completed", "{path}: {shown}");
            load.reads.fetch_add(1, Ordering::Relaxed);
        }
    }
    slowest
}

async fn slowest_read(mut clients: JoinSet<Duration>) -> Duration {
    let mut slowest = Duration::ZERO;
    while let Some(client) = clients.join_next().await {
        slowest = slowest.max(client.expect("no read or write failed"));
    }
    slowest
}

/// The receiver gets what happened since the webhook was made, and nothing else.
async fn assert_delivered(receiver: &Receiver, expected: usize) {
    wait_until(LIMIT, "every delivery", async || receiver.requests().len() >= expected).await;
    let requests = receiver.requests();
    let header = |name: &str| {
        let values = requests.iter().map(|request| request.header(name).to_owned());
        values.collect::<BTreeSet<String>>()
    };
    assert_eq!(header("X-Delega-Delivery").len(), expected, "deliveries");
    let contents: BTreeSet<String> =
        requests.iter().map(|request| request.json()["task"]["content"].to_string()).collect();
    assert_eq!(contents, BTreeSet::from(["\"new\"".to_owned()]), "tasks that were delivered");
}
