//! The rules of recurrences (protocol 1.9): who changes them, and when they are due.

use super::{
    event::RecurrenceEvent,
    fields::RecurrenceFields,
    state::{Recurrence, evolve},
};
use crate::{Actor, Order, RecurrenceId, TaskId, Timestamp, calendar::Start, task::RecurringType};

const PRIORITY_DEFAULT: u8 = 2;
const INTERVAL_DEFAULT: i64 = 1;
const TIMEZONE_DEFAULT: &str = "UTC";

/// A command to a recurrence. Its fields are checked at the edge.
#[derive(Debug, Clone)]
pub enum RecurrenceCommand {
    /// Create it.
    Create {
        /// Its id.
        id: RecurrenceId,
        /// Its fields; `content` and `rule_type` are set.
        fields: Box<RecurrenceFields>,
    },
    /// Change it.
    Update {
        /// What to set.
        fields: Box<RecurrenceFields>,
    },
    /// Create the task of an occurrence that has passed, for Baton itself.
    Fire {
        /// When the occurrence is due. Any other than the next one has been dealt with.
        occurrence: Timestamp,
        /// The id of its task.
        task_id: TaskId,
        /// The last task is unfinished. Found out by whoever gives the command.
        is_last_open: bool,
    },
    /// Delete it.
    Delete,
}

/// Why a recurrence refuses a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RecurrenceRefusal {
    /// Never created, or deleted.
    #[error("Recurrence not found")]
    NotFound,
    /// Its id is taken.
    #[error("the recurrence exists already")]
    AlreadyExists,
    /// It is somebody else's.
    #[error("only its creator or an admin may change a recurrence")]
    NotYours,
    /// The time of the occurrence has not come yet.
    #[error("the occurrence is not due yet")]
    NotDue,
}

pub(super) type Decision = Result<Vec<RecurrenceEvent>, RecurrenceRefusal>;

pub(super) fn decide(recurrence: &Recurrence, order: Order<RecurrenceCommand>) -> Decision {
    let Order { by, at, command } = order;
    match command {
        RecurrenceCommand::Create { .. } if recurrence.exists => {
            Err(RecurrenceRefusal::AlreadyExists)
        }
        RecurrenceCommand::Create { id, fields } => {
            let fields = first_due(with_defaults(*fields), at);
            Ok(vec![RecurrenceEvent::Created { recurrence_id: id, fields }])
        }
        // What is there no more has nothing left to be done.
        RecurrenceCommand::Fire { .. } if !recurrence.is_alive() => Ok(vec![]),
        RecurrenceCommand::Fire { occurrence, task_id, is_last_open } => {
            match matches!(by.actor, Actor::System(_)) {
                true => fire(recurrence, at, occurrence, (task_id, is_last_open)),
                false => Err(RecurrenceRefusal::NotYours),
            }
        }
        _ if !recurrence.is_alive() => Err(RecurrenceRefusal::NotFound),
        _ if !recurrence.is_writable_by(&by) => Err(RecurrenceRefusal::NotYours),
        RecurrenceCommand::Update { fields } => Ok(update(recurrence, *fields, at)),
        RecurrenceCommand::Delete => Ok(vec![RecurrenceEvent::Deleted]),
    }
}

/// What a recurrence is where its creator says nothing of it.
fn with_defaults(mut fields: RecurrenceFields) -> RecurrenceFields {
    fields.content.get_or_insert_default();
    fields.rule_type.get_or_insert(RecurringType::Daily);
    fields.priority.get_or_insert(PRIORITY_DEFAULT);
    fields.interval.get_or_insert(INTERVAL_DEFAULT);
    fields.timezone.get_or_insert_with(|| TIMEZONE_DEFAULT.to_owned());
    fields.skip_if_open.get_or_insert(true);
    fields.active.get_or_insert(true);
    fields
}

/// A new recurrence is due when its creator says, else at the next midnight that fits its rule.
fn first_due(mut fields: RecurrenceFields, at: Timestamp) -> RecurrenceFields {
    let rule = with(&Recurrence::default(), &fields).rule();
    match fields.next_due_at {
        Some(given) => fields.start = Some(Start::at(rule.local(given))),
        None => {
            let today = Start::of_day(rule.local(at).date());
            let first = rule.first(today, at).unwrap_or(Timestamp::LAST);
            fields.start = Some(today.moved_to(rule.local(first)));
            fields.next_due_at = Some(first);
        }
    }
    fields
}

fn update(
    recurrence: &Recurrence,
    mut fields: RecurrenceFields,
    at: Timestamp,
) -> Vec<RecurrenceEvent> {
    let given = fields.next_due_at;
    fields.drop_known(recurrence);
    if fields.names_set().is_empty() {
        return vec![];
    }
    let rule = with(recurrence, &fields).rule();
    let start = recurrence.start;
    match (fields.next_due_at, given) {
        (Some(moved), _) => fields.start = Some(Start::at(rule.local(moved))),
        (None, _) if !fields.change_the_rule() => {}
        // As it was due before, and by the new rule from there on.
        (None, Some(kept)) => fields.start = Some(start.moved_to(rule.local(kept))),
        (None, None) => {
            let first = rule.first(start, at).unwrap_or(Timestamp::LAST);
            fields.start = Some(start.moved_to(rule.local(first)));
            fields.next_due_at = Some(first);
        }
    }
    fields.drop_known(recurrence);
    vec![RecurrenceEvent::Updated { fields }]
}

/// One task for all occurrences that have passed: the next one is ahead.
fn fire(
    recurrence: &Recurrence,
    at: Timestamp,
    occurrence: Timestamp,
    (task_id, is_last_open): (TaskId, bool),
) -> Decision {
    if recurrence.due_at() != Some(occurrence) {
        return Ok(vec![]);
    }
    if at < occurrence {
        return Err(RecurrenceRefusal::NotDue);
    }
    let next_due_at = recurrence.rule().next(recurrence.start, at).unwrap_or(Timestamp::LAST);
    Ok(vec![match recurrence.skip_if_open && is_last_open {
        true => RecurrenceEvent::Skipped { occurrence, next_due_at },
        false => RecurrenceEvent::Spawned { occurrence, task_id, next_due_at },
    }])
}

/// The recurrence as the fields would make it.
fn with(recurrence: &Recurrence, fields: &RecurrenceFields) -> Recurrence {
    evolve(recurrence.clone(), RecurrenceEvent::Updated { fields: fields.clone() })
}
