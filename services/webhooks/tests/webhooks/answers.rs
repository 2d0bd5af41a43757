//! What receivers answer, as far as the delivery log shows it.

use std::time::Duration;

use baton_domain::WebhookId;
use baton_harness::receiver::{Answer, Receiver};
use baton_webhooks::{DeliveryDocument, Settings};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::node::{Node, received, retrying, settings};

/// Answers every request with these bytes, and then says no more, the connection open.
async fn raw(answer: Vec<u8>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let answer = answer.clone();
            tokio::spawn(async move {
                let mut request = vec![0; 64 * 1024];
                let _ = stream.read(&mut request).await;
                let _ = stream.write_all(&answer).await;
                let _ = stream.read(&mut request).await;
            });
        }
    });
    url
}

async fn attempted(node: &Node, webhook: WebhookId) -> DeliveryDocument {
    let attempted = node.wait_for_deliveries(webhook, "an attempt", |all| {
        all.first().is_some_and(|it| it.attempt == 1)
    });
    attempted.await.remove(0)
}

#[tokio::test]
async fn the_log_shows_what_was_sent_and_answered() {
    let node = Node::new().await;
    let webhooks = node.start(settings());
    let body = "ä\0\u{1f980}".repeat(400);
    let head = format!("HTTP/1.1 201 Created\r\ncontent-length: {}\r\n\r\n", body.len());
    let webhook = node.register(&raw([head.as_bytes(), body.as_bytes()].concat()).await).await;
    let task = node.create_task("1").await;
    let delivery = attempted(&node, webhook).await;
    assert_eq!(delivery.webhook_id, webhook);
    assert_eq!(delivery.event, "task.created");
    assert_eq!(delivery.payload["task"]["id"], task.as_str());
    assert_eq!(delivery.payload["id"], delivery.id.to_string());
    assert_eq!(delivery.status_code, Some(201));
    assert!(delivery.success);
    assert_eq!(delivery.next_attempt_at, None);
    assert!(delivery.delivered_at.unwrap() >= delivery.created_at);
    let shown = delivery.response_body.unwrap();
    assert_eq!(shown.chars().count(), 500);
    assert!(shown.starts_with("ä\u{fffd}\u{1f980}ä"));
    webhooks.shutdown().await;
}

#[tokio::test]
async fn a_status_decides_also_when_the_answer_never_ends() {
    let node = Node::new().await;
    let webhooks = node.start(settings());
    let slow = raw(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nok so far".to_vec()).await;
    let webhook = node.register(&slow).await;
    node.create_task("1").await;
    let delivery = attempted(&node, webhook).await;
    assert_eq!((delivery.status_code, delivery.success), (Some(200), true));
    assert_eq!(delivery.response_body.as_deref(), Some("ok so far"));
    let endless = [b"HTTP/1.1 500 No\r\n\r\n".to_vec(), vec![b'x'; 1_000_000]].concat();
    let webhook = node.register(&raw(endless).await).await;
    node.create_task("2").await;
    let delivery = attempted(&node, webhook).await;
    assert_eq!(delivery.status_code, Some(500));
    assert_eq!(delivery.response_body, Some("x".repeat(500)));
    webhooks.shutdown().await;
}

#[tokio::test]
async fn what_is_no_answer_has_a_reason() {
    let node = Node::new().await;
    let settings = Settings { attempt_timeout: Duration::from_millis(300), ..settings() };
    let webhooks = node.start(settings);
    for (answer, error) in [
        (&b"HTTP/1.1 what\r\n\r\n"[..], "the connection broke"),
        (b"", "there was no answer in time"),
        (b"HTTP/1.1 200 OK\r\n", "there was no answer in time"),
    ] {
        let webhook = node.register(&raw(answer.to_vec()).await).await;
        node.create_task("1").await;
        let delivery = attempted(&node, webhook).await;
        assert_eq!(delivery.error.as_deref(), Some(error));
        assert_eq!((delivery.status_code, delivery.response_body), (None, None));
    }
    webhooks.shutdown().await;
}

#[tokio::test]
async fn a_receiver_may_ask_for_more_time() {
    let (node, receiver) = (Node::new().await, Receiver::start().await);
    let webhooks = node.start(retrying(&[50, 50]));
    node.register(&receiver.url()).await;
    receiver.answer_next([
        Answer::status(429).header("retry-after", "1"),
        Answer::status(503).header("retry-after", "0"),
    ]);
    node.create_task("1").await;
    let all = received(&receiver, 3).await;
    let waited = |index: usize| all[index].at.duration_since(all[index - 1].at).unwrap();
    assert!(waited(1) >= Duration::from_millis(950), "{:?}", waited(1));
    assert!(waited(2) < Duration::from_millis(900), "{:?}", waited(2));
    webhooks.shutdown().await;
}
