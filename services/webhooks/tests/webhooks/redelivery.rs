//! Redelivery: asked for by a command, carried out by whoever sends.

use std::sync::Arc;

use baton_domain::WebhookId;
use baton_domain::id::DeliveryId;
use baton_domain::webhook::{WebhookCommand, WebhookFields};
use baton_harness::receiver::{Answer, Received, Receiver};
use baton_harness::{signature, wait_until};
use baton_webhooks::DeliveryDocument;
use tokio::sync::Semaphore;
use uuid::Uuid;

use crate::counter::held;
use crate::node::{LIMIT, Node, SECRET, received, retrying, settings, update};

fn active(active: bool) -> WebhookFields {
    WebhookFields { active: Some(active), ..WebhookFields::default() }
}

async fn done(node: &Node, webhook: WebhookId, attempt: i32) -> DeliveryDocument {
    let enough = |all: &[DeliveryDocument]| {
        all.iter().any(|it| it.attempt == attempt && it.next_attempt_at.is_none())
    };
    node.wait_for_deliveries(webhook, "an end of the attempts", enough).await.remove(0)
}

fn content(request: &Received) -> String {
    request.json()["task"]["content"].as_str().unwrap().to_owned()
}

/// The row's state, which tells what is dropped from what has failed.
async fn state(node: &Node, webhook: WebhookId) -> String {
    let client = node.pool.get().await.unwrap();
    let rows = client.query(include_str!("sql/states.sql"), &[&webhook.0]).await.unwrap();
    rows[0].get(0)
}

#[tokio::test]
async fn what_was_delivered_goes_out_again_in_the_same_bytes_newly_signed() {
    let (node, receiver) = (Node::new().await, Receiver::start().await);
    let webhooks = node.start(settings());
    let webhook = node.register(&receiver.url()).await;
    node.create_task("1").await;
    let first = done(&node, webhook, 1).await;
    let before = node.webhook(webhook).await;
    node.redeliver(webhook, first.id).await;
    let all = received(&receiver, 2).await;
    assert_eq!(all[0].body, all[1].body);
    assert_eq!(all[0].header("webhook-id"), all[1].header("webhook-id"));
    assert_ne!(all[0].header("x-delega-timestamp"), all[1].header("x-delega-timestamp"));
    signature::verify_standard(&all[1], SECRET).unwrap();
    let again = done(&node, webhook, 2).await;
    assert!(again.success && again.delivered_at > first.delivered_at);
    assert_eq!((again.id, &again.payload), (first.id, &first.payload));
    assert_eq!(node.webhook(webhook).await, before, "the webhook is as it was");
    let stream = baton_history::webhook_stream(&node.account, webhook);
    let events = node.commands.log().stream(&stream, 1, baton_log::Cut::Head).await.unwrap();
    let asked = (events[0].event_type.as_str(), events[0].actor.as_str());
    assert_eq!(asked, ("webhook.redelivery_requested", "project"), "who asked is on record");
    webhooks.shutdown().await;
}

#[tokio::test]
async fn what_failed_for_good_has_its_whole_schedule_before_it_again() {
    let (node, receiver) = (Node::new().await, Receiver::start().await);
    let webhooks = node.start(retrying(&[10, 10]));
    let webhook = node.register(&receiver.url()).await;
    receiver.answer_always(Answer::status(500));
    node.create_task("1").await;
    let failed = done(&node, webhook, 3).await;
    receiver.answer_next([Answer::status(500), Answer::status(500), Answer::status(200)]);
    node.redeliver(webhook, failed.id).await;
    assert!(done(&node, webhook, 6).await.success, "two retries after the attempt asked for");
    receiver.answer_always(Answer::status(500));
    node.redeliver(webhook, failed.id).await;
    assert!(!done(&node, webhook, 9).await.success, "and no more than two");
    webhooks.shutdown().await;
}

