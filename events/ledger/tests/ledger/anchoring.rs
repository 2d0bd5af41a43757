//! What is signed gets to the directory outside the database, or it is said that it does not.

use std::fs;

use baton_harness::wait_until;
use baton_ledger::{LedgerStanding, standing};

use crate::node::{LIMIT, Node};

#[tokio::test]
async fn the_last_checkpoint_and_that_of_the_hour_are_kept() {
    let node = Node::new().await;
    let keeper = node.keep();
    node.append("acme", 3).await;
    node.append("other", 1).await;
    let (acme, other) = (node.anchored("acme").await, node.anchored("other").await);
    assert_eq!((acme.size, other.size), (3, 1));
    assert_eq!(node.directory.accounts().unwrap(), ["acme", "other"]);
    assert_eq!(node.directory.latest("acme").unwrap().as_deref(), Some(&*acme.note));
    node.append("acme", 2).await;
    let next = wait_for_size(&node, 5).await;
    let kept = node.directory.all("acme").unwrap();
    let hour = kept.first().expect("that of the hour");
    let hour = node.ledger.verifier("acme").open(&hour.1).unwrap();
    assert!(hour.size < 5, "the first of the hour stays");
    assert_eq!(kept.last().map(|(_, note)| note.as_str()), Some(&*next));
    let all = standing(&node.pool).await.unwrap();
    assert_eq!(all, LedgerStanding { accounts: 2, ..LedgerStanding::default() });

    // A directory that was lost has everything again once somebody keeps the ledger.
    keeper.stop().await;
    fs::remove_dir_all(node.directory.path()).unwrap();
    let keeper = node.keep();
    wait_until(LIMIT, "the checkpoints are there again", async || {
        node.directory.accounts().unwrap() == ["acme", "other"]
            && node.directory.latest("acme").unwrap().is_some()
    })
    .await;
    keeper.stop().await;
}

async fn wait_for_size(node: &Node, size: u64) -> String {
    wait_until(LIMIT, "the ledger has them", async || node.signed("acme").await.size == size).await;
    node.anchored("acme").await.note
}

#[tokio::test]
async fn what_cannot_be_kept_is_counted_and_is_kept_later() {
    let node = Node::new().await;
    let keeper = node.keep();
    node.append("acme", 1).await;
    node.anchored("acme").await;
    // The draft cannot be written: its name is a directory's.
    let draft = node.directory.path().join(format!("acme/latest.{}.new", std::process::id()));
    fs::create_dir(&draft).unwrap();
    node.append("acme", 4).await;
    node.level(&keeper).await;
    let signed = node.signed("acme").await;
    assert_eq!((signed.size, signed.anchored.map(|it| it.size)), (5, Some(1)));
    let unanchored = standing(&node.pool).await.unwrap();
    assert_eq!((unanchored.accounts, unanchored.unanchored_accounts), (1, 1));
    assert_eq!(unanchored.unanchored_events, 4);
    fs::remove_dir(&draft).unwrap();
    assert_eq!(node.anchored("acme").await.size, 5);
    assert_eq!(standing(&node.pool).await.unwrap().unanchored_ms, 0);
    keeper.stop().await;
}

/// A node that slept over its successor's checkpoints takes none of them back.
#[tokio::test]
async fn an_older_checkpoint_takes_no_newer_ones_place() {
    let node = Node::new().await;
    let keeper = node.keep();
    node.append("acme", 2).await;
    let newer = node.anchored("acme").await.note;
    keeper.stop().await;
    // As if a crash of Postgres had taken the last batches of the ledger.
    node.sql.batch_execute(include_str!("sql/forget_ledger.sql")).await.unwrap();
    let keeper = node.keep();
    node.level(&keeper).await;
    assert_eq!(node.anchored("acme").await.note, newer);
    assert_eq!(node.directory.latest("acme").unwrap(), Some(newer));
    keeper.stop().await;
}
