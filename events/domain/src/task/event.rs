//! What can happen to a task. Names are stored by `crate::stored` and never change.

use serde::{Deserialize, Serialize};

use super::{
    annotation::{
        CommentDeleted, Commented, LinkDeleted, Linked, SubtaskAdded, SubtaskDeleted,
        SubtaskUpdated,
    },
    changes::Changes,
    command::{Origin, Parent},
    state::{EvidenceItem, HopKind, SessionState},
};
use crate::{AgentId, CompletionId, TaskId, Timestamp};

/// A change of status that `task.updated` reports (protocol 4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Transition {
    /// A completed task is open again.
    Reopened,
    /// A failed task is open again, one retry used.
    Retried,
    /// A failed task is tried again, one retry used, but waits for another: `task.blocked`
    /// follows, and the two are one change.
    RetriedWaiting,
    /// A delegated task is open again, taken back.
    TakenBack,
    /// The next event of the same command changes the status; the two are one change.
    Follows,
}

/// What a holder left for whoever takes the task next (protocol 1.4).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Handoff {
    /// In words.
    pub note: Option<String>,
    /// Whose words these are; none for the project token.
    pub by: Option<AgentId>,
    /// What the holder had said last that it does.
    pub state: Option<SessionState>,
}

/// A fact about a task. Who and when are in its envelope.
#[derive(Debug, Clone, PartialEq)]
pub enum TaskEvent {
    /// It was created, by the actor.
    Created {
        /// Its id.
        task_id: TaskId,
        /// Its fields.
        changes: Changes,
        /// The task it was delegated from.
        parent: Option<Parent>,
        /// It begins blocked: a task that it depends on is not completed.
        waits: bool,
        /// Where it comes from, unless the actor created it in its own name.
        origin: Option<Origin>,
    },
    /// It was delegated, in either form.
    Delegated {
        /// Who handed it on.
        from: Option<AgentId>,
        /// Who has it now.
        to: Option<AgentId>,
        /// In which form.
        kind: HopKind,
        /// What was said along with it.
        changes: Changes,
    },
    /// It has a new child. Internal: no webhook hears of it.
    ChildDelegated {
        /// The child.
        child_id: TaskId,
    },
    /// Its assignee changed, by update or hand-over.
    Assigned {
        /// Whose it is now.
        to: Option<AgentId>,
        /// Whose it was.
        previous: Option<AgentId>,
    },
    /// Fields changed, or it was reopened.
    Updated {
        /// What changed.
        changes: Changes,
        /// The change of status, where there was one.
        transition: Option<Transition>,
    },
    /// The actor holds it now.
    Claimed {
        /// Until when, unless it has no end.
        lease_expires_at: Option<Timestamp>,
    },
    /// Its holder holds it longer. Internal; the task shows no change but the lease's end.
    LeaseExtended {
        /// Until when.
        lease_expires_at: Timestamp,
    },
    /// Its holder said what it does.
    StateChanged {
        /// In one word.
        state: SessionState,
        /// In more.
        detail: Option<String>,
        /// What it had said before.
        previous: Option<SessionState>,
    },
    /// Its holder gave it back.
    Released {
        /// What was left with it; none in what was recorded before there were any.
        handoff: Option<Handoff>,
    },
    /// The actor had lost its claim, and finished. Internal; it changes nothing until accepted.
    CompletionLate {
        /// Its id, which is the event's too.
        completion_id: CompletionId,
        /// The claim that it had lost.
        claim_generation: i64,
        /// What was said along with it.
        changes: Changes,
        /// The proof.
        evidence: Option<Vec<EvidenceItem>>,
    },
    /// The completion that follows is one that had come late. Internal.
    LateCompletionAccepted {
        /// Which.
        completion_id: CompletionId,
        /// Who had finished it.
        agent_id: AgentId,
    },
    /// It cannot be worked on.
    Blocked {
        /// For a task that it depends on, not by hand.
        waits: bool,
    },
    /// It can be worked on again.
    Unblocked,
    /// The actor completed it.
    Completed {
        /// What was said along with it.
        changes: Changes,
        /// The proof.
        evidence: Option<Vec<EvidenceItem>>,
    },
    /// It was given up.
    Failed {
        /// What was said along with it.
        changes: Changes,
    },
    /// It was called off.
    Cancelled {
        /// What was said along with it.
        changes: Changes,
    },
    /// It was deleted.
    Deleted,
    /// It repeats, and this is the task that follows it. Internal; it accompanies a completion.
    Recurred {
        /// The task that follows.
        task_id: TaskId,
        /// The day that one is due.
        due_date: jiff::civil::Date,
    },
    /// Its reminder was due. Internal; what it does to the task tells no more than that.
    Reminded {
        /// Which reminder.
        reminder_time: Timestamp,
    },
    /// The live entry of a key of its context is not to be trusted any more. Internal.
    ContextSuperseded {
        /// The key.
        key: String,
    },
    /// Somebody commented on it.
    Commented(Commented),
    /// A comment was deleted. Internal.
    CommentDeleted(CommentDeleted),
    /// Somebody linked it to something outside.
    Linked(Linked),
    /// A link was deleted. Internal.
    LinkDeleted(LinkDeleted),
    /// It has another subtask. Internal.
    SubtaskAdded(SubtaskAdded),
    /// A subtask changed. Internal.
    SubtaskUpdated(SubtaskUpdated),
    /// A subtask was deleted. Internal.
    SubtaskDeleted(SubtaskDeleted),
}

