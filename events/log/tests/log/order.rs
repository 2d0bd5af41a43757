//! P2: positions are gapless and are the commit order, and nobody can hold the log up for long.

use std::time::{Duration, Instant};

use baton_log::LogSettings;
use jiff::Timestamp;
use tokio::task::JoinSet;

use crate::commands::{committed, conflict, spawn, stream, task, write};
use crate::database::{Database, node};
use crate::proxy::Proxy;

const HOLD_APPEND: &str = include_str!("sql/hold_append.sql");
const APPEND_OF_THE_RELEASE_BEFORE: &str = include_str!("sql/append_of_the_release_before.sql");

#[tokio::test]
async fn while_an_append_is_open_nobody_passes_it_and_later_ones_follow_it() {
    let database = Database::migrated().await;
    let (alfa, bravo) = (database.node().await, database.node().await);
    let holder = database.connect().await;
    holder.batch_execute("begin").await.unwrap();
    let held = holder.query_one(HOLD_APPEND, &[&"held", &0_i64]).await.unwrap();
    assert_eq!(held.get::<_, i64>("position"), 1);
    let first = spawn(&alfa, write(task("a"), 0));
    database.waiters(1).await;
    let second = spawn(&bravo, write(task("b"), 0));
    database.waiters(2).await;
    assert_eq!(alfa.head().await.unwrap(), 0, "nothing is visible while it is open");
    holder.batch_execute("commit").await.unwrap();
    assert_eq!(committed(first.await.unwrap()).position, 2);
    assert_eq!(committed(second.await.unwrap()).position, 3);
}

/// While an update is rolled out, nodes of both releases append.
#[tokio::test]
async fn an_append_of_the_release_before_and_one_of_this_keep_each_others_order() {
    let database = Database::migrated().await;
    let alfa = database.node().await;
    let before = database.connect().await;
    before.batch_execute("begin").await.unwrap();
    let held = before.query_one(APPEND_OF_THE_RELEASE_BEFORE, &[&"a", &0_i64]).await.unwrap();
    assert_eq!((held.get("outcome"), held.get::<_, i64>("position")), ("committed", 1));
    let (stale, next) = (spawn(&alfa, write(task("a"), 0)), spawn(&alfa, write(task("b"), 0)));
    database.waiters(1).await;
    before.batch_execute("commit").await.unwrap();
    conflict(stale.await.unwrap());
    assert_eq!(committed(next.await.unwrap()).position, 2);
    for (id, outcome) in [("b", "conflict"), ("c", "committed")] {
        let row = before.query_one(APPEND_OF_THE_RELEASE_BEFORE, &[&id, &0_i64]).await.unwrap();
        assert_eq!(row.get::<_, &str>("outcome"), outcome);
    }
    assert_eq!(alfa.head().await.unwrap(), 3);
}

#[tokio::test]
async fn an_open_append_that_rolls_back_leaves_no_gap() {
    let database = Database::migrated().await;
    let alfa = database.node().await;
    let holder = database.connect().await;
    holder.batch_execute("begin").await.unwrap();
    holder.query_one(HOLD_APPEND, &[&"held", &0_i64]).await.unwrap();
    let waiting = spawn(&alfa, write(task("a"), 0));
    database.waiters(1).await;
    drop(holder);
    assert_eq!(committed(waiting.await.unwrap()).position, 1);
}

#[tokio::test]
async fn a_holder_that_forgets_to_commit_is_ended_within_seconds() {
    let database = Database::migrated().await;
    let alfa = database.node().await;
    let holder = database.connect().await;
    // No time-out set by its session: the function sets its own.
    holder.batch_execute("begin").await.unwrap();
    holder.query_one(HOLD_APPEND, &[&"held", &0_i64]).await.unwrap();
    let since = Instant::now();
    assert_eq!(committed(alfa.append(write(task("a"), 0)).await).position, 1);
    assert!(since.elapsed() < Duration::from_secs(10), "{:?}", since.elapsed());
    holder.batch_execute("commit").await.unwrap_err();
}

