//! Webhooks and their deliveries (protocol 1.8, 2.5, section 4).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use baton_harness::baton::Builder;
use baton_harness::receiver::{Answer, Received, Receiver};
use baton_harness::signature::{verify_body, verify_standard, verify_timestamped};
use baton_harness::wait_for;
use serde_json::{Value, json};

use crate::record;
use crate::world::{
    Agent, LIMIT, World, assert_has, assert_timestamp, ids, problem, text, with, wrong_field,
};

const EVENTS: [&str; 25] = [
    "task.created",
    "task.updated",
    "task.assigned",
    "task.delegated",
    "task.claimed",
    "task.released",
    "task.state_changed",
    "task.commented",
    "task.linked",
    "task.completed",
    "task.failed",
    "task.cancelled",
    "task.deleted",
    "task.blocked",
    "task.unblocked",
    "epic.created",
    "epic.updated",
    "epic.completed",
    "epic.failed",
    "epic.cancelled",
    "epic.deleted",
    "epic.budget_exceeded",
    "execution.completed",
    "execution.failed",
    "execution.cancelled",
];

async fn register(world: &World, fields: Value) -> Value {
    world.project().post("/v1/webhooks", fields).await.expect(201)
}

/// A webhook of this receiver's: its id and its secret.
async fn hook(world: &World, receiver: &Receiver, fields: Value) -> (String, String) {
    let made = register(world, with(json!({ "url": receiver.url() }), fields)).await;
    (text(&made, "id"), made["secret"].as_str().unwrap_or_default().to_owned())
}

async fn deliveries(world: &World, webhook: &str) -> Vec<Value> {
    let list = world.project().get(&format!("/v1/webhooks/{webhook}/deliveries")).await;
    list.expect(200).as_array().expect("an array").clone()
}

fn of_task<'a>(requests: &'a [Received], id: &str) -> Vec<&'a Received> {
    requests.iter().filter(|request| request.json()["task"]["id"] == id).collect()
}

async fn delivered(receiver: &Receiver, task: &str, count: usize) -> Vec<Received> {
    let requests =
        receiver.wait_for(LIMIT, |requests| of_task(requests, task).len() >= count).await;
    of_task(&requests, task).into_iter().cloned().collect()
}

/// Published clients cannot name a scheme: the server may be set to the one that they verify.
#[tokio::test]
async fn a_webhook_that_names_no_scheme_gets_the_one_that_is_set() {
    let scheme = |builder: Builder| builder.env("BATON_WEBHOOK_SIGNATURE_SCHEME", "timestamped");
    let world = World::with(scheme).await;
    let named = json!({ "url": "https://hooks.example/b", "signature_scheme": "body" });
    for (fields, scheme) in
        [(json!({ "url": "https://hooks.example/a" }), "timestamped"), (named, "body")]
    {
        let made = register(&world, fields).await;
        assert_eq!(made["signature_scheme"], scheme, "{made}");
    }
}

#[tokio::test]
async fn a_webhook_is_made_read_changed_and_deleted() {
    let world = World::shared().await;
    let made = register(world, json!({ "url": "https://hooks.example/a" })).await;
    let path = format!("/v1/webhooks/{}", text(&made, "id"));
    assert_has(
        &made,
        json!({
            "url": "https://hooks.example/a", "active": true, "failure_count": 0,
            "signature_scheme": "body", "agent_id": null,
        }),
    );
    assert_timestamp(&made["created_at"]);
    let secret = text(&made, "secret");
    let key = secret.strip_prefix("whsec_").and_then(|key| STANDARD.decode(key).ok());
    assert_eq!(key.map(|key| key.len()), Some(32), "{secret}");

    let admin = world.project();
    let read = admin.get(&path).await.expect(200);
    assert_eq!(read.get("secret"), None);
    assert_has(&read, json!({ "id": made["id"], "url": made["url"], "events": made["events"] }));
    for (method, change) in [
        ("put", json!({ "url": "https://hooks.example/b", "events": ["task.failed"] })),
        ("patch", json!({ "signature_scheme": "timestamped", "active": false })),
    ] {
        let changed = match method {
            "put" => admin.put(&path, change.clone()).await.expect(200),
            _ => admin.patch(&path, change.clone()).await.expect(200),
        };
        assert_has(&changed, change);
        assert_eq!(changed.get("secret"), None);
    }
    let changed = admin.patch(&path, json!({ "secret": "a secret of mine" })).await.expect(200);
    assert_eq!(changed.get("secret"), None);
    let read = admin.get(&path).await.expect(200);
    assert_has(
        &read,
        json!({
            "url": "https://hooks.example/b", "events": ["task.failed"], "active": false,
            "signature_scheme": "timestamped",
        }),
    );
    let gone = admin.delete(&path).await.expect(200);
    assert_eq!(gone, json!({ "ok": true, "deleted": made["id"] }));
    for answer in [
        admin.get(&path).await,
        admin.patch(&path, json!({ "active": true })).await,
        admin.delete(&path).await,
        admin.get(&format!("{path}/deliveries")).await,
        admin.get("/v1/webhooks/unknown").await,
    ] {
        problem(&answer, 404);
    }
}

