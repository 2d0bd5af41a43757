//! A committed event reaches its webhooks whatever stops in between, with one id and one body.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use baton_harness::receiver::{Answer, Receiver};
use baton_harness::wait_until;
use baton_webhooks::Settings;
use tokio::sync::Semaphore;

use crate::counter::held;
use crate::node::{LIMIT, Node, description, only, received, retrying, settings};

#[tokio::test]
async fn retries_carry_the_same_id_and_the_same_bytes_and_a_new_signature_time() {
    let (node, receiver) = (Node::new().await, Receiver::start().await);
    let webhooks = node.start(retrying(&[50, 50]));
    let webhook = node.register(&receiver.url()).await;
    receiver.answer_next([Answer::status(500), Answer::status(302)]);
    node.create_task("one").await;
    let all = received(&receiver, 3).await;
    for again in &all[1..] {
        assert_eq!(again.body, all[0].body);
        assert_eq!(again.header("webhook-id"), all[0].header("webhook-id"));
        assert_ne!(again.header("x-delega-timestamp"), all[0].header("x-delega-timestamp"));
        baton_harness::signature::verify_standard(again, crate::node::SECRET).unwrap();
    }
    let log = node.wait_for_deliveries(webhook, "a success", |all| all[0].success).await;
    assert_eq!(log[0].attempt, 3);
    assert_eq!(log[0].id.to_string(), all[0].header("x-delega-delivery"));
    assert_eq!(log[0].payload, all[0].json());
    webhooks.shutdown().await;
}

#[tokio::test]
async fn events_while_nobody_sends_are_sent_afterwards_in_order() {
    let (node, receiver) = (Node::new().await, Receiver::start().await);
    node.register_with(&receiver.url(), only(&["task.updated"])).await;
    let task = node.create_task("one").await;
    for text in ["1", "2", "3"] {
        node.update(&task, text).await;
    }
    let webhooks = node.start(settings());
    let order: Vec<String> = received(&receiver, 3).await.iter().map(description).collect();
    assert_eq!(order, ["1", "2", "3"]);
    webhooks.shutdown().await;
}

#[tokio::test]
async fn a_receiver_that_was_down_gets_everything_once_it_is_up() {
    let (node, mut receiver) = (Node::new().await, Receiver::start().await);
    let webhooks = node.start(retrying(&[200; 50]));
    let webhook = node.register(&receiver.url()).await;
    receiver.down().await;
    for number in 0..5 {
        node.create_task(&number.to_string()).await;
    }
    let log = node
        .wait_for_deliveries(webhook, "attempts", |all| {
            all.len() == 5 && all.iter().all(|it| it.attempt > 0)
        })
        .await;
    assert!(log.iter().all(|it| it.error.as_deref() == Some("cannot connect")));
    receiver.up().await;
    let ids: BTreeSet<String> = log.iter().map(|it| it.id.to_string()).collect();
    let arrived = |requests: &[baton_harness::receiver::Received]| {
        let arrived: BTreeSet<String> =
            requests.iter().map(|it| it.header("webhook-id").to_owned()).collect();
        arrived == ids
    };
    receiver.wait_for(LIMIT, arrived).await;
    node.wait_for_deliveries(webhook, "successes", |all| all.iter().all(|it| it.success)).await;
    webhooks.shutdown().await;
}

#[tokio::test]
async fn a_sender_that_dies_in_the_middle_loses_nothing_and_changes_no_id() {
    let (node, receiver) = (Node::new().await, Receiver::start().await);
    let webhooks = node.start(settings());
    let webhook = node.register(&receiver.url()).await;
    receiver.answer_always(Answer::hang());
    for number in 0..40 {
        node.create_task(&number.to_string()).await;
    }
    // 32 hang; the answers are never seen by the one that dies, nor the other eight sent.
    let before = received(&receiver, 32).await;
    node.planned(&webhooks).await;
    drop(webhooks);
    receiver.answer_always(Answer::status(200));
    let webhooks = node.start(settings());
    let log = node
        .wait_for_deliveries(webhook, "40 successes", |all| {
            all.len() == 40 && all.iter().all(|it| it.success)
        })
        .await;
    let all = receiver.requests();
    let ids: BTreeSet<&str> = all.iter().map(|it| it.header("webhook-id")).collect();
    assert_eq!(ids.len(), 40, "each event under one id");
    let bodies: BTreeSet<&[u8]> = all.iter().map(|it| &it.body[..]).collect();
    assert_eq!(bodies.len(), 40, "each event in the same bytes");
    assert!(all.len() >= before.len() + 40);
    assert!(log.iter().all(|it| it.attempt == 1), "what was not recorded did not count");
    webhooks.shutdown().await;
}

