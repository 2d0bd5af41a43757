//! A connection that breaks leaves the outcome open; the log finds it out and never guesses.

use std::time::Duration;

use baton_harness::wait_until;
use baton_log::{AppendError, LogSettings};

use crate::commands::{Commands, committed, conflict, replayed, spawn, task, write};
use crate::database::{Database, WAIT, node};
use crate::proxy::Proxy;

async fn proxied() -> (Database, Proxy, baton_log::Log) {
    proxied_with(LogSettings::default()).await
}

async fn proxied_with(settings: LogSettings) -> (Database, Proxy, baton_log::Log) {
    let database = Database::migrated().await;
    let proxy = Proxy::to(&database.config).await;
    let log = node(&proxy.config, database.pool(), settings).await;
    (database, proxy, log)
}

#[tokio::test]
async fn cut_after_the_commit_the_command_is_found_and_succeeds_once() {
    let (_database, proxy, log) = proxied().await;
    proxy.cut_after_commit();
    let append = write(task("a"), 0).and_write(task("b"), 0).and_key("key", 1);
    let receipt = committed(log.append(append.clone()).await);
    assert_eq!((receipt.first_position, receipt.position, receipt.account_seq), (1, 2, 2));
    assert_eq!(log.acknowledged(), 2);
    assert_eq!(log.head().await.unwrap(), 2);
    let replay = replayed(log.append(append).await);
    assert_eq!((replay.position, replay.recorded_at), (2, receipt.recorded_at));
}

#[tokio::test]
async fn cut_before_the_server_had_it_the_command_is_sent_again_and_succeeds_once() {
    let (_database, proxy, log) = proxied().await;
    proxy.cut_before_forward();
    let receipt = committed(log.append(write(task("a"), 0).and_key("key", 1)).await);
    assert_eq!(receipt.position, 1);
    assert_eq!(log.head().await.unwrap(), 1);
}

#[tokio::test]
async fn cut_after_the_commit_a_refused_neighbour_is_refused() {
    let (database, proxy, log) = proxied().await;
    committed(log.append(write(task("a"), 0)).await);
    let held = database.hold_lock().await;
    let busy = spawn(&log, write(task("busy"), 0));
    database.waiters(1).await;
    // Taken for the batch that follows the busy one.
    let (stale, good, key, ()) = tokio::join!(
        biased;
        log.append(write(task("a"), 0)),
        log.append(write(task("b"), 0)),
        log.append(crate::commands::nothing().and_guard(task("busy"), 1).and_key("key", 1)),
        async {
            proxy.cut_after_commit();
            held.release().await;
        },
    );
    committed(busy.await.unwrap());
    conflict(stale);
    assert_eq!(committed(good).position, 3);
    // Its key was stored by the batch whose answer was lost.
    replayed(key);
}

#[tokio::test]
async fn cut_while_the_backend_waits_for_the_lock_it_is_ended_and_never_commits() {
    // No time-out shall do what the node must do.
    let statement_timeout = Duration::from_secs(600);
    let settings = LogSettings { statement_timeout, ..LogSettings::default() };
    let (database, proxy, log) = proxied_with(settings).await;
    let held = database.hold_lock().await;
    let append = spawn(&log, write(task("a"), 0));
    let lost = database.waiters(1).await[0];
    proxy.cut_now();
    // The lost backend goes and the batch, sent again, waits in its place.
    database.another_waiter(lost).await;
    held.release().await;
    assert_eq!(committed(append.await.unwrap()).position, 1);
    assert_eq!(log.head().await.unwrap(), 1);
}

#[tokio::test]
async fn a_silent_server_counts_as_lost() {
    let settings =
        LogSettings { answer_timeout: Duration::from_millis(300), ..LogSettings::default() };
    let (database, _proxy, log) = proxied_with(settings).await;
    let held = database.hold_lock().await;
    let append = spawn(&log, write(task("a"), 0));
    let lost = database.waiters(1).await[0];
    database.another_waiter(lost).await;
    held.release().await;
    assert_eq!(committed(append.await.unwrap()).position, 1);
}

#[tokio::test]
async fn an_outcome_that_cannot_be_settled_in_time_is_told_as_unknown() {
    let settings =
        LogSettings { settle_within: Duration::from_millis(300), ..LogSettings::default() };
    let (_database, proxy, log) = proxied_with(settings).await;
    proxy.cut_after_commit();
    proxy.refuse(true);
    let outcome = log.append(write(task("a"), 0)).await;
    assert!(matches!(outcome, Err(AppendError::OutcomeUnknown { .. })), "{outcome:?}");
    proxy.refuse(false);
    // The log goes on, and the event is there.
    assert_eq!(committed(log.append(write(task("a"), 1)).await).position, 2);
}

#[tokio::test]
async fn a_database_that_was_gone_before_the_command_is_told_as_unavailable() {
    let settings = LogSettings {
        reconnect_within: Duration::from_millis(300),
        settle_within: Duration::from_millis(300),
        ..LogSettings::default()
    };
    let (database, proxy, log) = proxied_with(settings).await;
    proxy.refuse(true);
    let client = database.connect().await;
    // The server ends the appender's connection, and the node hears of it.
    client.query(include_str!("sql/end_other_backends.sql"), &[]).await.unwrap();
    wait_until(WAIT, "the node to notice", async || {
        match log.append(write(task("a"), 0)).await {
            Err(AppendError::Unavailable { .. }) => true,
            // The news of the end had not arrived yet.
            Err(AppendError::OutcomeUnknown { .. }) => false,
            other => panic!("{other:?}"),
        }
    })
    .await;
    proxy.refuse(false);
    assert_eq!(committed(log.append(write(task("a"), 0)).await).position, 1);
}
