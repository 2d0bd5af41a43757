//! The rule of `/health/ready`, and the document that gives its reasons. Pure.
//!
//! The question is a load balancer's: may this process be given requests? A process is not ready
//! when Postgres cannot be read or written, when its appender takes nothing more, when it is
//! stopping, or, where it answers reads, when a read model stands still or is so far behind that
//! reads would be refused. All else that is wrong (NATS away, a follower that failed or is
//! behind, an account whose history cannot be read, checkpoints of the ledger that cannot be kept
//! outside the database) makes it `degraded` and is said here, but requests go on: commands need
//! Postgres alone.

use baton_feed::SubscriptionStatus;
use baton_projections::Model;
use serde_json::{Value, json};

use crate::facts::Facts;
use crate::standing::{Standing, headline};

/// Reads wait for a few seconds for their model; one that is this far behind refuses most.
const READS_LOST_FROM_MS: i64 = 30_000;
/// Checkpoints are copied once a second; when one waits this long, something is in the way.
const UNANCHORED_FROM_MS: i64 = 30_000;

/// How a process is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Verdict {
    /// All is well.
    Ok,
    /// It serves; something needs looking at.
    Degraded,
    /// It is to be given no requests.
    Unavailable,
}

/// What the process itself knows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Itself<'a> {
    pub(crate) roles: &'a [&'static str],
    pub(crate) serves_api: bool,
    /// The appender lives and its queue has room.
    pub(crate) appends: bool,
    /// Accounts that are closed because their history cannot be read.
    pub(crate) accounts_closed: usize,
    /// None where NATS is not configured.
    pub(crate) nats_connected: Option<bool>,
    pub(crate) is_stopping: bool,
}

impl Verdict {
    pub(crate) fn is_ready(self) -> bool {
        self != Self::Unavailable
    }

    fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Degraded => "degraded",
            Self::Unavailable => "unavailable",
        }
    }
}

/// May this process be given requests?
pub(crate) fn judge(itself: Itself<'_>, facts: &Facts) -> Verdict {
    let unless = |holds: bool, otherwise: Verdict| if holds { Verdict::Ok } else { otherwise };
    let is_writable = facts.log.is_some_and(|log| log.accepts_writes);
    let subscriptions = facts.subscriptions.iter().map(|status| of(itself.serves_api, status));
    let models = Model::ALL.into_iter().map(|model| {
        // One that no process ever kept has no checkpoint.
        let is_kept = facts.subscriptions.iter().any(|it| it.name == model.subscription_name());
        let otherwise = if itself.serves_api { Verdict::Unavailable } else { Verdict::Degraded };
        unless(is_kept, otherwise)
    });
    [
        unless(is_writable && itself.appends && !itself.is_stopping, Verdict::Unavailable),
        unless(itself.accounts_closed == 0, Verdict::Degraded),
        unless(itself.nats_connected != Some(false), Verdict::Degraded),
        unless(!is_unanchored(facts), Verdict::Degraded),
    ]
    .into_iter()
    .chain(subscriptions)
    .chain(models)
    .max()
    .unwrap_or(Verdict::Ok)
}

/// What is signed has been waiting for the directory of checkpoints.
fn is_unanchored(facts: &Facts) -> bool {
    facts.ledger.is_some_and(|ledger| ledger.unanchored_ms >= UNANCHORED_FROM_MS)
}

fn of(serves_api: bool, status: &SubscriptionStatus) -> Verdict {
    let is_read_here =
        serves_api && Model::ALL.iter().any(|model| model.subscription_name() == status.name);
    match Standing::of(status) {
        Standing::Level => Verdict::Ok,
        Standing::Failed if is_read_here => Verdict::Unavailable,
        Standing::Behind if is_read_here && status.lag_ms >= READS_LOST_FROM_MS => {
            Verdict::Unavailable
        }
        Standing::Failed | Standing::Behind => Verdict::Degraded,
    }
}

/// The document. `about` says of a subscription whether this process holds it and takes part.
pub(crate) fn document(
    itself: Itself<'_>,
    facts: &Facts,
    about: impl Fn(&str) -> (bool, bool),
) -> Value {
    let verdict = judge(itself, facts);
    let postgres = match facts.log {
        None => "away",
        Some(log) if !log.accepts_writes => "read-only",
        Some(_) => "ok",
    };
    let nats = match itself.nats_connected {
        None => "none",
        Some(true) => "connected",
        Some(false) => "disconnected",
    };
    let subscriptions = facts.subscriptions.iter().map(|status| subscription(status, &about));
    json!({
        "ok": verdict.is_ready(),
        "status": verdict.name(),
        "service": "baton",
        "version": env!("CARGO_PKG_VERSION"),
        "stopping": itself.is_stopping,
        "roles": itself.roles,
        "dependencies": {
            "postgres": {"status": postgres, "position": facts.log.map(|log| log.head)},
            "appender": {"status": if itself.appends { "ok" } else { "overloaded" }},
            "nats": {"status": nats},
            "directory": {"accounts_closed": itself.accounts_closed},
        },
        "ledger": facts.ledger.map(|ledger| json!({
            "status": if is_unanchored(facts) { "unanchored" } else { "ok" },
            "accounts": ledger.accounts,
            "unanchored_accounts": ledger.unanchored_accounts,
            "unanchored_events": ledger.unanchored_events,
            "unanchored_ms": ledger.unanchored_ms,
        })),
        "subscriptions": subscriptions.collect::<Vec<_>>(),
    })
}

