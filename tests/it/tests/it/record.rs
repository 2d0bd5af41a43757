//! The log and the followers, looked at behind the product's back.
//!
//! Must not: write. What tests break on purpose, they break themselves.

use async_nats::jetstream;
use baton_harness::nats::Nats;
use baton_harness::{wait_for, wait_until};
use serde_json::Value;
use tokio_postgres::Client;
use uuid::Uuid;

use crate::world::{LIMIT, World};

const EVENTS: &str = "select position, account_id, account_seq, stream_kind, stream_id, version, \
     event_id, event_type, payload::text, correlation_id from public.events \
     order by position";
const SUBSCRIPTIONS: &str =
    "select name, position, failure from public.subscriptions order by name";
const HEAD: &str = "select coalesce(max(position), 0), count(*) from public.events";
/// The JetStream stream of the relay.
const STREAM: &str = "BATON";

/// A row of the log.
#[derive(Clone, Debug)]
pub(crate) struct Recorded {
    pub(crate) position: i64,
    pub(crate) account: String,
    pub(crate) account_seq: i64,
    pub(crate) stream: (String, String),
    pub(crate) version: i64,
    pub(crate) id: Uuid,
    pub(crate) event: String,
    pub(crate) payload: Value,
    pub(crate) correlation: Uuid,
}

/// Where a follower stands.
#[derive(Clone, Debug)]
pub(crate) struct Follower {
    pub(crate) name: String,
    pub(crate) position: i64,
    pub(crate) failure: Option<String>,
}

/// The whole log.
pub(crate) async fn log(database: &Client) -> Vec<Recorded> {
    let rows = database.query(EVENTS, &[]).await.expect("the log can be read");
    let recorded = |row: &tokio_postgres::Row| Recorded {
        position: row.get(0),
        account: row.get(1),
        account_seq: row.get(2),
        stream: (row.get(3), row.get(4)),
        version: row.get(5),
        id: row.get(6),
        event: row.get(7),
        payload: serde_json::from_str(row.get(8)).expect("payloads are JSON"),
        correlation: row.get(9),
    };
    rows.iter().map(recorded).collect()
}

/// The events of one task, webhook or account.
pub(crate) async fn stream(database: &Client, id: &str) -> Vec<Recorded> {
    let log = log(database).await;
    log.into_iter().filter(|event| event.stream.1 == id).collect()
}

/// The names of these events.
pub(crate) fn names(events: &[Recorded]) -> Vec<&str> {
    events.iter().map(|event| event.event.as_str()).collect()
}

/// The last position and the number of events, of one instant.
pub(crate) async fn head_and_count(database: &Client) -> (i64, i64) {
    let row = database.query_one(HEAD, &[]).await.expect("the log can be read");
    (row.get(0), row.get(1))
}

/// Every follower of the log.
pub(crate) async fn followers(database: &Client) -> Vec<Follower> {
    let rows = database.query(SUBSCRIPTIONS, &[]).await.expect("subscriptions can be read");
    let follower = |row: &tokio_postgres::Row| Follower {
        name: row.get(0),
        position: row.get(1),
        failure: row.get(2),
    };
    rows.iter().map(follower).collect()
}

/// Waits until every follower has handled the whole log and none says that it cannot go on.
pub(crate) async fn caught_up(world: &World) -> i64 {
    let database = world.database.connect().await;
    let mut last = Vec::new();
    let waiting = wait_for(LIMIT * 2, "every follower reaches the head", async || {
        last = followers(&database).await;
        let (head, _) = head_and_count(&database).await;
        let is_done = |one: &Follower| one.position >= head && one.failure.is_none();
        (!last.is_empty() && last.iter().all(is_done)).then_some(head)
    });
    match tokio::time::timeout(LIMIT, waiting).await {
        Ok(head) => head,
        Err(_) => panic!("not every follower has reached the head: {}", standing(&last)),
    }
}

fn standing(followers: &[Follower]) -> String {
    let standing = |one: &Follower| format!("{} at {} ({:?})", one.name, one.position, one.failure);
    followers.iter().map(standing).collect::<Vec<_>>().join(", ")
}

/// Positions, account sequences and versions are 1, 2, 3 and so on.
pub(crate) fn assert_gapless(log: &[Recorded]) {
    let mut sequences = std::collections::BTreeMap::new();
    let mut versions = std::collections::BTreeMap::new();
    for (index, event) in log.iter().enumerate() {
        assert_eq!(event.position, i64::try_from(index).expect("a small number") + 1);
        let sequence: &mut i64 = sequences.entry(&event.account).or_default();
        *sequence += 1;
        assert_eq!(event.account_seq, *sequence, "{event:?}");
        let version: &mut i64 = versions.entry((&event.account, &event.stream)).or_default();
        *version += 1;
        assert_eq!(event.version, *version, "{event:?}");
    }
}

/// `baton rebuild --check`: every read model equals what the log gives.
pub(crate) async fn assert_models_equal_a_rebuild(world: &World) {
    let checked = world.baton.command(&["rebuild", "--check"]).await;
    let said = String::from_utf8_lossy(&checked.stdout);
    let errors = String::from_utf8_lossy(&checked.stderr);
    assert!(checked.status.success(), "{said}\n{errors}");
}

/// A message of the stream.
pub(crate) struct Message {
    pub(crate) sequence: u64,
    pub(crate) id: String,
    pub(crate) subject: String,
    pub(crate) body: Vec<u8>,
}

/// Waits until the stream holds the whole log, and gives its messages in order.
pub(crate) async fn messages(nats: &Nats, head: i64) -> Vec<Message> {
    let context = jetstream::new(nats.connect().await);
    let head = u64::try_from(head).expect("a position");
    wait_until(LIMIT, "the stream holds the whole log", async || {
        let Ok(mut stream) = context.get_stream(STREAM).await else { return false };
        stream.info().await.is_ok_and(|info| info.state.last_sequence >= head)
    })
    .await;
    let stream = context.get_stream(STREAM).await.expect("the relay's stream");
    let mut messages = Vec::new();
    for sequence in 1..=head {
        let message = stream.get_raw_message(sequence).await.expect("a message per position");
        let id = message.headers.get("Nats-Msg-Id").map(|id| id.as_str().to_owned());
        messages.push(Message {
            sequence: message.sequence,
            id: id.unwrap_or_default(),
            subject: message.subject.to_string(),
            body: message.payload.to_vec(),
        });
    }
    messages
}

/// The stream's sequence is the log's position, its message ids are the events' ids.
pub(crate) fn assert_stream_is_log(messages: &[Message], log: &[Recorded]) {
    assert_eq!(messages.len(), log.len());
    for (message, event) in messages.iter().zip(log) {
        assert_eq!(i64::try_from(message.sequence).ok(), Some(event.position));
        assert_eq!(message.id, event.id.to_string(), "position {}", event.position);
        let words: Vec<&str> = message.subject.split('.').collect();
        assert_eq!(words[..3], ["baton", "v1", event.account.as_str()], "{}", message.subject);
        assert_eq!(words[3..5].join("."), event.event, "{}", message.subject);
    }
}
