//! Every metric: its name, what kind it is, what it says. The names in the code that counts must
//! be these; a test compares what is served with this list, and this list with the manual.

/// What a metric is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    /// Only rises, from 0 at start.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts values by upper bound.
    Histogram(&'static [f64]),
}

/// A metric.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Metric {
    /// Its name.
    pub name: &'static str,
    /// What it is.
    pub kind: Kind,
    /// What it says: its HELP text.
    pub help: &'static str,
}

/// Seconds, from a cached read to a request that waits for all that it may.
const SECONDS: &[f64] =
    &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];
/// Commands of one batch, up to its bound.
const COMMANDS: &[f64] = &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0];

/// All of them, by subject.
pub const CATALOG: &[Metric] = &[
    info("baton_build_info", "Always 1; the label says which version runs"),
    info("baton_uptime_seconds", "Seconds since the process began to serve"),
    // HTTP.
    count("baton_http_requests_total", "Requests answered, by operation, method, status class"),
    spread("baton_http_request_duration_seconds", SECONDS, "Time to answer, long polls included"),
    info("baton_http_requests_in_flight", "Requests under way"),
    // Commands and the log.
    count("baton_commands_total", "Commands answered, by outcome: done, replayed, or the refusal"),
    count("baton_command_conflicts_total", "Commands decided again because a stream had moved"),
    count("baton_append_commands_total", "Commands that reached the log, by outcome"),
    count("baton_append_events_total", "Events appended by this process"),
    spread("baton_append_batch_commands", COMMANDS, "Commands of a batch"),
    spread(
        "baton_append_duration_seconds",
        SECONDS,
        "Time of a batch in the database, commit and all",
    ),
    info("baton_append_queue_commands", "Commands that wait for the appender"),
    info("baton_append_queue_capacity", "Commands that may wait; more are refused"),
    info("baton_log_position", "The log's last position"),
    // Followers.
    info("baton_subscription_position", "The last position a subscription has handled"),
    info("baton_subscription_lag_events", "Events a subscription has not handled yet"),
    info("baton_subscription_lag_seconds", "Age of the first event not handled yet; 0 without lag"),
    info("baton_subscription_held", "1 while some process holds the subscription"),
    info("baton_subscription_held_here", "1 while this process holds the subscription"),
    info("baton_subscription_failed", "1 while the subscription stands still because of a failure"),
    count("baton_subscription_events_total", "Events handled by this process"),
    count("baton_subscription_failures_total", "Failed attempts of this process to go on"),
    count("baton_relay_published_total", "Messages that NATS has acknowledged to this process"),
    count(
        "baton_relay_unreadable_total",
        "Events published without their subject, which cannot be read",
    ),
    count(
        "baton_scheduler_fired_total",
        "Commands given because they were due, by kind and outcome: done or failed",
    ),
    // Webhooks.
    count("baton_webhook_attempts_total", "Attempts to deliver, by outcome"),
    spread("baton_webhook_attempt_duration_seconds", SECONDS, "Time of an attempt to deliver"),
    info("baton_webhook_deliveries_due", "Deliveries not made yet, counted up to 100,000"),
    info("baton_webhook_oldest_due_seconds", "Age of the oldest delivery that was never attempted"),
    info("baton_webhook_endpoints", "Webhooks that are not deleted"),
    info("baton_webhook_endpoints_inactive", "Those among them that are switched off"),
    // The ledger.
    count("baton_ledger_checkpoints_total", "Checkpoints signed by this process"),
    count("baton_ledger_anchored_total", "Checkpoints kept in the directory by this process"),
    count("baton_ledger_anchor_failures_total", "Failed attempts of this process to keep them"),
    info("baton_ledger_accounts", "Accounts that have a checkpoint"),
    info("baton_ledger_accounts_unanchored", "Those whose last one is not in the directory"),
    info("baton_ledger_events_unanchored", "Signed events that none in the directory covers"),
    info("baton_ledger_unanchored_seconds", "Age of the oldest such event; 0 without one"),
    // What it stands on.
    info("baton_postgres_up", "1 while Postgres answers; 0 makes every other figure of it stale"),
    info("baton_postgres_accepts_writes", "1 while Postgres takes writes"),
    info("baton_nats_connected", "1 while NATS is connected; absent where none is configured"),
    info("baton_pool_connections", "Open connections of a pool"),
    info("baton_pool_connections_max", "Connections that a pool may open"),
    info("baton_pool_connections_idle", "Open connections that nobody uses"),
    info("baton_pool_waiting", "Tasks that wait for a connection"),
    info("baton_directory_accounts", "Accounts in the directory"),
    info("baton_directory_accounts_closed", "Accounts closed because their history is unreadable"),
    info("baton_directory_agents", "Living agents in the directory"),
    // The process, by the names that Prometheus has for it.
    info("process_resident_memory_bytes", "Resident memory"),
    count("process_cpu_seconds_total", "User and system CPU time"),
    info("process_open_fds", "Open file descriptors"),
    info("process_max_fds", "File descriptors that may be open"),
    info("process_start_time_seconds", "Start of the process, in seconds since 1970"),
];

const fn count(name: &'static str, help: &'static str) -> Metric {
    Metric { name, kind: Kind::Counter, help }
}

const fn info(name: &'static str, help: &'static str) -> Metric {
    Metric { name, kind: Kind::Gauge, help }
}

const fn spread(name: &'static str, bounds: &'static [f64], help: &'static str) -> Metric {
    Metric { name, kind: Kind::Histogram(bounds), help }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_conventions() {
        for Metric { name, kind, help } in CATALOG {
            assert!(name.starts_with("baton_") || name.starts_with("process_"), "{name}");
            assert!(!help.is_empty() && !help.ends_with('.'), "{name}");
            assert_eq!(*kind == Kind::Counter, name.ends_with("_total"), "{name}");
            assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{name}");
            let same = CATALOG.iter().filter(|other| other.name == *name).count();
            assert_eq!(same, 1, "{name}");
        }
    }

    #[test]
    fn the_manual_has_every_metric() {
        let manual = include_str!("../../../docs/operations.md");
        let missing: Vec<&str> = CATALOG
            .iter()
            .map(|metric| metric.name)
            .filter(|name| !manual.contains(&format!("`{name}`")))
            .collect();
        assert!(missing.is_empty(), "docs/operations.md does not explain {missing:?}");
    }
}
