//! When a webhook is switched off, and what becomes of what was due to it.

use baton_domain::WebhookId;
use baton_domain::webhook::{WebhookCommand, WebhookFields};
use baton_harness::receiver::{Answer, Receiver};
use baton_harness::wait_until;
use baton_webhooks::Settings;

use crate::node::{LIMIT, Node, received, retrying, settings, update};

fn active(active: bool) -> WebhookFields {
    WebhookFields { active: Some(active), ..WebhookFields::default() }
}

async fn wait_until_inactive(node: &Node, webhook: WebhookId) {
    wait_until(LIMIT, "the webhook to be off", async || !node.webhook(webhook).await.active).await;
}

async fn failures(node: &Node, webhook: WebhookId) -> i64 {
    node.deliveries.failure_counts(&node.account).await.unwrap()[&webhook]
}

#[tokio::test]
async fn deliveries_failing_in_a_row_switch_a_webhook_off() {
    let (node, receiver) = (Node::new().await, Receiver::start().await);
    let webhooks = node.start(Settings { failures_max: 3, ..retrying(&[20]) });
    let webhook = node.register(&receiver.url()).await;
    receiver.answer_always(Answer::status(500));
    for number in 1..=2 {
        node.create_task(&number.to_string()).await;
    }
    // Two attempts each, and each counts once.
    received(&receiver, 4).await;
    wait_until(LIMIT, "two failures", async || failures(&node, webhook).await == 2).await;
    assert!(node.webhook(webhook).await.active);
    // A success in between starts the count anew.
    receiver.answer_always(Answer::status(204));
    node.create_task("3").await;
    wait_until(LIMIT, "no failures", async || failures(&node, webhook).await == 0).await;
    receiver.answer_always(Answer::status(503));
    for number in 4..=6 {
        node.create_task(&number.to_string()).await;
    }
    wait_until_inactive(&node, webhook).await;
    assert_eq!(failures(&node, webhook).await, 3);
    node.planned(&webhooks).await;
    let before = receiver.requests().len();
    node.create_task("7").await;
    node.planned(&webhooks).await;
    assert!(node.deliveries(webhook).await.iter().all(|it| it.payload["task"]["content"] != "7"));
    // Setting it active again resets the count, and only new events are sent.
    receiver.answer_always(Answer::status(200));
    node.change(webhook, active(true)).await;
    node.create_task("8").await;
    let all = received(&receiver, before + 1).await;
    assert_eq!(all[before].json()["task"]["content"], "8");
    assert_eq!(failures(&node, webhook).await, 0);
    webhooks.shutdown().await;
}

#[tokio::test]
async fn a_receiver_that_is_gone_is_switched_off_at_once() {
    let (node, receiver) = (Node::new().await, Receiver::start().await);
    let webhooks = node.start(retrying(&[3_600_000]));
    let webhook = node.register(&receiver.url()).await;
    receiver.answer_next([Answer::status(500), Answer::status(410)]);
    node.create_task("1").await;
    received(&receiver, 1).await;
    node.create_task("2").await;
    wait_until_inactive(&node, webhook).await;
    let log = node
        .wait_for_deliveries(webhook, "both recorded and nothing due", |all| {
            all.iter().all(|it| it.status_code.is_some() && it.next_attempt_at.is_none())
        })
        .await;
    assert_eq!(log.iter().map(|it| it.status_code).collect::<Vec<_>>(), [Some(410), Some(500)]);
    assert!(log.iter().all(|it| !it.success));
    wait_until(LIMIT, "the dropped to be marked", async || {
        let client = node.pool.get().await.unwrap();
        let sql = include_str!("sql/states.sql");
        let rows = client.query(sql, &[&webhook.0]).await.unwrap();
        rows.iter().map(|row| row.get::<_, String>(0)).eq(["dropped", "failed"])
    })
    .await;
    webhooks.shutdown().await;
}

#[tokio::test]
async fn an_inactive_or_deleted_webhook_gets_nothing_more_not_even_retries() {
    for ending in [update(active(false)), WebhookCommand::Delete] {
        let (node, receiver) = (Node::new().await, Receiver::start().await);
        let webhooks = node.start(retrying(&[300]));
        let (webhook, witness) = (node.register(&receiver.url()).await, Receiver::start().await);
        receiver.answer_next([Answer::status(500)]);
        node.create_task("1").await;
        received(&receiver, 1).await;
        node.wait_for_deliveries(webhook, "a failure", |all| all[0].attempt == 1).await;
        node.webhook_command(webhook, ending).await;
        node.register(&witness.url()).await;
        witness.answer_next([Answer::status(500)]);
        node.create_task("2").await;
        // The witness's own retry comes after the one that must not come.
        received(&witness, 2).await;
        assert_eq!(receiver.requests().len(), 1);
        let log = node.deliveries(webhook).await;
        assert_eq!(log.len(), 1);
        assert_eq!(log[0].next_attempt_at, None);
        if node.webhook(webhook).await.is_alive() {
            node.change(webhook, active(true)).await;
            node.create_task("3").await;
            let all = received(&receiver, 2).await;
            assert_eq!(all[1].json()["task"]["content"], "3", "what was dropped stays dropped");
        }
        webhooks.shutdown().await;
    }
}

#[tokio::test]
async fn what_a_webhook_missed_while_inactive_is_not_sent_later() {
    let (node, receiver) = (Node::new().await, Receiver::start().await);
    let webhooks = node.start(settings());
    let fields = WebhookFields { active: Some(false), ..WebhookFields::default() };
    let webhook = node.register_with(&receiver.url(), fields).await;
    node.create_task("1").await;
    node.change(webhook, active(true)).await;
    node.create_task("2").await;
    let all = received(&receiver, 1).await;
    assert_eq!(all[0].json()["task"]["content"], "2");
    assert_eq!(node.deliveries(webhook).await.len(), 1);
    webhooks.shutdown().await;
}

#[tokio::test]
async fn a_crash_before_switching_off_is_made_up_for_at_the_next_start() {
    let (node, receiver) = (Node::new().await, Receiver::start().await);
    let webhooks = node.start(settings());
    let webhook = node.register(&receiver.url()).await;
    node.planned(&webhooks).await;
    webhooks.shutdown().await;
    let client = node.pool.get().await.unwrap();
    client.execute(include_str!("sql/fail_often.sql"), &[&webhook.0]).await.unwrap();
    let webhooks = node.start(settings());
    wait_until_inactive(&node, webhook).await;
    webhooks.shutdown().await;
}
