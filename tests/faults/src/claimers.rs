//! Claimers at two nodes empty a queue while claimers and one of the nodes are stopped, continued
//! and killed: nobody holds what another holds, nothing is completed twice, and nothing is lost.
//!
//! Must not: take what a claimer believes for what happened; the log says that (`claims.rs`).

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use baton_harness::baton::Baton;
use baton_harness::client::{Answer, Client, Credential, project, try_send};
use baton_harness::postgres::{Database, own_cluster};
use baton_harness::{before_a_fault, nats, wait_until};
use fastrand::Rng;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use crate::claims::{self, Told};
use crate::journal::Journal;

/// The shortest that there is, in seconds.
const LEASE_SECONDS: i64 = 30;
/// Whoever is stopped for so long keeps what it holds.
const STOPPED_MS: std::ops::Range<u64> = 50..3_000;
/// How long the node is stopped, or away.
const NODE_STOPPED_MS: std::ops::Range<u64> = 300..4_000;
const NODE_AWAY_MS: std::ops::Range<u64> = 50..1_500;
/// Between two faults.
const BETWEEN_MS: std::ops::Range<u64> = 50..400;
/// After so long without an answer a claimer asks the other node.
const PATIENCE: Duration = Duration::from_millis(1_500);
/// Between two questions at least.
const ASK_AGAIN: Duration = Duration::from_millis(30);
/// Leases end, and a busy machine is slow.
const LIMIT: Duration = Duration::from_secs(600);
/// What stands in the way of a repetition whose first request has not ended.
const KEY_IN_USE: &str = "still running";
/// Clients that fill the queue side by side.
const CREATORS: usize = 16;
/// To which all claimers answer.
const ROUTE: &str = "drainers";

/// How much.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// Tasks in the queue.
    pub tasks: usize,
    /// Claimers, each an agent of its own.
    pub claimers: usize,
    /// Of which so many stop with a task in hand until another has it.
    pub losers: usize,
    /// What chance comes from.
    pub seed: u64,
}

/// Whether a claimer stops where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Gate {
    Open,
    Closed,
}

/// The course of one run.
struct Course {
    size: Size,
    nodes: [Client; 2],
    told: Mutex<Told>,
    completed: AtomicUsize,
    /// Nothing more is to be claimed.
    is_over: AtomicBool,
}

/// The place of a claimer, which outlives those that are killed in it.
struct Place {
    name: String,
    key: String,
    id: String,
    gate: watch::Sender<Gate>,
    runs: JoinHandle<()>,
}

/// A claimer.
struct Claimer {
    course: Arc<Course>,
    /// As the same agent at both nodes.
    nodes: Vec<Client>,
    id: String,
    /// In every key of its requests, and in no other.
    name: String,
    gate: watch::Receiver<Gate>,
    /// It loses the first task that others may claim, too.
    is_loser: bool,
    rng: Rng,
    asked: usize,
}

/// Fills a queue and has it emptied.
///
/// # Panics
///
/// When a promise is broken, or the queue is not empty in the end.
pub async fn drain(size: Size, journal: &Journal) {
    let cluster = own_cluster().await;
    let (database, nats) = (cluster.database().await, nats::server().await);
    let steady = Baton::on(&database, &nats).await;
    let mut shaken = Baton::on(&database, &nats).await;
    let course = Arc::new(Course {
        size,
        nodes: [project(&steady), project(&shaken)],
        told: Mutex::default(),
        completed: AtomicUsize::new(0),
        is_over: AtomicBool::new(false),
    });
    let mut rng = Rng::with_seed(size.seed);
    journal.line(&format!("seed {}: {} claimers, {} tasks", size.seed, size.claimers, size.tasks));
    let mut places = places(&course, &mut rng).await;
    fill(&course, &places, &mut rng).await;
    let started = Instant::now();
    for (n, place) in places.iter_mut().enumerate() {
        place.runs = start(&course, place, &mut rng, n < size.losers);
    }
    let faults = shake(&course, &mut shaken, &mut places, &mut rng).await;
    journal.line(&format!("{faults} faults in {:.1} s", started.elapsed().as_secs_f64()));
    let admin = &course.nodes[0];
    wait_until(LIMIT, "all tasks are completed", async || {
        let left = admin.get("/v1/tasks?status=open,claimed&limit=1").await;
        left.status == 200 && left.body == json!([])
    })
    .await;
    let took = started.elapsed();
    course.is_over.store(true, Ordering::Relaxed);
    for place in places {
        // Whoever holds something still says that it is done.
        place.gate.send_replace(Gate::Open);
        place.runs.await.expect("a claimer ends without a panic");
    }
    let found = look(&course, &database).await;
    journal.line(&format!("emptied in {:.1} s: {found}", took.as_secs_f64()));
    let checked = steady.command(&["rebuild", "--check"]).await;
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stdout));
}

