//! `claim` and `claim_p99_with_audit`: the queue, as workers use it.
//!
//! Must not: claim from a queue that is running empty.

use std::time::Duration;

use futures_util::future::join_all;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio_postgres::Client as Connection;

use crate::bench::Bench;
use crate::extent::{CLIENTS, TASKS_SMALL};
use crate::figure::{Figure, median, rounded};
use crate::fill::Goal;
use crate::generator::{Load, Script, closed, paced};
use crate::http::{Line, Request, Tally};
use crate::report::say;
use crate::scenarios::requests::body;
use crate::stand::Stand;
use crate::windows::{Measured, Series};

/// Before the first window.
const WARM_UP: Duration = Duration::from_secs(1);
/// Of the rate in a closed loop, asked for while latency is measured.
const HALF: f64 = 0.5;
/// So much slower a large queue may be than a small one.
const LARGE_BY_SMALL_MAX: f64 = 1.5;
/// Reads that hold a snapshot, and how long.
const AUDITS: usize = 3;
const AUDIT: Duration = Duration::from_secs(120);
const READ: &str = include_str!("../sql/audit.sql");

/// The answer to a claim, as far as a worker needs it.
#[derive(Deserialize)]
struct Claimed {
    task: Option<Task>,
}

#[derive(Deserialize)]
struct Task {
    id: String,
    claim_generation: i64,
}

/// Claims the next task and completes it; one story is one claim.
struct Work {
    key: String,
    /// Creates one task for each that it takes.
    refills: bool,
    body: String,
    /// For everything but claims.
    other: Line,
    /// Claims that found nothing.
    empty: u64,
}

impl Work {
    fn clients(stand: &Stand, refills: bool) -> Vec<Work> {
        let client = |n| Work {
            key: stand.agent(n).key.clone(),
            refills,
            body: body(),
            other: Line::to(stand.address(), None),
            empty: 0,
        };
        (0..CLIENTS).map(client).collect()
    }

