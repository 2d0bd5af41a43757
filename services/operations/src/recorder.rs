//! Where metrics are kept: one recorder per process, behind the facade that the crates count with.

use std::time::Duration;

use metrics::{describe_counter, describe_gauge, describe_histogram, gauge};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

use crate::catalog::{CATALOG, Kind};
use crate::error::InstallError;

/// How often what histograms have gathered is added up. Else it grows until somebody scrapes.
const UPKEEP_EVERY: Duration = Duration::from_secs(5);

/// All metrics of the process. Cheap to clone.
#[derive(Clone)]
pub struct Recorder(PrometheusHandle);

/// Starts to keep metrics for the whole process; before this, counting goes nowhere.
///
/// # Errors
/// [`InstallError`] where a recorder is there already.
pub fn install() -> Result<Recorder, InstallError> {
    let mut builder = PrometheusBuilder::new();
    for metric in CATALOG {
        if let Kind::Histogram(bounds) = metric.kind {
            let name = Matcher::Full(metric.name.to_owned());
            builder = builder.set_buckets_for_metric(name, bounds)?;
        }
    }
    let recorder = Recorder(builder.install_recorder()?);
    for metric in CATALOG {
        match metric.kind {
            Kind::Counter => describe_counter!(metric.name, metric.help),
            Kind::Gauge => describe_gauge!(metric.name, metric.help),
            Kind::Histogram(_) => describe_histogram!(metric.name, metric.help),
        }
    }
    gauge!("baton_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1.0);
    Ok(recorder)
}

impl Recorder {
    /// Adds up for ever.
    pub async fn keep(&self) {
        let mut every = tokio::time::interval(UPKEEP_EVERY);
        every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            every.tick().await;
            self.0.run_upkeep();
        }
    }

    /// Everything, in the text format of Prometheus.
    pub(crate) fn text(&self) -> String {
        self.0.render()
    }
}
