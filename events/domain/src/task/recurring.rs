//! Tasks that repeat, and reminders (protocol 1.2, 1.9). What is due when is asked with the time
//! of the command; nothing here reads a clock.

use super::{changes::Changes, decide::Decision, event::TaskEvent, state::Task, status::Status};
use crate::{TaskId, Timestamp, calendar};

impl Task {
    /// When its reminder wants to be sent; none where there is nothing to remind of any more.
    #[must_use]
    pub fn reminder_due(&self) -> Option<Timestamp> {
        let waits = self.is_alive() && !self.status.is_finished() && !self.reminder_sent;
        self.reminder_time.filter(|_| waits)
    }

    /// The day on which the task that follows it is due; none where it does not repeat, or not
    /// within the years there are.
    #[must_use]
    pub fn next_due_date(&self) -> Option<jiff::civil::Date> {
        let (date, every) = (self.due_date?, self.recurring_type?);
        let interval = self.recurring_interval.unwrap_or(1);
        calendar::advance(date, every, interval).filter(|_| self.is_recurring)
    }

    /// The fields of the task that follows it, due on that day: the same thing once more, not what
    /// came of it.
    #[must_use]
    pub fn next_time(&self, due_date: jiff::civil::Date) -> Changes {
        Changes {
            content: Some(self.content.clone()),
            description: self.description.clone().map(Some),
            project_id: self.project_id.map(Some),
            due_date: Some(Some(due_date)),
            due_time: self.due_time.clone().map(Some),
            priority: Some(self.priority),
            labels: Some(self.labels.clone()),
            is_recurring: Some(true),
            recurring_type: self.recurring_type.map(Some),
            recurring_interval: self.recurring_interval.map(Some),
            recurring_string: self.recurring_string.clone().map(Some),
            assigned_to: self.assigned_to.map(Some),
            ..Changes::default()
        }
    }
}

/// Which task follows a completed one. One that was opened again and is completed once more has
/// its follower already, unless it has moved on to a later day.
pub(super) fn recur(task: &Task, next: TaskId) -> Decision {
    let due_date = task.next_due_date().filter(|_| task.status == Status::Completed);
    let is_there = |due_date| task.follow_up.is_some_and(|it| it.due_date >= due_date);
    let recurred = due_date.filter(|date| !is_there(*date));
    let recurred = recurred.map(|due_date| TaskEvent::Recurred { task_id: next, due_date });
    Ok(recurred.into_iter().collect())
}

/// The reminder that is meant, once, and not before its time: whoever reminds may have looked at
/// what is no longer so.
pub(super) fn remind(task: &Task, reminder_time: Timestamp, at: Timestamp) -> Decision {
    let is_due = task.reminder_due() == Some(reminder_time) && reminder_time <= at;
    Ok(is_due.then_some(TaskEvent::Reminded { reminder_time }).into_iter().collect())
}

#[cfg(test)]
#[path = "recurring_tests.rs"]
mod tests;
