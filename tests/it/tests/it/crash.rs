//! `kill -9` of Baton under load, again and again: every acknowledged command is in the log, the
//! read models equal a rebuild, and the receiver and the JetStream stream got every event.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use baton_harness::client::{Answer, Client, try_send};
use baton_harness::receiver::{Received, Receiver};
use baton_harness::signature::verify_body;
use baton_harness::wait_until;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::record::{self, Recorded};
use crate::world::{Agent, LIMIT, World, seed, text};

const CLIENTS: usize = 6;
const KILLS: usize = 5;
/// Commands that are acknowledged between two kills, at least.
const ACKNOWLEDGED_PER_ROUND: usize = 40;
const SECRET: &str = "whsec_of-the-crash-test";

/// What a client was told, by a content that no other command has.
#[derive(Default)]
struct Told {
    /// Content, and the task that holds it.
    created: BTreeMap<String, String>,
    /// Tasks that were handed over, with the note that went along.
    handed: BTreeMap<String, String>,
    /// Tasks that were completed, with their result.
    completed: BTreeMap<String, String>,
    /// Children, and their parents.
    children: BTreeMap<String, String>,
}

struct Load {
    told: Mutex<Told>,
    acknowledged: AtomicUsize,
}

impl Load {
    fn tell(&self, tell: impl FnOnce(&mut Told)) {
        tell(&mut self.told.lock().expect("no client panics while it tells"));
        self.acknowledged.fetch_add(1, Ordering::Relaxed);
    }
}

/// One POST to a node that may be dying; `None` when nothing was promised.
async fn post(client: &Client, path: &str, body: Value) -> Option<Answer> {
    let answer = try_send(client.request(Method::POST, path).json(&body)).await.ok()?;
    match answer.status {
        200 | 201 => Some(answer),
        // Not taken for now: the node drains, or the database is not reached.
        503 => None,
        _ => panic!("POST {path} answered {}: {}", answer.status, answer.text),
    }
}

/// Creates, delegates in both forms, completes, until told to stop.
async fn client(load: Arc<Load>, agent: Agent, to: String, stop: watch::Receiver<bool>) {
    let client = &agent.client;
    for n in 0.. {
        if *stop.borrow() {
            return;
        }
        let content = format!("{} {n}", agent.name);
        let Some(made) = post(client, "/v1/tasks", json!({ "content": content })).await else {
            tokio::task::yield_now().await;
            continue;
        };
        let id = text(&made.body, "id");
        load.tell(|told| drop(told.created.insert(content.clone(), id.clone())));
        let path = format!("/v1/tasks/{id}");
        let delegate = format!("{path}/delegate");
        if n % 3 == 0 {
            let body = json!({ "content": format!("child of {content}") });
            if let Some(child) = post(client, &delegate, body).await {
                let child = text(&child.body, "id");
                load.tell(|told| drop(told.children.insert(child, id.clone())));
            }
        } else if n % 3 == 1 {
            let body = json!({ "agent_id": to, "note": content });
            if post(client, &delegate, body).await.is_some() {
                load.tell(|told| drop(told.handed.insert(id.clone(), content.clone())));
            }
        }
        let body = json!({ "metadata": { "result": content } });
        if post(client, &format!("{path}/complete"), body).await.is_some() {
            load.tell(|told| drop(told.completed.insert(id, content)));
        }
    }
}

/// Everything that was acknowledged stands in the log.
fn assert_recorded(told: &Told, log: &[Recorded]) {
    let of = |name: &str, id: &str| -> Vec<&Recorded> {
        log.iter().filter(|event| event.event == name && event.stream.1 == id).collect()
    };
    let once = |name: &str, id: &str| -> &Recorded {
        let found = of(name, id);
        assert_eq!(found.len(), 1, "{name} of {id}, which was acknowledged");
        found[0]
    };
    for (content, id) in &told.created {
        assert_eq!(once("task.created", id).payload["changes"]["content"], json!(content));
    }
    for (id, note) in &told.handed {
        assert_eq!(once("task.delegated", id).payload["changes"]["notes"], json!([note]));
    }
    for (id, result) in &told.completed {
        let completed = once("task.completed", id);
        assert_eq!(completed.payload["changes"]["metadata"]["result"], json!(result));
    }
    for (child, parent) in &told.children {
        let delegated = of("task.child_delegated", parent);
        let found = delegated.iter().filter(|event| event.payload["child_id"] == json!(child));
        assert_eq!(found.count(), 1, "{child} of {parent}, which was acknowledged");
        once("task.created", child);
        once("task.delegated", child);
    }
    let contents: Vec<&Value> = log
        .iter()
        .filter(|event| event.event == "task.created")
        .map(|event| &event.payload["changes"]["content"])
        .collect();
    let unique: BTreeSet<String> = contents.iter().map(|content| content.to_string()).collect();
    assert_eq!(unique.len(), contents.len(), "a command was carried out twice");
}

