//! The log and the followers, looked at behind the product's back.
//!
//! Must not: write. What tests break on purpose, they break themselves.

use async_nats::jetstream;
use baton_harness::nats::Nats;
use baton_harness::record::{Follower, standing};
pub(crate) use baton_harness::record::{
    Recorded, assert_gapless, followers, head_and_count, log, names,
};
use baton_harness::{wait_for, wait_until};
use tokio_postgres::Client;

use crate::world::{LIMIT, World};

/// The JetStream stream of the relay.
const STREAM: &str = "BATON";

/// The events of one task, webhook or account.
pub(crate) async fn stream(database: &Client, id: &str) -> Vec<Recorded> {
    let log = log(database).await;
    log.into_iter().filter(|event| event.stream.1 == id).collect()
}

/// Waits until every follower has handled the whole log and none says that it cannot go on.
pub(crate) async fn caught_up(world: &World) -> i64 {
    let database = world.database.connect().await;
    let mut last = Vec::new();
    let waiting = wait_for(LIMIT * 2, "every follower reaches the head", async || {
        last = followers(&database).await.expect("subscriptions can be read");
        let (head, _) = head_and_count(&database).await;
        let is_done = |one: &Follower| one.position >= head && one.failure.is_none();
        (!last.is_empty() && last.iter().all(is_done)).then_some(head)
    });
    match tokio::time::timeout(LIMIT, waiting).await {
        Ok(head) => head,
        Err(_) => panic!("not every follower has reached the head: {}", standing(&last)),
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