impl TaskEvent {
    /// The event before it, of the same command, led to it: the two are not merely said together.
    #[must_use]
    pub fn follows_from(&self, before: &Self) -> bool {
        let retried_waiting = Some(Transition::RetriedWaiting);
        match (before, self) {
            (Self::Created { .. }, Self::Delegated { .. })
            | (Self::Delegated { .. }, Self::Assigned { .. })
            | (Self::LateCompletionAccepted { .. }, Self::Completed { .. })
            | (Self::Completed { .. }, Self::Recurred { .. }) => true,
            (Self::Updated { transition, .. }, Self::Blocked { .. }) => {
                *transition == retried_waiting
            }
            _ => false,
        }
    }

    /// The task is as it was, for all that its revision and its last change tell. Comments, links,
    /// what is thought of its context, reminders and the task that follows it stand beside it.
    #[must_use]
    pub fn is_silent(&self) -> bool {
        matches!(
            self,
            Self::LeaseExtended { .. }
                | Self::CompletionLate { .. }
                | Self::ContextSuperseded { .. }
                | Self::Recurred { .. }
                | Self::Reminded { .. }
                | Self::Commented(_)
                | Self::CommentDeleted(_)
                | Self::Linked(_)
                | Self::LinkDeleted(_)
        )
    }
}

/// Stored form of the events that carry members of their own.
pub(crate) mod payload {
    use super::*;

    #[derive(Serialize, Deserialize)]
    pub(crate) struct Created {
        pub(crate) task_id: TaskId,
        pub(crate) changes: Changes,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub(crate) parent: Option<Parent>,
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        pub(crate) waits: bool,
        /// Since the third version.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub(crate) origin: Option<Origin>,
    }

    #[derive(Serialize, Deserialize)]
    pub(crate) struct Recurred {
        pub(crate) task_id: TaskId,
        pub(crate) due_date: jiff::civil::Date,
    }

    #[derive(Serialize, Deserialize)]
    pub(crate) struct Reminded {
        pub(crate) reminder_time: Timestamp,
    }

    #[derive(Serialize, Deserialize)]
    pub(crate) struct Delegated {
        pub(crate) from: Option<AgentId>,
        pub(crate) to: Option<AgentId>,
        pub(crate) kind: HopKind,
        #[serde(default, skip_serializing_if = "Changes::is_empty")]
        pub(crate) changes: Changes,
    }

    #[derive(Serialize, Deserialize)]
    pub(crate) struct ContextSuperseded {
        pub(crate) key: String,
    }

    #[derive(Serialize, Deserialize)]
    pub(crate) struct ChildDelegated {
        pub(crate) child_id: TaskId,
    }

    #[derive(Serialize, Deserialize)]
    pub(crate) struct Assigned {
        pub(crate) to: Option<AgentId>,
        pub(crate) previous: Option<AgentId>,
    }

    #[derive(Serialize, Deserialize)]
    pub(crate) struct Updated {
        #[serde(default, skip_serializing_if = "Changes::is_empty")]
        pub(crate) changes: Changes,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub(crate) transition: Option<Transition>,
    }

    #[derive(Serialize, Deserialize)]
    pub(crate) struct Claimed {
        pub(crate) lease_expires_at: Option<Timestamp>,
    }

    #[derive(Serialize, Deserialize)]
    pub(crate) struct LeaseExtended {
        pub(crate) lease_expires_at: Timestamp,
    }

    #[derive(Serialize, Deserialize)]
    pub(crate) struct StateChanged {
        pub(crate) state: SessionState,
        pub(crate) detail: Option<String>,
        pub(crate) previous_state: Option<SessionState>,
    }

    /// The second version; the first said nothing but its name.
    #[derive(Serialize, Deserialize)]
    pub(crate) struct Released {
        pub(crate) handoff: Handoff,
    }

    #[derive(Serialize, Deserialize)]
    pub(crate) struct CompletionLate {
        pub(crate) completion_id: CompletionId,
        pub(crate) claim_generation: i64,
        #[serde(default, skip_serializing_if = "Changes::is_empty")]
        pub(crate) changes: Changes,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub(crate) evidence: Option<Vec<EvidenceItem>>,
    }

    #[derive(Serialize, Deserialize)]
    pub(crate) struct LateCompletionAccepted {
        pub(crate) completion_id: CompletionId,
        pub(crate) agent_id: AgentId,
    }

    #[derive(Serialize, Deserialize)]
    pub(crate) struct Blocked {
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        pub(crate) waits: bool,
    }

    #[derive(Serialize, Deserialize)]
    pub(crate) struct Completed {
        #[serde(default, skip_serializing_if = "Changes::is_empty")]
        pub(crate) changes: Changes,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub(crate) evidence: Option<Vec<EvidenceItem>>,
    }

    /// Failed and cancelled.
    #[derive(Serialize, Deserialize)]
    pub(crate) struct GivenUp {
        #[serde(default, skip_serializing_if = "Changes::is_empty")]
        pub(crate) changes: Changes,
    }

    /// Unblocked, deleted and the first version of released say it all with their name.
    #[derive(Serialize, Deserialize)]
    pub(crate) struct Nothing {}
}
