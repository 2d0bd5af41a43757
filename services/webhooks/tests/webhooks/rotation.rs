//! A new secret: the former one signs beside it for a time.

use std::time::SystemTime;

use baton_domain::webhook::{SignatureScheme, WebhookFields};
use baton_harness::receiver::{Received, Receiver};
use baton_harness::signature::{verify_body, verify_standard};
use baton_harness::wait_for;

use crate::node::{LIMIT, Node, SECRET, received, settings};

fn signatures(request: &Received) -> usize {
    request.header("webhook-signature").split(' ').count()
}

/// Sends until a delivery has this many signatures.
async fn signed_by(node: &Node, receiver: &Receiver, count: usize) -> Received {
    wait_for(LIMIT, "a delivery with so many signatures", async || {
        let before = receiver.requests().len();
        node.create_task("probe").await;
        let request = received(receiver, before + 1).await.remove(before);
        (signatures(&request) == count).then_some(request)
    })
    .await
}

#[tokio::test]
async fn both_secrets_verify_during_the_overlap_and_only_the_new_one_after_it() {
    const OVERLAP: i64 = 2;
    let (node, receiver) = (Node::new().await, Receiver::start().await);
    let webhooks = node.start(settings());
    let webhook = node.register(&receiver.url()).await;
    node.create_task("1").await;
    assert_eq!(signatures(&received(&receiver, 1).await[0]), 1);
    node.rotate(webhook, "the second secret", OVERLAP).await;
    let rotated_at = SystemTime::now();
    let during = signed_by(&node, &receiver, 2).await;
    verify_standard(&during, "the second secret").unwrap();
    verify_standard(&during, SECRET).unwrap();
    verify_standard(&during, "a third secret").unwrap_err();
    verify_body(&during, "the second secret").unwrap();
    let after = signed_by(&node, &receiver, 1).await;
    let lasted = after.at.duration_since(rotated_at).unwrap();
    assert!(lasted.as_millis() > 1_500, "{lasted:?}");
    verify_standard(&after, "the second secret").unwrap();
    verify_standard(&after, SECRET).unwrap_err();
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
