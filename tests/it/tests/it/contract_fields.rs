//! Every field of every body and every parameter of every query, as the document lists them: a
//! value of the wrong type is 422 and named, and nothing happens (protocol 0.4, 0.9).

use baton_harness::client::{Answer, send};
use reqwest::Method;
use serde_json::{Map, Value, json};

use crate::document::{Operation, Parameter};
use crate::world::{World, problem, text, wrong_field};

/// Things that the operations are tried on.
struct Things {
    world: World,
    task: String,
    agent: String,
    webhook: String,
    project: String,
    recurrence: String,
    event: String,
}

impl Things {
    async fn new() -> Things {
        let world = World::new().await;
        let agent = world.agent("things").await;
        let task = agent.task_id("thing").await;
        let hook = json!({ "url": "http://127.0.0.1:1/x", "active": false });
        let hook = world.project().post("/v1/webhooks", hook).await.expect(201);
        let project = json!({ "name": "thing" });
        let project = world.project().post("/v1/projects", project).await.expect(201);
        let daily = json!({ "content": "thing", "rule_type": "daily" });
        let daily = world.project().post("/v1/recurrences", daily).await.expect(201);
        let events = world.project().get("/v1/events?limit=1").await.expect(200);
        let (webhook, project) = (text(&hook, "id"), text(&project, "id"));
        let (recurrence, event) = (text(&daily, "id"), text(&events["items"][0], "id"));
        Things { world, task, agent: agent.id, webhook, project, recurrence, event }
    }

    async fn operations(&self) -> Vec<Operation> {
        Operation::served(&self.world).await
    }

    /// The operation's path, about things that there are.
    fn path(&self, operation: &Operation) -> String {
        let id = match operation.path.split('/').nth(1) {
            Some("webhooks") => &self.webhook,
            Some("projects") => &self.project,
            Some("recurrences") => &self.recurrence,
            Some("events") => &self.event,
            _ => &self.task,
        };
        operation.at(&[
            ("id", id),
            ("agent_id", &self.agent),
            ("delivery_id", &self.webhook),
            ("completion_id", &self.webhook),
            ("comment_id", &self.webhook),
            ("subtask_id", &self.webhook),
            ("link_id", &self.webhook),
        ])
    }

    /// The last position that was given to an event. The node is the test's own, so nobody else
    /// moves it.
    async fn head(&self) -> u64 {
        let page = self.world.project().get("/v1/events?limit=1").await.expect(200);
        page["head"].as_u64().unwrap_or_else(|| panic!("no head in {page}"))
    }

    async fn send(&self, operation: &Operation, body: &Value) -> Answer {
        let path = self.path(operation);
        let request = self.world.project().request(operation.method.clone(), &path);
        send(request.json(body)).await
    }
}

/// Values that are of none of the forms in which a property of this schema may come.
fn wrong_values(schema: &Value) -> Vec<Value> {
    let is_one_form = schema["oneOf"].is_null() && schema["anyOf"].is_null();
    assert!(is_one_form, "which values are wrong? {schema}");
    match schema["type"].as_str() {
        Some("integer" | "number") => vec![json!("5"), json!(true), json!([1]), json!({})],
        Some("boolean") => vec![json!("true"), json!(1), json!([true]), json!({})],
        Some("array") => vec![json!(5), json!(true), json!({}), json!([{}]), json!([["a"]])],
        Some("object") => vec![json!("{}"), json!(5), json!(true), json!([1])],
        // Where ids are taken, a whole number is one.
        _ => vec![json!(true), json!({}), json!(["a"]), json!(1.5), json!("a\u{0}b")],
    }
}

/// A body that is right but for the field to be tried.
fn right_body(operation: &Operation, field: &str) -> Value {
    match operation.id.as_str() {
        "createTask" | "delegateTask" if field == "title" => json!({}),
        "createTask" | "delegateTask" => json!({ "content": "right" }),
        "createComment" | "createSubtask" => json!({ "content": "right" }),
        "createLink" => json!({ "kind": "pr", "ref": "41" }),
        "createAgent" | "createProject" => json!({ "name": "right" }),
        "createWebhook" => json!({ "url": "https://hooks.example/right" }),
        _ => json!({}),
    }
}

#[track_caller]
fn assert_mends(answer: &Answer, field: &str) {
    wrong_field(answer, field);
    let body = problem(answer, 422);
    let detail = text(body, "detail");
    assert!(detail.contains(field), "{field} is not in {detail:?}");
    for error in body["errors"].as_array().expect("errors") {
        let message = text(error, "message");
        let says_what = ["must ", "is required", "cannot ", "only goes", "is for ", "has "];
        assert!(says_what.iter().any(|words| message.starts_with(words)), "{message}");
    }
}

#[tokio::test]
async fn a_field_of_the_wrong_type_is_named_and_nothing_happens() {
    let things = Things::new().await;
    let before = things.head().await;
    let mut tried = 0;
    for operation in things.operations().await {
        for (field, schema) in &operation.fields {
            for wrong in wrong_values(schema) {
                // A record sent back whole carries its notes as they were read.
                if field == "notes" && wrong == json!([{}]) {
                    continue;
                }
                let mut body = right_body(&operation, field);
                body[field] = wrong;
                let answer = things.send(&operation, &body).await;
                assert_eq!(answer.status, 422, "{} {body}: {}", operation.id, answer.text);
                assert_mends(&answer, field);
                tried += 1;
            }
        }
    }
    assert!(tried > 400, "{tried}");
    assert_eq!(things.head().await, before, "something was recorded");
}

