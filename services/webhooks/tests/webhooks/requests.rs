//! What a request is made of: members, headers, signatures; and who gets one.

use baton_commands::{CreateTask, TaskAction};
use baton_domain::task::{Changes, TaskCommand, Update};
use baton_domain::webhook::{SignatureScheme, WebhookFields};
use baton_harness::receiver::{Received, Receiver};
use baton_harness::signature::{verify_body, verify_standard, verify_timestamped};
use serde_json::json;

use crate::node::{Node, SECRET, only, received, settings};

#[tokio::test]
async fn both_schemes_and_the_standard_headers_verify() {
    let (node, receiver) = (Node::new().await, Receiver::start().await);
    let webhooks = node.start(settings());
    node.register_with(&format!("{}/body", receiver.url()), only(&["task.created"])).await;
    let fields = WebhookFields {
        signature_scheme: Some(SignatureScheme::Timestamped),
        ..only(&["task.created"])
    };
    node.register_with(&format!("{}/timestamped", receiver.url()), fields).await;
    node.create_task("caf\u{e9} \u{1f980} \"quoted\" \\ \n").await;

    for request in received(&receiver, 2).await {
        verify_standard(&request, SECRET).unwrap();
        verify_standard(&request, "whsec_another").unwrap_err();
        let (right, wrong) = match request.path.ends_with("/timestamped") {
            true => (verify_timestamped(&request, SECRET), verify_body(&request, SECRET)),
            false => (verify_body(&request, SECRET), verify_timestamped(&request, SECRET)),
        };
        right.unwrap();
        wrong.unwrap_err();
        assert_eq!(request.header("content-type"), "application/json");
        assert_eq!(request.header("x-delega-event"), "task.created");
        assert_eq!(request.header("user-agent"), concat!("baton/", env!("CARGO_PKG_VERSION")));
        assert_eq!(request.json()["id"], request.header("x-delega-delivery"));
        let at: baton_domain::Timestamp = request.header("x-delega-timestamp").parse().unwrap();
        assert_eq!(at.to_string(), request.header("x-delega-timestamp"), "three digits and Z");
    }
    webhooks.shutdown().await;
}

#[tokio::test]
async fn a_completion_tells_who_did_what_when() {
    let (node, receiver) = (Node::new().await, Receiver::start().await);
    let webhooks = node.start(settings());
    // Registered with the project token, caused by an agent: webhooks are account-wide.
    node.register_with(&receiver.url(), only(&["task.completed"])).await;
    let agent = node.agent("research-agent").await;
    let task = node.create_as(&agent, "Research").await.state.id.to_string();
    node.complete(&agent, &task).await;

    let request = &received(&receiver, 1).await[0];
    let body = request.json();
    assert_eq!(body["event"], "task.completed");
    assert_eq!(body["agent"]["name"], "research-agent");
    assert_eq!(body["agent"]["display_name"], json!(null));
    assert_eq!(body["task"]["id"], task.as_str());
    assert_eq!(body["task"]["completed_by"], "research-agent");
    assert_eq!(body["task"]["status"], "completed");
    assert_eq!(body["task"]["metadata"], json!({}));
    assert_eq!(body["timestamp"], body["task"]["completed_at"]);
    for beside in ["comments", "links", "subtasks", "project"] {
        assert_eq!(body["task"].get(beside), None, "{beside}");
    }
    let members = ["event", "timestamp", "id", "task", "agent"];
    assert_eq!(body.as_object().unwrap().len(), members.len(), "and no extra members");
    webhooks.shutdown().await;
}

