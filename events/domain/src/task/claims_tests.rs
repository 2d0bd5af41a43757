//! Claims as rows: given steps, when a step, then events or a refusal. Leases are 30 seconds and
//! more, and steps a second apart: what happens after a lease is decided at a later second.

use serde_json::json;

use crate::{
    AgentId, CompletionId, Standing, Timestamp,
    account::Role,
    task::{
        Changes, EvidencePolicy, Fence, Finish, Handoff, LateCompletion, LostClaim, Session,
        SessionState, Status, Task, TaskCommand, TaskEvent, TaskRefusal, View, given::*,
    },
};

const LEASE: i64 = 30;
/// A second at which every lease of the given steps is over.
const LATER: usize = 100;

fn heartbeat(lease_seconds: i64) -> TaskCommand {
    TaskCommand::Heartbeat { lease_seconds, session: None, claim_generation: None }
}

fn session(state: SessionState, detail: Option<&str>) -> Session {
    Session { state, detail: detail.map(str::to_owned) }
}

fn say(state: SessionState, detail: Option<&str>) -> TaskCommand {
    TaskCommand::SetState { session: session(state, detail), claim_generation: None }
}

fn release(handoff: Option<&str>) -> TaskCommand {
    TaskCommand::Release { handoff: handoff.map(str::to_owned), claim_generation: None }
}

fn queued() -> TaskCommand {
    TaskCommand::ClaimQueued { lease_seconds: LEASE }
}

fn keep_late(claim_generation: Option<i64>) -> TaskCommand {
    let fence = Fence { claim_generation, ..Fence::default() };
    let changes = metadata(json!({ "result": "r" }));
    let finish = Finish { changes, fence, ..Finish::default() };
    TaskCommand::KeepLate { id: id(7), finish: Box::new(finish) }
}

fn accept(n: u128) -> TaskCommand {
    let changes = metadata(json!({ "result": "r" }));
    let by = agent(BOB);
    TaskCommand::AcceptLate(Box::new(LateCompletion { id: id(n), by, changes, evidence: None }))
}

fn id(n: u128) -> CompletionId {
    CompletionId(uuid::Uuid::from_u128(n))
}

/// Bob holds Ada's task until second 31.
fn claimed() -> Vec<Step> {
    vec![created(), by(BOB, claim(LEASE))]
}

fn not_holder(by: Option<AgentId>, lease_expires_at: Option<Timestamp>) -> Then<'static> {
    Err(TaskRefusal::NotHolder { by, lease_expires_at })
}

/// What the step leads to at a second of its own.
fn later(steps: &[Step], when: &Step) -> Result<Task, TaskRefusal> {
    let task = given(steps);
    let events = decide(&task, when, LATER)?;
    Ok(apply(task, events, &when.0, LATER))
}

/// Cy took over what Bob had held.
fn taken_over() -> Task {
    let task = later(&claimed(), &by(CY, claim(LEASE))).unwrap();
    assert_eq!((task.claim_generation, task.status), (2, Status::Claimed));
    task
}

#[test]
fn a_claim_has_a_lease_and_a_generation() {
    let task = check(&[created()], &by(BOB, claim(LEASE)), Ok(&["task.claimed"]));
    let held = task.claim.clone().unwrap();
    assert_eq!((held.by, held.at, held.lease_expires_at), (Some(agent(BOB)), at(1), Some(at(31))));
    assert_eq!((held.session_state, held.detail), (None, None));
    assert_eq!((task.claim_generation, task.started_at), (1, Some(at(1))));
    assert_eq!((task.assigned_to, task.updated_at), (None, at(1)));
    assert!(task.live_claim(at(30)).is_some() && task.live_claim(at(31)).is_none());
}

#[test]
fn who_may_claim_in_which_status() {
    for from in Status::ALL {
        let refused = Err(TaskRefusal::Status { from, action: "claimed" });
        let then = match from {
            Status::Open | Status::Delegated => Ok(&["task.claimed"][..]),
            Status::Claimed => {
                let (by, lease_expires_at) = (Some(agent(BOB)), None);
                Err(TaskRefusal::Held { by, lease_expires_at })
            }
            _ => refused,
        };
        check(&in_status(from), &by(CY, claim(LEASE)), then);
    }
    check(&[created()], &by_project(claim(LEASE)), Err(TaskRefusal::NoAgent));
    let assigned = [create_with(assign(Some(BOB)))];
    for other in [by(CY, claim(LEASE)), by(ADA, claim(LEASE)), (admin(CY), claim(LEASE))] {
        check(&assigned, &other, Err(TaskRefusal::AssignedToAnother));
    }
    check(&assigned, &by(BOB, claim(LEASE)), Ok(&["task.claimed"]));
}

