//! Windows of measurement, with the yardstick before, between and after them: where the machine
//! drifts, both drift, and the drift shows.
//!
//! Must not: drop a window.

use serde_json::{Value, json};

use crate::bench::Bench;
use crate::figure::{Figure, median, rounded};
use crate::report::say;

/// What one window came to.
#[derive(Clone, Debug)]
pub struct Measured {
    /// By the second, or whatever its scenario measures.
    pub rate: f64,
    /// Why it does not count; nothing when it does.
    pub faults: Vec<String>,
    /// Everything that it was made from.
    pub raw: Value,
}

/// All windows of a scenario.
#[derive(Clone, Debug, Default)]
pub struct Series {
    /// Of each window.
    pub rates: Vec<f64>,
    /// Of each window, by the mean of the yardstick before and after it.
    pub ratios: Vec<f64>,
    /// Why it does not count; nothing when it does.
    pub faults: Vec<String>,
    /// In the order of time.
    pub raw: Vec<Value>,
}

impl Series {
    /// Measures, yardstick and window in turns.
    pub async fn beside(
        bench: &Bench,
        name: &str,
        clients: usize,
        mut window: impl AsyncFnMut() -> Measured,
    ) -> Series {
        let (mut series, seconds) = (Series::default(), bench.extent.seconds);
        bench.yardstick.checkpoint().await;
        let mut before = series.yardstick(bench, clients, seconds).await;
        for n in 1..=bench.extent.windows {
            let measured = window().await;
            say(&format!("{name}, window {n}: {:.1}", measured.rate));
            let rate = measured.rate;
            series.add(measured);
            let after = series.yardstick(bench, clients, seconds).await;
            series.ratios.push(rate / f64::midpoint(before, after));
            before = after;
        }
        series
    }

    /// One more window.
    pub fn add(&mut self, measured: Measured) {
        let n = self.rates.len() + 1;
        self.faults.extend(measured.faults.iter().map(|fault| format!("window {n}: {fault}")));
        self.rates.push(measured.rate);
        self.raw.push(json!({ "window": n, "measured": measured.raw }));
    }

    async fn yardstick(&mut self, bench: &Bench, clients: usize, seconds: u64) -> f64 {
        let measured = bench.yardstick.window(clients, seconds).await;
        say(&format!("pgbench, {clients} clients: {:.1}", measured.rate));
        self.raw.push(json!({ "pgbench": measured.raw }));
        measured.rate
    }

    /// The median of the ratios, as a figure.
    #[must_use]
    pub fn ratio(&self, key: &'static str) -> Figure {
        self.figure(key, median(&self.ratios))
    }

    /// The median of the windows themselves, as a figure.
    #[must_use]
    pub fn median(&self, key: &'static str) -> Figure {
        self.figure(key, median(&self.rates))
    }

    fn figure(&self, key: &'static str, value: f64) -> Figure {
        let raw = json!({
            "median": rounded(median(&self.rates)),
            "per_window": self.rates.iter().map(|rate| rounded(*rate)).collect::<Vec<_>>(),
            "by_yardstick": self.ratios.iter().map(|ratio| rounded(*ratio)).collect::<Vec<_>>(),
            "windows": self.raw,
        });
        Figure::of(key, value, &self.faults, raw)
    }
}
