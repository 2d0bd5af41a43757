//! What the relay publishes: every event, in its place, as a CloudEvent without secrets; also
//! when NATS was not there.

use async_nats::jetstream::{self, message::StreamMessage, stream::Config};
use baton_domain::account::{AccountEvent, AgentCreated, KeyHash, Role};
use baton_domain::stored::Event;
use baton_domain::task::{Changes, TaskEvent};
use baton_domain::{AgentId, TaskId};
use baton_feed::relay::{Relay, RelaySettings, SUBJECTS, connect};
use baton_feed::{Running, WAKE_SUBJECT, share_wakes, spawn};
use baton_harness::nats::Nats;
use baton_harness::{wait_for, wait_until};
use baton_history::History;
use baton_log::{NewEvent, Position, StreamWrite};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::support::{SOON, World, append, soon, stream, world};

pub(crate) async fn relay(world: &World, nats: &Nats) -> Running {
    let client = connect(&nats.url).await.unwrap();
    let relay = Relay::new(History::new(world.log.clone()), client, RelaySettings::default());
    spawn(world.log.clone(), world.pool.clone(), Relay::subscription(), relay)
}

/// Every message of the stream by sequence, from the first that is kept.
pub(crate) async fn messages(nats: &Nats) -> Vec<StreamMessage> {
    let jetstream = jetstream::new(nats.connect().await);
    let Ok(stream) = jetstream.get_stream("BATON").await else { return vec![] };
    let state = stream.cached_info().state.clone();
    let mut messages = Vec::new();
    // A stream that never had a message says that its first is 0.
    for sequence in state.first_sequence.max(1)..=state.last_sequence {
        messages.push(stream.get_raw_message(sequence).await.unwrap());
    }
    messages
}

/// The stream is the log: same number, same order, same ids.
pub(crate) async fn must_equal_log(world: &World, nats: &Nats) {
    let mut events = Vec::new();
    loop {
        let after = events.len() as Position;
        let page = world.log.after(after, 1_000).await.unwrap();
        if page.is_empty() {
            break;
        }
        events.extend(page.into_iter().map(|event| (event.position, event.event_id.to_string())));
    }
    let messages = messages(nats).await;
    let messages: Vec<(Position, String)> = messages
        .iter()
        .map(|message| {
            let id = message.headers.get("Nats-Msg-Id").unwrap().as_str().to_owned();
            (message.sequence as Position, id)
        })
        .collect();
    assert_eq!(messages, events);
}

fn recorded<E: Event>(events: &[E]) -> Vec<NewEvent> {
    let one = |event: &E| {
        let stored = event.encode();
        NewEvent {
            event_id: Uuid::now_v7(),
            event_type: stored.event_type,
            schema_version: stored.schema_version,
            payload: stored.payload,
            causation_id: None,
        }
    };
    events.iter().map(one).collect()
}

async fn record<E: Event>(world: &World, actor: &str, id: (&str, &str), events: &[E]) -> Position {
    let write =
        StreamWrite { stream: stream(id.0, id.1), expected_version: 0, events: recorded(events) };
    append(&world.log, actor, write).await
}

fn agent(agent_id: AgentId) -> AccountEvent {
    AccountEvent::AgentCreated(AgentCreated {
        agent_id,
        name: "writer".into(),
        label: None,
        display_name: Some("Writer".into()),
        description: None,
        role: Role::Worker,
        permissions: vec![],
        key_hash: KeyHash([0xab; 32]),
        key_prefix: "dlg_12345678".into(),
    })
}

#[tokio::test]
async fn a_thousand_events_keep_order_and_ids() {
    let (world, nats) = (world().await, baton_harness::nats::server().await);
    let relay = relay(&world, &nats).await;
    for _ in 0..10 {
        world.append(100).await;
    }
    assert!(relay.wait_until(1_000, soon()).await);
    must_equal_log(&world, &nats).await;
    relay.shutdown().await;
}

