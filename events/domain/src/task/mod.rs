//! A task: created, handed over, claimed, finished. One stream per task.

mod chain;
mod changes;
mod command;
mod decide;
pub(crate) mod event;
mod evolve;
#[cfg(test)]
mod given;
mod render;
mod rights;
mod state;
mod status;

pub use chain::{ChainDocument, ChainEntry, chain};
pub use changes::{Changes, RecurringType};
pub use command::{Dependencies, Draft, Fence, Finish, Parent, TaskCommand, TaskRefusal, Update};
pub use decide::OBJECT_BYTES_MAX;
pub use event::{TaskEvent, Transition};
pub use render::{NoteDocument, TaskDocument, View};
pub use rights::{Reader, readers_of};
pub use state::{
    Claim, EvidenceItem, EvidenceKind, EvidencePolicy, Hop, HopKind, Note, SessionState, Task,
};
pub use status::Status;

/// The stream kind of tasks.
pub const KIND: &str = "task";

/// The aggregate: one task.
pub struct Tasks;

impl esrs::Aggregate for Tasks {
    const NAME: &'static str = KIND;
    type State = Task;
    type Command = crate::Order<TaskCommand>;
    type Event = TaskEvent;
    type Error = TaskRefusal;

    fn handle_command(task: &Task, order: Self::Command) -> Result<Vec<TaskEvent>, TaskRefusal> {
        decide::decide(task, order)
    }

    fn apply_event(task: Task, event: TaskEvent) -> Task {
        evolve::evolve(task, event)
    }
}

/// Folds one recorded event into the task.
#[must_use]
pub fn fold(mut task: Task, envelope: &crate::Envelope, event: TaskEvent) -> Task {
    task.updated_at = envelope.at;
    task.updated_by = envelope.actor.agent();
    <Tasks as esrs::Aggregate>::apply_event(task, event)
}
