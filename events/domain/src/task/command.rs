//! What a task can be told, and why it may refuse.

use serde::{Deserialize, Serialize};

use super::{
    annotation::Annotation,
    changes::Changes,
    context::ContextMerge,
    state::{EvidenceItem, SessionState},
    status::Status,
};
use crate::{AgentId, CompletionId, RecurrenceId, TaskId, Timestamp, json::Object};

/// What a child takes from the task it is delegated from (protocol 1.3).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Parent {
    /// The parent.
    pub parent_id: TaskId,
    /// The first task of its chain.
    pub root_id: TaskId,
    /// The child's depth: the parent's + 1.
    pub depth: u32,
    /// Who answers for the chain.
    pub accountable: Option<AgentId>,
}

/// How it stands with the tasks that a task depends on, once the command is carried out. Found
/// out by whoever gives the command.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Dependencies {
    /// One of them is not completed.
    pub wait: bool,
    /// One of them depends, itself or by others, on the task.
    pub lead_back: bool,
}

/// Where a task comes from that nobody asked for at this moment (protocol 1.9).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Origin {
    /// In whose name it is created, which is not the actor's; none for the project token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_by: Option<AgentId>,
    /// The recurrence that it is an occurrence of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recurrence_id: Option<RecurrenceId>,
}

/// A task to be created.
#[derive(Debug, Clone)]
pub struct Draft {
    /// Its id.
    pub id: TaskId,
    /// Its fields, the assignee included. `content` is set.
    pub changes: Changes,
    /// The task it is delegated from.
    pub parent: Option<Parent>,
    /// How it stands with what it depends on.
    pub dependencies: Dependencies,
    /// Where it comes from, unless its creator gives the command.
    pub origin: Option<Origin>,
}

/// Optional fences: what the sender believes; anything else is refused with 409 (protocol 0.8).
#[derive(Debug, Clone, Copy, Default)]
pub struct Fence {
    /// The revision the task should have.
    pub expected_revision: Option<i64>,
    /// The claim the sender holds.
    pub claim_generation: Option<i64>,
}

/// What is said along with a finish.
#[derive(Debug, Clone, Default)]
pub struct Finish {
    /// Fields to set.
    pub changes: Changes,
    /// Proof, for completion only.
    pub evidence: Option<Vec<EvidenceItem>>,
    /// What the sender believes.
    pub fence: Fence,
}

/// What the holder of a task says it is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// In one word.
    pub state: SessionState,
    /// In more; none clears what was said before.
    pub detail: Option<String>,
}

/// What a holder said that finished after it had lost its claim, as the log keeps it.
#[derive(Debug, Clone)]
pub struct LateCompletion {
    /// Its id.
    pub id: CompletionId,
    /// Whose it is.
    pub by: AgentId,
    /// Fields to set.
    pub changes: Changes,
    /// Proof.
    pub evidence: Option<Vec<EvidenceItem>>,
}

/// Where in its chain a task is by the record that somebody sends back whole: each field as sent,
/// null or not. None of them can be set.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ChainPlace {
    /// The first task of its chain.
    pub root_task_id: Option<Option<TaskId>>,
    /// The task it was delegated from.
    pub parent_task_id: Option<Option<TaskId>>,
    /// Steps from the root.
    pub delegation_depth: Option<Option<i64>>,
}

/// An update of a task.
#[derive(Debug, Clone, Default)]
pub struct Update {
    /// Fields to set, the assignee included.
    pub changes: Changes,
    /// Status to reach.
    pub status: Option<Status>,
    /// True completes, false uncompletes. Where `status` says another thing, the one of the two
    /// that differs from what the task has is meant, and `status` when both do.
    pub completed: Option<bool>,
    /// Proof, with a completing status only.
    pub evidence: Option<Vec<EvidenceItem>>,
    /// What the sender believes.
    pub fence: Fence,
    /// Where the sender believes the task is in its chain.
    pub place: ChainPlace,
    /// How it stands with what it depends on, or will.
    pub dependencies: Dependencies,
}

