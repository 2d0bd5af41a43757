//! `GET /v1/events/stream`: Server-Sent Events that lose and repeat nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use baton_harness::wait_for;
use reqwest::Method;
use serde_json::{Value, json};

use crate::record;
use crate::sse::{Block, Sse};
use crate::world::{LIMIT, World, problem, text, waited_in_vain};

const STREAM: &str = "/v1/events/stream";

/// Awaits something that must come.
async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    let within = tokio::time::timeout(LIMIT, future).await;
    within.unwrap_or_else(|_| panic!("waited {LIMIT:?} in vain: {what}"))
}

#[tokio::test]
async fn a_stream_has_what_the_list_has() {
    let world = World::new().await;
    let agent = world.agent("writer").await;
    agent.task("before").await;
    let project = world.project();
    let mut from_start = Sse::open(&project, &format!("{STREAM}?after=0"), None).await;
    let mut from_head = Sse::open(&project, STREAM, None).await;
    let mut filtered =
        Sse::open(&project, &format!("{STREAM}?after=0&types=task.completed"), None).await;
    assert_eq!(from_head.block().await.expect("a stream"), Some(Block::Retry(1_000)));
    let id = agent.task_id("after").await;
    agent.client.post(&format!("/v1/tasks/{id}/complete"), json!({})).await.expect(200);
    let page = project.get("/v1/events?limit=1000").await.expect(200);
    let items = page["items"].as_array().expect("items");
    for item in items {
        let (id, event, data) = soon("an event", from_start.event()).await.expect("an event");
        assert_eq!((id.to_string(), event), (text(item, "position"), text(item, "type")));
        assert_eq!(data, *item);
    }
    for item in &items[items.len() - 2..] {
        assert_eq!(soon("an event", from_head.event()).await.expect("an event").2, *item);
    }
    let (_, event, data) = soon("the event", filtered.event()).await.expect("an event");
    assert_eq!((event.as_str(), &data), ("task.completed", items.last().expect("events")));
}

