//! Ways in beside keys (protocol 0.2): open mode, trusted proxies; keys that are good no more; and
//! the names that settings have in other servers of the protocol.

use baton_harness::baton::Builder;
use baton_harness::client::{Answer, Client, Credential, send};
use baton_harness::wait_until;
use reqwest::Method;
use serde_json::{Value, json};

use crate::world::{LIMIT, World, assert_has, assert_timestamp, problem, text};

async fn get(client: &Client, path: &str, headers: &[(&str, &str)]) -> Answer {
    let request = client.request(Method::GET, path);
    send(headers.iter().fold(request, |request, (name, value)| request.header(*name, *value))).await
}

/// Who a request with these headers comes from.
async fn me(client: &Client, headers: &[(&str, &str)]) -> Value {
    get(client, "/v1/agent/me", headers).await.expect(200)["agent"]["name"].clone()
}

#[tokio::test]
async fn in_open_mode_nobody_has_all_rights_and_no_identity() {
    for name in ["BATON_REQUIRE_AUTH", "DELEGA_REQUIRE_AUTH"] {
        let world = World::with(|builder| builder.env(name, "False")).await;
        let nobody = world.nobody();
        let me = nobody.get("/v1/agent/me").await.expect(200);
        assert_has(&me, json!({ "agent": null }));
        // Not the first one's special case: it is what was asked for.
        let made = nobody.post("/v1/agents", json!({ "name": "made" })).await.expect(201);
        assert_eq!(made["role"], "worker");
        let task = json!({ "content": "c", "assigned_to": "made" });
        let task = nobody.post("/v1/tasks", task).await.expect(201);
        assert_has(&task, json!({ "created_by_agent_id": null, "assigned_to": "made" }));
        let path = format!("/v1/tasks/{}", text(&task, "id"));
        nobody.patch(&path, json!({ "priority": 1 })).await.expect(200);
        nobody.get("/v1/webhooks").await.expect(200);
        // Whoever has a key is who it says, and a wrong one is wrong.
        let key = Credential::AgentKey(text(&made, "api_key"));
        problem(&nobody.with(key).get("/v1/webhooks").await, 403);
        let wrong = nobody.with(Credential::AgentKey("dlg_wrong".to_owned()));
        problem(&wrong.get("/v1/tasks").await, 401);
        let wrong = nobody.with(Credential::Bearer("wrong".to_owned()));
        problem(&wrong.get("/v1/tasks").await, 401);
        let log = world.baton.log();
        assert!(log.contains("no credential is asked for"), "{log}");
    }
}

