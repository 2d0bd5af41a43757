//! `http_create`, `create_p99_ms`, `lifecycle`: requests of agents, over HTTP.
//!
//! Must not: ask for less than a client would.

use std::time::Duration;

use serde::Deserialize;
use serde_json::json;

use crate::bench::Bench;
use crate::extent::CLIENTS;
use crate::figure::{Figure, median};
use crate::fill::changes;
use crate::generator::{Script, closed, paced};
use crate::http::{Line, Request};
use crate::report::say;
use crate::stand::{Agent, Stand};
use crate::windows::Series;

/// Before the first window.
const WARM_UP: Duration = Duration::from_secs(1);
/// Of the rate in a closed loop, asked for while latency is measured.
const HALF: f64 = 0.5;

/// A task's document, as far as a story needs it.
#[derive(Deserialize)]
struct Made {
    id: String,
}

/// The id in a task's document.
///
/// # Panics
///
/// When there is none.
#[must_use]
pub fn id_in(document: &[u8]) -> String {
    let made: Made = serde_json::from_slice(document).expect("a task has an id");
    made.id
}

/// Creates a task.
#[derive(Debug)]
pub struct Create {
    key: String,
    body: String,
    /// Ids of what it has made, where they are wanted.
    ids: Option<Vec<String>>,
}

impl Create {
    /// With this key.
    #[must_use]
    pub fn by(key: &str) -> Create {
        Create { key: key.to_owned(), body: body(), ids: None }
    }

    /// With this key, and remembers what it has made.
    #[must_use]
    pub fn noting(key: &str) -> Create {
        Create { ids: Some(Vec::new()), ..Create::by(key) }
    }

    /// What it has made, if it was to remember.
    #[must_use]
    pub fn into_ids(self) -> Vec<String> {
        self.ids.unwrap_or_default()
    }

    /// Whose it is.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }
}

impl Script for Create {
    async fn tell(&mut self, line: &mut Line) {
        let (key, body) = (self.key.as_str(), self.body.as_str());
        let request = Request { method: "POST", path: "/v1/tasks", key, body };
        let document = line.ask(request).await;
        if let (Some(ids), Some(document)) = (&mut self.ids, document) {
            ids.push(id_in(document));
        }
    }
}

/// A task with a child for another agent, both completed, and the chain of the two.
#[derive(Debug)]
struct Live {
    one: Agent,
    other: Agent,
    create: String,
    delegate: String,
    complete: String,
}

impl Live {
    fn by(one: &Agent, other: &Agent) -> Live {
        let (create, complete) = (body(), json!({ "metadata": { "result": "done" } }).to_string());
        let delegate = json!({ "content": "Find prices of all three", "agent_id": other.id });
        Live {
            one: one.clone(),
            other: other.clone(),
            create,
            delegate: delegate.to_string(),
            complete,
        }
    }

    async fn made(&self, line: &mut Line, path: &str, body: &str) -> Option<String> {
        let request = Request { method: "POST", path, key: &self.one.key, body };
        line.ask(request).await.map(id_in)
    }

    async fn completed(&self, line: &mut Line, by: &Agent, id: &str) -> Option<()> {
        let path = format!("/v1/tasks/{id}/complete");
        let request = Request { method: "POST", path: &path, key: &by.key, body: &self.complete };
        line.ask(request).await.map(|_| ())
    }

    async fn live(&self, line: &mut Line) -> Option<()> {
        let parent = self.made(line, "/v1/tasks", &self.create).await?;
        let path = format!("/v1/tasks/{parent}/delegate");
        let child = self.made(line, &path, &self.delegate).await?;
        self.completed(line, &self.other, &child).await?;
        self.completed(line, &self.one, &parent).await?;
        let path = format!("/v1/tasks/{parent}/chain");
        let request = Request { method: "GET", path: &path, key: &self.one.key, body: "" };
        line.ask(request).await.map(|_| ())
    }
}

impl Script for Live {
    async fn tell(&mut self, line: &mut Line) {
        // What failed is counted by the line.
        let _ended_early = self.live(line).await.is_none();
    }
}

/// Creations in a closed loop, and at half its rate.
pub async fn creates(bench: &Bench) -> Vec<Figure> {
    let stand = Stand::new(bench, None).await;
    let span = bench.extent.window();
    stand.measured(closed(stand.address(), clients(&stand), WARM_UP)).await;
    let fast = Series::beside(bench, "http_create", CLIENTS, async || {
        stand.measured(closed(stand.address(), clients(&stand), span)).await.0
    });
    let fast = fast.await;
    let mut figures = vec![fast.ratio("http_create")];
    if bench.extent.wants(&["create_p99_ms"]) {
        let rate = median(&fast.rates) * HALF;
        let mut half = Series::default();
        bench.yardstick.checkpoint().await;
        for _ in 0..bench.extent.windows {
            let beside = bench.yardstick.paced(CLIENTS, rate, bench.extent.seconds).await;
            say(&format!("pgbench at {rate:.0}/s: {:.2} ms", beside.at(0.99)));
            let load = paced(stand.address(), clients(&stand), rate, span);
            let (mut measured, load) = stand.measured(load).await;
            measured.rate = load.tally.latencies.at(0.99);
            measured.raw["pgbench_at_this_rate"] = beside.summary();
            say(&format!("create_p99_ms at {rate:.0}/s: {:.2}", measured.rate));
            half.add(measured);
        }
        figures.push(half.median("create_p99_ms"));
    }
    figures
}

/// Whole lives in a closed loop.
pub async fn lives(bench: &Bench) -> Vec<Figure> {
    let stand = Stand::new(bench, None).await;
    let clients = || {
        let client = |n| Live::by(stand.agent(n), stand.agent(n + 1));
        (0..CLIENTS).map(client).collect::<Vec<_>>()
    };
    stand.measured(closed(stand.address(), clients(), WARM_UP)).await;
    let series = Series::beside(bench, "lifecycle", CLIENTS, async || {
        stand.measured(closed(stand.address(), clients(), bench.extent.window())).await.0
    });
    vec![series.await.ratio("lifecycle")]
}

/// Clients that create, spread over the agents.
#[must_use]
pub fn clients(stand: &Stand) -> Vec<Create> {
    (0..CLIENTS).map(|n| Create::by(&stand.agent(n).key)).collect()
}

/// A creation's body, with the fields of [`changes`].
///
/// # Panics
///
/// Never: they are plain values.
#[must_use]
pub fn body() -> String {
    serde_json::to_string(&changes()).expect("plain values print")
}
