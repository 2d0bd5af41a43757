//! P11: nothing of one account is visible to, or changeable by, another.

use std::collections::BTreeSet;

use baton_harness::client::{Client, Credential, send};
use baton_harness::receiver::Receiver;
use reqwest::Method;
use serde_json::{Value, json};

use crate::record;
use crate::world::{LIMIT, World, assert_has, ids, problem, text};

/// An account with one of everything.
struct Account {
    admin: Client,
    agent: Client,
    agent_id: String,
    task: String,
    child: String,
    webhook: String,
    receiver: Receiver,
}

impl Account {
    /// Names are the same in every account.
    async fn fill(admin: Client, mark: &str) -> Account {
        let made = admin.post("/v1/agents", json!({ "name": "agent" })).await.expect(201);
        let agent = admin.with(Credential::AgentKey(text(&made, "api_key")));
        let receiver = Receiver::start().await;
        let body = json!({ "url": receiver.url(), "events": ["*"] });
        let webhook = text(&admin.post("/v1/webhooks", body).await.expect(201), "id");
        let body =
            json!({ "content": mark, "labels": ["shared", "@agent"], "assigned_to": "agent" });
        let task = text(&admin.post_once("/v1/tasks", "same-key", body).await.expect(201), "id");
        let delegate = format!("/v1/tasks/{task}/delegate");
        let child = agent.post(&delegate, json!({ "content": mark })).await.expect(201);
        let (agent_id, child) = (text(&made, "id"), text(&child, "id"));
        Account { admin, agent, agent_id, task, child, webhook, receiver }
    }

    /// Everything that it can see of itself.
    async fn seen(&self) -> Vec<Value> {
        let mut seen = Vec::new();
        for path in [
            "/v1/tasks?include_completed=true".to_owned(),
            "/v1/webhooks".to_owned(),
            format!("/v1/tasks/{}", self.task),
            format!("/v1/tasks/{}", self.child),
            format!("/v1/tasks/{}/chain", self.child),
            format!("/v1/tasks/{}/children", self.task),
            format!("/v1/webhooks/{}", self.webhook),
        ] {
            seen.push(self.admin.get(&path).await.expect(200));
        }
        // `last_seen_at` goes on with every call of its own.
        let agents = self.admin.get("/v1/agents").await.expect(200);
        seen.push(json!(ids(&agents)));
        seen
    }
}

async fn two_accounts(world: &World) -> (Account, Account) {
    let opened = world.baton.command(&["account", "create", "other"]).await;
    let errors = String::from_utf8_lossy(&opened.stderr);
    assert!(opened.status.success(), "{errors}");
    let token = String::from_utf8(opened.stdout).expect("a token").trim().to_owned();
    let other = world.project().with(Credential::Bearer(token));
    baton_harness::wait_until(LIMIT, "the new account's token works", async || {
        other.get("/v1/agent/me").await.status == 200
    })
    .await;
    (Account::fill(world.project(), "mark-of-one").await, Account::fill(other, "mark-of-two").await)
}

/// Every operation that names something, from the document itself, so that none is forgotten.
fn operations_on_something(document: &Value) -> Vec<(Method, String)> {
    let mut operations = Vec::new();
    for (path, methods) in document["paths"].as_object().expect("paths") {
        for method in methods.as_object().expect("methods").keys() {
            let Ok(method) = Method::from_bytes(method.to_uppercase().as_bytes()) else { continue };
            if path.contains('{') {
                operations.push((method, path.clone()));
            }
        }
    }
    operations
}

#[tokio::test]
async fn no_operation_reaches_into_another_account() {
    let world = World::new().await;
    let (ours, theirs) = two_accounts(&world).await;
    record::caught_up(&world).await;
    let before = ours.seen().await;
    let database = world.database.connect().await;
    let written = async || {
        let log = record::log(&database).await;
        log.iter().filter(|event| event.account == "default").count()
    };
    let events = written().await;

    let document = world.nobody().get("/openapi.json").await.expect(200);
    let operations = operations_on_something(&document);
    assert!(operations.len() >= 20, "{operations:?}");
    let body = json!({
        "content": "stolen", "status": "done", "agent_id": "agent", "active": true,
        "url": "https://thief.example/", "label": "stolen",
    });
    for (method, path) in operations {
        let targets = match path.split('/').nth(1).expect("a resource") {
            "tasks" => vec![&ours.task, &ours.child],
            "agents" => vec![&ours.agent_id],
            "webhooks" => vec![&ours.webhook],
            other => panic!("which id does {other} take? {path}"),
        };
        for target in targets {
            let filled: Vec<&str> = path
                .split('/')
                .map(|part| if part.starts_with('{') { target.as_str() } else { part })
                .collect();
            let path = format!("/v1{}", filled.join("/"));
            let as_admin = theirs.admin.request(method.clone(), &path).json(&body);
            let answer = send(as_admin).await;
            assert_eq!(answer.status, 404, "{method} {path}: {}", answer.text);
            problem(&answer, 404);
            let as_agent = theirs.agent.request(method.clone(), &path).json(&body);
            let answer = send(as_agent).await;
            let kept_out = [403, 404].contains(&answer.status);
            assert!(kept_out, "{method} {path}: {}", answer.text);
            assert!(!answer.text.contains("mark-of-one"), "{method} {path}: {}", answer.text);
        }
    }
    assert_eq!(ours.seen().await, before);
    assert_eq!(written().await, events);
}

