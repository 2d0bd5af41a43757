//! Examples: what the OpenAPI document shows of each operation, all of it in one place.
//!
//! One story runs through them: an orchestrator hands research, writing and editing of a blog post
//! to three agents. Tests hold every example to the reader or the schema that it stands for, and
//! fail where an operation has none.

mod agents;
mod events;
mod parameters;
mod task_documents;
mod tasks;
#[cfg(test)]
mod tests;
mod webhooks;

use serde_json::Value;

use crate::example::{Examples, Operation};

/// Those of every operation.
pub(crate) const EXAMPLES: Examples = Examples { operation, parameter: parameters::of };

fn operation(id: &str) -> Option<Operation> {
    tasks::of(id).or_else(|| agents::of(id)).or_else(|| events::of(id)).or_else(|| webhooks::of(id))
}

/// The document with other values for some members, or with more of them.
fn with(mut document: Value, members: Value) -> Value {
    if let (Some(document), Value::Object(members)) = (document.as_object_mut(), members) {
        document.extend(members);
    }
    document
}