#[tokio::test]
async fn what_waits_for_a_retry_is_tried_at_once() {
    let (node, receiver) = (Node::new().await, Receiver::start().await);
    let webhooks = node.start(retrying(&[3_600_000]));
    let webhook = node.register(&receiver.url()).await;
    receiver.answer_next([Answer::status(500)]);
    node.create_task("1").await;
    let log = node.wait_for_deliveries(webhook, "a failure", |all| {
        all.first().is_some_and(|it| it.attempt == 1)
    });
    let id = log.await[0].id;
    node.redeliver(webhook, id).await;
    assert!(done(&node, webhook, 2).await.success);
    webhooks.shutdown().await;
}

#[tokio::test]
async fn what_was_dropped_untried_is_sent_once_it_is_asked_for() {
    let (node, receiver) = (Node::new().await, Receiver::start().await);
    let webhook = node.register(&receiver.url()).await;
    node.create_task("1").await;
    node.create_task("2").await;
    // Planned, but the first attempt hangs, and the strictest order keeps the second waiting.
    receiver.answer_next([Answer::hang()]);
    let one_at_once = baton_webhooks::Settings { in_flight_max: 1, ..settings() };
    let webhooks = node.start(one_at_once.clone());
    received(&receiver, 1).await;
    node.webhook_command(webhook, update(active(false))).await;
    wait_until(LIMIT, "it to be dropped", async || state(&node, webhook).await == "dropped").await;
    drop(webhooks);
    let webhooks = node.start(one_at_once);
    node.change(webhook, active(true)).await;
    let untried = node.deliveries(webhook).await.remove(0);
    assert_eq!((untried.attempt, untried.next_attempt_at), (0, None));
    node.redeliver(webhook, untried.id).await;
    let all = received(&receiver, 2).await;
    assert_eq!(content(&all[1]), "2");
    assert!(done(&node, webhook, 1).await.success);
    webhooks.shutdown().await;
}

#[tokio::test]
async fn what_waits_for_its_first_attempt_keeps_its_place_and_is_sent_once() {
    let (node, answers) = (Node::new().await, Arc::new(Semaphore::new(0)));
    let (url, mut arrivals) = held(Arc::clone(&answers)).await;
    let settings =
        baton_webhooks::Settings { in_flight_max: 1, attempt_timeout: LIMIT, ..settings() };
    let webhooks = node.start(settings);
    let webhook = node.register(&url).await;
    for number in ["1", "2", "3"] {
        node.create_task(number).await;
    }
    let mut arrived = vec![arrivals.recv().await.unwrap().content];
    node.planned(&webhooks).await;
    let last = node.deliveries(webhook).await.remove(0);
    node.redeliver(webhook, last.id).await;
    node.create_task("4").await;
    node.planned(&webhooks).await;
    answers.add_permits(1);
    node.wait_for_deliveries(webhook, "successes", |all| {
        all.len() == 4 && all.iter().all(|it| it.success && it.attempt == 1)
    })
    .await;
    while let Ok(arrival) = arrivals.try_recv() {
        arrived.push(arrival.content);
    }
    assert_eq!(arrived, ["1", "2", "3", "4"]);
    webhooks.shutdown().await;
}

#[tokio::test]
async fn a_request_during_an_attempt_that_fails_for_good_is_not_lost() {
    let (node, receiver) = (Node::new().await, Receiver::start().await);
    let webhooks = node.start(retrying(&[1]));
    let webhook = node.register(&receiver.url()).await;
    receiver.answer_next([
        Answer::status(500),
        Answer::status(500).after(std::time::Duration::from_millis(700)),
    ]);
    node.create_task("1").await;
    received(&receiver, 2).await;
    let id = node.deliveries(webhook).await[0].id;
    node.redeliver(webhook, id).await;
    // The second attempt was the last of the schedule; the third is the one asked for.
    assert!(done(&node, webhook, 3).await.success);
    assert_eq!(receiver.requests().len(), 3);
    webhooks.shutdown().await;
}

