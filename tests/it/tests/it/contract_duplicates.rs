//! Duplicates (protocol 1.2): which open tasks are like a text, and `X-Dedup-Check`.

use baton_harness::client::{Answer, Client, send};
use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use crate::world::{Agent, World, ids, problem, text, wrong_field};

/// The answer to a check, in the order of its matches: the tasks, and their scores.
async fn check(by: &Client, content: &str, threshold: f64) -> (Vec<String>, Vec<f64>) {
    let body = json!({ "content": content, "threshold": threshold });
    let answer = by.post("/v1/tasks/dedup", body).await.expect(200);
    let matches = answer["matches"].as_array().expect("matches");
    assert_eq!(answer["has_duplicates"], json!(!matches.is_empty()), "{answer}");
    let scores = matches.iter().map(|one| one["score"].as_f64().expect("a score")).collect();
    (matches.iter().map(|one| text(one, "task_id")).collect(), scores)
}

async fn found(by: &Client, content: &str) -> Vec<String> {
    check(by, content, 0.6).await.0
}

/// Creates, unless something like it is there.
async fn careful(by: &Client, body: Value) -> Answer {
    send(by.request(Method::POST, "/v1/tasks").header("X-Dedup-Check", "true").json(&body)).await
}

async fn tasks(by: &Agent, contents: &[&str]) -> Vec<String> {
    let mut made = Vec::new();
    for content in contents {
        made.push(by.task_id(content).await);
    }
    made
}

#[tokio::test]
async fn matches_are_the_best_five_with_their_scores_to_three_decimals() {
    let world = World::shared().await;
    let agent = world.agent("comparing").await;
    let contents = SCORED.map(|(content, _)| content);
    let made = tasks(&agent, &contents).await;
    let mut expected: Vec<(String, f64)> =
        made.into_iter().zip(SCORED).map(|(task, (_, score))| (task, score)).collect();
    // Those that are equal are in the order of their age.
    expected.sort_by(|(_, one), (_, other)| other.total_cmp(one));
    for threshold in [0.0, 0.2, 0.6, 0.9, 1.0] {
        let above = expected.iter().filter(|(_, score)| *score >= threshold).take(5).cloned();
        let above: (Vec<String>, Vec<f64>) = above.unzip();
        assert_eq!(check(&agent.client, WANTED, threshold).await, above, "{threshold}");
    }
    let answer = agent.client.post("/api/tasks/dedup", json!({ "content": WANTED })).await;
    let first = &answer.expect(200)["matches"][0];
    let (task, score) = &expected[0];
    assert_eq!(*first, json!({ "task_id": task, "content": contents[0], "score": score }));
}

#[tokio::test]
async fn open_tasks_that_the_caller_may_read_are_compared() {
    let world = World::shared().await;
    let (agent, other) = (world.agent("author").await, world.agent("other").await);
    let words = &agent.name;
    let first = agent.task_id(&format!("Renew the certificate of {words}")).await;
    let path = format!("/v1/tasks/{first}");
    let wanted = format!("todo: renew the CERTIFICATE of {words}");
    let is_found = async |by: &Client| !found(by, &wanted).await.is_empty();
    assert_eq!(found(&agent.client, &wanted).await, [first.as_str()]);
    assert!(is_found(&world.project()).await);
    assert!(!is_found(&other.client).await);
    // As soon as it may be read, and no longer.
    for (labels, may_read) in [(json!([format!("@{}", other.name)]), true), (json!([]), false)] {
        agent.client.patch(&path, json!({ "labels": labels })).await.expect(200);
        assert_eq!(is_found(&other.client).await, may_read, "{labels}");
    }
    for (action, is_open) in
        [("complete", false), ("uncomplete", true), ("fail", false), ("retry", true)]
    {
        agent.client.post(&format!("{path}/{action}"), json!({})).await.expect(200);
        assert_eq!(is_found(&agent.client).await, is_open, "{action}");
    }
    for (status, is_open) in [("running", true), ("open", true), ("blocked", true)] {
        agent.client.patch(&path, json!({ "status": status })).await.expect(200);
        assert_eq!(is_found(&agent.client).await, is_open, "{status}");
    }
    let changed = json!({ "content": format!("Water the plants of {words}") });
    agent.client.patch(&path, changed).await.expect(200);
    assert!(!is_found(&agent.client).await);
    assert_eq!(found(&agent.client, &format!("water the plants of {words}")).await, [first]);
    let second = agent.task_id(&wanted).await;
    assert!(is_found(&agent.client).await);
    agent.client.delete(&format!("/v1/tasks/{second}")).await.expect(200);
    assert!(!is_found(&agent.client).await);
}

#[tokio::test]
async fn whatever_was_acknowledged_is_compared() {
    let world = World::new().await;
    let agent = world.agent("quick").await;
    let node = world.another_node().await;
    for n in 0..20 {
        let content = format!("step{n} of{n}");
        let made = agent.client.post("/v1/tasks", json!({ "content": content })).await;
        assert_eq!(made.status, 201);
        assert_eq!(found(&agent.client, &content).await.len(), 1, "{content}");
        // At another node, whoever says what it knows of.
        let position = made.header("Baton-Position").to_owned();
        let there = agent.client.at(&node).request(Method::POST, "/v1/tasks/dedup");
        let there = there.header("Baton-Min-Position", position);
        let there = send(there.json(&json!({ "content": content }))).await.expect(200);
        assert_eq!(there["matches"][0]["task_id"], made.body["id"], "{content}: {there}");
    }
    let ahead = agent.client.request(Method::POST, "/v1/tasks/dedup");
    let ahead = ahead.header("Baton-Min-Position", "1000000").json(&json!({ "content": "c" }));
    wrong_field(&send(ahead).await, "Baton-Min-Position");
}

