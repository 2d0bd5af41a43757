//! Whether the followers have what the log has.
//!
//! Must not: look more often than it takes; looking costs the database, too.

use std::time::{Duration, Instant};

use baton_harness::record::{self, Follower};
use baton_harness::wait_until;
use serde_json::{Value, json};
use tokio::time::{MissedTickBehavior, interval};
use tokio_postgres::Client;

use crate::figure::rounded;

const HEAD: &str = include_str!("sql/head.sql");
/// Followers may be so late; a figure that leaves them behind for longer is none.
const LEVEL_WITHIN: Duration = Duration::from_secs(1);
const LOOK_EVERY: Duration = Duration::from_millis(25);
/// Data sets of millions of events are followed in the end.
const CAUGHT_UP_WITHIN: Duration = Duration::from_secs(3_600);

/// How the followers stood after a window.
#[derive(Clone, Debug)]
pub struct Level {
    /// When all had what the log had at the window's end; none when that took too long.
    pub after: Option<Duration>,
    /// Who was behind when the time was up.
    pub behind: String,
}

impl Level {
    /// For the record.
    #[must_use]
    pub fn summary(&self) -> Value {
        match self.after {
            Some(after) => json!({ "level_after_ms": rounded(after.as_secs_f64() * 1_000.0) }),
            None => json!({ "level_after_ms": Value::Null, "behind": self.behind }),
        }
    }

    /// Why the window does not count, if so.
    #[must_use]
    pub fn fault(&self) -> Option<String> {
        let is_level = self.after.is_some();
        (!is_level).then(|| format!("not level after {LEVEL_WITHIN:?}: {}", self.behind))
    }
}

/// Looks until all followers have what the log has now, or the time is up.
///
/// # Panics
///
/// When the database does not answer.
pub async fn level(database: &Client) -> Level {
    let (start, head) = (Instant::now(), head(database).await);
    let mut pace = interval(LOOK_EVERY);
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        pace.tick().await;
        let behind = behind(database, head, &[]).await;
        let after = start.elapsed();
        if behind.is_empty() {
            return Level { after: Some(after), behind: String::new() };
        }
        if after >= LEVEL_WITHIN {
            return Level { after: None, behind: said(&behind, head) };
        }
    }
}

/// Waits, for as long as it takes, until all followers but these have what the log has.
///
/// # Panics
///
/// When the database does not answer, or they do not go on.
pub async fn caught_up(database: &Client, but: &[&str]) {
    wait_until(CAUGHT_UP_WITHIN, "followers catch up", async || {
        let head = head(database).await;
        behind(database, head, but).await.is_empty()
    })
    .await;
}

/// The log's last position.
///
/// # Panics
///
/// When the database does not answer.
pub async fn head(database: &Client) -> i64 {
    database.query_one(HEAD, &[]).await.expect("the log has a head").get(0)
}

async fn behind(database: &Client, head: i64, but: &[&str]) -> Vec<Follower> {
    let mut followers = record::followers(database).await.expect("followers can be looked at");
    assert!(!followers.is_empty(), "somebody follows the log");
    followers.retain(|it| it.position < head && !but.contains(&it.name.as_str()));
    followers
}

fn said(behind: &[Follower], head: i64) -> String {
    let lag = |it: &Follower| format!("{} is {} events behind", it.name, head - it.position);
    behind.iter().map(lag).collect::<Vec<_>>().join(", ")
}