/// Events that webhooks hear of.
fn public(log: &[Recorded]) -> Vec<&Recorded> {
    let is_public =
        |event: &&Recorded| event.stream.0 == "task" && event.event != "task.child_delegated";
    log.iter().filter(is_public).collect()
}

/// Deliveries by id: of which event, of which task, with which revision.
fn deliveries(requests: &[Received]) -> BTreeMap<String, (String, String, Value)> {
    let mut deliveries = BTreeMap::new();
    for request in requests {
        verify_body(request, SECRET).expect("every delivery is signed");
        let body = request.json();
        let what = (
            request.event().to_owned(),
            text(&body["task"], "id"),
            body["task"]["revision"].clone(),
        );
        let id = request.header("X-Delega-Delivery").to_owned();
        let before = deliveries.insert(id.clone(), what.clone());
        assert!(before.is_none_or(|before| before == what), "{id} was two different events");
    }
    deliveries
}

/// How many there are of each event of each task.
fn count<'a>(of: impl Iterator<Item = (&'a str, &'a str)>) -> BTreeMap<(String, String), usize> {
    let mut counts = BTreeMap::new();
    for (event, task) in of {
        *counts.entry((event.to_owned(), task.to_owned())).or_default() += 1;
    }
    counts
}

fn below(random: &mut TestRunner, end: usize) -> usize {
    (0..end).new_tree(random).expect("a range gives a number").current()
}

async fn run(seed: [u8; 32]) {
    let random = TestRng::from_seed(RngAlgorithm::ChaCha, &seed);
    let mut random = TestRunner::new_with_rng(Config::default(), random);
    let mut world = World::new().await;
    let receiver = Receiver::start().await;
    let hook = json!({ "url": receiver.url(), "events": ["*"], "secret": SECRET });
    world.project().post("/v1/webhooks", hook).await.expect(201);
    let told = Mutex::new(Told::default());
    let load = Arc::new(Load { told, acknowledged: AtomicUsize::new(0) });
    let (stop, stopped) = watch::channel(false);
    let to = world.agent("assignee").await.id;
    let mut clients = JoinSet::new();
    for n in 0..CLIENTS {
        let agent = world.agent(&format!("client-{n}")).await;
        clients.spawn(client(load.clone(), agent, to.clone(), stopped.clone()));
    }
    for _ in 0..KILLS {
        let before = load.acknowledged.load(Ordering::Relaxed);
        let wanted = ACKNOWLEDGED_PER_ROUND + below(&mut random, ACKNOWLEDGED_PER_ROUND);
        wait_until(LIMIT, "a load", async || {
            load.acknowledged.load(Ordering::Relaxed) - before >= wanted
        })
        .await;
        // The instant within a command's course is what the seed varies.
        let instant = u64::try_from(below(&mut random, 20_000)).expect("a small number");
        baton_harness::before_a_fault(Duration::from_micros(instant)).await;
        world.baton.restart().await;
    }
    stop.send(true).expect("the clients listen");
    while let Some(client) = clients.join_next().await {
        client.expect("no client saw what it must not see");
    }

    let head = record::caught_up(&world).await;
    let log = record::log(&world.database.connect().await).await;
    record::assert_gapless(&log);
    let told = std::mem::take(&mut *load.told.lock().expect("nobody tells any more"));
    assert!(told.created.len() > ACKNOWLEDGED_PER_ROUND && told.children.len() > 5);
    assert_recorded(&told, &log);
    record::assert_models_equal_a_rebuild(&world).await;
    let messages = record::messages(&world.nats, head).await;
    record::assert_stream_is_log(&messages, &log);

    let expected = public(&log);
    let requests =
        receiver.wait_for(LIMIT, |requests| deliveries(requests).len() >= expected.len()).await;
    let got = deliveries(&requests);
    let got = count(got.values().map(|(event, task, _)| (event.as_str(), task.as_str())));
    let expected =
        count(expected.iter().map(|event| (event.event.as_str(), event.stream.1.as_str())));
    assert_eq!(got, expected, "one delivery id per event");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_when_baton_is_killed_under_load() {
    let seed = seed();
    let mut bytes = [0; 32];
    bytes[..16].copy_from_slice(seed.as_bytes());
    run(bytes).await;
}
