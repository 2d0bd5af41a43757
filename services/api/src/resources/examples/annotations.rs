//! Examples of what hangs on tasks: comments, subtasks and links.

use baton_commands::CommandError;
use baton_domain::task::{COMMENTS_MAX, LINKS_MAX, SUBTASKS_MAX, TaskRefusal};
use serde_json::{Value, json};

use super::{
    agents::RESEARCHER,
    task_documents::RESEARCH,
    tasks::{missing, refused, rights},
    with,
};
use crate::{example::Operation, problem::Problem};

/// A comment on the research.
pub(super) const COMMENT: &str = "0195a3ba-0d31-7c52-b8e4-5f1a90c3d7e2";
/// A part of it.
pub(super) const SUBTASK: &str = "0195a3b9-7e40-7a16-8d2b-c94f03e6a158";
/// Where its text is.
pub(super) const LINK: &str = "0195a3bd-52c8-7e09-a7f1-38b6d2049ce5";

pub(super) fn of(operation: &str) -> Option<Operation> {
    comments(operation).or_else(|| subtasks(operation)).or_else(|| links(operation))
}

fn comments(operation: &str) -> Option<Operation> {
    Some(match operation {
        "listComments" => {
            Operation::answering(200, "The comments", json!([comment()])).refusing([missing()])
        }
        "createComment" => Operation::answering(201, "The comment", comment())
            .to("A remark", json!({ "content": "Tool C was bought by Tool A last week" }))
            .to(
                "In the name of somebody else",
                json!({ "content": "Please add prices", "author": "Maria" }),
            )
            .refusing(rights())
            .refusing([
                full("comments", COMMENTS_MAX),
                Problem::invalid_field("content", "must be at most 5000 characters"),
            ]),
        "deleteComment" => Operation::answering(200, "It is gone", done())
            .refusing(rights())
            .refusing([no_such("Comment")]),
        _ => return None,
    })
}

fn subtasks(operation: &str) -> Option<Operation> {
    let gone = || no_such("Subtask");
    Some(match operation {
        "listSubtasks" => {
            Operation::answering(200, "The subtasks", json!([subtask()])).refusing([missing()])
        }
        "createSubtask" => Operation::answering(201, "The subtask", subtask())
            .to("One to be done", json!({ "content": "Read the annual reports" }))
            .to("One that is done", json!({ "content": "Make a list", "completed": true }))
            .refusing(rights())
            .refusing([
                full("subtasks", SUBTASKS_MAX),
                Problem::invalid_field("content", "is required"),
            ]),
        "updateSubtask" | "putSubtask" => Operation::answering(200, "The subtask", ticked())
            .to("It is done", json!({ "completed": true }))
            .to("Other words, another place", json!({ "content": "Read it", "sort_order": 3 }))
            .refusing(rights())
            .refusing([gone(), Problem::invalid_field("content", "must not be blank")]),
        "toggleSubtask" => {
            Operation::answering(200, "The subtask", ticked()).refusing(rights()).refusing([gone()])
        }
        "deleteSubtask" => {
            Operation::answering(200, "It is gone", done()).refusing(rights()).refusing([gone()])
        }
        _ => return None,
    })
}

fn links(operation: &str) -> Option<Operation> {
    let pull_request = json!({ "kind": "pr", "ref": "41", "repo": "acme/blog" });
    Some(match operation {
        "listLinks" => {
            Operation::answering(200, "The links", json!([link()])).refusing([missing()])
        }
        "createLink" => Operation::answering(201, "The link", link())
            .or(200, "It was there already", link())
            .to("A pull request", pull_request)
            .to(
                "A page",
                json!({ "kind": "url", "ref": "report", "url": "https://example.com/report1" }),
            )
            .refusing(rights())
            .refusing([
                full("links", LINKS_MAX),
                Problem::invalid_field("kind", "must be one of branch, commit, pr, url"),
            ]),
        "deleteLink" => Operation::answering(200, "It is gone", done())
            .refusing(rights())
            .refusing([no_such("Link")]),
        _ => return None,
    })
}

pub(super) fn comment() -> Value {
    json!({
        "id": COMMENT,
        "task_id": RESEARCH,
        "content": "Tool C was bought by Tool A last week",
        "author": "Research Agent",
        "author_agent_id": RESEARCHER,
        "created_at": "2026-03-17T10:05:12.480Z",
    })
}

pub(super) fn subtask() -> Value {
    json!({
        "id": SUBTASK,
        "task_id": RESEARCH,
        "content": "Read the annual reports",
        "completed": false,
        "sort_order": 0,
        "created_at": "2026-03-17T10:04:41.006Z",
    })
}

fn ticked() -> Value {
    with(subtask(), json!({ "completed": true }))
}

pub(super) fn link() -> Value {
    json!({
        "id": LINK,
        "task_id": RESEARCH,
        "kind": "pr",
        "repo": "acme/blog",
        "ref": "41",
        "url": null,
        "created_by_agent_id": RESEARCHER,
        "created_at": "2026-03-17T10:08:30.117Z",
    })
}

/// What was asked for is done.
pub(super) fn done() -> Value {
    json!({ "ok": true })
}

fn full(field: &'static str, max: usize) -> Problem {
    refused(TaskRefusal::TooLarge { field, max, unit: "entries" })
}

fn no_such(what: &'static str) -> Problem {
    CommandError::from(TaskRefusal::NoSuch { what }).into()
}
