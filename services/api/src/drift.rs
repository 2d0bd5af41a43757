//! For tests: the fields that a reader asks for against the fields that its document shows.
//!
//! A body or query is described once for people and read once by code; this is what keeps the two
//! from drifting apart. Every `FromFields` and `FromParams` has a line in a test that calls it.

use std::collections::BTreeSet;

use poem_openapi::registry::{MetaSchemaRef, Registry};
use poem_openapi::types::Type;
use serde_json::Map;

use crate::body::FromFields;
use crate::field::Report;
use crate::fields::Fields;
use crate::query::{self, FromParams};

/// Fields that only one side has.
pub(crate) fn of_body<T: FromFields>() -> Vec<String> {
    let mut report = Report::default();
    T::from_fields(&mut Fields::new(Map::new(), &mut report));
    difference::<T::Document>(&report.asked)
}

/// Parameters that only one side has.
pub(crate) fn of_query<T: FromParams>() -> Vec<String> {
    difference::<T::Document>(&query::asked::<T>())
}

fn difference<D: Type>(asked: &BTreeSet<String>) -> Vec<String> {
    let mut registry = Registry::new();
    D::register(&mut registry);
    let shown: BTreeSet<String> = match D::schema_ref() {
        MetaSchemaRef::Inline(schema) => schema.properties,
        MetaSchemaRef::Reference(name) => registry.schemas.remove(&name).unwrap().properties,
    }
    .into_iter()
    .map(|(name, _)| name.to_owned())
    .collect();
    let told = |name: &String| match shown.contains(name) {
        true => format!("{name} is shown but not read"),
        false => format!("{name} is read but not shown"),
    };
    asked.symmetric_difference(&shown).map(told).collect()
}
