//! The tail: who is woken, what is kept for whom, and the bounds of both.

use std::sync::Arc;
use std::time::Duration;

use baton_domain::{AccountId, Actor};
use baton_feed::{Feed, ListenError, Tail, WAITING_MAX};
use baton_harness::{wait_for, wait_until};
use baton_history::{Directory, Excerpts, History};
use baton_log::{EventFilter, NewEvent, Position, Scope, StreamWrite};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::support::{SOON, World, append, soon, stream, world};

fn account() -> Scope {
    Scope::Account(AccountId::default_account().to_string())
}

struct Node {
    tail: Tail,
    feed: Feed,
    stop: CancellationToken,
}

async fn node(world: &World) -> Node {
    let stop = CancellationToken::new();
    let directory = Directory::open(world.log.clone()).await.unwrap();
    let history = History::new(world.log.clone());
    let excerpts = Excerpts::new(history.clone(), directory.clone());
    let tail = Tail::start(history, directory, stop.clone());
    Node { tail: tail.clone(), feed: Feed::new(world.log.clone(), excerpts, tail), stop }
}

/// Events of this size on a stream of the kind.
async fn happen(world: &World, id: &str, events: usize, bytes: usize) -> Position {
    let payload = format!("{{\"padding\":\"{}\"}}", "x".repeat(bytes));
    let event = || NewEvent {
        event_id: Uuid::now_v7(),
        event_type: "thing.happened",
        schema_version: 1,
        payload: payload.clone(),
        causation_id: None,
    };
    let version = world.log.versions(&[stream("thing", id)]).await.unwrap()[0];
    let events = (0..events).map(|_| event()).collect();
    let write = StreamWrite { stream: stream("thing", id), expected_version: version, events };
    append(&world.log, &Actor::Project.to_string(), write).await
}

#[tokio::test]
async fn only_those_are_woken_whom_it_concerns() {
    let world = world().await;
    let node = node(&world).await;
    let mut mine = node.tail.listen(Scope::Stream(stream("thing", "mine"))).await.unwrap();
    let mut all = node.tail.listen(account()).await.unwrap();
    // Waking up at its start says nothing.
    let at_once = Instant::now() + Duration::from_millis(100);
    assert!(mine.news(at_once).await && all.news(at_once).await);
    happen(&world, "other", 1, 1).await;
    let deadline = soon();
    assert!(all.news(deadline).await && Instant::now() < deadline, "nothing was told");
    assert_eq!(all.recent(0).unwrap().len(), 1);
    let waited = Instant::now();
    assert!(mine.news(waited + Duration::from_millis(300)).await);
    assert!(waited.elapsed() >= Duration::from_millis(300), "woken by another's event");
    assert_eq!(mine.recent(0).unwrap().len(), 0);
    let position = happen(&world, "mine", 1, 1).await;
    let deadline = soon();
    assert!(mine.news(deadline).await && Instant::now() < deadline, "nothing was told");
    let told: Vec<_> = mine.recent(0).unwrap().iter().map(|told| told.event().position).collect();
    assert_eq!(told, [position]);
    node.stop.cancel();
    assert!(!mine.news(soon()).await && all.is_over());
    assert!(matches!(node.tail.listen(account()).await, Err(ListenError::Stopping)));
}

#[tokio::test]
async fn a_bounded_number_may_wait_and_each_place_is_given_back() {
    let world = world().await;
    let node = node(&world).await;
    let mut listeners = Vec::new();
    for n in 0..WAITING_MAX {
        let scope = Scope::Stream(stream("thing", &n.to_string()));
        listeners.push(node.tail.listen(scope).await.unwrap());
    }
    assert!(matches!(node.tail.listen(account()).await, Err(ListenError::Full)));
    listeners.pop();
    let mut last = node.tail.listen(account()).await.unwrap();
    // Waking up at its start says nothing.
    assert!(last.news(Instant::now() + Duration::from_millis(100)).await);
    let deadline = soon();
    let position = happen(&world, "any", 1, 1).await;
    assert!(last.news(deadline).await && Instant::now() < deadline, "nothing was told");
    let told: Vec<_> = last.recent(0).unwrap().iter().map(|told| told.event().position).collect();
    assert_eq!(told, [position]);
}

#[tokio::test]
async fn nothing_is_kept_while_nobody_waits() {
    let world = world().await;
    let node = node(&world).await;
    let mut listener = node.tail.listen(account()).await.unwrap();
    happen(&world, "any", 1, 1).await;
    let told = wait_for(SOON, "the tail has heard of it", async || {
        listener.news(soon()).await;
        Some(Arc::downgrade(listener.recent(0)?.last()?))
    })
    .await;
    assert!(told.upgrade().is_some(), "kept for those who come back soon");
    drop(listener);
    wait_until(SOON, "it is forgotten", async || told.upgrade().is_none()).await;
}

#[tokio::test]
async fn what_is_kept_is_bounded_and_the_log_has_the_rest() {
    let world = world().await;
    let node = node(&world).await;
    let listener = node.tail.listen(account()).await.unwrap();
    let mut head = 0;
    for _ in 0..100 {
        head = happen(&world, "large", 1, 400_000).await;
    }
    let kept = wait_for(SOON, "the tail has heard of all", async || {
        let recent = listener.recent(head - 1)?;
        (!recent.is_empty()).then_some(())
    });
    kept.await;
    assert!(listener.recent(0).is_none(), "not all of it is kept");
    let kept = (0..head).find_map(|after| listener.recent(after)).unwrap();
    let bytes: usize = kept.iter().map(|told| 2 * told.event().payload.len()).sum();
    assert!(bytes <= 32 * 1024 * 1024 && kept.len() > 10, "{} events", kept.len());
    // Whoever comes from far behind gets the same, from the log first and then from here.
    let filter = EventFilter::default();
    let (mut after, mut found) = (0, Vec::new());
    while after < head {
        let batch = node.feed.next(&listener, &filter, after, 1000).await.unwrap();
        let bytes: usize = batch.items.iter().map(|item| item.document.len()).sum();
        assert!(bytes < 5 * 1024 * 1024, "a batch of {bytes} bytes");
        found.extend(batch.items);
        after = batch.next_after;
    }
    let positions: Vec<_> = found.iter().map(|item| item.position).collect();
    assert_eq!(positions, (1..=head).collect::<Vec<_>>());
    for item in found {
        let read = node.feed.read(&account(), &filter, item.position - 1, 1).await.unwrap();
        assert_eq!(read.items[0].document, item.document, "the tail and the log differ");
    }
}

#[tokio::test]
async fn one_who_listens_first_and_reads_then_misses_nothing() {
    let world = world().await;
    let node = node(&world).await;
    let filter = EventFilter::default();
    for round in 0..20 {
        // In the middle of it, and each time with the tail in another state.
        let before = world.log.head().await.unwrap();
        let listens = async {
            let mut listener = node.tail.listen(account()).await.unwrap();
            let mut batch = node.feed.next(&listener, &filter, before, 100).await.unwrap();
            let mut seen = batch.items.len();
            while seen < 3 {
                assert!(listener.news(soon()).await);
                batch = node.feed.next(&listener, &filter, batch.next_after, 100).await.unwrap();
                seen += batch.items.len();
            }
            seen
        };
        let listens = async { tokio::time::timeout(SOON, listens).await.expect("all events") };
        let (appended, seen) = tokio::join!(happen(&world, "racing", 3, 1), listens);
        assert_eq!((seen, appended), (3, before + 3), "round {round}");
    }
}
