//! The OpenAPI document, finished: what the library derives, put into the form that generators
//! and fuzzers read without special cases.
//!
//! It must not know an operation by name; what is said here holds for all of them.

use std::collections::BTreeMap;
use std::fmt;

use poem_openapi::{OpenApi, OpenApiService};
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value, json};

use crate::documented::{self, Traits};
use crate::edge::PREFIXES;
use crate::example::{Examples, shown_problems};
use crate::{answer, header};

const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

const REF_PREFIX: &str = "#/components/schemas/";

/// The two forms in which the API describes itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Documents {
    /// `/openapi.json`.
    pub json: String,
    /// `/docs`: a readable page with the same content, complete in itself.
    pub page: String,
}

impl Documents {
    /// Describes a service.
    pub fn of<A: OpenApi>(service: &OpenApiService<A, ()>, examples: Examples) -> Self {
        let spec = service.spec();
        let mut json = serde_json::to_string_pretty(&finish(&spec, examples))
            .expect("a map with text keys always serializes");
        json.push('\n');
        // The page is a template around the text of the library; ours takes its place. No text in
        // it may end the script that it stands in.
        let script = json.replace('<', "\\u003c");
        let page = service.swagger_ui_html().replace(&spec, &script);
        Self { json, page: page.replacen("<title>Swagger UI", "<title>Baton API", 1) }
    }
}

/// Finishes the text that `OpenApiService::spec` returns.
pub fn finish(spec: &str, examples: Examples) -> Value {
    let Merged(mut document) =
        serde_json::from_str(spec).expect("the library writes its document as JSON");
    document["openapi"] = json!("3.0.3");
    let schemas = document["components"]["schemas"].clone();
    for_each_operation(&mut document, |method, path, operation| {
        finish_parameters(method, operation, &schemas);
        let instance = show_parameters(path, operation, examples);
        let is_cut = may_be_cut(operation, &schemas);
        finish_responses((method, &instance), is_cut, operation, examples);
    });
    simplify(&mut document);
    drop_unused_schemas(&mut document);
    document
}

fn for_each_operation(document: &mut Value, mut finish: impl FnMut(&str, &str, &mut Value)) {
    let Some(paths) = document["paths"].as_object_mut() else {
        return;
    };
    for (path, item) in paths {
        for method in METHODS {
            if let Some(operation) = item.get_mut(method) {
                finish(method, path, operation);
            }
        }
    }
}

/// Writes the properties of a query object out as parameters, and gives header parameters the
/// name their schema carries as its title.
fn finish_parameters(method: &str, operation: &mut Value, schemas: &Value) {
    let Some(parameters) = operation.get_mut("parameters").and_then(Value::as_array_mut) else {
        return;
    };
    let given = std::mem::take(parameters);
    for mut parameter in given {
        match parameter["in"].as_str() {
            Some("query") if parameter["schema"]["$ref"].is_string() => {
                parameters.extend(unfold(&parameter["schema"], schemas));
            }
            Some("header") => {
                take_name_from_schema(&mut parameter);
                // Only a POST needs help to be safe to repeat (protocol 0.8).
                if method == "post" || parameter["name"] != header::IDEMPOTENCY_KEY {
                    parameters.push(parameter);
                }
            }
            _ => parameters.push(parameter),
        }
    }
}

fn unfold(reference: &Value, schemas: &Value) -> Vec<Value> {
    let name = reference["$ref"].as_str().and_then(|text| text.strip_prefix(REF_PREFIX));
    let schema = &schemas[name.unwrap_or_default()];
    let required = schema["required"].as_array().cloned().unwrap_or_default();
    let properties = schema["properties"].as_object().cloned().unwrap_or_default();
    let parameter = |(name, mut schema): (String, Value)| {
        simplify(&mut schema);
        let description = schema.as_object_mut().and_then(|schema| schema.remove("description"));
        // What stood beside a reference is the parameter's now: the reference alone is left.
        if let Some([reference]) = schema["allOf"].as_array().map(Vec::as_slice) {
            schema = reference.clone();
        }
        let mut parameter = json!({
            "name": name,
            "in": "query",
            "required": required.contains(&json!(name)),
            "explode": true,
            "style": "form",
            "schema": schema,
        });
        if let Some(description) = description {
            parameter["description"] = description;
        }
        parameter
    };
    properties.into_iter().map(parameter).collect()
}