    async fn claimed(&mut self, line: &mut Line) -> Option<Task> {
        let (path, body) = ("/v1/tasks/claim", r#"{"lease_seconds":300}"#);
        let document = line.ask(Request { method: "POST", path, key: &self.key, body }).await?;
        let claimed: Claimed = serde_json::from_slice(document).expect("a claim's answer");
        self.empty += u64::from(claimed.task.is_none());
        claimed.task
    }
}

impl Script for Work {
    async fn tell(&mut self, line: &mut Line) {
        if self.refills {
            let (path, body) = ("/v1/tasks", self.body.as_str());
            self.other.ask(Request { method: "POST", path, key: &self.key, body }).await;
        }
        let Some(task) = self.claimed(line).await else { return };
        let path = format!("/v1/tasks/{}/complete", task.id);
        let body = json!({ "claim_generation": task.claim_generation }).to_string();
        self.other.ask(Request { method: "POST", path: &path, key: &self.key, body: &body }).await;
    }
}

/// A load of claims; what went wrong beside them makes its window one that does not count.
async fn measured(stand: &Stand, load: impl Future<Output = Load<Work>>) -> (Measured, Load<Work>) {
    let (mut measured, mut load) = stand.measured(load).await;
    let (mut others, mut empty) = (Tally::default(), 0);
    for work in load.scripts.drain(..) {
        empty += work.empty;
        others.absorb(work.other.into_tally());
    }
    if !others.errors.is_empty() {
        measured.faults.push(format!("completing: {:?}", others.errors));
    }
    if empty > 0 {
        measured.faults.push(format!("{empty} claims found nothing"));
    }
    measured.raw["others"] = others.latencies.summary();
    (measured, load)
}

/// Claims in a closed loop, and their latency at half that rate.
pub async fn measure(bench: &Bench) -> Vec<Figure> {
    let (stand, _) = Stand::quiet_with(bench, Goal::Open(bench.extent.tasks)).await;
    // What filling left to be written is not to be written while claims are measured.
    bench.yardstick.checkpoint().await;
    let span = bench.extent.window();
    let round = async |stand: &Stand, refills, span| {
        measured(stand, closed(stand.address(), Work::clients(stand, refills), span)).await.0
    };
    round(&stand, false, WARM_UP).await;
    let fast = Series::beside(bench, "claim", CLIENTS, async || round(&stand, false, span).await);
    let fast = fast.await;
    let mut figures = Vec::new();
    if bench.extent.wants(&["claim_p99_with_audit"]) {
        figures.push(audited(bench, &stand, median(&fast.rates) * HALF).await);
    }
    if bench.extent.wants(&["claim"]) {
        let mut figure = fast.ratio("claim");
        let (ratio, sizes) = by_size(bench, &stand, round).await;
        figure.raw["by_size"] = sizes;
        stand.hear_of_completions().await;
        let heard = async || round(&stand, false, span).await;
        let heard = Series::beside(bench, "claim, each delivered", CLIENTS, heard).await;
        let heard = heard.ratio("claim");
        figure.raw["each_delivered"] = json!({ "ratio": heard.value.ok(), "raw": heard.raw });
        if figure.value.is_ok() && ratio > LARGE_BY_SMALL_MAX && !bench.extent.is_quick {
            figure.value = Err(format!("{ratio:.2} times slower than at {TASKS_SMALL} tasks"));
        }
        figures.push(figure);
    }
    figures
}

/// By how much workers are slower at the large queue than at a small one, which both are kept as
/// long as they are: each task taken is followed by a new one.
async fn by_size(
    bench: &Bench,
    large: &Stand,
    round: impl AsyncFn(&Stand, bool, Duration) -> Measured,
) -> (f64, Value) {
    let (small, _) = Stand::quiet_with(bench, Goal::Open(TASKS_SMALL)).await;
    round(&small, true, WARM_UP).await;
    let mut rates = [Vec::new(), Vec::new()];
    let mut faults = Vec::new();
    for _ in 0..bench.extent.windows {
        for (stand, rates) in [&small, large].into_iter().zip(&mut rates) {
            let measured = round(stand, true, bench.extent.window()).await;
            rates.push(measured.rate);
            faults.extend(measured.faults);
        }
    }
    let ratio = median(&rates[0]) / median(&rates[1]);
    say(&format!("claims, small by large: {ratio:.2}"));
    let per_second = |rates: &[f64]| rates.iter().map(|rate| rounded(*rate)).collect::<Vec<_>>();
    let raw = json!({
        "small": per_second(&rates[0]), "large": per_second(&rates[1]),
        "small_by_large": rounded(ratio), "faults": faults,
    });
    (ratio, raw)
}

async fn read(reader: &Connection, seconds: f64) {
    reader.query_one(READ, &[&seconds]).await.expect("a read that takes its time");
}

/// The latency of claims while reads hold snapshots, by that without.
async fn audited(bench: &Bench, stand: &Stand, rate: f64) -> Figure {
    let span = if bench.extent.is_quick { bench.extent.window() } else { AUDIT };
    let load = || paced(stand.address(), Work::clients(stand, false), rate, span);
    let (alone, load_alone) = measured(stand, load()).await;
    let mut readers = Vec::new();
    for _ in 0..AUDITS {
        readers.push(stand.database.connect().await);
    }
    let seconds = span.as_secs_f64();
    let reads = join_all(readers.iter().map(|reader| read(reader, seconds)));
    let (_, (audited, load_audited)) = tokio::join!(reads, measured(stand, load()));
    let p99 = |load: &Load<Work>| load.tally.latencies.at(0.99);
    let ratio = p99(&load_audited) / p99(&load_alone);
    say(&format!(
        "claims at {rate:.0}/s: {:.2} ms, with audit {:.2} ms",
        p99(&load_alone),
        p99(&load_audited)
    ));
    let faults = [alone.faults, audited.faults].concat();
    let raw = json!({ "rate": rounded(rate), "alone": alone.raw, "audited": audited.raw });
    Figure::of("claim_p99_with_audit", ratio, &faults, raw)
}
