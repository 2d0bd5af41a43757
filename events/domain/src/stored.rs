//! The stored form of events: names and versions, written by hand and never changed.
//!
//! An event's type is the public name of protocol 4.1 where it has one. A payload of an older
//! version is brought up to date here when it is read; `tests/golden` keeps one of every version
//! ever written.

mod recurrences;

use serde::{Serialize, de::DeserializeOwned};

use crate::{
    account::{AccountEvent, AgentCreated, AgentUpdated, KeyHash},
    task::{Changes, TaskEvent, event::payload as task},
    webhook::{self, WebhookEvent, payload as hook},
};

/// An event as the log keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Its public name, for example `task.completed`.
    pub event_type: &'static str,
    /// Version of the payload's form.
    pub schema_version: i16,
    /// JSON text.
    pub payload: String,
}

/// A stored event that this version of Baton cannot read.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// An event type or version that no version up to this one has written.
    #[error("{event_type} version {schema_version} is unknown to this version of Baton")]
    Unknown {
        /// The type.
        event_type: String,
        /// The version.
        schema_version: i16,
    },
    /// The payload does not have the form that its type and version promise.
    #[error("the payload of {event_type} version {schema_version} is malformed")]
    Malformed {
        /// The type.
        event_type: String,
        /// The version.
        schema_version: i16,
        /// Where and why.
        #[source]
        cause: serde_json::Error,
    },
}

/// An event that can be stored.
pub trait Event: Sized {
    /// Its id, where it was decided together with the event; any fresh one otherwise.
    fn id(&self) -> Option<uuid::Uuid> {
        None
    }

    /// The event before it, of the same command, led to it.
    fn follows_from(&self, _before: &Self) -> bool {
        false
    }

    /// Its stored form.
    fn encode(&self) -> Stored;

    /// The event of a stored form.
    ///
    /// # Errors
    /// [`DecodeError`] where type, version or payload is not one that Baton writes.
    fn decode(event_type: &str, schema_version: i16, payload: &str) -> Result<Self, DecodeError>;
}

/// Every type of event that Baton records, in the order of its name.
pub const EVENT_TYPES: [&str; 46] = [
    "account.opened",
    "account.token_rotated",
    "agent.created",
    "agent.deleted",
    "agent.key_rotated",
    "agent.updated",
    "project.created",
    "project.deleted",
    "project.updated",
    "recurrence.created",
    "recurrence.deleted",
    "recurrence.skipped",
    "recurrence.spawned",
    "recurrence.updated",
    "task.assigned",
    "task.blocked",
    "task.cancelled",
    "task.child_delegated",
    "task.claimed",
    "task.comment_deleted",
    "task.commented",
    "task.completed",
    "task.completion_late",
    "task.context_superseded",
    "task.created",
    "task.delegated",
    "task.deleted",
    "task.failed",
    "task.late_completion_accepted",
    "task.lease_extended",
    "task.link_deleted",
    "task.linked",
    "task.recurred",
    "task.released",
    "task.reminded",
    "task.state_changed",
    "task.subtask_added",
    "task.subtask_deleted",
    "task.subtask_updated",
    "task.unblocked",
    "task.updated",
    "webhook.created",
    "webhook.deleted",
    "webhook.disabled",
    "webhook.redelivery_requested",
    "webhook.updated",
];

/// Webhooks and subscribers outside may hear of the event; others are internal (protocol 4.1).
#[must_use]
pub fn is_public(event_type: &str) -> bool {
    webhook::EVENTS.contains(&event_type)
}

fn stored<P: Serialize>(event_type: &'static str, payload: &P) -> Stored {
    let payload = serde_json::to_string(payload).expect("a payload of plain values always prints");
    Stored { event_type, schema_version: 1, payload }
}

/// Reads payloads and says which event a bad one belonged to.
struct Reader<'a> {
    event_type: &'a str,
    schema_version: i16,
    payload: &'a str,
}

impl Reader<'_> {
    fn read<P: DeserializeOwned>(&self) -> Result<P, DecodeError> {
        serde_json::from_str(self.payload).map_err(|cause| DecodeError::Malformed {
            event_type: self.event_type.to_owned(),
            schema_version: self.schema_version,
            cause,
        })
    }

    fn unknown(&self) -> DecodeError {
        DecodeError::Unknown {
            event_type: self.event_type.to_owned(),
            schema_version: self.schema_version,
        }
    }
}