#[tokio::test]
async fn a_node_that_stops_in_the_middle_of_its_append_is_ended_within_seconds() {
    let database = Database::migrated().await;
    let proxy = Proxy::to(&database.config).await;
    let settings = LogSettings {
        statement_timeout: Duration::from_millis(500),
        idle_in_transaction_timeout: Duration::from_millis(500),
        ..LogSettings::default()
    };
    let stopped = node(&proxy.config, database.pool(), settings).await;
    let alfa = node(&database.config, database.pool(), settings).await;
    // The server has run the append and has the lock; the message that ends it never comes.
    let withheld = proxy.withhold_sync();
    let lost = spawn(&stopped, write(task("a"), 0));
    withheld.await.unwrap();
    database.lock_held().await;
    let since = Instant::now();
    assert_eq!(committed(alfa.append(write(task("b"), 0)).await).position, 1);
    assert!(since.elapsed() < Duration::from_secs(10), "{:?}", since.elapsed());
    // It wakes up, finds that its append never happened, and sends it again.
    assert_eq!(committed(lost.await.unwrap()).position, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_reader_never_meets_a_new_event_at_or_below_what_it_has_seen() {
    const NODES: usize = 2;
    const STREAMS: i64 = 400;
    let database = Database::migrated().await;
    let reader = database.node().await;
    let mut writers = JoinSet::new();
    for writer in 0..NODES {
        let node = database.node().await;
        for stream in 0..STREAMS {
            let node = node.clone();
            writers.spawn(async move {
                let append = write(task(&format!("{writer}-{stream}")), 0);
                let receipt = committed(node.append(append).await);
                assert!(node.acknowledged() >= receipt.position, "answered too early");
            });
        }
    }
    let total = STREAMS * i64::try_from(NODES).unwrap();
    let mut seen = 0;
    while seen < total {
        // Without a gap at any moment there is no place below where something could appear.
        for event in reader.after(seen, 50).await.unwrap() {
            assert_eq!(event.position, seen + 1, "a gap was visible");
            seen = event.position;
        }
    }
    while let Some(writer) = writers.join_next().await {
        writer.unwrap();
    }
    assert_eq!(reader.head().await.unwrap(), total);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn positions_account_numbers_and_times_never_fall() {
    let database = Database::migrated().await;
    let mut writers = JoinSet::new();
    for writer in 0..2 {
        let node = database.node().await;
        for number in 0..200 {
            let node = node.clone();
            writers.spawn(async move {
                let account = format!("account-{}", number % 3);
                let stream = stream(&account, "task", &format!("{writer}-{number}"));
                committed(node.append(write(stream, 0)).await);
            });
        }
    }
    while let Some(writer) = writers.join_next().await {
        writer.unwrap();
    }
    let client = database.connect().await;
    let rows = client.query(include_str!("sql/all_positions.sql"), &[]).await.unwrap();
    let mut heads = std::collections::HashMap::<String, i64>::new();
    let mut last = Timestamp::MIN;
    for (expected, row) in (1_i64..).zip(&rows) {
        assert_eq!(row.get::<_, i64>("position"), expected);
        let head = heads.entry(row.get("account_id")).or_default();
        *head += 1;
        assert_eq!(row.get::<_, i64>("account_seq"), *head);
        let recorded_at: Timestamp = row.get("recorded_at");
        assert!(recorded_at >= last);
        assert_eq!(recorded_at.subsec_nanosecond() % 1_000_000, 0, "whole milliseconds");
        last = recorded_at;
    }
    assert_eq!(rows.len(), 400);
}

#[tokio::test]
async fn recorded_at_does_not_fall_when_the_clock_does() {
    let database = Database::migrated().await;
    let client = database.connect().await;
    client.batch_execute(include_str!("sql/event_from_the_future.sql")).await.unwrap();
    let future: Timestamp = "2100-01-01T00:00:00Z".parse().unwrap();
    let node = database.node().await;
    let receipt = committed(node.append(write(task("a"), 0)).await);
    assert_eq!((receipt.position, receipt.recorded_at), (2, future));
}

#[tokio::test]
async fn no_snapshot_older_than_the_lock_is_accepted() {
    let database = Database::migrated().await;
    let client = database.connect().await;
    client.batch_execute("begin isolation level repeatable read").await.unwrap();
    let refused = client.query_one(HOLD_APPEND, &[&"a", &0_i64]).await.unwrap_err();
    let state = tokio_postgres::error::SqlState::INVALID_TRANSACTION_STATE;
    assert_eq!(refused.code(), Some(&state));
}
