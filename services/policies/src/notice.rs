//! What policies notice in an event: dependencies that were set, and dependencies that are done.

use baton_domain::stored::{DecodeError, Event as _};
use baton_domain::task::{self, Changes, TaskEvent};
use baton_domain::{AccountId, TaskId};
use baton_feed::{Cause, HandleError};
use baton_log::RecordedEvent;

/// A task within its account.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) account: AccountId,
    pub(crate) task: TaskId,
}

/// What an event means to policies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Notice {
    /// The task depends on these from now on, and on no others.
    DependsOn(Place, Vec<TaskId>),
    /// Nobody waits for the task any more.
    Completed(Place),
    /// Nobody waits for the task any more, and it waits for nothing.
    Deleted(Place),
}

impl Notice {
    /// Whether it changes which tasks depend on which.
    pub(crate) fn is_written(&self) -> bool {
        match self {
            Self::DependsOn(..) | Self::Deleted(_) => true,
            Self::Completed(_) => false,
        }
    }
}

/// What the event means, if anything.
pub(crate) fn notice(event: &RecordedEvent) -> Result<Option<Notice>, HandleError> {
    if event.stream.kind != task::KIND || !is_of_interest(&event.event_type) {
        return Ok(None);
    }
    let account = event.stream.account.parse().map_err(unreadable)?;
    let task = event.stream.id.parse().map_err(unreadable)?;
    let place = Place { account, task };
    let decoded = TaskEvent::decode(&event.event_type, event.schema_version, &event.payload);
    Ok(match decoded.map_err(|cause: DecodeError| unreadable(cause))? {
        TaskEvent::Created { changes, .. } | TaskEvent::Updated { changes, .. } => {
            let Changes { depends_on, .. } = changes;
            depends_on.map(|depends_on| Notice::DependsOn(place, depends_on))
        }
        TaskEvent::Completed { .. } => Some(Notice::Completed(place)),
        TaskEvent::Deleted => Some(Notice::Deleted(place)),
        TaskEvent::Delegated { .. }
        | TaskEvent::ChildDelegated { .. }
        | TaskEvent::Assigned { .. }
        | TaskEvent::Claimed { .. }
        | TaskEvent::LeaseExtended { .. }
        | TaskEvent::StateChanged { .. }
        | TaskEvent::Released { .. }
        | TaskEvent::CompletionLate { .. }
        | TaskEvent::LateCompletionAccepted { .. }
        | TaskEvent::Blocked { .. }
        | TaskEvent::Unblocked
        | TaskEvent::Failed { .. }
        | TaskEvent::Commented(_)
        | TaskEvent::CommentDeleted(_)
        | TaskEvent::Linked(_)
        | TaskEvent::LinkDeleted(_)
        | TaskEvent::SubtaskAdded(_)
        | TaskEvent::SubtaskUpdated(_)
        | TaskEvent::SubtaskDeleted(_)
        | TaskEvent::ContextSuperseded { .. }
        | TaskEvent::Recurred { .. }
        | TaskEvent::Reminded { .. }
        | TaskEvent::Cancelled { .. } => None,
    })
}

/// Spares the reading of payloads that say nothing about dependencies.
fn is_of_interest(event_type: &str) -> bool {
    matches!(event_type, "task.created" | "task.updated" | "task.completed" | "task.deleted")
}

fn unreadable(cause: impl Into<Cause>) -> HandleError {
    HandleError::event("cannot read what the event says about dependencies", cause)
}
