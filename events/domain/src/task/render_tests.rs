//! The task document, member by member: what protocol 2.1 and 4.2 say of it.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::*;
use crate::task::{
    Finish,
    given::{
        ADA, BOB, CY, account, add_child, agent, by, by_project, complete, create, created, given,
        hand_over, in_status, metadata, notes, patch, patch_status, worker,
    },
};

/// Every member of protocol 2.1 that each task shows, with what a new root task of nobody shows.
/// `next_occurrence` and `execution_cancelled` are only in two answers and added there.
fn new_task() -> Value {
    serde_json::from_str(r#"{
        "id": "00000000000000000000000000000001", "content": "Research", "title": "Research", "description": null,
        "status": "open", "completed": false, "completed_at": null, "completed_by": null,
        "completed_by_agent_id": null, "completed_by_agent": null, "priority": 2, "labels": [],
        "tags": [], "due_date": null, "due_time": null, "project_id": null,
        "project_name": null, "project": null, "created_by_agent_id": null,
        "created_by_agent": null, "assigned_to_agent_id": null, "assigned_to_agent": null,
        "assigned_to": null, "accountable_agent_id": null, "accountable_agent": null,
        "delegated_by_agent_id": null, "delegated_by_agent": null, "parent_task_id": null,
        "parent_id": null, "delegated_from_task_id": null, "root_task_id": "00000000000000000000000000000001",
        "delegation_depth": 0, "claimed_by_agent_id": null, "claimed_at": null,
        "lease_expires_at": null, "claim_generation": 0, "session_state": null,
        "session_state_detail": null, "handoff_note": null, "handoff_by_agent_id": null,
        "handoff_by_agent": null, "handoff_state": null, "evidence_policy": null,
        "completion_evidence": null, "metadata": {}, "context": {}, "context_version": 0,
        "revision": 1, "reopen_count": 0, "source_ingress_id": null,
        "source_recurrence_id": null, "source_automation_id": null, "recurring_type": null,
        "recurring_interval": null, "recurring_string": null, "is_recurring": false,
        "reminder_time": null, "reminder_sent": false, "epic_id": null, "workflow_slug": null,
        "execution_id": null, "depends_on": [], "requirements": null, "estimated_tokens": null,
        "actual_tokens": 0, "llm_calls": 0, "tool_invocations": 0, "duration_ms": 0,
        "actual_usd": 0, "retry_count": 0, "max_retries": 2, "started_at": null,
        "result_summary": null, "error_message": null, "notes": [],
        "created_at": "2026-03-17T09:00:00.000Z", "updated_at": "2026-03-17T09:00:00.000Z",
        "subtasks": []
    }"#)
    .unwrap()
}

fn document(task: &Task, view: View) -> Value {
    serde_json::to_value(task.document(&account(), view)).unwrap()
}

#[test]
fn nullable_members_are_there_with_null() {
    let task = given(&[by_project(create(1, Default::default(), None))]);
    assert_eq!(document(&task, View::Plain), new_task());
}

#[test]
fn views_differ_in_what_lives_beside_the_task() {
    let task = given(&[created()]);
    let names = |view| -> BTreeSet<String> {
        document(&task, view).as_object().unwrap().keys().cloned().collect()
    };
    let beside = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let (plain, detail, message) = (names(View::Plain), names(View::Detail), names(View::Message));
    assert_eq!(&detail - &plain, beside(&["comments", "links"]));
    assert_eq!(&plain - &message, beside(&["project", "subtasks"]));
    let left_out = beside(&["context", "description", "metadata", "project", "subtasks"]);
    let summary = names(View::Summary);
    assert_eq!(&plain - &summary, left_out);
    assert!(summary.is_subset(&plain));
    assert!(message.is_subset(&plain) && plain.is_subset(&detail));
}

#[test]
fn a_claim_shows_what_its_holder_does() {
    let mut task = given(&in_status(Status::Claimed));
    assert_eq!(document(&task, View::Plain)["session_state"], Value::Null);
    for state in [SessionState::Working, SessionState::WaitingInput, SessionState::Errored] {
        task.claim.as_mut().unwrap().session_state = Some(state);
        assert_eq!(document(&task, View::Plain)["session_state"], state.word());
    }
}

#[test]
fn names_and_references_come_from_the_directory() {
    let shown = document(
        &given(&[created(), by(ADA, hand_over(BOB)), by(BOB, patch_status(Status::Claimed))]),
        View::Message,
    );
    let reference = |n, name: &str| json!({"id": agent(n), "name": name, "display_name": null, "label": null, "active": true});
    for (member, value) in [
        ("created_by_agent", reference(ADA, "ada")),
        ("created_by_agent_id", json!(agent(ADA))),
        ("accountable_agent", reference(ADA, "ada")),
        ("delegated_by_agent", reference(ADA, "ada")),
        ("assigned_to_agent", reference(BOB, "bob")),
        ("assigned_to_agent_id", json!(agent(BOB))),
        ("assigned_to", json!("bob")),
        ("claimed_by_agent_id", json!(agent(BOB))),
        ("claimed_at", json!("2026-03-17T09:00:02.000Z")),
        ("started_at", json!("2026-03-17T09:00:02.000Z")),
        ("lease_expires_at", Value::Null),
        ("claim_generation", json!(1)),
        ("revision", json!(3)),
    ] {
        assert_eq!(shown[member], value, "{member}");
    }
    // An agent that the directory never had still shows its id.
    let mut task = given(&[created()]);
    task.assigned_to = Some(agent(99));
    let shown = document(&task, View::Plain);
    assert_eq!(shown["assigned_to_agent_id"], json!(agent(99)));
    assert_eq!((&shown["assigned_to"], &shown["assigned_to_agent"]), (&Value::Null, &Value::Null));
}

#[test]
fn a_completed_task_says_by_whom() {
    let changes = metadata(json!({"result": "## Analysis", "sources": ["https://a"]}));
    let finish = Finish { changes, ..Finish::default() };
    let step = by(CY, crate::task::TaskCommand::Complete(Box::new(finish)));
    let shown = document(&given(&[created(), step]), View::Message);
    assert_eq!((&shown["status"], &shown["completed"]), (&json!("completed"), &json!(true)));
    assert_eq!(
        (&shown["completed_by"], &shown["completed_by_agent_id"]),
        (&json!("cy"), &json!(agent(CY)))
    );
    assert_eq!(shown["completed_at"], json!("2026-03-17T09:00:01.000Z"));
    assert_eq!(shown["metadata"]["sources"], json!(["https://a"]));
    let by_token = document(&given(&[created(), by_project(complete())]), View::Message);
    assert_eq!((&by_token["completed"], &by_token["completed_by"]), (&json!(true), &Value::Null));
}

#[test]
fn notes_carry_the_names_of_their_authors() {
    let steps = [created(), by(BOB, patch(notes(&["a"]))), by_project(patch(notes(&["b"])))];
    assert_eq!(
        document(&given(&steps), View::Plain)["notes"],
        json!([
            {"at": "2026-03-17T09:00:01.000Z", "author": "bob", "text": "a"},
            {"at": "2026-03-17T09:00:02.000Z", "author": null, "text": "b"},
        ])
    );
}

#[test]
fn a_parent_shows_delegated() {
    let shown = document(&given(&[created(), by(ADA, add_child())]), View::Plain);
    assert_eq!((&shown["status"], &shown["revision"]), (&json!("delegated"), &json!(2)));
    assert!(given(&[created()]).is_readable_by(&worker(ADA)));
}
