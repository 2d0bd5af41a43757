//! The JetStream stream as a subscriber sees it during all faults: message for message, each at
//! the sequence that is its position.
//!
//! Must not: trust a server that came back. It starts anew with each.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, push};
use async_nats::jetstream::stream::Stream;
use async_nats::{ConnectOptions, jetstream};
use baton_harness::record::Recorded;
use futures_util::StreamExt;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::{Violation, must};

const STREAM: &str = "BATON";
/// How often to look for the stream of a server that was just started.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// A subscriber of the stream, gone with it.
#[derive(Debug)]
pub struct Watcher {
    url: String,
    seen: Arc<Mutex<Seen>>,
    server: watch::Sender<u64>,
    task: JoinHandle<()>,
}

/// What it saw.
#[derive(Debug, Default)]
struct Seen {
    /// The last sequence, since the server was last started.
    reached: i64,
    /// The event at each sequence, by any server.
    ids: BTreeMap<i64, String>,
    wrong: Option<Violation>,
}

impl Watcher {
    /// Subscribes as soon as there is a stream.
    #[must_use]
    pub fn start(url: &str) -> Watcher {
        let (server, servers) = watch::channel(0);
        let seen = Arc::<Mutex<Seen>>::default();
        let task = tokio::spawn(watch(url.to_owned(), seen.clone(), servers));
        Watcher { url: url.to_owned(), seen, server, task }
    }

    /// The server was started again.
    pub fn server_restarted(&self) {
        lock(&self.seen).reached = 0;
        self.server.send_modify(|servers| *servers += 1);
    }

    /// The last sequence seen since the server was last started.
    #[must_use]
    pub fn reached(&self) -> i64 {
        lock(&self.seen).reached
    }

    /// Every message seen is the log's event at its sequence; the stream holds all, and no more.
    ///
    /// # Errors
    ///
    /// When not.
    pub async fn check(&self, log: &[Recorded]) -> Result<(), Violation> {
        {
            let seen = lock(&self.seen);
            must!(seen.wrong.is_none(), "the stream: {}", seen.wrong.as_deref().unwrap_or(""));
            let first = log.first().map_or(1, |event| event.position);
            for (sequence, id) in seen.ids.range(first..) {
                let event = usize::try_from(sequence - first).ok().and_then(|at| log.get(at));
                let expected = event.map(|event| event.id.to_string()).unwrap_or_default();
                must!(
                    *id == expected,
                    "sequence {sequence} of the stream is event {id}, \
                     position {sequence} of the log is {expected:?}"
                );
            }
        }
        let Some(last) = log.last() else { return Ok(()) };
        let mut stream = connect(&self.url).await.ok_or("the stream is gone")?;
        let state = &stream.info().await.map_err(|cause| cause.to_string())?.state;
        let found = (state.first_sequence, state.last_sequence, state.messages);
        let head = u64::try_from(last.position).unwrap_or_default();
        must!(found == (1, head, head), "the stream is {found:?}, the log ends at {head}");
        Ok(())
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn watch(url: String, seen: Arc<Mutex<Seen>>, mut servers: watch::Receiver<u64>) {
    loop {
        servers.borrow_and_update();
        lock(&seen).reached = 0;
        tokio::select! {
            () = subscribe(&url, seen.clone()) => {}
            _ = servers.changed() => {}
        }
    }
}

/// Reads from the first message on, as long as the server lives.
async fn subscribe(url: &str, seen: Arc<Mutex<Seen>>) {
    let mut stream = connect_soon(url).await;
    let Ok(info) = stream.info().await else { return };
    let first = i64::try_from(info.state.first_sequence.max(1)).unwrap_or_default();
    let config = push::Config {
        deliver_subject: format!("_INBOX.faults.{}", fastrand::u64(..)),
        deliver_policy: DeliverPolicy::All,
        ack_policy: AckPolicy::None,
        ..Default::default()
    };
    let Ok(consumer) = stream.create_consumer(config).await else { return };
    let Ok(mut messages) = consumer.messages().await else { return };
    let mut expected = first;
    while let Some(Ok(message)) = messages.next().await {
        let Ok(info) = message.info() else { return };
        let sequence = i64::try_from(info.stream_sequence).unwrap_or_default();
        let id = message.headers.as_ref().and_then(|headers| headers.get("Nats-Msg-Id"));
        let id = id.map(|id| id.as_str().to_owned()).unwrap_or_default();
        let mut seen = lock(&seen);
        if sequence != expected {
            seen.wrong = Some(format!("after {} came sequence {sequence}", expected - 1));
        }
        let before = seen.ids.insert(sequence, id.clone());
        if let Some(before) = before.filter(|before| *before != id) {
            seen.wrong = Some(format!("sequence {sequence} was {before} and is now {id}"));
        }
        seen.reached = sequence;
        expected = sequence + 1;
    }
}

/// The stream, once it is there.
async fn connect_soon(url: &str) -> Stream {
    let mut look = tokio::time::interval(LOOK_EVERY);
    loop {
        look.tick().await;
        if let Some(stream) = connect(url).await {
            return stream;
        }
    }
}

async fn connect(url: &str) -> Option<Stream> {
    // The client library ignores what a URL says before the `@`.
    let token = url.trim_start_matches("nats://").split('@').next().unwrap_or_default();
    let client = ConnectOptions::with_token(token.to_owned()).connect(url).await.ok()?;
    jetstream::new(client).get_stream(STREAM).await.ok()
}

fn lock(seen: &Mutex<Seen>) -> MutexGuard<'_, Seen> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}
