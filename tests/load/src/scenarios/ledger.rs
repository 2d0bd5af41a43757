//! `ledger_delay_ms` and `ledger_cost`: how far checkpoints are behind the log, and what the ledger
//! takes of a command's CPU.
//!
//! Must not: compare two windows that were not measured side by side.

use std::time::{Duration, Instant};

use baton_domain::AgentId;
use baton_log::Log;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

use super::requests::clients;
use crate::bench::Bench;
use crate::figure::{Figure, median, rounded};
use crate::fill::{creation, log_on, worker};
use crate::generator::{closed, paced};
use crate::report::say;
use crate::stand::Stand;
use crate::windows::Measured;

/// Events a second while the delay is measured.
const EVENTS_PER_SECOND: u64 = 5_000;
/// So often some of them are appended, and other processes are woken as a node wakes them.
const TICK: Duration = Duration::from_millis(10);
const WAKE: &str = "baton.committed";
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// The account of everything.
const ACCOUNT: &str = "default";
/// A process of its own beside whoever appends: the followers that cannot keep up with so many
/// events on a small machine are left out.
const ROLES: &str = "api,ledger";
const ALL_BUT_THE_LEDGER: &str = "api,projector,relay,webhooks,policies,scheduler";
/// Before the first window.
const WARM_UP: Duration = Duration::from_secs(1);
/// Of the rate in a closed loop, asked for while CPU is measured.
const HALF: f64 = 0.5;
const DELAY: &str = include_str!("../sql/ledger_delay.sql");

/// The longest that an event waits for its checkpoint.
pub async fn delay(bench: &Bench) -> Vec<Figure> {
    let stand = Stand::new(bench, Some(ROLES)).await;
    let log = log_on(&stand.database).await;
    let nats = stand.nats.connect().await;
    let wakes = log.clone();
    let waking = tokio::spawn(async move {
        let mut pace = interval(TICK);
        loop {
            pace.tick().await;
            let position = wakes.acknowledged().to_string();
            nats.publish(WAKE, position.into()).await.expect("NATS takes it");
        }
    });
    let (mut worst, mut raw, mut faults) = (0.0_f64, Vec::new(), Vec::new());
    for n in 1..=bench.extent.windows {
        let writing = tokio::spawn(write(log.clone(), bench.extent.window()));
        let mut delays: Vec<f64> = Vec::new();
        let mut looks = interval(LOOK_EVERY);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while !writing.is_finished() {
            let row = stand.watch.query_opt(DELAY, &[&ACCOUNT]).await.expect("the delay");
            delays.extend(row.map(|row| row.get::<_, f64>("delay_ms")));
            looks.tick().await;
        }
        let rate = writing.await.expect("the log takes them");
        let longest = delays.iter().copied().fold(0.0, f64::max);
        say(&format!("ledger_delay_ms, window {n}: {longest:.0} at {rate:.0} events/s"));
        if rate < EVENTS_PER_SECOND as f64 * 0.95 && !bench.extent.is_quick {
            faults.push(format!("window {n}: only {rate:.0} events/s"));
        }
        worst = worst.max(longest);
        raw.push(json!({
            "events_per_second": rounded(rate), "longest_ms": rounded(longest),
            "median_ms": rounded(median(&delays)), "looks": delays.len(),
        }));
    }
    waking.abort();
    log.shutdown().await;
    vec![Figure::of("ledger_delay_ms", worst, &faults, Value::Array(raw))]
}

/// Appends at the rate for so long; the rate that came of it.
async fn write(log: Log, span: Duration) -> f64 {
    let by = worker(AgentId::default());
    let each_tick = EVENTS_PER_SECOND * TICK.as_millis() as u64 / 1_000;
    let mut pace = interval(TICK);
    // What was missed is made up for: the rate is kept.
    pace.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let (start, mut under_way, mut events) = (Instant::now(), JoinSet::new(), 0_u64);
    while start.elapsed() < span {
        pace.tick().await;
        for _ in 0..each_tick {
            let (log, command) = (log.clone(), creation(&by));
            under_way.spawn(async move { log.append(command).await.expect("the log takes it") });
        }
        events += each_tick;
        while under_way.try_join_next().is_some() {}
    }
    while under_way.join_next().await.is_some() {}
    events as f64 / start.elapsed().as_secs_f64()
}

/// The CPU time of a command with the ledger, by that without: of two Batons side by side, asked
/// for the same in turns, at half the rate that one of them reaches.
pub async fn cost(bench: &Bench) -> Vec<Figure> {
    let with = Stand::new(bench, None).await;
    let without = Stand::new(bench, Some(ALL_BUT_THE_LEDGER)).await;
    let span = bench.extent.window();
    let (fast, _) = without.measured(closed(without.address(), clients(&without), span)).await;
    with.measured(closed(with.address(), clients(&with), WARM_UP)).await;
    let rate = fast.rate * HALF;
    let window = async |stand: &Stand| {
        stand.measured(paced(stand.address(), clients(stand), rate, span)).await.0
    };
    let (mut ratios, mut raw, mut faults) = (Vec::new(), Vec::new(), Vec::new());
    for n in 1..=2 * bench.extent.windows {
        // In turns also who is first: the machine drifts.
        let (one, other) = match n % 2 {
            0 => {
                let other = window(&without).await;
                (window(&with).await, other)
            }
            _ => (window(&with).await, window(&without).await),
        };
        let (ms, ms_without) = (cpu(&one), cpu(&other));
        say(&format!("ledger_cost, pair {n}: {ms:.3} ms by {ms_without:.3} ms at {rate:.0}/s"));
        ratios.push(ms / ms_without);
        faults.extend(one.faults.into_iter().chain(other.faults));
        raw.push(json!({ "with": one.raw, "without": other.raw }));
    }
    vec![Figure::of("ledger_cost", median(&ratios), &faults, Value::Array(raw))]
}

/// Milliseconds of CPU per command, of everything but this program.
fn cpu(measured: &Measured) -> f64 {
    let parts = &measured.raw["cpu_per_command"];
    ["baton_ms", "postgres_ms", "nats_ms"].iter().filter_map(|part| parts[part].as_f64()).sum()
}
