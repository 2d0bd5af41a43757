//! What a process committed last is read from its memory, and is the same as in the table.

use std::time::Duration;

use baton_log::{Append, Log, LogSettings, NewEvent, RecordedEvent, StreamWrite};
use deadpool_postgres::{Manager, Pool};
use tokio_postgres::NoTls;
use uuid::Uuid;

use crate::commands::{
    Commands, committed, conflict, event, nothing, replayed, spawn, stream, task, write,
};
use crate::database::{Database, node};
use crate::proxy::Proxy;

/// A node whose reads of the table fail once its pool is closed: what it answers then comes out of
/// its memory.
async fn closable(database: &Database) -> (Log, Pool) {
    let manager = Manager::new(database.config.clone(), NoTls);
    let pool = Pool::builder(manager).max_size(2).build().unwrap();
    (node(&database.config, pool.clone(), LogSettings::default()).await, pool)
}

async fn remembered(log: &Log, after: i64) -> Option<Vec<RecordedEvent>> {
    log.after(after, 1_000).await.ok()
}

async fn positions(log: &Log, after: i64) -> Option<Vec<i64>> {
    Some(remembered(log, after).await?.iter().map(|event| event.position).collect())
}

fn named(event_type: &'static str, schema_version: i16, payload: &str) -> NewEvent {
    NewEvent { event_type, schema_version, ..event(payload) }
}

/// Commands that differ in everything that an event keeps.
fn various() -> Vec<Append> {
    let many = Append {
        account: "alfa".to_owned(),
        actor: "agent:0198c0de".to_owned(),
        causation_id: Some(Uuid::now_v7()),
        writes: vec![
            StreamWrite {
                stream: stream("alfa", "task", "1"),
                expected_version: 1,
                events: vec![
                    named("task.created", 1, "{ \"b\" : 1.0 ,\n\"a\": \"é \u{1f680} \\u00e9\" }"),
                    named("task.claimed", 2, "[1E+5]"),
                ],
            },
            StreamWrite {
                stream: stream("alfa", "account", "alfa"),
                expected_version: 0,
                events: vec![named("account.opened", 1, " \"\" "), event("-0")],
            },
        ],
        ..nothing()
    };
    vec![
        write(stream("alfa", "task", "1"), 0),
        write(stream("bravo", "task", "1"), 0),
        many,
        write(stream("bravo", "task", "1"), 1).and_key("key", 1),
        write(stream("bravo", "task", "2"), 0).and_write(stream("bravo", "task", "3"), 0),
    ]
}

#[tokio::test]
async fn what_is_remembered_is_what_the_table_holds_field_by_field() {
    let database = Database::migrated().await;
    let (log, pool) = closable(&database).await;
    for append in various() {
        committed(log.append(append).await);
    }
    // One batch of several accounts, in which some are refused and some add nothing.
    let held = database.hold_lock().await;
    let busy = spawn(&log, write(task("busy"), 0));
    database.waiters(1).await;
    let (first, stale, replay, nothing, last, ()) = tokio::join!(
        biased;
        log.append(write(stream("alfa", "task", "4"), 0).and_write(stream("alfa", "task", "5"), 0)),
        log.append(write(stream("alfa", "task", "1"), 0)),
        log.append(write(stream("bravo", "task", "1"), 1).and_key("key", 1)),
        log.append(nothing().and_guard(task("a"), 0)),
        log.append(write(stream("bravo", "task", "4"), 0)),
        held.release(),
    );
    committed(busy.await.unwrap());
    committed(first);
    committed(nothing);
    conflict(stale);
    replayed(replay);
    let end = committed(last).position;

    let table = database.node().await.after(0, 1_000).await.unwrap();
    assert_eq!(table.last().map(|event| event.position), Some(end));
    assert_eq!(table.len(), 13);
    pool.close();
    for (after, expected) in (0..).zip(1..=table.len()) {
        let remembered = remembered(&log, after).await;
        assert_eq!(remembered.as_deref(), Some(&table[expected - 1..]), "above {after}");
        let one = log.after(after, 1).await.unwrap();
        assert_eq!(one, table[expected - 1..expected], "above {after}");
    }
    assert_eq!(remembered(&log, end).await, None, "the end is the table's to tell");
}

#[tokio::test]
async fn what_another_process_commits_in_between_leaves_no_gap() {
    let database = Database::migrated().await;
    let (log, pool) = closable(&database).await;
    let other = database.node().await;
    committed(log.append(write(task("a"), 0)).await);
    committed(log.append(write(task("b"), 0)).await);
    committed(other.append(write(task("c"), 0)).await);
    assert_eq!(positions(&log, 0).await.unwrap(), [1, 2], "of the third nobody has told it");
    log.woken(3);
    assert_eq!(positions(&log, 0).await.unwrap(), [1, 2, 3], "a short answer has what it heard");
    committed(log.append(write(task("d"), 0)).await);
    assert_eq!(positions(&log, 0).await.unwrap(), [1, 2, 3, 4]);
    pool.close();
    for (after, expected) in [(0, None), (2, None), (3, Some(vec![4]))] {
        assert_eq!(positions(&log, after).await, expected, "above {after}");
    }
}

#[tokio::test]
async fn after_a_lost_connection_nothing_is_remembered_that_the_new_server_did_not_tell() {
    let database = Database::migrated().await;
    let proxy = Proxy::to(&database.config).await;
    let manager = Manager::new(database.config.clone(), NoTls);
    let pool = Pool::builder(manager).max_size(2).build().unwrap();
    let settings = LogSettings { settle_within: Duration::from_secs(20), ..LogSettings::default() };
    let log = node(&proxy.config, pool.clone(), settings).await;
    committed(log.append(write(task("a"), 0)).await);
    proxy.cut_after_commit();
    assert_eq!(committed(log.append(write(task("b"), 0)).await).position, 2);
    assert_eq!(positions(&log, 0).await.unwrap(), [1, 2]);
    pool.close();
    log.after(0, 1).await.unwrap_err();
    committed(log.append(write(task("c"), 0)).await);
    for (after, expected) in [(0, None), (1, None), (2, Some(vec![3]))] {
        assert_eq!(positions(&log, after).await, expected, "above {after}");
    }
}

#[tokio::test]
async fn whoever_is_woken_finds_the_event_in_memory() {
    let database = Database::migrated().await;
    let (log, pool) = closable(&database).await;
    let mut wake = log.wake();
    pool.close();
    for position in 1..=50 {
        let append = spawn(&log, write(task(&position.to_string()), 0));
        wake.changed().await.unwrap();
        let woken = *wake.borrow_and_update();
        assert_eq!(positions(&log, position - 1).await, Some(vec![woken]));
        assert_eq!(committed(append.await.unwrap()).position, woken);
    }
}
