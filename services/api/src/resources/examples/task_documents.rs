//! The tasks of the examples, as answers show them.

use serde_json::{Value, json};

use super::{
    agents::{ORCHESTRATOR, RESEARCHER},
    annotations, with,
};

/// The task that is handed to the research agent.
pub(super) const RESEARCH: &str = "0195a3b5a7b17196a8e42df08c65756b";
/// What it asks for.
pub(super) const CONTENT: &str = "Research AI task management competitors";
/// A task that was delegated from it.
pub(super) const CHILD: &str = "0195a3b8c3d27a04b1f75e20d9a8c317";

/// Its metadata when it is created.
pub(super) fn step() -> Value {
    json!({ "pipeline": "blog", "step": 1 })
}

/// What comes out of it.
pub(super) fn result() -> Value {
    let sources = ["https://example.com/report1", "https://example.com/report2"];
    json!({ "result": "## Competitor Analysis\n1. Tool A\n2. Tool B", "sources": sources })
}

/// What a task has not from the beginning on.
const NOTHING_YET: [&str; 42] = [
    "description",
    "completed_at",
    "completed_by",
    "completed_by_agent_id",
    "completed_by_agent",
    "due_date",
    "due_time",
    "project_id",
    "project_name",
    "project",
    "assigned_to_agent_id",
    "assigned_to_agent",
    "assigned_to",
    "delegated_by_agent_id",
    "delegated_by_agent",
    "parent_task_id",
    "parent_id",
    "delegated_from_task_id",
    "claimed_by_agent_id",
    "claimed_at",
    "lease_expires_at",
    "session_state",
    "session_state_detail",
    "handoff_note",
    "handoff_by_agent_id",
    "handoff_by_agent",
    "handoff_state",
    "evidence_policy",
    "completion_evidence",
    "source_ingress_id",
    "source_recurrence_id",
    "source_automation_id",
    "recurring_type",
    "recurring_interval",
    "recurring_string",
    "reminder_time",
    "epic_id",
    "workflow_slug",
    "execution_id",
    "requirements",
    "estimated_tokens",
    "started_at",
];

/// Just created by the orchestrator.
pub(super) fn task() -> Value {
    let orchestrator = agent(ORCHESTRATOR, "orchestrator", "Orchestrator Agent");
    let members = json!({
        "id": RESEARCH,
        "content": CONTENT,
        "title": CONTENT,
        "status": "open",
        "completed": false,
        "priority": 1,
        "labels": [],
        "tags": [],
        "created_by_agent_id": ORCHESTRATOR,
        "created_by_agent": orchestrator,
        "accountable_agent_id": ORCHESTRATOR,
        "accountable_agent": orchestrator,
        "root_task_id": RESEARCH,
        "delegation_depth": 0,
        "claim_generation": 0,
        "metadata": step(),
        "context": {},
        "context_version": 0,
        "revision": 1,
        "reopen_count": 0,
        "is_recurring": false,
        "reminder_sent": false,
        "depends_on": [],
        "actual_tokens": 0,
        "llm_calls": 0,
        "tool_invocations": 0,
        "duration_ms": 0,
        "actual_usd": 0,
        "retry_count": 0,
        "max_retries": 2,
        "result_summary": null,
        "error_message": null,
        "notes": [],
        "created_at": "2026-03-17T10:00:00.000Z",
        "updated_at": "2026-03-17T10:00:00.000Z",
        "subtasks": [],
    });
    let nothing = NOTHING_YET.iter().map(|name| ((*name).to_owned(), Value::Null));
    with(Value::Object(nothing.collect()), members)
}

/// In the hands of the research agent.
pub(super) fn handed_over() -> Value {
    let members = json!({
        "assigned_to_agent_id": RESEARCHER,
        "assigned_to_agent": researcher(),
        "assigned_to": "research-agent",
        "delegated_by_agent_id": ORCHESTRATOR,
        "delegated_by_agent": agent(ORCHESTRATOR, "orchestrator", "Orchestrator Agent"),
        "revision": 2,
        "updated_at": "2026-03-17T10:00:01.310Z",
    });
    with(task(), members)
}

