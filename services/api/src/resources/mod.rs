//! The resources of protocol 1: each translates a request to one command or one query,
//! and its outcome to a document. Rules and SQL live elsewhere.

mod agent_bodies;
mod agents;
mod annotation_bodies;
mod annotations;
mod as_of_query;
mod audit;
mod causality;
mod claim_bodies;
mod claims;
mod context;
mod context_bodies;
mod context_query;
mod duplicate_bodies;
mod duplicates;
mod event_flow;
mod event_query;
mod events;
mod examples;
mod finish_bodies;
mod ledger;
mod me;
mod project_bodies;
mod projects;
mod queue;
mod queue_bodies;
#[cfg(any(test, feature = "fuzzing"))]
mod readers;
mod recurrence_bodies;
mod recurrences;
mod stats;
mod task_bodies;
mod task_events;
mod task_query;
mod task_reads;
mod task_writes;
mod webhook_bodies;
mod webhooks;

pub(crate) use agents::AgentsApi;
pub(crate) use annotations::AnnotationsApi;
pub(crate) use audit::AuditApi;
pub(crate) use causality::CausalityApi;
pub(crate) use claims::ClaimsApi;
pub(crate) use context::ContextApi;
pub(crate) use duplicates::DuplicatesApi;
pub(crate) use events::EventsApi;
pub(crate) use examples::EXAMPLES;
pub(crate) use ledger::LedgerApi;
pub(crate) use me::{HealthApi, MeApi};
pub(crate) use projects::ProjectsApi;
pub(crate) use queue::QueueApi;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use readers::{read_bodies, read_queries};
pub(crate) use recurrences::RecurrencesApi;
pub(crate) use stats::StatsApi;
pub(crate) use task_events::TaskEventsApi;
pub(crate) use task_reads::TaskReadsApi;
pub(crate) use task_writes::TaskWritesApi;
pub(crate) use webhooks::WebhooksApi;

/// Groups of operations in the document.
#[derive(poem_openapi::Tags)]
pub(crate) enum Tag {
    /// Identities of agents and their keys.
    Agents,
    /// Tasks and what happens to them.
    Tasks,
    /// Handing tasks on, and the record of it.
    Delegation,
    /// Holding tasks while working on them.
    Claims,
    /// What those who do a task know, and how they know it.
    Context,
    /// What hangs on tasks: comments, subtasks and links.
    Annotations,
    /// Drawers that tasks are put into.
    Projects,
    /// Tasks that are created again and again.
    Recurrences,
    /// What happened, and what happens.
    Events,
    /// Proofs of what happened.
    Ledger,
    /// Where events are sent.
    Webhooks,
    /// The caller and the server.
    Service,
}
