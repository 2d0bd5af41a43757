//! The stored form of events about recurrences, by the rules of `super`.

use super::{DecodeError, Event, Reader, Stored, stored};
use crate::{
    recurrence::{RecurrenceEvent, payload as recurrence},
    task::event::payload as task,
};

impl Event for RecurrenceEvent {
    fn encode(&self) -> Stored {
        match self.clone() {
            Self::Created { recurrence_id, fields } => {
                stored("recurrence.created", &recurrence::Created { recurrence_id, fields })
            }
            Self::Updated { fields } => {
                stored("recurrence.updated", &recurrence::Updated { fields })
            }
            Self::Spawned { occurrence, task_id, next_due_at } => {
                let payload = recurrence::Spawned { occurrence, task_id, next_due_at };
                stored("recurrence.spawned", &payload)
            }
            Self::Skipped { occurrence, next_due_at } => {
                stored("recurrence.skipped", &recurrence::Skipped { occurrence, next_due_at })
            }
            Self::Deleted => stored("recurrence.deleted", &task::Nothing {}),
        }
    }

    fn decode(event_type: &str, schema_version: i16, payload: &str) -> Result<Self, DecodeError> {
        let from = Reader { event_type, schema_version, payload };
        Ok(match (event_type, schema_version) {
            ("recurrence.created", 1) => {
                let recurrence::Created { recurrence_id, fields } = from.read()?;
                Self::Created { recurrence_id, fields }
            }
            ("recurrence.updated", 1) => {
                let recurrence::Updated { fields } = from.read()?;
                Self::Updated { fields }
            }
            ("recurrence.spawned", 1) => {
                let recurrence::Spawned { occurrence, task_id, next_due_at } = from.read()?;
                Self::Spawned { occurrence, task_id, next_due_at }
            }
            ("recurrence.skipped", 1) => {
                let recurrence::Skipped { occurrence, next_due_at } = from.read()?;
                Self::Skipped { occurrence, next_due_at }
            }
            ("recurrence.deleted", 1) => from.read::<task::Nothing>().map(|_| Self::Deleted)?,
            _ => return Err(from.unknown()),
        })
    }
}