#[tokio::test]
async fn a_message_says_what_happened_to_what_and_who_did_it() {
    let (world, nats) = (world().await, baton_harness::nats::server().await);
    let (agent_id, task_id) = (AgentId(Uuid::now_v7()), TaskId(Uuid::now_v7()));
    let opened = AccountEvent::Opened { token_hash: KeyHash([0xcd; 32]) };
    record(&world, "project", ("account", "default"), &[opened, agent(agent_id)]).await;
    let changes = Changes { content: Some("Write".into()), ..Changes::default() };
    let (parent, waits, origin) = (None, false, None);
    let created = TaskEvent::Created { task_id, changes, parent, waits, origin };
    let actor = format!("agent:{agent_id}");
    let position = record(&world, &actor, ("task", &task_id.to_string()), &[created]).await;
    let relay = relay(&world, &nats).await;
    assert!(relay.wait_until(position, soon()).await);

    let messages = messages(&nats).await;
    let subjects: Vec<&str> = messages.iter().map(|message| message.subject.as_str()).collect();
    assert_eq!(
        subjects,
        [
            "baton.v1.default.account.opened.default".to_owned(),
            format!("baton.v1.default.agent.created.{agent_id}"),
            format!("baton.v1.default.task.created.{task_id}"),
        ]
    );
    let events = world.log.after(0, 10).await.unwrap();
    let (message, event) = (&messages[2], &events[2]);
    assert_eq!(message.headers.get("Content-Type").unwrap().as_str(), CLOUDEVENTS);
    let body: Value = serde_json::from_slice(&message.payload).unwrap();
    let attributes = json!({
        "specversion": "1.0",
        "id": event.event_id.to_string(),
        "source": "/accounts/default",
        "type": "task.created",
        "subject": format!("task/{task_id}"),
        "time": body["data"]["task"]["created_at"],
        "datacontenttype": "application/json",
        "position": "3",
        "accountseq": "3",
        "streamversion": "1",
        "actor": actor,
        "correlationid": event.correlation_id.to_string(),
        "internal": false,
        "data": body["data"],
    });
    assert_eq!(body, attributes);
    let data = &body["data"];
    assert_eq!(data["task"]["content"], "Write");
    assert_eq!(data["task"]["created_by_agent"]["name"], "writer");
    let name = json!({"id": agent_id, "name": "writer", "display_name": "Writer"});
    assert_eq!(data["agent"], name);
    assert_eq!(data["event"], serde_json::from_str::<Value>(&event.payload).unwrap());
    let text = std::str::from_utf8(&message.payload).unwrap();
    assert!(text.contains(&event.payload), "byte for byte");

    let created: Value = serde_json::from_slice(&messages[1].payload).unwrap();
    assert_eq!(created["data"]["subject_agent"]["name"], "writer");
    assert_eq!(created["data"]["agent"], Value::Null);
    assert_eq!(created["internal"], true);
    for message in &messages {
        let text = std::str::from_utf8(&message.payload).unwrap();
        for secret in ["abababab", "cdcdcdcd", "dlg_1234", "key_hash", "token_hash"] {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
    }
}

const CLOUDEVENTS: &str = "application/cloudevents+json";

#[tokio::test]
async fn without_nats_events_wait_and_nothing_is_lost() {
    let (world, mut nats) = (world().await, baton_harness::nats::server().await);
    nats.kill().await;
    let relay = relay(&world, &nats).await;
    let position = world.append(20).await;
    let failure = wait_for(SOON, "the relay says what is wrong", async || {
        world.status("relay").await.failure
    })
    .await;
    assert_eq!((failure.text.as_str(), failure.position), (DISCONNECTED, None));

    nats.restart().await;
    assert!(relay.wait_until(position, soon()).await);
    must_equal_log(&world, &nats).await;
    assert_eq!(world.status("relay").await.failure, None);
}

const DISCONNECTED: &str = "cannot relay: NATS is not connected";

#[tokio::test]
async fn what_nats_refuses_holds_back_what_comes_after_it_and_is_told_why() {
    let (world, nats) = (world().await, baton_harness::nats::server().await);
    let jetstream = jetstream::new(nats.connect().await);
    let (name, subjects) = ("BATON".to_owned(), vec![SUBJECTS.to_owned()]);
    let narrow = Config { name, subjects, max_message_size: 8_192, ..Config::default() };
    jetstream.create_stream(narrow.clone()).await.unwrap();
    // More than NATS is asked about one by one, before and after the one that is too large.
    world.append(100).await;
    let task_id = TaskId(Uuid::now_v7());
    let changes = Changes { description: Some(Some("d".repeat(10_000))), ..Changes::default() };
    let (parent, waits, origin) = (None, false, None);
    let created = TaskEvent::Created { task_id, changes, parent, waits, origin };
    let large = record(&world, "project", ("task", &task_id.to_string()), &[created]).await;
    let last = world.append(100).await;
    let relay = relay(&world, &nats).await;
    wait_until(SOON, "the relay says which one and why", async || {
        let failure = world.status("relay").await.failure.map(|failure| failure.text);
        let failure = failure.unwrap_or_default();
        failure.contains(&format!("at position {large}:")) && failure.contains("message size")
    })
    .await;
    assert_eq!(messages(&nats).await.len() as Position, large - 1);

    jetstream.update_stream(Config { max_message_size: -1, ..narrow }).await.unwrap();
    assert!(relay.wait_until(last, soon()).await);
    must_equal_log(&world, &nats).await;
}

#[tokio::test]
async fn an_idle_relay_says_that_nats_is_away_and_that_it_is_back() {
    let (world, mut nats) = (world().await, baton_harness::nats::server().await);
    let relay = relay(&world, &nats).await;
    let position = world.append(1).await;
    assert!(relay.wait_until(position, soon()).await);
    nats.kill().await;
    wait_until(SOON, "a failure", async || world.status("relay").await.failure.is_some()).await;
    nats.restart().await;
    wait_until(SOON, "no failure", async || world.status("relay").await.failure.is_none()).await;
}

#[tokio::test]
async fn a_commit_wakes_other_nodes_whatever_they_were_told_before() {
    let (world, nats) = (world().await, baton_harness::nats::server().await);
    let (other, stop) = (world.another_node().await, CancellationToken::new());
    let mut sharing = Vec::new();
    for log in [&world.log, &other] {
        let client = connect(&nats.url).await.unwrap();
        let sharing_wakes = share_wakes(log.clone(), client.clone(), stop.clone());
        sharing.push(tokio::spawn(sharing_wakes));
        wait_until(SOON, "a connection", async || {
            client.connection_state() == async_nats::connection::State::Connected
        })
        .await;
    }
    let stranger = nats.connect().await;
    for nonsense in [b"9223372036854775807".as_slice(), b"-1", b"soon", b"\xff", b""] {
        stranger.publish(WAKE_SUBJECT, nonsense.to_vec().into()).await.unwrap();
    }
    stranger.flush().await.unwrap();
    for woken in [&other, &world.log, &other, &world.log] {
        let mut wake = woken.wake();
        wait_until(SOON, "a wake-up", async || {
            // Said before the other listens, one is lost: that is what polls are for.
            wake.borrow_and_update();
            world.append(1).await;
            let woken = tokio::time::timeout(std::time::Duration::from_millis(200), wake.changed());
            woken.await.is_ok()
        })
        .await;
    }
    stop.cancel();
    for sharing in sharing {
        sharing.await.unwrap().unwrap();
    }
}