#[test]
fn what_one_holds_one_holds_longer() {
    for (command, end) in [(claim(60), 62), (heartbeat(60), 62), (heartbeat(30), 32)] {
        let before = given(&claimed());
        let task = check(&claimed(), &by(BOB, command), Ok(&["task.lease_extended"]));
        let claim = task.claim.clone().unwrap();
        assert_eq!((claim.lease_expires_at, claim.at), (Some(at(end)), at(1)));
        assert_eq!(task.claim_generation, 1);
        // Nothing else of the task tells of it.
        assert_eq!((task.revision, task.updated_at), (before.revision, before.updated_at));
    }
    // A claim without end gets one, by a word of its holder.
    let endless = [created(), by(BOB, patch_status(Status::Claimed))];
    for command in [claim(LEASE), heartbeat(LEASE)] {
        let task = check(&endless, &by(BOB, command), Ok(&["task.lease_extended"]));
        assert_eq!(task.claim.unwrap().lease_expires_at, Some(at(32)));
    }
    // A plain update never arms a lease.
    check(&claimed(), &by(BOB, patch_status(Status::Claimed)), NOTHING);
}

#[test]
fn a_slow_clock_makes_no_lease_that_is_over_at_once() {
    let task = given(&claimed());
    let task = apply(
        task.clone(),
        decide(&task, &by(BOB, say(SessionState::Working, None)), 20).unwrap(),
        &worker(BOB),
        20,
    );
    let events = decide(&task, &by(BOB, heartbeat(LEASE)), 5).unwrap();
    assert_eq!(events, [TaskEvent::LeaseExtended { lease_expires_at: at(50) }]);
}

#[test]
fn a_lapsed_claim_is_another_agents_to_take() {
    let task = taken_over();
    assert_eq!(task.claim.as_ref().unwrap().by, Some(agent(CY)));
    assert_eq!(task.started_at, Some(at(1)));
    assert_eq!(task.lost_claims, [LostClaim { generation: 1, by: agent(BOB), late: None }]);
    let gone =
        Err(TaskRefusal::NotHolder { by: Some(agent(CY)), lease_expires_at: Some(at(LATER + 30)) });
    for command in [heartbeat(LEASE), say(SessionState::Working, None)] {
        assert_eq!(decide(&task, &by(BOB, command), LATER), gone);
    }
    let held = TaskRefusal::Held { by: Some(agent(CY)), lease_expires_at: Some(at(LATER + 30)) };
    assert_eq!(decide(&task, &by(BOB, claim(LEASE)), LATER), Err(held));
    // Its own holder takes it anew: the former claim is lost all the same.
    let task = later(&claimed(), &by(BOB, claim(LEASE))).unwrap();
    assert_eq!((task.claim_generation, task.lost_claims.len()), (2, 1));
    let first =
        TaskCommand::Heartbeat { lease_seconds: LEASE, session: None, claim_generation: Some(1) };
    let fence = TaskRefusal::Fence { field: "claim_generation", expected: 1, actual: 2 };
    assert_eq!(decide(&task, &by(BOB, first), LATER), Err(fence));
}

#[test]
fn only_a_live_holder_beats_and_speaks() {
    let commands = || [heartbeat(LEASE), say(SessionState::Working, None)];
    for command in commands() {
        check(&[created()], &by(BOB, command.clone()), not_holder(None, None));
        let held = || not_holder(Some(agent(BOB)), Some(at(31)));
        for other in [worker(ADA), admin(CY)] {
            check(&claimed(), &(other, command.clone()), held());
        }
        check(&claimed(), &by_project(command.clone()), Err(TaskRefusal::NoAgent));
        assert_eq!(
            later(&claimed(), &by(BOB, command)).unwrap_err(),
            TaskRefusal::NotHolder { by: Some(agent(BOB)), lease_expires_at: Some(at(31)) }
        );
    }
    let done = [claimed(), vec![by(BOB, complete())]].concat();
    for command in commands() {
        check(&done, &by(BOB, command), not_holder(None, None));
    }
}

