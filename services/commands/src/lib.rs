//! Commands: who asks, what they may, what follows, and that it is recorded once.
//!
//! One way for all: the caller's standing is taken from the directory, the states a decision
//! needs are loaded, the domain decides, the log appends if everything looked at is still true,
//! and the answer is the state after the command's own events. Nothing here knows HTTP or MCP,
//! and nothing here reads a read model.

mod agents;
mod annotations;
mod attempt;
mod caller;
mod count;
mod creation;
mod deletion;
mod dependencies;
mod error;
mod execute;
mod idempotency;
mod instance;
mod keys;
mod late;
mod openings;
mod plan;
mod projects;
mod proxied;
mod queue;
mod recurrences;
mod recurring;
mod seal;
mod secrets;
mod sightings;
mod tasks;
mod webhooks;

pub use agents::{ChangeAgent, CreateAgent, DeleteAgent, OpenAccount, RotateKey, RotateToken};
pub use annotations::{Annotate, AnnotateTask};
pub use caller::{Caller, Who};
pub use deletion::DeleteTasks;
pub use error::CommandError;
pub use execute::{Answer, Commands, Context, RequestKey};
pub use instance::{InstanceError, check_instance, migrate};
pub use keys::{KeyText, hash_of, random_token};
pub use late::AcceptLateCompletion;
pub use openings::{Listening, Opening};
pub use projects::{ChangeProject, CreateProject, DeleteProject};
pub use queue::{Begun, QueueClaim, Taken};
pub use recurrences::{ChangeRecurrence, CreateRecurrence, RecurrenceAction};
pub use seal::{MasterKey, SealError};
pub use secrets::SecretsError;
pub use tasks::{ChangeTask, CreateTask, ForeignIds, TaskAction};
pub use webhooks::{ChangeWebhook, RegisterWebhook, WebhookSecret};
