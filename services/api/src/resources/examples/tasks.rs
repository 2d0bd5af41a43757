//! Examples of what may be done with tasks.

use baton_commands::CommandError;
use baton_domain::task::{Status, TaskRefusal};
use serde_json::{Value, json};

use super::{
    super::duplicates::duplicate,
    task_documents::{
        CHILD, CONTENT, RESEARCH, cancelled, chain, child, completed, deleted, detail, failed,
        handed_over, page, result, step, task,
    },
    with,
};
use crate::{example::Operation, problem::Problem};

pub(super) fn of(operation: &str) -> Option<Operation> {
    lists(operation).or_else(|| writes(operation)).or_else(|| finishes(operation))
}

fn lists(operation: &str) -> Option<Operation> {
    Some(match operation {
        "listTasks" => Operation::answering(200, "An array", json!([handed_over()]))
            .or(200, "With `include=pagination` and `view=summary`", page())
            .refusing([
                Problem::forbidden("you may not filter tasks by project"),
                Problem::invalid_field("limit", "must be an integer from 1 to 1000"),
            ]),
        "getTask" => Operation::answering(200, "The task", detail()).refusing([missing()]),
        "getTaskChain" => Operation::answering(200, "One hand-over", chain())
            .refusing([missing(), too_many("tasks in the chain")]),
        "listTaskChildren" => Operation::answering(200, "Its children", json!([child()]))
            .refusing([missing(), too_many("children of the task")]),
        _ => return None,
    })
}

fn writes(operation: &str) -> Option<Operation> {
    Some(match operation {
        "createTask" => creating(),
        "updateTask" | "putTask" => changing(),
        "deleteTask" => Operation::answering(200, "It is gone", deleted()).refusing(rights()),
        "batchDeleteTasks" => Operation::default()
            .to("Two tasks", json!({ "task_ids": [RESEARCH, CHILD] }))
            .refusing([
                CommandError::ReadOnly.into(),
                CommandError::OneNotWritable { id: CHILD.to_owned() }.into(),
                CommandError::OneNotFound { id: CHILD.to_owned() }.into(),
                Problem::invalid_field("task_ids", "is required"),
            ]),
        "delegateTask" => delegating(),
        "findDuplicateTasks" => comparing(),
        _ => return None,
    })
}

fn finishes(operation: &str) -> Option<Operation> {
    let nothing = "No field is needed";
    let evidence = json!([{ "kind": "commit", "ref": "4be6b0f", "summary": "merged" }]);
    let on = |answer| Operation::answering(200, "The task", answer).refusing(rights());
    Some(match operation {
        "completeTask" => on(completed())
            .or(200, "One that repeats, and when it is due again", repeating())
            .to("With its result", json!({ "metadata": result() }))
            .to("With evidence", json!({ "evidence": evidence }))
            .to(nothing, json!({}))
            .refusing([
                refused(TaskRefusal::Waits),
                status(Status::Cancelled, "completed"),
                fence(),
                super::claims::late(),
                refused(TaskRefusal::EvidenceMissing),
            ]),
        "uncompleteTask" => on(handed_over()).to(nothing, json!({})),
        "failTask" => on(failed())
            .to("With the reason", json!({ "error_message": "The source is offline" }))
            .to(nothing, json!({}))
            .refusing([status(Status::Completed, "failed"), fence()]),
        "retryTask" => on(with(handed_over(), json!({ "retry_count": 1, "revision": 4 })))
            .to(nothing, json!({}))
            .refusing([refused(TaskRefusal::RetriesUsed { max_retries: 2 })]),
        "cancelTask" => on(cancelled())
            .to("With the reason", json!({ "reason": "The launch was moved" }))
            .to(nothing, json!({}))
            .refusing([status(Status::Completed, "cancelled")]),
        _ => return None,
    })
}

/// Completed, and due again a week later.
fn repeating() -> Value {
    let weekly = json!({
        "due_date": "2026-03-17",
        "is_recurring": true,
        "recurring_type": "weekly",
        "next_occurrence": "2026-03-24",
    });
    with(completed(), weekly)
}

