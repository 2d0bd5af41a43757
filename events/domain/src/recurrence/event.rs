//! What can happen to a recurrence. Names are stored by `crate::stored` and never change.

use crate::{RecurrenceId, TaskId, Timestamp, recurrence::RecurrenceFields};

/// A fact about a recurrence. Internal: no webhook hears of recurrences, only of their tasks.
#[derive(Debug, Clone, PartialEq)]
pub enum RecurrenceEvent {
    /// It was created, by the actor.
    Created {
        /// Its id.
        recurrence_id: RecurrenceId,
        /// Its fields, all set that have no default.
        fields: RecurrenceFields,
    },
    /// Fields changed; also when it is due next, where that follows from it.
    Updated {
        /// The fields that changed.
        fields: RecurrenceFields,
    },
    /// An occurrence has passed, and its task was created with it.
    Spawned {
        /// When it was due.
        occurrence: Timestamp,
        /// The task.
        task_id: TaskId,
        /// When it is due again.
        next_due_at: Timestamp,
    },
    /// An occurrence has passed without a task, because that of an earlier one is unfinished.
    Skipped {
        /// When it was due.
        occurrence: Timestamp,
        /// When it is due again.
        next_due_at: Timestamp,
    },
    /// It was deleted. Its tasks stay.
    Deleted,
}

/// Stored form of the events.
pub(crate) mod payload {
    use super::{RecurrenceFields, RecurrenceId, TaskId, Timestamp};
    use serde::{Deserialize, Serialize};

    #[derive(Serialize, Deserialize)]
    pub(crate) struct Created {
        pub(crate) recurrence_id: RecurrenceId,
        pub(crate) fields: RecurrenceFields,
    }

    #[derive(Serialize, Deserialize)]
    pub(crate) struct Updated {
        pub(crate) fields: RecurrenceFields,
    }

    #[derive(Serialize, Deserialize)]
    pub(crate) struct Spawned {
        pub(crate) occurrence: Timestamp,
        pub(crate) task_id: TaskId,
        pub(crate) next_due_at: Timestamp,
    }

    #[derive(Serialize, Deserialize)]
    pub(crate) struct Skipped {
        pub(crate) occurrence: Timestamp,
        pub(crate) next_due_at: Timestamp,
    }
}
