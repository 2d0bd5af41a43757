//! A task as its events left it. Holds ids; names are added when it is rendered.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{changes::RecurringType, status::Status};
use crate::{AgentId, TaskId, Timestamp, json::Object};

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
}

impl Claim {
    /// The lease has not run out at `now`.
    #[must_use]
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.lease_expires_at.is_none_or(|end| now < end)
    }
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

/// A task. The default is a task that was never created.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Task {
    /// Its id.
    pub id: TaskId,
    /// It was created; false only before the first event.
    pub exists: bool,
    /// It was deleted; what is left serves chains and history.
    pub deleted: bool,
    /// +1 per change.
    pub revision: i64,
    /// When it was created.
    pub created_at: Timestamp,
    /// When the last event was recorded.
    pub updated_at: Timestamp,
    /// Which agent caused the last event.
    pub updated_by: Option<AgentId>,

    /// What is to be done.
    pub content: String,
    /// More about it.
    pub description: Option<String>,
    /// Where it stands.
    pub status: Status,
    /// 1 (most urgent) to 5.
    pub priority: u8,
    /// Labels; those with `@` route.
    pub labels: Vec<String>,
    /// Day it is due.
    pub due_date: Option<jiff::civil::Date>,
    /// Time of day it is due, `HH:MM` or `HH:MM:SS`.
    pub due_time: Option<String>,
    /// When to remind.
    pub reminder_time: Option<Timestamp>,
    /// Free object that travels with the task.
    pub metadata: Object,
    /// Working memory.
    pub context: Object,
    /// +1 per context write.
    pub context_version: i64,

    /// Who created it.
    pub created_by: Option<AgentId>,
    /// Whose it is to do.
    pub assigned_to: Option<AgentId>,
    /// Who answers for it, down the chain.
    pub accountable: Option<AgentId>,
    /// Who delegated it last.
    pub delegated_by: Option<AgentId>,
    /// The task it was delegated from.
    pub parent: Option<TaskId>,
    /// The first task of the chain; itself for a root.
    pub root: TaskId,
    /// Steps from the root.
    pub delegation_depth: u32,
    /// Every delegation of this task.
    pub hops: Vec<Hop>,

    /// The tasks it waits for.
    pub depends_on: Vec<TaskId>,
    /// It is blocked by them, not by hand: when the last is completed, it opens.
    pub waits: bool,

    /// Who holds it.
    pub claim: Option<Claim>,
    /// Counts claims: the fencing token.
    pub claim_generation: i64,
    /// Everyone who ever held it.
    pub holders: BTreeSet<AgentId>,
    /// When work first began.
    pub started_at: Option<Timestamp>,

    /// When it was completed.
    pub completed_at: Option<Timestamp>,
    /// Who completed it.
    pub completed_by: Option<AgentId>,
    /// Whether completion must be proved.
    pub evidence_policy: Option<EvidencePolicy>,
    /// The proof given.
    pub completion_evidence: Option<Vec<EvidenceItem>>,
    /// +1 per reopening of a completed task.
    pub reopen_count: i64,
    /// +1 per retry of a failed task.
    pub retry_count: i64,
    /// Retries allowed.
    pub max_retries: i64,
    /// What came out.
    pub result_summary: Option<String>,
    /// What went wrong.
    pub error_message: Option<String>,
    /// Written down along the way; append-only.
    pub notes: Vec<Note>,

    /// Which kind of worker it is for.
    pub workflow_slug: Option<String>,
    /// Expected tokens.
    pub estimated_tokens: Option<i64>,
    /// What the worker needs.
    pub requirements: Option<Object>,
    /// An outside execution's id.
    pub execution_id: Option<String>,
    /// How it repeats.
    pub recurring_type: Option<RecurringType>,
    /// Every how many of these.
    pub recurring_interval: Option<i64>,
    /// How it repeats, in words.
    pub recurring_string: Option<String>,
    /// It repeats.
    pub is_recurring: bool,
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