#[test]
fn a_session_is_told_when_it_changes() {
    use SessionState::{Errored, Working};
    let told = &["task.state_changed"][..];
    let task = check(&claimed(), &by(BOB, say(Working, Some("reads"))), Ok(told));
    let claim = task.claim.as_ref().unwrap();
    assert_eq!((claim.session_state, claim.detail.as_deref()), (Some(Working), Some("reads")));
    assert_eq!(claim.lease_expires_at, Some(at(31)), "the lease stays");
    let speaking = [claimed(), vec![by(BOB, say(Working, Some("reads")))]].concat();
    check(&speaking, &by(BOB, say(Working, Some("reads"))), NOTHING);
    let task = check(&speaking, &by(BOB, say(Working, None)), Ok(told));
    assert_eq!(task.claim.unwrap().detail, None, "no word clears the former one");
    let events = decide(&given(&speaking), &by(BOB, say(Errored, None)), 3).unwrap();
    let (state, detail, previous) = (Errored, None, Some(Working));
    assert_eq!(events, [TaskEvent::StateChanged { state, detail, previous }]);
    // With a heartbeat: both, and one change.
    let both = |state, detail| TaskCommand::Heartbeat {
        lease_seconds: 60,
        session: Some(session(state, detail)),
        claim_generation: Some(1),
    };
    let task = check(
        &speaking,
        &by(BOB, both(Errored, Some("disk"))),
        Ok(&["task.lease_extended", "task.state_changed"]),
    );
    assert_eq!(task.claim.unwrap().lease_expires_at, Some(at(63)));
    check(&speaking, &by(BOB, both(Working, Some("reads"))), Ok(&["task.lease_extended"]));
}

#[test]
fn a_release_leaves_a_handoff() {
    use SessionState::WaitingInput;
    let speaking = [claimed(), vec![by(BOB, say(WaitingInput, Some("which region?")))]].concat();
    let left = |task: &Task| (task.handoff_note.clone(), task.handoff_by, task.handoff_state);
    let note = |text: &str| Some(text.to_owned());
    let released = &["task.released"][..];
    let task = check(&speaking, &by(BOB, release(Some("half done"))), Ok(released));
    assert_eq!((task.status, &task.claim), (Status::Open, &None));
    assert_eq!(left(&task), (note("half done"), Some(agent(BOB)), Some(WaitingInput)));
    assert!(task.lost_claims.is_empty(), "who gives back has lost nothing");
    let task = check(&speaking, &by(BOB, release(None)), Ok(released));
    assert_eq!(left(&task), (note("which region?"), Some(agent(BOB)), Some(WaitingInput)));
    // An admin's words are the admin's; the holder's own stay its own.
    let task = check(&speaking, &by_project(release(Some("taken back"))), Ok(released));
    assert_eq!(left(&task), (note("taken back"), None, Some(WaitingInput)));
    assert_eq!(task.lost_claims.len(), 1);
    let task = check(&speaking, &(admin(CY), release(None)), Ok(released));
    assert_eq!(left(&task), (note("which region?"), Some(agent(BOB)), Some(WaitingInput)));
    let task = check(&claimed(), &by(BOB, release(None)), Ok(released));
    assert_eq!(left(&task), (None, Some(agent(BOB)), None));
    // Opened by an update: the same.
    let task = check(&speaking, &by(ADA, patch_status(Status::Open)), Ok(released));
    assert_eq!(task.handoff_note, note("which region?"));
    // The next holder reads it; completion clears it.
    let given_back = [speaking.clone(), vec![by(BOB, release(Some("half done")))]].concat();
    let task = check(&given_back, &by(CY, claim(LEASE)), Ok(&["task.claimed"]));
    assert_eq!(task.handoff_note, note("half done"));
    let task = check(&given_back, &by(ADA, complete()), Ok(&["task.completed"]));
    assert_eq!(left(&task), (None, None, None));
    let task = check(&given_back, &by(ADA, fail()), Ok(&["task.failed"]));
    assert_eq!(task.handoff_note, note("half done"));
}