#[tokio::test]
async fn webhooks_are_listed_oldest_first_without_secrets() {
    let world = World::new().await;
    let mut expected = Vec::new();
    for name in ["c", "a", "b"] {
        let made =
            register(&world, json!({ "url": format!("https://hooks.example/{name}") })).await;
        expected.push(text(&made, "id"));
    }
    let list = world.project().get("/v1/webhooks").await.expect(200);
    assert_eq!(ids(&list), expected);
    assert!(list.as_array().expect("an array").iter().all(|one| one.get("secret").is_none()));
}

#[tokio::test]
async fn every_event_of_the_contract_can_be_subscribed_to_and_no_other() {
    let world = World::shared().await;
    let url = "https://hooks.example/events";
    let made = register(world, json!({ "url": url, "events": EVENTS, "active": false })).await;
    assert_eq!(made["events"], json!(EVENTS));
    register(world, json!({ "url": url, "events": ["*"], "active": false })).await;
    for events in [json!(["task.created", "task.eaten"]), json!(["agent.created"]), json!(["x"])] {
        let body = json!({ "url": url, "events": events });
        problem(&world.project().post("/v1/webhooks", body).await, 400);
    }
}

#[tokio::test]
async fn urls_are_refused_that_can_never_be_delivered_to() {
    let world = World::with(|builder| builder.without("BATON_ALLOW_PRIVATE_WEBHOOKS")).await;
    for url in [
        "ftp://example.com/x",
        "example.com",
        "https://",
        "https://user:password@example.com/",
        "https://example.com:0/",
        "https://example.com:99999/",
        "http://localhost/x",
        "http://printer.local/",
        "http://db.internal/",
        "http://nas.home.arpa/",
        "http://svc.cluster.local/",
        "http://127.0.0.1:9/",
        "http://[::1]/",
        "http://10.0.0.1/",
        "http://192.168.1.1/",
        "http://172.16.0.1/",
        "http://169.254.169.254/latest",
        "http://100.64.0.1/",
        "http://198.18.0.1/",
        "http://0.0.0.0/",
        "http://[fd00::1]/",
        "http://[::ffff:127.0.0.1]/",
    ] {
        let answer = world.project().post("/v1/webhooks", json!({ "url": url })).await;
        assert_eq!(answer.status, 400, "{url}: {}", answer.text);
        problem(&answer, 400);
    }
    let made = register(&world, json!({ "url": "https://nowhere.example:8443/x?y=z" })).await;
    let path = format!("/v1/webhooks/{}", text(&made, "id"));
    problem(&world.project().patch(&path, json!({ "url": "http://10.0.0.1/" })).await, 400);
    for url in [json!(null), json!(5), json!("")] {
        wrong_field(&world.project().post("/v1/webhooks", json!({ "url": url })).await, "url");
    }
    let long = json!({ "url": "https://hooks.example/", "secret": "s".repeat(257) });
    problem(&world.project().post("/v1/webhooks", long).await, 400);
    let longest = json!({ "url": "https://hooks.example/", "secret": "ä".repeat(256) });
    world.project().post("/v1/webhooks", longest).await.expect(201);
    let scheme = json!({ "url": "https://hooks.example/", "signature_scheme": "none" });
    let answer = world.project().post("/v1/webhooks", scheme).await;
    wrong_field(&answer, "signature_scheme");
}

#[tokio::test]
async fn both_schemes_and_the_standard_headers_verify_with_every_kind_of_secret() {
    let world = World::shared().await;
    let agent = world.agent("signed").await;
    let generated = Receiver::start().await;
    let (_, secret) = hook(world, &generated, json!({})).await;
    let given = Receiver::start().await;
    let own = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    hook(world, &given, json!({ "secret": own, "signature_scheme": "timestamped" })).await;
    let id = agent.task_id("signed: ä ☃ \u{1F600} \" \\ \n").await;

    let request = &delivered(&generated, &id, 1).await[0];
    verify_body(request, &secret).expect("scheme body");
    verify_standard(request, &secret).expect("the standard headers");
    verify_body(request, own).expect_err("another secret does not verify");
    let request = &delivered(&given, &id, 1).await[0];
    verify_timestamped(request, own).expect("scheme timestamped");
    verify_standard(request, own).expect("the standard headers");
    assert_timestamp(&json!(request.header("X-Delega-Timestamp")));
    assert_eq!(request.header("Content-Type"), "application/json");
}