/// What the log says of it all.
async fn look(course: &Course, database: &Database) -> String {
    let recorded = claims::recorded(&database.connect().await).await;
    let told = course.told.lock().expect("no holder of this lock panics");
    let found = claims::check(&recorded, &told, course.size.tasks);
    let found = found.unwrap_or_else(|broken| panic!("seed {}: {broken}", course.size.seed));
    let size = course.size;
    assert!(size.losers == 0 || found.late > 0, "nobody was late: nothing was shown: {found:?}");
    format!("{found:?}")
}

/// Agents for all claimers, none of which runs yet.
async fn places(course: &Arc<Course>, rng: &mut Rng) -> Vec<Place> {
    let admin = &course.nodes[0];
    let mut places = Vec::new();
    for n in 0..course.size.claimers {
        let name = format!("claimer-{n}");
        let body = json!({ "name": name, "label": ROUTE });
        let made = admin.post("/v1/agents", body).await.expect(201);
        let text = |member: &str| made[member].as_str().expect("a text").to_owned();
        let (gate, _) = watch::channel(Gate::Open);
        let runs = tokio::spawn(async {});
        places.push(Place { name, key: text("api_key"), id: text("id"), gate, runs });
    }
    rng.shuffle(&mut places);
    places
}

/// Tasks of all priorities: most for anybody, some for one claimer, some for all by a route.
async fn fill(course: &Arc<Course>, places: &[Place], rng: &mut Rng) {
    let mut creators = JoinSet::new();
    for creator in 0..CREATORS {
        let numbers = (0..course.size.tasks).skip(creator).step_by(CREATORS);
        let bodies: Vec<Value> = numbers
            .map(|n| {
                let body = json!({ "content": format!("task {n}"), "priority": rng.i64(1..=5) });
                with_audience(body, places, rng)
            })
            .collect();
        let node = course.nodes[creator % 2].clone();
        creators.spawn(async move {
            for body in bodies {
                node.post("/v1/tasks", body).await.expect(201);
            }
        });
    }
    while let Some(creator) = creators.join_next().await {
        creator.expect("every task is created");
    }
}

fn with_audience(mut body: Value, places: &[Place], rng: &mut Rng) -> Value {
    match rng.u8(..10) {
        0 => {
            let place = &places[rng.usize(..places.len())];
            body["assigned_to_agent_id"] = json!(place.id);
        }
        1 => body["labels"] = json!([format!("@{ROUTE}")]),
        _ => {}
    }
    body
}

fn start(course: &Arc<Course>, place: &Place, rng: &mut Rng, is_loser: bool) -> JoinHandle<()> {
    let credential = Credential::AgentKey(place.key.clone());
    let claimer = Claimer {
        course: Arc::clone(course),
        nodes: course.nodes.iter().map(|node| node.with(credential.clone())).collect(),
        id: place.id.clone(),
        name: format!("{}/{:08x}", place.name, rng.u32(..)),
        gate: place.gate.subscribe(),
        is_loser,
        rng: rng.fork(),
        asked: 0,
    };
    tokio::spawn(claimer.run())
}

/// Stops a claimer, for a while.
fn stop(place: &Place, millis: u64) {
    let gate = place.gate.clone();
    gate.send_replace(Gate::Closed);
    tokio::spawn(async move {
        before_a_fault(Duration::from_millis(millis)).await;
        gate.send_replace(Gate::Open);
    });
}

/// Faults until most of the work is done; how many there were.
async fn shake(
    course: &Arc<Course>,
    node: &mut Baton,
    places: &mut [Place],
    rng: &mut Rng,
) -> usize {
    let mut faults = 0;
    // What is held by the dead is free again only after their leases.
    while course.completed.load(Ordering::Relaxed) < course.size.tasks * 9 / 10 {
        before_a_fault(Duration::from_millis(rng.u64(BETWEEN_MS))).await;
        // Those that are to lose what they hold are left alone.
        let at = rng.usize(course.size.losers..places.len());
        match rng.u8(..40) {
            0..=19 => stop(&places[at], rng.u64(STOPPED_MS)),
            20..=37 => {
                places[at].runs.abort();
                places[at].runs = start(course, &places[at], rng, false);
            }
            38 => {
                node.sigstop();
                before_a_fault(Duration::from_millis(rng.u64(NODE_STOPPED_MS))).await;
                node.sigcont();
            }
            _ => {
                node.kill9();
                before_a_fault(Duration::from_millis(rng.u64(NODE_AWAY_MS))).await;
                node.restart().await;
            }
        }
        faults += 1;
    }
    faults
}

