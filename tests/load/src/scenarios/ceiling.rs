//! What the load generator reaches against a server that does nothing, on this machine: figures
//! near it are the generator's and not Baton's.
//!
//! Must not: send other requests than the scenarios do.

use serde_json::{Value, json};

use crate::bench::Bench;
use crate::extent::{CLIENTS, WEBHOOK_EVENTS_PER_SECOND};
use crate::figure::rounded;
use crate::generator::{Load, closed, paced};
use crate::processes::Processes;
use crate::report::say;
use crate::scenarios::requests::Create;
use crate::sink::Sink;

/// As long as the answer to a creation.
const ANSWER_BYTES: usize = 1_500;

/// As fast as it can, and at the pace of the webhooks' scenario.
pub async fn measure(bench: &Bench) -> Value {
    let sink = Sink::answering("201 Created", &"x".repeat(ANSWER_BYTES));
    let scripts = || (0..CLIENTS).map(|_| Create::by("nobody")).collect::<Vec<_>>();
    let before = Processes::default().cpu();
    let fast = closed(sink.address(), scripts(), bench.extent.window()).await;
    let cpu = Processes::default().cpu().since(&before);
    say(&format!("the load generator by itself: {:.0} requests/s", fast.rate()));
    let rate = WEBHOOK_EVENTS_PER_SECOND as f64;
    let slow = paced(sink.address(), scripts(), rate, bench.extent.window()).await;
    json!({
        "closed": told(&fast), "paced": told(&slow),
        "cpu_per_command": cpu.per_command(fast.tally.answered as f64),
    })
}

fn told<S>(load: &Load<S>) -> Value {
    let tally = &load.tally;
    json!({
        "per_second": rounded(load.rate()), "errors": tally.errors,
        "latency": tally.latencies.summary(), "late": tally.lateness.summary(),
    })
}