/// An event with fields of a task: their form has versions of its own.
fn with_fields(changes: &Changes, stored: Stored) -> Stored {
    Stored { schema_version: changes.schema_version(), ..stored }
}

fn stored_again<P: Serialize>(event_type: &'static str, version: i16, payload: &P) -> Stored {
    Stored { schema_version: version, ..stored(event_type, payload) }
}

impl Event for TaskEvent {
    fn follows_from(&self, before: &Self) -> bool {
        Self::follows_from(self, before)
    }

    fn id(&self) -> Option<uuid::Uuid> {
        match self {
            Self::CompletionLate { completion_id, .. } => Some(completion_id.0),
            _ => None,
        }
    }

    #[expect(clippy::too_many_lines, reason = "an arm for each event; there is nothing to split")]
    fn encode(&self) -> Stored {
        match self.clone() {
            Self::Created { task_id, changes, parent, waits, origin } => {
                let payload = task::Created { task_id, changes, parent, waits, origin };
                match origin {
                    None => with_fields(&payload.changes, stored("task.created", &payload)),
                    Some(_) => stored_again("task.created", 3, &payload),
                }
            }
            Self::Recurred { task_id, due_date } => {
                stored("task.recurred", &task::Recurred { task_id, due_date })
            }
            Self::Reminded { reminder_time } => {
                stored("task.reminded", &task::Reminded { reminder_time })
            }
            Self::Delegated { from, to, kind, changes } => {
                let payload = task::Delegated { from, to, kind, changes };
                with_fields(&payload.changes, stored("task.delegated", &payload))
            }
            Self::ChildDelegated { child_id } => {
                stored("task.child_delegated", &task::ChildDelegated { child_id })
            }
            Self::Assigned { to, previous } => {
                stored("task.assigned", &task::Assigned { to, previous })
            }
            Self::Updated { changes, transition } => {
                let payload = task::Updated { changes, transition };
                with_fields(&payload.changes, stored("task.updated", &payload))
            }
            Self::ContextSuperseded { key } => {
                stored("task.context_superseded", &task::ContextSuperseded { key })
            }
            Self::Claimed { lease_expires_at } => {
                stored("task.claimed", &task::Claimed { lease_expires_at })
            }
            Self::LeaseExtended { lease_expires_at } => {
                stored("task.lease_extended", &task::LeaseExtended { lease_expires_at })
            }
            Self::StateChanged { state, detail, previous: previous_state } => {
                let payload = task::StateChanged { state, detail, previous_state };
                stored("task.state_changed", &payload)
            }
            Self::Released { handoff: None } => stored("task.released", &task::Nothing {}),
            Self::Released { handoff: Some(handoff) } => {
                stored_again("task.released", 2, &task::Released { handoff })
            }
            Self::CompletionLate { completion_id, claim_generation, changes, evidence } => {
                let payload =
                    task::CompletionLate { completion_id, claim_generation, changes, evidence };
                stored("task.completion_late", &payload)
            }
            Self::LateCompletionAccepted { completion_id, agent_id } => {
                let payload = task::LateCompletionAccepted { completion_id, agent_id };
                stored("task.late_completion_accepted", &payload)
            }
            Self::Blocked { waits } => stored("task.blocked", &task::Blocked { waits }),
            Self::Unblocked => stored("task.unblocked", &task::Nothing {}),
            Self::Completed { changes, evidence } => {
                let payload = task::Completed { changes, evidence };
                with_fields(&payload.changes, stored("task.completed", &payload))
            }
            Self::Failed { changes } => {
                let payload = task::GivenUp { changes };
                with_fields(&payload.changes, stored("task.failed", &payload))
            }
            Self::Cancelled { changes } => {
                let payload = task::GivenUp { changes };
                with_fields(&payload.changes, stored("task.cancelled", &payload))
            }
            Self::Deleted => stored("task.deleted", &task::Nothing {}),
            Self::Commented(it) => stored("task.commented", &it),
            Self::CommentDeleted(it) => stored("task.comment_deleted", &it),
            Self::Linked(it) => stored("task.linked", &it),
            Self::LinkDeleted(it) => stored("task.link_deleted", &it),
            Self::SubtaskAdded(it) => stored("task.subtask_added", &it),
            Self::SubtaskUpdated(it) => stored("task.subtask_updated", &it),
            Self::SubtaskDeleted(it) => stored("task.subtask_deleted", &it),
        }
    }

