//! The operations that an OpenAPI document offers, for tests that try every one of them.
//!
//! Must not: know what an operation is to answer.

use reqwest::Method;
use serde_json::{Map, Value};

use crate::world::{World, text};

/// Where a schema has parts of itself.
const COMBINING: [&str; 3] = ["allOf", "oneOf", "anyOf"];

/// An operation of the document.
pub(crate) struct Operation {
    pub(crate) id: String,
    pub(crate) method: Method,
    /// As it stands in the document: below a prefix, with the names of ids in braces.
    pub(crate) path: String,
    pub(crate) parameters: Vec<Parameter>,
    /// Every field that a body may have, with its schema.
    pub(crate) fields: Map<String, Value>,
}

/// A parameter of an operation.
pub(crate) struct Parameter {
    pub(crate) name: String,
    /// `path`, `query` or `header`.
    pub(crate) place: String,
    pub(crate) schema: Value,
}

impl Operation {
    /// All that the document has, by path and method.
    pub(crate) fn all(document: &Value) -> Vec<Operation> {
        let mut operations = Vec::new();
        for (path, methods) in document["paths"].as_object().expect("paths") {
            for (method, operation) in methods.as_object().expect("methods") {
                // Beside its methods a path has only what is true of all of them.
                let Ok(method) = method.to_uppercase().parse::<Method>() else { continue };
                if operation["operationId"].is_string() {
                    operations.push(Operation::of(document, path, method, operation));
                }
            }
        }
        assert!(operations.len() >= 30, "{} operations", operations.len());
        operations
    }

    /// All that a node says that it offers.
    pub(crate) async fn served(world: &World) -> Vec<Operation> {
        Operation::all(&world.nobody().get("/openapi.json").await.expect(200))
    }

    fn of(document: &Value, path: &str, method: Method, operation: &Value) -> Operation {
        let parameters = operation["parameters"].as_array().into_iter().flatten();
        let parameters = parameters.map(|one| Parameter {
            name: text(one, "name"),
            place: text(one, "in"),
            schema: meant(document, &one["schema"]),
        });
        let contents = operation["requestBody"]["content"].as_object();
        let bodies = contents.into_iter().flatten().map(|(_, content)| &content["schema"]);
        Operation {
            id: text(operation, "operationId"),
            method,
            path: path.to_owned(),
            parameters: parameters.collect(),
            fields: bodies.flat_map(|schema| fields_of(document, schema)).collect(),
        }
    }

    /// Its parameters in this place.
    pub(crate) fn placed(&self, place: &str) -> impl Iterator<Item = &Parameter> {
        self.parameters.iter().filter(move |one| one.place == place)
    }

    /// The path under a prefix, with these ids in it.
    #[track_caller]
    pub(crate) fn at(&self, ids: &[(&str, &str)]) -> String {
        format!("/v1{}", filled(&self.path, ids))
    }
}

/// A path or query with these ids in the places of their names in braces.
#[track_caller]
pub(crate) fn filled(template: &str, ids: &[(&str, &str)]) -> String {
    let put = |path: String, (name, id): &(&str, &str)| path.replace(&format!("{{{name}}}"), id);
    let path = ids.iter().fold(template.to_owned(), put);
    assert!(!path.contains('{'), "which ids does {template} take?");
    path
}

/// A schema with what it refers to in the place of the reference, in its items as well.
fn meant(document: &Value, schema: &Value) -> Value {
    let mut whole = Map::new();
    for (name, value) in schema.as_object().into_iter().flatten() {
        match name.as_str() {
            "$ref" => whole.extend(members(meant(document, referred(document, value)))),
            "allOf" => {
                for part in value.as_array().expect("parts") {
                    whole.extend(members(meant(document, part)));
                }
            }
            "items" => drop(whole.insert(name.clone(), meant(document, value))),
            _ => drop(whole.insert(name.clone(), value.clone())),
        }
    }
    Value::Object(whole)
}

/// The properties of a schema, wherever it has them from.
fn fields_of(document: &Value, schema: &Value) -> Map<String, Value> {
    let mut fields = Map::new();
    if schema["$ref"].is_string() {
        fields.extend(fields_of(document, referred(document, &schema["$ref"])));
    }
    for parts in COMBINING.map(|combining| &schema[combining]) {
        for part in parts.as_array().into_iter().flatten() {
            fields.extend(fields_of(document, part));
        }
    }
    let own = schema["properties"].as_object().into_iter().flatten();
    fields.extend(own.map(|(name, schema)| (name.clone(), meant(document, schema))));
    fields
}

fn referred<'a>(document: &'a Value, reference: &Value) -> &'a Value {
    let pointer = reference.as_str().expect("a reference").trim_start_matches('#');
    document.pointer(pointer).unwrap_or_else(|| panic!("{pointer} is not in the document"))
}

fn members(schema: Value) -> Map<String, Value> {
    match schema {
        Value::Object(members) => members,
        other => panic!("not a schema: {other}"),
    }
}

/// No part of a schema is overlooked.
#[test]
fn fields_are_found_through_references_and_combinations() {
    let document = serde_json::json!({
        "parts": {
            "A": { "properties": { "a": { "allOf": [{ "$ref": "#/parts/Word" }] } } },
            "Word": { "type": "string", "enum": ["x"] },
        },
    });
    let schema = serde_json::json!({
        "allOf": [{ "$ref": "#/parts/A" }, { "properties": { "b": { "type": "integer" } } }],
        "oneOf": [{ "properties": { "c": {} } }, { "anyOf": [{ "properties": { "d": {} } }] }],
        "properties": { "e": { "items": { "$ref": "#/parts/Word" } } },
    });
    let fields = fields_of(&document, &schema);
    assert_eq!(fields.keys().collect::<Vec<_>>(), ["a", "b", "c", "d", "e"]);
    assert_eq!(fields["a"], document["parts"]["Word"]);
    assert_eq!(fields["e"]["items"], document["parts"]["Word"]);
}
