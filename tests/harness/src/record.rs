//! The log and its followers, looked at behind the product's back.
//!
//! Must not: write. What tests break on purpose, they break themselves.

use std::collections::BTreeMap;

use serde_json::Value;
use tokio_postgres::{Client, Error, Row};
use uuid::Uuid;

const EVENTS: &str = "select position, account_id, account_seq, stream_kind, stream_id, version, \
     event_id, event_type, payload::text, correlation_id, recorded_at from public.events \
     where position > $1 order by position";
const SUBSCRIPTIONS: &str =
    "select name, position, failure, holder from public.subscriptions order by name";
const HEAD: &str = "select coalesce(max(position), 0), count(*) from public.events";

/// A row of the log.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// Its place in the log.
    pub position: i64,
    /// Whose it is.
    pub account: String,
    /// Its place among the account's events.
    pub account_seq: i64,
    /// Kind and id of what it happened to.
    pub stream: (String, String),
    /// Its place in that stream.
    pub version: i64,
    /// Its id.
    pub id: Uuid,
    /// Its name.
    pub event: String,
    /// What it says.
    pub payload: Value,
    /// Shared by all that one request caused.
    pub correlation: Uuid,
    /// When it was recorded.
    pub at: jiff::Timestamp,
}

/// Where a follower stands.
#[derive(Clone, Debug)]
pub struct Follower {
    /// Its name.
    pub name: String,
    /// The last position that it has handled.
    pub position: i64,
    /// Why it does not go on.
    pub failure: Option<String>,
    /// Who held it last: its process id, a hyphen, and more.
    pub holder: Option<String>,
}

/// The whole log.
///
/// # Panics
///
/// When it cannot be read.
pub async fn log(database: &Client) -> Vec<Recorded> {
    log_after(database, 0).await
}

/// The log above a position.
///
/// # Panics
///
/// When it cannot be read.
pub async fn log_after(database: &Client, position: i64) -> Vec<Recorded> {
    let rows = database.query(EVENTS, &[&position]).await.expect("the log can be read");
    let recorded = |row: &Row| Recorded {
        position: row.get(0),
        account: row.get(1),
        account_seq: row.get(2),
        stream: (row.get(3), row.get(4)),
        version: row.get(5),
        id: row.get(6),
        event: row.get(7),
        payload: serde_json::from_str(row.get(8)).expect("payloads are JSON"),
        correlation: row.get(9),
        at: row.get(10),
    };
    rows.iter().map(recorded).collect()
}

/// The names of these events.
#[must_use]
pub fn names(events: &[Recorded]) -> Vec<&str> {
    events.iter().map(|event| event.event.as_str()).collect()
}

/// The last position and the number of events, of one instant.
///
/// # Panics
///
/// When the log cannot be read.
pub async fn head_and_count(database: &Client) -> (i64, i64) {
    let row = database.query_one(HEAD, &[]).await.expect("the log can be read");
    (row.get(0), row.get(1))
}

/// Every follower of the log.
///
/// # Errors
///
/// When the database does not answer, which it need not in a test of faults.
pub async fn followers(database: &Client) -> Result<Vec<Follower>, Error> {
    let rows = database.query(SUBSCRIPTIONS, &[]).await?;
    let follower = |row: &Row| Follower {
        name: row.get(0),
        position: row.get(1),
        failure: row.get(2),
        holder: row.get(3),
    };
    Ok(rows.iter().map(follower).collect())
}

/// Where they stand, for people.
#[must_use]
pub fn standing(followers: &[Follower]) -> String {
    let standing = |one: &Follower| format!("{} at {} ({:?})", one.name, one.position, one.failure);
    followers.iter().map(standing).collect::<Vec<_>>().join(", ")
}

/// Positions, account sequences and versions are 1, 2, 3 and so on; times do not fall.
///
/// # Panics
///
/// When they are not.
pub fn assert_gapless(log: &[Recorded]) {
    let mut sequences = BTreeMap::new();
    let mut versions = BTreeMap::new();
    let mut before = jiff::Timestamp::MIN;
    for (index, event) in log.iter().enumerate() {
        assert_eq!(event.position, i64::try_from(index).expect("a small number") + 1);
        let sequence: &mut i64 = sequences.entry(&event.account).or_default();
        *sequence += 1;
        assert_eq!(event.account_seq, *sequence, "{event:?}");
        let version: &mut i64 = versions.entry((&event.account, &event.stream)).or_default();
        *version += 1;
        assert_eq!(event.version, *version, "{event:?}");
        assert!(event.at >= before, "recorded before {before}: {event:?}");
        before = event.at;
    }
}