/// A command to a task.
#[derive(Debug, Clone)]
pub enum TaskCommand {
    /// Create it.
    Create(Box<Draft>),
    /// Change it.
    Update(Box<Update>),
    /// Hand it over: the same task, another assignee.
    HandOver {
        /// To whom.
        to: AgentId,
        /// What is said along with it.
        changes: Box<Changes>,
    },
    /// Note that a child was delegated from it.
    AddChild {
        /// The child.
        child: TaskId,
    },
    /// Complete it.
    Complete(Box<Finish>),
    /// Open it again, if it was completed.
    Uncomplete,
    /// Give it up.
    Fail(Box<Finish>),
    /// Open it again after a failure.
    Retry(Dependencies),
    /// Call it off.
    Cancel(Box<Finish>),
    /// Hold it, by an agent that asks for this task: what it holds already is held longer.
    Claim {
        /// For how long, 30 to 3600; checked at the edge.
        lease_seconds: i64,
    },
    /// Hold it, by an agent that asks for any task: what it holds already is not meant.
    ClaimQueued {
        /// For how long, 30 to 3600; checked at the edge.
        lease_seconds: i64,
    },
    /// Hold it longer.
    Heartbeat {
        /// For how long from now.
        lease_seconds: i64,
        /// What its holder does, where it says so.
        session: Option<Session>,
        /// The claim the sender holds.
        claim_generation: Option<i64>,
    },
    /// Say what its holder does.
    SetState {
        /// What.
        session: Session,
        /// The claim the sender holds.
        claim_generation: Option<i64>,
    },
    /// Give it back.
    Release {
        /// For whoever takes it next.
        handoff: Option<String>,
        /// The claim the sender holds.
        claim_generation: Option<i64>,
    },
    /// Keep what somebody had finished who had lost its claim.
    KeepLate {
        /// A fresh id.
        id: CompletionId,
        /// What it said.
        finish: Box<Finish>,
    },
    /// Complete it with what was kept so.
    AcceptLate(Box<LateCompletion>),
    /// Merge keys into its context.
    MergeContext(Box<ContextMerge>),
    /// Say that the live entry of a key of its context is not to be trusted any more.
    SupersedeContext {
        /// The key.
        key: String,
    },
    /// Delete it.
    Delete,
    /// Change what hangs on it: comments, subtasks, links.
    Annotate(Box<Annotation>),
    /// Say which task follows it, if it repeats and was completed (protocol 1.9).
    Recur {
        /// The id of that task, fresh.
        next: TaskId,
    },
    /// Note that its reminder is due.
    Remind {
        /// The reminder that is meant: it may have another by now.
        reminder_time: Timestamp,
    },
    /// Look at what it depends on again: one of those was completed or deleted (protocol 1.2).
    Reconsider {
        /// Those that were deleted.
        gone: Vec<TaskId>,
        /// How it stands with the others.
        dependencies: Dependencies,
    },
}

/// Why a task refuses a command.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TaskRefusal {
    /// Never created, or deleted.
    #[error("Task not found")]
    NotFound,
    /// Its id is taken.
    #[error("the task exists already")]
    AlreadyExists,
    /// The table of protocol 0.5 forbids it.
    #[error("a {from} task cannot be {action}")]
    Status {
        /// Where it stands.
        from: Status,
        /// What was tried, as a participle.
        action: &'static str,
    },
    /// A task that it depends on is not completed.
    #[error("a task that it depends on is not completed")]
    Waits,
    /// It would wait for itself.
    #[error("depends_on would make the task wait for itself: leave out what depends on it")]
    DependencyCycle,
    /// Somebody else holds it.
    #[error("the task is claimed by another agent")]
    Held {
        /// The holder.
        by: Option<AgentId>,
        /// Until when.
        lease_expires_at: Option<Timestamp>,
    },
    /// It is somebody else's to do.
    #[error("the task is assigned to another agent")]
    AssignedToAnother,
    /// The queue does not have it for this agent.
    #[error("the task does not wait for this agent")]
    NotQueued,
    /// The sender holds no claim on it, or one that has lapsed.
    #[error("you hold no live claim on this task; claim it first")]
    NotHolder {
        /// Who holds it, or held it last.
        by: Option<AgentId>,
        /// Until when.
        lease_expires_at: Option<Timestamp>,
    },
    /// Nobody holds it.
    #[error("the task is not claimed")]
    NotClaimed,
    /// Only its holder or an admin gives it back.
    #[error("only the agent that holds the task, or an admin, may release it")]
    NotReleasable,
    /// Only an agent can hold a task.
    #[error("only an agent can hold a task: use an agent key")]
    NoAgent,
    /// Only those whose task it is take what came late.
    #[error("only the task's creator, its assignee or an admin may accept a late completion")]
    NotAcceptable,
    /// A fence does not hold.
    #[error("{field} is {actual}, not {expected}: read the task again and decide anew")]
    Fence {
        /// The fence.
        field: &'static str,
        /// What was sent.
        expected: i64,
        /// What is true.
        actual: i64,
    },
    /// The chain is not the sender's to keep (protocol 0.9).
    #[error("{field} is kept by the server and cannot be set")]
    ChainField {
        /// What was sent, and is not so.
        field: &'static str,
    },
    /// Completion must be proved.
    #[error(
        "completion needs evidence: give at least one item of kind commit, pr, ci_check, \
         deploy_sha or artifact_url"
    )]
    EvidenceMissing,
    /// Evidence came without a completion.
    #[error("evidence is taken only together with a completing status")]
    EvidenceWithoutCompletion,
    /// Only an admin may lift the policy.
    #[error("only an admin may remove a required evidence policy")]
    EvidencePolicyProtected,
    /// The context is not the one that the sender knows.
    #[error("the context is at version {version}: read it again and decide anew")]
    ContextVersion {
        /// Where it is.
        version: i64,
        /// What it is.
        context: Object,
    },
    /// Only an admin may vouch for others.
    #[error("only an admin may give the source human_stated or imported")]
    ContextSourceProtected,
    /// It has no such comment, subtask or link, or no live entry of such a key.
    #[error("{what} not found")]
    NoSuch {
        /// What was named, for example `Comment`.
        what: &'static str,
    },
    /// No retry is left.
    #[error("all {max_retries} retries are used")]
    RetriesUsed {
        /// How many there were.
        max_retries: i64,
    },
    /// An object or a list would outgrow its limit.
    #[error("{field} would be larger than {max} {unit}")]
    TooLarge {
        /// The field.
        field: &'static str,
        /// The limit.
        max: usize,
        /// Of what.
        unit: &'static str,
    },
}