#[test]
fn who_may_give_a_task_back() {
    check(&[created()], &by(BOB, release(None)), Err(TaskRefusal::NotClaimed));
    check(&claimed(), &by(ADA, release(None)), Err(TaskRefusal::NotReleasable));
    check(&claimed(), &by(CY, release(None)), Err(TaskRefusal::NotReleasable));
    for step in [by(BOB, release(None)), by_project(release(None)), (admin(CY), release(None))] {
        let task = later(&claimed(), &step).unwrap();
        assert_eq!((task.status, task.claim), (Status::Open, None), "also when its lease is over");
    }
    let stale = TaskCommand::Release { handoff: None, claim_generation: Some(0) };
    let fence = TaskRefusal::Fence { field: "claim_generation", expected: 0, actual: 1 };
    check(&claimed(), &by(BOB, stale), Err(fence));
    // A claim on a delegated task ends; the task waits for its child.
    let delegated = [claimed(), vec![by(BOB, add_child())]].concat();
    let task = check(&delegated, &by(BOB, release(None)), Ok(&["task.released"]));
    assert_eq!((task.status, task.claim), (Status::Delegated, None));
}

#[test]
fn a_release_of_the_first_version_left_nothing() {
    let task = given(&claimed());
    let task = apply(task, vec![TaskEvent::Released { handoff: None }], &worker(BOB), 2);
    assert_eq!((task.status, task.handoff_by), (Status::Open, None));
    let handoff = Some(Handoff { note: None, by: None, state: None });
    let event = TaskEvent::Released { handoff };
    assert_eq!(crate::stored::Event::encode(&event).schema_version, 2);
}

#[test]
fn what_the_queue_has_for_whom() {
    let routed = |label: &str| {
        let labels = Some(vec!["plain".to_owned(), label.to_owned()]);
        vec![create_with(Changes { labels, ..Changes::default() })]
    };
    let team = Standing { routes: vec!["data-team".to_owned()], ..worker(CY) };
    let auditor = Standing { role: Some(Role::Auditor), ..worker(CY) };
    let mine = || vec![create_with(assign(Some(CY)))];
    let blocked = in_status(Status::Blocked);
    for (steps, caller, is_had) in [
        (vec![created()], worker(CY), true),
        (vec![created()], worker(ADA), true),
        (vec![created()], auditor, false),
        (vec![created()], Standing::project(), false),
        (mine(), worker(CY), true),
        (mine(), worker(BOB), false),
        (mine(), admin(BOB), false),
        (routed("@Data Team"), team.clone(), true),
        (routed("@Data Team"), worker(CY), false),
        (routed("@Data Team"), admin(ADA), false),
        (routed("other"), worker(CY), true),
        (blocked, worker(CY), false),
        (in_status(Status::Delegated), worker(CY), false),
        (in_status(Status::Completed), worker(CY), false),
        (claimed(), worker(CY), false),
        (claimed(), worker(BOB), false),
        (vec![created(), by(ADA, TaskCommand::Delete)], worker(CY), false),
    ] {
        let task = given(&steps);
        assert_eq!(task.is_queued_for(&caller, at(3)), is_had, "{caller:?} {task:#?}");
        let decided = decide(&task, &(caller.clone(), queued()), 3);
        assert_eq!(decided.is_ok(), is_had, "{caller:?} {decided:?}");
    }
    // Nobody is given twice what it holds; after its lease anybody may have it.
    let held = TaskRefusal::Held { by: Some(agent(BOB)), lease_expires_at: Some(at(31)) };
    check(&claimed(), &by(BOB, queued()), Err(held));
    for n in [BOB, CY] {
        assert_eq!(later(&claimed(), &by(n, queued())).unwrap().claim_generation, 2);
    }
    let other = [create_with(assign(Some(BOB)))];
    check(&other, &by(CY, queued()), Err(TaskRefusal::NotQueued));
}