fn subscription(status: &SubscriptionStatus, about: impl Fn(&str) -> (bool, bool)) -> Value {
    let (held_here, takes_part) = about(&status.name);
    let failure = status.failure.as_ref().map(|failure| {
        json!({
            "what": headline(&failure.text),
            "position": failure.position,
            "at": failure.at.to_string(),
        })
    });
    json!({
        "name": status.name,
        "status": Standing::of(status),
        "position": status.position,
        "lag_events": status.lag,
        "lag_ms": status.lag_ms,
        "held": status.held,
        "held_here": held_here,
        "takes_part": takes_part,
        "failure": failure,
    })
}

#[cfg(test)]
mod tests {
    use baton_ledger::LedgerStanding;
    use baton_log::Probe;

    use super::*;
    use crate::standing::tests::{failed, level};

    const API: Itself<'_> = Itself {
        roles: &["api"],
        serves_api: true,
        appends: true,
        accounts_closed: 0,
        nats_connected: Some(true),
        is_stopping: false,
    };

    fn facts(changed: Vec<SubscriptionStatus>) -> Facts {
        let mut subscriptions: Vec<SubscriptionStatus> =
            Model::ALL.iter().map(|model| level(model.subscription_name())).collect();
        subscriptions.push(level("relay"));
        for change in changed {
            subscriptions.retain(|status| status.name != change.name);
            subscriptions.push(change);
        }
        let log = Some(Probe { head: 10, accepts_writes: true });
        Facts { log, subscriptions, backlog: None, ledger: None }
    }

    #[test]
    fn postgres_alone_is_needed_and_nats_is_not() {
        let well = facts(vec![]);
        assert_eq!(judge(API, &well), Verdict::Ok);
        assert_eq!(judge(Itself { nats_connected: None, ..API }, &well), Verdict::Ok);
        let no_nats = Itself { nats_connected: Some(false), ..API };
        assert_eq!(judge(no_nats, &well), Verdict::Degraded);
        assert_eq!(judge(Itself { accounts_closed: 1, ..API }, &well), Verdict::Degraded);
        for (unanchored_ms, verdict) in [(29_999, Verdict::Ok), (30_000, Verdict::Degraded)] {
            let ledger = Some(LedgerStanding { unanchored_ms, ..LedgerStanding::default() });
            assert_eq!(judge(API, &Facts { ledger, ..facts(vec![]) }), verdict);
        }
        for unavailable in [Itself { appends: false, ..API }, Itself { is_stopping: true, ..API }] {
            assert_eq!(judge(unavailable, &well), Verdict::Unavailable);
        }
        let away = Facts { log: None, ..facts(vec![]) };
        assert_eq!(judge(API, &away), Verdict::Unavailable);
        let read_only = Some(Probe { head: 10, accepts_writes: false });
        assert_eq!(judge(API, &Facts { log: read_only, ..facts(vec![]) }), Verdict::Unavailable);
    }

    #[test]
    fn a_read_model_that_stands_still_takes_reads_away_and_no_other_follower_does() {
        let tasks = Model::Tasks.subscription_name();
        let behind = |name: &str, lag_ms| SubscriptionStatus { lag: 5, lag_ms, ..level(name) };
        let side = Itself { serves_api: false, ..API };
        for (status, api, aside) in [
            (failed(tasks), Verdict::Unavailable, Verdict::Degraded),
            (failed("relay"), Verdict::Degraded, Verdict::Degraded),
            (failed("webhooks"), Verdict::Degraded, Verdict::Degraded),
            (behind(tasks, 9_999), Verdict::Ok, Verdict::Ok),
            (behind(tasks, 29_999), Verdict::Degraded, Verdict::Degraded),
            (behind(tasks, 30_000), Verdict::Unavailable, Verdict::Degraded),
            (behind("relay", 30_000), Verdict::Degraded, Verdict::Degraded),
        ] {
            let facts = facts(vec![status.clone()]);
            assert_eq!(judge(API, &facts), api, "{status:?}");
            assert_eq!(judge(side, &facts), aside, "{status:?}");
        }
        let mut unkept = facts(vec![]);
        unkept.subscriptions.retain(|status| status.name != tasks);
        assert_eq!(judge(API, &unkept), Verdict::Unavailable);
    }

    #[test]
    fn the_document_says_where_and_not_whose() {
        let document = document(API, &facts(vec![failed("relay")]), |name| (name == "relay", true));
        assert_eq!(document["status"], "degraded");
        assert_eq!(document["ok"], true);
        let relay = document["subscriptions"].as_array().unwrap();
        let relay = relay.iter().find(|it| it["name"] == "relay").unwrap();
        assert_eq!(relay["status"], "failed");
        assert_eq!(relay["held_here"], true);
        assert_eq!(relay["failure"]["position"], 11);
        assert_eq!(relay["failure"]["what"], "cannot fold the event");
        let text = document.to_string();
        assert!(!text.contains("acme") && !text.contains("launch codes"), "{text}");
    }
}
