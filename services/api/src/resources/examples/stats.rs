//! Examples of statistics, of what needs attention, and of usage.

use serde_json::{Value, json};

use super::{task_documents::handed_over, with};
use crate::{example::Operation, problem::Problem};

/// What a short view of a task leaves out.
const LEFT_OUT: [&str; 5] = ["description", "project", "metadata", "context", "subtasks"];

pub(super) fn of(operation: &str) -> Option<Operation> {
    Some(match operation {
        "getStats" => Operation::answering(200, "Of all tasks, to an admin", stats()),
        "getFleetAttention" => Operation::answering(200, "One task is overdue", attention())
            .refusing([Problem::invalid_field("limit", "must be an integer from 1 to 1000")]),
        "getUsage" => Operation::answering(200, "This month", usage()),
        _ => return None,
    })
}

fn stats() -> Value {
    json!({
        "total": 42,
        "total_tasks": 42,
        "pending_tasks": 11,
        "completed_tasks": 30,
        "total_completed": 30,
        "completed_today": 4,
        "due_today": 2,
        "overdue": 1,
        "upcoming": 3,
        "by_project": { "Inbox": 6, "Blog": 4 },
        "by_status": {
            "open": 6,
            "blocked": 1,
            "claimed": 2,
            "delegated": 1,
            "completed": 30,
            "failed": 1,
            "cancelled": 1,
        },
        "total_agents": 3,
        "active_agents": 3,
    })
}

fn attention() -> Value {
    json!({
        "count": 1,
        "buckets": {
            "abandoned_claims": [],
            "silent_holders": [],
            "errored": [],
            "waiting_input": [],
            "overdue": [overdue()],
            "looping": [],
        },
        "more": [],
    })
}

fn overdue() -> Value {
    let mut task = with(handed_over(), json!({ "due_date": "2026-03-16" }));
    if let Some(members) = task.as_object_mut() {
        members.retain(|name, _| !LEFT_OUT.contains(&name.as_str()));
    }
    task
}

fn usage() -> Value {
    json!({
        "plan": "self-hosted",
        "task_count_month": 42,
        "task_limit": null,
        "reset_date": "2026-04-01",
        "agent_count": 3,
        "agent_limit": 10_000,
        "webhook_count": 1,
        "webhook_limit": null,
        "project_count": 1,
        "project_limit": 10_000,
        "rate_limit_rpm": 6_000,
        "max_content_chars": 2_000,
    })
}
