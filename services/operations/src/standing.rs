//! What an operator wants to know first of a subscription: does it go on? Pure.

use baton_feed::SubscriptionStatus;
use serde::Serialize;

/// From this lag on a subscription counts as behind: many times what a take-over takes.
const BEHIND_FROM_MS: i64 = 10_000;

/// How a subscription stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Standing {
    /// Level with the log, or nearly.
    Level,
    /// It goes on, or nobody is there to take it up; either way events wait.
    Behind,
    /// It stands still and says why.
    Failed,
}

impl Standing {
    /// How it stands by its checkpoint.
    #[must_use]
    pub fn of(status: &SubscriptionStatus) -> Self {
        if status.failure.is_some() {
            Self::Failed
        } else if status.lag_ms >= BEHIND_FROM_MS {
            Self::Behind
        } else {
            Self::Level
        }
    }

    /// Nothing moves until somebody acts: it failed, or events wait and no process holds it.
    #[must_use]
    pub fn stands_still(status: &SubscriptionStatus) -> bool {
        match Self::of(status) {
            Self::Failed => true,
            Self::Behind => !status.held,
            Self::Level => false,
        }
    }
}

/// What failed, in Baton's own words: the causes behind it may hold what a client sent, and are
/// for the log and for `baton status` only.
pub(crate) fn headline(failure: &str) -> &str {
    failure.split(": ").next().unwrap_or_default()
}

#[cfg(test)]
pub(crate) mod tests {
    use baton_feed::Failure;

    use super::*;

    /// A subscription level with the log.
    pub(crate) fn level(name: &str) -> SubscriptionStatus {
        SubscriptionStatus {
            name: name.to_owned(),
            position: 10,
            lag: 0,
            lag_ms: 0,
            held: true,
            holder: Some("7-a".to_owned()),
            lease_ms: Some(2_500),
            failure: None,
        }
    }

    /// One that stands still at an event.
    pub(crate) fn failed(name: &str) -> SubscriptionStatus {
        let text = "cannot fold the event: cannot read acme's \"launch codes\"".to_owned();
        let at = "2026-03-17T10:00:00Z".parse().unwrap();
        let failure = Some(Failure { text, position: Some(11), at });
        SubscriptionStatus { lag: 1, lag_ms: 50, failure, ..level(name) }
    }

    #[test]
    fn what_failed_or_waits_for_nobody_stands_still() {
        let behind = SubscriptionStatus { lag: 9, lag_ms: BEHIND_FROM_MS, ..level("relay") };
        let unheld = SubscriptionStatus { held: false, ..level("relay") };
        let forsaken = SubscriptionStatus { held: false, ..behind.clone() };
        for (status, standing, still) in [
            (level("relay"), Standing::Level, false),
            (unheld, Standing::Level, false),
            (behind, Standing::Behind, false),
            (forsaken, Standing::Behind, true),
            (failed("relay"), Standing::Failed, true),
        ] {
            assert_eq!(Standing::of(&status), standing, "{status:?}");
            assert_eq!(Standing::stands_still(&status), still, "{status:?}");
        }
    }

    #[test]
    fn causes_are_not_for_everybody() {
        let status = failed("relay");
        assert_eq!(headline(&status.failure.unwrap().text), "cannot fold the event");
        assert_eq!(headline("the handler panicked: index 3"), "the handler panicked");
    }
}
