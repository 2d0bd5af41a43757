//! Every race that ADR 0001 names: two nodes, their appends queued behind a held lock in a known
//! order, so that each interleaving happens the same way every time.

use baton_log::{Append, AppendError};

use crate::commands::{
    Commands, Outcome, committed, conflict, nothing, replayed, spawn, task, write,
};
use crate::database::Database;

/// Both appends are sent and waiting for the lock before either runs; `first` is in front.
async fn race(database: &Database, first: Append, second: Append) -> (Outcome, Outcome) {
    let (alfa, bravo) = (database.node().await, database.node().await);
    let held = database.hold_lock().await;
    let first = spawn(&alfa, first);
    database.waiters(1).await;
    let second = spawn(&bravo, second);
    database.waiters(2).await;
    held.release().await;
    (first.await.unwrap(), second.await.unwrap())
}

/// The same race inside one node: both wait in one appender's queue while it is busy.
async fn race_in_one_node(
    database: &Database,
    first: Append,
    second: Append,
) -> (Outcome, Outcome) {
    let node = database.node().await;
    let held = database.hold_lock().await;
    let busy = spawn(&node, write(task("busy"), 0));
    database.waiters(1).await;
    // Polled in this order: both have their place in the queue before the lock is released.
    let (first, second, ()) =
        tokio::join!(biased; node.append(first), node.append(second), held.release());
    committed(busy.await.unwrap());
    (first, second)
}

async fn with_streams(ids: &[&str]) -> Database {
    let database = Database::migrated().await;
    let node = database.node().await;
    for id in ids {
        committed(node.append(write(task(id), 0)).await);
    }
    node.shutdown().await;
    database
}

#[tokio::test]
async fn of_two_writes_at_one_version_the_first_commits_and_the_second_conflicts() {
    let database = with_streams(&["a"]).await;
    let (first, second) = race(&database, write(task("a"), 1), write(task("a"), 1)).await;
    assert_eq!(committed(first).position, 2);
    conflict(second);
}

#[tokio::test]
async fn of_two_creations_of_a_stream_the_first_commits_and_the_second_conflicts() {
    let database = with_streams(&[]).await;
    let (first, second) = race(&database, write(task("a"), 0), write(task("a"), 0)).await;
    assert_eq!(committed(first).position, 1);
    conflict(second);
}

#[tokio::test]
async fn a_guard_before_a_write_lets_both_commit() {
    let database = with_streams(&["a"]).await;
    let guarding = write(task("b"), 0).and_guard(task("a"), 1);
    let (first, second) = race(&database, guarding, write(task("a"), 1)).await;
    assert_eq!(committed(first).position, 2);
    assert_eq!(committed(second).position, 3);
}

#[tokio::test]
async fn a_guard_after_a_write_conflicts() {
    let database = with_streams(&["a"]).await;
    let guarding = write(task("b"), 0).and_guard(task("a"), 1);
    let (first, second) = race(&database, write(task("a"), 1), guarding).await;
    committed(first);
    conflict(second);
}

#[tokio::test]
async fn a_guard_on_a_missing_stream_conflicts_with_its_creation() {
    let database = with_streams(&[]).await;
    let guarding = write(task("b"), 0).and_guard(task("a"), 0);
    let (first, second) = race(&database, write(task("a"), 0), guarding).await;
    committed(first);
    conflict(second);
}

#[tokio::test]
async fn write_skew_through_guards_is_refused_between_nodes() {
    let database = with_streams(&["x", "y"]).await;
    let alfa = write(task("y"), 1).and_guard(task("x"), 1);
    let bravo = write(task("x"), 1).and_guard(task("y"), 1);
    let (first, second) = race(&database, alfa, bravo).await;
    committed(first);
    conflict(second);
}

#[tokio::test]
async fn write_skew_through_guards_is_refused_inside_one_node() {
    let database = with_streams(&["x", "y"]).await;
    let alfa = write(task("y"), 1).and_guard(task("x"), 1);
    let bravo = write(task("x"), 1).and_guard(task("y"), 1);
    let (first, second) = race_in_one_node(&database, alfa, bravo).await;
    committed(first);
    conflict(second);
}

