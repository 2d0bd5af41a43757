//! Times of many requests, and what share of them took no longer than what.
//!
//! Must not: leave any of them out.

use std::time::Duration;

use serde_json::{Value, json};

use crate::figure::rounded;

/// Times in milliseconds, each of them kept. Some may be negative, where two clocks' edges are
/// compared.
#[derive(Clone, Debug, Default)]
pub struct Latencies(Vec<f64>);

impl Latencies {
    /// One more.
    pub fn add(&mut self, time: Duration) {
        self.add_ms(time.as_secs_f64() * 1_000.0);
    }

    /// One more, in milliseconds.
    pub fn add_ms(&mut self, time: f64) {
        self.0.push(time);
    }

    /// All of another's.
    pub fn absorb(&mut self, other: Latencies) {
        self.0.extend(other.0);
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// The time that `share` of them did not exceed, such as 0.99; not a number without any.
    #[must_use]
    pub fn at(&self, share: f64) -> f64 {
        at(&self.sorted(), share)
    }

    /// For the record.
    #[must_use]
    pub fn summary(&self) -> Value {
        let sorted = self.sorted();
        let ms = |share| rounded(at(&sorted, share));
        json!({
            "count": sorted.len(), "min_ms": ms(0.0), "p50_ms": ms(0.5), "p90_ms": ms(0.9),
            "p99_ms": ms(0.99), "p999_ms": ms(0.999), "max_ms": ms(1.0),
        })
    }

    fn sorted(&self) -> Vec<f64> {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        sorted
    }
}

/// The nearest rank.
fn at(sorted: &[f64], share: f64) -> f64 {
    let rank = (share * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.max(1) - 1).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_nearest_ranks() {
        let mut times = Latencies::default();
        for ms in (1..=100).rev() {
            times.add(Duration::from_millis(ms));
        }
        for (share, ms) in [(0.0, 1.0), (0.5, 50.0), (0.99, 99.0), (0.999, 100.0), (1.0, 100.0)] {
            assert!((times.at(share) - ms).abs() < 1e-9, "{share}");
        }
        assert!(Latencies::default().at(0.5).is_nan());
    }
}