#[tokio::test]
async fn a_stream_that_is_cut_off_goes_on_without_loss_or_repetition() {
    let mut world = World::new().await;
    let agent = world.agent("writer").await;
    let client = world.project();
    let reader = async {
        let (mut seen, mut streams) = (vec![], 0);
        loop {
            let request = client.request(Method::GET, &format!("{STREAM}?after=0"));
            let last: Option<&(i64, String, Value)> = seen.last();
            let request = match last {
                Some((id, ..)) => request.header("Last-Event-ID", id.to_string()),
                None => request,
            };
            let stream = wait_for(LIMIT, "the stream opens", async || {
                Sse::of(request.try_clone().expect("no body")).await
            });
            let mut stream = stream.await;
            streams += 1;
            while let Some(event) = stream.event().await {
                let is_last = event.2["data"]["task"]["content"] == "the last";
                seen.push(event);
                if is_last {
                    return (seen, streams);
                }
            }
        }
    };
    let writer = async {
        for round in 0..3 {
            for number in 0..40 {
                agent.task(&format!("task {number} of {round}")).await;
            }
            if round != 1 {
                assert!(world.baton.stop().await.success());
            }
            world.baton.restart().await;
        }
        agent.task("the last").await;
    };
    let ((seen, streams), ()) =
        soon("the last event", async { tokio::join!(reader, writer) }).await;
    assert!(streams >= 4, "{streams} streams");
    let log = record::log(&world.database.connect().await).await;
    let expected: Vec<_> = log.iter().map(|event| (event.position, event.event.clone())).collect();
    let seen: Vec<_> = seen.into_iter().map(|(id, event, _)| (id, event)).collect();
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn an_open_stream_and_open_waits_do_not_hold_a_stopping_node_up() {
    let mut world = World::new().await;
    let agent = world.agent("writer").await;
    let id = agent.task_id("never done").await;
    let project = world.project();
    let mut stream = Sse::open(&project, STREAM, None).await;
    assert_eq!(stream.block().await.expect("a stream"), Some(Block::Retry(1_000)));
    let after = project.get("/v1/events?limit=1000").await.expect(200)["next_after"].clone();
    let paths =
        [format!("/v1/events?after={after}&wait=30"), format!("/v1/tasks/{id}/wait?timeout=60")];
    let waits = paths.map(|path| {
        let project = project.clone();
        tokio::spawn(async move { project.get(&path).await })
    });
    waited_in_vain(&project, &id).await;
    let started = Instant::now();
    assert!(world.baton.stop().await.success());
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    assert_eq!(stream.block().await.expect("a clean end"), None);
    for wait in waits {
        wait.await.expect("an answer").expect(200);
    }
}

#[tokio::test]
async fn a_quiet_stream_says_every_fifteen_seconds_that_it_lives() {
    let world = World::shared().await;
    let agent = world.agent("quiet").await;
    let id = agent.task_id("nothing happens to it").await;
    let mut stream = Sse::open(&agent.client, &format!("{STREAM}?task={id}"), None).await;
    assert_eq!(stream.block().await.expect("a stream"), Some(Block::Retry(1_000)));
    let started = Instant::now();
    let beat = soon("a heartbeat", stream.block()).await.expect("a stream");
    assert_eq!(beat, Some(Block::Comment("heartbeat".to_owned())));
    let waited = started.elapsed();
    assert!(waited > Duration::from_secs(14) && waited < Duration::from_secs(25), "{waited:?}");
}

#[tokio::test]
async fn a_stream_ends_with_the_right_to_it() {
    let world = World::new().await;
    let (writer, worker) = (world.agent("writer").await, world.agent("worker").await);
    let hand = async |id: &str, to: &str| {
        let path = format!("/v1/tasks/{id}");
        writer.client.patch(&path, json!({ "assigned_to": to })).await.expect(200);
    };
    // The task's end is the stream's end.
    let id = writer.task_id("deleted").await;
    hand(&id, &worker.id).await;
    let mut stream = Sse::open(&worker.client, &format!("{STREAM}?task={id}"), None).await;
    writer.client.delete(&format!("/v1/tasks/{id}")).await;
    let (_, event, _) = soon("the deletion", stream.event()).await.expect("an event");
    assert_eq!(event, "task.deleted");
    assert_eq!(soon("the end", stream.block()).await.expect("a clean end"), None);
    // A task that is somebody else's now.
    let id = writer.task_id("taken away").await;
    hand(&id, &worker.id).await;
    let mut stream = Sse::open(&worker.client, &format!("{STREAM}?task={id}"), None).await;
    hand(&id, &writer.id).await;
    assert!(soon("the end", stream.event()).await.is_none());
    // A key that is dead now.
    let coordinator = world.agent_with("coordinator", json!({ "role": "coordinator" })).await;
    let mut stream = Sse::open(&coordinator.client, STREAM, None).await;
    let rotate = format!("/v1/agents/{}/rotate-key", coordinator.id);
    world.project().post(&rotate, json!({})).await.expect(200);
    assert!(soon("the end", stream.event()).await.is_none());
    problem(&coordinator.client.get("/v1/events").await, 401);
}

#[tokio::test]
async fn a_client_too_slow_for_the_tail_misses_nothing() {
    let world = World::new().await;
    let agent = world.agent("writer").await;
    let mut stream = Sse::open(&world.project(), STREAM, None).await;
    assert_eq!(stream.block().await.expect("a stream"), Some(Block::Retry(1_000)));
    let large = "x".repeat(200_000);
    // More than the sockets and the tail hold together.
    for n in 0..100 {
        let body = json!({ "content": format!("task {n}"), "metadata": { "large": large } });
        agent.client.post("/v1/tasks", body).await.expect(201);
    }
    for n in 0..100 {
        let (_, _, data) = soon("an event", stream.event()).await.expect("an event");
        assert_eq!(data["data"]["task"]["content"], format!("task {n}"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_stream_has_every_event_while_many_write() {
    let world = World::new().await;
    let project = world.project();
    let mut streams = Vec::new();
    for n in 0..10 {
        let agent = world.agent(&format!("writer-{n}")).await;
        let stop = Arc::new(AtomicBool::new(false));
        let (client, stopped) = (agent.client, stop.clone());
        let writer = tokio::spawn(async move {
            while !stopped.load(Ordering::Relaxed) {
                client.post("/v1/tasks", json!({ "content": "one of many" })).await.expect(201);
            }
        });
        // Each opens in the middle of the others' writes.
        let mut stream = Sse::open(&project, &format!("{STREAM}?after=0"), None).await;
        let reader = tokio::spawn(async move {
            let mut seen = Vec::new();
            while let Some((id, ..)) = stream.event().await {
                seen.push(id);
                if seen.len() == 400 {
                    break;
                }
            }
            seen
        });
        streams.push((writer, stop, reader));
    }
    let expected: Vec<i64> = (1..=400).collect();
    for (writer, stop, reader) in streams {
        assert_eq!(soon("400 events", reader).await.expect("a reader"), expected);
        stop.store(true, Ordering::Relaxed);
        writer.await.expect("a writer");
    }
}
