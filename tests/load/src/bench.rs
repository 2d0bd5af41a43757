//! One run: the servers that all scenarios share, and the scenarios in their order.
//!
//! Must not: stop at a scenario that breaks; its figure says so, and the others are measured.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::time::Instant;

use baton_harness::postgres::{Cluster, own_cluster};
use futures_util::FutureExt;
use serde_json::Value;

use crate::extent::Extent;
use crate::figure::{Figure, KEYS};
use crate::machine;
use crate::report::{Report, say};
use crate::scenarios::{
    appends, ceiling, claims, duplicates, ledger, long_log, many_tasks, requests, webhooks,
};
use crate::yardstick::Yardstick;

/// What all scenarios share.
#[derive(Debug)]
pub struct Bench {
    /// How much is measured.
    pub extent: Extent,
    /// The yardstick's table.
    pub yardstick: Yardstick,
    /// The Postgres of everything: durable, with its own defaults.
    pub cluster: Cluster,
}

/// Measures what the extent asks for.
///
/// # Panics
///
/// When the servers do not start, or Postgres does not commit durably.
pub async fn run(extent: Extent) -> Report {
    let start = Instant::now();
    let cluster = own_cluster().await;
    let yardstick = Yardstick::new(&cluster).await;
    let about = machine::about(&cluster).await;
    let bench = Bench { extent, yardstick, cluster };
    let ceiling = ceiling::measure(&bench).await;
    let mut figures = Vec::new();
    bench.part(&mut figures, &["append"], appends::many(&bench)).await;
    bench.part(&mut figures, &["append_single"], appends::single(&bench)).await;
    bench.part(&mut figures, &["http_create", "create_p99_ms"], requests::creates(&bench)).await;
    bench.part(&mut figures, &["lifecycle"], requests::lives(&bench)).await;
    let keys = ["webhook_p50_ms", "webhook_p99_ms"];
    bench.part(&mut figures, &keys, webhooks::latency(&bench)).await;
    bench.part(&mut figures, &["webhook_rate"], webhooks::backlog(&bench)).await;
    bench
        .part(&mut figures, &["rebuild_rate", "verify_rate", "start_ms"], long_log::measure(&bench))
        .await;
    let keys = ["scale_1m_over_1k", "rss_mib"];
    bench.part(&mut figures, &keys, many_tasks::measure(&bench)).await;
    let keys = ["claim", "claim_p99_with_audit"];
    bench.part(&mut figures, &keys, claims::measure(&bench)).await;
    bench.part(&mut figures, &["dedup_ms"], duplicates::measure(&bench)).await;
    bench.part(&mut figures, &["ledger_delay_ms"], ledger::delay(&bench)).await;
    bench.part(&mut figures, &["ledger_cost"], ledger::cost(&bench)).await;
    let wanted = |figure: &Figure| bench.extent.wants(&[figure.key]);
    figures.retain(wanted);
    figures.sort_by_key(|figure| KEYS.iter().position(|key| key.name == figure.key));
    Report { extent: bench.extent, about, ceiling, figures, took: start.elapsed() }
}

impl Bench {
    /// One scenario, if any of its keys is asked for.
    async fn part(
        &self,
        figures: &mut Vec<Figure>,
        keys: &[&'static str],
        scenario: impl Future<Output = Vec<Figure>>,
    ) {
        if !self.extent.wants(keys) {
            return;
        }
        say(&format!("measuring {}", keys.join(", ")));
        match AssertUnwindSafe(scenario).catch_unwind().await {
            Ok(measured) => figures.extend(measured),
            Err(panic) => {
                let why = format!("the scenario broke: {}", text_of(panic.as_ref()));
                figures.extend(keys.iter().map(|key| Figure::failed(key, &why)));
            }
        }
    }
}

fn text_of(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
    text.unwrap_or_else(|| Value::Null.to_string())
}
