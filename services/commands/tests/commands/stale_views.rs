//! A node decides on what it remembers; the log lets nothing pass that is true no more.

use baton_commands::{ChangeAgent, CommandError, DeleteAgent, RotateKey, TaskAction};
use baton_domain::{
    account::{AccountRefusal, AgentChanges},
    task::{Status, TaskCommand},
};

use crate::node::{Node, complete, context, database, hand_over, project};

#[tokio::test]
async fn a_rotated_key_is_dead_at_once_on_every_node() {
    let database = database().await;
    let (one, other) = (Node::on(&database).await, Node::on(&database).await);
    let (ada, old_key) = one.agent("ada").await;
    // The other node knows the old key, and no one tells it that it was rotated.
    let ada_there = other.commands.authenticate(&old_key).await.unwrap();
    assert_eq!(ada_there, ada);
    let task = other.create(&ada_there, "before").await;

    let command = RotateKey::new("ada".to_owned());
    one.commands.rotate_key(&context(&ada), command).await.unwrap();

    let head = one.head().await;
    let refused = other.change(&ada_there, &task.subject.id, complete()).await;
    assert!(matches!(refused, Err(CommandError::Unauthenticated)), "{refused:?}");
    assert_eq!(one.head().await, head, "nothing was recorded");
}

#[tokio::test]
async fn an_agent_deactivated_elsewhere_is_given_no_task() {
    let database = database().await;
    let (one, other) = (Node::on(&database).await, Node::on(&database).await);
    let (ada, _) = one.agent("ada").await;
    one.agent("bob").await;
    let task = one.create(&ada, "for bob").await;
    other.commands.directory().catch_up().await.unwrap();

    let changes = AgentChanges { active: Some(false), ..AgentChanges::default() };
    let command = ChangeAgent { agent: "bob".to_owned(), changes };
    one.commands.change_agent(&project(), command).await.unwrap();

    let refused = other.change(&ada, &task.subject.id, hand_over("bob")).await;
    assert!(matches!(refused, Err(CommandError::InactiveAgent { .. })), "{refused:?}");
}

#[tokio::test]
async fn a_refusal_on_a_stale_view_is_decided_again() {
    let database = database().await;
    let (one, other) = (Node::on(&database).await, Node::on(&database).await);
    let (ada, key) = one.agent("ada").await;
    other.commands.authenticate(&key).await.unwrap();
    one.agent("bob").await;
    let task = one.create(&ada, "t").await.subject.id;
    one.change(&ada, &task, complete()).await.unwrap();
    // The other node has seen it completed, which would refuse a hand-over.
    let refused = other.change(&ada, &task, hand_over("bob")).await;
    assert!(matches!(refused, Err(CommandError::Task(_))), "{refused:?}");

    one.change(&ada, &task, TaskAction::Tell(TaskCommand::Uncomplete)).await.unwrap();

    let handed_over = other.change(&ada, &task, hand_over("bob")).await.unwrap();
    assert_eq!(handed_over.state.status, Status::Open);
}

#[tokio::test]
async fn no_change_on_a_stale_view_is_decided_again() {
    let database = database().await;
    let (one, other) = (Node::on(&database).await, Node::on(&database).await);
    let (ada, _) = one.agent("ada").await;
    other.commands.directory().catch_up().await.unwrap();
    let task = one.create(&ada, "t").await.subject.id;
    other.change(&ada, &task, complete()).await.unwrap();
    one.change(&ada, &task, TaskAction::Tell(TaskCommand::Uncomplete)).await.unwrap();

    // The other node remembers it as completed: completing it would be no change.
    let completed = other.change(&ada, &task, complete()).await.unwrap();
    assert_eq!((completed.state.status, completed.state.reopen_count), (Status::Completed, 1));
    let last = one.commands.log().after(one.head().await - 1, 1).await.unwrap();
    assert_eq!(last[0].event_type, "task.completed");
}

#[tokio::test]
async fn an_agent_is_deleted_only_if_nothing_happened_since_its_tasks_were_counted() {
    let database = database().await;
    let node = Node::on(&database).await;
    let (ada, _) = node.agent("ada").await;
    let bob = node.create_agent(&project(), "bob").await.unwrap();
    let (counted_at, _) = node.commands.log().account_head("default").await.unwrap();
    let task = node.create(&ada, "late work for bob").await.subject.id;
    node.change(&ada, &task, hand_over("bob")).await.unwrap();

    let delete = |counted_at, unfinished_tasks| DeleteAgent {
        agent: "bob".to_owned(),
        unfinished_tasks,
        counted_at,
    };
    let refused = node.commands.delete_agent(&project(), delete(counted_at, 0)).await;
    assert!(matches!(refused, Err(CommandError::Contended)), "{refused:?}");

    let (now, _) = node.commands.log().account_head("default").await.unwrap();
    let refused = node.commands.delete_agent(&project(), delete(now, 1)).await;
    let still_at_work = AccountRefusal::StillAtWork { unfinished_tasks: 1 };
    assert!(
        matches!(&refused, Err(CommandError::Account(refusal)) if *refusal == still_at_work),
        "{refused:?}"
    );
    assert!(node.commands.directory().account(&ada.account).state.find("bob").is_some());
    assert_eq!(bob.agent().unwrap().name, "bob");
}

#[tokio::test]
async fn many_writers_of_one_task_lose_nothing() {
    let database = database().await;
    let (one, other) = (Node::on(&database).await, Node::on(&database).await);
    let (ada, _) = one.agent("ada").await;
    other.commands.directory().catch_up().await.unwrap();
    let task = one.create(&ada, "t").await.subject.id;
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..32 {
        let node = if writer % 2 == 0 { &one } else { &other };
        let (commands, ada, task) = (node.commands.clone(), ada.clone(), task.clone());
        writers.spawn(async move {
            let key = format!("w{writer}");
            let mut update = baton_domain::task::Update::default();
            let value = serde_json::json!({ key: writer });
            update.changes.metadata = value.as_object().cloned();
            let (update, assigned_to, foreign) = (Box::new(update), None, Default::default());
            let action = TaskAction::Update { update, assigned_to, depends_on: None, foreign };
            let command = baton_commands::ChangeTask { id: task, action };
            commands.change_task(&context(&ada), command).await.unwrap();
        });
    }
    while let Some(written) = writers.join_next().await {
        written.unwrap();
    }
    let last = one.change(&ada, &task, complete()).await.unwrap();
    assert_eq!(last.state.metadata.len(), 32);
    assert_eq!(last.state.revision, 34);
}
