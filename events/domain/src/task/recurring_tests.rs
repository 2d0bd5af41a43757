//! What follows a task that repeats, and when a task reminds.

use super::*;
use crate::{
    ProjectId, RecurrenceId, Standing,
    task::{
        Dependencies, Draft, FollowUp, Origin, RecurringType, TaskCommand, Update,
        given::{
            ADA, BOB, NOTHING, Step, agent, assign, at, by, cancel, check, complete, create_with,
            created, decide, fail, given, patch, patch_status, task_id, worker,
        },
    },
};

fn day(text: &str) -> jiff::civil::Date {
    text.parse().unwrap()
}

/// Due on the last of January, and every month.
fn monthly() -> Changes {
    Changes {
        due_date: Some(Some(day("2026-01-31"))),
        recurring_type: Some(Some(RecurringType::Monthly)),
        is_recurring: Some(true),
        ..Changes::default()
    }
}

fn recur_as(next: u128) -> Step {
    by(ADA, TaskCommand::Recur { next: task_id(next) })
}

fn remind(seconds: usize) -> Step {
    (Standing::system("scheduler"), TaskCommand::Remind { reminder_time: at(seconds) })
}

fn remind_at(seconds: usize) -> Changes {
    Changes { reminder_time: Some(Some(at(seconds))), ..Changes::default() }
}

#[test]
fn a_completed_task_that_repeats_is_followed_once() {
    let given = [create_with(monthly()), by(ADA, complete())];
    let task = check(&given, &recur_as(2), Ok(&["task.recurred"]));
    let follow_up = FollowUp { task_id: task_id(2), due_date: day("2026-02-28") };
    assert_eq!(task.follow_up, Some(follow_up));
    let again = [given.to_vec(), vec![recur_as(2), by(ADA, patch_status(Status::Open))]].concat();
    check(&again, &recur_as(3), NOTHING);
    let completed = [again.clone(), vec![by(ADA, complete())]].concat();
    check(&completed, &recur_as(3), NOTHING);
    // Unless it is about a later day by now.
    let later = Changes { due_date: Some(Some(day("2026-02-28"))), ..Changes::default() };
    let later = [again, vec![by(ADA, patch(later)), by(ADA, complete())]].concat();
    let task = check(&later, &recur_as(3), Ok(&["task.recurred"]));
    let follow_up = FollowUp { task_id: task_id(3), due_date: day("2026-03-28") };
    assert_eq!(task.follow_up, Some(follow_up));
}

#[test]
fn what_does_not_repeat_or_is_not_done_is_not_followed() {
    let type_of = |recurring_type| Changes { recurring_type: Some(recurring_type), ..monthly() };
    for given in [
        vec![create_with(monthly())],
        vec![create_with(monthly()), by(ADA, fail())],
        vec![create_with(monthly()), by(ADA, cancel())],
        vec![created(), by(ADA, complete())],
        vec![create_with(type_of(None)), by(ADA, complete())],
        vec![create_with(Changes { is_recurring: None, ..monthly() }), by(ADA, complete())],
        vec![create_with(Changes { due_date: None, ..monthly() }), by(ADA, complete())],
        vec![
            create_with(Changes { due_date: Some(Some(day("9999-12-31"))), ..monthly() }),
            by(ADA, complete()),
        ],
    ] {
        check(&given, &recur_as(2), NOTHING);
    }
}

/// Every field that protocol 1.9 names, and none that says what came of the task.
#[test]
fn the_next_time_it_is_the_same_task() {
    let same = Changes {
        content: Some("c".into()),
        description: Some(Some("d".into())),
        project_id: Some(Some(ProjectId::default())),
        due_time: Some(Some("09:30".into())),
        priority: Some(1),
        labels: Some(vec!["a".into()]),
        recurring_interval: Some(Some(2)),
        recurring_string: Some(Some("every other month".into())),
        assigned_to: Some(Some(agent(BOB))),
        ..monthly()
    };
    let own = Changes {
        notes: vec!["n".into()],
        result_summary: Some(Some("r".into())),
        reminder_time: Some(Some(at(1))),
        ..same.clone()
    };
    let task = given(&[create_with(own), by(ADA, complete())]);
    assert_eq!(task.next_due_date(), Some(day("2026-03-31")));
    let next = task.next_time(day("2026-03-31"));
    assert_eq!(next, Changes { due_date: Some(Some(day("2026-03-31"))), ..same });
}

#[test]
fn a_task_may_be_created_in_the_name_of_another() {
    let recurrence_id = Some(RecurrenceId(uuid::Uuid::from_u128(7)));
    for created_by in [Some(agent(BOB)), None] {
        let origin = Some(Origin { created_by, recurrence_id });
        let dependencies = Dependencies::default();
        let changes = Changes { content: Some("c".into()), ..assign(Some(ADA)) };
        let draft = Draft { id: task_id(1), changes, parent: None, dependencies, origin };
        let create = (Standing::system("scheduler"), TaskCommand::Create(Box::new(draft)));
        let task = check(&[], &create, Ok(&["task.created"]));
        assert_eq!((task.created_by, task.accountable), (created_by, created_by));
        assert_eq!(task.source_recurrence_id, recurrence_id);
        assert_eq!(task.is_readable_by(&worker(BOB)), created_by.is_some());
    }
}

#[test]
fn a_task_reminds_once_and_not_before_its_time() {
    let with = |changes| vec![create_with(changes)];
    let task = check(&with(remind_at(0)), &remind(0), Ok(&["task.reminded"]));
    assert!(task.reminder_sent && task.reminder_time == Some(at(0)));
    assert_eq!(task.updated_at, at(0), "the task itself has not changed");
    check(&[with(remind_at(0)), vec![remind(0)]].concat(), &remind(0), NOTHING);
    // At second 1 it is too early for the other.
    check(&with(remind_at(2)), &remind(2), NOTHING);
    check(&with(remind_at(0)), &remind(1), NOTHING);
    check(&with(Changes::default()), &remind(0), NOTHING);
    for finish in [complete(), fail(), cancel()] {
        check(&[with(remind_at(0)), vec![by(ADA, finish)]].concat(), &remind(0), NOTHING);
    }
}

#[test]
fn another_reminder_is_another_matter() {
    let sent = [create_with(remind_at(0)), remind(0)];
    let moved = [sent.to_vec(), vec![by(ADA, patch(remind_at(1)))]].concat();
    let task = check(&moved, &remind(1), Ok(&["task.reminded"]));
    assert!(task.reminder_sent);
    let cleared = Changes { reminder_time: Some(None), ..Changes::default() };
    let task = given(&[sent.to_vec(), vec![by(ADA, patch(cleared))]].concat());
    assert!(!task.reminder_sent && task.reminder_due().is_none());
    // The same once more is none.
    let update = Update { changes: remind_at(0), ..Update::default() };
    let task = given(&sent);
    assert_eq!(decide(&task, &by(ADA, TaskCommand::Update(Box::new(update))), 2), Ok(vec![]));
    let deleted = [create_with(remind_at(0)), by(ADA, TaskCommand::Delete)];
    assert_eq!(given(&deleted).reminder_due(), None);
}
