//! `webhook_p50_ms`, `webhook_p99_ms`, `webhook_rate`: how soon a receiver hears of a completion,
//! and how fast a backlog is worked off.
//!
//! Must not: count a delivery twice, or leave out one that did not come.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use baton_harness::wait_until;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::bench::Bench;
use crate::extent::{CLIENTS, WEBHOOK_EVENTS_PER_SECOND};
use crate::figure::{Figure, rounded};
use crate::fill::{Goal, fill, log_on};
use crate::followers;
use crate::generator::{Script, paced};
use crate::http::{Line, Request};
use crate::latency::Latencies;
use crate::processes::Processes;
use crate::report::say;
use crate::scenarios::requests::Create;
use crate::sink::Receipt;
use crate::stand::{Agent, Stand};
use crate::windows::{Measured, Series};

/// Tasks are made ahead at this rate, or as fast as it goes.
const MADE_AHEAD_PER_SECOND: f64 = 2_000.0;
/// A delivery that takes longer is missing.
const DELIVERED_WITHIN: Duration = Duration::from_secs(60);
/// Everything but what delivers.
const ROLES_BESIDE: &str = "api,projector,relay,policies,scheduler,ledger";
const ROLE: &str = "webhooks";
/// Deliveries of a backlog, for each second of a window.
const BACKLOG_PER_SECOND: u64 = 1_000;
/// A backlog is worked off in the end.
const DRAINED_WITHIN: Duration = Duration::from_secs(600);

/// A delivery, as far as it is looked into.
#[derive(Deserialize)]
struct Delivery {
    timestamp: jiff::Timestamp,
    task: Delivered,
}

#[derive(Deserialize)]
struct Delivered {
    id: String,
}

/// Completes tasks that are there.
struct Complete {
    by: Agent,
    ids: Vec<String>,
    /// When each was answered.
    answered: Vec<(String, Instant)>,
}

impl Script for Complete {
    async fn tell(&mut self, line: &mut Line) {
        let Some(id) = self.ids.pop() else { return };
        let path = format!("/v1/tasks/{id}/complete");
        let request = Request { method: "POST", path: &path, key: &self.by.key, body: "{}" };
        if line.ask(request).await.is_some() {
            self.answered.push((id, Instant::now()));
        }
    }
}

/// Completions at a steady pace, each looked for at the receiver.
pub async fn latency(bench: &Bench) -> Vec<Figure> {
    let stand = Stand::new(bench, None).await;
    // The first deliveries make connections, and plans of statements.
    window(bench, &stand).await;
    let (mut median, mut tail) = (Series::default(), Series::default());
    for _ in 0..bench.extent.windows {
        let (measured, latencies) = window(bench, &stand).await;
        let (p50, p99) = (latencies.at(0.5), latencies.at(0.99));
        say(&format!("webhooks: p50 {p50:.2} ms, p99 {p99:.2} ms"));
        median.add(Measured { rate: p50, ..measured.clone() });
        tail.add(Measured { rate: p99, ..measured });
    }
    vec![median.median("webhook_p50_ms"), tail.median("webhook_p99_ms")]
}

async fn window(bench: &Bench, stand: &Stand) -> (Measured, Latencies) {
    let rate = WEBHOOK_EVENTS_PER_SECOND as f64;
    let completers = made_ahead(bench, stand).await;
    drop(stand.sink.take());
    let load = paced(stand.address(), completers, rate, bench.extent.window());
    let (mut measured, load) = stand.measured(load).await;
    let answered: HashMap<String, Instant> =
        load.scripts.into_iter().flat_map(|script| script.answered).collect();
    let enough = async || stand.sink.count() >= answered.len();
    wait_until(DELIVERED_WITHIN, "every delivery", enough).await;
    let (mut since_answer, mut since_recorded) = (Latencies::default(), Latencies::default());
    let mut seen = HashSet::new();
    for receipt in stand.sink.take() {
        let delivery: Delivery = serde_json::from_slice(&receipt.body).expect("a delivery");
        let Some(answer) = answered.get(&delivery.task.id) else { continue };
        if seen.insert(delivery.task.id) {
            since_answer.add_ms(signed_ms(*answer, receipt.at));
            let recorded = jiff::Timestamp::try_from(receipt.wall).expect("a time of today");
            since_recorded.add_ms(recorded.duration_since(delivery.timestamp).as_secs_f64() * 1e3);
        }
    }
    if seen.len() < answered.len() {
        measured.faults.push(format!("{} of {} delivered", seen.len(), answered.len()));
    }
    let completions = measured.raw;
    measured.raw = json!({
        "since_answer": since_answer.summary(), "since_recorded": since_recorded.summary(),
        "cpu_per_command": completions["cpu_per_command"], "completions": completions,
    });
    (measured, since_answer)
}

