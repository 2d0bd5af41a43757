//! Examples: what the OpenAPI document shows of each operation, all of it in one place.
//!
//! One story runs through them: an orchestrator hands research, writing and editing of a blog post
//! to three agents. Tests hold every example to the reader or the schema that it stands for, and
//! fail where an operation has none.

mod agents;
mod annotations;
mod audit;
mod claims;
mod context;
mod events;
mod ledger;
mod parameters;
mod projects;
mod recurrences;
mod stats;
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
    let all: &[fn(&str) -> Option<Operation>] = &[
        tasks::of,
        claims::of,
        context::of,
        annotations::of,
        projects::of,
        recurrences::of,
        agents::of,
        events::of,
        ledger::of,
        audit::of,
        webhooks::of,
        stats::of,
    ];
    all.iter().find_map(|of| of(id))
}

/// The document with other values for some members, or with more of them.
fn with(mut document: Value, members: Value) -> Value {
    if let (Some(document), Value::Object(members)) = (document.as_object_mut(), members) {
        document.extend(members);
    }
    document
}
