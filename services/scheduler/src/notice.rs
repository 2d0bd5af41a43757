//! What the scheduler notices in events: after which of them something may wait for another
//! moment than before.
//!
//! The state after an event says what it waits for. Must not read the states of tasks that have no
//! reminder, which nearly all are.

use std::collections::{BTreeMap, BTreeSet};

use baton_domain::recurrence::{self, Recurrence};
use baton_domain::task::{self, Task};
use baton_domain::{AccountId, TaskId};
use baton_feed::{Cause, HandleError};
use baton_history::History;
use baton_log::RecordedEvent;

use crate::schedule::{Entry, Matter, Place, Waits};

/// How a payload names a reminder. Words of users may say the same; then a state is read in vain.
const REMINDER: &str = "\"reminder_time\"";
/// How a payload names a change of status.
const TRANSITION: &str = "\"transition\"";

/// What an event may have to do with a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Concerns {
    /// A recurrence.
    Recurrence,
    /// A reminder, which it names.
    Reminder,
    /// Whether a task's reminder still waits, if it has one.
    Task,
}

/// What the events of a batch are about, with the last one about each.
#[derive(Debug, Default)]
pub(crate) struct Noticed<'a> {
    last: BTreeMap<Place, &'a RecordedEvent>,
    /// Tasks whose events do not say whether they have a reminder.
    unsure: BTreeSet<Place>,
}

impl<'a> Noticed<'a> {
    /// Looks through a batch. `has_reminders`: some task had one before it.
    pub(crate) fn of(
        events: &'a [RecordedEvent],
        mut has_reminders: bool,
    ) -> Result<Self, HandleError> {
        let mut noticed = Self::default();
        let mut named = BTreeSet::new();
        for event in events {
            let Some(concerns) = concerns(event) else { continue };
            has_reminders |= concerns == Concerns::Reminder;
            if concerns == Concerns::Task && !has_reminders {
                continue;
            }
            let place = place(event, concerns)?;
            match concerns {
                Concerns::Task if !named.contains(&place) => {
                    noticed.unsure.insert(place.clone());
                }
                Concerns::Task => {}
                Concerns::Recurrence | Concerns::Reminder => {
                    noticed.unsure.remove(&place);
                    named.insert(place.clone());
                }
            }
            noticed.last.insert(place, event);
        }
        Ok(noticed)
    }

    /// The tasks that the table must be asked about.
    pub(crate) fn unsure(&self) -> Vec<(AccountId, TaskId)> {
        let task = |place: &Place| match place.matter {
            Matter::Reminder(task) => Some((place.account.clone(), task)),
            Matter::Recurrence(_) => None,
        };
        self.unsure.iter().filter_map(task).collect()
    }

    /// What the table is to say after the batch. `known`: those of the unsure ones that are in it.
    pub(crate) async fn entries(
        self,
        known: &BTreeSet<Place>,
        history: &History,
    ) -> Result<Vec<Entry>, HandleError> {
        let mut entries = Vec::new();
        for (place, event) in self.last {
            if self.unsure.contains(&place) && !known.contains(&place) {
                continue;
            }
            let waits = match place.matter {
                Matter::Recurrence(_) => {
                    let recurrence = history.recurrences().after(event).await?;
                    of_recurrence(&recurrence)
                }
                Matter::Reminder(_) => {
                    let task = history.tasks().after(event).await?;
                    of_task(&task)
                }
            };
            let (event_id, correlation_id) = (event.event_id, event.correlation_id);
            entries.push(Entry { place, waits, event_id, correlation_id });
        }
        Ok(entries)
    }
}

fn of_recurrence(recurrence: &Recurrence) -> Waits {
    recurrence.due_at().map_or(Waits::Gone, Waits::Until)
}

fn of_task(task: &Task) -> Waits {
    let is_kept = task.is_alive() && task.reminder_time.is_some() && !task.reminder_sent;
    match task.reminder_due() {
        Some(due_at) => Waits::Until(due_at),
        None if is_kept => Waits::Idle,
        None => Waits::Gone,
    }
}

/// What the event has to do with a moment, as far as its type and a glance at its text tell.
fn concerns(event: &RecordedEvent) -> Option<Concerns> {
    if event.stream.kind == recurrence::KIND {
        return Some(Concerns::Recurrence);
    }
    if event.stream.kind != task::KIND {
        return None;
    }
    let names = |what| event.payload.contains(what);
    match event.event_type.as_str() {
        "task.created" => names(REMINDER).then_some(Concerns::Reminder),
        "task.reminded" => Some(Concerns::Reminder),
        "task.updated" | "task.delegated" | "task.completed" | "task.failed" | "task.cancelled"
            if names(REMINDER) =>
        {
            Some(Concerns::Reminder)
        }
        "task.updated" => names(TRANSITION).then_some(Concerns::Task),
        "task.delegated" | "task.completed" | "task.failed" | "task.cancelled" | "task.blocked"
        | "task.deleted" => Some(Concerns::Task),
        _ => None,
    }
}

fn place(event: &RecordedEvent, concerns: Concerns) -> Result<Place, HandleError> {
    let account = event.stream.account.parse().map_err(unreadable)?;
    let id = &event.stream.id;
    let matter = match concerns {
        Concerns::Recurrence => Matter::Recurrence(id.parse().map_err(unreadable)?),
        Concerns::Reminder | Concerns::Task => Matter::Reminder(id.parse().map_err(unreadable)?),
    };
    Ok(Place { account, matter })
}

fn unreadable(cause: impl Into<Cause>) -> HandleError {
    HandleError::event("cannot read what the event says about a moment", cause)
}

#[cfg(test)]
#[path = "notice_tests.rs"]
mod tests;
