//! What is sent again, what is sent from before, and how secrets change (protocol 1.8, 4).

use baton_harness::client::{self, Client, Credential, send};
use baton_harness::receiver::{Answer, Received, Receiver};
use baton_harness::signature::{verify_body, verify_standard};
use baton_harness::wait_for;
use reqwest::Method;
use serde_json::{Value, json};

use crate::record;
use crate::world::{LIMIT, World, assert_has, assert_timestamp, problem, text, with, wrong_field};

async fn register(world: &World, receiver: &Receiver, fields: Value) -> String {
    let body = with(json!({ "url": receiver.url() }), fields);
    text(&world.project().post("/v1/webhooks", body).await.expect(201), "id")
}

fn of_task<'a>(requests: &'a [Received], id: &str) -> Vec<&'a Received> {
    requests.iter().filter(|request| request.json()["task"]["id"] == id).collect()
}

async fn delivered(receiver: &Receiver, task: &str, count: usize) -> Vec<Received> {
    let requests =
        receiver.wait_for(LIMIT, |requests| of_task(requests, task).len() >= count).await;
    of_task(&requests, task).into_iter().cloned().collect()
}

/// The webhook's delivery about a task, once it satisfies `enough`.
async fn delivery(
    world: &World,
    webhook: &str,
    task: &str,
    enough: impl Fn(&Value) -> bool,
) -> Value {
    wait_for(LIMIT, "a delivery in the log", async || {
        let log = world.project().get(&format!("/v1/webhooks/{webhook}/deliveries")).await;
        let log = log.expect(200).as_array().expect("an array").clone();
        log.into_iter().find(|one| one["payload"]["task"]["id"] == task && enough(one))
    })
    .await
}

/// Without a body, as there is nothing to say.
async fn ask(client: &Client, path: &str) -> client::Answer {
    send(client.request(Method::POST, path)).await
}

fn path(webhook: &str, delivery: &Value) -> String {
    format!("/v1/webhooks/{webhook}/deliveries/{}/redeliver", text(delivery, "id"))
}

#[tokio::test]
async fn a_delivery_is_sent_again_when_an_admin_asks() {
    let world = World::shared().await;
    let agent = world.agent("again").await;
    let receiver = Receiver::start().await;
    let secret = json!({ "secret": "a secret", "events": ["task.created"] });
    let webhook = register(world, &receiver, secret).await;
    let id = agent.task_id("c").await;
    let first = delivery(world, &webhook, &id, |one| one["success"] == true).await;
    let asked = ask(&world.project(), &path(&webhook, &first)).await;
    assert_eq!(asked.status, 202, "{}", asked.text);
    assert!(asked.header("Baton-Position").parse::<i64>().is_ok());
    let members = ["id", "webhook_id", "event", "payload", "created_at"];
    for member in members {
        assert_eq!(asked.body[member], first[member], "{member}");
    }
    assert_has(&asked.body, json!({ "success": false, "delivered_at": null }));
    assert_timestamp(&asked.body["next_attempt_at"]);
    let sent = delivered(&receiver, &id, 2).await;
    assert_eq!(sent[0].body, sent[1].body);
    for header in ["X-Delega-Delivery", "webhook-id", "X-Delega-Event"] {
        assert_eq!(sent[0].header(header), sent[1].header(header));
    }
    verify_body(&sent[1], "a secret").expect("signed again");
    verify_standard(&sent[1], "a secret").expect("signed again");
    let again =
        delivery(world, &webhook, &id, |one| one["attempt"] == 2 && one["success"] == true).await;
    assert_eq!(again["payload"], first["payload"]);
}

#[tokio::test]
async fn the_request_is_on_record_and_the_webhook_is_as_it_was() {
    let world = World::new().await;
    let admin = world.agent_with("boss", json!({ "role": "admin" })).await;
    let receiver = Receiver::start().await;
    let webhook = register(&world, &receiver, json!({})).await;
    let id = admin.task_id("c").await;
    let first = delivery(&world, &webhook, &id, |one| one["success"] == true).await;
    let before = world.project().get(&format!("/v1/webhooks/{webhook}")).await.expect(200);
    ask(&admin.client, &path(&webhook, &first)).await.expect(202);
    delivered(&receiver, &id, 2).await;
    let after = world.project().get(&format!("/v1/webhooks/{webhook}")).await.expect(200);
    assert_eq!(before, after);
    let log = record::stream(&world.database.connect().await, &webhook).await;
    let last = log.last().expect("events of the webhook");
    assert_eq!(last.event, "webhook.redelivery_requested");
    assert_eq!(last.payload, json!({ "delivery_id": first["id"] }));
    // Nobody is told of it, and every follower takes it.
    record::caught_up(&world).await;
    assert_eq!(receiver.requests().len(), 2);
    record::assert_models_equal_a_rebuild(&world).await;
}

