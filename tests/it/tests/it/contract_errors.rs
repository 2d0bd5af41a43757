//! Every error is `application/problem+json` with `error` beside `detail` (protocol 0.1, 0.9).

use baton_harness::client::{Client, Credential, send};
use reqwest::Method;
use serde_json::json;

use crate::world::{World, fresh, problem, text, wrong_field};

async fn raw(client: &Client, path: &str, body: impl Into<reqwest::Body>) -> u16 {
    let request = client.request(Method::POST, path).body(body);
    let answer = send(request.header("Content-Type", "application/json")).await;
    if answer.status >= 400 {
        problem(&answer, answer.status);
    }
    answer.status
}

#[tokio::test]
async fn a_missing_or_wrong_credential_is_401_and_asks_for_a_bearer() {
    let world = World::shared().await;
    let agent = world.agent("auth").await;
    let key = agent.client.secret().to_owned();
    let wrong = format!("dlg_{}", "A".repeat(43));
    for credential in [
        Credential::None,
        Credential::Bearer("no-such-token-of-anybody".to_owned()),
        Credential::Bearer(wrong.clone()),
        Credential::AgentKey(wrong.clone()),
        Credential::AgentKey(String::new()),
        Credential::AgentKey(world.project().secret().to_owned()),
        Credential::AgentKey(key.to_uppercase()),
    ] {
        for path in ["/v1/tasks", "/api/agents", "/v1/agent/me", "/v1/tasks/x", "/v1/webhooks"] {
            let answer = world.nobody().with(credential.clone()).get(path).await;
            problem(&answer, 401);
            assert_eq!(answer.header("WWW-Authenticate"), "Bearer");
        }
    }
    // Both headers present: `X-Agent-Key` decides.
    let both = world.project().request(Method::GET, "/v1/tasks").header("X-Agent-Key", &wrong);
    problem(&send(both).await, 401);
    let both = agent.client.request(Method::GET, "/v1/agent/me").bearer_auth("wrong");
    assert_eq!(send(both).await.expect(200)["name"], json!(agent.name));
}

#[tokio::test]
async fn what_is_not_there_is_404_in_whatever_form_it_is_asked_for() {
    let world = World::shared().await;
    let agent = world.agent("lost").await;
    for path in [
        "/v1/tasks/unknown",
        "/v1/tasks/891",
        "/v1/tasks/%20",
        "/v1/tasks/%FF",
        "/v1/tasks/a%2Fb",
        "/v1/tasks/a%00b",
        "/v1/tasks/x/chain",
        "/v1/nothing",
        "/v2/tasks",
        "/tasks",
        "/v1",
        "/",
    ] {
        problem(&agent.client.get(path).await, 404);
    }
    for path in ["/v1/signup", "/v1/verify", "/v1/integrations/github/connect"] {
        problem(&agent.client.post(path, json!({})).await, 404);
    }
    let body = json!({ "status": "done" });
    problem(&agent.client.patch(&format!("/v1/tasks/{}", "0".repeat(32)), body).await, 404);
    let answer = agent.client.get("/v1/tasks/unknown").await;
    assert_eq!(problem(&answer, 404)["instance"], "/v1/tasks/unknown");
}

#[tokio::test]
async fn bodies_that_are_no_json_are_400_and_no_object_422() {
    let world = World::shared().await;
    let agent = world.agent("body").await;
    let id = agent.task_id("body").await;
    for path in ["/v1/tasks".to_owned(), format!("/v1/tasks/{id}/delegate")] {
        for (body, status) in [
            (&b"{"[..], 400),
            (b"{\"content\":}", 400),
            (b"content=x", 400),
            (b"{\"content\":\"a\"} x", 400),
            (b"\xff\xfe", 400),
            (b"[]", 422),
            (b"\"text\"", 422),
            (b"null", 422),
            (b"{}", 422),
            (b"", 422),
        ] {
            let got = raw(&agent.client, &path, body).await;
            assert_eq!(got, status, "{path} {}", String::from_utf8_lossy(body));
        }
    }
    // Where no field is required an empty body is valid, with the header and without.
    let path = format!("/v1/tasks/{id}/complete");
    assert_eq!(raw(&agent.client, &path, "").await, 200);
    assert_eq!(send(agent.client.request(Method::POST, &path)).await.status, 200);
}