#[tokio::test]
async fn one_answer_names_every_wrong_field() {
    // Other names of a field: only the first that has a value is read.
    const ALIASES: [&str; 4] = ["title", "tags", "assigned_to", "assigned_to_agent_id"];
    let things = Things::new().await;
    let mut tried = 0;
    for operation in things.operations().await.iter().filter(|it| it.fields.len() > 1) {
        let wrong = |schema: &Value| wrong_values(schema).swap_remove(0);
        let mut body: Map<String, Value> =
            operation.fields.iter().map(|(field, schema)| (field.clone(), wrong(schema))).collect();
        body.retain(|field, _| !ALIASES.contains(&field.as_str()));
        let answer = things.send(operation, &json!(body)).await;
        for field in body.keys() {
            wrong_field(&answer, field);
        }
        let detail = text(problem(&answer, 422), "detail");
        assert!(detail.chars().count() <= 300, "clients show no more: {detail}");
        tried += 1;
    }
    assert!(tried >= 10, "{tried}");
}

#[tokio::test]
async fn fields_and_parameters_that_nobody_knows_are_ignored() {
    let things = Things::new().await;
    let unknown = json!({ "no_such_field": { "deep": [true] }, "": null, "x-y": 1.5 });
    for operation in things.operations().await {
        let is_endless = operation.id == "streamEvents" || operation.id == "waitForTask";
        if operation.method == Method::GET && !is_endless {
            let needed = match operation.id.as_str() {
                "recallContext" => "q=words&",
                "proveInclusion" => &format!("event={}&", things.event),
                "proveConsistency" => "from=1&",
                _ => "",
            };
            let unknown = "no_such=1&no_such=2&=&%FF=%FF";
            let path = format!("{}?{needed}{unknown}", things.path(&operation));
            let answer = things.world.project().get(&path).await;
            assert_eq!(answer.status, 200, "{}: {}", operation.id, answer.text);
        }
    }
    for (path, mut body, status) in [
        ("/v1/tasks", json!({ "content": "c" }), 201),
        ("/v1/agents", json!({ "name": "unknown-fields" }), 201),
        ("/v1/webhooks", json!({ "url": "https://hooks.example/a", "active": false }), 201),
        (&format!("/v1/tasks/{}/complete", things.task), json!({}), 200),
        (&format!("/v1/tasks/{}/uncomplete", things.task), json!({}), 200),
        (&format!("/v1/agents/{}/rotate-key", things.agent), json!({}), 200),
    ] {
        body.as_object_mut().expect("an object").extend(unknown.as_object().expect("one").clone());
        let answer = things.world.project().post(path, body).await;
        assert_eq!(answer.status, status, "{path}: {}", answer.text);
        assert!(!answer.text.contains("no_such_field"), "{}", answer.text);
    }
}

/// Texts that are of none of the forms that the parameter takes, percent-encoded.
fn wrong_texts(schema: &Value) -> Vec<String> {
    let mut wrong = vec!["a%00b".to_owned(), "x".repeat(2_001)];
    let more: &[&str] = match (schema["type"].as_str(), schema["format"].as_str()) {
        (Some("integer" | "number"), _) => &["x", "1.5", "%22", "-1", "99999999999999999999"],
        (Some("boolean"), _) => &["maybe", "2", "on"],
        (_, Some("date")) => &["tomorrow", "2026-02-30", "2026-1-1", "2026-03-17T00:00:00Z"],
        _ if schema["enum"].is_array() => &["no-such-word"],
        _ => &[],
    };
    wrong.extend(more.iter().map(|text| (*text).to_owned()));
    wrong
}

#[tokio::test]
async fn a_parameter_of_the_wrong_form_is_named() {
    let things = Things::new().await;
    let mut tried = 0;
    for operation in things.operations().await {
        for Parameter { name, schema, .. } in operation.placed("query") {
            let item = &schema["items"];
            let schema = if item.is_null() { schema } else { item };
            for wrong in wrong_texts(schema) {
                let path = format!("{}?{name}={wrong}", things.path(&operation));
                let client = things.world.project();
                let answer = send(client.request(operation.method.clone(), &path)).await;
                assert_eq!(answer.status, 422, "{name}={wrong}: {}", answer.text);
                assert_mends(&answer, name);
                tried += 1;
            }
        }
    }
    assert!(tried > 100, "{tried}");
    // All at once, and each is named.
    let path = "/v1/tasks?limit=x&offset=x&priority=9&completed=x&due_after=x&status=x&sort=x";
    let answer = things.world.project().get(path).await;
    for name in ["limit", "offset", "priority", "completed", "due_after", "status", "sort"] {
        wrong_field(&answer, name);
    }
}

#[tokio::test]
async fn a_header_of_the_wrong_form_is_named() {
    let things = Things::new().await;
    let before = things.head().await;
    let mut tried = 0;
    for operation in things.operations().await {
        for Parameter { name, .. } in operation.placed("header") {
            let wrong = match name.as_str() {
                "Idempotency-Key" => [b"a b".to_vec(), "ä".into(), b"k".repeat(256)],
                "Baton-Min-Position" => [b"x".to_vec(), b"-1".to_vec(), b"1.5".to_vec()],
                "Last-Event-ID" => [b"x".to_vec(), b"-1".to_vec(), "ä".into()],
                // Every word but three says no.
                "X-Dedup-Check" => continue,
                other => panic!("what is a wrong {other}?"),
            };
            for wrong in wrong {
                let path = things.path(&operation);
                let request = things.world.project().request(operation.method.clone(), &path);
                let answer = send(request.header(name, wrong).json(&json!({}))).await;
                assert_eq!(answer.status, 422, "{} {name}: {}", operation.id, answer.text);
                assert_mends(&answer, name);
                tried += 1;
            }
        }
    }
    assert!(tried > 60, "{tried}");
    assert_eq!(things.head().await, before, "something was recorded");
}
