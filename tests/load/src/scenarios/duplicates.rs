//! `dedup_ms`: a check for duplicates among many open tasks.
//!
//! Must not: count the first check of an account, which reads its tasks.

use std::time::Duration;

use baton_harness::baton::PROJECT_TOKEN;
use baton_harness::wait_until;
use serde_json::{Map, Value, json};

use crate::bench::Bench;
use crate::figure::{Figure, rounded};
use crate::fill::{Goal, content};
use crate::http::{Line, Request};
use crate::report::say;
use crate::stand::Stand;

/// Open tasks at most.
const TASKS_MAX: u64 = 100_000;
/// Checks of each caller.
const CHECKS: u64 = 300;
const CHECKS_QUICK: u64 = 20;
/// How long the first one may take.
const READ_WITHIN: Duration = Duration::from_secs(120);
const PATH: &str = "/v1/tasks/dedup";

/// The 99th percentile of the slowest caller: one that reads all tasks, nearly all, or few.
pub async fn measure(bench: &Bench) -> Vec<Figure> {
    let (stand, _) = Stand::with(bench, Goal::About(bench.extent.tasks.min(TASKS_MAX))).await;
    let admin = stand.admin();
    wait_until(READ_WITHIN, "the open tasks are read", async || {
        admin.post(PATH, json!({ "content": content(0) })).await.status == 200
    })
    .await;
    let checks = if bench.extent.is_quick { CHECKS_QUICK } else { CHECKS };
    let (mut raw, mut faults, mut worst) = (Map::new(), Vec::new(), 0.0_f64);
    let (many, few) = (&stand.agent(0).key, &stand.agent(1).key);
    for (name, key) in [("all", PROJECT_TOKEN), ("many", many), ("few", few)] {
        check(&stand, key, 0..1).await;
        let tally = check(&stand, key, 1..checks + 1).await.into_tally();
        let p99 = tally.latencies.at(0.99);
        say(&format!("a check by one who reads {name}: {p99:.2} ms"));
        worst = worst.max(p99);
        if !tally.errors.is_empty() {
            faults.push(format!("{name}: {:?}", tally.errors));
        }
        let value = json!({ "latency": tally.latencies.summary(), "p99_ms": rounded(p99) });
        raw.insert(name.to_owned(), value);
    }
    vec![Figure::of("dedup_ms", worst, &faults, Value::Object(raw))]
}

/// Looks for what is like some of the tasks, one after the other.
async fn check(stand: &Stand, key: &str, numbers: std::ops::Range<u64>) -> Line {
    let mut line = Line::to(stand.address(), None);
    for number in numbers {
        let body = json!({ "content": format!("{} again", content(number * 317)) }).to_string();
        line.ask(Request { method: "POST", path: PATH, key, body: &body }).await;
    }
    line
}
