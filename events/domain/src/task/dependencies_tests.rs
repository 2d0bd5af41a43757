//! What a task does for those it depends on (protocol 0.5, 1.2).

use super::super::{
    Changes, Dependencies, Draft, Status, TaskCommand, TaskRefusal, Update, given::*,
};

const WAIT: Dependencies = Dependencies { wait: true, lead_back: false };
const DONE: Dependencies = Dependencies { wait: false, lead_back: false };
const WAITS: Then<'static> = Err(TaskRefusal::Waits);

fn on(ids: &[u128]) -> Changes {
    let depends_on = Some(ids.iter().copied().map(task_id).collect());
    Changes { depends_on, ..Changes::default() }
}

/// The task with id 1, created by Ada, depending on 2 and 3.
fn created_on(dependencies: Dependencies) -> Step {
    let changes = Changes { content: Some("Write".to_owned()), ..on(&[2, 3]) };
    let draft = Draft { id: task_id(1), changes, parent: None, dependencies, origin: None };
    by(ADA, TaskCommand::Create(Box::new(draft)))
}

fn set(changes: Changes, status: Option<Status>, dependencies: Dependencies) -> Step {
    by(ADA, update(Update { changes, status, dependencies, ..Update::default() }))
}

fn reconsider(gone: &[u128], dependencies: Dependencies) -> Step {
    let gone = gone.iter().copied().map(task_id).collect();
    by_project(TaskCommand::Reconsider { gone, dependencies })
}

#[test]
fn a_task_begins_blocked_by_what_is_not_done() {
    let task = check(&[], &created_on(WAIT), Ok(&["task.created"]));
    assert_eq!((task.status, task.waits), (Status::Blocked, true));
    assert_eq!(task.depends_on, [task_id(2), task_id(3)]);
    let task = check(&[], &created_on(DONE), Ok(&["task.created"]));
    assert_eq!((task.status, task.waits), (Status::Open, false));
}

#[test]
fn it_opens_when_the_last_is_done_and_only_once() {
    let blocked = [created_on(WAIT)];
    check(&blocked, &reconsider(&[], WAIT), NOTHING);
    let task = check(&blocked, &reconsider(&[], DONE), Ok(&["task.unblocked"]));
    assert_eq!((task.status, task.waits), (Status::Open, false));
    let open = [created_on(WAIT), reconsider(&[], DONE)];
    check(&open, &reconsider(&[], DONE), NOTHING);
    check(
        &[open.as_slice(), &[by(BOB, patch_status(Status::Claimed))]].concat(),
        &reconsider(&[], DONE),
        NOTHING,
    );
}

#[test]
fn what_is_finished_or_blocked_by_hand_is_not_opened() {
    for finish in [fail(), cancel()] {
        check(&[created_on(WAIT), by(ADA, finish)], &reconsider(&[], DONE), NOTHING);
    }
    let by_hand = [created_on(DONE), by(ADA, patch_status(Status::Blocked))];
    check(&by_hand, &reconsider(&[], DONE), NOTHING);
    // Until it gets other dependencies: then it waits for those.
    let waiting = [&by_hand[..], &[set(on(&[4]), None, WAIT)]].concat();
    let task = check(&by_hand, &set(on(&[4]), None, WAIT), Ok(&["task.updated", "task.blocked"]));
    assert!(task.waits);
    check(&waiting, &reconsider(&[], DONE), Ok(&["task.unblocked"]));
}

#[test]
fn what_was_deleted_disappears_from_its_dependencies() {
    let blocked = [created_on(WAIT)];
    let task = check(&blocked, &reconsider(&[2], WAIT), Ok(&["task.updated"]));
    assert_eq!((task.status, task.depends_on), (Status::Blocked, vec![task_id(3)]));
    let opens = Ok(&["task.updated", "task.unblocked"][..]);
    let task = check(&blocked, &reconsider(&[2, 3], DONE), opens);
    assert_eq!((task.status, task.depends_on), (Status::Open, vec![]));
    let done = [created_on(DONE), by(ADA, complete())];
    let task = check(&done, &reconsider(&[2], DONE), Ok(&["task.updated"]));
    assert_eq!((task.status, task.depends_on), (Status::Completed, vec![task_id(3)]));
    check(&done, &reconsider(&[9], DONE), NOTHING);
}