#[test]
fn a_claim_ends_in_many_ways_and_is_lost_in_some() {
    let bobs = |claim_generation| {
        vec![LostClaim { generation: claim_generation, by: agent(BOB), late: None }]
    };
    for (when, lost) in [
        (by(ADA, hand_over(CY)), bobs(1)),
        (by(ADA, patch(assign(Some(CY)))), bobs(1)),
        (by(ADA, patch_status(Status::Blocked)), bobs(1)),
        (by(ADA, complete()), bobs(1)),
        (by(ADA, cancel()), bobs(1)),
        (by_project(release(None)), bobs(1)),
        (by(BOB, complete()), vec![]),
        (by(BOB, fail()), vec![]),
        (by(BOB, hand_over(CY)), vec![]),
        (by(BOB, release(None)), vec![]),
        (by(BOB, heartbeat(LEASE)), vec![]),
    ] {
        let task = given(&[claimed(), vec![when.clone()]].concat());
        assert_eq!(task.lost_claims, lost, "{when:?}");
    }
}

#[test]
fn a_task_remembers_its_last_lost_claims() {
    let mut task = given(&[created()]);
    for second in 1..=120 {
        let step = by([BOB, CY][second % 2], claim(LEASE));
        let events = decide(&task, &step, second * 60).unwrap();
        task = apply(task, events, &step.0, second * 60);
    }
    let generations: Vec<i64> = task.lost_claims.iter().map(|lost| lost.generation).collect();
    assert_eq!(generations, (20..=119).collect::<Vec<i64>>());
}

#[test]
fn a_late_completion_is_kept_once_and_changes_nothing() {
    let task = taken_over();
    for generation in [Some(1), None] {
        let events = decide(&task, &by(BOB, keep_late(generation)), LATER).unwrap();
        let [TaskEvent::CompletionLate { completion_id, claim_generation, changes, .. }] =
            &events[..]
        else {
            panic!("{events:?}")
        };
        assert_eq!((*completion_id, *claim_generation), (id(7), 1));
        assert_eq!(*changes, metadata(json!({ "result": "r" })));
        let after = apply(task.clone(), events, &worker(BOB), LATER + 1);
        let kept = LostClaim { generation: 1, by: agent(BOB), late: Some(id(7)) };
        assert_eq!(after, Task { lost_claims: vec![kept], ..task.clone() });
        assert_eq!(after.lost_claim(agent(BOB), generation, at(LATER)), Some(kept));
        assert_eq!(decide(&after, &by(BOB, keep_late(generation)), LATER + 2), Ok(vec![]));
    }
    // Others lost nothing, and nobody lost what it never held.
    for (who, generation) in [(ADA, None), (CY, None), (CY, Some(1)), (BOB, Some(2))] {
        let decided = decide(&task, &by(who, keep_late(generation)), LATER);
        assert!(matches!(decided, Err(TaskRefusal::NotHolder { .. })), "{decided:?}");
    }
    let given_back = [claimed(), vec![by(BOB, release(None))]].concat();
    check(&given_back, &by(BOB, keep_late(Some(1))), not_holder(None, None));
}

#[test]
fn a_claim_that_has_lapsed_is_lost_before_anybody_takes_it() {
    let task = given(&claimed());
    assert_eq!(task.lost_claim(agent(BOB), None, at(30)), None);
    let lapsed = LostClaim { generation: 1, by: agent(BOB), late: None };
    assert_eq!(task.lost_claim(agent(BOB), None, at(31)), Some(lapsed));
    let events = decide(&task, &by(BOB, keep_late(Some(1))), LATER).unwrap();
    let task = apply(task, events, &worker(BOB), LATER);
    assert_eq!(task.claim.as_ref().unwrap().by, Some(agent(BOB)), "it is still shown");
    let kept = LostClaim { late: Some(id(7)), ..lapsed };
    assert_eq!(task.lost_claim(agent(BOB), None, at(LATER)), Some(kept));
    let events = decide(&task, &by(CY, claim(LEASE)), LATER).unwrap();
    assert_eq!(apply(task, events, &worker(CY), LATER).lost_claims, [kept]);
}

