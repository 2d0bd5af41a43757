//! Every field of every body and every parameter of every query, as the document lists them: a
//! value of the wrong type is 422 and named, and nothing happens (protocol 0.4, 0.9).

use baton_harness::client::{Answer, send};
use reqwest::Method;
use serde_json::{Map, Value, json};

use crate::world::{World, problem, text, wrong_field};

/// An operation of the document with the addresses of things that there are.
struct Operation {
    id: String,
    method: Method,
    path: String,
    /// The properties of its body.
    body: Map<String, Value>,
    /// Name and schema of each parameter in the query.
    query: Vec<(String, Value)>,
    /// Names of its header parameters.
    headers: Vec<String>,
}

/// Things that the operations are tried on.
struct Things {
    world: World,
    document: Value,
    task: String,
    agent: String,
    webhook: String,
}

impl Things {
    async fn new() -> Things {
        let world = World::new().await;
        let agent = world.agent("things").await;
        let task = agent.task_id("thing").await;
        let hook = json!({ "url": "http://127.0.0.1:1/x", "active": false });
        let hook = world.project().post("/v1/webhooks", hook).await.expect(201);
        let document = world.nobody().get("/openapi.json").await.expect(200);
        Things { world, document, task, agent: agent.id, webhook: text(&hook, "id") }
    }

    fn operations(&self) -> Vec<Operation> {
        let paths = self.document["paths"].as_object().expect("paths");
        let all = paths.iter().flat_map(|(path, operations)| {
            let operations = operations.as_object().expect("operations").iter();
            let operations = operations.filter(|(_, one)| one["operationId"].is_string());
            operations.map(move |(method, one)| self.operation(path, method, one))
        });
        all.collect()
    }

    fn operation(&self, path: &str, method: &str, one: &Value) -> Operation {
        let id = match path.split('/').nth(1) {
            Some("webhooks") => &self.webhook,
            _ => &self.task,
        };
        let path = path
            .replace("{id}", id)
            .replace("{agent_id}", &self.agent)
            .replace("{delivery_id}", &self.webhook);
        let parameters = one["parameters"].as_array().cloned().unwrap_or_default();
        let placed = |place: &str| -> Vec<Value> {
            parameters.iter().filter(|it| it["in"] == place).cloned().collect()
        };
        let schema = &one["requestBody"]["content"]["application/json"]["schema"];
        let properties = self.resolved(schema)["properties"].as_object().cloned();
        Operation {
            id: text(one, "operationId"),
            method: method.to_uppercase().parse().expect("a method"),
            path,
            body: properties.unwrap_or_default(),
            query: placed("query")
                .iter()
                .map(|it| (text(it, "name"), self.resolved(&it["schema"]).clone()))
                .collect(),
            headers: placed("header").iter().map(|it| text(it, "name")).collect(),
        }
    }

    /// The schema that a reference means.
    fn resolved<'a>(&'a self, schema: &'a Value) -> &'a Value {
        let one = schema["allOf"].get(0).unwrap_or(schema);
        match one["$ref"].as_str() {
            Some(reference) => {
                let pointer = reference.trim_start_matches('#');
                self.document.pointer(pointer).expect("a schema of the document")
            }
            None => one,
        }
    }

    async fn head(&self) -> String {
        let page = self.world.project().get("/v1/events?limit=1000").await;
        page.expect(200)["events"].as_array().map_or(0, Vec::len).to_string()
    }

    async fn send(&self, operation: &Operation, body: &Value) -> Answer {
        let path = format!("/v1{}", operation.path);
        let request = self.world.project().request(operation.method.clone(), &path);
        send(request.json(body)).await
    }
}

/// Values that are of none of the forms in which a property of this schema may come.
fn wrong_values(schema: &Value) -> Vec<Value> {
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
        "createAgent" => json!({ "name": "right" }),
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
    for operation in things.operations() {
        for (field, schema) in &operation.body {
            for wrong in wrong_values(things.resolved(schema)) {
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
    for operation in things.operations().iter().filter(|it| it.body.len() > 1) {
        let wrong = |schema: &Value| wrong_values(things.resolved(schema)).swap_remove(0);
        let mut body: Map<String, Value> =
            operation.body.iter().map(|(field, schema)| (field.clone(), wrong(schema))).collect();
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
    for operation in things.operations() {
        let is_endless = operation.id == "streamEvents" || operation.id == "waitForTask";
        if operation.method == Method::GET && !is_endless {
            let path = format!("/v1{}?no_such=1&no_such=2&=&%FF=%FF", operation.path);
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
    for operation in things.operations() {
        for (name, schema) in &operation.query {
            let item = things.resolved(&schema["items"]);
            let schema = if item.is_null() { schema } else { item };
            for wrong in wrong_texts(schema) {
                let path = format!("/v1{}?{name}={wrong}", operation.path);
                let answer = things.world.project().get(&path).await;
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
    for operation in things.operations() {
        for name in &operation.headers {
            let wrong = match name.as_str() {
                "Idempotency-Key" => [b"a b".to_vec(), "ä".into(), b"k".repeat(256)],
                "Baton-Min-Position" => [b"x".to_vec(), b"-1".to_vec(), b"1.5".to_vec()],
                "Last-Event-ID" => [b"x".to_vec(), b"-1".to_vec(), "ä".into()],
                other => panic!("what is a wrong {other}?"),
            };
            for wrong in wrong {
                let path = format!("/v1{}", operation.path);
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
