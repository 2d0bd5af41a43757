//! The OpenAPI document made with the kit: plain content types, honest parameters, errors, nulls.

use poem_openapi::{OpenApi, OpenApiService};
use serde_json::{Value, json};

use super::{ListNotes, NewNote, Notes};
use crate::answer::{Created, CreatedOrOk, Rendered};
use crate::document::{self, Documents};
use crate::problem::Problem;
use crate::schema::{
    Agent, AgentWithKey, Chain, Delivery, DirectoryAgent, Either, Health, Me, OkDeleted, Task,
    TaskCancelled, TaskCompleted, TaskDetail, TaskPage, Webhook, WebhookWithSecret,
};

fn spec() -> Value {
    document::finish(&OpenApiService::new(Notes, "Notes", "1").spec())
}

#[test]
fn the_document_shows_operations_as_they_are() {
    let spec = spec();
    let create = &spec["paths"]["/notes"]["post"];
    assert_eq!(spec["openapi"], "3.0.3");
    let content = create["requestBody"]["content"].as_object().unwrap();
    assert_eq!(content.keys().collect::<Vec<_>>(), ["application/json"]);
    assert_eq!(create["requestBody"]["required"], true);
    let content = create["responses"]["201"]["content"].as_object().unwrap();
    assert_eq!(content.keys().collect::<Vec<_>>(), ["application/json"]);
    let content = create["responses"]["422"]["content"].as_object().unwrap();
    assert_eq!(content.keys().collect::<Vec<_>>(), ["application/problem+json"]);
    assert_eq!(create["security"], json!([{"AgentKey": []}, {"Bearer": []}]));
    let done = &spec["paths"]["/notes/{id}/done"]["post"];
    assert_eq!(done["requestBody"]["required"], false);
}

#[test]
fn the_document_names_every_parameter_once() {
    let spec = spec();
    let rows = [
        ("/notes", "post", vec!["header Idempotency-Key", "header X-Dedup-Check"]),
        ("/notes/{id}", "get", vec!["header Baton-Min-Position", "path id"]),
        ("/notes/{id}", "delete", vec!["path id"]),
        ("/open", "get", vec![]),
        (
            "/notes",
            "get",
            vec![
                "header Baton-Min-Position",
                "query completed",
                "query labels",
                "query limit",
                "query offset",
            ],
        ),
    ];
    for (path, method, expected) in rows {
        let parameters = spec["paths"][path][method]["parameters"].as_array();
        let named =
            |p: &Value| format!("{} {}", p["in"].as_str().unwrap(), p["name"].as_str().unwrap());
        let got: Vec<_> = parameters.into_iter().flatten().map(named).collect();
        assert_eq!(got, expected, "{method} {path}");
    }
    let labels = &spec["paths"]["/notes"]["get"]["parameters"][2];
    assert_eq!(labels["description"], "Has all of these.");
    assert_eq!(labels["schema"]["type"], "array");
    assert_eq!(labels["required"], false);
    assert!(spec["components"]["schemas"]["ListNotesDocument"].is_null());
}

#[test]
fn the_document_lists_the_errors_an_operation_can_give() {
    let spec = spec();
    let rows = [
        ("/notes", "post", "201 400 401 403 404 409 413 422 429 500 503"),
        ("/notes", "get", "200 401 403 422 429 500 503"),
        ("/notes/{id}", "get", "200 401 403 404 422 429 500 503"),
        ("/notes/{id}", "delete", "204 401 403 404 409 429 500 503"),
        ("/open", "get", "200 429 500 503"),
    ];
    for (path, method, expected) in rows {
        let responses = spec["paths"][path][method]["responses"].as_object().unwrap();
        let got: Vec<_> = responses.keys().map(String::as_str).collect();
        assert_eq!(got.join(" "), expected, "{method} {path}");
    }
}

#[test]
fn the_document_says_what_is_required_and_nullable() {
    let spec = spec();
    let noted = &spec["components"]["schemas"]["Noted"];
    assert_eq!(noted["required"], json!(["id", "content", "status", "kind", "evidence"]));
    let properties = &noted["properties"];
    assert_eq!(properties["content"]["nullable"], true);
    assert_eq!(properties["content"]["type"], "string");
    assert_eq!(properties["id"]["nullable"], Value::Null);
    let status = json!([{"$ref": "#/components/schemas/TaskStatus"}]);
    assert_eq!(properties["status"]["allOf"], status);
    let evidence = json!([{"$ref": "#/components/schemas/EvidenceItem"}]);
    assert_eq!(properties["evidence"]["allOf"], evidence);
    assert_eq!(properties["evidence"]["nullable"], true);
    let sent = &spec["components"]["schemas"]["NewNoteDocument"];
    assert_eq!(sent["required"], json!(["content"]));
    assert_eq!(sent["properties"]["assigned_to"]["nullable"], true);
    assert_eq!(sent["properties"]["content"]["maxLength"], 10);
}

#[test]
fn documents_and_readers_name_the_same_fields() {
    assert_eq!(crate::drift::of_body::<NewNote>(), Vec::<String>::new());
    assert_eq!(crate::drift::of_query::<ListNotes>(), Vec::<String>::new());
}

