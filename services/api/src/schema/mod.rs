//! Schemas of the documents of protocol 2, for the OpenAPI document alone.
//!
//! The documents that are sent are rendered by the domain; a test compares the two. Nothing here
//! may be filled in and sent.

mod account;
mod chain;
mod context;
mod duplicates;
mod event;
mod ledger;
mod problem;
mod recurrence;
mod scalar;
mod stats;
mod task;
mod webhook;

pub use account::{
    Account, Agent, AgentWithKey, DirectoryAgent, Done, Health, Me, OkDeleted, Role,
};
pub use chain::{Chain, ChainEntry, ChainTask, HopKind};
pub use context::{
    ContextEntry, ContextHistory, ContextKey, ContextKeys, ContextProvenance, ContextSource,
    ContextSuperseded, RecallResult, RecallResults, VersionedContext,
};
pub use duplicates::{DuplicateMatch, Duplicates};
pub use event::{CloudEvent, EventPage, EventTrace, TaskWaited, TracedEvent};
pub use ledger::{
    LedgerAnchored, LedgerCheckpoint, LedgerConsistency, LedgerHead, LedgerInclusion,
};
pub use problem::{FieldErrorDocument, ProblemDocument};
pub use recurrence::{Recurrence, RuleType};
pub use scalar::{ClockTime, Day, Either, Instant, JsonObject, Moment, NoFieldsDocument, Nullable};
pub use stats::{FleetAttention, FleetBuckets, Stats, Usage};
pub use task::{
    AgentRef, Comment, EvidenceItem, EvidenceKind, EvidencePolicy, Link, LinkKind, ListedTask,
    Note, Project, SessionState, Subtask, Task, TaskCancelled, TaskClaimed, TaskCompleted,
    TaskDetail, TaskList, TaskOffered, TaskPage, TaskStatus, TaskSummary,
};
pub use webhook::{Delivery, SignatureScheme, Webhook, WebhookWithSecret};