fn creating() -> Operation {
    let routed = json!({
        "content": "What are the rate limits of the completions API? Source required.",
        "labels": ["@researcher"],
        "context": { "urgency": "high", "blocking": "api-client-retry-logic" },
    });
    let waiting = json!({
        "content": "Write blog post based on research findings",
        "assigned_to": "writer-agent",
        "depends_on": [RESEARCH],
    });
    Operation::answering(201, "The task", task())
        .to("For research", json!({ "content": CONTENT, "priority": 1, "metadata": step() }))
        .to("Routed by a label, with context", routed)
        .to("One that waits for another", waiting)
        .refusing([
            CommandError::ReadOnly.into(),
            CommandError::ProjectIsProtected.into(),
            Problem::not_found("Agent"),
            status(Status::Completed, "delegated"),
            duplicate(json!([similar()])),
            Problem::invalid_field("content", "is required"),
            chain_field("root_task_id"),
        ])
}

fn comparing() -> Operation {
    let none = json!({ "has_duplicates": false, "matches": [] });
    Operation::answering(
        200,
        "One is like it",
        json!({ "has_duplicates": true, "matches": [similar()] }),
    )
    .or(200, "Nothing is like it", none)
    .to("A content", json!({ "content": CONTENT }))
    .to("With another threshold", json!({ "content": CONTENT, "threshold": 0.8 }))
    .refusing([Problem::invalid_field("threshold", "must be a number from 0 to 1")])
}

fn similar() -> Value {
    json!({ "task_id": RESEARCH, "content": CONTENT, "score": 1.0 })
}

fn changing() -> Operation {
    let found = json!({ "rpm": 500, "tpm": 30_000, "source": "platform.openai.com/docs" });
    let changed = with(handed_over(), json!({ "priority": 2, "revision": 3 }));
    Operation::answering(200, "The task", changed)
        .to("Less urgent", json!({ "priority": 2 }))
        .to(
            "Done, with what was found",
            json!({ "status": "done", "context": { "result": found } }),
        )
        .to(
            "Only if nobody changed it",
            json!({ "due_date": "2026-03-20", "expected_revision": 2 }),
        )
        .refusing(rights())
        .refusing([
            CommandError::ProjectIsProtected.into(),
            Problem::not_found("Agent"),
            status(Status::Cancelled, "completed"),
            fence(),
            held(),
            Problem::invalid_field("priority", "must be an integer from 1 to 5"),
            refused(TaskRefusal::ChainField { field: "parent_task_id" }),
        ])
}

fn delegating() -> Operation {
    let part = json!({ "content": "Check the pricing pages", "assigned_to": "data-agent" });
    Operation::answering(200, "The task, handed over", handed_over())
        .or(201, "The child", child())
        .to("Hand the task over", json!({ "agent_id": "research-agent" }))
        .to("A child for another agent", part)
        .refusing(rights())
        .refusing([
            Problem::not_found("Agent"),
            status(Status::Completed, "handed over"),
            Problem::invalid_field("agent_id", "is required, unless content asks for a child"),
            chain_field("root_task_id"),
        ])
}

/// What every change of a task can end in.
pub(super) fn rights() -> [Problem; 3] {
    [CommandError::NotWritable.into(), CommandError::ReadOnly.into(), missing()]
}

pub(super) fn missing() -> Problem {
    Problem::not_found("Task")
}

fn too_many(what: &str) -> Problem {
    Problem::conflict(format!("more than 10000 {what}"))
}

fn chain_field(name: &str) -> Problem {
    Problem::bad_request(format!("{name} is kept by the server and cannot be set"))
}

fn fence() -> Problem {
    refused(TaskRefusal::Fence { field: "expected_revision", expected: 2, actual: 3 })
}

pub(super) fn held() -> Problem {
    let by = super::agents::RESEARCHER.parse().ok();
    let lease_expires_at = "2026-03-17T10:35:00.000Z".parse().ok();
    refused(TaskRefusal::Held { by, lease_expires_at })
}

pub(super) fn status(from: Status, action: &'static str) -> Problem {
    refused(TaskRefusal::Status { from, action })
}

pub(super) fn refused(refusal: TaskRefusal) -> Problem {
    CommandError::from(refusal).into()
}
