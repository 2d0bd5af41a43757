//! What a process keeps of the log's meaning: streams folded once, for everybody in it.
//!
//! Commands keep the states after their own events; whoever follows the log then finds them. To
//! be made once per process: two of these would keep and fold the same streams twice.

use baton_domain::{recurrence::Recurrence, task::Task, webhook::Webhook};
use baton_log::Log;

use crate::states::States;

/// What the states of tasks may take in memory.
const TASKS_BYTES_MAX: u64 = 48 * 1024 * 1024;
/// What those of webhooks may take.
const WEBHOOKS_BYTES_MAX: u64 = 4 * 1024 * 1024;
/// What those of recurrences may take.
const RECURRENCES_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// The log with its folded streams. Cheap to clone; clones share what they keep.
#[derive(Clone)]
pub struct History {
    log: Log,
    tasks: States<Task>,
    webhooks: States<Webhook>,
    recurrences: States<Recurrence>,
}

impl History {
    /// Nothing is kept yet.
    #[must_use]
    pub fn new(log: Log) -> Self {
        let tasks = States::new(log.clone(), TASKS_BYTES_MAX);
        let webhooks = States::new(log.clone(), WEBHOOKS_BYTES_MAX);
        let recurrences = States::new(log.clone(), RECURRENCES_BYTES_MAX);
        Self { log, tasks, webhooks, recurrences }
    }

    /// The log.
    #[must_use]
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// The tasks.
    #[must_use]
    pub fn tasks(&self) -> &States<Task> {
        &self.tasks
    }

    /// The webhooks.
    #[must_use]
    pub fn webhooks(&self) -> &States<Webhook> {
        &self.webhooks
    }

    /// The recurrences.
    #[must_use]
    pub fn recurrences(&self) -> &States<Recurrence> {
        &self.recurrences
    }
}
