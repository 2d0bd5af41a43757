//! Examples of events and of waiting for them.

use serde_json::{Value, json};

use super::{agents, task_documents as tasks};
use crate::{example::Operation, problem::Problem};

/// The completion of the task.
pub(super) const EVENT: &str = "0195a3c2-1dd2-7196-a8e4-2df1f00b8e9b";

pub(super) fn of(operation: &str) -> Option<Operation> {
    let only_some = || {
        Problem::forbidden(
            "Only admins, coordinators, auditors and the project token may read all events; \
             others may ask for those of a task, with task=",
        )
    };
    Some(match operation {
        "listEvents" => Operation::answering(200, "A page", page())
            .or(200, "Nothing new", nothing())
            .refusing([
                only_some(),
                Problem::not_found("Task"),
                Problem::invalid_field("limit", "must be an integer from 1 to 1000"),
            ]),
        "streamEvents" => Operation::answering(200, "One event", streamed()).refusing([
            only_some(),
            Problem::not_found("Task"),
            Problem::invalid_field("Last-Event-ID", "must be the id of an event"),
        ]),
        "listTaskEvents" => {
            Operation::answering(200, "All of them", page()).refusing([Problem::not_found("Task")])
        }
        "getEventCauses" => Operation::answering(200, "The completion that opened it", opened())
            .refusing([Problem::not_found("Event")]),
        "getEventEffects" => Operation::answering(200, "What the completion opened", opening())
            .or(200, "Nothing", nothing_of_it())
            .refusing([Problem::not_found("Event")]),
        "waitForTask" => {
            let done = json!({ "reached": true, "task": tasks::completed() });
            let not_yet = json!({ "reached": false, "task": tasks::handed_over() });
            Operation::answering(200, "It is done", done)
                .or(200, "The time is over", not_yet)
                .refusing([
                    Problem::not_found("Task"),
                    Problem::invalid_field("timeout", "must be an integer from 0 to 60"),
                ])
        }
        _ => return None,
    })
}

fn page() -> Value {
    json!({ "items": [event()], "next_after": 42, "head": 42 })
}

fn nothing() -> Value {
    json!({ "items": [], "next_after": 42, "head": 42 })
}

fn streamed() -> Value {
    json!({ "id": "42", "event": "task.completed", "data": event().to_string() })
}

fn opened() -> Value {
    json!({ "event": unblocked(), "items": [{ "depth": 1, "event": event() }], "truncated": false })
}

fn opening() -> Value {
    json!({ "event": event(), "items": [{ "depth": 1, "event": unblocked() }], "truncated": false })
}

fn nothing_of_it() -> Value {
    json!({ "event": unblocked(), "items": [], "truncated": false })
}

/// What followed from the completion, of a task that had waited for it.
fn unblocked() -> Value {
    let mut event = event();
    for (member, value) in [
        ("causationid", event["id"].clone()),
        ("id", json!("0195a3c2-1e05-7b1c-9f0d-6f0e5b1f2a43")),
        ("type", json!("task.unblocked")),
        ("subject", json!(format!("task/{}", tasks::CHILD))),
        ("position", json!("43")),
        ("accountseq", json!("43")),
        ("streamversion", json!("2")),
        ("actor", json!("system:policies")),
        ("data", json!({ "event": {}, "task": tasks::message(tasks::child()), "agent": null })),
    ] {
        event[member] = value;
    }
    event
}

fn event() -> Value {
    json!({
        "specversion": "1.0",
        "id": EVENT,
        "source": "/accounts/default",
        "type": "task.completed",
        "subject": format!("task/{}", tasks::RESEARCH),
        "time": "2026-03-17T10:31:07.250Z",
        "datacontenttype": "application/json",
        "position": "42",
        "accountseq": "42",
        "streamversion": "4",
        "actor": format!("agent:{}", agents::RESEARCHER),
        "correlationid": "0195a3c2-1dd1-745f-8e2e-2176b698edbd",
        "internal": false,
        "data": {
            "event": { "changes": { "metadata": tasks::result() } },
            "task": tasks::message(tasks::completed()),
            "agent": { "id": agents::RESEARCHER, "name": "research-agent",
                       "display_name": "Research Agent" },
        },
    })
}
