//! All tasks of an account as of a moment.

use std::{collections::HashMap, mem};

use baton_domain::task::{self, Task};
use baton_log::RecordedEvent;

use crate::fold::{FoldError, Folded as _, fold};

/// What an entry takes beside its task.
const ENTRY_BYTES: u64 = 128;

/// The tasks of an account that were created by then, deleted ones included.
#[derive(Debug, Default)]
pub struct TasksThen {
    /// By the ids of their streams.
    tasks: HashMap<Box<str>, Task>,
    weight_bytes: u64,
}

impl TasksThen {
    /// Takes the account's next event; one of another kind of stream says nothing of tasks.
    pub(super) fn absorb(&mut self, event: &RecordedEvent) -> Result<(), FoldError> {
        if event.stream.kind != task::KIND {
            return Ok(());
        }
        match self.tasks.get_mut(event.stream.id.as_str()) {
            Some(task) => *task = fold(mem::take(task), event)?,
            None => {
                let task = fold(Task::default(), event)?;
                self.tasks.insert(event.stream.id.as_str().into(), task);
            }
        }
        Ok(())
    }

    /// Takes no more.
    pub(super) fn folded(mut self) -> Self {
        let weight = |task: &Task| task.weight_bytes() + ENTRY_BYTES;
        self.weight_bytes = self.tasks.values().map(weight).sum();
        self
    }

    /// Roughly how many bytes they take in memory.
    pub(super) fn weight_bytes(&self) -> u64 {
        self.weight_bytes
    }

    /// Each of them, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &Task> {
        self.tasks.values()
    }
}
