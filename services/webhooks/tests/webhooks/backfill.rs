//! Deliveries that begin with events from before their webhook's registration.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use baton_commands::CommandError;
use baton_domain::WebhookId;
use baton_domain::webhook::{Ordering, WebhookFields, WebhookRefusal};
use baton_harness::receiver::{Answer, Received, Receiver};
use baton_harness::{before_a_fault, wait_until};
use baton_webhooks::{Settings, Webhooks};

use crate::node::{LIMIT, Node, description, only, received, settings, update};

/// The backfills that are not done.
async fn backfills(node: &Node) -> Vec<i64> {
    let client = node.pool.get().await.unwrap();
    let rows = client.query(include_str!("sql/backfills.sql"), &[]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

async fn delivered(node: &Node, webhook: WebhookId) -> i64 {
    let client = node.pool.get().await.unwrap();
    let sql = include_str!("sql/delivered.sql");
    client.query_one(sql, &[&webhook.0]).await.unwrap().get(0)
}

async fn head(node: &Node) -> i64 {
    node.commands.log().head().await.unwrap()
}

/// The descriptions that each task was updated to, in the order in which they arrived, the same
/// delivery once.
fn by_task(requests: &[Received]) -> BTreeMap<String, Vec<String>> {
    let (mut seen, mut tasks) = (BTreeSet::new(), BTreeMap::<_, Vec<String>>::new());
    for request in requests {
        if seen.insert(request.header("webhook-id").to_owned()) {
            let task = request.json()["task"]["id"].as_str().unwrap().to_owned();
            tasks.entry(task).or_default().push(description(request));
        }
    }
    tasks
}

/// Updates every task of `tasks` to these numbers, one after the other.
async fn update_all(node: &Node, tasks: &[String], numbers: std::ops::Range<usize>) {
    let updates = tasks.iter().map(|task| {
        let numbers = numbers.clone();
        async move {
            for number in numbers {
                node.update(task, &number.to_string()).await;
            }
        }
    });
    futures_util::future::join_all(updates).await;
}

async fn tasks(node: &Node, count: usize) -> Vec<String> {
    let created =
        (0..count).map(|number| async move { node.create_task(&number.to_string()).await });
    futures_util::future::join_all(created).await
}

fn numbers(up_to: usize) -> Vec<String> {
    (0..up_to).map(|number| number.to_string()).collect()
}

#[tokio::test]
async fn deliveries_begin_above_the_position_and_carry_what_was_so_then() {
    let (node, receiver, live) =
        (Node::new().await, Receiver::start().await, Receiver::start().await);
    let webhooks = node.start(settings());
    node.register(&live.url()).await;
    let agent = node.agent("actor").await;
    let task = node.create_as(&agent, "one").await.state.id.to_string();
    let position = head(&node).await;
    node.update(&task, "two").await;
    node.complete(&agent, &task).await;
    received(&live, 3).await;
    let from = Some(position);
    let webhook = node.register_from(&receiver.url(), WebhookFields::default(), from).await;
    received(&receiver, 2).await;
    node.create_task("afterwards").await;
    let all = received(&receiver, 3).await;
    let events: Vec<&str> = all.iter().map(Received::event).collect();
    assert_eq!(events, ["task.updated", "task.completed", "task.created"]);
    // The same as those who heard of it when it happened, but for the delivery's own id.
    let heard = received(&live, 4).await;
    for (past, live) in all.iter().zip(&heard[1..]) {
        let (mut past, mut live) = (past.json(), live.json());
        assert_ne!(past["id"], live["id"]);
        for body in [&mut past, &mut live] {
            body.as_object_mut().unwrap().remove("id");
        }
        assert_eq!(past, live);
    }
    node.wait_for_deliveries(webhook, "successes", |log| {
        log.len() == 3 && log.iter().all(|it| it.success)
    })
    .await;
    assert!(backfills(&node).await.is_empty());
    webhooks.shutdown().await;
}

#[tokio::test]
async fn only_what_the_account_has_and_the_webhook_wants_is_sent() {
    let (node, receiver) = (Node::new().await, Receiver::start().await);
    let webhooks = node.start(settings());
    let task = node.create_task("one").await;
    node.update(&task, "1").await;
    let node = node.in_account("other");
    let theirs = node.create_task("theirs").await;
    node.update(&theirs, "2").await;
    node.update(&theirs, "3").await;
    node.register_from(&receiver.url(), only(&["task.updated"]), Some(0)).await;
    node.update(&theirs, "4").await;
    let all = received(&receiver, 3).await;
    assert_eq!(all.iter().map(description).collect::<Vec<_>>(), ["2", "3", "4"]);
    webhooks.shutdown().await;
}

#[tokio::test]
async fn a_position_that_the_log_has_not_reached_is_refused() {
    let node = Node::new().await;
    node.create_task("one").await;
    let position = head(&node).await + 1;
    let command = baton_commands::RegisterWebhook {
        fields: WebhookFields::default(),
        secret: baton_commands::WebhookSecret::Generated,
        from_position: Some(position),
    };
    let refused = node.commands.register_webhook(&node.project(), command).await.unwrap_err();
    assert!(matches!(refused, CommandError::Webhook(WebhookRefusal::PositionAhead)));
    assert_eq!(head(&node).await, position - 1);
}

#[tokio::test]
async fn a_long_past_and_a_busy_present_arrive_in_order_each_event_once() {
    const TASKS: usize = 20;
    for ordering in [Ordering::PerTask, Ordering::Strict] {
        let (node, receiver) = (Node::new().await, Receiver::start().await);
        let webhooks = node.start(settings());
        let tasks = tasks(&node, TASKS).await;
        // More than a chunk, and more than may wait to be sent.
        update_all(&node, &tasks, 0..70).await;
        let fields = WebhookFields { ordering: Some(ordering), ..only(&["task.updated"]) };
        let webhook = node.register_from(&receiver.url(), fields, Some(0)).await;
        update_all(&node, &tasks, 70..100).await;
        wait_until(LIMIT, "all to be delivered", async || {
            delivered(&node, webhook).await == (TASKS * 100) as i64
        })
        .await;
        let all = receiver.requests();
        assert_eq!(all.len(), TASKS * 100, "each once");
        let by_task = by_task(&all);
        assert_eq!(by_task.len(), TASKS);
        assert!(by_task.values().all(|found| *found == numbers(100)), "{ordering:?}");
        if ordering == Ordering::Strict {
            let at = |request: &Received| request.json()["timestamp"].as_str().unwrap().to_owned();
            assert!(all.is_sorted_by_key(at));
        }
        webhooks.shutdown().await;
    }
}

#[tokio::test]
async fn a_crash_at_any_moment_loses_nothing_and_plans_nothing_twice() {
    const TASKS: usize = 10;
    let (node, receiver) = (Node::new().await, Receiver::start().await);
    let tasks = tasks(&node, TASKS).await;
    update_all(&node, &tasks, 0..60).await;
    let webhook = node.register_from(&receiver.url(), only(&["task.updated"]), Some(0)).await;
    update_all(&node, &tasks, 60..80).await;
    let mut webhooks = node.start(settings());
    let mut restarts = 0;
    while delivered(&node, webhook).await < (TASKS * 80) as i64 {
        before_a_fault(Duration::from_millis(150 + 37 * restarts)).await;
        // As if the process had been killed; the next one waits for the lease to end.
        drop(webhooks);
        webhooks = node.start(settings());
        restarts += 1;
        assert!(restarts < 100);
    }
    assert!(restarts > 1, "it was too fast to be disturbed");
    let by_task = by_task(&receiver.requests());
    assert!(by_task.values().all(|found| found.len() == 80), "each event, under one id");
    assert!(by_task.values().all(|found| *found == numbers(80)), "in order");
    assert!(backfills(&node).await.is_empty());
    webhooks.shutdown().await;
}

#[tokio::test]
async fn processes_that_take_over_from_each_other_plan_each_event_once() {
    const TASKS: usize = 10;
    let (node, receiver) = (Node::new().await, Receiver::start().await);
    let tasks = tasks(&node, TASKS).await;
    update_all(&node, &tasks, 0..60).await;
    receiver.answer_always(Answer::status(200).after(Duration::from_millis(20)));
    let (one, other) = (node.start(settings()), node.start(settings()));
    let webhook = node.register_from(&receiver.url(), only(&["task.updated"]), Some(0)).await;
    let client = node.database.connect().await;
    let mut cuts = 0;
    while delivered(&node, webhook).await < (TASKS * 60) as i64 {
        // The holder is cut off in the middle of its work, and any may follow.
        client.execute(include_str!("sql/cut_off.sql"), &[]).await.unwrap();
        before_a_fault(Duration::from_millis(100)).await;
        cuts += 1;
        assert!(cuts < 500);
    }
    let by_task = by_task(&receiver.requests());
    assert!(by_task.len() == TASKS && by_task.values().all(|found| found.len() == 60));
    assert!(backfills(&node).await.is_empty());
    one.shutdown().await;
    other.shutdown().await;
}

async fn hung(node: &Node, from: i64) -> (Webhooks, Receiver, WebhookId) {
    let hanging = Receiver::start().await;
    hanging.answer_always(Answer::hang());
    // It hangs as long as the test asks: time-outs would switch it off.
    let webhooks = node.start(Settings { attempt_timeout: LIMIT, ..settings() });
    let fields = only(&["task.updated"]);
    let webhook = node.register_from(&hanging.url(), fields, Some(from)).await;
    received(&hanging, 1).await;
    (webhooks, hanging, webhook)
}

#[tokio::test]
async fn a_receiver_that_takes_nothing_leaves_its_past_in_the_log_and_holds_up_nobody() {
    let (node, receiver) = (Node::new().await, Receiver::start().await);
    let tasks = tasks(&node, 20).await;
    update_all(&node, &tasks, 0..60).await;
    let (webhooks, hanging, webhook) = hung(&node, 0).await;
    let well = node.register_from(&receiver.url(), only(&["task.updated"]), Some(0)).await;
    wait_until(LIMIT, "the other's past to arrive", async || delivered(&node, well).await == 1_200)
        .await;
    let past = planned(&node, webhook).await;
    assert!((512..900).contains(&past), "{past} of 1200 lie in the table");
    assert_eq!(backfills(&node).await.len(), 1);
    // Switched off, it gets none of the rest, also when it is on again.
    node.webhook_command(webhook, update(active(false))).await;
    node.planned(&webhooks).await;
    assert!(backfills(&node).await.is_empty());
    let past = planned(&node, webhook).await;
    hanging.answer_always(Answer::status(200));
    node.change(webhook, active(true)).await;
    update_all(&node, &tasks, 60..61).await;
    wait_until(LIMIT, "the present to be delivered", async || {
        hears(&hanging, "60") == 20 && delivered(&node, webhook).await == 20
    })
    .await;
    assert_eq!(planned(&node, webhook).await, past + 20);
    drop(webhooks);
}

/// How many requests told of an update to this.
fn hears(receiver: &Receiver, updated_to: &str) -> usize {
    receiver.requests().iter().filter(|request| description(request) == updated_to).count()
}

#[tokio::test]
async fn off_and_on_again_while_nobody_looks_ends_the_past_and_not_the_present() {
    let node = Node::new().await;
    let tasks = tasks(&node, 20).await;
    update_all(&node, &tasks, 0..60).await;
    let (webhooks, hanging, webhook) = hung(&node, 0).await;
    wait_until(LIMIT, "as much to be planned as may wait", async || {
        planned(&node, webhook).await >= 512
    })
    .await;
    // As if the process had been killed; the next one finds both changes in one batch.
    drop(webhooks);
    node.change(webhook, active(false)).await;
    node.change(webhook, active(true)).await;
    update_all(&node, &tasks, 60..61).await;
    hanging.answer_always(Answer::status(200));
    let webhooks = node.start(settings());
    wait_until(LIMIT, "the present to be delivered", async || hears(&hanging, "60") == 20).await;
    assert!(backfills(&node).await.is_empty());
    let all = planned(&node, webhook).await;
    assert!(all < 900, "{all} of 1220 lie in the table");
    webhooks.shutdown().await;
}

#[tokio::test]
async fn a_webhook_that_cannot_be_read_holds_up_no_other_ones_past() {
    let (node, receiver) = (Node::new().await, Receiver::start().await);
    let tasks = tasks(&node, 20).await;
    update_all(&node, &tasks, 0..40).await;
    let (webhooks, _hanging, webhook) = hung(&node, 0).await;
    wait_until(LIMIT, "as much to be planned as may wait", async || {
        planned(&node, webhook).await >= 512
    })
    .await;
    let client = node.database.connect().await;
    let spoil = include_str!("sql/spoil_backfill.sql");
    assert_eq!(client.execute(spoil, &[&webhook.0]).await.unwrap(), 1);
    let well = node.register_from(&receiver.url(), only(&["task.updated"]), Some(0)).await;
    wait_until(LIMIT, "the other's past to arrive", async || delivered(&node, well).await == 800)
        .await;
    assert_eq!(backfills(&node).await.len(), 1, "it is not forgotten either");
    drop(webhooks);
}

fn active(active: bool) -> WebhookFields {
    WebhookFields { active: Some(active), ..WebhookFields::default() }
}

async fn planned(node: &Node, webhook: WebhookId) -> i64 {
    let client = node.pool.get().await.unwrap();
    client.query_one(include_str!("sql/planned.sql"), &[&webhook.0]).await.unwrap().get(0)
}

#[tokio::test]
async fn what_happens_meanwhile_waits_for_the_past_also_when_the_webhook_is_changed() {
    let (node, receiver) = (Node::new().await, Receiver::start().await);
    let tasks = tasks(&node, 20).await;
    update_all(&node, &tasks, 0..50).await;
    receiver.answer_always(Answer::status(200).after(Duration::from_secs(2)));
    let webhooks = node.start(settings());
    let webhook = node.register_from(&receiver.url(), only(&["task.updated"]), Some(0)).await;
    wait_until(LIMIT, "as much to be planned as may wait", async || {
        planned(&node, webhook).await >= 512
    })
    .await;
    // The rest cannot be planned for now; all that is planned is sent.
    let mut client = node.database.connect().await;
    let held = client.transaction().await.unwrap();
    assert!(held.query_opt(include_str!("sql/hold_backfills.sql"), &[]).await.unwrap().is_some());
    receiver.answer_always(Answer::status(200));
    let past = planned(&node, webhook).await;
    assert!(past < 20 * 50);
    wait_until(LIMIT, "it to be sent", async || delivered(&node, webhook).await == past).await;
    update_all(&node, &tasks, 50..51).await;
    node.planned(&webhooks).await;
    let url = Some(format!("{}?changed", receiver.url()));
    node.change(webhook, WebhookFields { url, ..WebhookFields::default() }).await;
    update_all(&node, &tasks, 51..52).await;
    node.planned(&webhooks).await;
    held.rollback().await.unwrap();
    wait_until(LIMIT, "all to be delivered", async || delivered(&node, webhook).await == 20 * 52)
        .await;
    assert!(by_task(&receiver.requests()).values().all(|found| *found == numbers(52)));
    webhooks.shutdown().await;
}

#[tokio::test]
async fn a_chunk_is_planned_from_the_place_it_was_read_at_or_not_at_all() {
    let (node, receiver) = (Node::new().await, Receiver::start().await);
    let tasks = tasks(&node, 20).await;
    update_all(&node, &tasks, 0..50).await;
    receiver.answer_always(Answer::status(200).after(Duration::from_secs(2)));
    let webhooks = node.start(settings());
    let webhook = node.register_from(&receiver.url(), only(&["task.updated"]), Some(0)).await;
    wait_until(LIMIT, "as much to be planned as may wait", async || {
        planned(&node, webhook).await >= 512
    })
    .await;
    let mut client = node.database.connect().await;
    let other = client.transaction().await.unwrap();
    assert!(other.query_opt(include_str!("sql/hold_backfills.sql"), &[]).await.unwrap().is_some());
    let past = planned(&node, webhook).await;
    receiver.answer_always(Answer::status(200));
    let watcher = node.database.connect().await;
    wait_until(LIMIT, "the next chunk to wait", async || {
        let waited_for = include_str!("sql/backfills_waited_for.sql");
        watcher.query_one(waited_for, &[]).await.unwrap().get(0)
    })
    .await;
    // As if another holder had planned the rest; its rows are left out, to see who makes any.
    other.execute(include_str!("sql/skip_backfill.sql"), &[]).await.unwrap();
    other.commit().await.unwrap();
    update_all(&node, &tasks, 50..51).await;
    wait_until(LIMIT, "the present to be delivered", async || {
        receiver.requests().iter().filter(|request| description(request) == "50").count() == 20
    })
    .await;
    assert_eq!(planned(&node, webhook).await, past + 20, "nothing of the rest");
    webhooks.shutdown().await;
}