#[tokio::test]
async fn lists_and_filters_show_the_callers_account_only() {
    let world = World::new().await;
    let (ours, theirs) = two_accounts(&world).await;
    for query in [
        "".to_owned(),
        "?include_completed=true".to_owned(),
        "?label=shared".to_owned(),
        "?search=mark".to_owned(),
        "?assigned_to=agent".to_owned(),
        "?created_by=agent".to_owned(),
        "?limit=1000".to_owned(),
    ] {
        let list = theirs.admin.get(&format!("/v1/tasks{query}")).await.expect(200);
        for task in list.as_array().expect("an array") {
            assert!([&theirs.task, &theirs.child].contains(&&text(task, "id")), "{query}: {task}");
        }
    }
    for query in [
        format!("?parent_task_id={}", ours.task),
        format!("?assigned_to={}", ours.agent_id),
        format!("?created_by={}", ours.agent_id),
    ] {
        let list = theirs.admin.get(&format!("/v1/tasks{query}")).await.expect(200);
        assert_eq!(list, json!([]), "{query}");
    }
    let agents = theirs.admin.get("/v1/agents").await.expect(200);
    assert_eq!(ids(&agents), [theirs.agent_id.as_str()]);
    assert_eq!(agents[0]["open_task_count"], 1);
    let webhooks = theirs.admin.get("/v1/webhooks").await.expect(200);
    assert_eq!(ids(&webhooks), [theirs.webhook.as_str()]);
    let me = theirs.agent.get("/v1/agent/me").await.expect(200);
    assert_eq!(me["id"], json!(theirs.agent_id));
}

#[tokio::test]
async fn bodies_cannot_refer_to_another_account() {
    let world = World::new().await;
    let (ours, theirs) = two_accounts(&world).await;
    let before = ours.seen().await;
    let create = |fields: Value| crate::world::with(json!({ "content": "c" }), fields);
    for body in [
        create(json!({ "assigned_to": ours.agent_id })),
        create(json!({ "parent_task_id": ours.task })),
    ] {
        problem(&theirs.admin.post("/v1/tasks", body).await, 404);
    }
    let path = format!("/v1/tasks/{}", theirs.task);
    let assign = json!({ "assigned_to_agent_id": ours.agent_id });
    problem(&theirs.admin.patch(&path, assign).await, 404);
    let delegate = format!("{path}/delegate");
    problem(&theirs.admin.post(&delegate, json!({ "agent_id": ours.agent_id })).await, 404);
    let child = json!({ "content": "c", "agent_id": ours.agent_id });
    problem(&theirs.admin.post(&delegate, child).await, 404);
    // The same name is another agent in another account.
    let made = theirs.admin.post("/v1/tasks", create(json!({ "assigned_to": "agent" }))).await;
    assert_has(&made.expect(201), json!({ "assigned_to_agent_id": theirs.agent_id }));
    assert_eq!(ours.seen().await, before);
}

#[tokio::test]
async fn idempotency_keys_do_not_meet_across_accounts() {
    let world = World::new().await;
    // Both were created with the same key by a project token.
    let (ours, theirs) = two_accounts(&world).await;
    assert_ne!(ours.task, theirs.task);
    let body =
        json!({ "content": "mark-of-two", "labels": ["shared", "@agent"], "assigned_to": "agent" });
    let again = theirs.admin.post_once("/v1/tasks", "same-key", body).await;
    assert_eq!(again.header("Idempotency-Replayed"), "true");
    assert_eq!(again.expect(201)["id"], json!(theirs.task));
}

#[tokio::test]
async fn webhooks_and_messages_carry_their_own_account_only() {
    let world = World::new().await;
    let (ours, theirs) = two_accounts(&world).await;
    for account in [&ours, &theirs] {
        for path in [format!("/v1/tasks/{}", account.child), format!("/v1/tasks/{}", account.task)]
        {
            account.admin.post(&format!("{path}/complete"), json!({})).await.expect(200);
        }
    }
    let head = record::caught_up(&world).await;
    for (account, other) in [(&ours, &theirs), (&theirs, &ours)] {
        let own = BTreeSet::from([account.task.clone(), account.child.clone()]);
        let heard = |requests: &[baton_harness::receiver::Received]| -> BTreeSet<String> {
            requests.iter().map(|request| text(&request.json()["task"], "id")).collect()
        };
        // created; created, delegated; completed twice.
        let requests = account.receiver.wait_for(LIMIT, |requests| requests.len() >= 5).await;
        assert_eq!(heard(&requests), own);
        assert_eq!(requests.len(), 5);
        let path = format!("/v1/webhooks/{}/deliveries", account.webhook);
        let log = account.admin.get(&path).await.expect(200);
        for delivery in log.as_array().expect("an array") {
            assert!(own.contains(&text(&delivery["payload"]["task"], "id")), "{delivery}");
        }
        problem(&other.admin.get(&path).await, 404);
    }
    let log = record::log(&world.database.connect().await).await;
    for message in record::messages(&world.nats, head).await {
        let account = message.subject.split('.').nth(2).expect("an account").to_owned();
        let body = String::from_utf8(message.body).expect("JSON");
        let other = if account == "default" { &theirs } else { &ours };
        for id in [&other.task, &other.child, &other.agent_id, &other.webhook] {
            assert!(!body.contains(id.as_str()), "{}: {body}", message.subject);
        }
        let event = &log[usize::try_from(message.sequence).expect("small") - 1];
        assert_eq!(event.account, account);
    }
}

#[tokio::test]
async fn an_accounts_name_is_given_once_and_is_a_slug() {
    let world = World::new().await;
    let create = async |name: &str| world.baton.command(&["account", "create", name]).await;
    assert!(create("team-1").await.status.success());
    for name in ["team-1", "default", "Team", "1team", "a b", "", "a.b", &"a".repeat(64)] {
        let refused = create(name).await;
        assert!(!refused.status.success(), "{name}");
        assert_eq!(String::from_utf8_lossy(&refused.stdout), "", "{name}");
        assert_ne!(String::from_utf8_lossy(&refused.stderr), "", "{name}");
    }
}