#[tokio::test]
async fn a_redelivery_is_refused_where_there_is_nothing_to_send_or_nobody_to_ask() {
    let world = World::shared().await;
    let agent = world.agent("refused").await;
    let (receiver, other) = (Receiver::start().await, Receiver::start().await);
    let events = json!({ "events": ["task.created"] });
    let webhook = register(world, &receiver, events.clone()).await;
    let stranger = register(world, &other, events).await;
    let id = agent.task_id("c").await;
    let sent = delivery(world, &webhook, &id, |one| one["success"] == true).await;
    let admin = world.project();
    let unknown = json!({ "id": "7d0c1d57-8f4b-5c3e-9d3a-0c9f1b5f2a10" });
    for missing in [
        path(&webhook, &unknown),
        path(&webhook, &json!({ "id": "no-id" })),
        path(&stranger, &sent),
        path("unknown", &sent),
        path(&text(&unknown, "id"), &sent),
    ] {
        problem(&ask(&admin, &missing).await, 404);
    }
    problem(&ask(&agent.client, &path(&webhook, &sent)).await, 403);
    problem(&ask(&world.nobody(), &path(&webhook, &sent)).await, 401);
    let tenant = world.baton.command(&["account", "create", &crate::world::fresh("tenant")]).await;
    let token = String::from_utf8_lossy(&tenant.stdout).trim().to_owned();
    let tenant = admin.with(Credential::Bearer(token));
    problem(&ask(&tenant, &path(&webhook, &sent)).await, 404);
    // Switched off, it gets nothing; the answer says what to do.
    let hook = format!("/v1/webhooks/{webhook}");
    admin.patch(&hook, json!({ "active": false })).await.expect(200);
    let answer = ask(&admin, &path(&webhook, &sent)).await;
    let detail = text(problem(&answer, 409), "detail");
    assert!(detail.contains("inactive") && detail.contains("active true"), "{detail}");
    admin.patch(&hook, json!({ "active": true })).await.expect(200);
    ask(&admin, &path(&webhook, &sent)).await.expect(202);
    delivered(&receiver, &id, 2).await;
    admin.delete(&hook).await.expect(200);
    problem(&ask(&admin, &path(&webhook, &sent)).await, 404);
    assert_eq!(of_task(&other.requests(), &id).len(), 1);
}

#[tokio::test]
async fn the_same_idempotency_key_asks_once() {
    let world = World::new().await;
    let agent = world.agent("once").await;
    let receiver = Receiver::start().await;
    let webhook = register(&world, &receiver, json!({})).await;
    let id = agent.task_id("c").await;
    let sent = delivery(&world, &webhook, &id, |one| one["success"] == true).await;
    let admin = world.project();
    let path = path(&webhook, &sent);
    let asked = admin.post_once(&path, "ask-once", json!({})).await;
    assert_eq!(asked.status, 202, "{}", asked.text);
    delivered(&receiver, &id, 2).await;
    let again = admin.post_once(&path, "ask-once", json!({})).await;
    assert_eq!(again.header("Idempotency-Replayed"), "true");
    assert_eq!(again.header("Baton-Position"), asked.header("Baton-Position"));
    assert_has(&again.expect(202), json!({ "id": sent["id"], "payload": sent["payload"] }));
    record::caught_up(&world).await;
    let log = record::stream(&world.database.connect().await, &webhook).await;
    assert_eq!(record::names(&log), ["webhook.created", "webhook.redelivery_requested"]);
}