#[test]
fn the_page_shows_the_finished_document() {
    let documents = Documents::of(&OpenApiService::new(Notes, "Notes", "1"));
    let json: Value = serde_json::from_str(&documents.json).unwrap();
    assert_eq!(json, spec());
    assert!(documents.page.contains(&documents.json));
    assert!(!documents.page.contains("ListNotesDocument"));
}

/// Every schema of section 2, shown by some operation: none misses a part, none clashes.
struct Shapes;

#[OpenApi]
impl Shapes {
    #[oai(path = "/a", method = "get")]
    async fn a(&self) -> Result<Rendered<Either<Vec<Task>, TaskPage>>, Problem> {
        Err(Problem::not_found("Shape"))
    }

    #[oai(path = "/b", method = "get")]
    async fn b(&self) -> Result<Rendered<Chain>, Problem> {
        Err(Problem::not_found("Shape"))
    }

    #[oai(path = "/c", method = "get")]
    async fn c(&self) -> Result<Rendered<Vec<Either<Agent, DirectoryAgent>>>, Problem> {
        Err(Problem::not_found("Shape"))
    }

    #[oai(path = "/d", method = "get")]
    async fn d(&self) -> Result<Rendered<Me>, Problem> {
        Err(Problem::not_found("Shape"))
    }

    #[oai(path = "/e", method = "post")]
    async fn e(&self) -> Result<CreatedOrOk<TaskDetail>, Problem> {
        Err(Problem::not_found("Shape"))
    }

    #[oai(path = "/f", method = "post")]
    async fn f(&self) -> Result<Created<AgentWithKey>, Problem> {
        Err(Problem::not_found("Shape"))
    }

    #[oai(path = "/g", method = "post")]
    async fn g(&self) -> Result<Created<WebhookWithSecret>, Problem> {
        Err(Problem::not_found("Shape"))
    }

    #[oai(path = "/h", method = "get")]
    async fn h(&self) -> Result<Rendered<Vec<Delivery>>, Problem> {
        Err(Problem::not_found("Shape"))
    }

    #[oai(path = "/i", method = "post")]
    async fn i(&self) -> Result<Rendered<TaskCompleted>, Problem> {
        Err(Problem::not_found("Shape"))
    }

    #[oai(path = "/j", method = "post")]
    async fn j(&self) -> Result<Rendered<TaskCancelled>, Problem> {
        Err(Problem::not_found("Shape"))
    }

    #[oai(path = "/k", method = "get")]
    async fn k(&self) -> Result<Rendered<Health>, Problem> {
        Err(Problem::not_found("Shape"))
    }

    #[oai(path = "/l", method = "delete")]
    async fn l(&self) -> Result<Rendered<OkDeleted>, Problem> {
        Err(Problem::not_found("Shape"))
    }

    #[oai(path = "/m", method = "get")]
    async fn m(&self) -> Result<Rendered<Vec<Webhook>>, Problem> {
        Err(Problem::not_found("Shape"))
    }
}

fn shapes() -> Value {
    document::finish(&OpenApiService::new(Shapes, "Shapes", "1").spec())
}

#[test]
fn every_reference_leads_to_a_schema() {
    let spec = shapes();
    let text = spec.to_string();
    let references: Vec<_> = text.split("#/components/schemas/").skip(1).collect();
    assert!(references.len() > 50);
    for reference in references {
        let name = reference.split('"').next().unwrap();
        assert!(spec["components"]["schemas"][name].is_object(), "{name}");
    }
}

#[test]
fn full_objects_name_every_field_as_required() {
    let schemas = shapes()["components"]["schemas"].take();
    let optional = [
        ("Agent", vec!["key_prefix"]),
        ("AgentWithKey", vec!["key_prefix"]),
        ("Chain", vec![]),
        ("ChainEntry", vec![]),
        ("Delivery", vec![]),
        ("Health", vec![]),
        ("Task", vec![]),
        ("TaskCancelled", vec![]),
        ("TaskCompleted", vec!["next_occurrence"]),
        ("TaskDetail", vec![]),
        ("TaskPage", vec![]),
        ("Webhook", vec![]),
        ("WebhookWithSecret", vec!["secret"]),
    ];
    for (name, expected) in optional {
        let required = schemas[name]["required"].as_array().unwrap();
        let properties = schemas[name]["properties"].as_object().unwrap();
        let got: Vec<_> = properties.keys().filter(|key| !required.contains(&json!(key))).collect();
        assert_eq!(got, expected, "{name}");
    }
    let task = schemas["Task"]["properties"].as_object().unwrap();
    assert_eq!(task.len(), 78, "the names of protocol 2.1 that every task has");
    let entry = &schemas["ChainEntry"]["properties"];
    assert_eq!(entry["priority"]["nullable"], true, "restricted nodes have nulls");
    assert_eq!(entry["content"]["nullable"], Value::Null);
    assert_eq!(entry["from"]["nullable"], true);
}