    #[expect(clippy::too_many_lines, reason = "an arm for each event; there is nothing to split")]
    fn decode(event_type: &str, schema_version: i16, payload: &str) -> Result<Self, DecodeError> {
        let from = Reader { event_type, schema_version, payload };
        Ok(match (event_type, schema_version) {
            ("task.created", 1) | ("task.created", 2) | ("task.created", 3) => {
                let task::Created { task_id, changes, parent, waits, origin } = from.read()?;
                Self::Created { task_id, changes, parent, waits, origin }
            }
            ("task.recurred", 1) => {
                let task::Recurred { task_id, due_date } = from.read()?;
                Self::Recurred { task_id, due_date }
            }
            ("task.reminded", 1) => {
                let task::Reminded { reminder_time } = from.read()?;
                Self::Reminded { reminder_time }
            }
            ("task.delegated", 1) | ("task.delegated", 2) => {
                let task::Delegated { from, to, kind, changes } = from.read()?;
                Self::Delegated { from, to, kind, changes }
            }
            ("task.child_delegated", 1) => {
                let task::ChildDelegated { child_id } = from.read()?;
                Self::ChildDelegated { child_id }
            }
            ("task.assigned", 1) => {
                let task::Assigned { to, previous } = from.read()?;
                Self::Assigned { to, previous }
            }
            ("task.updated", 1) | ("task.updated", 2) => {
                let task::Updated { changes, transition } = from.read()?;
                Self::Updated { changes, transition }
            }
            ("task.context_superseded", 1) => {
                let task::ContextSuperseded { key } = from.read()?;
                Self::ContextSuperseded { key }
            }
            ("task.claimed", 1) => {
                let task::Claimed { lease_expires_at } = from.read()?;
                Self::Claimed { lease_expires_at }
            }
            ("task.lease_extended", 1) => {
                let task::LeaseExtended { lease_expires_at } = from.read()?;
                Self::LeaseExtended { lease_expires_at }
            }
            ("task.state_changed", 1) => {
                let task::StateChanged { state, detail, previous_state } = from.read()?;
                Self::StateChanged { state, detail, previous: previous_state }
            }
            ("task.released", 1) => {
                from.read::<task::Nothing>().map(|_| Self::Released { handoff: None })?
            }
            ("task.released", 2) => {
                let task::Released { handoff } = from.read()?;
                Self::Released { handoff: Some(handoff) }
            }
            ("task.completion_late", 1) => {
                let task::CompletionLate { completion_id, claim_generation, changes, evidence } =
                    from.read()?;
                Self::CompletionLate { completion_id, claim_generation, changes, evidence }
            }
            ("task.late_completion_accepted", 1) => {
                let task::LateCompletionAccepted { completion_id, agent_id } = from.read()?;
                Self::LateCompletionAccepted { completion_id, agent_id }
            }
            ("task.blocked", 1) => {
                let task::Blocked { waits } = from.read()?;
                Self::Blocked { waits }
            }
            ("task.unblocked", 1) => from.read::<task::Nothing>().map(|_| Self::Unblocked)?,
            ("task.completed", 1) | ("task.completed", 2) => {
                let task::Completed { changes, evidence } = from.read()?;
                Self::Completed { changes, evidence }
            }
            ("task.failed", 1) | ("task.failed", 2) => {
                let task::GivenUp { changes } = from.read()?;
                Self::Failed { changes }
            }
            ("task.cancelled", 1) | ("task.cancelled", 2) => {
                let task::GivenUp { changes } = from.read()?;
                Self::Cancelled { changes }
            }
            ("task.deleted", 1) => from.read::<task::Nothing>().map(|_| Self::Deleted)?,
            ("task.commented", 1) => Self::Commented(from.read()?),
            ("task.comment_deleted", 1) => Self::CommentDeleted(from.read()?),
            ("task.linked", 1) => Self::Linked(from.read()?),
            ("task.link_deleted", 1) => Self::LinkDeleted(from.read()?),
            ("task.subtask_added", 1) => Self::SubtaskAdded(from.read()?),
            ("task.subtask_updated", 1) => Self::SubtaskUpdated(from.read()?),
            ("task.subtask_deleted", 1) => Self::SubtaskDeleted(from.read()?),
            _ => return Err(from.unknown()),
        })
    }
}

#[derive(Serialize, serde::Deserialize)]
struct AccountOpened {
    token_hash: KeyHash,
}

#[derive(Serialize, serde::Deserialize)]
struct AccountTokenRotated {
    token_hash: KeyHash,
}

