//! Fields, fences, evidence and limits as rows: given steps, when a step, then events or a
//! refusal.

use serde_json::{Value, json};

use super::{DELEGATION_DEPTH_MAX, HOPS_MAX, NOTES_MAX, OBJECT_BYTES_MAX};
use crate::task::{
    ChainPlace, Changes, EvidenceKind, EvidencePolicy, Finish, Hop, HopKind, Parent, Status, Task,
    TaskCommand, TaskEvent, TaskRefusal, Update, given::*,
};

#[test]
fn fences() {
    let claimed = in_status(Status::Claimed); // revision 2, generation 1
    let wrong = |field, expected, actual| Err(TaskRefusal::Fence { field, expected, actual });
    for (sent, refusal) in [
        (fence(Some(2), Some(1)), None),
        (fence(Some(1), Some(1)), Some(wrong("expected_revision", 1, 2))),
        (fence(None, Some(0)), Some(wrong("claim_generation", 0, 1))),
        (fence(None, Some(2)), Some(wrong("claim_generation", 2, 1))),
    ] {
        let finish = || Box::new(Finish { fence: sent, ..Finish::default() });
        let changes = content("new");
        for (command, event) in [
            (TaskCommand::Complete(finish()), "task.completed"),
            (TaskCommand::Fail(finish()), "task.failed"),
            (TaskCommand::Cancel(finish()), "task.cancelled"),
            (update(Update { changes, fence: sent, ..Update::default() }), "task.updated"),
        ] {
            let types = [event];
            check(&claimed, &by(BOB, command), refusal.clone().unwrap_or(Ok(&types)));
        }
    }
    // An update that changes nothing is fenced too.
    let stale = update(Update { fence: fence(Some(9), None), ..Update::default() });
    check(&claimed, &by(BOB, stale), wrong("expected_revision", 9, 2));
    // Completing twice is harmless, with the revision of before; not for a holder of the past.
    let done = [claimed, vec![by(BOB, complete())]].concat();
    let again = |fence| complete_with(Finish { fence, ..Finish::default() });
    check(&done, &by(BOB, again(fence(Some(2), Some(1)))), NOTHING);
    check(&done, &by(BOB, again(fence(None, Some(0)))), wrong("claim_generation", 0, 1));
}

#[test]
fn the_place_in_the_chain_is_compared_and_never_set() {
    let place = |root: Option<u128>, parent: Option<u128>, depth| ChainPlace {
        root_task_id: Some(root.map(task_id)),
        parent_task_id: Some(parent.map(task_id)),
        delegation_depth: Some(depth),
    };
    let parent =
        Some(Parent { parent_id: task_id(8), root_id: task_id(9), depth: 2, accountable: None });
    let refused = |field| Err(TaskRefusal::ChainField { field });
    let (root, child) = (created(), by(ADA, create(1, Changes::default(), parent)));
    for (task, place, then) in [
        (&root, place(Some(1), None, Some(0)), NOTHING),
        (&root, ChainPlace::default(), NOTHING),
        (&root, place(None, None, Some(0)), refused("root_task_id")),
        (&root, place(Some(1), Some(1), Some(0)), refused("parent_task_id")),
        (&root, place(Some(1), None, None), refused("delegation_depth")),
        (&child, place(Some(9), Some(8), Some(2)), NOTHING),
        (&child, place(Some(8), Some(8), Some(2)), refused("root_task_id")),
        (&child, place(Some(9), None, Some(2)), refused("parent_task_id")),
        (&child, place(Some(9), Some(8), Some(3)), refused("delegation_depth")),
    ] {
        let task = std::slice::from_ref(task);
        check(task, &by(ADA, update(Update { place, ..Update::default() })), then);
    }
}

