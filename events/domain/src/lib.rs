//! What Baton is about: accounts with their agents, tasks, recurrences and webhooks.
//!
//! Commands go in, events come out ([`esrs::Aggregate::handle_command`]); events fold into state
//! ([`esrs::Aggregate::apply_event`]); state renders into the documents clients see. Everything
//! here is pure and synchronous: no clock, no randomness, no I/O, no logs. Ids and facts from
//! elsewhere arrive inside the command; the time comes with its envelope.

pub mod account;
pub mod calendar;
pub mod envelope;
mod fields;
pub mod id;
pub mod json;
pub mod names;
pub mod recurrence;
pub mod rights;
pub mod standing;
pub mod stored;
pub mod task;
pub mod time;
pub mod webhook;

pub use envelope::{Actor, Envelope, Order};
pub use id::{
    AccountId, AgentId, CompletionId, DeliveryId, ProjectId, RecurrenceId, TaskId, WebhookId,
};
pub use rights::Right;
pub use standing::Standing;
pub use stored::{DecodeError, Stored};
pub use time::Timestamp;
