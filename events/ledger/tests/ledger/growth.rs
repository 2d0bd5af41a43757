//! Trees grow as the log does, over restarts; what is proved of them holds by the definition.

use baton_harness::postgres::CONTENT_HASH;
use baton_ledger::{
    Hash, Leaf, consistency_proof, inclusion_proof, root_of, verify_consistency, verify_inclusion,
};

use crate::node::{Keeper, Node};

const MANY_EVENTS: &str = include_str!("sql/many_events.sql");
const COUNT_NODES: &str = include_str!("sql/count_nodes.sql");
const FORGET_LEDGER: &str = include_str!("sql/forget_ledger.sql");

/// The account's leaves, out of the log alone.
async fn leaves(node: &Node, account: &str) -> Vec<Leaf> {
    node.events(account).await.iter().map(Leaf::from).collect()
}

/// The checkpoint is that of the account's whole history, and the signature is good.
async fn assert_signed(node: &Node, account: &str) {
    is_of(node, account, &leaves(node, account).await).await;
}

async fn is_of(node: &Node, account: &str, leaves: &[Leaf]) {
    let hashes: Vec<Hash> = leaves.iter().map(Leaf::hash).collect();
    let signed = node.signed(account).await;
    assert_eq!((signed.size, signed.root), (hashes.len() as u64, root_of(&hashes)), "{account}");
    let checkpoint = node.ledger.verifier(account).open(&signed.note).unwrap();
    assert_eq!((checkpoint.size, checkpoint.root), (signed.size, signed.root));
    assert_eq!(checkpoint.origin, format!("baton/{}/{account}", node.ledger.log_id()));
}

async fn restart(node: &Node, keeper: Keeper) -> Keeper {
    keeper.stop().await;
    node.keep()
}

#[tokio::test]
async fn each_account_has_a_tree_of_its_own_and_it_grows_over_restarts() {
    let node = Node::new().await;
    let mut keeper = node.keep();
    for (account, events) in [("acme", 1), ("other", 2), ("acme", 253), ("acme", 1), ("acme", 2)] {
        node.append(account, events).await;
        node.level(&keeper).await;
        assert_signed(&node, account).await;
        keeper = restart(&node, keeper).await;
    }
    node.append("acme", 1_300).await;
    node.append("other", 1).await;
    node.level(&keeper).await;
    for account in ["acme", "other"] {
        assert_signed(&node, account).await;
    }
    assert_eq!(node.ledger.checkpoint("nobody").await.unwrap(), None);
    let nodes: i64 = node.sql.query_one(COUNT_NODES, &[&"acme"]).await.unwrap().get("nodes");
    assert_eq!(nodes, (1 + 253 + 1 + 2 + 1_300) / 256, "one for each 256 events");

    // Built once more from nothing, it is the same: notes too.
    let before = node.signed("acme").await;
    keeper.stop().await;
    node.sql.batch_execute(FORGET_LEDGER).await.unwrap();
    let keeper = node.keep();
    node.level(&keeper).await;
    let again = node.signed("acme").await;
    assert_eq!((again.root, again.note), (before.root, before.note));
}

#[tokio::test]
async fn what_is_proved_holds_by_the_definition() {
    let node = Node::new().await;
    let keeper = node.keep();
    node.append("acme", 700).await;
    node.level(&keeper).await;
    let leaves = leaves(&node, "acme").await;
    let hashes: Vec<Hash> = leaves.iter().map(Leaf::hash).collect();
    for size in [1_usize, 2, 255, 256, 257, 511, 512, 513, 699, 700] {
        let (part, large) = (&hashes[..size], size as u64);
        assert_eq!(node.ledger.root_at("acme", large).await.unwrap(), root_of(part), "{size}");
        for index in [0, 1, 127, 255, 256, 300, 511, 512, 699] {
            let leaf = leaves[index];
            let proved = node.ledger.inclusion("acme", leaf, large).await;
            if index >= size {
                assert!(proved.is_err(), "{index} is not in {size}");
                continue;
            }
            let proved = proved.unwrap();
            assert_eq!(Some(&proved.proof), inclusion_proof(part, index as u64).as_ref());
            let (hash, at) = (leaf.hash(), index as u64);
            verify_inclusion(&hash, at, large, &proved.proof, &root_of(part)).unwrap();
        }
        for from in [1_usize, 2, 128, 255, 256, 512, 700] {
            let proved = node.ledger.consistency("acme", from as u64, large).await;
            if from > size {
                assert!(proved.is_err(), "{from} is not the beginning of {size}");
                continue;
            }
            let proved = proved.unwrap();
            assert_eq!(Some(&proved.proof), consistency_proof(part, from as u64).as_ref());
            let (from, to) = ((from as u64, &root_of(&hashes[..from])), (large, &root_of(part)));
            verify_consistency(from, to, &proved.proof).unwrap();
        }
    }
}

/// The second level of nodes, and how long it takes to catch up with a log.
#[tokio::test]
async fn a_long_log_is_caught_up_with_and_proved() {
    let node = Node::new().await;
    node.append("acme", 1).await;
    node.sql.batch_execute(CONTENT_HASH).await.unwrap();
    let events = 66_000_i64;
    let filled = node.sql.execute(MANY_EVENTS, &[&"acme", &events]).await.unwrap();
    assert_eq!(filled, 66_000);
    let keeper = node.keep();
    node.level(&keeper).await;
    let leaves = leaves(&node, "acme").await;
    is_of(&node, "acme", &leaves).await;
    for index in [0_usize, 65_535, 65_536, 66_000] {
        node.ledger.inclusion("acme", leaves[index], 66_001).await.unwrap();
    }
    for from in [1, 65_536, 65_537, 66_000] {
        node.ledger.consistency("acme", from, 66_001).await.unwrap();
    }
}
