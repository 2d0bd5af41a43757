//! A new secret: the former one signs beside it for a time.

use baton_domain::Timestamp;
use baton_domain::webhook::{SignatureScheme, WebhookFields};
use baton_harness::receiver::{Received, Receiver};
use baton_harness::signature::{verify_body, verify_standard};
use baton_harness::wait_until;

use crate::node::{LIMIT, Node, SECRET, received, settings};

fn signatures(request: &Received) -> usize {
    request.header("webhook-signature").split(' ').count()
}

/// A delivery sent now.
async fn sent(node: &Node, receiver: &Receiver) -> Received {
    let before = receiver.requests().len();
    node.create_task("probe").await;
    received(receiver, before + 1).await.remove(before)
}

#[tokio::test]
async fn every_secret_verifies_during_its_overlap_and_no_longer() {
    const SHORT: i64 = 2;
    let (node, receiver) = (Node::new().await, Receiver::start().await);
    let webhooks = node.start(settings());
    let webhook = node.register(&receiver.url()).await;
    assert_eq!(signatures(&sent(&node, &receiver).await), 1);
    node.rotate(webhook, "the second secret", 3_600).await;
    let during = sent(&node, &receiver).await;
    assert_eq!(signatures(&during), 2);
    verify_standard(&during, "the second secret").unwrap();
    verify_standard(&during, SECRET).unwrap();
    verify_standard(&during, "a third secret").unwrap_err();
    verify_body(&during, "the second secret").unwrap();
    // The second one has less time left than the first.
    node.rotate(webhook, "the third secret", SHORT).await;
    sent(&node, &receiver).await;
    let former = node.webhook(webhook).await.former_secrets;
    assert_eq!(former.len(), 2);
    let until = former.iter().map(|secret| secret.until).min().unwrap();
    wait_until(LIMIT, "the second one's overlap to end", async || {
        Timestamp::from(jiff::Timestamp::now()) >= until
    })
    .await;
    let after = sent(&node, &receiver).await;
    assert_eq!(signatures(&after), 2);
    verify_standard(&after, "the third secret").unwrap();
    verify_standard(&after, SECRET).unwrap();
    verify_standard(&after, "the second secret").unwrap_err();
    webhooks.shutdown().await;
}

#[tokio::test]
async fn a_former_secret_that_is_lost_stops_nothing() {
    let (node, receiver) = (Node::new().await, Receiver::start().await);
    let webhook = node.register(&receiver.url()).await;
    let lost = node.webhook(webhook).await.secret_id;
    node.rotate(webhook, "the second secret", 3_600).await;
    let client = node.pool.get().await.unwrap();
    let lose = include_str!("sql/lose_secret.sql");
    assert_eq!(client.execute(lose, &[&lost.0]).await.unwrap(), 1);
    let webhooks = node.start(settings());
    let request = sent(&node, &receiver).await;
    assert_eq!(signatures(&request), 1);
    verify_standard(&request, "the second secret").unwrap();
    webhooks.shutdown().await;
}

#[tokio::test]
async fn a_sender_that_starts_during_the_overlap_signs_with_both() {
    let (node, receiver) = (Node::new().await, Receiver::start().await);
    let webhooks = node.start(settings());
    let webhook = node.register(&receiver.url()).await;
    node.rotate(webhook, "the second secret", 3_600).await;
    node.planned(&webhooks).await;
    webhooks.shutdown().await;
    let webhooks = node.start(settings());
    node.create_task("1").await;
    let request = &received(&receiver, 1).await[0];
    for secret in [SECRET, "the second secret"] {
        verify_standard(request, secret).unwrap();
    }
    // Other changes leave the secrets as they are.
    let scheme = Some(SignatureScheme::Timestamped);
    node.change(webhook, WebhookFields { signature_scheme: scheme, ..Default::default() }).await;
    node.create_task("2").await;
    assert_eq!(signatures(&received(&receiver, 2).await[1]), 2);
    webhooks.shutdown().await;
}

#[tokio::test]
async fn without_an_overlap_every_former_secret_is_void_at_once() {
    let (node, receiver) = (Node::new().await, Receiver::start().await);
    let webhooks = node.start(settings());
    let webhook = node.register(&receiver.url()).await;
    node.rotate(webhook, "the second secret", 3_600).await;
    node.create_task("1").await;
    assert_eq!(signatures(&received(&receiver, 1).await[0]), 2);
    node.rotate(webhook, "the third secret", 0).await;
    node.create_task("2").await;
    let request = &received(&receiver, 2).await[1];
    assert_eq!(signatures(request), 1);
    verify_standard(request, "the third secret").unwrap();
    webhooks.shutdown().await;
}