#[tokio::test]
async fn a_request_reaches_the_process_that_sends() {
    let (node, receiver) = (Node::new().await, Receiver::start().await);
    let first = node.start(settings());
    let webhook = node.register(&receiver.url()).await;
    node.create_task("1").await;
    let sent = done(&node, webhook, 1).await;
    // Asked for while nobody sends; the next one to send finds it.
    first.shutdown().await;
    node.redeliver(webhook, sent.id).await;
    let second = node.start(settings());
    assert!(done(&node, webhook, 2).await.success);
    second.shutdown().await;
}

#[tokio::test]
async fn what_was_asked_for_is_dropped_with_the_rest_when_the_webhook_is_switched_off() {
    let (node, receiver) = (Node::new().await, Receiver::start().await);
    let webhooks = node.start(retrying(&[3_600_000]));
    let webhook = node.register(&receiver.url()).await;
    node.create_task("1").await;
    let sent = done(&node, webhook, 1).await;
    receiver.answer_next([Answer::status(500)]);
    node.redeliver(webhook, sent.id).await;
    node.wait_for_deliveries(webhook, "a failure", |all| all[0].attempt == 2).await;
    node.change(webhook, active(false)).await;
    wait_until(LIMIT, "it to be dropped", async || state(&node, webhook).await == "dropped").await;
    assert_eq!(node.deliveries(webhook).await[0].next_attempt_at, None);
    webhooks.shutdown().await;
}

#[tokio::test]
async fn a_delivery_that_is_not_the_webhooks_or_is_gone_changes_nothing_and_stops_nobody() {
    let (node, receiver, other) =
        (Node::new().await, Receiver::start().await, Receiver::start().await);
    let webhooks = node.start(settings());
    let webhook = node.register(&receiver.url()).await;
    node.create_task("1").await;
    let sent = done(&node, webhook, 1).await;
    let stranger = node.register(&other.url()).await;
    for id in [sent.id, Uuid::new_v4()] {
        node.redeliver(stranger, id).await;
    }
    node.create_task("2").await;
    received(&other, 1).await;
    node.planned(&webhooks).await;
    node.wait_for_deliveries(webhook, "successes", |all| {
        all.iter().all(|it| it.success && it.next_attempt_at.is_none())
    })
    .await;
    assert_eq!(node.deliveries(webhook).await[1], sent, "as it was");
    assert_eq!((receiver.requests().len(), other.requests().len()), (2, 1));
    let account = &node.account;
    for (webhook, id, is_there) in
        [(webhook, sent.id, true), (stranger, sent.id, false), (webhook, Uuid::new_v4(), false)]
    {
        let found = node.deliveries.delivery(account, webhook, DeliveryId(id)).await.unwrap();
        assert_eq!(found.is_some(), is_there);
    }
    let elsewhere = "elsewhere".parse().unwrap();
    let found = node.deliveries.delivery(&elsewhere, webhook, DeliveryId(sent.id)).await.unwrap();
    assert_eq!(found, None, "another account's");
    webhooks.shutdown().await;
}

#[tokio::test]
async fn a_deleted_webhooks_endpoint_goes_once_nothing_is_due_to_it() {
    let (node, receiver) = (Node::new().await, Receiver::start().await);
    let webhooks = node.start(retrying(&[3_600_000]));
    let (webhook, kept) =
        (node.register(&receiver.url()).await, node.register(&receiver.url()).await);
    receiver.answer_always(Answer::status(500));
    node.create_task("1").await;
    received(&receiver, 2).await;
    node.wait_for_deliveries(webhook, "a failure", |all| all[0].attempt == 1).await;
    node.webhook_command(webhook, WebhookCommand::Delete).await;
    let left = async || -> Vec<Uuid> {
        let client = node.pool.get().await.unwrap();
        let rows = client.query(include_str!("sql/endpoints.sql"), &[]).await.unwrap();
        rows.iter().map(|row| row.get(0)).collect()
    };
    wait_until(LIMIT, "the endpoint to go", async || left().await == [kept.0]).await;
    assert_eq!(state(&node, webhook).await, "dropped");
    let counts = node.deliveries.failure_counts(&node.account).await.unwrap();
    assert_eq!(counts.keys().collect::<Vec<_>>(), [&kept]);
    webhooks.shutdown().await;
}
