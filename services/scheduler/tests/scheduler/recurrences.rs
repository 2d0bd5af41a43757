//! Occurrences of recurrences (protocol 1.9): when they fire, and what comes of it.

use baton_commands::{RecurrenceAction, TaskAction};
use baton_domain::recurrence::RecurrenceFields;
use baton_domain::task::TaskCommand;

use crate::node::{Node, database, now_and};

const DAY: i64 = 86_400;

#[tokio::test]
async fn what_was_missed_gives_one_task_and_the_next_is_ahead() {
    let database = database().await;
    let node = Node::on(&database).await;
    let due_at = now_and(-10 * DAY);
    let missed = node.recurrence(due_at).await;
    let ahead = node.recurrence(now_and(DAY)).await;
    let scheduler = node.spawn();
    node.wait_for_tasks(missed, 1).await;
    node.settle(&scheduler).await;
    let [spawned] = &node.events(missed, "recurrence.spawned").await[..] else {
        panic!("ten occurrences have passed, and one task is enough")
    };
    let created = &node.events(missed, "recurrence.created").await[0];
    assert_eq!(spawned.actor, "system:scheduler");
    assert_eq!(spawned.causation_id, Some(created.event_id));
    assert_eq!(spawned.correlation_id, created.correlation_id);
    let state = node.state(missed).await;
    assert!(state.next_due_at > now_and(0) && state.next_due_at <= now_and(DAY));
    let task = node.task_state(state.last_task.unwrap()).await;
    assert_eq!((task.content.as_str(), task.created_by), ("again", None));
    assert_eq!(task.source_recurrence_id, Some(missed));
    assert_eq!(task.due_date, Some(due_at.to_jiff().to_zoned(jiff::tz::TimeZone::UTC).date()));
    assert!(node.events(ahead, "recurrence.spawned").await.is_empty());
}

#[tokio::test]
async fn what_becomes_due_fires_then() {
    let database = database().await;
    let node = Node::on(&database).await;
    let scheduler = node.spawn();
    let due_at = now_and(1);
    let soon = node.recurrence(due_at).await;
    node.wait_for_tasks(soon, 1).await;
    node.settle(&scheduler).await;
    let spawned = &node.events(soon, "recurrence.spawned").await[0];
    assert!(spawned.recorded_at >= due_at.to_jiff(), "{spawned:?}");
}

#[tokio::test]
async fn switched_off_or_deleted_it_does_not_fire_and_switched_on_it_does() {
    let database = database().await;
    let node = Node::on(&database).await;
    let (off, gone) = (node.recurrence(now_and(-1)).await, node.recurrence(now_and(-1)).await);
    let active = |active| RecurrenceFields { active: Some(active), ..RecurrenceFields::default() };
    node.change(off, active(false)).await;
    node.act(gone, RecurrenceAction::Delete).await;
    let scheduler = node.spawn();
    node.settle(&scheduler).await;
    // It comes later, and so do the others' turns.
    let last = node.recurrence(now_and(-1)).await;
    node.wait_for_tasks(last, 1).await;
    for never in [off, gone] {
        assert!(node.events(never, "recurrence.spawned").await.is_empty());
    }
    let again = RecurrenceFields { next_due_at: Some(now_and(-1)), ..active(true) };
    node.change(off, again).await;
    node.wait_for_tasks(off, 1).await;
}

#[tokio::test]
async fn while_the_last_task_is_unfinished_there_is_no_other() {
    let database = database().await;
    let node = Node::on(&database).await;
    let scheduler = node.spawn();
    let id = node.recurrence(now_and(-1)).await;
    node.wait_for_tasks(id, 1).await;
    let first = node.state(id).await.last_task.unwrap();
    let due = || RecurrenceFields { next_due_at: Some(now_and(-1)), ..RecurrenceFields::default() };
    node.change(id, due()).await;
    baton_harness::wait_until(crate::node::LIMIT, "the occurrence is passed over", async || {
        node.events(id, "recurrence.skipped").await.len() == 1
    })
    .await;
    node.settle(&scheduler).await;
    assert_eq!(node.events(id, "recurrence.spawned").await.len(), 1);
    node.tell(first, TaskAction::Tell(TaskCommand::Complete(Box::default()))).await;
    node.change(id, due()).await;
    node.wait_for_tasks(id, 2).await;
    assert_ne!(node.state(id).await.last_task, Some(first));
}
