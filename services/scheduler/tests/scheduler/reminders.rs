//! Reminders of tasks (protocol 1.2).

use baton_commands::TaskAction;
use baton_domain::task::{Changes, Status, TaskCommand, Update};
use baton_domain::{TaskId, Timestamp};

use crate::node::{Node, database, now_and, reminders};

async fn set(node: &Node, task: TaskId, changes: Changes, status: Option<Status>) {
    let update = Box::new(Update { changes, status, ..Update::default() });
    let (assigned_to, depends_on, foreign) = (None, None, Default::default());
    node.tell(task, TaskAction::Update { update, assigned_to, depends_on, foreign }).await;
}

fn remind_at(at: Option<Timestamp>) -> Changes {
    Changes { reminder_time: Some(at), ..Changes::default() }
}

#[tokio::test]
async fn a_task_reminds_when_its_time_has_come() {
    let database = database().await;
    let node = Node::on(&database).await;
    let scheduler = node.spawn();
    let (past, soon) = (node.task(Some(now_and(-60))).await, node.task(Some(now_and(1))).await);
    let (ahead, plain) = (node.task(Some(now_and(3_600))).await, node.task(None).await);
    node.wait_until_reminded(past).await;
    node.wait_until_reminded(soon).await;
    // Moved to a time that has passed, and given one.
    for task in [ahead, plain] {
        assert!(!node.task_state(task).await.reminder_sent);
        set(&node, task, remind_at(Some(now_and(-1))), None).await;
        node.wait_until_reminded(task).await;
    }
    node.settle(&scheduler).await;
    for task in [past, soon, ahead, plain] {
        let [reminded] = &node.task_events(task, "task.reminded").await[..] else {
            panic!("a task reminds once")
        };
        assert_eq!(reminded.actor, "system:scheduler");
        assert!(reminded.causation_id.is_some());
    }
}

#[tokio::test]
async fn what_is_finished_deleted_or_taken_back_does_not_remind() {
    let database = database().await;
    let node = Node::on(&database).await;
    let due = Some(now_and(-1));
    let (done, gone, taken) = (node.task(due).await, node.task(due).await, node.task(due).await);
    let mut scheduler = node.scheduler();
    let position = node.follow(&mut scheduler, 0).await;
    set(&node, done, Changes::default(), Some(Status::Completed)).await;
    node.tell(gone, TaskAction::Tell(TaskCommand::Delete)).await;
    set(&node, taken, remind_at(None), None).await;
    // By a table that does not know of it yet, and by one that does.
    node.fire().await;
    let position = node.follow(&mut scheduler, position).await;
    assert_eq!(reminders(&database).await, [(done, false)].into(), "the rest has no reminder");
    node.fire().await;
    for task in [done, gone, taken] {
        assert!(node.task_events(task, "task.reminded").await.is_empty());
    }
    // Opened again, it wants to be done after all.
    set(&node, done, Changes::default(), Some(Status::Open)).await;
    let position = node.follow(&mut scheduler, position).await;
    assert_eq!(reminders(&database).await, [(done, true)].into());
    node.fire().await;
    assert_eq!(node.task_events(done, "task.reminded").await.len(), 1);
    node.follow(&mut scheduler, position).await;
    assert!(reminders(&database).await.is_empty());
}
