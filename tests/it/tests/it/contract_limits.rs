//! The limits of protocol 0.10: what just fits is taken, one more is refused.

use baton_harness::baton::Builder;
use baton_harness::client::{Answer, Client, send};
use reqwest::Method;
use serde_json::{Value, json};

use crate::world::{World, fresh, problem, text, with, wrong_field};

#[tokio::test]
async fn texts_and_lists_of_tasks() {
    let world = World::shared().await;
    let agent = world.agent("limits").await;
    let labels = |count: usize| -> Vec<String> { (0..count).map(|n| format!("l{n}")).collect() };
    for (field, fits, over) in [
        // Characters, not bytes.
        ("content", json!("ä".repeat(2_000)), json!("ä".repeat(2_001))),
        ("content", json!("😀".repeat(2_000)), json!("😀".repeat(2_001))),
        ("description", json!("d".repeat(10_000)), json!("d".repeat(10_001))),
        ("labels", json!(labels(50)), json!(labels(51))),
        ("labels", json!(["l".repeat(100)]), json!(["l".repeat(101)])),
        ("workflow_slug", json!("w".repeat(100)), json!("w".repeat(101))),
        ("recurring_string", json!("r".repeat(2_000)), json!("r".repeat(2_001))),
        ("max_retries", json!(100), json!(101)),
        ("max_retries", json!(0), json!(-1)),
        ("priority", json!(1), json!(0)),
        ("priority", json!(5), json!(6)),
        ("estimated_tokens", json!(0), json!(-1)),
        ("estimated_tokens", json!(1_000_000_000_000_i64), json!(1_000_000_000_001_i64)),
        ("recurring_interval", json!(1), json!(0)),
        ("recurring_interval", json!(10_000), json!(10_001)),
    ] {
        let body = |value: &Value| with(json!({ "content": "c" }), json!({ field: value }));
        let made = agent.client.post("/v1/tasks", body(&fits)).await.expect(201);
        assert_eq!(made[field], fits);
        let path = format!("/v1/tasks/{}", text(&made, "id"));
        let listed = agent.client.get(&path).await.expect(200);
        assert_eq!(listed[field], fits);
        wrong_field(&agent.client.post("/v1/tasks", body(&over)).await, field);
        wrong_field(&agent.client.patch(&path, json!({ field: over })).await, field);
    }
}

