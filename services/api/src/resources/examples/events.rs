//! Examples of events and of waiting for them.

use serde_json::{Value, json};

use super::{agents, task_documents as tasks};
use crate::{example::Operation, problem::Problem};

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

fn event() -> Value {
    json!({
        "specversion": "1.0",
        "id": "0195a3c2-1dd2-7196-a8e4-2df1f00b8e9b",
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
