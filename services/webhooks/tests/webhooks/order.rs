//! Order within a task, side by side between tasks, and who waits for whom.

use std::time::Duration;

use baton_domain::webhook::{Ordering, WebhookFields};
use baton_harness::receiver::{Answer, Receiver};

use crate::node::{LIMIT, Node, description, only, received, retrying, settings};

#[tokio::test]
async fn one_tasks_events_wait_for_each_other_and_other_tasks_do_not() {
    let (node, receiver) = (Node::new().await, Receiver::start().await);
    let webhooks = node.start(settings());
    node.register_with(&receiver.url(), only(&["task.updated"])).await;
    let (one, other) = (node.create_task("one").await, node.create_task("other").await);
    receiver.answer_next([Answer::status(200).after(Duration::from_millis(500))]);
    node.update(&one, "1").await;
    received(&receiver, 1).await;
    node.update(&one, "2").await;
    node.update(&other, "3").await;

    let all = received(&receiver, 3).await;
    let order: Vec<String> = all.iter().map(description).collect();
    assert_eq!(order, ["1", "3", "2"]);
    let waited = all[2].at.duration_since(all[0].at).unwrap();
    assert!(waited >= Duration::from_millis(450), "{waited:?}");
    webhooks.shutdown().await;
}

#[tokio::test]
async fn strict_order_is_one_at_a_time_in_log_order() {
    let (node, receiver) = (Node::new().await, Receiver::start().await);
    let webhooks = node.start(settings());
    let strict = WebhookFields { ordering: Some(Ordering::Strict), ..only(&["task.updated"]) };
    node.register_with(&receiver.url(), strict).await;
    let (one, other) = (node.create_task("one").await, node.create_task("other").await);
    receiver.answer_next([Answer::status(200).after(Duration::from_millis(300))]);
    for (task, text) in [(&one, "1"), (&one, "2"), (&other, "3"), (&one, "4")] {
        node.update(task, text).await;
    }
    let all = received(&receiver, 4).await;
    let order: Vec<String> = all.iter().map(description).collect();
    assert_eq!(order, ["1", "2", "3", "4"]);
    assert!(all[1].at.duration_since(all[0].at).unwrap() >= Duration::from_millis(250));
    webhooks.shutdown().await;
}

#[tokio::test]
async fn in_strict_order_a_retry_waits_for_its_turn_too() {
    let (node, receiver) = (Node::new().await, Receiver::start().await);
    let webhooks = node.start(retrying(&[50]));
    let strict = WebhookFields { ordering: Some(Ordering::Strict), ..only(&["task.updated"]) };
    node.register_with(&receiver.url(), strict).await;
    let task = node.create_task("one").await;
    receiver
        .answer_next([Answer::status(500), Answer::status(200).after(Duration::from_millis(500))]);
    node.update(&task, "1").await;
    node.update(&task, "2").await;
    let all = received(&receiver, 3).await;
    let order: Vec<String> = all.iter().map(description).collect();
    assert_eq!(order, ["1", "2", "1"]);
    assert!(all[2].at.duration_since(all[1].at).unwrap() >= Duration::from_millis(450));
    webhooks.shutdown().await;
}

#[tokio::test]
async fn a_failed_first_attempt_frees_the_task_and_the_retry_comes_later() {
    let (node, receiver) = (Node::new().await, Receiver::start().await);
    let webhooks = node.start(retrying(&[700]));
    node.register_with(&receiver.url(), only(&["task.updated"])).await;
    let task = node.create_task("one").await;
    receiver.answer_next([Answer::status(500)]);
    for text in ["1", "2", "3"] {
        node.update(&task, text).await;
    }
    let all = received(&receiver, 4).await;
    let order: Vec<String> = all.iter().map(description).collect();
    assert_eq!(order, ["1", "2", "3", "1"]);
    assert!(all[3].at.duration_since(all[0].at).unwrap() >= Duration::from_millis(650));
    webhooks.shutdown().await;
}

#[tokio::test]
async fn no_more_than_the_limit_are_under_way() {
    const DELAY: Duration = Duration::from_millis(600);
    let (node, receiver) = (Node::new().await, Receiver::start().await);
    node.register(&receiver.url()).await;
    receiver.answer_always(Answer::status(200).after(DELAY));
    for number in 0..9 {
        node.create_task(&number.to_string()).await;
    }
    let webhooks = node.start(baton_webhooks::Settings { in_flight_max: 4, ..settings() });
    let all = received(&receiver, 9).await;
    assert!(all[3].at.duration_since(all[0].at).unwrap() < DELAY, "four side by side");
    for index in 4..9 {
        let waited = all[index].at.duration_since(all[index - 4].at).unwrap();
        assert!(waited >= DELAY, "no fifth: {waited:?}");
    }
    webhooks.shutdown().await;
}

#[tokio::test]
async fn a_receiver_that_hangs_is_probed_one_at_a_time_and_holds_up_nobody() {
    const TIMEOUT: Duration = Duration::from_secs(1);
    let (node, hanging, well) =
        (Node::new().await, Receiver::start().await, Receiver::start().await);
    let settings = baton_webhooks::Settings {
        attempt_timeout: TIMEOUT,
        in_flight_max: 3,
        ..retrying(&[3_600_000])
    };
    let webhooks = node.start(settings);
    let webhook = node.register(&hanging.url()).await;
    node.register(&well.url()).await;
    hanging.answer_always(Answer::hang());
    for number in 0..7 {
        node.create_task(&number.to_string()).await;
    }
    let begun = received(&hanging, 1).await[0].at;
    let told = received(&well, 7).await;
    let waited = told[6].at.duration_since(begun).unwrap_or_default();
    assert!(waited < TIMEOUT, "nobody else waits");
    let all = received(&hanging, 7).await;
    let between = |from: usize, to: usize| all[to].at.duration_since(all[from].at).unwrap();
    assert!(between(0, 2) < TIMEOUT, "three at once");
    // Room was made twice before the third time-out was known.
    assert!(between(5, 6) >= TIMEOUT * 9 / 10, "then one at a time");
    let deliveries = node
        .wait_for_deliveries(webhook, "seven time-outs", |all| all.iter().all(|it| it.attempt == 1))
        .await;
    for delivery in deliveries {
        assert_eq!(delivery.error.as_deref(), Some("there was no answer in time"));
        assert_eq!((delivery.status_code, delivery.success), (None, false));
        assert!(delivery.next_attempt_at.is_some());
    }
    // It answers again: all side by side once more.
    hanging.answer_always(Answer::status(200).after(TIMEOUT / 2));
    for number in 0..4 {
        node.create_task(&number.to_string()).await;
    }
    let all = hanging.wait_for(LIMIT, |all| all.len() >= 11).await;
    assert!(all[10].at.duration_since(all[8].at).unwrap() < TIMEOUT / 2, "three at once");
    webhooks.shutdown().await;
}

#[tokio::test]
async fn a_change_of_the_webhook_sends_nothing_twice() {
    let (node, receiver) = (Node::new().await, Receiver::start().await);
    let webhooks = node.start(settings());
    let webhook = node.register(&receiver.url()).await;
    let late = Answer::status(200).after(Duration::from_millis(500));
    receiver.answer_next([late.clone(), late]);
    node.create_task("1").await;
    node.create_task("2").await;
    received(&receiver, 2).await;
    node.change(webhook, only(&["task.created"])).await;
    node.create_task("3").await;
    received(&receiver, 3).await;
    node.wait_for_deliveries(webhook, "successes", |all| all.iter().all(|it| it.success)).await;
    assert_eq!(receiver.requests().len(), 3);
    webhooks.shutdown().await;
}