#[test]
fn a_required_proof() {
    let policy = |policy| Changes { evidence_policy: Some(policy), ..Changes::default() };
    let required = [create_with(policy(Some(EvidencePolicy::Required)))];
    for kind in [
        EvidenceKind::Commit,
        EvidenceKind::Pr,
        EvidenceKind::CiCheck,
        EvidenceKind::DeploySha,
        EvidenceKind::ArtifactUrl,
        EvidenceKind::CommandOutput,
    ] {
        let evidence = evidence(kind);
        let then = || match kind {
            EvidenceKind::CommandOutput => Err(TaskRefusal::EvidenceMissing),
            _ => Ok(&["task.completed"][..]),
        };
        let finish = Finish { evidence: evidence.clone(), ..Finish::default() };
        check(&required, &by(ADA, complete_with(finish)), then());
        let (status, completed) = (Some(Status::Completed), Some(true));
        let by_status = Update { status, evidence: evidence.clone(), ..Update::default() };
        check(&required, &by(ADA, update(by_status)), then());
        let by_flag = Update { completed, evidence, ..Update::default() };
        check(&required, &by(ADA, update(by_flag)), then());
    }
    check(&required, &by(ADA, complete()), Err(TaskRefusal::EvidenceMissing));
    check(&required, &by_project(complete()), Err(TaskRefusal::EvidenceMissing));
    // Only an admin lifts the policy; anybody may set it, or send back what it is.
    let lift = patch(policy(None));
    check(&required, &by(ADA, lift.clone()), Err(TaskRefusal::EvidencePolicyProtected));
    check(&required, &(admin(CY), lift.clone()), Ok(&["task.updated"]));
    check(&required, &by_project(lift.clone()), Ok(&["task.updated"]));
    check(&[created()], &by(ADA, lift), NOTHING);
    let set = patch(policy(Some(EvidencePolicy::Required)));
    check(&[created()], &by(ADA, set.clone()), Ok(&["task.updated"]));
    check(&required, &by(ADA, set), NOTHING);
    // Lifted and completed in one: only by an admin.
    let status = Some(Status::Completed);
    let both = update(Update { changes: policy(None), status, ..Update::default() });
    check(&required, &by(ADA, both.clone()), Err(TaskRefusal::EvidencePolicyProtected));
    check(&required, &by_project(both), Ok(&["task.completed"]));
    // Set and completed in one: the policy holds already.
    let changes = policy(Some(EvidencePolicy::Required));
    let both = update(Update { changes, status, ..Update::default() });
    check(&[created()], &by(ADA, both), Err(TaskRefusal::EvidenceMissing));
}

#[test]
fn evidence_comes_only_with_a_completing_status() {
    for status in [None, Some(Status::Open), Some(Status::Failed)] {
        let evidence = evidence(EvidenceKind::Pr);
        let sent = update(Update { status, evidence, ..Update::default() });
        check(&[created()], &by(ADA, sent), Err(TaskRefusal::EvidenceWithoutCompletion));
    }
}

#[test]
fn metadata_merges_at_the_top() {
    let before = [create_with(metadata(json!({"a": {"b": 1}, "c": 2})))];
    let sent = patch(metadata(json!({"a": {"d": null}, "c": 2, "e": null})));
    let task = check(&before, &by(ADA, sent.clone()), Ok(&["task.updated"]));
    assert_eq!(Value::Object(task.metadata), json!({"a": {"d": null}, "c": 2, "e": null}));
    assert_eq!((task.context.len(), task.context_version), (0, 0));
    let events = decide(&given(&before), &by(ADA, sent), 1).unwrap();
    let TaskEvent::Updated { changes, .. } = &events[0] else { panic!("{events:?}") };
    let decided = changes.metadata.clone().map(Value::Object);
    assert_eq!(decided, Some(json!({"a": {"d": null}, "e": null})), "only what is new");
    check(&before, &by(ADA, patch(metadata(json!({"c": 2})))), NOTHING);
    check(&before, &by(ADA, patch(metadata(json!({})))), NOTHING);
}

#[test]
fn context_merges_at_every_depth_and_counts_its_writes() {
    let given = [create_with(context(json!({"a": {"b": 1, "l": [1, 2]}, "c": 2})))];
    let sent = patch(context(json!({"a": {"l": [3], "n": null}, "c": {"d": 1}})));
    let task = check(&given, &by(ADA, sent), Ok(&["task.updated"]));
    let merged = json!({"a": {"b": 1, "l": [3], "n": null}, "c": {"d": 1}});
    assert_eq!((Value::Object(task.context), task.context_version), (merged, 2));
    assert_eq!(task.metadata.len(), 0);
    check(&given, &by(ADA, patch(context(json!({"a": {"b": 1}})))), NOTHING);
    check(&given, &by(ADA, patch(context(json!({})))), NOTHING);
    let changes = context(json!({"result": 1}));
    let done = complete_with(Finish { changes, ..Finish::default() });
    let task = check(&given, &by(ADA, done), Ok(&["task.completed"]));
    assert_eq!((task.context.len(), task.context_version), (3, 2));
}

#[test]
fn a_whole_record_sent_back_changes_nothing() {
    let whole = Changes {
        content: Some("Research".to_owned()),
        priority: Some(3),
        labels: Some(vec!["a".to_owned(), "@b".to_owned()]),
        description: Some(Some("d".to_owned())),
        due_date: Some(Some(jiff::civil::date(2026, 3, 17))),
        due_time: Some(Some("10:00".to_owned())),
        evidence_policy: Some(None),
        requirements: Some(Some(object(&json!({"gpu": true})))),
        metadata: metadata(json!({"a": 1.5})).metadata,
        context: context(json!({"a": {"b": 1}})).context,
        ..assign(Some(BOB))
    };
    let create = create_with(whole.clone());
    for status in Status::ALL {
        let given = [vec![create.clone()], in_status(status)[1..].to_vec()].concat();
        let completed = Some(status == Status::Completed);
        let changes = whole.clone();
        let sent = Update { changes, status: Some(status), completed, ..Update::default() };
        for sender in [ADA, BOB, CY] {
            check(&given, &by(sender, update(sent.clone())), NOTHING);
        }
    }
}

