//! Statements find their rows by key, however large the table has grown and whatever the
//! statistics said when they were prepared.

use baton_domain::WebhookId;
use baton_domain::id::DeliveryId;
use baton_domain::webhook::WebhookFields;
use baton_harness::receiver::{Answer, Receiver};
use baton_harness::{wait_for, wait_until};
use uuid::Uuid;

use crate::node::{LIMIT, Node, received, retrying};

/// Deliveries that are done with and that nobody asks for.
const MANY: i64 = 10_000;

fn set_active(active: bool) -> WebhookFields {
    WebhookFields { active: Some(active), ..WebhookFields::default() }
}

async fn nothing_waits(node: &Node) {
    wait_until(LIMIT, "nothing to wait", async || {
        baton_webhooks::backlog(&node.pool).await.unwrap().due == 0
    })
    .await;
}

/// Everything that is ever done with deliveries.
async fn everything(node: &Node, receiver: &Receiver, webhook: WebhookId) {
    let webhooks = node.start(retrying(&[1]));
    let before = receiver.requests().len();
    node.change(webhook, set_active(true)).await;
    // A first attempt and a retry, then a redelivery.
    receiver.answer_next([Answer::status(500)]);
    node.create_task("1").await;
    let requests = received(receiver, before + 2).await;
    let id = DeliveryId(requests[before].header("webhook-id").parse::<Uuid>().unwrap());
    nothing_waits(node).await;
    node.redeliver(webhook, id.0).await;
    received(receiver, before + 3).await;
    let found = node.deliveries.delivery(&node.account, webhook, id).await.unwrap();
    assert_eq!(found.unwrap().id, id.0);
    assert!(!node.deliveries.deliveries(&node.account, webhook, 3).await.unwrap().is_empty());
    node.deliveries.failure_counts(&node.account).await.unwrap();
    // The past of another one.
    let backfilled = node.register_from(&receiver.url(), WebhookFields::default(), Some(0)).await;
    received(receiver, before + 4).await;
    nothing_waits(node).await;
    // Switched off, they give up what waits.
    for webhook in [webhook, backfilled] {
        node.change(webhook, set_active(false)).await;
    }
    node.planned(&webhooks).await;
    webhooks.shutdown().await;
}

#[tokio::test]
async fn what_was_prepared_on_an_empty_table_reads_no_more_once_it_is_large() {
    let (node, receiver) = (Node::new().await, Receiver::start().await);
    // Plans that know no values, and are kept: those of the first statements of all.
    let name = &node.database.name;
    let generic = format!("alter database {name} set plan_cache_mode = force_generic_plan");
    let client = node.database.connect().await;
    client.batch_execute(&generic).await.unwrap();
    for sql in include_str!("sql/as_if_empty.sql").split(';') {
        client.batch_execute(sql).await.unwrap();
    }
    // One connection makes every plan and keeps it.
    node.pool.resize(1);
    node.pool.retain(|_, _| false);
    let webhook = node.register_with(&receiver.url(), set_active(false)).await;
    everything(&node, &receiver, webhook).await;
    let many = include_str!("sql/many_deliveries.sql");
    client.execute(many, &[&node.account.as_str(), &webhook.0, &MANY]).await.unwrap();
    everything(&node, &receiver, webhook).await;
    let backend: i32 = {
        let client = node.pool.get().await.unwrap();
        client.query_one(include_str!("sql/backend.sql"), &[]).await.unwrap().get(0)
    };
    node.pool.close();
    let touched = wait_for(LIMIT, "the backend's counts", async || {
        let row = client.query_opt(include_str!("sql/rows_touched.sql"), &[&backend]).await;
        row.unwrap().map(|row| row.get::<_, i64>(0))
    })
    .await;
    // A BRIN index that is not summarised yet says nothing: the old are looked for once.
    assert!(touched < MANY * 3 / 2, "{touched} rows read");
}