#[tokio::test]
async fn a_shutdown_lets_what_is_under_way_end() {
    let (node, answers) = (Node::new().await, Arc::new(Semaphore::new(0)));
    let (url, mut arrivals) = held(Arc::clone(&answers)).await;
    let settings = Settings { attempt_timeout: LIMIT, drain_within: LIMIT, ..settings() };
    let webhooks = node.start(settings);
    let webhook = node.register(&url).await;
    for number in 0..40 {
        node.create_task(&number.to_string()).await;
    }
    for _ in 0..32 {
        arrivals.recv().await.unwrap();
    }
    node.planned(&webhooks).await;
    // Answered once the shutdown has begun.
    tokio::join!(webhooks.shutdown(), async { answers.add_permits(1) });
    let log = node.deliveries(webhook).await;
    let taken = log.iter().filter(|it| it.success).count();
    assert_eq!((log.len(), taken), (40, 32), "recorded, and nothing more begun");
    assert!(arrivals.try_recv().is_err(), "nothing more arrived");
}

#[tokio::test]
async fn another_process_takes_over_where_the_first_left() {
    let (node, receiver) = (Node::new().await, Receiver::start().await);
    let first = node.start(settings());
    let webhook = node.register(&receiver.url()).await;
    node.create_task("1").await;
    received(&receiver, 1).await;
    let second = node.start(settings());
    node.create_task("2").await;
    received(&receiver, 2).await;
    first.shutdown().await;
    node.create_task("3").await;
    received(&receiver, 3).await;
    node.wait_for_deliveries(webhook, "successes", |all| {
        all.len() == 3 && all.iter().all(|it| it.success)
    })
    .await;
    assert_eq!(receiver.requests().len(), 3, "two processes, one sender");
    second.shutdown().await;
}

#[tokio::test]
async fn a_sender_that_lost_the_subscription_stops_and_records_nothing() {
    let (node, receiver) = (Node::new().await, Receiver::start().await);
    let webhooks = node.start(settings());
    let webhook = node.register(&receiver.url()).await;
    node.create_task("1").await;
    node.wait_for_deliveries(webhook, "a success", |all| all.iter().any(|it| it.success)).await;
    receiver.answer_next([Answer::status(200).after(Duration::from_millis(500))]);
    node.create_task("2").await;
    received(&receiver, 2).await;
    // As if this process had been stopped and another had taken over.
    let rob = include_str!("sql/rob.sql");
    node.database.connect().await.execute(rob, &[]).await.unwrap();
    wait_until(LIMIT, "the runner to see it", async || {
        node.create_task("more").await;
        let held = include_str!("sql/position_stands.sql");
        let client = node.pool.get().await.unwrap();
        client.query_one(held, &[]).await.unwrap().get::<_, bool>(0)
    })
    .await;
    let robbed = receiver.requests().len();
    webhooks.shutdown().await;
    let log = node.deliveries(webhook).await;
    let second = log.iter().find(|it| it.payload["task"]["content"] == "2").unwrap();
    assert_eq!((second.attempt, second.success), (0, false));
    assert!(second.next_attempt_at.is_some(), "still due, for the new holder");
    assert_eq!(receiver.requests().len(), robbed);
}

#[tokio::test]
async fn senders_that_take_over_from_each_other_lose_nothing() {
    const TASKS: usize = 60;
    let (node, receiver) = (Node::new().await, Receiver::start().await);
    let (one, other) = (node.start(settings()), node.start(settings()));
    let webhook = node.register(&receiver.url()).await;
    receiver.answer_always(Answer::status(200).after(Duration::from_millis(30)));
    let client = node.database.connect().await;
    for number in 0..TASKS {
        node.create_task(&number.to_string()).await;
        if number % 10 == 5 {
            // The holder is cut off in the middle of its work, and any may follow.
            client.execute(include_str!("sql/cut_off.sql"), &[]).await.unwrap();
        }
    }
    let log = node
        .wait_for_deliveries(webhook, "successes", |all| {
            all.len() == TASKS && all.iter().all(|it| it.success)
        })
        .await;
    assert!(log.iter().all(|it| it.attempt == 1), "each result counts once");
    let all = receiver.requests();
    let ids: BTreeSet<&str> = all.iter().map(|it| it.header("webhook-id")).collect();
    let planned: Vec<String> = log.iter().map(|it| it.id.to_string()).collect();
    assert_eq!(ids, planned.iter().map(String::as_str).collect());
    one.shutdown().await;
    other.shutdown().await;
}