#[test]
fn notes_are_appended_and_bounded() {
    let task = check(&[created()], &by_project(patch(notes(&["a", "b"]))), Ok(&["task.updated"]));
    assert_eq!((task.notes[1].text.as_str(), task.notes[1].author), ("b", None));
    assert_eq!(task.notes[1].at, at(1));
    let finish = Finish { changes: notes(&["why"]), ..Finish::default() };
    let task = check(
        &[created()],
        &by(ADA, TaskCommand::Cancel(Box::new(finish))),
        Ok(&["task.cancelled"]),
    );
    assert_eq!(task.notes.len(), 1);
    let full = [created(), by(ADA, patch(notes(&["x"; NOTES_MAX])))];
    let too_many = TaskRefusal::TooLarge { field: "notes", max: NOTES_MAX, unit: "entries" };
    check(&full, &by(ADA, patch(notes(&["x"]))), Err(too_many));
    check(&full, &by(ADA, patch(content("still changes"))), Ok(&["task.updated"]));
    let long = "x".repeat(2_000);
    let given = [created(), by(ADA, patch(notes(&[long.as_str(); 130])))];
    let (max, unit) = (OBJECT_BYTES_MAX, "bytes");
    let too_long = TaskRefusal::TooLarge { field: "notes", max, unit };
    check(&given, &by(ADA, patch(notes(&[long.as_str(); 2]))), Err(too_long));
}

#[test]
fn objects_are_bounded_as_they_are_after_the_merge() {
    let half = "x".repeat(OBJECT_BYTES_MAX / 2);
    let rest = "x".repeat(OBJECT_BYTES_MAX / 2 - r#"{"a":"","b":""}"#.len());
    let (max, unit) = (OBJECT_BYTES_MAX, "bytes");
    for (field, write) in [
        ("metadata", metadata as fn(Value) -> Changes),
        ("context", context as fn(Value) -> Changes),
    ] {
        let given = [create_with(write(json!({"a": half})))];
        let fits = patch(write(json!({"b": rest})));
        check(&given, &by(ADA, fits), Ok(&["task.updated"]));
        let over = || write(json!({"b": format!("{rest}x")}));
        let refusal = || Err(TaskRefusal::TooLarge { field, max, unit });
        check(&given, &by(ADA, patch(over())), refusal());
        let finish = || Finish { changes: over(), ..Finish::default() };
        check(&given, &by(ADA, TaskCommand::Complete(Box::new(finish()))), refusal());
        check(&given, &by(ADA, TaskCommand::Fail(Box::new(finish()))), refusal());
        check(&given, &by(ADA, TaskCommand::Cancel(Box::new(finish()))), refusal());
        let changes = Box::new(over());
        check(&given, &by(ADA, TaskCommand::HandOver { to: agent(BOB), changes }), refusal());
        check(&[], &create_with(write(json!({"a": half, "b": half}))), refusal());
        // What replaces a value does not count it twice.
        check(&given, &by(ADA, patch(write(json!({"a": rest})))), Ok(&["task.updated"]));
    }
    // What is kept below the top counts as well.
    let nested = [create_with(context(json!({"a": {"x": half}})))];
    let refusal = TaskRefusal::TooLarge { field: "context", max, unit };
    check(&nested, &by(ADA, patch(context(json!({"a": {"y": half}})))), Err(refusal));
    let requirements = Some(Some(object(&json!({"a": half, "b": half}))));
    let refusal = TaskRefusal::TooLarge { field: "requirements", max, unit };
    check(
        &[created()],
        &by(ADA, patch(Changes { requirements, ..Changes::default() })),
        Err(refusal),
    );
}

#[test]
fn chains_are_bounded() {
    let hop = Hop { from: None, to: None, at: at(0), kind: HopKind::Handover };
    let worn = Task { hops: vec![hop; HOPS_MAX], ..given(&[created()]) };
    let refusal = TaskRefusal::TooLarge { field: "chain", max: HOPS_MAX, unit: "hand-overs" };
    assert_eq!(decide(&worn, &by(ADA, hand_over(BOB)), 1), Err(refusal));
    let deepest = Task { delegation_depth: DELEGATION_DEPTH_MAX, ..given(&[created()]) };
    let max = DELEGATION_DEPTH_MAX as usize;
    let refusal = TaskRefusal::TooLarge { field: "delegation_depth", max, unit: "steps" };
    assert_eq!(decide(&deepest, &by(ADA, add_child()), 1), Err(refusal));
    let above = Task { delegation_depth: DELEGATION_DEPTH_MAX - 1, ..deepest };
    assert!(decide(&above, &by(ADA, add_child()), 1).is_ok());
}