/// Clients with enough tasks to complete for one window.
async fn made_ahead(bench: &Bench, stand: &Stand) -> Vec<Complete> {
    let tasks = WEBHOOK_EVENTS_PER_SECOND * bench.extent.seconds + CLIENTS as u64;
    let span = Duration::from_secs_f64(tasks as f64 / MADE_AHEAD_PER_SECOND);
    let creators = (0..CLIENTS).map(|n| Create::noting(&stand.agent(n).key));
    let load = paced(stand.address(), creators.collect(), MADE_AHEAD_PER_SECOND, span);
    let (_, load) = stand.measured(load).await;
    // An agent may complete what it has created.
    let all = load.scripts.into_iter().map(|script| Complete {
        by: stand.agent_with(script.key()).clone(),
        ids: script.into_ids(),
        answered: Vec::new(),
    });
    all.collect()
}

fn signed_ms(from: Instant, to: Instant) -> f64 {
    match to.checked_duration_since(from) {
        Some(later) => later.as_secs_f64() * 1e3,
        None => -(from - to).as_secs_f64() * 1e3,
    }
}

/// Backlogs, each worked off by a process that starts when the backlog is there.
pub async fn backlog(bench: &Bench) -> Vec<Figure> {
    let stand = Stand::new(bench, Some(ROLES_BESIDE)).await;
    let log = log_on(&stand.database).await;
    // Its first start makes tables and finds its place.
    stand.beside(bench, ROLE).await.stop().await;
    let series = Series::beside(bench, "webhook_rate", CLIENTS, async || {
        let deliveries = BACKLOG_PER_SECOND * bench.extent.seconds;
        fill(&log, &stand.agent_ids(), Goal::Completed(deliveries)).await;
        followers::caught_up(&stand.watch, &[ROLE]).await;
        drained(bench, &stand, deliveries).await
    });
    let series = series.await;
    log.shutdown().await;
    vec![series.ratio("webhook_rate")]
}

async fn drained(bench: &Bench, stand: &Stand, deliveries: u64) -> Measured {
    drop(stand.sink.take());
    let expected = usize::try_from(deliveries).expect("a number of this machine");
    let postgres = bench.cluster.pid();
    let before = Processes { postgres, ..Processes::default() }.cpu();
    let mut baton = stand.beside(bench, ROLE).await;
    let enough = async || stand.sink.count() >= expected;
    wait_until(DRAINED_WITHIN, "a backlog is worked off", enough).await;
    let processes = Processes { baton: Some(baton.pid()), postgres, nats: None };
    let cpu = processes.cpu().since(&before);
    let level = followers::level(&stand.watch).await;
    baton.stop().await;
    let receipts = stand.sink.take();
    let rate = rate(&receipts);
    let different: HashSet<&str> = receipts.iter().map(|it| it.delivery.as_str()).collect();
    let mut faults = Vec::from_iter(level.fault());
    if different.len() != expected || receipts.len() != expected {
        let (all, different) = (receipts.len(), different.len());
        faults.push(format!("{all} requests, {different} deliveries, {expected} expected"));
    }
    let raw: Value = json!({
        "per_second": rounded(rate), "deliveries": expected, "followers": level.summary(),
        "cpu_per_command": cpu.per_command(expected as f64),
    });
    Measured { rate, faults, raw }
}

/// From the first to the last.
fn rate(receipts: &[Receipt]) -> f64 {
    let first = receipts.iter().map(|receipt| receipt.at).min();
    let last = receipts.iter().map(|receipt| receipt.at).max();
    let took = first.zip(last).map_or(0.0, |(first, last)| (last - first).as_secs_f64());
    (receipts.len().saturating_sub(1)) as f64 / took
}
