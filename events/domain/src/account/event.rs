//! What can happen to an account. Names are stored by `crate::stored` and never change.

use serde::{Deserialize, Serialize};

use super::{
    project::{ProjectCreated, ProjectDeleted, ProjectUpdated},
    state::{KeyHash, Role},
};
use crate::{AgentId, json::settable};

/// A fact about an account.
#[derive(Debug, Clone, PartialEq)]
pub enum AccountEvent {
    /// The account exists and has a project token of its own.
    Opened {
        /// SHA-256 of the token.
        token_hash: KeyHash,
    },
    /// The account has a new project token; the old one is dead.
    TokenRotated {
        /// SHA-256 of the new token.
        token_hash: KeyHash,
    },
    /// An agent was created.
    AgentCreated(AgentCreated),
    /// Fields of an agent changed.
    AgentUpdated(AgentUpdated),
    /// An agent has a new key; the old one is dead.
    AgentKeyRotated {
        /// The agent.
        agent_id: AgentId,
        /// SHA-256 of the new key.
        key_hash: KeyHash,
        /// The new key's first 12 characters.
        key_prefix: String,
    },
    /// An agent was deleted.
    AgentDeleted {
        /// The agent.
        agent_id: AgentId,
    },
    /// A project was created.
    ProjectCreated(ProjectCreated),
    /// Fields of a project changed.
    ProjectUpdated(ProjectUpdated),
    /// A project was deleted.
    ProjectDeleted(ProjectDeleted),
}

/// Payload of `agent.created`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AgentCreated {
    /// The new agent.
    pub agent_id: AgentId,
    /// Its unique name.
    pub name: String,
    /// Free text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Its role.
    pub role: Role,
    /// Its permissions.
    pub permissions: Vec<String>,
    /// SHA-256 of its key.
    pub key_hash: KeyHash,
    /// The key's first 12 characters.
    pub key_prefix: String,
}

/// Payload of `agent.updated`: the fields that changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AgentUpdated {
    /// The agent.
    pub agent_id: AgentId,
    /// New name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// New label, or none.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "settable::deserialize"
    )]
    pub label: Option<Option<String>>,
    /// New display name, or none.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "settable::deserialize"
    )]
    pub display_name: Option<Option<String>>,
    /// New description, or none.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "settable::deserialize"
    )]
    pub description: Option<Option<String>>,
    /// New role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// New permissions, whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub permissions: Option<Vec<String>>,
    /// Whether it may act.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active: Option<bool>,
}
