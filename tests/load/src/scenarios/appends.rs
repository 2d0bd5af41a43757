//! `append` and `append_single`: one-event commands through the log's own API, in this process.
//!
//! Must not: reuse an event. Each is made where it is appended, as the domain makes it.

use std::time::{Duration, Instant};

use baton_domain::AgentId;
use baton_log::{Appended, Log};
use serde_json::json;
use tokio::task::JoinSet;

use crate::bench::Bench;
use crate::extent::{CLIENTS, IN_FLIGHT};
use crate::figure::{Figure, rounded};
use crate::fill::{creation, log_on, worker};
use crate::latency::Latencies;
use crate::processes::Processes;
use crate::windows::{Measured, Series};

/// Before the first window.
const WARM_UP: Duration = Duration::from_millis(500);

/// Many in flight.
pub async fn many(bench: &Bench) -> Vec<Figure> {
    measure(bench, "append", IN_FLIGHT, CLIENTS).await
}

/// One in flight.
pub async fn single(bench: &Bench) -> Vec<Figure> {
    measure(bench, "append_single", 1, 1).await
}

async fn measure(
    bench: &Bench,
    key: &'static str,
    in_flight: usize,
    clients: usize,
) -> Vec<Figure> {
    let database = std::mem::ManuallyDrop::new(bench.cluster.database().await);
    Log::migrate(&mut database.connect().await).await.expect("the log's tables");
    let log = log_on(&database).await;
    let processes = Processes { postgres: bench.cluster.pid(), ..Processes::default() };
    window(&log, in_flight, WARM_UP, processes).await;
    let series = Series::beside(bench, key, clients, async || {
        window(&log, in_flight, bench.extent.window(), processes).await
    });
    let series = series.await;
    log.shutdown().await;
    vec![series.ratio(key)]
}

async fn window(log: &Log, in_flight: usize, span: Duration, processes: Processes) -> Measured {
    let before = processes.cpu();
    let end = Instant::now() + span;
    let mut clients = JoinSet::new();
    for _ in 0..in_flight {
        clients.spawn(client(log.clone(), end));
    }
    let mut latencies = Latencies::default();
    while let Some(told) = clients.join_next().await {
        latencies.absorb(told.expect("no command is refused"));
    }
    let cpu = processes.cpu().since(&before);
    let rate = latencies.count() as f64 / span.as_secs_f64();
    let raw = json!({
        "per_second": rounded(rate), "latency": latencies.summary(),
        "cpu_per_command": cpu.per_command(latencies.count() as f64),
    });
    Measured { rate, faults: Vec::new(), raw }
}

/// The times of its commands that were answered before the end.
async fn client(log: Log, end: Instant) -> Latencies {
    let (by, mut latencies) = (worker(AgentId::default()), Latencies::default());
    loop {
        let start = Instant::now();
        let appended = log.append(creation(&by)).await.expect("the log takes it");
        assert!(matches!(appended, Appended::Committed(_)), "no key, no replay");
        let now = Instant::now();
        if now > end {
            return latencies;
        }
        latencies.add(now - start);
    }
}