#[tokio::test]
async fn a_head_guard_conflicts_with_any_write_of_the_account_between_nodes() {
    let database = with_streams(&["a"]).await;
    let headed = write(task("b"), 0).and_head(1);
    let (first, second) = race(&database, write(task("c"), 0), headed.clone()).await;
    committed(first);
    conflict(second);
    let (first, second) = race(&database, headed.and_head(2), write(task("d"), 0)).await;
    assert_eq!(committed(first).account_seq, 3);
    assert_eq!(committed(second).account_seq, 4);
}

#[tokio::test]
async fn a_head_guard_conflicts_with_any_write_of_the_account_inside_one_node() {
    let database = with_streams(&["a"]).await;
    // The node's own busy append makes it 2.
    let headed = write(task("b"), 0).and_head(2);
    let (first, second) = race_in_one_node(&database, write(task("c"), 0), headed).await;
    committed(first);
    conflict(second);
}

#[tokio::test]
async fn one_stream_written_twice_in_one_node_commits_once() {
    let database = with_streams(&["a"]).await;
    let (first, second) =
        race_in_one_node(&database, write(task("a"), 1), write(task("a"), 1)).await;
    committed(first);
    conflict(second);
}

#[tokio::test]
async fn consecutive_writes_of_one_stream_keep_their_order_in_one_node() {
    let database = with_streams(&["a"]).await;
    let (first, second) =
        race_in_one_node(&database, write(task("a"), 1), write(task("a"), 2)).await;
    assert!(committed(first).position < committed(second).position);
}

#[tokio::test]
async fn the_same_key_and_request_is_replayed_and_adds_nothing() {
    for one_node in [false, true] {
        let database = with_streams(&["a"]).await;
        let run = |id| write(task(id), 0).and_key("key", 7);
        let (first, second) = if one_node {
            race_in_one_node(&database, run("b"), run("c")).await
        } else {
            race(&database, run("b"), run("c")).await
        };
        let (receipt, replay) = (committed(first), replayed(second));
        assert_eq!(replay.position, receipt.position);
        assert_eq!(replay.recorded_at, receipt.recorded_at);
        assert_eq!(replay.subject, task("b"));
        assert_eq!(replay.subject_version, 1);
        assert_eq!(replay.sealed, Some(vec![7, 0, 255]));
        let node = database.node().await;
        assert_eq!(node.versions(&[task("b"), task("c")]).await.unwrap(), [1, 0]);
    }
}

#[tokio::test]
async fn the_same_key_with_another_request_is_refused_and_adds_nothing() {
    for one_node in [false, true] {
        let database = with_streams(&["a"]).await;
        let run = |id, request| write(task(id), 0).and_key("key", request);
        let (first, second) = if one_node {
            race_in_one_node(&database, run("b", 7), run("c", 8)).await
        } else {
            race(&database, run("b", 7), run("c", 8)).await
        };
        committed(first);
        assert!(matches!(second, Err(AppendError::KeyReused)), "{second:?}");
        let node = database.node().await;
        assert_eq!(node.versions(&[task("c")]).await.unwrap(), [0]);
    }
}

#[tokio::test]
async fn a_command_without_events_stores_its_key_and_checks_its_guards() {
    let database = with_streams(&["a"]).await;
    let unchanged = nothing().and_guard(task("a"), 1).and_key("key", 7);
    let (first, second) = race(&database, unchanged.clone(), unchanged).await;
    let (receipt, replay) = (committed(first), replayed(second));
    assert_eq!((receipt.first_position, receipt.position, receipt.account_seq), (1, 1, 1));
    assert_eq!(replay.position, 1);
    let node = database.node().await;
    conflict(node.append(nothing().and_guard(task("a"), 0)).await);
}

#[tokio::test]
async fn a_command_on_two_streams_commits_whole_or_not_at_all() {
    let database = with_streams(&["parent"]).await;
    let delegate = |child| write(task("parent"), 1).and_write(task(child), 0);
    let (first, second) = race(&database, delegate("b"), delegate("c")).await;
    let receipt = committed(first);
    assert_eq!((receipt.first_position, receipt.position), (2, 3));
    conflict(second);
    let node = database.node().await;
    let streams = [task("parent"), task("b"), task("c")];
    assert_eq!(node.versions(&streams).await.unwrap(), [2, 1, 0]);
}
