//! What becomes of dependents (protocol 0.5, 1.2).

use baton_commands::TaskAction;
use baton_domain::task::{Status, TaskCommand};

use crate::node::{Node, database};

#[tokio::test]
async fn a_dependent_opens_when_its_last_dependency_is_completed() {
    let database = database().await;
    let node = Node::on(&database).await;
    let policies = node.spawn();
    let (one, two) = (node.task(&[]).await, node.task(&[]).await);
    let dependent = node.task(&[one, two]).await;
    assert_eq!(node.state(dependent).await.status, Status::Blocked);
    node.complete(one).await;
    node.settle(&policies).await;
    assert_eq!(node.state(dependent).await.status, Status::Blocked);
    node.complete(two).await;
    node.wait_for_status(dependent, Status::Open).await;
    node.settle(&policies).await;
    let opened = node.events(dependent, "task.unblocked").await;
    let [opened] = opened.as_slice() else { panic!("opened once, not {opened:?}") };
    let completed = &node.events(two, "task.completed").await[0];
    assert_eq!(opened.actor, "system:policies");
    assert_eq!(opened.causation_id, Some(completed.event_id));
    assert_eq!(opened.correlation_id, completed.correlation_id);
}

#[tokio::test]
async fn a_chain_opens_step_by_step_and_a_fan_at_once() {
    let database = database().await;
    let node = Node::on(&database).await;
    let policies = node.spawn();
    let first = node.task(&[]).await;
    let mut fan = Vec::new();
    for _ in 0..100 {
        fan.push(node.task(&[first]).await);
    }
    let last = node.task(&fan).await;
    node.complete(first).await;
    for task in &fan {
        node.wait_for_status(*task, Status::Open).await;
        assert_eq!(node.state(last).await.status, Status::Blocked);
        node.complete(*task).await;
    }
    node.wait_for_status(last, Status::Open).await;
    node.settle(&policies).await;
    assert_eq!(node.events(last, "task.unblocked").await.len(), 1);
}

#[tokio::test]
async fn a_failed_or_cancelled_dependency_keeps_its_dependents() {
    let database = database().await;
    let node = Node::on(&database).await;
    let policies = node.spawn();
    let (fails, cancelled) = (node.task(&[]).await, node.task(&[]).await);
    let (one, other) = (node.task(&[fails]).await, node.task(&[cancelled]).await);
    node.act(fails, TaskAction::Tell(TaskCommand::Fail(Box::default()))).await.unwrap();
    node.act(cancelled, TaskAction::Tell(TaskCommand::Cancel(Box::default()))).await.unwrap();
    node.settle(&policies).await;
    for task in [one, other] {
        assert_eq!(node.state(task).await.status, Status::Blocked);
    }
    node.act(fails, TaskAction::Retry).await.unwrap();
    node.complete(fails).await;
    node.wait_for_status(one, Status::Open).await;
    assert_eq!(node.state(other).await.status, Status::Blocked);
}

#[tokio::test]
async fn a_deleted_dependency_disappears_and_frees_its_dependents() {
    let database = database().await;
    let node = Node::on(&database).await;
    let policies = node.spawn();
    let (one, two) = (node.task(&[]).await, node.task(&[]).await);
    let only = node.task(&[one]).await;
    let both = node.task(&[one, two]).await;
    let done = node.task(&[one, two]).await;
    node.act(done, TaskAction::Tell(TaskCommand::Cancel(Box::default()))).await.unwrap();
    node.act(one, TaskAction::Tell(TaskCommand::Delete)).await.unwrap();
    node.settle(&policies).await;
    let only = node.state(only).await;
    assert_eq!((only.status, only.depends_on), (Status::Open, vec![]));
    let both = node.state(both).await;
    assert_eq!((both.status, both.depends_on), (Status::Blocked, vec![two]));
    let done = node.state(done).await;
    assert_eq!((done.status, done.depends_on), (Status::Cancelled, vec![two]));
}

#[tokio::test]
async fn other_dependencies_take_the_place_of_the_first() {
    let database = database().await;
    let node = Node::on(&database).await;
    let policies = node.spawn();
    let (one, two) = (node.task(&[]).await, node.task(&[]).await);
    let dependent = node.task(&[one]).await;
    node.depend(dependent, &[two]).await.unwrap();
    node.complete(one).await;
    node.settle(&policies).await;
    assert_eq!(node.state(dependent).await.status, Status::Blocked);
    node.complete(two).await;
    node.wait_for_status(dependent, Status::Open).await;
}

#[tokio::test]
async fn what_was_completed_and_opened_again_is_waited_for() {
    let database = database().await;
    let node = Node::on(&database).await;
    let one = node.task(&[]).await;
    let dependent = node.task(&[one]).await;
    node.complete(one).await;
    node.act(one, TaskAction::Tell(TaskCommand::Uncomplete)).await.unwrap();
    let policies = node.spawn();
    node.settle(&policies).await;
    assert_eq!(node.state(dependent).await.status, Status::Blocked);
    node.complete(one).await;
    node.wait_for_status(dependent, Status::Open).await;
}

/// Every task that is walked is a guard of the command: a bound keeps it one that the log takes.
#[tokio::test]
async fn a_chain_that_is_too_long_to_walk_is_refused_with_the_field() {
    let database = database().await;
    let node = Node::on(&database).await;
    let mut chain = vec![node.task(&[]).await];
    for link in 1..1_000 {
        chain.push(node.task(&[chain[link - 1]]).await);
    }
    let task = node.task(&[]).await;
    let longest = node.depend(task, &[chain[899]]).await;
    assert_eq!(longest.unwrap().state.depends_on, [chain[899]]);
    let refused = node.depend(task, &[chain[999]]).await.unwrap_err().to_string();
    assert!(refused.starts_with("depends_on would be larger than 900 tasks"), "{refused}");
}
