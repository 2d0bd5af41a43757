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
    pub fn of<A: OpenApi>(service: &OpenApiService<A, ()>) -> Self {
        let spec = service.spec();
        let mut json = serde_json::to_string_pretty(&finish(&spec))
            .expect("a map with text keys always serializes");
        json.push('\n');
        // The page is a template around the text of the library; ours takes its place.
        let page = service.swagger_ui_html().replace(&spec, &json);
        Self { json, page }
    }
}

/// Finishes the text that `OpenApiService::spec` returns.
pub fn finish(spec: &str) -> Value {
    let Merged(mut document) =
        serde_json::from_str(spec).expect("the library writes its document as JSON");
    document["openapi"] = json!("3.0.3");
    let schemas = document["components"]["schemas"].clone();
    for_each_operation(&mut document, |method, path, operation| {
        finish_parameters(method, operation, &schemas);
        finish_responses(method, path, operation);
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
                if method == "post" || parameter["name"] != crate::header::IDEMPOTENCY_KEY {
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
        let description = schema.as_object_mut().and_then(|schema| schema.remove("description"));
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

/// Takes away the errors that this operation cannot answer.
fn finish_responses(method: &str, path: &str, operation: &mut Value) {
    let is_open = operation.get("security").is_none();
    let has_body = operation.get("requestBody").is_some();
    let names_something = path.contains('{') || has_body;
    let parameters = operation.get("parameters").and_then(Value::as_array);
    let has_parameters = parameters.is_some_and(|list| list.iter().any(|p| p["in"] != "path"));
    let cannot = [
        ("400", !has_body),
        ("401", is_open),
        ("403", is_open),
        ("404", !names_something),
        ("409", method == "get"),
        ("413", !has_body),
        ("422", !has_body && !has_parameters),
    ];
    if let Some(responses) = operation["responses"].as_object_mut() {
        for (status, _) in cannot.into_iter().filter(|(_, cannot)| *cannot) {
            responses.remove(status);
        }
        for (status, response) in responses {
            drop_header(status, method, response);
        }
    }
}

/// Keeps only the headers that an answer of this kind can carry.
fn drop_header(status: &str, method: &str, response: &mut Value) {
    let Some(headers) = response.get_mut("headers").and_then(Value::as_object_mut) else {
        return;
    };
    if !status.starts_with('2') {
        return;
    }
    if method != "post" {
        headers.remove(crate::answer::REPLAYED);
    }
    if method != "get" {
        headers.remove(crate::answer::HAS_MORE);
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
        let document = finish(spec);
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
