//! Figures for people, not tests: how soon and how fast deliveries arrive on this machine.
//!
//! `cargo test -p baton-webhooks --release -- --ignored --nocapture measure`

use std::time::{Duration, Instant};

use crate::counter::counter;
use crate::node::{Node, only, settings};

async fn create(node: &Node, tasks: usize, at_once: usize) {
    let created = (0..at_once).map(|_| async {
        for number in 0..tasks / at_once {
            node.create_task(&number.to_string()).await;
        }
    });
    futures_util::future::join_all(created).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "measures"]
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
#[ignore = "measures"]
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
