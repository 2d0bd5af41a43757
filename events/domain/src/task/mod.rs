//! A task: created, handed over, claimed, finished. One stream per task.

mod annotation;
mod chain;
mod changes;
mod claims;
mod command;
mod context;
mod decide;
pub(crate) mod event;
mod evolve;
#[cfg(test)]
mod given;
mod queue;
mod recurring;
mod render;
mod rights;
mod state;
mod status;

pub use annotation::{
    Annotation, COMMENTS_MAX, Comment, CommentDeleted, CommentDocument, Commented, LINKS_MAX,
    LinkDeleted, LinkDocument, LinkKind, Linked, NewLink, NewSubtask, SUBTASKS_MAX, SubtaskAdded,
    SubtaskChanges, SubtaskDeleted, SubtaskDocument, SubtaskUpdated,
};
pub use chain::{ChainDocument, ChainEntry, chain};
pub use changes::{Changes, RecurringType};
pub use claims::CLAIMED;
pub use command::{
    ChainPlace, Dependencies, Draft, Fence, Finish, LateCompletion, Origin, Parent, Session,
    TaskCommand, TaskRefusal, Update,
};
pub use context::{
    CONTEXT_KEYS_MAX, ContextEntry, ContextEntryDocument, ContextMerge, ContextSource, Provenance,
    ProvenanceDocument,
};
pub use decide::OBJECT_BYTES_MAX;
pub use event::{Handoff, TaskEvent, Transition};
pub use queue::{Line, Turn, Wish, lines_of};
pub use render::{NoteDocument, TaskDocument, View};
pub use rights::{Reader, readers_of};
pub use state::{
    AcceptedLate, Claim, EvidenceItem, EvidenceKind, EvidencePolicy, FollowUp, Hop, HopKind, Link,
    LostClaim, Note, SessionState, Subtask, Task,
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
    let unchanged = event.is_silent().then_some((task.updated_at, task.updated_by));
    task.updated_at = envelope.at;
    task.updated_by = envelope.actor.agent();
    let mut task = <Tasks as esrs::Aggregate>::apply_event(task, event);
    if let Some(before) = unchanged {
        (task.updated_at, task.updated_by) = before;
    }
    task.heard_at = match &task.claim {
        None => None,
        Some(claim) if claim.is_of(&envelope.actor) => Some(envelope.at),
        Some(_) => task.heard_at,
    };
    task
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Actor, AgentId, Envelope, Timestamp};

    #[test]
    fn an_event_follows_from_the_one_that_led_to_it_and_from_no_other() {
        let changes = Changes::default;
        let (completion_id, agent_id) = (crate::CompletionId::default(), AgentId::default());
        let delegated = |kind| {
            let (from, to, changes) = (None, None, changes());
            TaskEvent::Delegated { from, to, kind, changes }
        };
        let updated = |transition| TaskEvent::Updated { changes: changes(), transition };
        let (handed_over, is_child) = (delegated(HopKind::Handover), delegated(HopKind::Child));
        let assigned = TaskEvent::Assigned { to: None, previous: None };
        let blocked = TaskEvent::Blocked { waits: true };
        let completed = TaskEvent::Completed { changes: changes(), evidence: None };
        let accepted = TaskEvent::LateCompletionAccepted { completion_id, agent_id };
        for (before, event, follows) in [
            (&handed_over, &assigned, true),
            (&assigned, &handed_over, false),
            (&assigned, &is_child, false),
            (&updated(Some(Transition::RetriedWaiting)), &blocked, true),
            (&updated(Some(Transition::Follows)), &blocked, false),
            (&updated(None), &completed, false),
            (&accepted, &completed, true),
            (&assigned, &completed, false),
        ] {
            assert_eq!(event.follows_from(before), follows, "{before:?}, {event:?}");
        }
    }

    #[test]
    fn a_holder_is_heard_in_all_that_it_does_and_in_nothing_else() {
        let agent = |n| Actor::Agent(AgentId(uuid::Uuid::from_u128(n)));
        let (holder, other) = (agent(1), agent(2));
        let (project, baton) = (Actor::Project, Actor::System("policies".to_owned()));
        let end = Timestamp::from_millis(100);
        let claimed = |lease_expires_at| TaskEvent::Claimed { lease_expires_at };
        let extended = TaskEvent::LeaseExtended { lease_expires_at: end.unwrap() };
        let released = TaskEvent::Released { handoff: None };
        let blocked = TaskEvent::Blocked { waits: false };
        let mut task = Task::default();
        for (at, by, event, heard) in [
            (1, &other, &TaskEvent::Unblocked, None),
            (2, &holder, &claimed(end), Some(2)),
            (3, &other, &TaskEvent::Unblocked, Some(2)),
            (4, &holder, &extended, Some(4)),
            (5, &baton, &TaskEvent::Unblocked, Some(4)),
            (6, &holder, &TaskEvent::Unblocked, Some(6)),
            (7, &other, &claimed(end), Some(7)),
            (8, &other, &released, None),
            (9, &project, &claimed(None), Some(9)),
            (10, &baton, &TaskEvent::Unblocked, Some(9)),
            (11, &project, &TaskEvent::Unblocked, Some(11)),
            (12, &project, &blocked, None),
        ] {
            let at = Timestamp::from_millis(at).unwrap();
            task = fold(task, &Envelope { at, actor: by.clone() }, event.clone());
            let heard = heard.map(|heard| Timestamp::from_millis(heard).unwrap());
            assert_eq!(task.heard_at, heard, "{at}: {event:?}");
        }
        assert_eq!(task.release_count, 1);
    }
}
