//! Agents as clients see them (protocol 2.2, 2.3).

use serde::Serialize;

use super::state::{Account, Agent, Role};
use crate::{AgentId, Timestamp};

/// An agent inside another document.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AgentRef {
    /// Its id.
    pub id: AgentId,
    /// Its name.
    pub name: String,
    /// For people.
    pub display_name: Option<String>,
    /// Free text.
    pub label: Option<String>,
    /// It can act.
    pub active: bool,
}

/// Whether the caller may see the beginning of the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyExposure {
    /// The first 12 characters and `...`.
    Prefix,
    /// Nothing.
    Hidden,
}

/// An agent, whole. Facts that no event carries (`last_seen_at`) and those of other models
/// (`open_task_count`) are filled in by the reader.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AgentDocument {
    /// What the directory shows of it.
    #[serde(flatten)]
    pub directory: AgentDirectoryDocument,
    /// For people.
    pub description: Option<String>,
    /// Its permissions.
    pub permissions: Vec<String>,
    /// Role admin, said once more.
    pub is_admin: bool,
    /// The beginning of its key, for admins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_prefix: Option<String>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// The key in clear, only in the answers that make one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_key: Option<String>,
}

/// An agent as the directory shows it to coordinators.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AgentDirectoryDocument {
    /// Its id.
    pub id: AgentId,
    /// Its name.
    pub name: String,
    /// For people.
    pub display_name: Option<String>,
    /// Free text.
    pub label: Option<String>,
    /// Its role.
    pub role: Role,
    /// It can act.
    pub active: bool,
    /// When its key was last used.
    pub last_seen_at: Option<Timestamp>,
    /// Unfinished tasks assigned to it.
    pub open_task_count: u64,
}

impl Account {
    /// The agent as it appears inside other documents; `None` for an id the account never had.
    #[must_use]
    pub fn agent_ref(&self, id: AgentId) -> Option<AgentRef> {
        self.agents.get(&id).map(|agent| AgentRef {
            id,
            name: agent.name.clone(),
            display_name: agent.display_name.clone(),
            label: agent.label.clone(),
            active: agent.active,
        })
    }
}

impl Agent {
    /// The directory's form of the agent.
    #[must_use]
    pub fn directory_document(
        &self,
        open_task_count: u64,
        last_seen_at: Option<Timestamp>,
    ) -> AgentDirectoryDocument {
        AgentDirectoryDocument {
            id: self.id,
            name: self.name.clone(),
            display_name: self.display_name.clone(),
            label: self.label.clone(),
            role: self.role,
            active: self.active,
            last_seen_at,
            open_task_count,
        }
    }

    /// The agent, whole, without its key.
    #[must_use]
    pub fn document(
        &self,
        open_task_count: u64,
        last_seen_at: Option<Timestamp>,
        exposure: KeyExposure,
    ) -> AgentDocument {
        AgentDocument {
            directory: self.directory_document(open_task_count, last_seen_at),
            description: self.description.clone(),
            permissions: self.permissions.clone(),
            is_admin: self.role == Role::Admin,
            key_prefix: match exposure {
                KeyExposure::Prefix => Some(format!("{}...", self.key_prefix)),
                KeyExposure::Hidden => None,
            },
            created_at: self.created_at,
            updated_at: self.updated_at,
            api_key: None,
        }
    }
}