#[test]
fn other_dependencies_are_judged_anew() {
    use Status::{Blocked, Cancelled, Claimed, Completed, Delegated, Failed, Open};
    let blocks: Then<'_> = Ok(&["task.updated", "task.blocked"]);
    let opens: Then<'_> = Ok(&["task.updated", "task.unblocked"]);
    let only: Then<'_> = Ok(&["task.updated"]);
    for (status, when_waiting, when_done) in [
        (Open, blocks.clone(), only.clone()),
        (Claimed, blocks.clone(), only.clone()),
        (Delegated, blocks.clone(), only.clone()),
        (Blocked, blocks, opens),
        (Completed, only.clone(), only.clone()),
        (Failed, only.clone(), only.clone()),
        (Cancelled, only.clone(), only),
    ] {
        let given = in_status(status);
        check(&given, &set(on(&[2]), None, WAIT), when_waiting);
        check(&given, &set(on(&[2]), None, DONE), when_done);
    }
    // One that waits already goes on waiting.
    check(&[created_on(WAIT)], &set(on(&[4]), None, WAIT), Ok(&["task.updated"]));
    // The same dependencies are no news, whatever became of them.
    check(&[created_on(WAIT)], &set(on(&[2, 3]), None, DONE), NOTHING);
}

#[test]
fn nobody_works_on_what_waits() {
    let blocked = [created_on(WAIT)];
    let refused = |action| Err(TaskRefusal::Status { from: Status::Blocked, action });
    check(&blocked, &set(Changes::default(), Some(Status::Open), WAIT), WAITS);
    check(&blocked, &set(Changes::default(), Some(Status::Claimed), WAIT), refused("claimed"));
    check(&blocked, &by(ADA, complete()), refused("completed"));
    check(&blocked, &set(Changes::default(), Some(Status::Open), DONE), Ok(&["task.unblocked"]));
    for status in [Status::Claimed, Status::Open] {
        let held = in_status(Status::Claimed);
        check(&in_status(Status::Failed), &set(on(&[2]), Some(status), WAIT), WAITS);
        check(&held, &set(on(&[2]), Some(Status::Open), WAIT), WAITS);
    }
}

#[test]
fn a_retry_waits_again() {
    let failed = [created_on(WAIT), by(ADA, fail())];
    let waits: Then<'_> = Ok(&["task.updated", "task.blocked"]);
    let task = check(&failed, &by(ADA, TaskCommand::Retry(WAIT)), waits.clone());
    assert_eq!((task.status, task.waits, task.retry_count), (Status::Blocked, true, 1));
    check(&failed, &set(Changes::default(), Some(Status::Open), WAIT), waits);
    let task = check(&failed, &by(ADA, TaskCommand::Retry(DONE)), Ok(&["task.updated"]));
    assert_eq!((task.status, task.waits, task.retry_count), (Status::Open, false, 1));
}

#[test]
fn a_circle_is_refused() {
    let circle = Dependencies { lead_back: true, ..WAIT };
    let refused = Err(TaskRefusal::DependencyCycle);
    check(&[created()], &set(on(&[2]), None, circle), refused.clone());
    check(&in_status(Status::Completed), &set(on(&[2]), None, circle), refused);
    // What is there already is no news.
    check(&[created_on(WAIT)], &set(on(&[2, 3]), None, circle), NOTHING);
}

#[test]
fn a_hand_over_leaves_it_waiting() {
    let types = Ok(&["task.delegated", "task.assigned"][..]);
    let task = check(&[created_on(WAIT)], &by(ADA, hand_over(BOB)), types);
    assert_eq!((task.status, task.waits), (Status::Blocked, true));
}

/// Protocol 0.5 and 1.2 say "open" for these: whoever does it by hand decides.
#[test]
fn what_is_opened_by_hand_against_its_dependencies_is_open() {
    let failed = [created_on(WAIT), by(ADA, fail())];
    let task = check(&failed, &by(ADA, hand_over(BOB)), Ok(&["task.delegated", "task.assigned"]));
    assert_eq!((task.status, task.waits), (Status::Open, false));
    let done = [created_on(DONE), by(ADA, complete()), set(on(&[4]), None, WAIT)];
    let task = check(&done, &by(ADA, TaskCommand::Uncomplete), Ok(&["task.updated"]));
    assert_eq!((task.status, task.waits), (Status::Open, false));
}

#[test]
fn a_block_by_hand_is_by_hand_whatever_its_dependencies_do() {
    let open = [created_on(DONE)];
    let by_hand = set(Changes::default(), Some(Status::Blocked), WAIT);
    let task = check(&open, &by_hand, Ok(&["task.blocked"]));
    assert!(!task.waits);
    let for_others = set(on(&[4]), Some(Status::Blocked), WAIT);
    let task = check(&open, &for_others, Ok(&["task.updated", "task.blocked"]));
    assert!(task.waits);
}
