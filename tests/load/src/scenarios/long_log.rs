//! `rebuild_rate`, `verify_rate` and `start_ms`: what a long log costs.
//!
//! Must not: begin before the followers have all of it.

use std::time::{Duration, Instant};

use baton_harness::wait_until;
use serde_json::json;

use crate::bench::Bench;
use crate::figure::{Figure, rounded};
use crate::fill::Goal;
use crate::followers;
use crate::processes::ended_children;
use crate::report::say;
use crate::stand::Stand;
use crate::windows::{Measured, Series};

/// A start that takes longer has failed.
const READY_WITHIN: Duration = Duration::from_secs(120);

/// Rebuilds, and starts.
pub async fn measure(bench: &Bench) -> Vec<Figure> {
    let (mut stand, _) = Stand::with(bench, Goal::Events(bench.extent.events)).await;
    bench.yardstick.checkpoint().await;
    let mut figures = Vec::new();
    if bench.extent.wants(&["rebuild_rate"]) {
        figures.push(rebuilds(bench, &stand).await);
    }
    if bench.extent.wants(&["verify_rate"]) {
        figures.push(verifications(bench, &stand).await);
    }
    if bench.extent.wants(&["start_ms"]) {
        figures.push(starts(bench, &mut stand).await);
    }
    figures
}

/// All models, beside the live ones.
async fn rebuilds(bench: &Bench, stand: &Stand) -> Figure {
    let events = followers::head(&stand.watch).await;
    let mut series = Series::default();
    for _ in 0..bench.extent.windows {
        let (processes, children) = (stand.processes(), ended_children());
        let (before, start) = (processes.cpu(), Instant::now());
        let output = stand.baton.command(&["rebuild"]).await;
        let took = start.elapsed();
        let cpu = processes.cpu().since(&before);
        let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        let failed = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "baton rebuild: {failed}");
        let rate = events as f64 / took.as_secs_f64();
        say(&format!("rebuilt {events} events in {took:.1?}: {rate:.0}/s"));
        let raw = json!({
            "events": events, "seconds": rounded(took.as_secs_f64()), "said": said,
            "rebuild_cpu_s": rounded(ended_children() - children),
            "cpu_per_command": cpu.per_command(events as f64),
        });
        series.add(Measured { rate, faults: Vec::new(), raw });
    }
    series.median("rebuild_rate")
}

/// The whole log, beside its node, against the checkpoints in the directory.
async fn verifications(bench: &Bench, stand: &Stand) -> Figure {
    let mut series = Series::default();
    for _ in 0..bench.extent.windows {
        let events = followers::head(&stand.watch).await;
        let (processes, children) = (stand.processes(), ended_children());
        let (before, start) = (processes.cpu(), Instant::now());
        let output = stand.baton.command(&["verify"]).await;
        let took = start.elapsed();
        let cpu = processes.cpu().since(&before);
        let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        let failed = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "baton verify: {said}\n{failed}");
        let rate = events as f64 / took.as_secs_f64();
        say(&format!("verified {events} events in {took:.1?}: {rate:.0}/s"));
        let raw = json!({
            "events": events, "seconds": rounded(took.as_secs_f64()), "said": said,
            "verify_cpu_s": rounded(ended_children() - children),
            "cpu_per_command": cpu.per_command(events as f64),
        });
        series.add(Measured { rate, faults: Vec::new(), raw });
    }
    series.median("verify_rate")
}

/// From the beginning of the process until it says that it is ready.
async fn starts(bench: &Bench, stand: &mut Stand) -> Figure {
    let mut series = Series::default();
    for _ in 0..bench.extent.windows {
        stand.baton.stop().await;
        let start = Instant::now();
        stand.baton.restart().await;
        let listens = start.elapsed();
        let admin = stand.admin();
        let is_ready = async || admin.get("/health/ready").await.status == 200;
        wait_until(READY_WITHIN, "baton is ready", is_ready).await;
        let ready = start.elapsed().as_secs_f64() * 1_000.0;
        say(&format!("ready after {ready:.0} ms"));
        let raw = json!({
            "ready_ms": rounded(ready), "listens_ms": rounded(listens.as_secs_f64() * 1_000.0),
        });
        series.add(Measured { rate: ready, faults: Vec::new(), raw });
        followers::caught_up(&stand.watch, &[]).await;
    }
    series.median("start_ms")
}