impl Claimer {
    async fn run(mut self) {
        let mut pace = tokio::time::interval(ASK_AGAIN);
        pace.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        while !self.course.is_over.load(Ordering::Relaxed) {
            self.pass_gate().await;
            let body = json!({ "lease_seconds": LEASE_SECONDS });
            let answer = self.ask("/v1/tasks/claim", body, &[200]).await;
            let task = &answer.body["task"];
            if task.is_null() {
                pace.tick().await;
                continue;
            }
            let id = task["id"].as_str().expect("a task has an id").to_owned();
            let generation = task["claim_generation"].as_i64().expect("a claim has a number");
            self.tell(|told, by| told.claims.push((id.clone(), generation, by)));
            // What is meant for it alone nobody takes from it.
            if self.is_loser && task["assigned_to_agent_id"].is_null() {
                self.is_loser = false;
                self.lose(&id, generation).await;
            }
            self.pass_gate().await;
            self.work(&id, generation).await;
        }
    }

    async fn pass_gate(&mut self) {
        self.gate.wait_for(|gate| *gate == Gate::Open).await.expect("the place stays");
    }

    /// Stops until the lease has ended and another has the task.
    async fn lose(&self, id: &str, generation: i64) {
        let (since, mut again) = (Instant::now(), tokio::time::interval(ASK_AGAIN));
        while !self.another_has(id, generation) {
            assert!(since.elapsed() < LIMIT, "nobody claims {id}");
            again.tick().await;
        }
    }

    fn another_has(&self, id: &str, generation: i64) -> bool {
        let told = self.course.told.lock().expect("no holder of this lock panics");
        told.claims.iter().any(|(other, later, _)| other == id && *later > generation)
    }

    /// Mostly completes it, sometimes after a sign of life; sometimes gives it back.
    async fn work(&mut self, id: &str, generation: i64) {
        let (path, fence) = (format!("/v1/tasks/{id}"), json!({ "claim_generation": generation }));
        match self.rng.u8(..20) {
            0 => {
                // Refused where it was lost.
                self.ask(&format!("{path}/release"), fence, &[200, 403, 409]).await;
                return;
            }
            1 | 2 => {
                let mut body = fence.clone();
                body["lease_seconds"] = json!(LEASE_SECONDS);
                self.ask(&format!("{path}/heartbeat"), body, &[200, 403, 409]).await;
            }
            _ => {}
        }
        let answer = self.ask(&format!("{path}/complete"), fence, &[200, 403, 409]).await;
        let is_accepted = answer.status == 200;
        self.tell(|told, by| {
            let ended = if is_accepted { &mut told.accepted } else { &mut told.refused };
            ended.push((id.to_owned(), generation, by));
        });
        if is_accepted {
            self.course.completed.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn tell(&self, tell: impl FnOnce(&mut Told, String)) {
        let mut told = self.course.told.lock().expect("no holder of this lock panics");
        tell(&mut told, self.id.clone());
    }

    /// Asks, under one key, until there is a clear answer, each time the other node.
    async fn ask(&mut self, path: &str, body: Value, clear: &[u16]) -> Answer {
        self.asked += 1;
        let key = format!("{}/{}", self.name, self.asked);
        let first = self.rng.usize(..self.nodes.len());
        let (asked, mut again) = (Instant::now(), tokio::time::interval(ASK_AGAIN));
        for node in self.nodes.iter().cycle().skip(first) {
            again.tick().await;
            assert!(asked.elapsed() < LIMIT, "{path} with key {key} was not answered");
            let request = node.request(Method::POST, path).json(&body).timeout(PATIENCE);
            let request = request.header("Idempotency-Key", &key);
            let Ok(answer) = try_send(request).await else { continue };
            let (status, text) = (answer.status, &answer.text);
            if status == 503 || (status == 409 && text.contains(KEY_IN_USE)) {
                continue;
            }
            assert!(clear.contains(&status), "{path} {body} answered {status}: {text}");
            return answer;
        }
        unreachable!("there is a node, and they go round")
    }
}
