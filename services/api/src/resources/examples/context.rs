//! Examples of contexts and recall.

use baton_commands::CommandError;
use baton_domain::task::TaskRefusal;
use serde_json::{Value, json};

use super::{
    agents::RESEARCHER,
    task_documents::{CONTENT, RESEARCH},
    tasks::{missing, refused},
};
use crate::{example::Operation, problem::Problem};

pub(super) fn of(operation: &str) -> Option<Operation> {
    Some(match operation {
        "getTaskContext" => reading(),
        "mergeTaskContext" | "putTaskContext" => merging(),
        "getTaskContextHistory" => {
            Operation::answering(200, "A page of one", history()).refusing([
                missing(),
                Problem::invalid_field("cursor", "must be the next_cursor of an earlier answer"),
            ])
        }
        "supersedeTaskContext" => {
            let superseded = json!({ "superseded": superseded() });
            Operation::answering(200, "The entry", superseded)
                .to("What is out of date", json!({ "key": "result" }))
                .refusing([
                    CommandError::NotWritable.into(),
                    CommandError::ReadOnly.into(),
                    missing(),
                    refused(TaskRefusal::NoSuch { what: "Context entry" }),
                    Problem::invalid_field("key", "is required"),
                ])
        }
        "recallContext" => Operation::answering(200, "What fits best", recalled()).refusing([
            Problem::forbidden("you may not filter tasks by project"),
            Problem::invalid_field("q", "is required"),
        ]),
        _ => return None,
    })
}

fn reading() -> Operation {
    let whole = json!({ "context": context(), "version": 2 });
    let keys = json!({
        "items": [{ "key": "result", "chars": 30 }, { "key": "urgency", "chars": 6 }],
        "total": 2, "limit": 100, "offset": 0, "has_more": false, "next_offset": null,
    });
    let listed = json!({ "context": {}, "version": 2, "keys": keys });
    let named = json!({
        "context": { "urgency": "high" }, "version": 2, "missing_keys": ["blocking"],
    });
    let known = json!({
        "context": context(), "version": 2, "provenance": { "result": provenance() },
    });
    Operation::answering(200, "All of it", whole)
        .or(200, "With include=provenance", known)
        .or(200, "With view=keys", listed)
        .or(200, "With keys", named)
        .refusing([missing(), Problem::invalid_field("keys", "must be a JSON array of keys")])
}

fn merging() -> Operation {
    let moved = || {
        let context = context().as_object().cloned().unwrap_or_default();
        refused(TaskRefusal::ContextVersion { version: 2, context })
    };
    Operation::answering(200, "The whole", json!({ "context": context(), "version": 2 }))
        .to("What was found", json!({ "result": { "rpm": 500, "tpm": 30_000 } }))
        .refusing([
            CommandError::NotWritable.into(),
            CommandError::ReadOnly.into(),
            refused(TaskRefusal::ContextSourceProtected),
            missing(),
            moved(),
            Problem::invalid_field("expected_version", "must be an integer"),
        ])
}

fn context() -> Value {
    json!({ "urgency": "high", "result": result() })
}

fn result() -> Value {
    json!({ "rpm": 500, "tpm": 30_000 })
}

fn provenance() -> Value {
    json!({
        "author_agent_id": RESEARCHER,
        "author_name": "research-agent",
        "source": "agent_observed",
        "version": 2,
        "created_at": "2026-03-17T10:20:00.000Z",
    })
}

fn entry() -> Value {
    json!({
        "id": format!("{RESEARCH}-2"),
        "task_id": RESEARCH,
        "key": "result",
        "value": result(),
        "version": 2,
        "source": "agent_observed",
        "author_agent_id": RESEARCHER,
        "author_name": "research-agent",
        "created_at": "2026-03-17T10:20:00.000Z",
        "superseded_by": null,
        "superseded_at": null,
    })
}

fn superseded() -> Value {
    super::with(entry(), json!({ "superseded_at": "2026-03-18T08:00:00.000Z" }))
}

fn history() -> Value {
    json!({ "entries": [entry()], "next_cursor": "2" })
}

fn recalled() -> Value {
    let result = json!({
        "task_id": RESEARCH,
        "task_content": CONTENT,
        "key": "result",
        "value": result(),
        "source": "agent_observed",
        "score": 0.378_2,
        "version": 2,
        "author_agent_id": RESEARCHER,
        "author_name": "research-agent",
        "created_at": "2026-03-17T10:20:00.000Z",
        "superseded_at": null,
    });
    json!({ "query": "rate limits", "count": 1, "results": [result] })
}
