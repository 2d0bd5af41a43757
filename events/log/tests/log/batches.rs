//! A batch's commands do not pay for each other, and what can never be appended is said so.

use baton_log::{
    Append, AppendError, COMMAND_EVENTS_MAX, EVENT_PAYLOAD_BYTES_MAX, InvalidAppend,
    NAME_BYTES_MAX, StreamWrite,
};

use crate::commands::{Commands, committed, conflict, event, nothing, spawn, stream, task, write};
use crate::database::Database;

#[tokio::test]
async fn one_stale_command_among_many_is_refused_alone() {
    let database = Database::migrated().await;
    let node = database.node().await;
    let held = database.hold_lock().await;
    // Fills the appender, so that all others wait and become one batch.
    let busy = spawn(&node, write(task("busy"), 0));
    database.waiters(1).await;
    let neighbours: Vec<_> = (0..100)
        .map(|id| spawn(&node, write(task(&id.to_string()), i64::from(id == 50))))
        .collect();
    tokio::task::yield_now().await;
    held.release().await;
    committed(busy.await.unwrap());
    let mut positions = Vec::new();
    for (id, neighbour) in neighbours.into_iter().enumerate() {
        match neighbour.await.unwrap() {
            outcome if id == 50 => conflict(outcome),
            outcome => positions.push(committed(outcome).position),
        }
    }
    assert_eq!(positions, (2..=100).collect::<Vec<_>>());
    let client = database.connect().await;
    let row = client.query_one(include_str!("sql/transactions.sql"), &[]).await.unwrap();
    assert_eq!(row.get::<_, i64>("transactions"), 2, "the hundred were one batch");
}

#[tokio::test]
async fn data_that_the_database_refuses_harms_only_its_own_command() {
    let database = Database::migrated().await;
    let node = database.node().await;
    let held = database.hold_lock().await;
    let busy = spawn(&node, write(task("busy"), 0));
    database.waiters(1).await;
    let mut poison = write(task("poison"), 0);
    poison.writes[0].events[0].payload = "not JSON".to_owned();
    let (before, poisoned, after, ()) = tokio::join!(
        biased;
        node.append(write(task("a"), 0)),
        node.append(poison),
        node.append(write(task("b"), 0)),
        held.release(),
    );
    committed(busy.await.unwrap());
    assert_eq!(committed(before).position, 2);
    let refused =
        matches!(poisoned, Err(AppendError::Invalid { source: InvalidAppend::Refused { .. } }));
    assert!(refused, "{poisoned:?}");
    assert_eq!(committed(after).position, 3);
}

#[tokio::test]
async fn numbers_and_stored_answers_are_right_between_refused_neighbours() {
    let database = Database::migrated().await;
    let node = database.node().await;
    let alfa = |id: &str| write(stream("alfa", "task", id), 0);
    committed(node.append(alfa("taken").and_key("used", 1)).await);
    let held = database.hold_lock().await;
    let busy = spawn(&node, write(task("busy"), 0));
    database.waiters(1).await;
    let mut unchanged = Append { account: "bravo".to_owned(), ..nothing() }.and_key("unchanged", 5);
    unchanged.key.as_mut().unwrap().subject = stream("bravo", "task", "0");
    let second = write(stream("bravo", "task", "1"), 0);
    let second = second.and_write(stream("bravo", "task", "2"), 0).and_key("second", 4);
    let headed = write(stream("charlie", "task", "1"), 0).and_head(7).and_key("headed", 6);
    let (first, stale, reused, second, unchanged, headed, third, ()) = tokio::join!(
        biased;
        node.append(alfa("1").and_key("first", 1)),
        node.append(alfa("taken").and_key("stale", 2)),
        node.append(alfa("2").and_key("used", 3)),
        node.append(second),
        node.append(unchanged),
        node.append(headed),
        node.append(alfa("3").and_write(stream("alfa", "task", "4"), 0).and_key("third", 7)),
        held.release(),
    );
    committed(busy.await.unwrap());
    conflict(stale);
    conflict(headed);
    assert!(matches!(reused, Err(AppendError::KeyReused)), "{reused:?}");
    let place = |outcome| {
        let receipt = committed(outcome);
        (receipt.first_position, receipt.position, receipt.account_seq)
    };
    let places = [place(first), place(second), place(unchanged), place(third)];
    assert_eq!(places, [(3, 3, 2), (4, 5, 2), (2, 2, 0), (6, 7, 4)]);
    for (account, key, position) in [
        ("alfa", "first", Some(3)),
        ("alfa", "stale", None),
        ("bravo", "second", Some(5)),
        ("bravo", "unchanged", Some(2)),
        ("charlie", "headed", None),
        ("alfa", "third", Some(7)),
        ("alfa", "used", Some(1)),
    ] {
        let stored = node.key(account, "agent:alfa", key).await.unwrap();
        assert_eq!(stored.map(|(_, stored)| stored.position), position, "{key}");
    }
    let events = database.node().await.after(2, 10).await.unwrap();
    let numbers: Vec<_> = events.iter().map(|event| (event.position, event.account_seq)).collect();
    assert_eq!(numbers, [(3, 2), (4, 1), (5, 2), (6, 3), (7, 4)]);
}

