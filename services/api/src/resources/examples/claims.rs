//! Examples of claims.

use baton_commands::CommandError;
use baton_domain::task::{Status, TaskRefusal};
use serde_json::{Value, json};

use super::{
    super::task_reads::not_by_project,
    agents::RESEARCHER,
    task_documents::{completed, handed_over},
    tasks::{held, missing, refused, status},
    with,
};
use crate::{example::Operation, problem::Problem};

/// A completion that came after its claim was lost.
pub(super) const LATE: &str = "0195a3d2-64c8-7b1e-93d5-a02f8e7c4b61";

pub(super) fn of(operation: &str) -> Option<Operation> {
    let nothing = "No field is needed";
    Some(match operation {
        "claimTask" => Operation::answering(200, "The task", json!({ "task": claimed() }))
            .to("For a minute", json!({ "lease_seconds": 60 }))
            .to(nothing, json!({}))
            .refusing([
                refused(TaskRefusal::NoAgent),
                CommandError::ReadOnly.into(),
                missing(),
                held(),
                status(Status::Completed, "claimed"),
                lease(),
            ]),
        "claimNextTask" => Operation::answering(200, "The task", json!({ "task": claimed() }))
            .to("One of those with a label", json!({ "labels": ["research"] }))
            .to(nothing, json!({}))
            .refusing([
                refused(TaskRefusal::NoAgent),
                CommandError::ReadOnly.into(),
                not_by_project(),
                lease(),
            ]),
        "heartbeatTask" => Operation::answering(200, "The task", claimed())
            .to("For ten minutes more, with what is done", waiting("lease_seconds", json!(600)))
            .to(nothing, json!({}))
            .refusing(holders_only())
            .refusing([lease()]),
        "setTaskState" => Operation::answering(200, "The task", claimed())
            .to("A question", waiting("claim_generation", json!(1)))
            .refusing(holders_only())
            .refusing([Problem::invalid_field("state", "is required")]),
        "releaseTask" => Operation::answering(200, "The task", released())
            .to("With words for the next", json!({ "handoff": "Two of three reports are read" }))
            .to(nothing, json!({}))
            .refusing([
                refused(TaskRefusal::NotReleasable),
                CommandError::ReadOnly.into(),
                missing(),
                refused(TaskRefusal::NotClaimed),
                fence(),
            ]),
        "acceptLateCompletion" => Operation::answering(200, "The task", completed()).refusing([
            refused(TaskRefusal::NotAcceptable),
            CommandError::ReadOnly.into(),
            missing(),
            Problem::not_found("Late completion"),
            status(Status::Completed, "completed again"),
            refused(TaskRefusal::EvidenceMissing),
        ]),
        _ => return None,
    })
}

/// What completing can end in where the claim was lost.
pub(super) fn late() -> Problem {
    let refusal = Box::new(fence_refusal().into());
    let id = LATE.parse().unwrap_or_default();
    CommandError::Late { refusal, id, claim_generation: 1 }.into()
}

/// Held by the research agent, which waits for an answer.
fn claimed() -> Value {
    let members = json!({
        "status": "claimed",
        "claimed_by_agent_id": RESEARCHER,
        "claimed_at": "2026-03-17T10:30:00.000Z",
        "lease_expires_at": "2026-03-17T10:35:00.000Z",
        "claim_generation": 1,
        "session_state": "waiting_input",
        "session_state_detail": "Which region?",
        "started_at": "2026-03-17T10:30:00.000Z",
        "revision": 4,
    });
    with(handed_over(), members)
}

fn released() -> Value {
    let task = handed_over();
    let by = task["assigned_to_agent"].clone();
    let members = json!({
        "claim_generation": 1,
        "handoff_note": "Two of three reports are read",
        "handoff_by_agent_id": RESEARCHER,
        "handoff_by_agent": by,
        "handoff_state": "waiting_input",
        "started_at": "2026-03-17T10:30:00.000Z",
        "revision": 5,
    });
    with(task, members)
}

fn waiting(member: &str, value: Value) -> Value {
    let body = json!({ "state": "waiting_input", "detail": "Which region?" });
    with(body, json!({ member: value }))
}

fn holders_only() -> [Problem; 5] {
    let by = RESEARCHER.parse().ok();
    let lease_expires_at = "2026-03-17T10:35:00.000Z".parse().ok();
    [
        refused(TaskRefusal::NoAgent),
        CommandError::ReadOnly.into(),
        missing(),
        refused(TaskRefusal::NotHolder { by, lease_expires_at }),
        fence(),
    ]
}

fn lease() -> Problem {
    Problem::invalid_field("lease_seconds", "must be an integer from 30 to 3600")
}

fn fence() -> Problem {
    refused(fence_refusal())
}

fn fence_refusal() -> TaskRefusal {
    TaskRefusal::Fence { field: "claim_generation", expected: 1, actual: 2 }
}