#[derive(Serialize, serde::Deserialize)]
struct AgentKeyRotated {
    agent_id: crate::AgentId,
    key_hash: KeyHash,
    key_prefix: String,
}

#[derive(Serialize, serde::Deserialize)]
struct AgentDeleted {
    agent_id: crate::AgentId,
}

impl Event for AccountEvent {
    fn encode(&self) -> Stored {
        match self.clone() {
            Self::Opened { token_hash } => stored("account.opened", &AccountOpened { token_hash }),
            Self::TokenRotated { token_hash } => {
                stored("account.token_rotated", &AccountTokenRotated { token_hash })
            }
            Self::AgentCreated(created) => stored("agent.created", &created),
            Self::AgentUpdated(updated) => stored("agent.updated", &updated),
            Self::AgentKeyRotated { agent_id, key_hash, key_prefix } => {
                stored("agent.key_rotated", &AgentKeyRotated { agent_id, key_hash, key_prefix })
            }
            Self::AgentDeleted { agent_id } => stored("agent.deleted", &AgentDeleted { agent_id }),
            Self::ProjectCreated(it) => stored("project.created", &it),
            Self::ProjectUpdated(it) => stored("project.updated", &it),
            Self::ProjectDeleted(it) => stored("project.deleted", &it),
        }
    }

    fn decode(event_type: &str, schema_version: i16, payload: &str) -> Result<Self, DecodeError> {
        let from = Reader { event_type, schema_version, payload };
        Ok(match (event_type, schema_version) {
            ("account.opened", 1) => {
                let AccountOpened { token_hash } = from.read()?;
                Self::Opened { token_hash }
            }
            ("account.token_rotated", 1) => {
                let AccountTokenRotated { token_hash } = from.read()?;
                Self::TokenRotated { token_hash }
            }
            ("agent.created", 1) => Self::AgentCreated(from.read::<AgentCreated>()?),
            ("agent.updated", 1) => Self::AgentUpdated(from.read::<AgentUpdated>()?),
            ("agent.key_rotated", 1) => {
                let AgentKeyRotated { agent_id, key_hash, key_prefix } = from.read()?;
                Self::AgentKeyRotated { agent_id, key_hash, key_prefix }
            }
            ("agent.deleted", 1) => {
                let AgentDeleted { agent_id } = from.read()?;
                Self::AgentDeleted { agent_id }
            }
            ("project.created", 1) => Self::ProjectCreated(from.read()?),
            ("project.updated", 1) => Self::ProjectUpdated(from.read()?),
            ("project.deleted", 1) => Self::ProjectDeleted(from.read()?),
            _ => return Err(from.unknown()),
        })
    }
}

impl Event for WebhookEvent {
    fn encode(&self) -> Stored {
        match self.clone() {
            Self::Created { webhook_id, fields, from_position } => {
                stored("webhook.created", &hook::Created { webhook_id, fields, from_position })
            }
            Self::Updated { fields, former_secrets } => {
                stored("webhook.updated", &hook::Updated { fields, former_secrets })
            }
            Self::RedeliveryRequested { delivery_id } => {
                stored("webhook.redelivery_requested", &hook::RedeliveryRequested { delivery_id })
            }
            Self::Disabled { reason } => stored("webhook.disabled", &hook::Disabled { reason }),
            Self::Deleted => stored("webhook.deleted", &task::Nothing {}),
        }
    }

    fn decode(event_type: &str, schema_version: i16, payload: &str) -> Result<Self, DecodeError> {
        let from = Reader { event_type, schema_version, payload };
        Ok(match (event_type, schema_version) {
            ("webhook.created", 1) => {
                let hook::Created { webhook_id, fields, from_position } = from.read()?;
                Self::Created { webhook_id, fields, from_position }
            }
            ("webhook.updated", 1) => {
                let hook::Updated { fields, former_secrets } = from.read()?;
                Self::Updated { fields, former_secrets }
            }
            ("webhook.redelivery_requested", 1) => {
                let hook::RedeliveryRequested { delivery_id } = from.read()?;
                Self::RedeliveryRequested { delivery_id }
            }
            ("webhook.disabled", 1) => {
                let hook::Disabled { reason } = from.read()?;
                Self::Disabled { reason }
            }
            ("webhook.deleted", 1) => from.read::<task::Nothing>().map(|_| Self::Deleted)?,
            _ => return Err(from.unknown()),
        })
    }
}
