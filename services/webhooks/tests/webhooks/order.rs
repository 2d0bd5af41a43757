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
    let (node, receiver) = (Node::new().await, Receiver::start().await);
    let webhooks = node.start(baton_webhooks::Settings { in_flight_max: 4, ..settings() });
    node.register(&receiver.url()).await;
    receiver.answer_always(Answer::status(200).after(Duration::from_millis(300)));
    for number in 0..9 {
        node.create_task(&number.to_string()).await;
    }
    let all = received(&receiver, 9).await;
    let waves: Vec<u128> =
        all.iter().map(|it| it.at.duration_since(all[0].at).unwrap().as_millis() / 290).collect();
    assert_eq!(waves, [0, 0, 0, 0, 1, 1, 1, 1, 2]);
    webhooks.shutdown().await;
}

#[tokio::test]
async fn a_receiver_that_hangs_is_probed_one_at_a_time_and_holds_up_nobody() {
    let (node, hanging, well) =
        (Node::new().await, Receiver::start().await, Receiver::start().await);
    let settings = baton_webhooks::Settings {
        attempt_timeout: Duration::from_millis(200),
        in_flight_max: 3,
        ..retrying(&[3_600_000])
    };
    let webhooks = node.start(settings);
    let webhook = node.register(&hanging.url()).await;
    node.register(&well.url()).await;
    hanging.answer_always(Answer::hang());
    for number in 0..6 {
        node.create_task(&number.to_string()).await;
    }
    received(&well, 6).await;
    let all = received(&hanging, 6).await;
    let after_ms = |index: usize| all[index].at.duration_since(all[0].at).unwrap().as_millis();
    // Three at once, and after their time-outs one at a time.
    assert!(after_ms(2) < 150, "{}", after_ms(2));
    assert!(after_ms(4) - after_ms(3) >= 150 && after_ms(5) - after_ms(4) >= 150);
    let deliveries = node
        .wait_for_deliveries(webhook, "six time-outs", |all| all.iter().all(|it| it.attempt == 1))
        .await;
    for delivery in deliveries {
        assert_eq!(delivery.error.as_deref(), Some("there was no answer in time"));
        assert_eq!((delivery.status_code, delivery.success), (None, false));
        assert!(delivery.next_attempt_at.is_some());
    }
    // It answers again: all side by side once more.
    hanging.answer_always(Answer::status(200).after(Duration::from_millis(100)));
    for number in 0..4 {
        node.create_task(&number.to_string()).await;
    }
    let all = hanging.wait_for(LIMIT, |all| all.len() >= 10).await;
    let spread = all[9].at.duration_since(all[7].at).unwrap();
    assert!(spread < Duration::from_millis(90), "{spread:?}");
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
