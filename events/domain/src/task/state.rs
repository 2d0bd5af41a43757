//! A task as its events left it. Holds ids; names are added when it is rendered.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{annotation::LinkKind, changes::RecurringType, context::Provenance, status::Status};
use crate::{
    Actor, AgentId, CompletionId, ProjectId, RecurrenceId, TaskId, Timestamp,
    id::{CommentId, LinkId, SubtaskId},
    json::Object,
};

/// What the holder of a task says it is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SessionState {
    /// At work.
    Working,
    /// Waiting for somebody.
    WaitingInput,
    /// In trouble.
    Errored,
}

impl SessionState {
    /// The word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Working => "working",
            Self::WaitingInput => "waiting_input",
            Self::Errored => "errored",
        }
    }
}

/// Who holds a task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Claim {
    /// The holder; none where the project token set the task running.
    pub by: Option<AgentId>,
    /// Since when.
    pub at: Timestamp,
    /// Until when, unless it has no end.
    pub lease_expires_at: Option<Timestamp>,
    /// What the holder says it is doing; none as long as it has said nothing.
    pub session_state: Option<SessionState>,
    /// The same in words.
    #[serde(default)]
    pub detail: Option<String>,
}

/// A claim that ended without its holder's doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LostClaim {
    /// Which of the task's claims.
    pub generation: i64,
    /// Whose.
    pub by: AgentId,
    /// What its holder had finished nevertheless.
    pub late: Option<CompletionId>,
}

/// A late completion that was accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct AcceptedLate {
    /// Which.
    pub id: CompletionId,
    /// Who had finished the task.
    pub by: AgentId,
}

impl Claim {
    /// The actor is its holder.
    #[must_use]
    pub fn is_of(&self, actor: &Actor) -> bool {
        match actor {
            Actor::Agent(agent) => self.by == Some(*agent),
            Actor::Project => self.by.is_none(),
            Actor::System(_) => false,
        }
    }

    /// The lease has not run out at `now`.
    #[must_use]
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.lease_expires_at.is_none_or(|end| now < end)
    }
}

/// The task that follows one that repeats.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FollowUp {
    /// Its id.
    pub task_id: TaskId,
    /// The day it is due, as of its creation.
    pub due_date: jiff::civil::Date,
}

/// How a task came to its assignee by delegation (protocol 1.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HopKind {
    /// As a new child of another task.
    Child,
    /// As the same task, handed over.
    Handover,
}

/// One step of delegation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Hop {
    /// Who handed it on; for the project token the previous assignee.
    pub from: Option<AgentId>,
    /// Who has it now.
    pub to: Option<AgentId>,
    /// When.
    pub at: Timestamp,
    /// In which form.
    pub kind: HopKind,
}

/// Something written down beside the task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Note {
    /// When.
    pub at: Timestamp,
    /// By whom; none for the project token.
    pub author: Option<AgentId>,
    /// What.
    pub text: String,
}

/// Whether completion must be proved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EvidencePolicy {
    /// At least one strong item.
    Required,
}

/// What kind of proof an item is (protocol 1.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EvidenceKind {
    /// A commit.
    Commit,
    /// A pull request.
    Pr,
    /// A check of a CI system.
    CiCheck,
    /// What was deployed.
    DeploySha,
    /// Where an artifact lies.
    ArtifactUrl,
    /// What a command printed; weak.
    CommandOutput,
}

impl EvidenceKind {
    /// Counts as proof on its own.
    #[must_use]
    pub fn is_strong(self) -> bool {
        self != Self::CommandOutput
    }
}

/// A proof of completion: stored, never executed or checked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EvidenceItem {
    /// What it is.
    pub kind: EvidenceKind,
    /// Where it is: 1 to 500 characters.
    #[serde(rename = "ref")]
    pub reference: String,
    /// In words.
    pub summary: Option<String>,
}

/// A line of a task's check list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subtask {
    /// Its id.
    pub id: SubtaskId,
    /// What is to be done.
    pub content: String,
    /// It is done.
    pub completed: bool,
    /// Its place in the list.
    pub sort_order: i64,
    /// When it was added.
    pub created_at: Timestamp,
}

/// A link from a task to something outside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// Its id.
    pub id: LinkId,
    /// What it points to.
    pub kind: LinkKind,
    /// Which of these: a branch's name, a commit's hash, a number, an address.
    #[serde(rename = "ref")]
    pub reference: String,
    /// In which repository.
    pub repo: Option<String>,
    /// Where it is.
    pub url: Option<String>,
    /// Who added it; none for the project token.
    pub created_by: Option<AgentId>,
    /// When it was added.
    pub created_at: Timestamp,
}