#[tokio::test]
async fn a_webhook_may_begin_in_the_past() {
    let world = World::new().await;
    let agent = world.agent("past").await;
    let made = agent.client.post("/v1/tasks", json!({ "content": "c" })).await;
    let position: i64 = made.header("Baton-Position").parse().expect("a position");
    let id = text(&made.expect(201), "id");
    for priority in [1, 3, 4] {
        let change = json!({ "priority": priority });
        agent.client.patch(&format!("/v1/tasks/{id}"), change).await.expect(200);
    }
    let receiver = Receiver::start().await;
    let after_the_first = json!({ "from_position": position + 1 });
    let webhook = register(&world, &receiver, after_the_first).await;
    agent.client.post(&format!("/v1/tasks/{id}/complete"), json!({})).await.expect(200);
    let sent = delivered(&receiver, &id, 3).await;
    let told: Vec<(String, Value)> = sent
        .iter()
        .map(|one| (one.event().to_owned(), one.json()["task"]["priority"].clone()))
        .collect();
    let expected = [("task.updated", 3), ("task.updated", 4), ("task.completed", 4)]
        .map(|(event, priority)| (event.to_owned(), json!(priority)));
    assert_eq!(told, expected);
    assert_eq!(sent[1].json()["agent"]["id"], json!(agent.id));
    let log = record::stream(&world.database.connect().await, &webhook).await;
    assert_eq!(log[0].payload["from_position"], json!(position + 1));
    // Without it, as ever; and a rebuild sends nothing.
    let fresh = Receiver::start().await;
    register(&world, &fresh, json!({})).await;
    let rebuilt = world.baton.command(&["rebuild"]).await;
    assert!(rebuilt.status.success());
    let last = agent.task_id("d").await;
    delivered(&fresh, &last, 1).await;
    delivered(&receiver, &last, 1).await;
    record::caught_up(&world).await;
    assert_eq!((receiver.requests().len(), fresh.requests().len()), (4, 1));
}

#[tokio::test]
async fn a_bad_place_to_begin_is_refused_by_name() {
    let world = World::shared().await;
    let url = "https://hooks.example/past";
    for position in [json!(-1), json!(1.5), json!("0"), json!(true), json!(i64::MAX), json!(1e30)] {
        let body = json!({ "url": url, "from_position": position });
        wrong_field(&world.project().post("/v1/webhooks", body).await, "from_position");
    }
    let inactive = json!({ "url": url, "from_position": 0, "active": false });
    wrong_field(&world.project().post("/v1/webhooks", inactive).await, "from_position");
    let null = json!({ "url": url, "from_position": null, "active": false });
    world.project().post("/v1/webhooks", null).await.expect(201);
}

#[tokio::test]
async fn both_secrets_sign_while_a_secret_is_changed() {
    let world = World::shared().await;
    let agent = world.agent("rotated").await;
    let receiver = Receiver::start().await;
    let fields = json!({ "secret": "the first", "events": ["task.created"] });
    let webhook = register(world, &receiver, fields).await;
    let hook = format!("/v1/webhooks/{webhook}");
    let admin = world.project();
    let signed = async || {
        let id = agent.task_id("c").await;
        delivered(&receiver, &id, 1).await.remove(0)
    };
    let count = |request: &Received| request.header("webhook-signature").split(' ').count();
    assert_eq!(count(&signed().await), 1);
    // A day, where nobody says otherwise.
    let changed = admin.patch(&hook, json!({ "secret": "the second" })).await.expect(200);
    assert!(!changed.to_string().contains("the second"));
    let request = signed().await;
    assert_eq!(count(&request), 2);
    for secret in ["the first", "the second"] {
        verify_standard(&request, secret).expect("signed with both");
    }
    verify_body(&request, "the second").expect("the new one");
    let end = json!({ "secret": "the third", "secret_overlap_seconds": 0 });
    admin.put(&hook, end).await.expect(200);
    let request = signed().await;
    assert_eq!(count(&request), 1);
    verify_standard(&request, "the third").expect("the new one alone");
    for overlap in [json!(-1), json!(604_801), json!("60"), json!(0.5)] {
        let body = json!({ "secret": "the fourth", "secret_overlap_seconds": overlap });
        wrong_field(&admin.patch(&hook, body).await, "secret_overlap_seconds");
    }
    let alone = json!({ "secret_overlap_seconds": 60 });
    wrong_field(&admin.patch(&hook, alone).await, "secret_overlap_seconds");
    let longest = json!({ "secret": "the fourth", "secret_overlap_seconds": 604_800 });
    admin.patch(&hook, longest).await.expect(200);
    verify_standard(&signed().await, "the third").expect("for a week");
    let log = record::stream(&world.database.connect().await, &webhook).await;
    let rotations: Vec<usize> = log[1..]
        .iter()
        .map(|event| event.payload["former_secrets"].as_array().map_or(0, Vec::len))
        .collect();
    assert_eq!(rotations, [1, 0, 1], "when each ends is in the events");
}

#[tokio::test]
async fn proxies_of_the_environment_are_not_used() {
    let proxy = Receiver::start().await;
    proxy.answer_always(Answer::status(502));
    let url = proxy.url();
    let world = World::with(|builder| {
        let names = ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY"];
        names.iter().fold(builder, |builder, name| builder.env(name, &url))
    })
    .await;
    let agent = world.agent("direct").await;
    let receiver = Receiver::start().await;
    register(&world, &receiver, json!({})).await;
    let id = agent.task_id("c").await;
    delivered(&receiver, &id, 1).await;
    assert!(proxy.requests().is_empty());
}