#[test]
fn a_late_completion_is_accepted_in_its_holders_name() {
    let task = taken_over();
    for who in [worker(ADA), admin(9), Standing::project()] {
        let step = (who, accept(7));
        let events = decide(&task, &step, LATER + 1).unwrap();
        let types: Vec<_> =
            events.iter().map(|event| crate::stored::Event::encode(event).event_type).collect();
        assert_eq!(types, ["task.late_completion_accepted", "task.completed"]);
        let after = apply(task.clone(), events, &step.0, LATER + 1);
        assert_eq!((after.status, after.completed_by), (Status::Completed, Some(agent(BOB))));
        assert_eq!((after.revision, &after.claim), (task.revision + 1, &None));
        assert_eq!(after.metadata["result"], "r");
        // The live holder has lost its claim by this; the same word again changes nothing.
        assert!(after.lost_claim(agent(CY), Some(2), at(LATER + 1)).is_some());
        assert_eq!(decide(&after, &step, LATER + 2), Ok(vec![]));
        let other = TaskRefusal::Status { from: Status::Completed, action: "completed again" };
        assert_eq!(decide(&after, &(step.0.clone(), accept(8)), LATER + 2), Err(other));
        // Completed anew, by somebody else, it is that one's.
        let again = [by(ADA, TaskCommand::Uncomplete), by(ADA, complete())];
        let last = again.iter().fold(after, |task, step| {
            let events = decide(&task, step, LATER + 3).unwrap();
            apply(task, events, &step.0, LATER + 3)
        });
        assert_eq!(last.completed_by, Some(agent(ADA)));
    }
    // Not by the one who was late, nor by the one who holds the task.
    for who in [BOB, CY] {
        let decided = decide(&task, &by(who, accept(7)), LATER + 1);
        assert_eq!(decided, Err(TaskRefusal::NotAcceptable));
    }
    let cancelled = in_status(Status::Cancelled);
    let no = TaskRefusal::Status { from: Status::Cancelled, action: "completed" };
    check(&cancelled, &by(ADA, accept(7)), Err(no));
    let policy = Some(Some(EvidencePolicy::Required));
    let guarded = [create_with(Changes { evidence_policy: policy, ..Changes::default() })];
    check(&guarded, &by(ADA, accept(7)), Err(TaskRefusal::EvidenceMissing));
}

#[test]
fn what_was_said_late_is_its_holders_word() {
    let changes = Changes { notes: vec!["n".to_owned()], ..context(json!({ "k": 1 })) };
    let late = LateCompletion { id: id(7), by: agent(BOB), changes, evidence: None };
    let step = by(ADA, TaskCommand::AcceptLate(Box::new(late)));
    let task = taken_over();
    let events = decide(&task, &step, LATER).unwrap();
    let after = apply(task, events, &step.0, LATER);
    assert_eq!(after.context_provenance["k"].author, Some(agent(BOB)));
    assert_eq!(after.notes[0].author, Some(agent(BOB)));
    assert_eq!(after.updated_by, Some(agent(ADA)));
}

#[test]
fn a_stale_fence_stops_every_finish() {
    let task = taken_over();
    let stale = TaskRefusal::Fence { field: "claim_generation", expected: 1, actual: 2 };
    let finish = || Box::new(Finish { fence: fence(None, Some(1)), ..Finish::default() });
    for command in [TaskCommand::Complete(finish()), TaskCommand::Fail(finish())] {
        assert_eq!(decide(&task, &by(BOB, command), LATER), Err(stale.clone()));
    }
}

#[test]
fn a_task_shows_its_claim_and_what_was_left() {
    use SessionState::WaitingInput;
    let speaking = [claimed(), vec![by(BOB, say(WaitingInput, Some("which region?")))]].concat();
    let shown = |steps: &[Step]| {
        serde_json::to_value(given(steps).document(&account(), View::Message)).unwrap()
    };
    let holding = shown(&speaking);
    let given_back = shown(&[speaking, vec![by(BOB, release(None))]].concat());
    for (member, held, left) in [
        ("status", json!("claimed"), json!("open")),
        ("claimed_by_agent_id", json!(agent(BOB)), json!(null)),
        ("claimed_at", json!(at(1)), json!(null)),
        ("lease_expires_at", json!(at(31)), json!(null)),
        ("claim_generation", json!(1), json!(1)),
        ("session_state", json!("waiting_input"), json!(null)),
        ("session_state_detail", json!("which region?"), json!(null)),
        ("handoff_note", json!(null), json!("which region?")),
        ("handoff_by_agent_id", json!(null), json!(agent(BOB))),
        ("handoff_state", json!(null), json!("waiting_input")),
    ] {
        assert_eq!((&holding[member], &given_back[member]), (&held, &left), "{member}");
    }
    assert_eq!(given_back["handoff_by_agent"]["name"], "bob");
}