/// A task. The default is a task that was never created.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Task {
    /// Its id.
    pub id: TaskId,
    /// It was created; false only before the first event.
    pub exists: bool,
    /// It was deleted; what is left serves chains and history.
    #[serde(skip_serializing_if = "is_default")]
    pub deleted: bool,
    /// +1 per change.
    pub revision: i64,
    /// When it was created.
    pub created_at: Timestamp,
    /// When the last event was recorded.
    pub updated_at: Timestamp,
    /// Which agent caused the last event.
    #[serde(skip_serializing_if = "is_default")]
    pub updated_by: Option<AgentId>,

    /// What is to be done.
    pub content: String,
    /// More about it.
    #[serde(skip_serializing_if = "is_default")]
    pub description: Option<String>,
    /// Where it stands.
    pub status: Status,
    /// 1 (most urgent) to 5.
    pub priority: u8,
    /// Labels; those with `@` route.
    #[serde(skip_serializing_if = "is_default")]
    pub labels: Vec<String>,
    /// The project it was put into, which may be deleted by now: then it is shown in none.
    #[serde(skip_serializing_if = "is_default")]
    pub project_id: Option<ProjectId>,
    /// Day it is due.
    #[serde(skip_serializing_if = "is_default")]
    pub due_date: Option<jiff::civil::Date>,
    /// Time of day it is due, `HH:MM` or `HH:MM:SS`.
    #[serde(skip_serializing_if = "is_default")]
    pub due_time: Option<String>,
    /// When to remind.
    #[serde(skip_serializing_if = "is_default")]
    pub reminder_time: Option<Timestamp>,
    /// That reminder was due.
    #[serde(skip_serializing_if = "is_default")]
    pub reminder_sent: bool,
    /// Free object that travels with the task.
    #[serde(skip_serializing_if = "is_default")]
    pub metadata: Object,
    /// Working memory.
    #[serde(skip_serializing_if = "is_default")]
    pub context: Object,
    /// +1 per context write.
    #[serde(skip_serializing_if = "is_default")]
    pub context_version: i64,
    /// Entries of the context's ledger.
    #[serde(skip_serializing_if = "is_default")]
    pub context_entries: i64,
    /// The last entry of each key of the context.
    #[serde(skip_serializing_if = "is_default")]
    pub context_provenance: BTreeMap<String, Provenance>,

    /// Who created it.
    #[serde(skip_serializing_if = "is_default")]
    pub created_by: Option<AgentId>,
    /// Whose it is to do.
    #[serde(skip_serializing_if = "is_default")]
    pub assigned_to: Option<AgentId>,
    /// Who answers for it, down the chain.
    #[serde(skip_serializing_if = "is_default")]
    pub accountable: Option<AgentId>,
    /// Who delegated it last.
    #[serde(skip_serializing_if = "is_default")]
    pub delegated_by: Option<AgentId>,
    /// The task it was delegated from.
    #[serde(skip_serializing_if = "is_default")]
    pub parent: Option<TaskId>,
    /// The first task of the chain; itself for a root.
    pub root: TaskId,
    /// Steps from the root.
    #[serde(skip_serializing_if = "is_default")]
    pub delegation_depth: u32,
    /// Every delegation of this task.
    #[serde(skip_serializing_if = "is_default")]
    pub hops: Vec<Hop>,

    /// The tasks it waits for.
    #[serde(skip_serializing_if = "is_default")]
    pub depends_on: Vec<TaskId>,
    /// It is blocked by them, not by hand: when the last is completed, it opens.
    #[serde(skip_serializing_if = "is_default")]
    pub waits: bool,

    /// Who holds it.
    #[serde(skip_serializing_if = "is_default")]
    pub claim: Option<Claim>,
    /// When its holder last did anything about it; none where nobody holds it.
    #[serde(skip_serializing_if = "is_default")]
    pub heard_at: Option<Timestamp>,
    /// Counts claims: the fencing token.
    #[serde(skip_serializing_if = "is_default")]
    pub claim_generation: i64,
    /// Everyone who ever held it.
    #[serde(skip_serializing_if = "is_default")]
    pub holders: BTreeSet<AgentId>,
    /// The last claims that ended without their holders' doing, oldest first.
    #[serde(skip_serializing_if = "is_default")]
    pub lost_claims: Vec<LostClaim>,
    /// What was left for whoever takes it next, in words.
    #[serde(skip_serializing_if = "is_default")]
    pub handoff_note: Option<String>,
    /// Whose words these are.
    #[serde(skip_serializing_if = "is_default")]
    pub handoff_by: Option<AgentId>,
    /// What the holder had said last that it does.
    #[serde(skip_serializing_if = "is_default")]
    pub handoff_state: Option<SessionState>,
    /// When work first began.
    #[serde(skip_serializing_if = "is_default")]
    pub started_at: Option<Timestamp>,

    /// When it was completed.
    #[serde(skip_serializing_if = "is_default")]
    pub completed_at: Option<Timestamp>,
    /// Who completed it.
    #[serde(skip_serializing_if = "is_default")]
    pub completed_by: Option<AgentId>,
    /// The late completion that it was completed with.
    #[serde(skip_serializing_if = "is_default")]
    pub accepted_late: Option<AcceptedLate>,
    /// Whether completion must be proved.
    #[serde(skip_serializing_if = "is_default")]
    pub evidence_policy: Option<EvidencePolicy>,
    /// The proof given.
    #[serde(skip_serializing_if = "is_default")]
    pub completion_evidence: Option<Vec<EvidenceItem>>,
    /// +1 per reopening of a completed task.
    #[serde(skip_serializing_if = "is_default")]
    pub reopen_count: i64,
    /// +1 per release by who held it.
    #[serde(skip_serializing_if = "is_default")]
    pub release_count: i64,
    /// +1 per retry of a failed task.
    #[serde(skip_serializing_if = "is_default")]
    pub retry_count: i64,
    /// Retries allowed.
    #[serde(skip_serializing_if = "is_default")]
    pub max_retries: i64,
    /// What came out.
    #[serde(skip_serializing_if = "is_default")]
    pub result_summary: Option<String>,
    /// What went wrong.
    #[serde(skip_serializing_if = "is_default")]
    pub error_message: Option<String>,
    /// Written down along the way; append-only.
    #[serde(skip_serializing_if = "is_default")]
    pub notes: Vec<Note>,

    /// Which kind of worker it is for.
    #[serde(skip_serializing_if = "is_default")]
    pub workflow_slug: Option<String>,
    /// Expected tokens.
    #[serde(skip_serializing_if = "is_default")]
    pub estimated_tokens: Option<i64>,
    /// What the worker needs.
    #[serde(skip_serializing_if = "is_default")]
    pub requirements: Option<Object>,
    /// An outside execution's id.
    #[serde(skip_serializing_if = "is_default")]
    pub execution_id: Option<String>,
    /// How it repeats.
    #[serde(skip_serializing_if = "is_default")]
    pub recurring_type: Option<RecurringType>,
    /// Every how many of these.
    #[serde(skip_serializing_if = "is_default")]
    pub recurring_interval: Option<i64>,
    /// How it repeats, in words.
    #[serde(skip_serializing_if = "is_default")]
    pub recurring_string: Option<String>,
    /// It repeats.
    #[serde(skip_serializing_if = "is_default")]
    pub is_recurring: bool,
    /// The task that followed it when it was completed.
    #[serde(skip_serializing_if = "is_default")]
    pub follow_up: Option<FollowUp>,
    /// The recurrence that it is an occurrence of.
    #[serde(skip_serializing_if = "is_default")]
    pub source_recurrence_id: Option<RecurrenceId>,

    /// The comments that were not deleted, oldest first; what they say is elsewhere.
    #[serde(skip_serializing_if = "is_default")]
    pub comments: Vec<CommentId>,
    /// When the last comment was written.
    #[serde(skip_serializing_if = "is_default")]
    pub commented_at: Option<Timestamp>,
    /// Its check list, in the order in which it was written.
    #[serde(skip_serializing_if = "is_default")]
    pub subtasks: Vec<Subtask>,
    /// Its links, oldest first.
    #[serde(skip_serializing_if = "is_default")]
    pub links: Vec<Link>,
}

/// What says nothing is not stored with the state: most of a task's fields are never set.
fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl Task {
    /// It was created and not deleted.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        self.exists && !self.deleted
    }

    /// The claim, if its lease has not run out.
    #[must_use]
    pub fn live_claim(&self, now: Timestamp) -> Option<&Claim> {
        self.claim.as_ref().filter(|claim| claim.is_live(now))
    }
}
