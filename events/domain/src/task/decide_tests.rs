//! Status, claims and delegation as rows: given steps, when a step, then events or a refusal.

use serde_json::{Value, json};

use crate::{
    Envelope, Standing,
    json::Object,
    task::{
        Changes, EvidenceKind, Finish, Hop, HopKind, Parent, Status, TaskCommand, TaskEvent,
        TaskRefusal, Update, fold, given::*,
    },
};

fn no(from: Status, action: &'static str) -> Then<'static> {
    Err(TaskRefusal::Status { from, action })
}

/// The table of protocol 0.5: from, then what comes of claim (by the one who does not hold it),
/// delegate with content, hand over, complete, fail, cancel, reopen or retry, block.
/// `-` is no change.
#[rustfmt::skip]
const TABLE: [(Status, [&str; 8]); 7] = [
    (Status::Open,      ["claimed", "delegated", "open", "completed", "failed", "cancelled", "-", "blocked"]),
    (Status::Blocked,   ["409", "409", "blocked", "409", "failed", "cancelled", "open", "-"]),
    (Status::Claimed,   ["held", "delegated", "open", "completed", "failed", "cancelled", "open", "blocked"]),
    (Status::Delegated, ["claimed", "delegated", "open", "completed", "failed", "cancelled", "open", "blocked"]),
    (Status::Completed, ["409", "409", "409", "-", "409", "409", "open", "409"]),
    (Status::Failed,    ["409", "409", "open", "409", "-", "cancelled", "open", "409"]),
    (Status::Cancelled, ["409", "409", "409", "409", "409", "-", "409", "409"]),
];

/// Each column: the participle of its refusal, its events, and the commands that mean it.
fn columns(from: Status) -> [(&'static str, &'static [&'static str], Vec<TaskCommand>); 8] {
    let reopened: &[&str] = match from {
        Status::Blocked => &["task.unblocked"],
        Status::Claimed => &["task.released"],
        _ => &["task.updated"],
    };
    let reopen = match from {
        Status::Completed => vec![TaskCommand::Uncomplete, patch_status(Status::Open)],
        _ => vec![retry(), patch_status(Status::Open)],
    };
    [
        ("claimed", &["task.claimed"], vec![patch_status(Status::Claimed)]),
        ("delegated", &["task.child_delegated"], vec![add_child()]),
        ("handed over", &["task.delegated", "task.assigned"], vec![hand_over(CY)]),
        ("completed", &["task.completed"], vec![complete(), patch_status(Status::Completed)]),
        ("failed", &["task.failed"], vec![fail(), patch_status(Status::Failed)]),
        ("cancelled", &["task.cancelled"], vec![cancel(), patch_status(Status::Cancelled)]),
        ("reopened", reopened, reopen),
        ("blocked", &["task.blocked"], vec![patch_status(Status::Blocked)]),
    ]
}

#[test]
fn every_cell_of_the_status_table() {
    for (from, cells) in TABLE {
        for (cell, (action, events, commands)) in cells.into_iter().zip(columns(from)) {
            for command in commands {
                let (then, status) = match cell {
                    "409" => (no(from, action), from),
                    "held" => {
                        let (by, lease_expires_at) = (Some(agent(BOB)), None);
                        (Err(TaskRefusal::Held { by, lease_expires_at }), from)
                    }
                    "-" => (NOTHING, from),
                    word => (Ok(events), Status::from_word(word).unwrap()),
                };
                let after = check(&in_status(from), &by(ADA, command), then);
                assert_eq!(after.status, status, "{action} from {from}");
            }
        }
    }
}

#[test]
fn no_one_sets_a_task_delegated_by_hand() {
    for from in Status::ALL {
        let then = match from {
            Status::Delegated => NOTHING,
            _ => no(from, "set delegated by hand; delegate it"),
        };
        check(&in_status(from), &by(ADA, patch_status(Status::Delegated)), then);
    }
}

#[test]
fn uncomplete_changes_only_what_was_completed() {
    for from in Status::ALL.into_iter().filter(|from| *from != Status::Completed) {
        check(&in_status(from), &by(ADA, TaskCommand::Uncomplete), NOTHING);
    }
    let after = check(
        &in_status(Status::Completed),
        &by(ADA, TaskCommand::Uncomplete),
        Ok(&["task.updated"]),
    );
    assert_eq!((after.completed_at, after.completed_by, after.reopen_count), (None, None, 1));
}

#[test]
fn a_task_that_is_not_there_refuses_everything() {
    let deleted = [created(), by(ADA, TaskCommand::Delete)];
    let commands = [
        patch(content("new")),
        hand_over(BOB),
        add_child(),
        complete(),
        TaskCommand::Uncomplete,
        fail(),
        retry(),
        cancel(),
        TaskCommand::Delete,
    ];
    for command in commands {
        check(&[], &by(ADA, command.clone()), Err(TaskRefusal::NotFound));
        check(&deleted, &by(ADA, command), Err(TaskRefusal::NotFound));
    }
    check(&[created()], &created(), Err(TaskRefusal::AlreadyExists));
    check(&deleted, &created(), Err(TaskRefusal::AlreadyExists));
}

#[test]
fn deletion_shows_the_last_state() {
    let before = given(&in_status(Status::Claimed));
    let then = Ok(&["task.deleted"][..]);
    let after = check(&in_status(Status::Claimed), &by(ADA, TaskCommand::Delete), then);
    assert!(after.deleted && !after.is_alive());
    assert_eq!((after.status, after.claim), (before.status, before.claim));
}

#[test]
fn creation_fills_in_what_was_left_out() {
    let sent = Changes {
        labels: Some(vec![]),
        metadata: Some(Object::new()),
        context: Some(Object::new()),
        ..Changes::default()
    };
    let task = check(&[], &create_with(sent), Ok(&["task.created"]));
    assert_eq!((task.id, task.root, task.parent), (task_id(1), task_id(1), None));
    assert_eq!((task.revision, task.status, task.priority), (1, Status::Open, 2));
    assert_eq!((task.max_retries, task.retry_count, task.context_version), (2, 0, 0));
    assert_eq!((task.created_by, task.accountable), (Some(agent(ADA)), Some(agent(ADA))));
    assert_eq!((task.delegation_depth, task.delegated_by, task.hops.len()), (0, None, 0));
    assert_eq!((task.created_at, task.updated_at), (at(0), at(0)));
    let sent = Changes { priority: Some(5), max_retries: Some(0), ..assign(Some(BOB)) };
    let sent = Changes { context: context(json!({"a": 1})).context, ..sent };
    let task = check(&[], &by_project(create(1, sent, None)), Ok(&["task.created"]));
    assert_eq!((task.priority, task.max_retries, task.context_version), (5, 0, 1));
    assert_eq!(
        (task.assigned_to, task.created_by, task.accountable),
        (Some(agent(BOB)), None, None)
    );
}

#[test]
fn a_child_takes_its_place_from_its_parent() {
    let parent = Parent {
        parent_id: task_id(7),
        root_id: task_id(6),
        depth: 2,
        accountable: Some(agent(CY)),
    };
    let child = create(1, assign(Some(BOB)), Some(parent));
    let then = || Ok(&["task.created", "task.delegated"][..]);
    let task = check(&[], &by(ADA, child.clone()), then());
    assert_eq!((task.parent, task.root), (Some(task_id(7)), task_id(6)));
    assert_eq!((task.delegation_depth, task.accountable), (2, Some(agent(CY))));
    assert_eq!((task.delegated_by, task.assigned_to), (Some(agent(ADA)), Some(agent(BOB))));
    assert_eq!((task.created_by, task.revision), (Some(agent(ADA)), 1));
    let (from, to) = (Some(agent(ADA)), Some(agent(BOB)));
    assert_eq!(task.hops, [Hop { from, to, at: at(0), kind: HopKind::Child }]);
    let task = check(&[], &by_project(child), then());
    assert_eq!(task.hops, [Hop { from: None, to, at: at(0), kind: HopKind::Child }]);
    assert_eq!(task.delegated_by, None);
}

#[test]
fn a_parent_keeps_the_claim_on_it_until_it_is_taken_back() {
    let task =
        check(&in_status(Status::Claimed), &by(ADA, add_child()), Ok(&["task.child_delegated"]));
    assert_eq!(task.claim.as_ref().unwrap().by, Some(agent(BOB)));
    let delegated = [in_status(Status::Claimed), vec![by(ADA, add_child())]].concat();
    // Nobody takes it from a live holder; the holder may go on.
    let held = TaskRefusal::Held { by: Some(agent(BOB)), lease_expires_at: None };
    check(&delegated, &by(CY, patch_status(Status::Claimed)), Err(held));
    let task = check(&delegated, &by(BOB, patch_status(Status::Claimed)), Ok(&["task.claimed"]));
    assert_eq!(task.claim_generation, 2);
    let task = check(&delegated, &by(ADA, patch_status(Status::Open)), Ok(&["task.updated"]));
    assert_eq!((task.status, task.claim), (Status::Open, None));
}

#[test]
fn claiming_by_update() {
    let claim = patch_status(Status::Claimed);
    let task = check(&[created()], &by(BOB, claim.clone()), Ok(&["task.claimed"]));
    let held = task.claim.unwrap();
    assert_eq!((held.by, held.at, held.lease_expires_at), (Some(agent(BOB)), at(1), None));
    assert_eq!((task.claim_generation, task.started_at), (1, Some(at(1))));
    assert_eq!(task.assigned_to, None, "a claim never touches the assignee");
    let claimed = [created(), by(BOB, claim.clone())];
    check(&claimed, &by(BOB, claim.clone()), NOTHING);
    let held = || TaskRefusal::Held { by: Some(agent(BOB)), lease_expires_at: None };
    check(&claimed, &by(CY, claim.clone()), Err(held()));
    check(&claimed, &by_project(claim.clone()), Err(held()));
    // A whole record sent back by somebody else is no claim.
    let whole =
        Update { changes: content("Research"), status: Some(Status::Claimed), ..<_>::default() };
    check(&claimed, &by(CY, update(whole)), NOTHING);
    // The second claim is the second generation; work began with the first.
    let released = [created(), by(BOB, claim.clone()), by(BOB, patch_status(Status::Open))];
    let task = check(&released, &by(CY, claim.clone()), Ok(&["task.claimed"]));
    assert_eq!((task.claim_generation, task.started_at), (2, Some(at(1))));
    assert_eq!(task.holders, [agent(BOB), agent(CY)].into());
    // The project token holds without a name.
    let task = check(&[created()], &by_project(claim.clone()), Ok(&["task.claimed"]));
    assert_eq!(task.claim.unwrap().by, None);
    let by_token = [created(), by_project(claim.clone())];
    check(&by_token, &by_project(claim.clone()), NOTHING);
    let held = TaskRefusal::Held { by: None, lease_expires_at: None };
    check(&by_token, &by(BOB, claim), Err(held));
}

#[test]
fn a_claim_whose_lease_ran_out_can_be_taken() {
    let envelope = Envelope { at: at(1), actor: worker(BOB).actor };
    let lease_expires_at = Some(at(5));
    let task = fold(given(&[created()]), &envelope, TaskEvent::Claimed { lease_expires_at });
    let claim = by(CY, patch_status(Status::Claimed));
    assert_eq!(
        decide(&task, &claim, 4),
        Err(TaskRefusal::Held { by: Some(agent(BOB)), lease_expires_at })
    );
    let taken = vec![TaskEvent::Claimed { lease_expires_at: None }];
    assert_eq!(decide(&task, &claim, 5), Ok(taken.clone()));
    assert_eq!(decide(&task, &by(BOB, patch_status(Status::Claimed)), 4), Ok(vec![]));
    assert_eq!(decide(&task, &by(BOB, patch_status(Status::Claimed)), 5), Ok(taken));
}

#[test]
fn hand_over_appends_a_hop_and_ends_any_claim() {
    let events = ["task.delegated", "task.assigned"];
    let task = check(&in_status(Status::Claimed), &by(ADA, hand_over(CY)), Ok(&events));
    assert_eq!((task.assigned_to, task.delegated_by), (Some(agent(CY)), Some(agent(ADA))));
    assert_eq!((task.claim, task.status), (None, Status::Open));
    let (from, to) = (Some(agent(ADA)), Some(agent(CY)));
    assert_eq!(task.hops, [Hop { from, to, at: at(2), kind: HopKind::Handover }]);
    // A claim on a delegated task ends too.
    let delegated = [in_status(Status::Claimed), vec![by(ADA, add_child())]].concat();
    assert_eq!(check(&delegated, &by(ADA, hand_over(CY)), Ok(&events)).claim, None);
    // The project token hands on in the name of the previous assignee, if there was one.
    let task = check(&[created()], &by_project(hand_over(BOB)), Ok(&events));
    assert_eq!((task.hops[0].from, task.delegated_by), (None, None));
    let assigned = [created(), by(ADA, hand_over(BOB))];
    let task = check(&assigned, &by_project(hand_over(CY)), Ok(&events));
    assert_eq!(task.hops[1].from, Some(agent(BOB)));
    // To whom it is assigned already: a hop, but no new assignee.
    let task = check(&assigned, &by(ADA, hand_over(BOB)), Ok(&["task.delegated"]));
    assert_eq!(task.hops.len(), 2);
    // Back to an earlier holder.
    let task = check(&assigned, &by(BOB, hand_over(ADA)), Ok(&events));
    assert_eq!(task.assigned_to, Some(agent(ADA)));
}

#[test]
fn hand_over_takes_metadata_and_a_note() {
    let changes = Changes { notes: notes(&["please"]).notes, ..metadata(json!({"step": 2})) };
    let command = TaskCommand::HandOver { to: agent(BOB), changes: Box::new(changes) };
    let given = [create_with(metadata(json!({"step": 1, "pipeline": "blog"})))];
    let task = check(&given, &by(ADA, command), Ok(&["task.delegated", "task.assigned"]));
    assert_eq!(Value::Object(task.metadata), json!({"step": 2, "pipeline": "blog"}));
    assert_eq!((task.notes[0].text.as_str(), task.notes[0].author), ("please", Some(agent(ADA))));
}

#[test]
fn the_task_of_a_delegated_event_is_already_the_new_assignees() {
    let before = given(&[created()]);
    let events = decide(&before, &by(ADA, hand_over(BOB)), 1).unwrap();
    let envelope = Envelope { at: at(1), actor: worker(ADA).actor };
    let after = fold(before, &envelope, events[0].clone());
    assert_eq!(after.assigned_to, Some(agent(BOB)));
}

#[test]
fn assignment_by_update_records_no_hop() {
    let events = ["task.assigned", "task.updated"];
    let task = check(&[created()], &by(ADA, patch(assign(Some(BOB)))), Ok(&events));
    assert_eq!((task.assigned_to, task.hops.len()), (Some(agent(BOB)), 0));
    let decided = decide(&given(&[created()]), &by(ADA, patch(assign(Some(BOB)))), 1).unwrap();
    let TaskEvent::Updated { changes, .. } = &decided[1] else { panic!("{decided:?}") };
    assert_eq!(changes.names(), ["assigned_to_agent_id"]);
    let assigned = [create_with(assign(Some(BOB)))];
    check(&assigned, &by(ADA, patch(assign(Some(BOB)))), NOTHING);
    check(&[created()], &by(ADA, patch(assign(None))), NOTHING);
    let task = check(&assigned, &by(ADA, patch(assign(None))), Ok(&events));
    assert_eq!(task.assigned_to, None);
}

#[test]
fn assignment_to_another_ends_the_claim() {
    let claimed = in_status(Status::Claimed);
    let events = ["task.assigned", "task.updated"];
    let task = check(&claimed, &by(ADA, patch(assign(Some(CY)))), Ok(&events));
    assert_eq!((task.status, task.claim), (Status::Open, None));
    // Not for the holder itself, and not when it is nobody's.
    for to in [Some(BOB), None] {
        let claimed = [create_with(assign(Some(ADA))), by(BOB, patch_status(Status::Claimed))];
        let task = check(&claimed, &by(ADA, patch(assign(to))), Ok(&events));
        assert_eq!((task.status, task.claim.is_some()), (Status::Claimed, true), "{to:?}");
    }
    // A whole record with another assignee gives the task away; it does not claim it back.
    let changes = Changes { content: content("Research").content, ..assign(Some(CY)) };
    let whole = Update { changes, status: Some(Status::Claimed), ..Update::default() };
    let task = check(&claimed, &by(ADA, update(whole)), Ok(&events));
    assert_eq!((task.status, task.claim), (Status::Open, None));
}

#[test]
fn events_come_in_the_order_of_the_protocol() {
    let sent = Changes { priority: Some(1), ..assign(Some(BOB)) };
    for (given, status, then) in [
        (Status::Open, None, &["task.assigned", "task.updated"][..]),
        (Status::Open, Some(Status::Completed), &["task.assigned", "task.completed"]),
        (Status::Open, Some(Status::Failed), &["task.assigned", "task.failed"]),
        (Status::Open, Some(Status::Cancelled), &["task.assigned", "task.cancelled"]),
        (Status::Open, Some(Status::Claimed), &["task.assigned", "task.updated", "task.claimed"]),
        (Status::Open, Some(Status::Blocked), &["task.assigned", "task.updated", "task.blocked"]),
        (Status::Blocked, Some(Status::Open), &["task.assigned", "task.updated", "task.unblocked"]),
        (Status::Claimed, Some(Status::Open), &["task.assigned", "task.updated", "task.released"]),
        (Status::Completed, Some(Status::Open), &["task.assigned", "task.updated"]),
        (Status::Failed, Some(Status::Open), &["task.assigned", "task.updated"]),
        (Status::Delegated, Some(Status::Open), &["task.assigned", "task.updated"]),
    ] {
        let wanted = update(Update { changes: sent.clone(), status, ..Update::default() });
        let task = check(&in_status(given), &by(ADA, wanted), Ok(then));
        assert_eq!(task.status, status.unwrap_or(given));
        assert_eq!((task.assigned_to, task.priority), (Some(agent(BOB)), 1), "{then:?}");
    }
}

#[test]
fn one_refused_part_refuses_the_whole_update() {
    let changes = Changes { priority: Some(1), ..assign(Some(BOB)) };
    let status = Some(Status::Completed);
    let command = update(Update { changes, status, ..Update::default() });
    let after =
        check(&in_status(Status::Blocked), &by(ADA, command), no(Status::Blocked, "completed"));
    assert_eq!((after.assigned_to, after.priority), (None, 2));
}

#[test]
fn of_status_and_completed_the_news_counts() {
    use Status::{Claimed, Completed, Open};
    for (from, status, completed, then, becomes) in [
        (Open, None, Some(true), &["task.completed"][..], Completed),
        (Open, Some(Open), Some(true), &["task.completed"], Completed),
        (Open, Some(Completed), Some(false), &["task.completed"], Completed),
        (Open, None, Some(false), &[], Open),
        (Claimed, None, Some(false), &[], Claimed),
        (Claimed, Some(Open), Some(true), &["task.released"], Open),
        (Completed, None, Some(true), &[], Completed),
        (Completed, None, Some(false), &["task.updated"], Open),
        (Completed, Some(Completed), Some(false), &["task.updated"], Open),
        (Completed, Some(Open), Some(true), &["task.updated"], Open),
    ] {
        let wanted = update(Update { status, completed, ..Update::default() });
        let after = check(&in_status(from), &by(BOB, wanted), Ok(then));
        assert_eq!(after.status, becomes, "{from} with {status:?} and completed {completed:?}");
    }
}

#[test]
fn completion_tells_who_and_when_and_ends_the_claim() {
    let changes =
        Changes { result_summary: Some(Some("ok".into())), ..metadata(json!({"result": "r"})) };
    let finish = Finish { changes, evidence: evidence(EvidenceKind::Pr), ..Finish::default() };
    let task = check(
        &in_status(Status::Claimed),
        &by(BOB, complete_with(finish)),
        Ok(&["task.completed"]),
    );
    assert_eq!((task.completed_by, task.completed_at), (Some(agent(BOB)), Some(at(2))));
    assert_eq!((task.claim, task.result_summary.as_deref()), (None, Some("ok")));
    assert_eq!(task.completion_evidence, evidence(EvidenceKind::Pr));
    assert_eq!(Value::Object(task.metadata), json!({"result": "r"}));
    let task = check(&[created()], &by_project(complete()), Ok(&["task.completed"]));
    assert_eq!((task.completed_by, task.completed_at), (None, Some(at(1))));
}

#[test]
fn retries_are_counted_and_end() {
    let once = |given: &[_]| [given, &[by(ADA, fail()), by(ADA, retry())]].concat();
    let tried = once(&once(&[created()]));
    assert_eq!(given(&tried).retry_count, 2);
    let failed = [tried, vec![by(ADA, fail())]].concat();
    let used = || Err(TaskRefusal::RetriesUsed { max_retries: 2 });
    check(&failed, &by(ADA, retry()), used());
    check(&failed, &by(ADA, patch_status(Status::Open)), used());
    for boss in [admin(CY), Standing::project()] {
        let task = check(&failed, &(boss, retry()), Ok(&["task.updated"]));
        assert_eq!((task.retry_count, task.status), (3, Status::Open));
    }
    let none = Changes { max_retries: Some(0), ..Changes::default() };
    let never = [create_with(none), by(ADA, fail())];
    let used = Err(TaskRefusal::RetriesUsed { max_retries: 0 });
    check(&never, &by(ADA, retry()), used);
    // Handing a failed task over opens it and counts as no retry.
    let task = check(&failed, &by(ADA, hand_over(BOB)), Ok(&["task.delegated", "task.assigned"]));
    assert_eq!((task.retry_count, task.status), (2, Status::Open));
}

#[test]
fn reopening_is_counted_apart() {
    let proved = Finish { evidence: evidence(EvidenceKind::Pr), ..Finish::default() };
    let again = [
        created(),
        by(ADA, complete()),
        by(ADA, TaskCommand::Uncomplete),
        by(ADA, complete_with(proved)),
    ];
    let task = check(&again, &by(ADA, patch_status(Status::Open)), Ok(&["task.updated"]));
    assert_eq!((task.reopen_count, task.retry_count), (2, 0));
    assert_eq!((task.completed_at, task.completion_evidence), (None, None));
}
