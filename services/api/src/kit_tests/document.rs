//! The OpenAPI document made with the kit: plain content types, honest parameters, errors, nulls.

use poem_openapi::{OpenApi, OpenApiService};
use serde_json::{Value, json};

use super::{ListNotes, NewNote, Notes};
use crate::answer::{Created, CreatedOrOk, Rendered};
use crate::document::{self, Documents};
use crate::example::{Examples, Operation, Parameter};
use crate::problem::Problem;
use crate::schema::{
    Agent, AgentWithKey, Chain, Delivery, DirectoryAgent, Either, Health, Me, OkDeleted, Task,
    TaskCancelled, TaskCompleted, TaskDetail, TaskList, Webhook, WebhookWithSecret,
};

/// As a resource would give them: one note, and one operation that refuses something.
const EXAMPLES: Examples = Examples { operation: note, parameter: note_id };

fn note(operation: &str) -> Option<Operation> {
    let note = json!({ "id": "1" });
    Some(match operation {
        "finish_note" => Operation::answering(200, "The note", note)
            .to("No field is needed", json!({}))
            .refusing([Problem::not_found("Note"), Problem::conflict("it is done already")]),
        _ => return None,
    })
}

fn note_id(path: &str, name: &str) -> Option<Parameter> {
    let is_id = path.starts_with("/notes/") && name == "id";
    is_id.then(|| Parameter { description: Some("Id of the note."), example: json!("1") })
}

fn spec() -> Value {
    document::finish(&OpenApiService::new(Notes, "Notes", "1").spec(), EXAMPLES)
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
        ("/notes", "post", "201 400 401 409 413 422 429 500 503"),
        ("/notes", "get", "200 401 422 429 500 503"),
        ("/notes/{id}", "delete", "204 401 429 500 503"),
        ("/notes/{id}/done", "post", "200 400 401 404 409 413 422 429 500 503"),
        ("/open", "get", "200 429 500"),
    ];
    for (path, method, expected) in rows {
        let responses = spec["paths"][path][method]["responses"].as_object().unwrap();
        let got: Vec<_> = responses.keys().map(String::as_str).collect();
        assert_eq!(got.join(" "), expected, "{method} {path}");
    }
}

#[test]
fn the_document_shows_the_examples_of_an_operation() {
    let done = &spec()["paths"]["/notes/{id}/done"]["post"];
    let id = &done["parameters"][1];
    assert_eq!((&id["description"], &id["example"]), (&json!("Id of the note."), &json!("1")));
    let body = &done["requestBody"]["content"]["application/json"]["examples"];
    let example = json!({ "summary": "No field is needed", "value": {} });
    assert_eq!(*body, json!({ "no-field-is-needed": example }));
    let examples = |status: &str, content_type: &str| {
        done["responses"][status]["content"][content_type]["examples"].clone()
    };
    assert_eq!(examples("200", "application/json")["the-note"]["value"], json!({ "id": "1" }));
    let conflicts = examples("409", "application/problem+json");
    assert_eq!(conflicts.as_object().unwrap().len(), 2, "its own, and that of every POST");
    let shown = &conflicts["it-is-done-already"]["value"];
    assert_eq!(shown["instance"], "/v1/notes/1/done");
    assert_eq!(shown["detail"], "it is done already");
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

/// A text of the document that would end the script it stands in.
#[test]
fn the_page_holds_texts_that_look_like_markup() {
    let operation = |_: &str| {
        let summary = "</script><script>alert(1)</script>";
        Some(Operation::answering(200, summary, json!({ "id": "1" })))
    };
    let service = OpenApiService::new(Notes, "Notes", "1");
    let documents = Documents::of(&service, Examples { operation, ..EXAMPLES });
    assert!(documents.json.contains("</script>"));
    assert!(!documents.page.contains("<script>alert"));
}

#[test]
fn the_page_shows_the_finished_document() {
    let documents = Documents::of(&OpenApiService::new(Notes, "Notes", "1"), EXAMPLES);
    let json: Value = serde_json::from_str(&documents.json).unwrap();
    assert_eq!(json, spec());
    assert!(documents.page.contains(&documents.json));
    assert!(documents.page.contains("<title>Baton API</title>"));
    for other in ["<script src", "<link ", "@import", "<iframe"] {
        assert!(!documents.page.contains(other), "the page needs no other: {other}");
    }
    assert!(!documents.page.contains("ListNotesDocument"));
}

/// Every schema of section 2, shown by some operation: none misses a part, none clashes.
struct Shapes;

#[OpenApi]
impl Shapes {
    #[oai(path = "/a", method = "get")]
    async fn a(&self) -> Result<Rendered<Either<TaskList, Task>>, Problem> {
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
    document::finish(&OpenApiService::new(Shapes, "Shapes", "1").spec(), EXAMPLES)
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
        ("DelegationChain", vec![]),
        ("ChainEntry", vec![]),
        ("Delivery", vec![]),
        ("Health", vec![]),
        ("Task", vec![]),
        ("TaskCancelled", vec![]),
        ("TaskCompleted", vec!["next_occurrence"]),
        ("TaskDetail", vec![]),
        ("ListedTask", vec!["context", "description", "metadata", "project", "subtasks"]),
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
