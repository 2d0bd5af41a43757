//! What an operator may choose about webhooks, and tests shorten.

use std::sync::Arc;
use std::time::Duration;

use crate::resolve::{Lookup, SystemLookup};
use crate::schedule::Schedule;

/// Settings of the sender.
#[derive(Clone)]
pub struct Settings {
    /// Webhooks may lead to this machine and its network.
    pub allow_private: bool,
    /// Deliveries under way to one endpoint at once.
    pub in_flight_max: usize,
    /// How long a receiver may take to answer.
    pub attempt_timeout: Duration,
    /// When failed attempts are made again.
    pub schedule: Schedule,
    /// Deliveries in a row that fail for good before their webhook is switched off.
    pub failures_max: i32,
    /// How long a shutdown waits for attempts under way.
    pub drain_within: Duration,
    /// How long deliveries that are done with are kept.
    pub keep_for: Duration,
    /// How names are resolved.
    pub lookup: Arc<dyn Lookup>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            allow_private: false,
            in_flight_max: 32,
            attempt_timeout: Duration::from_secs(10),
            schedule: Schedule::default(),
            failures_max: 10,
            drain_within: Duration::from_secs(12),
            keep_for: Duration::from_hours(7 * 24),
            lookup: Arc::new(SystemLookup),
        }
    }
}
