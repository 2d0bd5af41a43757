//! Schemas of the documents of protocol 2, for the OpenAPI document alone.
//!
//! The documents that are sent are rendered by the domain; a test compares the two. Nothing here
//! may be filled in and sent.

mod account;
mod chain;
mod event;
mod problem;
mod scalar;
mod task;
mod webhook;

pub use account::{Account, Agent, AgentWithKey, DirectoryAgent, Health, Me, OkDeleted, Role};
pub use chain::{Chain, ChainEntry, ChainTask, HopKind};
pub use event::{CloudEvent, EventPage, TaskWaited};
pub use problem::{FieldErrorDocument, ProblemDocument};
pub use scalar::{ClockTime, Day, Either, Instant, JsonObject, Moment, NoFieldsDocument, Nullable};
pub use task::{
    AgentRef, Comment, EvidenceItem, EvidenceKind, EvidencePolicy, Link, ListedTask, Note, Project,
    SessionState, Subtask, Task, TaskCancelled, TaskCompleted, TaskDetail, TaskList, TaskPage,
    TaskStatus, TaskSummary,
};
pub use webhook::{Delivery, SignatureScheme, Webhook, WebhookWithSecret};
