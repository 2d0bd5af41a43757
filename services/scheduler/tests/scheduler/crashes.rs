//! Holders that die, stop, or fire beside each other.

use baton_domain::recurrence::RecurrenceFields;
use baton_feed::Handler as _;

use crate::node::{Node, database, now_and};

/// A stopped holder that wakes up beside its successor.
#[tokio::test]
async fn two_holders_at_once_fire_once() {
    let database = database().await;
    let (node, other) = (Node::on(&database).await, Node::on(&database).await);
    let (mut recurrences, mut tasks) = (Vec::new(), Vec::new());
    for _ in 0..20 {
        recurrences.push(node.recurrence(now_and(-1)).await);
        tasks.push(node.task(Some(now_and(-1))).await);
    }
    let (mut one, mut two) = (node.scheduler(), other.scheduler());
    node.follow(&mut one, 0).await;
    two.acquired(0).await.unwrap();
    let (first, second) = tokio::join!(one.idle(0), two.idle(0));
    first.unwrap();
    second.unwrap();
    // Much later, by a table that is still the same.
    other.fire().await;
    for id in recurrences {
        assert_eq!(node.events(id, "recurrence.spawned").await.len(), 1);
        assert!(node.events(id, "recurrence.skipped").await.is_empty());
    }
    for task in tasks {
        assert_eq!(node.task_events(task, "task.reminded").await.len(), 1);
    }
}

/// More than one turn fires, by a holder that dies before its table says so.
#[tokio::test]
async fn a_crash_between_firing_and_checkpoint_repeats_nothing() {
    let database = database().await;
    let node = Node::on(&database).await;
    let mut tasks = Vec::new();
    for _ in 0..300 {
        tasks.push(node.task(Some(now_and(-1))).await);
    }
    let mut dying = node.scheduler();
    node.follow(&mut dying, 0).await;
    dying.idle(0).await.unwrap();
    drop(dying);
    let successor = Node::on(&database).await;
    let scheduler = successor.spawn();
    for task in &tasks {
        node.wait_until_reminded(*task).await;
    }
    successor.settle(&scheduler).await;
    for task in tasks {
        assert_eq!(node.task_events(task, "task.reminded").await.len(), 1);
    }
}

#[tokio::test]
async fn what_was_due_while_no_scheduler_ran_is_made_up_for() {
    let database = database().await;
    let node = Node::on(&database).await;
    let (known, moved) = (node.recurrence(now_and(3_600)).await, node.recurrence(now_and(1)).await);
    let before = node.spawn();
    node.settle(&before).await;
    before.shutdown().await;
    // By events that it has not followed, against what its table says.
    let at = |next_due_at| RecurrenceFields {
        next_due_at: Some(next_due_at),
        ..RecurrenceFields::default()
    };
    node.change(known, at(now_and(-1))).await;
    node.change(moved, at(now_and(3_600))).await;
    let new = node.recurrence(now_and(-1)).await;
    let reminds = node.task(Some(now_and(-1))).await;
    let after = Node::on(&database).await.spawn();
    node.wait_for_tasks(known, 1).await;
    node.wait_for_tasks(new, 1).await;
    node.wait_until_reminded(reminds).await;
    node.settle(&after).await;
    assert!(node.events(moved, "recurrence.spawned").await.is_empty());
}
