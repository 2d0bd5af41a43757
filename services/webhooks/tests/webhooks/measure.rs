//! Figures for people, not tests: how soon and how fast deliveries arrive on this machine. They
//! assert nothing, for what a machine manages beside its other work is no promise of the code.
//!
//! `cargo test -p baton-webhooks --release -- --ignored --nocapture --test-threads 1 measure`

use std::collections::HashMap;
use std::time::{Duration, Instant};

use baton_harness::receiver::{Answer, Receiver};
use baton_webhooks::Settings;
use futures_util::{StreamExt as _, stream};
use tokio::sync::mpsc;

use crate::counter::{Arrival, counter};
use crate::node::{Node, only, retrying, settings};

async fn create(node: &Node, tasks: usize, at_once: usize) {
    let created = (0..at_once).map(|_| async {
        for number in 0..tasks / at_once {
            node.create_task(&number.to_string()).await;
        }
    });
    futures_util::future::join_all(created).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "prints figures, asserts nothing"]
async fn measure_latency() {
    let node = Node::new().await;
    let (url, mut arrivals) = counter().await;
    let webhooks = node.start(settings());
    node.register_with(&url, only(&["task.created"])).await;
    create(&node, 200, 1).await;
    for _ in 0..200 {
        arrivals.recv().await.unwrap();
    }
    let mut latencies = Vec::new();
    let mut every = tokio::time::interval(Duration::from_millis(5));
    for number in 0..1_000 {
        every.tick().await;
        node.create_task(&number.to_string()).await;
        let committed = Instant::now();
        let arrived = arrivals.recv().await.unwrap().at;
        latencies.push(arrived.saturating_duration_since(committed));
    }
    latencies.sort();
    println!("commit to received: p50 {:?} p99 {:?}", latencies[500], latencies[990]);
    webhooks.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "prints figures, asserts nothing"]
async fn measure_rate() {
    const BACKLOG: usize = 19_200;
    let node = Node::new().await;
    let (url, mut arrivals) = counter().await;
    node.register_with(&url, only(&["task.created"])).await;
    let begun = Instant::now();
    create(&node, BACKLOG, 64).await;
    println!("created {:.0}/s", BACKLOG as f64 / begun.elapsed().as_secs_f64());
    let begun = Instant::now();
    let webhooks = node.start(settings());
    for _ in 0..BACKLOG {
        arrivals.recv().await.unwrap();
    }
    println!("planned and drained {:.0}/s", BACKLOG as f64 / begun.elapsed().as_secs_f64());
    webhooks.shutdown().await;
}

/// Commits tasks for so many seconds at a rate, and says how long after its commit each delivery
/// arrived, sorted. The clock decides when the next task comes, whatever becomes of those before.
async fn latencies(
    node: &Node,
    arrivals: &mut mpsc::Receiver<Arrival>,
    (rate, seconds): (u32, usize),
) -> Vec<Duration> {
    /// Tasks that may be on their way into the log at once.
    const COMMITS_MAX: usize = 256;
    let tasks = rate as usize * seconds;
    let every = tokio::time::interval(Duration::from_secs(1) / rate);
    let ticks = stream::unfold(every, |mut every| async {
        every.tick().await;
        Some(((), every))
    });
    let create = async |number: usize| {
        node.create_task(&number.to_string()).await;
        (number.to_string(), Instant::now())
    };
    let created = ticks.take(tasks).enumerate().map(|(number, ())| create(number));
    let arrived = async {
        let mut arrived = HashMap::new();
        while arrived.len() < tasks {
            let Arrival { content, at } = arrivals.recv().await.unwrap();
            arrived.entry(content).or_insert(at);
        }
        arrived
    };
    let (committed, arrived): (Vec<(String, Instant)>, _) =
        tokio::join!(created.buffer_unordered(COMMITS_MAX).collect(), arrived);
    let waited = committed.iter().map(|(task, at)| arrived[task].saturating_duration_since(*at));
    let mut latencies: Vec<Duration> = waited.collect();
    latencies.sort();
    latencies
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "prints figures, asserts nothing"]
async fn measure_beside_an_endpoint_that_hangs() {
    const RATE: u32 = 200;
    // Longer than an attempt takes to time out.
    const SECONDS: usize = 12;
    for is_beside in [false, true] {
        let (node, hanging) = (Node::new().await, Receiver::start().await);
        let (url, mut arrivals) = counter().await;
        // It hangs to the end: it is not switched off meanwhile.
        let webhooks = node.start(Settings { failures_max: i32::MAX, ..retrying(&[3_600_000]) });
        node.register_with(&url, only(&["task.created"])).await;
        // The first connections are made before anything is measured.
        latencies(&node, &mut arrivals, (50, 1)).await;
        hanging.answer_always(Answer::hang());
        if is_beside {
            node.register_with(&hanging.url(), only(&["task.created"])).await;
        }
        let latencies = latencies(&node, &mut arrivals, (RATE, SECONDS)).await;
        let (p99, max) = (latencies[latencies.len() * 99 / 100], latencies[latencies.len() - 1]);
        let how = if is_beside { "beside an endpoint that hangs" } else { "alone" };
        println!("commit to received at {RATE}/s {how}: p99 {p99:?} max {max:?}");
        drop(webhooks);
    }
}
