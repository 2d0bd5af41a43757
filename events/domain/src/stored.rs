//! The stored form of events: names and versions, written by hand and never changed.
//!
//! An event's type is the public name of protocol 4.1 where it has one. A payload of an older
//! version is brought up to date here when it is read; `tests/golden` keeps one of every version
//! ever written.

use serde::{Serialize, de::DeserializeOwned};

use crate::{
    account::{AccountEvent, AgentCreated, AgentUpdated, KeyHash},
    task::{TaskEvent, event::payload as task},
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
    /// Its stored form.
    fn encode(&self) -> Stored;

    /// The event of a stored form.
    ///
    /// # Errors
    /// [`DecodeError`] where type, version or payload is not one that Baton writes.
    fn decode(event_type: &str, schema_version: i16, payload: &str) -> Result<Self, DecodeError>;
}

/// Every type of event that Baton records, in the order of its name.
pub const EVENT_TYPES: [&str; 24] = [
    "account.opened",
    "account.token_rotated",
    "agent.created",
    "agent.deleted",
    "agent.key_rotated",
    "agent.updated",
    "task.assigned",
    "task.blocked",
    "task.cancelled",
    "task.child_delegated",
    "task.claimed",
    "task.completed",
    "task.created",
    "task.delegated",
    "task.deleted",
    "task.failed",
    "task.released",
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

impl Event for TaskEvent {
    fn encode(&self) -> Stored {
        match self.clone() {
            Self::Created { task_id, changes, parent, waits } => {
                stored("task.created", &task::Created { task_id, changes, parent, waits })
            }
            Self::Delegated { from, to, kind, changes } => {
                stored("task.delegated", &task::Delegated { from, to, kind, changes })
            }
            Self::ChildDelegated { child_id } => {
                stored("task.child_delegated", &task::ChildDelegated { child_id })
            }
            Self::Assigned { to, previous } => {
                stored("task.assigned", &task::Assigned { to, previous })
            }
            Self::Updated { changes, transition } => {
                stored("task.updated", &task::Updated { changes, transition })
            }
            Self::Claimed { lease_expires_at } => {
                stored("task.claimed", &task::Claimed { lease_expires_at })
            }
            Self::Released => stored("task.released", &task::Nothing {}),
            Self::Blocked { waits } => stored("task.blocked", &task::Blocked { waits }),
            Self::Unblocked => stored("task.unblocked", &task::Nothing {}),
            Self::Completed { changes, evidence } => {
                stored("task.completed", &task::Completed { changes, evidence })
            }
            Self::Failed { changes } => stored("task.failed", &task::GivenUp { changes }),
            Self::Cancelled { changes } => stored("task.cancelled", &task::GivenUp { changes }),
            Self::Deleted => stored("task.deleted", &task::Nothing {}),
        }
    }

    fn decode(event_type: &str, schema_version: i16, payload: &str) -> Result<Self, DecodeError> {
        let from = Reader { event_type, schema_version, payload };
        Ok(match (event_type, schema_version) {
            ("task.created", 1) => {
                let task::Created { task_id, changes, parent, waits } = from.read()?;
                Self::Created { task_id, changes, parent, waits }
            }
            ("task.delegated", 1) => {
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
            ("task.updated", 1) => {
                let task::Updated { changes, transition } = from.read()?;
                Self::Updated { changes, transition }
            }
            ("task.claimed", 1) => {
                let task::Claimed { lease_expires_at } = from.read()?;
                Self::Claimed { lease_expires_at }
            }
            ("task.released", 1) => from.read::<task::Nothing>().map(|_| Self::Released)?,
            ("task.blocked", 1) => {
                let task::Blocked { waits } = from.read()?;
                Self::Blocked { waits }
            }
            ("task.unblocked", 1) => from.read::<task::Nothing>().map(|_| Self::Unblocked)?,
            ("task.completed", 1) => {
                let task::Completed { changes, evidence } = from.read()?;
                Self::Completed { changes, evidence }
            }
            ("task.failed", 1) => {
                let task::GivenUp { changes } = from.read()?;
                Self::Failed { changes }
            }
            ("task.cancelled", 1) => {
                let task::GivenUp { changes } = from.read()?;
                Self::Cancelled { changes }
            }
            ("task.deleted", 1) => from.read::<task::Nothing>().map(|_| Self::Deleted)?,
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