#[tokio::test]
async fn a_check_says_what_is_wrong_with_it() {
    let world = World::shared().await;
    let agent = world.agent("wrong").await;
    for (body, field) in [
        (json!({}), "content"),
        (json!({ "content": " " }), "content"),
        (json!({ "content": "c".repeat(2_001) }), "content"),
        (json!({ "content": "c", "threshold": 1.01 }), "threshold"),
        (json!({ "content": "c", "threshold": -0.01 }), "threshold"),
        (json!({ "content": "c", "threshold": "0.5" }), "threshold"),
    ] {
        wrong_field(&agent.client.post("/v1/tasks/dedup", body).await, field);
    }
}

#[tokio::test]
async fn of_equal_tasks_that_are_created_at_once_with_a_check_one_is() {
    let world = World::new().await;
    let agent = world.agent("racing").await;
    let create = |_| careful(&agent.client, json!({ "content": "Check disk usage" }));
    let answers = join_all((0..12).map(create)).await;
    let made: Vec<&Answer> = answers.iter().filter(|answer| answer.status == 201).collect();
    assert_eq!(made.len(), 1);
    for refused in answers.iter().filter(|answer| answer.status != 201) {
        let body = problem(refused, 409);
        assert_eq!(body["matches"][0]["task_id"], made[0].body["id"], "{body}");
    }
    assert_eq!(ids(&agent.client.get("/v1/tasks").await.expect(200)).len(), 1);
}

#[tokio::test]
async fn a_check_comes_after_all_else_that_a_task_is_refused_for() {
    let world = World::shared().await;
    let agent = world.agent("careful").await;
    let auditor = world.agent_with("auditor", json!({ "role": "auditor" })).await;
    let content = format!("Audit the books of {}", agent.name);
    let first = agent.task_id(&content).await;
    let like = json!({ "content": content });
    problem(&careful(&auditor.client, like.clone()).await, 403);
    let unknown = json!({ "content": content, "assigned_to": "nobody of this name" });
    problem(&careful(&agent.client, unknown).await, 404);
    wrong_field(&careful(&agent.client, json!({ "content": "" })).await, "content");
    let refused = careful(&agent.client, like.clone()).await;
    let matches = json!([{ "task_id": first, "content": content, "score": 1.0 }]);
    assert_eq!(problem(&refused, 409)["matches"], matches);
    // Who may not read it is not told of it.
    let other = world.agent("other").await;
    careful(&other.client, like).await.expect(201);
}

#[tokio::test]
async fn a_repeated_request_is_no_duplicate_of_itself() {
    let world = World::shared().await;
    let agent = world.agent("repeating").await;
    let create = |key: &'static str, content: &str| {
        let request = agent.client.request(Method::POST, "/v1/tasks");
        let request = request.header("X-Dedup-Check", "yes").header("Idempotency-Key", key);
        send(request.json(&json!({ "content": content })))
    };
    let first = create("once", "Rotate the keys").await;
    let again = create("once", "Rotate the keys").await;
    assert_eq!((again.status, again.header("Idempotency-Replayed")), (201, "true"));
    assert_eq!(again.text, first.text);
    problem(&create("once", "Rotate the locks").await, 422);
    problem(&create("twice", "Rotate the keys").await, 409);
    // What was refused stands under no key.
    let path = format!("/v1/tasks/{}/complete", text(&first.body, "id"));
    agent.client.post(&path, json!({})).await.expect(200);
    create("twice", "Rotate the keys").await.expect(201);
}

#[tokio::test]
async fn an_account_that_does_not_fit_is_in_nobodys_way() {
    let world = World::with(|builder| builder.env("BATON_DUPLICATES_MEMORY_MB", "1")).await;
    let (admin, other) = (world.project(), world.another_account("other").await);
    other.post("/v1/tasks", json!({ "content": "Water the plants" })).await.expect(201);
    for n in 0..30 {
        let words: Vec<String> = (0..180).map(|word| format!("w{n}x{word}")).collect();
        let body = json!({ "content": words.join(" ") });
        admin.post("/v1/tasks", body).await.expect(201);
    }
    for _ in 0..2 {
        let answer = admin.post("/v1/tasks/dedup", json!({ "content": "w1x1 w1x2" })).await;
        problem(&answer, 503);
        assert_eq!(answer.header("Retry-After"), "60");
        problem(&careful(&admin, json!({ "content": "w1x1 w1x2" })).await, 503);
        assert_eq!(found(&other, "water the PLANTS").await.len(), 1);
    }
    admin.post("/v1/tasks", json!({ "content": "w1x1 w1x2" })).await.expect(201);
}

/// What is looked for among the tasks below.
const WANTED: &str = "Renew the TLS certificate of the mail server";

/// Contents, and what scikit-learn says of them.
const SCORED: [(&str, f64); 7] = [
    ("TODO: renew the TLS  certificate of the mail server", 1.0),
    ("Renew the certificate of the mail server", 0.629),
    ("Renew TLS certificate mail server now", 1.0),
    ("Renew the certificate of the web server", 0.215),
    ("Restart the mail server", 0.29),
    ("Water the plants", 0.0),
    ("Renew the contract with the plumber", 0.068),
];
