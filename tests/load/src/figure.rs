//! The keys of the benchmark with their bounds, and what a run says of each.
//!
//! Must not: measure.

use serde_json::{Value, json};

/// Which side of the bound is good.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Bound {
    /// This or more.
    AtLeast(f64),
    /// This or less.
    AtMost(f64),
}

/// What is measured.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// Its name in `ratios`.
    pub name: &'static str,
    /// What it is.
    pub what: &'static str,
    /// What has to be reached.
    pub floor: Bound,
    /// What is hoped for.
    pub aim: Option<f64>,
}

/// All of them, in the order in which they are measured.
pub const KEYS: [Key; 18] = [
    key("append", "one-event commands/s, 256 in flight, by pgbench with 32", at_least(2.0)),
    key("append_single", "the same, 1 in flight, by pgbench with 1", at_least(0.5)),
    key("http_create", "POST /v1/tasks, 32 clients, by pgbench with 32", at_least(0.25)).aim(1.0),
    key("create_p99_ms", "its 99th percentile at half its rate", at_most(10.0)),
    key("lifecycle", "requests/s of whole lives, by pgbench with 32", at_least(0.20)).aim(0.8),
    key("webhook_p50_ms", "commit to received at 200 events/s, median", at_most(2.5)).aim(1.5),
    key("webhook_p99_ms", "the same, 99th percentile", at_most(10.0)).aim(3.0),
    key("webhook_rate", "deliveries/s of a backlog, by pgbench with 32", at_least(0.10)),
    key("rebuild_rate", "events/s, all read models", at_least(30_000.0)),
    key("verify_rate", "events/s, the log against its checkpoints", at_least(200_000.0)),
    key("start_ms", "`baton serve` on a long log to ready", at_most(2_000.0)),
    key("scale_1m_over_1k", "worst of list, chain, create, by those at 1,000", at_most(1.5)),
    key("rss_mib", "resident memory while creating among many tasks", at_most(300.0)),
    key("claim", "tasks claimed and completed/s, 32 workers, by pgbench with 32", at_least(0.15))
        .aim(0.5),
    key("claim_p99_with_audit", "claim p99 beside old snapshots, by that without", at_most(2.0)),
    key("dedup_ms", "a duplicate check among 100,000 open tasks, p99", at_most(20.0)),
    key(
        "ledger_delay_ms",
        "checkpoint behind the log at 5,000 events/s, longest",
        at_most(1_000.0),
    ),
    key("ledger_cost", "CPU of a creation with the ledger, by that without", at_most(1.05)),
];

const fn key(name: &'static str, what: &'static str, floor: Bound) -> Key {
    Key { name, what, floor, aim: None }
}

const fn at_least(value: f64) -> Bound {
    Bound::AtLeast(value)
}

const fn at_most(value: f64) -> Bound {
    Bound::AtMost(value)
}

impl Key {
    const fn aim(self, aim: f64) -> Key {
        Key { aim: Some(aim), ..self }
    }

    /// The value reaches the floor.
    #[must_use]
    pub fn holds(&self, value: f64) -> bool {
        match self.floor {
            Bound::AtLeast(floor) => value >= floor,
            Bound::AtMost(floor) => value <= floor,
        }
    }
}

/// What a run says of a key.
#[derive(Clone, Debug)]
pub struct Figure {
    /// The key's name.
    pub key: &'static str,
    /// Its value, or why there is none that counts.
    pub value: Result<f64, String>,
    /// Everything that it was made from.
    pub raw: Value,
}

impl Figure {
    /// A value, unless some window does not count.
    #[must_use]
    pub fn of(key: &'static str, value: f64, faults: &[String], raw: Value) -> Figure {
        let mut faults = faults.to_vec();
        if !value.is_finite() {
            faults.push("there is no value".to_owned());
        }
        let value = if faults.is_empty() { Ok(value) } else { Err(faults.join("; ")) };
        Figure { key, value, raw }
    }

    /// No value.
    #[must_use]
    pub fn failed(key: &'static str, why: &str) -> Figure {
        Figure { key, value: Err(why.to_owned()), raw: json!({}) }
    }

    /// Its bounds.
    ///
    /// # Panics
    ///
    /// When the key is none of [`KEYS`].
    #[must_use]
    pub fn definition(&self) -> &'static Key {
        KEYS.iter().find(|key| key.name == self.key).expect("figures are of the keys of the list")
    }
}

/// The middle one; between the middle two where they are even.
#[must_use]
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    match (sorted.len(), sorted.len() / 2) {
        (0, _) => f64::NAN,
        (even, half) if even % 2 == 0 => f64::midpoint(sorted[half - 1], sorted[half]),
        (_, half) => sorted[half],
    }
}

/// Three digits after the point are enough for anybody, and a JSON number must be finite.
#[must_use]
pub fn rounded(value: f64) -> Value {
    if value.is_finite() { json!((value * 1_000.0).round() / 1_000.0) } else { Value::Null }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians() {
        for (values, expected) in
            [(&[3.0][..], 3.0), (&[9.0, 1.0, 2.0][..], 2.0), (&[4.0, 1.0, 2.0, 9.0][..], 3.0)]
        {
            assert_eq!(median(values), expected, "{values:?}");
        }
        assert!(median(&[]).is_nan());
    }

    #[test]
    fn a_floor_has_a_good_side() {
        let holds =
            |name: &str, value| KEYS.iter().find(|key| key.name == name).unwrap().holds(value);
        assert!(holds("append", 2.0) && !holds("append", 1.99));
        assert!(holds("start_ms", 2_000.0) && !holds("start_ms", 2_000.1));
    }

    #[test]
    fn a_fault_leaves_no_value() {
        let faults = ["relay is 3 behind".to_owned()];
        assert!(Figure::of("append", 3.0, &faults, Value::Null).value.is_err());
        assert!(Figure::of("append", f64::NAN, &[], Value::Null).value.is_err());
        assert_eq!(Figure::of("append", 3.0, &[], Value::Null).value, Ok(3.0));
    }
}