/// With everything that hangs on it.
pub(super) fn detail() -> Value {
    let members = json!({
        "subtasks": [annotations::subtask()],
        "comments": [annotations::comment()],
        "links": [annotations::link()],
    });
    with(handed_over(), members)
}

pub(super) fn completed() -> Value {
    let members = json!({
        "status": "completed",
        "completed": true,
        "completed_at": "2026-03-17T10:31:07.250Z",
        "completed_by": "research-agent",
        "completed_by_agent_id": RESEARCHER,
        "completed_by_agent": researcher(),
        "metadata": with(step(), result()),
        "revision": 3,
        "updated_at": "2026-03-17T10:31:07.250Z",
    });
    with(handed_over(), members)
}

pub(super) fn failed() -> Value {
    let members =
        json!({ "status": "failed", "error_message": "The source is offline", "revision": 3 });
    with(handed_over(), members)
}

pub(super) fn cancelled() -> Value {
    let note = json!({
        "at": "2026-03-17T10:20:00.000Z",
        "author": "orchestrator",
        "text": "The launch was moved",
    });
    let members = json!({
        "status": "cancelled", "notes": [note], "revision": 3, "execution_cancelled": false,
    });
    with(handed_over(), members)
}

pub(super) fn deleted() -> Value {
    json!({ "ok": true, "deleted": RESEARCH })
}

/// A part of the research, for another agent.
pub(super) fn child() -> Value {
    let data_agent = "0195a3b1-2a90-7e08-b6f4-0c8e5d7193aa";
    let members = json!({
        "id": CHILD,
        "content": "Check the pricing pages",
        "title": "Check the pricing pages",
        "priority": 2,
        "metadata": {},
        "created_by_agent_id": RESEARCHER,
        "created_by_agent": researcher(),
        "assigned_to_agent_id": data_agent,
        "assigned_to_agent": agent(data_agent, "data-agent", "Data Agent"),
        "assigned_to": "data-agent",
        "delegated_by_agent_id": RESEARCHER,
        "delegated_by_agent": researcher(),
        "parent_task_id": RESEARCH,
        "parent_id": RESEARCH,
        "delegated_from_task_id": RESEARCH,
        "delegation_depth": 1,
    });
    with(task(), members)
}

/// One hop, from the orchestrator to the research agent.
pub(super) fn chain() -> Value {
    let hop = json!({
        "from": "orchestrator",
        "to": "research-agent",
        "at": "2026-03-17T10:00:01.310Z",
        "kind": "handover",
        "from_agent_id": ORCHESTRATOR,
        "to_agent_id": RESEARCHER,
    });
    json!({
        "task_id": RESEARCH,
        "root_id": RESEARCH,
        "root": handed_over(),
        "chain": [with(handed_over(), hop)],
        "depth": 0,
        "completed_count": 0,
        "total_count": 1,
    })
}

/// A page of a list, its tasks without what may be long.
pub(super) fn page() -> Value {
    let mut task = handed_over();
    if let Some(members) = task.as_object_mut() {
        let long = ["description", "context", "metadata", "subtasks", "project"];
        members.retain(|name, _| !long.contains(&name.as_str()));
    }
    json!({
        "items": [task],
        "total": 1,
        "limit": 500,
        "offset": 0,
        "has_more": false,
        "next_offset": null,
    })
}

/// The task as events and deliveries carry it: without what lives beside it.
pub(super) fn message(mut task: Value) -> Value {
    if let Some(members) = task.as_object_mut() {
        members.retain(|name, _| !["project", "subtasks"].contains(&name.as_str()));
    }
    task
}

fn researcher() -> Value {
    agent(RESEARCHER, "research-agent", "Research Agent")
}

fn agent(id: &str, name: &str, label: &str) -> Value {
    json!({ "id": id, "name": name, "display_name": label, "label": label, "active": true })
}
