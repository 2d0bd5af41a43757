//! What is looked up rather than counted: set right before it is shown.

use metrics::gauge;

use crate::facts::{Facts, Node};
use crate::standing::Standing;

/// Sets every gauge that is not kept by whoever counts.
pub(crate) fn set(node: &Node, facts: &Facts) {
    of_database(facts);
    of_subscriptions(node, facts);
    of_node(node);
    for (name, pool) in &node.pools {
        let status = pool.status();
        gauge!("baton_pool_connections", "pool" => *name).set(number(status.size));
        gauge!("baton_pool_connections_max", "pool" => *name).set(number(status.max_size));
        gauge!("baton_pool_connections_idle", "pool" => *name).set(number(status.available));
        gauge!("baton_pool_waiting", "pool" => *name).set(number(status.waiting));
    }
}

fn of_database(facts: &Facts) {
    let log = facts.log;
    gauge!("baton_postgres_up").set(flag(log.is_some()));
    let accepts_writes = log.is_some_and(|log| log.accepts_writes);
    gauge!("baton_postgres_accepts_writes").set(flag(accepts_writes));
    if let Some(log) = log {
        gauge!("baton_log_position").set(amount(log.head));
    }
    if let Some(backlog) = facts.backlog {
        gauge!("baton_webhook_deliveries_due").set(amount(backlog.due));
        gauge!("baton_webhook_oldest_due_seconds").set(seconds(backlog.oldest_due_ms));
        gauge!("baton_webhook_endpoints").set(amount(backlog.endpoints));
        gauge!("baton_webhook_endpoints_inactive").set(amount(backlog.inactive));
    }
    if let Some(ledger) = facts.ledger {
        gauge!("baton_ledger_accounts").set(amount(ledger.accounts));
        gauge!("baton_ledger_accounts_unanchored").set(amount(ledger.unanchored_accounts));
        gauge!("baton_ledger_events_unanchored").set(amount(ledger.unanchored_events));
        gauge!("baton_ledger_unanchored_seconds").set(seconds(ledger.unanchored_ms));
    }
}

fn of_subscriptions(node: &Node, facts: &Facts) {
    for status in &facts.subscriptions {
        let name = status.name.clone();
        let set = |metric: &'static str, value: f64| {
            gauge!(metric, "subscription" => name.clone()).set(value);
        };
        set("baton_subscription_position", amount(status.position));
        set("baton_subscription_lag_events", amount(status.lag));
        set("baton_subscription_lag_seconds", seconds(status.lag_ms));
        set("baton_subscription_held", flag(status.held));
        set("baton_subscription_held_here", flag(node.holds(&status.name)));
        set("baton_subscription_failed", flag(Standing::of(status) == Standing::Failed));
    }
}

fn of_node(node: &Node) {
    if let Some(is_connected) = &node.nats {
        gauge!("baton_nats_connected").set(flag(is_connected()));
    }
    let queue = node.log.queue();
    gauge!("baton_append_queue_commands").set(number(queue.waiting));
    gauge!("baton_append_queue_capacity").set(number(queue.capacity));
    let (accounts, agents) = node.directory.size();
    gauge!("baton_directory_accounts").set(number(accounts));
    gauge!("baton_directory_agents").set(number(agents));
    gauge!("baton_directory_accounts_closed").set(number(node.directory.closed()));
}

fn flag(holds: bool) -> f64 {
    f64::from(u8::from(holds))
}

#[expect(clippy::cast_precision_loss, reason = "a count is exact up to 2^53")]
fn amount(count: i64) -> f64 {
    count as f64
}

fn number(count: usize) -> f64 {
    amount(i64::try_from(count).unwrap_or(i64::MAX))
}

fn seconds(ms: i64) -> f64 {
    amount(ms) / 1_000.0
}