#[tokio::test]
async fn events_carry_the_members_of_their_kind() {
    let (node, receiver) = (Node::new().await, Receiver::start().await);
    let webhooks = node.start(settings());
    node.register(&receiver.url()).await;
    let orchestrator = node.agent("orchestrator").await;
    node.agent("research-agent").await;
    let changes = Changes { content: Some("parent".to_owned()), ..Changes::default() };
    let create =
        CreateTask { assigned_to: Some("orchestrator".to_owned()), ..CreateTask::new(changes) };
    let parent = node.commands.create_task(&orchestrator, create).await.unwrap();
    let parent = parent.state.id.to_string();
    let to = "research-agent".to_owned();
    node.act(&orchestrator, &parent, TaskAction::HandOver { to, changes: Box::default() }).await;
    let changes = Changes {
        priority: Some(5),
        description: Some(Some("d".to_owned())),
        ..Changes::default()
    };
    let update = Box::new(Update { changes, ..Update::default() });
    let action = TaskAction::Update {
        update,
        assigned_to: None,
        depends_on: None,
        foreign: Default::default(),
    };
    node.act(&node.project(), &parent, action).await;
    let child = Changes { content: Some("child".to_owned()), ..Changes::default() };
    let child = CreateTask { parent: Some(parent.clone()), ..CreateTask::new(child) };
    node.commands.create_task(&node.project(), child).await.unwrap();
    node.complete(&node.project(), &parent).await;
    let uncomplete = TaskAction::Tell(TaskCommand::Uncomplete);
    node.act(&node.project(), &parent, uncomplete).await;

    let all = received(&receiver, 8).await;
    let find = |event: &str, content: &str| -> serde_json::Value {
        let is_it = |it: &&Received| it.event() == event && it.json()["task"]["content"] == content;
        all.iter().find(is_it).unwrap_or_else(|| panic!("no {event} of {content}")).json()
    };
    let handed = find("task.delegated", "parent");
    assert_eq!(
        [&handed["from"], &handed["to"], &handed["kind"]],
        ["orchestrator", "research-agent", "handover"]
    );
    let assigned = find("task.assigned", "parent");
    assert_eq!(assigned["previous_agent_id"], json!(orchestrator.caller.agent()));
    let updated = find("task.updated", "parent");
    assert_eq!(updated["changed"], json!(["priority", "description"]));
    assert_eq!(updated["agent"], json!(null), "the project token is no agent");
    let delegated = find("task.delegated", "child");
    assert_eq!(delegated["kind"], "child");
    assert_eq!(delegated["to"], json!(null));
    let reopened = all.iter().filter(|it| it.event() == "task.updated").nth(1).unwrap().json();
    assert_eq!(reopened["changed"], json!(["status"]));
    // Internal events, such as the parent's own change on delegation, are nobody's business.
    assert!(all.iter().all(|it| it.event() != "task.child_delegated"));
    webhooks.shutdown().await;
}

#[tokio::test]
async fn a_webhook_gets_what_it_wants_of_its_own_account() {
    let (node, receiver) = (Node::new().await, Receiver::start().await);
    let webhooks = node.start(settings());
    let only_updates = node.register_with(&receiver.url(), only(&["task.updated"])).await;
    let node = node.in_account("other");
    let foreign = node.register(&receiver.url()).await;
    node.create_task("foreign").await;
    let foreign_first = received(&receiver, 1).await;
    assert_eq!(foreign_first[0].json()["task"]["content"], "foreign");
    let node = node.in_account("default");
    let task = node.create_task("own").await;
    node.update(&task, "d").await;

    let all = received(&receiver, 2).await;
    assert_eq!(all[1].event(), "task.updated");
    assert_eq!(all[1].json()["task"]["content"], "own");
    node.planned(&webhooks).await;
    assert_eq!(receiver.requests().len(), 2);
    // Deliveries and failures of another account are not there.
    assert!(node.deliveries(foreign).await.is_empty());
    assert_eq!(node.deliveries(only_updates).await.len(), 1);
    let counts = node.deliveries.failure_counts(&node.account).await.unwrap();
    assert_eq!(counts.keys().collect::<Vec<_>>(), [&only_updates]);
    webhooks.shutdown().await;
}

#[tokio::test]
async fn names_are_those_of_the_event_also_when_nobody_listened_in_between() {
    let (node, receiver) = (Node::new().await, Receiver::start().await);
    let webhooks = node.start(settings());
    let webhook = node.register(&receiver.url()).await;
    node.create_task("before").await;
    received(&receiver, 1).await;
    let active = |active| WebhookFields { active: Some(active), ..WebhookFields::default() };
    node.change(webhook, active(false)).await;
    let agent = node.agent("newcomer").await;
    node.change(webhook, active(true)).await;
    node.create_as(&agent, "after").await;
    let request = &received(&receiver, 2).await[1];
    assert_eq!(request.json()["agent"]["name"], "newcomer");
    webhooks.shutdown().await;
}
