//! Where deliveries may go: the address that is connected is the one that was checked.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;

use baton_harness::receiver::{Answer, Receiver};
use baton_webhooks::{Lookup, Settings};
use futures_util::future::BoxFuture;

use crate::node::{Node, received, retrying, settings};

/// Every name is this machine.
struct Rebound;

impl Lookup for Rebound {
    fn lookup(&self, _host: String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
        Box::pin(async { Ok(vec![IpAddr::from([127, 0, 0, 1])]) })
    }
}

#[tokio::test]
async fn private_addresses_are_refused_at_delivery_by_number_and_by_name() {
    let (node, receiver) = (Node::new().await, Receiver::start().await);
    let settings = Settings { allow_private: false, lookup: Arc::new(Rebound), ..retrying(&[]) };
    let webhooks = node.start(settings);
    let port = receiver.url().split(':').nth(2).unwrap().to_owned();
    for host in ["127.0.0.1", "example.com", "[::1]", "127.1", "[::ffff:127.0.0.1]"] {
        let webhook = node.register(&format!("http://{host}:{port}")).await;
        node.create_task("1").await;
        let log = node
            .wait_for_deliveries(webhook, "an attempt", |all| {
                all.first().is_some_and(|it| it.attempt > 0)
            })
            .await;
        assert_eq!(log[0].error.as_deref(), Some("the address is not allowed"), "{host}");
        assert!(!log[0].success);
    }
    assert!(receiver.requests().is_empty());
    webhooks.shutdown().await;
}

#[tokio::test]
async fn a_name_leads_where_the_lookup_says_once_that_is_allowed() {
    let (node, receiver) = (Node::new().await, Receiver::start().await);
    let webhooks = node.start(Settings { lookup: Arc::new(Rebound), ..settings() });
    let port = receiver.url().split(':').nth(2).unwrap().to_owned();
    node.register(&format!("http://example.com:{port}")).await;
    node.create_task("1").await;
    assert!(received(&receiver, 1).await[0].header("host").starts_with("example.com:"));
    webhooks.shutdown().await;
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let (node, receiver, elsewhere) =
        (Node::new().await, Receiver::start().await, Receiver::start().await);
    let webhooks = node.start(settings());
    let webhook = node.register(&receiver.url()).await;
    for status in [301, 302, 307, 308] {
        receiver.answer_next([Answer::status(status).header("location", &elsewhere.url())]);
        node.create_task("1").await;
        let log = node
            .wait_for_deliveries(webhook, "an answer", |all| {
                all.first().is_some_and(|it| it.status_code == Some(i32::from(status)))
            })
            .await;
        assert!(!log[0].success);
    }
    assert!(elsewhere.requests().is_empty());
    webhooks.shutdown().await;
}
