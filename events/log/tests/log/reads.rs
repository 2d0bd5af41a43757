//! Reads: cuts, pages, keys, wake-ups, and plans that never scan the log.

use std::time::Duration;

use baton_harness::wait_for;
use baton_log::{AppendError, Cut, Log, PAGE_EVENTS_MAX, StreamWrite};

use crate::commands::{
    ACCOUNT, Commands, committed, event, nothing, replayed, stream, task, write,
};
use crate::database::{Database, WAIT};

async fn append_events(log: &Log, id: &str, count: usize) {
    let [version] = log.versions(&[task(id)]).await.unwrap()[..] else { unreachable!() };
    let events = (0..count).map(|_| event("{}")).collect();
    let writes = vec![StreamWrite { stream: task(id), expected_version: version, events }];
    committed(log.append(baton_log::Append { writes, ..nothing() }).await);
}

async fn versions_read(log: &Log, after: i64, cut: Cut) -> Vec<i64> {
    let events = log.stream(&task("a"), after, cut).await.unwrap();
    events.iter().map(|event| event.version).collect()
}

#[tokio::test]
async fn a_stream_is_read_up_to_its_cut() {
    let database = Database::migrated().await;
    let log = database.node().await;
    // Positions of a: 1, 2, 4, 5.
    append_events(&log, "a", 2).await;
    append_events(&log, "b", 1).await;
    append_events(&log, "a", 2).await;
    for (after, cut, expected) in [
        (0, Cut::Head, vec![1, 2, 3, 4]),
        (1, Cut::Head, vec![2, 3, 4]),
        (4, Cut::Head, vec![]),
        (0, Cut::Version(3), vec![1, 2, 3]),
        (3, Cut::Version(3), vec![]),
        (0, Cut::Position(0), vec![]),
        (0, Cut::Position(3), vec![1, 2]),
        (1, Cut::Position(4), vec![2, 3]),
    ] {
        assert_eq!(versions_read(&log, after, cut).await, expected, "{after} {cut:?}");
    }
}

#[tokio::test]
async fn beginnings_of_streams_come_stream_by_stream() {
    let database = Database::migrated().await;
    let log = database.node().await;
    for (id, count) in [("a", 2), ("b", 1), ("a", 2), ("c", 3)] {
        append_events(&log, id, count).await;
    }
    let wanted = [task("b"), task("nothing"), task("a"), stream("other", "task", "c")];
    let events = log.beginnings(&wanted, 3).await.unwrap();
    let found: Vec<_> =
        events.iter().map(|event| (event.stream.id.as_str(), event.version)).collect();
    assert_eq!(found, [("b", 1), ("a", 1), ("a", 2), ("a", 3)]);
    assert_eq!(events[1..], log.stream(&task("a"), 0, Cut::Version(3)).await.unwrap());
    assert_eq!(log.beginnings(&[], 3).await.unwrap(), []);
}

#[tokio::test]
async fn a_stream_longer_than_a_page_is_read_whole_and_the_feed_page_by_page() {
    let database = Database::migrated().await;
    let log = database.node().await;
    for _ in 0..3 {
        append_events(&log, "a", 900).await;
    }
    let whole: Vec<i64> = (1..=2_700).collect();
    assert_eq!(versions_read(&log, 0, Cut::Head).await, whole);
    assert_eq!(versions_read(&log, 0, Cut::Position(2_000)).await, whole[..2_000]);
    let page = log.after(0, i64::MAX).await.unwrap();
    assert_eq!(i64::try_from(page.len()).unwrap(), PAGE_EVENTS_MAX);
    assert_eq!(log.after(2_698, 10).await.unwrap().len(), 2);
    assert_eq!(log.after(2_700, 10).await.unwrap(), []);
}

#[tokio::test]
async fn account_streams_are_read_alone_and_heads_are_per_account() {
    let database = Database::migrated().await;
    let log = database.node().await;
    assert_eq!((log.head().await.unwrap(), log.account_head(ACCOUNT).await.unwrap()), (0, (0, 0)));
    for append in [
        write(stream("alfa", "account", "alfa"), 0),
        write(stream("alfa", "task", "1"), 0),
        write(stream("bravo", "account", "bravo"), 0),
        write(stream("alfa", "account", "alfa"), 1),
    ] {
        committed(log.append(append).await);
    }
    let positions = |events: Vec<baton_log::RecordedEvent>| -> Vec<i64> {
        events.iter().map(|event| event.position).collect()
    };
    assert_eq!(positions(log.accounts_after(0).await.unwrap()), [1, 3, 4]);
    assert_eq!(positions(log.accounts_after(1).await.unwrap()), [3, 4]);
    assert_eq!(log.account_head("alfa").await.unwrap(), (3, 4));
    assert_eq!(log.account_head("bravo").await.unwrap(), (1, 3));
    assert_eq!(log.head().await.unwrap(), 4);
}