#[tokio::test]
async fn one_stream_of_commands_neither_starves_nor_is_reordered() {
    let database = Database::migrated().await;
    let node = database.node().await;
    let held = database.hold_lock().await;
    let busy = spawn(&node, write(task("busy"), 0));
    database.waiters(1).await;
    let one_stream: Vec<_> =
        (0..20).map(|version| spawn(&node, write(task("a"), version))).collect();
    tokio::task::yield_now().await;
    held.release().await;
    committed(busy.await.unwrap());
    for (position, outcome) in (2..).zip(one_stream) {
        assert_eq!(committed(outcome.await.unwrap()).position, position);
    }
}

#[tokio::test]
async fn events_of_one_command_follow_each_other_across_its_streams() {
    let database = Database::migrated().await;
    let node = database.node().await;
    let mut append = write(task("a"), 0).and_write(task("b"), 0);
    append.writes[0].events = vec![event("1"), event("2")];
    append.writes[1].events = vec![event("3")];
    let receipt = committed(node.append(append).await);
    assert_eq!((receipt.first_position, receipt.position, receipt.account_seq), (1, 3, 3));
    // Another node has nothing of it in memory: it reads the table.
    let events = database.node().await.after(0, 10).await.unwrap();
    let payloads: Vec<&str> = events.iter().map(|event| event.payload.as_str()).collect();
    assert_eq!(payloads, ["1", "2", "3"]);
    let versions: Vec<i64> = events.iter().map(|event| event.version).collect();
    assert_eq!(versions, [1, 2, 1]);
}

#[tokio::test]
async fn what_can_never_be_appended_is_refused_before_it_is_sent() {
    let database = Database::migrated().await;
    let node = database.node().await;
    let payload = |payload: &str| {
        let mut append = write(task("a"), 0);
        append.writes[0].events[0].payload = payload.to_owned();
        append
    };
    let events = |count: usize| {
        let events = (0..count).map(|_| event("{}")).collect();
        let writes = vec![StreamWrite { stream: task("a"), expected_version: 0, events }];
        Append { writes, ..nothing() }
    };
    let rows: [(Append, &str); 11] = [
        (events(0), "the write to default/task/a has no events"),
        (events(COMMAND_EVENTS_MAX + 1), "more than 1000 events"),
        (write(task("a"), 0).and_write(task("a"), 1), "default/task/a is written twice"),
        (
            nothing().and_write(stream("other", "task", "a"), 0),
            "other/task/a belongs to another account",
        ),
        (
            nothing().and_guard(stream("other", "task", "a"), 0),
            "other/task/a belongs to another account",
        ),
        (
            payload(&" ".repeat(EVENT_PAYLOAD_BYTES_MAX + 1)),
            "a payload has more than 1048576 bytes",
        ),
        (payload("\"\0\""), "a text holds U+0000"),
        (payload(r#"{"a": "\\\u0000"}"#), "a text holds U+0000"),
        (write(task("a\0"), 0), "a text holds U+0000"),
        (write(task(&"a".repeat(NAME_BYTES_MAX + 1)), 0), "a name has more than 512 bytes"),
        (write(task("a"), -1), "a version is impossible"),
    ];
    for (append, expected) in rows {
        match node.append(append).await {
            Err(AppendError::Invalid { source }) => assert_eq!(source.to_string(), expected),
            other => panic!("{expected}: {other:?}"),
        }
    }
    // An escaped backslash before u0000 is no escape of U+0000.
    committed(node.append(payload(r#"{"a": "\\u0000"}"#)).await);
}

#[tokio::test]
async fn more_commands_than_the_queue_holds_are_told_so() {
    let database = Database::migrated().await;
    let node = database.node().await;
    let held = database.hold_lock().await;
    let busy = spawn(&node, write(task("busy"), 0));
    database.waiters(1).await;
    let queued: Vec<_> =
        (0..5_000).map(|id| spawn(&node, write(task(&id.to_string()), 0))).collect();
    for _ in 0..2 {
        tokio::task::yield_now().await;
    }
    held.release().await;
    committed(busy.await.unwrap());
    let (mut accepted, mut overloaded) = (0, 0);
    for outcome in queued {
        match outcome.await.unwrap() {
            Err(AppendError::Overloaded) => overloaded += 1,
            outcome => {
                committed(outcome);
                accepted += 1;
            }
        }
    }
    assert_eq!((accepted, overloaded), (4_096, 904));
}

#[tokio::test]
async fn shutdown_commits_what_waits_and_refuses_what_comes() {
    let database = Database::migrated().await;
    let node = database.node().await;
    let held = database.hold_lock().await;
    let busy = spawn(&node, write(task("busy"), 0));
    database.waiters(1).await;
    let (waiting, (), ()) = tokio::join!(
        biased;
        node.append(write(task("a"), 0)),
        node.shutdown(),
        held.release(),
    );
    committed(busy.await.unwrap());
    assert_eq!(committed(waiting).position, 2);
    let late = node.append(write(task("b"), 0)).await;
    assert!(matches!(late, Err(AppendError::Unavailable { .. })), "{late:?}");
}