#[tokio::test]
async fn in_open_mode_pages_of_other_origins_have_no_rights() {
    let world = World::with(|builder| builder.env("BATON_REQUIRE_AUTH", "false")).await;
    let nobody = world.nobody();
    for (origin, status) in [
        ("https://evil.example", 403),
        ("null", 403),
        ("http://localhost:18890", 200),
        (world.baton.url().as_str(), 200),
    ] {
        let answer = get(&nobody, "/v1/tasks", &[("Origin", origin)]).await;
        assert_eq!(answer.status, status, "{origin}: {}", answer.text);
    }
    let request =
        nobody.request(Method::POST, "/v1/tasks").header("Origin", "https://evil.example");
    problem(&send(request.body(r#"{"content":"c"}"#)).await, 403);
    assert_eq!(nobody.get("/v1/tasks").await.expect(200), json!([]));
}

#[tokio::test]
async fn a_trusted_proxy_says_who_it_is() {
    for name in ["BATON_TRUSTED_PROXY_IPS", "API_TRUSTED_PROXY_IPS"] {
        let world = World::with(|builder| builder.env(name, "10.9.9.9, 127.0.0.0/8")).await;
        let (admin, nobody) = (world.project(), world.nobody());
        let ada = admin.post("/v1/agents", json!({ "name": "ada" })).await.expect(201);
        admin.post("/v1/agents", json!({ "name": "bob@example.org" })).await.expect(201);
        for (headers, who) in [
            (vec![("Remote-User", "ada")], "ada"),
            (vec![("Remote-User", "ADA")], "ada"),
            (vec![("Remote-User", "Ada@Example.org")], "ada"),
            (vec![("X-Forwarded-User", "ada@elsewhere")], "ada"),
            (vec![("X-Forwarded-User", "Bob@Example.org")], "bob@example.org"),
            (vec![("Remote-User", "ada"), ("X-Forwarded-User", "ada")], "ada"),
        ] {
            assert_eq!(me(&nobody, &headers).await, who, "{headers:?}");
        }
        for headers in [
            vec![],
            vec![("Remote-User", "")],
            vec![("Remote-User", "bob")],
            vec![("Remote-User", "@ada")],
            vec![("Remote-User", "nobody-known")],
            vec![("Remote-User", "ada"), ("X-Forwarded-User", "bob@example.org")],
            vec![("Remote-User", ""), ("X-Forwarded-User", "ada")],
            vec![("Remote-User", "ada"), ("X-Agent-Key", "dlg_wrong")],
            vec![("Remote-User", "ada"), ("Authorization", "Bearer wrong")],
        ] {
            problem(&get(&nobody, "/v1/agent/me", &headers).await, 401);
        }
        let foreign = [("Remote-User", "ada"), ("Origin", "https://evil.example")];
        problem(&get(&nobody, "/v1/agent/me", &foreign).await, 403);
        // A key goes before a name, and the agent does what it could do with its own.
        let bob = [("Remote-User", "bob@example.org")];
        let key = nobody.with(Credential::AgentKey(text(&ada, "api_key")));
        assert_eq!(me(&key, &bob).await, "ada");
        let as_ada =
            |method: Method, path: &str| nobody.request(method, path).header("Remote-User", "ada");
        let task = as_ada(Method::POST, "/v1/tasks").json(&json!({ "content": "c" }));
        let task = send(task).await.expect(201);
        assert_eq!(task["created_by_agent_id"], ada["id"]);
        problem(&send(as_ada(Method::GET, "/v1/webhooks")).await, 403);
        let path = format!("/v1/agents/{}", text(&ada, "id"));
        let seen = admin.get(&path).await.expect(200);
        assert_timestamp(&seen["last_seen_at"]);
        admin.patch(&path, json!({ "active": false })).await.expect(200);
        problem(&send(as_ada(Method::GET, "/v1/tasks")).await, 401);
    }
}

#[tokio::test]
async fn what_others_say_of_users_does_not_count() {
    for list in [None, Some("10.9.9.9")] {
        let world = World::with(|builder| match list {
            Some(list) => builder.env("BATON_TRUSTED_PROXY_IPS", list),
            None => builder,
        });
        let world = world.await;
        world.project().post("/v1/agents", json!({ "name": "ada" })).await.expect(201);
        for header in ["Remote-User", "X-Forwarded-User"] {
            problem(&get(&world.nobody(), "/v1/agent/me", &[(header, "ada")]).await, 401);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_was_replaced_writes_nothing_at_any_node_and_soon_reads_nothing() {
    let world = World::new().await;
    let node = world.another_node().await;
    let admin = world.project();
    for n in 0..20 {
        let agent = world.agent("rotated").await;
        let there = agent.client.at(&node);
        there.get("/v1/agent/me").await.expect(200);
        let path = format!("/v1/agents/{}", agent.id);
        if n % 2 == 0 {
            admin.post(&format!("{path}/rotate-key"), json!({})).await.expect(200);
        } else {
            admin.patch(&path, json!({ "active": false })).await.expect(200);
        }
        problem(&agent.client.get("/v1/agent/me").await, 401);
        // Whatever the other node has heard of it.
        problem(&there.post("/v1/tasks", json!({ "content": "too late" })).await, 401);
        wait_until(LIMIT, "the other node refuses the key", async || {
            there.get("/v1/agent/me").await.status == 401
        })
        .await;
    }
    assert_eq!(admin.get("/v1/tasks").await.expect(200), json!([]));
}

#[tokio::test]
async fn settings_of_other_servers_of_the_protocol_mean_the_same() {
    let world = World::with(|builder| {
        builder
            .without("BATON_LISTEN")
            .without("BATON_ALLOW_PRIVATE_WEBHOOKS")
            .env("DELEGA_HOST", "localhost")
            .env("DELEGA_PORT", "0")
            .env("DELEGA_ALLOW_PRIVATE_WEBHOOKS", "true")
            .env("DELEGA_MAX_BODY_BYTES", "4096")
            .env("DELEGA_CORS_ORIGINS", "https://app.example")
    })
    .await;
    let admin = world.project();
    assert!(world.baton.url().starts_with("http://127.0.0.1:"));
    let hook = json!({ "url": "http://127.0.0.1:9/hook" });
    admin.post("/v1/webhooks", hook).await.expect(201);
    let long = json!({ "content": "c", "description": "x".repeat(5_000) });
    problem(&admin.post("/v1/tasks", long).await, 413);
    let answer = get(&admin, "/v1/tasks", &[("Origin", "https://app.example")]).await;
    assert_eq!(answer.header("access-control-allow-origin"), "https://app.example");
}

#[tokio::test]
async fn a_wrong_setting_is_named_as_it_was_given_and_the_own_name_goes_first() {
    for (name, value, mend) in [
        ("BATON_REQUIRE_AUTH", "maybe", "true or false"),
        ("DELEGA_REQUIRE_AUTH", "maybe", "true or false"),
        ("BATON_TRUSTED_PROXY_IPS", "proxy.example", "IP address"),
        ("API_TRUSTED_PROXY_IPS", "10.0.0.0/99", "10.0.0.0/8"),
        ("DELEGA_HOST", "baton.example", "IP address"),
        ("DELEGA_PORT", "70000", "port"),
        ("DELEGA_MAX_BODY_BYTES", "1", "4096"),
        ("BATON_FLEET_SILENT_MINUTES", "0", "1 to"),
        ("BATON_FLEET_LOOPING_ROUNDS", "many", "1 to"),
        ("BATON_DUPLICATES_MEMORY_MB", "0", "1 to"),
        ("BATON_WEBHOOK_SIGNATURE_SCHEME", "both", "body or timestamped"),
    ] {
        let builder = Builder::local().without("BATON_LISTEN").env(name, value);
        let (status, log) = builder.refusal().await;
        assert!(!status.success() && log.contains(name) && log.contains(mend), "{name}: {log}");
    }
    let world = World::with(|builder| {
        builder.env("BATON_REQUIRE_AUTH", "true").env("DELEGA_REQUIRE_AUTH", "false")
    });
    problem(&world.await.nobody().get("/v1/tasks").await, 401);
}