#[tokio::test]
async fn keys_live_for_24_hours_and_then_may_be_used_again() {
    let database = Database::migrated().await;
    let log = database.node().await;
    let receipt = committed(log.append(write(task("a"), 0).and_key("key", 1)).await);
    let (hash, stored) = log.key(ACCOUNT, "agent:alfa", "key").await.unwrap().unwrap();
    assert_eq!((hash, stored.position), ([1; 32], receipt.position));
    assert_eq!(stored, replayed(log.append(write(task("b"), 0).and_key("key", 1)).await));
    assert_eq!(log.key(ACCOUNT, "agent:bravo", "key").await.unwrap(), None);
    assert_eq!(log.key("other", "agent:alfa", "key").await.unwrap(), None);
    let client = database.connect().await;
    for forgets in [false, true] {
        client.batch_execute(include_str!("sql/age_keys.sql")).await.unwrap();
        assert_eq!(log.key(ACCOUNT, "agent:alfa", "key").await.unwrap(), None);
        if forgets {
            assert_eq!(log.forget_keys(Duration::ZERO).await.unwrap(), 1);
        }
        let id = format!("c{forgets}");
        committed(log.append(write(task(&id), 0).and_key("key", 2)).await);
        let (hash, stored) = log.key(ACCOUNT, "agent:alfa", "key").await.unwrap().unwrap();
        assert_eq!((hash, stored.subject), ([2; 32], task(&id)));
    }
    assert_eq!(log.forget_keys(Duration::ZERO).await.unwrap(), 0);
}

#[tokio::test]
async fn a_refused_command_stores_no_key() {
    let database = Database::migrated().await;
    let log = database.node().await;
    let outcome = log.append(write(task("a"), 5).and_key("key", 1)).await;
    assert!(matches!(outcome, Err(AppendError::Conflict)));
    assert_eq!(log.key(ACCOUNT, "agent:alfa", "key").await.unwrap(), None);
    committed(log.append(write(task("a"), 0).and_key("key", 2)).await);
}

#[tokio::test]
async fn whoever_has_an_answer_finds_the_node_at_its_position() {
    let database = Database::migrated().await;
    let (log, other) = (database.node().await, database.node().await);
    let (committed_here, mut wake) = (log.committed(), log.wake());
    let append = write(task("a"), 0).and_key("key", 1);
    let position = committed(log.append(append.clone()).await).position;
    assert_eq!((log.acknowledged(), *committed_here.borrow()), (position, position));
    wake.changed().await.unwrap();
    assert_eq!(*wake.borrow_and_update(), position);
    // Another node acknowledges it with the replay.
    assert_eq!(other.acknowledged(), 0);
    replayed(other.append(append).await);
    assert_eq!(other.acknowledged(), position);
    // Heard of from elsewhere: it wakes and acknowledges nothing, and it never falls.
    log.woken(9);
    log.woken(5);
    assert_eq!((*wake.borrow_and_update(), log.acknowledged()), (9, position));
}

#[tokio::test]
async fn no_statement_scans_the_log_even_when_planned_while_it_was_empty() {
    let database = Database::migrated().await;
    let client = database.connect().await;
    client.batch_execute("analyze public.events, public.idempotency_keys").await.unwrap();
    let scans = async || {
        let row = client.query_one(include_str!("sql/scans.sql"), &[]).await.unwrap();
        (row.get::<_, i64>("inserted"), row.get::<_, i64>("sequential_scans"))
    };
    // Those of the migrations.
    let (_, before) = scans().await;
    let log = database.node().await;
    for number in 0..50 {
        let id = number.to_string();
        committed(log.append(write(task(&id), 0).and_key(&id, 1)).await);
    }
    log.shutdown().await;
    // The appender's counts arrive when its backend has ended.
    let after = wait_for(WAIT, "the appender's counts", async || {
        let (inserted, scans) = scans().await;
        (inserted == 50).then_some(scans)
    })
    .await;
    assert_eq!(after, before);
}