#[tokio::test]
async fn a_changed_secret_signs_from_then_on() {
    let world = World::shared().await;
    let agent = world.agent("resigned").await;
    let receiver = Receiver::start().await;
    let (webhook, _) = hook(world, &receiver, json!({ "secret": "the first secret" })).await;
    let before = agent.task_id("before").await;
    let request = delivered(&receiver, &before, 1).await.remove(0);
    verify_body(&request, "the first secret").expect("the first secret");
    let change = json!({ "secret": "the second secret" });
    world.project().patch(&format!("/v1/webhooks/{webhook}"), change).await.expect(200);
    let after = agent.task_id("after").await;
    let request = delivered(&receiver, &after, 1).await.remove(0);
    verify_body(&request, "the second secret").expect("the second secret");
}

#[tokio::test]
async fn a_body_carries_the_task_as_of_the_event_and_who_caused_it() {
    let world = World::shared().await;
    let (agent, other) = (world.agent("actor").await, world.agent("other").await);
    let receiver = Receiver::start().await;
    hook(world, &receiver, json!({})).await;
    let body = json!({
        "content": "c", "metadata": { "m": 1 }, "context": { "c": 1 }, "labels": ["l"],
        "assigned_to": other.id, "due_date": "2026-01-02",
    });
    let made = agent.client.post("/v1/tasks", body).await.expect(201);
    let id = text(&made, "id");
    let change = json!({ "priority": 1, "metadata": { "n": 2 } });
    world.project().patch(&format!("/v1/tasks/{id}"), change).await.expect(200);

    let requests = delivered(&receiver, &id, 2).await;
    let (created, updated) = (requests[0].json(), requests[1].json());
    let members = ["event", "id", "task", "timestamp"];
    assert!(members.iter().all(|member| created.get(member).is_some()), "{created}");
    for absent in ["comments", "links", "subtasks", "project"] {
        assert_eq!(created["task"].get(absent), None, "{absent}");
    }
    let task = created["task"].as_object().expect("a task").clone();
    assert_has(&made, Value::Object(task));
    assert_eq!(
        created["agent"],
        json!({ "id": agent.id, "name": agent.name, "display_name": null })
    );
    assert_eq!(created["timestamp"], made["created_at"]);
    assert_has(&updated["task"], json!({ "priority": 1, "metadata": { "m": 1, "n": 2 } }));
    assert_eq!(updated["agent"], json!(null));
}

#[tokio::test]
async fn an_inactive_webhook_hears_nothing_and_one_that_names_events_only_those() {
    let world = World::new().await;
    let agent = world.agent("actor").await;
    let (silent, picky) = (Receiver::start().await, Receiver::start().await);
    hook(&world, &silent, json!({ "active": false })).await;
    hook(&world, &picky, json!({ "events": ["task.completed", "task.deleted"] })).await;
    let id = agent.task_id("c").await;
    agent.client.post(&format!("/v1/tasks/{id}/complete"), json!({})).await.expect(200);
    agent.client.delete(&format!("/v1/tasks/{id}")).await.expect(200);
    let requests = delivered(&picky, &id, 2).await;
    let events: Vec<&str> = requests.iter().map(Received::event).collect();
    assert_eq!(events, ["task.completed", "task.deleted"]);
    record::caught_up(&world).await;
    assert_eq!((silent.requests().len(), picky.requests().len()), (0, 2));
}