#[tokio::test]
async fn what_another_holder_planned_is_found_when_the_subscription_comes_back() {
    let (node, receiver) = (Node::new().await, Receiver::start().await);
    let webhooks = node.start(settings());
    let webhook = node.register(&receiver.url()).await;
    node.create_task("1").await;
    node.wait_for_deliveries(webhook, "a success", |all| all.iter().any(|it| it.success)).await;
    // The worker is idle and level; another holder plans, and dies before it sends.
    let client = node.database.connect().await;
    client.execute(include_str!("sql/plan_by_another.sql"), &[]).await.unwrap();
    client.execute(include_str!("sql/cut_off.sql"), &[]).await.unwrap();
    received(&receiver, 2).await;
    webhooks.shutdown().await;
}

#[tokio::test]
async fn a_backlog_larger_than_memory_arrives_whole_and_in_order() {
    const TASKS: usize = 26;
    const UPDATES: usize = 50;
    let (node, receiver) = (Node::new().await, Receiver::start().await);
    let webhook = node.register_with(&receiver.url(), only(&["task.updated"])).await;
    let updated = (0..TASKS).map(|_| async {
        let task = node.create_task("one").await;
        for number in 0..UPDATES {
            node.update(&task, &number.to_string()).await;
        }
        task
    });
    let tasks = futures_util::future::join_all(updated).await;
    let webhooks = node.start(settings());
    wait_until(LIMIT, "all to be delivered", async || {
        let client = node.pool.get().await.unwrap();
        let sql = include_str!("sql/delivered.sql");
        let row = client.query_one(sql, &[&webhook.0]).await.unwrap();
        row.get::<_, i64>(0) == (TASKS * UPDATES) as i64
    })
    .await;
    let all: Vec<(String, String)> = receiver
        .requests()
        .iter()
        .map(|it| (it.json()["task"]["id"].as_str().unwrap().to_owned(), description(it)))
        .collect();
    for task in &tasks {
        let numbers = all.iter().filter(|(id, _)| id == task).map(|(_, number)| number.clone());
        assert!(numbers.eq((0..UPDATES).map(|number| number.to_string())), "each once, in order");
    }
    webhooks.shutdown().await;
}

#[tokio::test]
async fn what_a_crash_of_the_database_took_is_planned_again_in_the_same_bytes() {
    let (node, receiver) = (Node::new().await, Receiver::start().await);
    let webhooks = node.start(settings());
    let webhook = node.register(&receiver.url()).await;
    let agent = node.agent("worker").await;
    let task = node.create_as(&agent, "one").await.state.id.to_string();
    node.complete(&agent, &task).await;
    node.wait_for_deliveries(webhook, "successes", |all| {
        all.len() == 2 && all.iter().all(|it| it.success)
    })
    .await;
    webhooks.shutdown().await;
    // Plans do not wait for the disk: a crash takes the last of them together with their
    // checkpoint.
    let client = node.pool.get().await.unwrap();
    client.batch_execute(include_str!("sql/crash.sql")).await.unwrap();
    let webhooks = node.start(settings());
    let all = received(&receiver, 4).await;
    for (first, again) in [(0, 2), (1, 3)] {
        assert_eq!(all[first].header("webhook-id"), all[again].header("webhook-id"));
        assert_eq!(all[first].body, all[again].body);
    }
    webhooks.shutdown().await;
}

#[tokio::test]
async fn who_was_stopped_before_it_looked_at_what_is_due_sends_nothing_of_it() {
    let (node, receiver) = (Node::new().await, Receiver::start().await);
    let webhooks = node.start(settings());
    node.register(&receiver.url()).await;
    receiver.answer_always(Answer::hang());
    node.create_task("1").await;
    received(&receiver, 1).await;
    drop(webhooks);
    receiver.answer_always(Answer::status(200));
    // The next one holds the subscription and is stopped right then; another takes over.
    let client = node.database.connect().await;
    client.batch_execute(include_str!("sql/hold_endpoints.sql")).await.unwrap();
    let webhooks = node.start(settings());
    let other = node.database.connect().await;
    wait_until(LIMIT, "it to wait", async || {
        let waited_for = include_str!("sql/endpoints_waited_for.sql");
        other.query_one(waited_for, &[]).await.unwrap().get(0)
    })
    .await;
    node.create_task("planned by another").await;
    other.execute(include_str!("sql/rob_ahead.sql"), &[]).await.unwrap();
    client.batch_execute("commit").await.unwrap();
    node.planned(&webhooks).await;
    node.create_task("a while").await;
    let freed_at = SystemTime::now();
    other.execute(include_str!("sql/end_lease.sql"), &[]).await.unwrap();
    let all = received(&receiver, 2).await;
    assert!(all[1].at >= freed_at, "what was due was another's to send");
    webhooks.shutdown().await;
}
