//! What can happen to a task. Names are stored by `crate::stored` and never change.

use serde::{Deserialize, Serialize};

use super::{
    changes::Changes,
    command::Parent,
    state::{EvidenceItem, HopKind},
};
use crate::{AgentId, TaskId, Timestamp};

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
    /// Its holder gave it back.
    Released,
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

    /// Released, unblocked and deleted say it all with their name.
    #[derive(Serialize, Deserialize)]
    pub(crate) struct Nothing {}
}