#[tokio::test]
async fn the_delivery_log_shows_newest_first_what_was_sent_and_answered() {
    let world = World::shared().await;
    let agent = world.agent("logged").await;
    let receiver = Receiver::start().await;
    let (webhook, _) = hook(world, &receiver, json!({ "events": ["task.completed"] })).await;
    let mut tasks = Vec::new();
    for _ in 0..3 {
        let id = agent.task_id("c").await;
        agent.client.post(&format!("/v1/tasks/{id}/complete"), json!({})).await.expect(200);
        delivered(&receiver, &id, 1).await;
        tasks.push(id);
    }
    let of_ours = |log: &[Value]| -> Vec<Value> {
        let ours = log
            .iter()
            .filter(|one| tasks.iter().any(|task| one["payload"]["task"]["id"] == task.as_str()));
        ours.cloned().collect()
    };
    let log = wait_for(LIMIT, "three successes are logged", async || {
        let log = of_ours(&deliveries(world, &webhook).await);
        let all = log.len() == 3 && log.iter().all(|one| one["success"] == true);
        all.then_some(log)
    })
    .await;
    let order: Vec<&Value> = log.iter().map(|one| &one["payload"]["task"]["id"]).collect();
    assert_eq!(order, [&tasks[2], &tasks[1], &tasks[0]]);
    let request = &delivered(&receiver, &tasks[2], 1).await[0];
    assert_has(
        &log[0],
        json!({
            "id": request.header("X-Delega-Delivery"), "webhook_id": webhook,
            "event": "task.completed", "payload": request.json(), "status_code": 200,
            "success": true, "attempt": 1, "next_attempt_at": null,
        }),
    );
    assert_timestamp(&log[0]["created_at"]);
    assert_timestamp(&log[0]["delivered_at"]);
    let path = format!("/v1/webhooks/{webhook}/deliveries?limit=1");
    let one = world.project().get(&path).await;
    assert_eq!(one.header("X-Has-More"), "true");
    assert_eq!(one.expect(200).as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn a_failed_attempt_is_made_again_with_the_same_id_and_body() {
    let world = World::shared().await;
    let agent = world.agent("retried").await;
    let receiver = Receiver::start().await;
    receiver.answer_next([Answer::status(500)]);
    let (webhook, secret) = hook(world, &receiver, json!({ "events": ["task.deleted"] })).await;
    let id = agent.task_id("c").await;
    agent.client.delete(&format!("/v1/tasks/{id}")).await.expect(200);
    delivered(&receiver, &id, 1).await;
    let failed = wait_for(LIMIT, "the failure is logged", async || {
        deliveries(world, &webhook).await.into_iter().find(|one| one["attempt"] == 1)
    })
    .await;
    assert_has(&failed, json!({ "success": false, "status_code": 500, "delivered_at": null }));
    assert_timestamp(&failed["next_attempt_at"]);

    let requests = delivered(&receiver, &id, 2).await;
    assert_eq!(requests[0].body, requests[1].body);
    for header in ["X-Delega-Delivery", "webhook-id"] {
        assert_eq!(requests[0].header(header), requests[1].header(header));
    }
    assert_ne!(requests[0].header("X-Delega-Timestamp"), requests[1].header("X-Delega-Timestamp"));
    verify_body(&requests[1], &secret).expect("signed again");
    verify_standard(&requests[1], &secret).expect("signed again");
    let waited = requests[1].at.duration_since(requests[0].at).expect("time goes on");
    assert!((4..30).contains(&waited.as_secs()), "the second attempt came after {waited:?}");
}

#[tokio::test]
async fn a_receiver_that_is_gone_is_left_alone_until_switched_on_again() {
    let world = World::shared().await;
    let agent = world.agent("gone").await;
    let receiver = Receiver::start().await;
    receiver.answer_next([Answer::status(410)]);
    let (webhook, _) = hook(world, &receiver, json!({ "events": ["task.failed"] })).await;
    let fail = async |agent: &Agent| {
        let id = agent.task_id("c").await;
        agent.client.post(&format!("/v1/tasks/{id}/fail"), json!({})).await.expect(200);
        id
    };
    delivered(&receiver, &fail(&agent).await, 1).await;
    let path = format!("/v1/webhooks/{webhook}");
    wait_for(LIMIT, "the webhook is switched off", async || {
        let read = world.project().get(&path).await.expect(200);
        (read["active"] == false).then_some(())
    })
    .await;
    fail(&agent).await;
    let on = world.project().patch(&path, json!({ "active": true })).await.expect(200);
    assert_has(&on, json!({ "active": true, "failure_count": 0 }));
    delivered(&receiver, &fail(&agent).await, 1).await;
    assert_eq!(receiver.requests().len(), 2);
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let world = World::shared().await;
    let agent = world.agent("redirected").await;
    let (from, to) = (Receiver::start().await, Receiver::start().await);
    from.answer_next([Answer::status(302).header("location", &to.url())]);
    let (webhook, _) = hook(world, &from, json!({ "events": ["task.cancelled"] })).await;
    let id = agent.task_id("c").await;
    agent.client.post(&format!("/v1/tasks/{id}/cancel"), json!({})).await.expect(200);
    let failed = wait_for(LIMIT, "the attempt is logged", async || {
        deliveries(world, &webhook).await.into_iter().find(|one| one["attempt"] == 1)
    })
    .await;
    assert_has(&failed, json!({ "success": false, "status_code": 302 }));
    assert_eq!(to.requests().len(), 0);
}
