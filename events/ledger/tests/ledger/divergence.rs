//! What a superuser does behind the ledger's back stops it, with a reason, before anything more is
//! signed.

use baton_harness::postgres::CONTENT_HASH;

use futures_util::future::join_all;

use crate::node::{Node, key};

/// Lets the session change the log.
const UNLOCK: &str = include_str!("sql/unlock.sql");

/// What is done while the ledger is down, what is appended then, and what it says.
struct Case {
    what: &'static str,
    sql: &'static str,
    appended: usize,
    said: &'static str,
}

const fn case(what: &'static str, sql: &'static str, appended: usize, said: &'static str) -> Case {
    Case { what, sql, appended, said }
}

/// 300 events of acme are signed and kept outside, and three of another account behind them.
static CASES: [Case; 9] = [
    case(
        "an event that is not signed yet was changed",
        include_str!("sql/change_last.sql"),
        0,
        "event 301 of account acme was changed",
    ),
    case(
        "an event that is not signed yet was removed",
        include_str!("sql/remove_unsigned.sql"),
        1,
        "event 304 is missing from the log: 305 follows",
    ),
    case(
        "an event among the last was changed, and its hash with it",
        include_str!("sql/rehash_signed.sql"),
        1,
        "the tree of account acme with 300 events is not that of the log",
    ),
    case(
        "an event among the last was removed",
        include_str!("sql/remove_signed.sql"),
        1,
        "account acme has not all of the 300 events",
    ),
    case(
        "a node was changed",
        include_str!("sql/change_node.sql"),
        1,
        "the tree of account acme with 300 events is not that of the log",
    ),
    case(
        "the tree was changed",
        include_str!("sql/change_frontier.sql"),
        1,
        "the tree of account acme with 300 events is not that of the log",
    ),
    case(
        "the tail was cut",
        include_str!("sql/cut_tail.sql"),
        0,
        "account acme has not all of the 300 events",
    ),
    case(
        "the tail was cut, and the ledger with it",
        include_str!("sql/cut_tail_and_ledger.sql"),
        0,
        "account acme has no event 300, but a checkpoint of it is in the directory",
    ),
    case(
        "the log was written anew, and the ledger with it",
        include_str!("sql/rewrite.sql"),
        0,
        "the checkpoint of account acme kept in the directory, of 300 events, differs",
    ),
];

/// A ledger that was stopped in good order.
async fn signed() -> Node {
    let node = Node::new().await;
    let keeper = node.keep();
    node.append("acme", 300).await;
    node.append("other", 3).await;
    node.level(&keeper).await;
    node.anchored("acme").await;
    node.anchored("other").await;
    keeper.stop().await;
    node
}

async fn is_found(case: &Case) {
    let mut node = signed().await;
    // Not signed yet.
    node.append("acme", 1).await;
    node.sql.batch_execute(UNLOCK).await.unwrap();
    node.sql.batch_execute(CONTENT_HASH).await.unwrap();
    node.sql.batch_execute(case.sql).await.unwrap_or_else(|error| {
        panic!("{}: {}", case.what, error.as_db_error().map_or("", |it| it.message()))
    });
    node.forget().await;
    if case.appended > 0 {
        node.append("acme", case.appended).await;
    }
    let note = async || node.ledger.checkpoint("acme").await.unwrap().map(|signed| signed.note);
    let before = note().await;
    let keeper = node.keep();
    let said = node.failure().await;
    assert!(said.contains(case.said), "{}: {said}", case.what);
    assert!(said.starts_with("the log, the ledger and its checkpoints differ: "), "{said}");
    assert_eq!(note().await, before, "{}: nothing more is signed", case.what);
    let latest = node.directory.latest("acme").unwrap().expect("it is kept");
    let latest = node.ledger.verifier("acme").open(&latest).unwrap();
    assert_eq!(latest.size, 300, "{}", case.what);
    keeper.stop().await;
}

#[tokio::test]
async fn whatever_was_changed_stops_the_ledger() {
    join_all(CASES.iter().map(is_found)).await;
}

#[tokio::test]
async fn checkpoints_of_another_key_stop_the_ledger() {
    let node = signed().await;
    let foreign = baton_ledger::Ledger::open(node.pool.clone(), key("08")).await.unwrap();
    let running =
        baton_ledger::spawn(node.log.clone(), node.pool.clone(), &foreign, node.directory.clone());
    let said = node.failure().await;
    assert!(said.starts_with("the directory has checkpoints of another ledger: "), "{said}");
    assert!(said.contains("of account acme"), "{said}");
    running.shutdown().await;
    // With its own key it goes on.
    node.append("acme", 1).await;
    let keeper = node.keep();
    node.goes_on().await;
    assert_eq!(node.signed("acme").await.size, 301);
    keeper.stop().await;
}
