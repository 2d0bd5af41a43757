//! Races and crashes: a dependent is opened, and opened once.

use baton_domain::task::Status;
use baton_feed::Handler as _;

use crate::node::{Node, database};

/// The trap: the dependency is completed while its dependent is being created, and nobody opens
/// the dependent.
#[tokio::test]
async fn a_dependency_that_completes_while_its_dependent_is_created() {
    let database = database().await;
    let (node, other) = (Node::on(&database).await, Node::on(&database).await);
    let policies = node.spawn();
    for _ in 0..60 {
        let dependency = node.task(&[]).await;
        let on = [dependency];
        let (created, ()) = tokio::join!(node.create(&on), other.complete(dependency));
        let created = created.unwrap().state;
        node.wait_for_status(created.id, Status::Open).await;
        let opened = node.events(created.id, "task.unblocked").await.len();
        assert_eq!(opened, usize::from(created.status == Status::Blocked));
    }
    node.settle(&policies).await;
}

#[tokio::test]
async fn a_crash_between_command_and_checkpoint_repeats_nothing() {
    let database = database().await;
    let node = Node::on(&database).await;
    let dependency = node.task(&[]).await;
    let dependent = node.task(&[dependency]).await;
    node.complete(dependency).await;
    // A holder that gives its commands and dies before its checkpoint moves.
    let events = node.commands.log().after(0, 1_000).await.unwrap();
    let mut dying = node.policies();
    dying.acquired(0).await.unwrap();
    dying.before(&events).await.unwrap();
    drop(dying);
    assert_eq!(node.state(dependent).await.status, Status::Open);
    // Somebody blocks it by hand: what is repeated must not undo that.
    let update = baton_domain::task::Update {
        status: Some(Status::Blocked),
        ..baton_domain::task::Update::default()
    };
    let action = baton_commands::TaskAction::Update {
        update: Box::new(update),
        assigned_to: None,
        depends_on: None,
        foreign: Default::default(),
    };
    node.act(dependent, action).await.unwrap();
    let successor = Node::on(&database).await;
    let policies = successor.spawn();
    successor.settle(&policies).await;
    assert_eq!(node.state(dependent).await.status, Status::Blocked);
    assert_eq!(node.events(dependent, "task.unblocked").await.len(), 1);
}

/// A stopped holder that wakes up beside its successor.
#[tokio::test]
async fn two_holders_at_once_open_it_once() {
    let database = database().await;
    let (node, other) = (Node::on(&database).await, Node::on(&database).await);
    let mut dependents = Vec::new();
    for _ in 0..20 {
        let dependency = node.task(&[]).await;
        dependents.push(node.task(&[dependency]).await);
        node.complete(dependency).await;
    }
    let events = node.commands.log().after(0, 1_000).await.unwrap();
    let (mut one, mut two) = (node.policies(), other.policies());
    let (first, second) = tokio::join!(one.before(&events), two.before(&events));
    first.unwrap();
    second.unwrap();
    for dependent in dependents {
        assert_eq!(node.state(dependent).await.status, Status::Open);
        assert_eq!(node.events(dependent, "task.unblocked").await.len(), 1);
    }
}

#[tokio::test]
async fn what_happened_while_no_policies_ran_is_made_up_for() {
    let database = database().await;
    let node = Node::on(&database).await;
    let first = node.task(&[]).await;
    let dependent = node.task(&[first]).await;
    let before = node.spawn();
    node.settle(&before).await;
    before.shutdown().await;
    let second = node.task(&[]).await;
    let late = node.task(&[second]).await;
    node.complete(first).await;
    node.complete(second).await;
    assert_eq!(node.state(dependent).await.status, Status::Blocked);
    let policies = Node::on(&database).await.spawn();
    // One whose dependency is known by the table, one by the batch itself.
    node.wait_for_status(dependent, Status::Open).await;
    node.wait_for_status(late, Status::Open).await;
    node.settle(&policies).await;
}

/// Each takes the other as its dependency, on two nodes at the same moment.
#[tokio::test]
async fn of_two_tasks_that_would_wait_for_each_other_one_is_refused() {
    let database = database().await;
    let (node, other) = (Node::on(&database).await, Node::on(&database).await);
    for _ in 0..30 {
        let (one, two) = (node.task(&[]).await, node.task(&[]).await);
        let (on_two, on_one) = ([two], [one]);
        let (first, second) = tokio::join!(node.depend(one, &on_two), other.depend(two, &on_one));
        assert_ne!(first.is_ok(), second.is_ok(), "{first:?} {second:?}");
        let refused = first.err().or(second.err()).unwrap().to_string();
        assert!(refused.contains("wait for itself"), "{refused}");
    }
}