fn take_name_from_schema(parameter: &mut Value) {
    let Some(schema) = parameter["schema"].as_object_mut() else {
        return;
    };
    let (title, description) = (schema.remove("title"), schema.remove("description"));
    if let Some(title) = title {
        parameter["name"] = title;
        parameter["required"] = json!(false);
    }
    if let Some(description) = description {
        parameter["description"] = description;
    }
}

/// Gives every parameter an example, and a description if it has none; returns the path of the
/// request that they make.
fn show_parameters(path: &str, operation: &mut Value, examples: Examples) -> String {
    let mut instance = format!("{}{path}", PREFIXES[0]);
    let parameters = operation.get_mut("parameters").and_then(Value::as_array_mut);
    for parameter in parameters.into_iter().flatten() {
        let name = parameter["name"].as_str().unwrap_or_default().to_owned();
        let Some(shown) = (examples.parameter)(path, &name) else {
            continue;
        };
        if let (None, Some(description)) = (parameter.get("description"), shown.description) {
            parameter["description"] = json!(description);
        }
        if let Some(value) = shown.example.as_str() {
            instance = instance.replace(&format!("{{{name}}}"), value);
        }
        parameter["example"] = shown.example;
    }
    instance
}

/// Gives the operation its examples, and takes away the errors that it cannot end in.
fn finish_responses(
    (method, instance): (&str, &str),
    is_cut: bool,
    operation: &mut Value,
    examples: Examples,
) {
    let id = operation["operationId"].as_str().unwrap_or_default();
    let own = (examples.operation)(id).unwrap_or_default();
    let traits = Traits {
        is_open: operation.get("security").is_none(),
        has_body: operation.get("requestBody").is_some(),
        has_past: has_parameter(operation, "as_of"),
        is_read: method == "get" || has_parameter(operation, header::MIN_POSITION),
        method: method.to_owned(),
    };
    if traits.has_body {
        show(&mut operation["requestBody"], own.shown_requests());
    }
    let Some(responses) = operation["responses"].as_object_mut() else {
        return;
    };
    responses.retain(|status, response| {
        if status.starts_with('2') {
            show(response, own.shown_answers(status));
            drop_headers(&traits, is_cut, response);
            return true;
        }
        let refusals = own.refusals().iter().filter(|own| own.status().as_str() == status);
        let refusals: Vec<_> = refusals.collect();
        let by_rule = documented::is_possible(status, &traits);
        let general = documented::example(status, &traits).filter(|_| by_rule);
        show(response, shown_problems(refusals.iter().copied().chain(&general), instance));
        by_rule || !refusals.is_empty()
    });
}

/// Puts examples beside the schema of a body.
fn show(body: &mut Value, examples: Value) {
    let content = body.get_mut("content").and_then(Value::as_object_mut);
    for media_type in content.into_iter().flat_map(Map::values_mut) {
        media_type["examples"] = examples.clone();
    }
}

fn has_parameter(operation: &Value, name: &str) -> bool {
    let parameters = operation.get("parameters").and_then(Value::as_array);
    parameters.is_some_and(|list| list.iter().any(|parameter| parameter["name"] == name))
}

/// True for a list that takes a `limit` and can be an array.
fn may_be_cut(operation: &Value, schemas: &Value) -> bool {
    let has_limit = has_parameter(operation, "limit");
    let schema = &operation["responses"]["200"]["content"][answer::CONTENT_TYPE]["schema"];
    let name = schema["$ref"].as_str().and_then(|text| text.strip_prefix(REF_PREFIX));
    let schema = name.map_or(schema, |name| &schemas[name]);
    let shapes = ["anyOf", "oneOf"].iter().filter_map(|of| schema[of].as_array()).flatten();
    has_limit && shapes.chain([schema]).any(|shape| shape["type"] == "array")
}

