//! An account as its events left it.

use std::{collections::BTreeMap, fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::project::Project;
use crate::{AgentId, ProjectId, Timestamp};

/// SHA-256 of a key or token of 256 random bits; prints as 64 lowercase hexadecimal characters.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyHash(pub [u8; 32]);

impl fmt::Display for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyHash(..)")
    }
}

impl FromStr for KeyHash {
    type Err = crate::id::NotAnId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut hash = [0; 32];
        if text.len() != 64 || !text.is_ascii() {
            return Err(crate::id::NotAnId);
        }
        for (byte, at) in hash.iter_mut().zip((0..64).step_by(2)) {
            *byte = u8::from_str_radix(&text[at..at + 2], 16).map_err(|_| crate::id::NotAnId)?;
        }
        Ok(Self(hash))
    }
}

impl Serialize for KeyHash {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for KeyHash {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// What an agent is in its account (protocol 1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Works on what is its own.
    Worker,
    /// Reads every task, comments everywhere, sees the agent directory.
    Coordinator,
    /// May do everything.
    Admin,
    /// Reads everything, writes nothing.
    Auditor,
}

/// An agent, living or remembered: a deleted one stays, so that its name still prints.
#[derive(Debug, Clone, PartialEq)]
pub struct Agent {
    /// Its identity.
    pub id: AgentId,
    /// Unique among the account's living agents.
    pub name: String,
    /// Free text; also routes (protocol 0.12).
    pub label: Option<String>,
    /// For people.
    pub display_name: Option<String>,
    /// For people.
    pub description: Option<String>,
    /// Its role.
    pub role: Role,
    /// Its permissions; unknown ones grant nothing.
    pub permissions: Vec<String>,
    /// Its key works and tasks may be assigned to it.
    pub active: bool,
    /// SHA-256 of its key.
    pub key_hash: KeyHash,
    /// The key's first 12 characters.
    pub key_prefix: String,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// It was deleted; only its name is left in use.
    pub deleted: bool,
}

impl Agent {
    /// It can act and be given tasks.
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.active && !self.deleted
    }
}

/// An account.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Account {
    /// SHA-256 of its project token, where the log keeps it; the default account's token is a
    /// setting.
    pub token_hash: Option<KeyHash>,
    /// All agents that ever were, by id.
    pub agents: BTreeMap<AgentId, Agent>,
    /// Its projects but for deleted ones, by id.
    pub projects: BTreeMap<ProjectId, Project>,
    /// When the last event was recorded.
    pub touched_at: Option<Timestamp>,
    /// An `account.opened` was recorded.
    pub opened: bool,
}

impl Account {
    /// The agents that were not deleted.
    pub fn living(&self) -> impl Iterator<Item = &Agent> {
        self.agents.values().filter(|agent| !agent.deleted)
    }

    /// The living agent that a reference means: by id first, then by exact name (protocol 0.3).
    #[must_use]
    pub fn find(&self, reference: &str) -> Option<&Agent> {
        let by_id = reference.parse().ok().and_then(|id: AgentId| self.agents.get(&id));
        by_id
            .filter(|agent| !agent.deleted)
            .or_else(|| self.living().find(|agent| agent.name == reference))
    }

    /// The name an agent has or had.
    #[must_use]
    pub fn name_of(&self, agent: AgentId) -> Option<&str> {
        self.agents.get(&agent).map(|agent| agent.name.as_str())
    }
}
