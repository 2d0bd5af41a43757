//! The same key with the same request gives the same answer and no second event (promise P5).

use baton_commands::{ChangeTask, CommandError, CreateTask, TaskAction};
use baton_domain::task::TaskCommand;

use crate::node::{Node, complete, content_of, context, database, keyed, project};

#[tokio::test]
async fn a_repeated_creation_shows_the_same_key_again_on_another_node() {
    let database = database().await;
    let (one, other) = (Node::on(&database).await, Node::on(&database).await);
    let first = one.create_agent(&keyed(&project(), "k", 1), "ada").await.unwrap();
    let head = one.head().await;

    let again = other.create_agent(&keyed(&project(), "k", 1), "ada").await.unwrap();
    assert!(again.is_replay);
    assert_eq!(again.secret, first.secret);
    assert_eq!(again.subject, first.subject);
    assert_eq!(again.agent().unwrap(), first.agent().unwrap());
    assert_eq!(one.head().await, head, "no second event");

    let refused = other.create_agent(&keyed(&project(), "k", 2), "eve").await;
    assert!(matches!(refused, Err(CommandError::KeyReused)), "{refused:?}");
}

#[tokio::test]
async fn a_replay_is_rendered_as_of_the_first_answer() {
    let database = database().await;
    let node = Node::on(&database).await;
    let (ada, _) = node.agent("ada").await;
    let create = || CreateTask::new(content_of("t"));
    let keyed = keyed(&context(&ada), "k", 1);
    let first = node.commands.create_task(&keyed, create()).await.unwrap();
    node.change(&ada, &first.subject.id, complete()).await.unwrap();

    let again = node.commands.create_task(&keyed, create()).await.unwrap();
    assert_eq!((again.state, again.position), (first.state, first.position));
}

#[tokio::test]
async fn a_key_of_a_command_that_changed_nothing_is_kept_too() {
    let database = database().await;
    let node = Node::on(&database).await;
    let (ada, _) = node.agent("ada").await;
    let task = node.create(&ada, "t").await.subject.id;
    node.change(&ada, &task, complete()).await.unwrap();
    let keyed = keyed(&context(&ada), "k", 1);
    let command = || ChangeTask { id: task.clone(), action: complete() };
    let first = node.commands.change_task(&keyed, command()).await.unwrap();
    assert!(!first.is_replay);
    node.change(&ada, &task, TaskAction::Tell(TaskCommand::Uncomplete)).await.unwrap();
    let head = node.head().await;

    let again = node.commands.change_task(&keyed, command()).await.unwrap();
    assert!(again.is_replay);
    assert_eq!(again.state, first.state);
    assert_eq!(node.head().await, head, "it does not complete the reopened task");
}

#[tokio::test]
async fn two_nodes_with_one_key_at_once_record_once() {
    let database = database().await;
    let (one, other) = (Node::on(&database).await, Node::on(&database).await);
    let (ada, _) = one.agent("ada").await;
    other.commands.directory().catch_up().await.unwrap();
    for round in 0..20 {
        let head = one.head().await;
        let context = keyed(&context(&ada), &format!("k{round}"), 1);
        let create = || CreateTask::new(content_of("t"));
        let (first, second) = tokio::join!(
            one.commands.create_task(&context, create()),
            other.commands.create_task(&context, create()),
        );
        let (first, second) = (first.unwrap(), second.unwrap());
        assert_eq!(first.subject, second.subject);
        assert_eq!(first.state, second.state);
        assert_ne!(first.is_replay, second.is_replay);
        assert_eq!(one.head().await, head + 1, "round {round}");
    }
}

#[tokio::test]
async fn a_key_is_its_credentials_own_and_a_refusal_is_not_kept() {
    let database = database().await;
    let node = Node::on(&database).await;
    let (ada, _) = node.agent("ada").await;
    let (bob, _) = node.agent("bob").await;
    let create = || CreateTask::new(content_of("t"));
    let by_ada = keyed(&context(&ada), "k", 1);
    let first = node.commands.create_task(&by_ada, create()).await.unwrap();
    let by_bob = keyed(&context(&bob), "k", 1);
    let second = node.commands.create_task(&by_bob, create()).await.unwrap();
    assert_ne!(first.subject, second.subject);

    let taken = keyed(&project(), "name", 1);
    let refused = node.create_agent(&taken, "ada").await;
    assert!(matches!(refused, Err(CommandError::Account(_))), "{refused:?}");
    let changed = keyed(&project(), "name", 2);
    assert!(node.create_agent(&changed, "eve").await.is_ok(), "the key is free again");
}