#[tokio::test]
async fn nul_characters_are_422_wherever_they_stand() {
    let world = World::shared().await;
    let agent = world.agent("nul").await;
    for body in [
        r#"{"content": "a\u0000b"}"#,
        r#"{"content": "a", "metadata": {"k": ["\u0000"]}}"#,
        r#"{"content": "a", "context": {"\u0000": 1}}"#,
        r#"{"content": "a", "unknown": "\u0000"}"#,
    ] {
        assert_eq!(raw(&agent.client, "/v1/tasks", body).await, 422, "{body}");
    }
}

#[tokio::test]
async fn a_body_over_the_limit_is_413() {
    let world = World::shared().await;
    let agent = world.agent("large").await;
    let body = |bytes: usize| {
        let frame = r#"{"content": "a", "unknown": ""}"#.len();
        format!(r#"{{"content": "a", "unknown": "{}"}}"#, "x".repeat(bytes - frame))
    };
    assert_eq!(raw(&agent.client, "/v1/tasks", body(1_048_576)).await, 201);
    assert_eq!(raw(&agent.client, "/v1/tasks", body(1_048_577)).await, 413);
}

#[tokio::test]
async fn over_the_rate_is_429_with_retry_after_per_credential() {
    let rated = |builder: baton_harness::baton::Builder| {
        builder
            .env("BATON_RATE_LIMIT_READS_PER_MINUTE", "30")
            .env("BATON_RATE_LIMIT_WRITES_PER_MINUTE", "30")
    };
    let world = World::with(rated).await;
    let (agent, other) = (world.agent("fast").await, world.agent("slow").await);
    let mut refused = None;
    for _ in 0..61 {
        let answer = agent.client.get("/v1/tasks").await;
        if answer.status != 200 {
            refused = Some(answer);
            break;
        }
    }
    let refused = refused.expect("more than a minute's budget within seconds");
    problem(&refused, 429);
    let seconds: u64 = refused.header("Retry-After").parse().expect("seconds");
    assert!((1..=60).contains(&seconds));
    other.client.get("/v1/tasks").await.expect(200);
    // Reads and writes have budgets of their own.
    agent.task("still allowed").await;
}

#[tokio::test]
async fn wrong_methods_are_problems_too() {
    let world = World::shared().await;
    let agent = world.agent("method").await;
    let id = agent.task_id("method").await;
    let paths =
        ["/v1/tasks".to_owned(), "/v1/agent/me".to_owned(), format!("/v1/tasks/{id}/complete")];
    for path in paths {
        let answer = agent.client.delete(&path).await;
        problem(&answer, 405);
    }
}

#[tokio::test]
async fn a_trailing_slash_is_the_same_resource() {
    let world = World::shared().await;
    let agent = world.agent("slash").await;
    let made = agent.client.post("/api/tasks/", json!({ "content": "c" })).await.expect(201);
    let path = format!("/v1/tasks/{}/", text(&made, "id"));
    agent.client.get(&path).await.expect(200);
    agent.client.get("/v1/tasks/?limit=1").await.expect(200);
    agent.client.patch(&path, json!({ "priority": 1 })).await.expect(200);
    agent.client.post(&format!("{path}complete/"), json!({})).await.expect(200);
}

#[tokio::test]
async fn conflicts_forbidden_and_wrong_fields_say_which() {
    let world = World::shared().await;
    let agent = world.agent("clear").await;
    let body = json!({ "name": agent.name });
    problem(&world.project().post("/v1/agents", body).await, 409);
    problem(&agent.client.post("/v1/agents", json!({ "name": fresh("x") })).await, 403);
    let body = json!({ "content": "c", "priority": "high", "due_date": 5 });
    let answer = agent.client.post("/v1/tasks", body).await;
    wrong_field(&answer, "priority");
    wrong_field(&answer, "due_date");
}