#[tokio::test]
async fn objects_are_bounded_by_their_bytes_also_after_merging() {
    let world = World::shared().await;
    let agent = world.agent("limits").await;
    let of = |bytes: usize| json!({ "k": "x".repeat(bytes - r#"{"k":""}"#.len()) });
    for field in ["metadata", "context"] {
        let body = |bytes: usize| with(json!({ "content": "c" }), json!({ field: of(bytes) }));
        let made = agent.client.post("/v1/tasks", body(262_144)).await.expect(201);
        wrong_field(&agent.client.post("/v1/tasks", body(262_145)).await, field);
        let path = format!("/v1/tasks/{}", text(&made, "id"));
        let more = json!({ field: { "more": 1 } });
        wrong_field(&agent.client.patch(&path, more.clone()).await, field);
        wrong_field(&agent.client.post(&format!("{path}/complete"), more).await, field);
        assert_eq!(agent.client.get(&path).await.expect(200)["revision"], 1);
    }
}

#[tokio::test]
async fn texts_of_agents_and_of_finishing() {
    let world = World::shared().await;
    let agent = world.agent("limits").await;
    for (field, max) in [("label", 200), ("display_name", 200), ("description", 2_000)] {
        let body = |length: usize| json!({ "name": fresh("limits"), field: "x".repeat(length) });
        world.project().post("/v1/agents", body(max)).await.expect(201);
        wrong_field(&world.project().post("/v1/agents", body(max + 1)).await, field);
        let own = format!("/v1/agents/{}", agent.id);
        let change = json!({ field: "x".repeat(max + 1) });
        wrong_field(&agent.client.patch(&own, change).await, field);
    }
    for (action, field) in
        [("complete", "result_summary"), ("fail", "error_message"), ("cancel", "reason")]
    {
        let id = agent.task_id("c").await;
        let path = format!("/v1/tasks/{id}/{action}");
        let over = json!({ field: "x".repeat(2_001) });
        wrong_field(&agent.client.post(&path, over).await, field);
        let fits = json!({ field: "x".repeat(2_000) });
        agent.client.post(&path, fits).await.expect(200);
    }
    let id = agent.task_id("c").await;
    let long = json!({ "evidence": [{ "kind": "pr", "ref": "r".repeat(501) }] });
    wrong_field(&agent.client.post(&format!("/v1/tasks/{id}/complete"), long).await, "evidence");
}

#[tokio::test]
async fn texts_of_updates_and_notes() {
    let world = World::shared().await;
    let agent = world.agent("limits").await;
    let path = format!("/v1/tasks/{}", agent.task_id("c").await);
    let text = |chars: usize| "ß".repeat(chars);
    for (field, max) in [("execution_id", 2_000), ("result_summary", 2_000), ("notes", 2_000)]
        .into_iter()
        .chain([("error_message", 2_000), ("title", 2_000), ("workflow_slug", 100)])
    {
        agent.client.patch(&path, json!({ field: text(max) })).await.expect(200);
        wrong_field(&agent.client.patch(&path, json!({ field: text(max + 1) })).await, field);
    }
    let notes = |count: usize| json!({ "notes": vec!["n"; count] });
    wrong_field(&agent.client.patch(&path, notes(101)).await, "notes");
    agent.client.patch(&path, notes(100)).await.expect(200);
    let delegate = format!("{path}/delegate");
    let note = |chars| json!({ "agent_id": agent.name, "note": text(chars) });
    wrong_field(&agent.client.post(&delegate, note(2_001)).await, "note");
    agent.client.post(&delegate, note(2_000)).await.expect(200);
    // A title is content, a tag is a label, and what is blank is none.
    for (field, over) in [
        ("title", json!(text(2_001))),
        ("title", json!("")),
        ("content", json!(" \u{2003}\n")),
        ("tags", json!([text(101)])),
        ("tags", json!(["l", " "])),
        ("tags", json!(vec!["l"; 51].join(","))),
        ("tags", json!(vec!["l"; 51])),
    ] {
        let base = if field == "tags" { json!({ "content": "c" }) } else { json!({}) };
        let answer = agent.client.post("/v1/tasks", with(base, json!({ field: over }))).await;
        wrong_field(&answer, field);
    }
}

#[tokio::test]
async fn references_are_texts_of_2000_characters() {
    let world = World::shared().await;
    let agent = world.agent("limits").await;
    let long = |chars: usize| "r".repeat(chars);
    for (field, status) in [
        ("assigned_to", 404),
        ("assigned_to_agent_id", 404),
        ("parent_task_id", 404),
        ("epic_id", 404),
        ("project_id", 403),
    ] {
        let body = |chars| json!({ "content": "c", field: long(chars) });
        problem(&agent.client.post("/v1/tasks", body(2_000)).await, status);
        wrong_field(&agent.client.post("/v1/tasks", body(2_001)).await, field);
    }
    for name in
        ["assigned_to", "assigned_to_agent_id", "created_by", "parent_task_id", "epic_id", "search"]
    {
        let path = |chars| format!("/v1/tasks?{name}={}", long(chars));
        assert_eq!(agent.client.get(&path(2_000)).await.expect(200), json!([]), "{name}");
        wrong_field(&agent.client.get(&path(2_001)).await, name);
    }
    for name in ["label", "labels", "tags"] {
        let path = |chars| format!("/v1/tasks?{name}={}", "%C3%A4".repeat(chars));
        assert_eq!(agent.client.get(&path(100)).await.expect(200), json!([]), "{name}");
        wrong_field(&agent.client.get(&path(101)).await, name);
    }
    // In a path whatever is too long names nothing.
    for chars in [1, 100, 2_000, 2_001, 8_000] {
        problem(&agent.client.get(&format!("/v1/tasks/{}", long(chars))).await, 404);
    }
}

#[tokio::test]
async fn agents_of_100_characters_and_100_permissions() {
    let world = World::shared().await;
    let admin = world.project();
    let name = |chars: usize| fresh("ä") + &"ä".repeat(chars - fresh("ä").chars().count());
    for chars in [1, 100] {
        let short = name(chars.max(30)).chars().rev().take(chars).collect::<String>();
        let wanted = if chars == 1 { "ł".to_owned() } else { short };
        let made = admin.post("/v1/agents", json!({ "name": wanted })).await.expect(201);
        assert_eq!(made["name"], json!(wanted));
    }
    for bad in [json!(name(101)), json!(""), json!("  "), json!("a/b"), json!(null)] {
        wrong_field(&admin.post("/v1/agents", json!({ "name": bad })).await, "name");
    }
    let with_permissions = |permissions: Value| {
        let body = json!({ "name": fresh("limits"), "permissions": permissions });
        admin.post("/v1/agents", body)
    };
    // async closures borrow: the client outlives them.
    assert_eq!(with_permissions(json!(vec!["p"; 100])).await.status, 201);
    assert_eq!(with_permissions(json!(["ß".repeat(100)])).await.status, 201);
    wrong_field(&with_permissions(json!(vec!["p"; 101])).await, "permissions");
    wrong_field(&with_permissions(json!(["ß".repeat(101)])).await, "permissions");
}

#[tokio::test]
async fn evidence_is_5_items_of_500_characters() {
    let world = World::shared().await;
    let agent = world.agent("limits").await;
    let item = |chars: usize| json!({ "kind": "pr", "ref": "ß".repeat(chars) });
    let summed = |chars: usize| with(item(1), json!({ "summary": "ß".repeat(chars) }));
    for (fits, over, field) in [
        (vec![item(1); 5], vec![item(1); 6], "evidence"),
        (vec![item(500)], vec![item(501)], "evidence[0].ref"),
        (vec![item(1)], vec![item(1), item(0)], "evidence[1].ref"),
        (vec![summed(500)], vec![summed(501)], "evidence[0].summary"),
        (vec![summed(0)], vec![json!({ "ref": "r" })], "evidence[0].kind"),
    ] {
        let path = format!("/v1/tasks/{}/complete", agent.task_id("c").await);
        wrong_field(&agent.client.post(&path, json!({ "evidence": over })).await, field);
        let done = agent.client.post(&path, json!({ "evidence": fits })).await.expect(200);
        assert_eq!(done["completion_evidence"].as_array().map(Vec::len), Some(fits.len()));
    }
}

#[tokio::test]
async fn webhooks_have_urls_of_2000_characters_and_secrets_of_256() {
    let world = World::shared().await;
    let admin = world.project();
    let url = |chars: usize| {
        let start = "https://hooks.example/";
        start.to_owned() + &"u".repeat(chars - start.len())
    };
    let body = |fields: Value| with(json!({ "url": url(40), "active": false }), fields);
    let made = admin.post("/v1/webhooks", body(json!({ "url": url(2_000) }))).await.expect(201);
    let path = format!("/v1/webhooks/{}", text(&made, "id"));
    let over = json!({ "url": url(2_001) });
    wrong_field(&admin.post("/v1/webhooks", over.clone()).await, "url");
    wrong_field(&admin.patch(&path, over).await, "url");
    let secret = |chars: usize| json!({ "secret": "ß".repeat(chars) });
    admin.post("/v1/webhooks", body(secret(256))).await.expect(201);
    admin.patch(&path, secret(256)).await.expect(200);
    for answer in
        [admin.post("/v1/webhooks", body(secret(257))).await, admin.patch(&path, secret(257)).await]
    {
        assert_eq!(problem(&answer, 400)["detail"], "secret must be at most 256 characters");
    }
    let events = |count: usize| json!({ "events": vec!["task.created"; count] });
    admin.patch(&path, events(100)).await.expect(200);
    wrong_field(&admin.patch(&path, events(101)).await, "events");
    wrong_field(&admin.patch(&path, events(0)).await, "events");
    let overlap = |seconds: i64| json!({ "secret": "s", "secret_overlap_seconds": seconds });
    admin.patch(&path, overlap(604_800)).await.expect(200);
    wrong_field(&admin.patch(&path, overlap(604_801)).await, "secret_overlap_seconds");
    wrong_field(&admin.patch(&path, overlap(-1)).await, "secret_overlap_seconds");
}

/// The largest whole number that every client can write.
const POSITION_MAX: i64 = 1 << 53;

#[tokio::test]
async fn windows_into_lists_have_bounds() {
    let world = World::shared().await;
    let admin = world.project();
    let task = world.agent("limits").await.task_id("c").await;
    let hook = json!({ "url": "https://hooks.example/a", "active": false });
    let hook = admin.post("/v1/webhooks", hook).await.expect(201);
    let deliveries = format!("/v1/webhooks/{}/deliveries", text(&hook, "id"));
    for (path, name, min, max) in [
        ("/v1/tasks".to_owned(), "limit", 1, 1_000),
        ("/v1/tasks".to_owned(), "offset", 0, 10_000),
        ("/v1/tasks".to_owned(), "priority", 1, 5),
        (deliveries, "limit", 1, 100),
        ("/v1/events".to_owned(), "limit", 1, 1_000),
        ("/v1/events".to_owned(), "after", 0, POSITION_MAX),
        (format!("/v1/tasks/{task}/events"), "limit", 1, 1_000),
        (format!("/v1/tasks/{task}/events"), "after", 0, POSITION_MAX),
        (format!("/v1/tasks/{task}/wait?until=open"), "timeout", 0, 60),
        ("/v1/events?limit=1".to_owned(), "wait", 0, 30),
    ] {
        let sign = if path.contains('?') { '&' } else { '?' };
        for number in [min, max] {
            let answer = admin.get(&format!("{path}{sign}{name}={number}")).await;
            assert_eq!(answer.status, 200, "{path} {name}={number}: {}", answer.text);
        }
        for number in [min - 1, max + 1] {
            let answer = admin.get(&format!("{path}{sign}{name}={number}")).await;
            wrong_field(&answer, name);
            // The detail says which numbers are right.
            let detail = text(problem(&answer, 422), "detail");
            let said = [format!("from {min} to {max}"), format!("at most {max}")];
            let is_said = said.iter().any(|range| detail.contains(range));
            assert!(is_said || name == "offset", "{detail}");
        }
    }
}

/// Lists the tasks by `GET`, adds one by `POST`.
async fn ask(client: &Client, method: &Method) -> Answer {
    match *method {
        Method::POST => client.post("/v1/tasks", json!({ "content": "c" })).await,
        _ => client.get("/v1/tasks").await,
    }
}

/// Asks until told to wait, at most `tries` times: how many were answered, and the refusal.
async fn until_refused(client: &Client, method: &Method, tries: usize) -> (usize, Option<Answer>) {
    for answered in 0..tries {
        let answer = ask(client, method).await;
        if answer.status == 429 {
            return (answered, Some(answer));
        }
        assert!([200, 201, 401].contains(&answer.status), "{}", answer.text);
    }
    (tries, None)
}

#[tokio::test]
async fn reads_and_writes_are_counted_apart_for_each_credential() {
    let rates = |builder: Builder| {
        builder
            .env("BATON_RATE_LIMIT_READS_PER_MINUTE", "20")
            .env("BATON_RATE_LIMIT_WRITES_PER_MINUTE", "10")
    };
    let world = World::with(rates).await;
    let (one, other) = (world.agent("fast").await, world.agent("slow").await);
    let mut written = 0;
    for (method, rate) in [(Method::GET, 20), (Method::POST, 10)] {
        // The budget fills up while it is used: one more every few seconds.
        let (answered, refused) = until_refused(&one.client, &method, 3 * rate).await;
        assert!((rate..2 * rate).contains(&answered), "{method}: {answered}");
        let refused = refused.expect("more than a minute's budget within seconds");
        let detail = text(problem(&refused, 429), "detail");
        assert!(detail.starts_with("Too many requests"), "{detail}");
        let seconds: u64 = refused.header("Retry-After").parse().expect("seconds");
        assert!((1..=60).contains(&seconds), "{seconds}");
        // Somebody else's budget is untouched.
        let status = if method == Method::POST { 201 } else { 200 };
        ask(&other.client, &method).await.expect(status);
        written += if method == Method::POST { answered + 1 } else { 0 };
    }
    // Those without a credential have one budget together, valid or not each its own.
    let (answered, refused) = until_refused(&world.nobody(), &Method::GET, 60).await;
    assert!((20..40).contains(&answered) && refused.is_some(), "{answered}");
    let wrong = world.nobody().with(baton_harness::client::Credential::Bearer("wrong".to_owned()));
    problem(&wrong.get("/v1/tasks").await, 401);
    // Nothing that was refused was done.
    let tasks = world.project().get("/v1/tasks").await.expect(200);
    assert_eq!(tasks.as_array().map(Vec::len), Some(written), "as many as were answered 201");
}

#[tokio::test]
async fn a_rate_of_0_is_no_limit_and_one_budget_may_be_off_alone() {
    let rates = |builder: Builder| builder.env("BATON_RATE_LIMIT_WRITES_PER_MINUTE", "5");
    let world = World::with(rates).await;
    let agent = world.agent("fast").await;
    let (answered, refused) = until_refused(&agent.client, &Method::GET, 200).await;
    assert!(answered == 200 && refused.is_none(), "{answered}");
    let (_, refused) = until_refused(&agent.client, &Method::POST, 20).await;
    assert!(refused.is_some());
}

#[tokio::test]
async fn the_body_limit_can_be_configured() {
    let small = |builder: Builder| builder.env("BATON_BODY_BYTES_MAX", "4096");
    let world = World::with(small).await;
    let agent = world.agent("small").await;
    let body = |bytes: usize| {
        let frame = r#"{"content": "a", "unknown": ""}"#.len();
        format!(r#"{{"content": "a", "unknown": "{}"}}"#, "x".repeat(bytes - frame))
    };
    let post = |bytes: usize| {
        let path = "/v1/tasks";
        send(agent.client.request(Method::POST, path).body(body(bytes)))
    };
    assert_eq!(post(4_096).await.status, 201);
    for bytes in [4_097, 100_000, 8_000_000] {
        let answer = post(bytes).await;
        let detail = &problem(&answer, 413)["detail"];
        assert_eq!(detail, "The body is larger than 4096 bytes", "{bytes}");
    }
    assert_eq!(agent.client.get("/v1/tasks").await.expect(200).as_array().map(Vec::len), Some(1));
}
