//! Which events may matter: nearly none, where nobody reminds of anything.

use baton_log::StreamId;
use uuid::Uuid;

use super::*;

fn event(kind: &str, stream: u128, event_type: &str, payload: &str) -> RecordedEvent {
    let id = Uuid::from_u128(stream);
    let id = if kind == "task" { id.simple().to_string() } else { id.to_string() };
    RecordedEvent {
        position: 1,
        account_seq: 1,
        stream: StreamId { account: "default".to_owned(), kind: kind.to_owned(), id },
        version: 1,
        event_id: Uuid::nil(),
        event_type: event_type.to_owned(),
        schema_version: 1,
        payload: payload.to_owned(),
        actor: "project".to_owned(),
        correlation_id: Uuid::nil(),
        causation_id: None,
        recorded_at: jiff::Timestamp::UNIX_EPOCH,
        content_hash: [0; 32],
    }
}

fn task(id: u128, event_type: &str, payload: &str) -> RecordedEvent {
    event("task", id, event_type, payload)
}

/// The ids of what is noticed, and of what the table must be asked about.
fn noticed(events: &[RecordedEvent], has_reminders: bool) -> (Vec<u128>, Vec<u128>) {
    let noticed = Noticed::of(events, has_reminders).unwrap();
    let unsure = noticed.unsure().iter().map(|(_, task)| task.0.as_u128()).collect();
    (noticed.last.keys().map(|place| place.matter.id().as_u128()).collect(), unsure)
}

const REMINDS: &str = r#"{"changes":{"reminder_time":"2026-03-17T10:00:00.000Z"}}"#;

#[test]
fn what_happens_to_tasks_matters_only_where_somebody_is_reminded() {
    let finished = [
        task(1, "task.created", "{}"),
        task(1, "task.claimed", "{}"),
        task(1, "task.updated", r#"{"changes":{"priority":1}}"#),
        task(1, "task.completed", "{}"),
        task(2, "task.updated", r#"{"transition":"reopened"}"#),
        task(3, "task.deleted", "{}"),
        event("account", 4, "agent.created", "{}"),
        event("webhook", 5, "webhook.deleted", "{}"),
    ];
    assert_eq!(noticed(&finished, false), (vec![], vec![]));
    assert_eq!(noticed(&finished, true), (vec![1, 2, 3], vec![1, 2, 3]));
    for kind in ["created", "updated", "delegated", "completed", "failed", "cancelled"] {
        let event_type = format!("task.{kind}");
        assert_eq!(noticed(&[task(1, &event_type, REMINDS)], false), (vec![1], vec![]));
    }
    assert_eq!(noticed(&[task(1, "task.reminded", "{}")], false), (vec![1], vec![]));
    let recurring = [event("recurrence", 7, "recurrence.updated", "{}")];
    assert_eq!(noticed(&recurring, false), (vec![7], vec![]));
}

/// The table does not have it yet, but the batch says that it will.
#[test]
fn a_reminder_of_the_same_batch_is_known() {
    let events = [task(1, "task.created", REMINDS), task(1, "task.completed", "{}")];
    assert_eq!(noticed(&events, false), (vec![1], vec![]));
    let found = Noticed::of(&events, false).unwrap();
    let last: Vec<&str> = found.last.values().map(|event| event.event_type.as_str()).collect();
    assert_eq!(last, ["task.completed"], "the state after the last of them counts");
    let events = [task(1, "task.completed", "{}"), task(1, "task.updated", REMINDS)];
    assert_eq!(noticed(&events, true), (vec![1], vec![]));
}

#[test]
fn what_has_no_id_is_said_and_not_skipped() {
    let mut odd = task(1, "task.created", REMINDS);
    odd.stream.id = "somebody".to_owned();
    assert!(Noticed::of(&[odd.clone()], false).is_err());
    odd.payload = "{}".to_owned();
    assert!(Noticed::of(&[odd], false).is_ok(), "it reminds of nothing");
}
