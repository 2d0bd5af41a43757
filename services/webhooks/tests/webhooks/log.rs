//! The delivery log: its order and length, what is kept, and what never is.

use std::io;
use std::sync::{Arc, Mutex};

use baton_harness::receiver::{Answer, Receiver};
use baton_harness::wait_until;
use baton_webhooks::Settings;

use crate::node::{LIMIT, Node, SECRET, received, settings};

#[tokio::test]
async fn newest_come_first_and_no_more_than_asked_for() {
    let (node, receiver) = (Node::new().await, Receiver::start().await);
    let webhooks = node.start(settings());
    let webhook = node.register(&receiver.url()).await;
    for number in 0..5 {
        node.create_task(&number.to_string()).await;
    }
    node.planned(&webhooks).await;
    let log = node.deliveries.deliveries(&node.account, webhook, 3).await.unwrap();
    let contents: Vec<&str> =
        log.iter().map(|it| it.payload["task"]["content"].as_str().unwrap()).collect();
    assert_eq!(contents, ["4", "3", "2"]);
    webhooks.shutdown().await;
}

#[tokio::test]
async fn deliveries_done_with_are_kept_for_a_time_and_then_deleted() {
    let (node, receiver) = (Node::new().await, Receiver::start().await);
    let webhooks = node.start(settings());
    let webhook = node.register(&receiver.url()).await;
    for number in 0..3 {
        node.create_task(&number.to_string()).await;
    }
    node.wait_for_deliveries(webhook, "successes", |all| {
        all.len() == 3 && all.iter().all(|it| it.success)
    })
    .await;
    webhooks.shutdown().await;
    let client = node.pool.get().await.unwrap();
    // One is eight days old, one six, one eight but due again.
    client.execute(include_str!("sql/age_deliveries.sql"), &[]).await.unwrap();
    let webhooks = node.start(Settings { ..settings() });
    wait_until(LIMIT, "the oldest to go", async || node.deliveries(webhook).await.len() == 2).await;
    received(&receiver, 4).await;
    let log = node.deliveries(webhook).await;
    let contents: Vec<&str> =
        log.iter().map(|it| it.payload["task"]["content"].as_str().unwrap()).collect();
    assert_eq!(contents, ["2", "1"]);
    webhooks.shutdown().await;
}

#[tokio::test]
async fn what_is_given_up_does_not_count_as_waiting() {
    let (node, receiver) = (Node::new().await, Receiver::start().await);
    receiver.answer_always(Answer::hang());
    let webhooks = node.start(settings());
    node.register(&receiver.url()).await;
    let task = node.create_task("1").await;
    node.update(&task, "2").await;
    received(&receiver, 1).await;
    node.planned(&webhooks).await;
    drop(webhooks);
    let waiting = async || {
        let backlog = baton_webhooks::backlog(&node.pool).await.unwrap();
        (backlog.due, backlog.oldest_due_ms > 0)
    };
    assert_eq!(waiting().await, (2, true));
    let client = node.pool.get().await.unwrap();
    // Switched off, and the rows are not marked yet.
    client.execute(include_str!("sql/doom.sql"), &[]).await.unwrap();
    assert_eq!(waiting().await, (0, false));
    // Asked for again since: due, however long ago it was planned.
    let ask_again = include_str!("sql/ask_again.sql");
    assert_eq!(client.execute(ask_again, &[&"task.updated"]).await.unwrap(), 1);
    assert_eq!(waiting().await, (1, false));
}

/// Everything logged on the test's own thread, at every level.
#[derive(Clone, Default)]
struct Logged(Arc<Mutex<Vec<u8>>>);

impl io::Write for Logged {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn nothing_that_may_be_secret_is_logged() {
    let logged = Logged::default();
    let writer = logged.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let (node, receiver) = (Node::new().await, Receiver::start().await);
    let webhooks = node.start(Settings { failures_max: 2, ..settings() });
    let webhook = node.register(&format!("{}?token=hidden-in-the-url", receiver.url())).await;
    receiver.answer_next([Answer::status(200), Answer::status(500)]);
    node.create_task("told to the receiver only").await;
    node.create_task("2").await;
    let _ = received(&receiver, 2).await;
    receiver.answer_always(Answer::status(410));
    node.create_task("3").await;
    wait_until(LIMIT, "the webhook to be off", async || !node.webhook(webhook).await.active).await;
    webhooks.shutdown().await;
    let text = String::from_utf8(logged.0.lock().unwrap().clone()).unwrap();
    assert!(text.contains("switched a webhook off"), "the log was heard");
    for secret in [SECRET, "hidden-in-the-url", "told to the receiver only", "sha256=", "v1,"] {
        assert!(!text.contains(secret), "{secret}");
    }
}

#[tokio::test]
async fn no_secret_lies_open_anywhere_in_the_database() {
    let (node, receiver) = (Node::new().await, Receiver::start().await);
    let webhooks = node.start(settings());
    let webhook = node.register(&receiver.url()).await;
    node.create_task("1").await;
    received(&receiver, 1).await;
    node.wait_for_deliveries(webhook, "a success", |all| all[0].success).await;
    let client = node.pool.get().await.unwrap();
    let tables = client.query(include_str!("sql/tables.sql"), &[]).await.unwrap();
    assert!(tables.len() > 8);
    let key = SECRET.strip_prefix("whsec_").unwrap();
    let in_hex = SECRET.bytes().map(|byte| format!("{byte:02x}")).collect::<String>();
    for table in tables {
        let name: String = table.get(0);
        // Table names take no parameters; these come from the catalogue.
        let rows = client.query(&format!("select t::text from {name} t"), &[]).await.unwrap();
        for row in rows {
            let text: String = row.get(0);
            assert!(!text.contains(key) && !text.contains(&in_hex), "{name}");
        }
    }
    webhooks.shutdown().await;
}