/// Keeps only the headers that a success of this kind can carry.
fn drop_headers(operation: &Traits, is_cut: bool, response: &mut Value) {
    let Some(headers) = response.get_mut("headers").and_then(Value::as_object_mut) else {
        return;
    };
    if operation.is_read
        && let Some(mut position) = headers.remove(answer::POSITION)
        && operation.has_past
    {
        // An answer about the present does not say where it stands.
        position["required"] = json!(false);
        headers.insert(answer::POSITION.to_owned(), position);
    }
    if operation.is_read || operation.method != "post" || operation.is_open {
        headers.remove(answer::REPLAYED);
    }
    if !is_cut {
        headers.remove(answer::HAS_MORE);
    }
}

/// `allOf` of one reference and an annotation that is repeated outside becomes `allOf` of the
/// reference: code generators make a new type of anything else.
fn simplify(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(simplify),
        Value::Object(map) => {
            map.values_mut().for_each(simplify);
            let outside = map.clone();
            if let Some(Value::Array(parts)) = map.get_mut("allOf") {
                parts.retain(|part| part.get("$ref").is_some() || !repeats(part, &outside));
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => (),
    }
}

fn repeats(part: &Value, outside: &Map<String, Value>) -> bool {
    let members = part.as_object();
    members.is_some_and(|part| part.iter().all(|(name, value)| outside.get(name) == Some(value)))
}

/// Drops schemas that only stood for a query.
fn drop_unused_schemas(document: &mut Value) {
    loop {
        let text = document.to_string();
        let Some(schemas) = document["components"]["schemas"].as_object_mut() else {
            return;
        };
        let before = schemas.len();
        schemas.retain(|name, _| text.contains(&format!("\"{REF_PREFIX}{name}\"")));
        if schemas.len() == before {
            return;
        }
    }
}

/// JSON in which an object named twice is one object: the library writes a path once for every
/// group of operations that has it, and a plain parser would keep only the last.
struct Merged(Value);

impl<'de> Deserialize<'de> for Merged {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(MergedVisitor).map(Merged)
    }
}

struct MergedVisitor;

impl<'de> Visitor<'de> for MergedVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(json!(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(json!(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(json!(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        // 1.0 and 1 are one number; limits read better without the fraction.
        let number = serde_json::Number::from_f64(value);
        #[expect(clippy::cast_possible_truncation, reason = "whole and small, checked here")]
        let whole = (value.fract() == 0.0 && value.abs() < 1e15).then_some(value as i64);
        Ok(whole.map_or_else(|| json!(number), Value::from))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(json!(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(Merged(item)) = seq.next_element()? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut members: BTreeMap<String, Value> = BTreeMap::new();
        while let Some((name, Merged(value))) = map.next_entry::<String, Merged>()? {
            match (members.get_mut(&name), value) {
                (Some(Value::Object(known)), Value::Object(more)) => known.extend(more),
                (_, value) => {
                    members.insert(name, value);
                }
            }
        }
        Ok(Value::Object(members.into_iter().collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_of_one_path_in_two_groups_are_kept() {
        let spec = r#"{"paths": {"/a": {"get": {}}, "/a": {"post": {}}}, "components": {}}"#;
        let none = Examples { operation: |_| None, parameter: |_, _| None };
        let document = finish(spec, none);
        assert!(document["paths"]["/a"]["get"].is_object());
        assert!(document["paths"]["/a"]["post"].is_object());
    }

    #[test]
    fn annotations_beside_a_reference_leave_one_reference() {
        let mut schema = json!({
            "allOf": [{"$ref": "#/x"}, {"description": "d"}],
            "description": "d",
        });
        simplify(&mut schema);
        assert_eq!(schema, json!({"allOf": [{"$ref": "#/x"}], "description": "d"}));
    }
}
