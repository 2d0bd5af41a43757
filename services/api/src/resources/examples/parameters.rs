//! Examples of parameters, and what the ids in paths are.

use serde_json::{Value, json};

use super::{
    agents, annotations, claims, events, ledger, projects, recurrences, task_documents::RESEARCH,
    webhooks,
};
use crate::example::Parameter;

/// The example of a parameter.
pub(super) fn of(path: &str, name: &str) -> Option<Parameter> {
    in_path(path, name).or_else(|| {
        let example = in_query(path, name).or_else(|| in_headers(name))?;
        Some(Parameter { description: None, example })
    })
}

fn in_path(path: &str, name: &str) -> Option<Parameter> {
    let (description, example) = match (path.split('/').nth(1)?, name) {
        ("tasks", "id") => ("Id of the task.", RESEARCH),
        ("tasks", "completion_id") => ("Id of the late completion.", claims::LATE),
        ("tasks", "comment_id") => ("Id of the comment.", annotations::COMMENT),
        ("tasks", "subtask_id") => ("Id of the subtask.", annotations::SUBTASK),
        ("tasks", "link_id") => ("Id of the link.", annotations::LINK),
        ("events", "id") => ("Id of the event.", events::EVENT),
        ("projects", "id") => ("Id of the project.", projects::PROJECT),
        ("recurrences", "id") => ("Id of the recurrence.", recurrences::RECURRENCE),
        ("agents", "agent_id") => ("Id or name of the agent.", "research-agent"),
        ("webhooks", "id") => ("Id of the webhook.", webhooks::HOOK),
        ("webhooks", "delivery_id") => ("Id of the delivery.", webhooks::DELIVERY),
        _ => return None,
    };
    Some(Parameter { description: Some(description), example: json!(example) })
}

fn in_query(path: &str, name: &str) -> Option<Value> {
    Some(match name {
        "after" => json!(41),
        "as_of" => json!("2026-03-17T10:00:00Z"),
        "agent" | "assigned_to" => json!("research-agent"),
        "assigned_to_agent_id" => json!(agents::RESEARCHER),
        "claimed" | "completed" => json!(false),
        "correlation_id" => json!("0195a3c1-2f00-7d4e-9a51-6f2d8c0b7e13"),
        "created_by" => json!("me"),
        "cursor" => json!("2"),
        "due" => json!("overdue"),
        "due_after" => json!("2026-03-16"),
        "due_before" => json!("2026-03-21"),
        "expected_version" => json!(1),
        "event" => json!(ledger::EVENT),
        "from" if path.starts_with("/ledger/") => json!(40),
        "size" | "to" if path.starts_with("/ledger/") => json!(42),
        "from" => json!("2026-03-01T00:00:00Z"),
        "to" => json!("2026-04-01T00:00:00Z"),
        "format" => json!("jsonl"),
        "epic_id" => json!("ep-5d1f0a7c"),
        "include" if path.ends_with("/context") => json!(["provenance"]),
        "include" => json!(["pagination"]),
        "include_completed" | "include_superseded" => json!(true),
        "key" => json!("result"),
        "key_limit" => json!(100),
        "key_offset" => json!(0),
        "keys" => json!(r#"["urgency","blocking"]"#),
        "label" => json!("market"),
        "labels" => json!(["market", "@research-agent"]),
        "limit" if path == "/tasks" => json!(50),
        "limit" => json!(20),
        "offset" => json!(0),
        "parent_task_id" | "task" => json!(RESEARCH),
        "priority" => json!(1),
        "project_id" => json!(projects::PROJECT),
        "q" => json!("rate limits"),
        "search" => json!("competitors"),
        "sort" => json!("priority"),
        "source" => json!("agent_observed"),
        "state" => json!("working"),
        "status" => json!(["open", "claimed"]),
        "tags" => json!(["market"]),
        "timeout" => json!(5),
        "types" => json!(["task.completed", "task.failed"]),
        "until" => json!(["completed", "failed"]),
        "view" => json!("summary"),
        "wait" => json!(5),
        _ => return None,
    })
}

fn in_headers(name: &str) -> Option<Value> {
    Some(match name {
        "Baton-Min-Position" => json!(0),
        "Idempotency-Key" => json!("8e03978e-40d5-43dd-bc93-6894a57f9324"),
        "Last-Event-ID" => json!(41),
        "X-Dedup-Check" => json!("true"),
        _ => return None,
    })
}
