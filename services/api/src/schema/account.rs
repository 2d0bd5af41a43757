//! Schemas of agents and of the account (protocol 2.3, 2.8).

use poem_openapi::{Enum, Object};

use super::scalar::{Instant, Nullable};

/// What an agent may do by default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename_all = "lowercase")]
pub enum Role {
    /// Its own tasks.
    Worker,
    /// Reads and comments every task, sees the agent directory.
    Coordinator,
    /// Everything.
    Admin,
    /// Reads everything, writes nothing.
    Auditor,
}

/// An agent.
#[derive(Debug, Clone, PartialEq, Eq, Object)]
pub struct Agent {
    /// Opaque id.
    pub id: String,
    /// Unique name.
    pub name: String,
    /// Label; also used for routing.
    pub label: Nullable<String>,
    /// Name for people.
    pub display_name: Nullable<String>,
    /// What it is for.
    pub description: Nullable<String>,
    /// Its role.
    pub role: Role,
    /// Permissions beyond the role.
    pub permissions: Vec<String>,
    /// The same as role admin.
    pub is_admin: bool,
    /// False when its key is refused.
    pub active: bool,
    /// Unfinished tasks assigned to it.
    pub open_task_count: i64,
    /// First characters of its key; only for admins.
    pub key_prefix: Option<String>,
    /// When it was created.
    pub created_at: Instant,
    /// When it was last changed.
    pub updated_at: Instant,
    /// When its key was last used.
    pub last_seen_at: Nullable<Instant>,
}

/// An agent as the directory shows it to coordinators.
#[derive(Debug, Clone, PartialEq, Eq, Object)]
pub struct DirectoryAgent {
    /// Opaque id.
    pub id: String,
    /// Unique name.
    pub name: String,
    /// Name for people.
    pub display_name: Nullable<String>,
    /// Label; also used for routing.
    pub label: Nullable<String>,
    /// Its role.
    pub role: Role,
    /// False when its key is refused.
    pub active: bool,
    /// When its key was last used.
    pub last_seen_at: Nullable<Instant>,
    /// Unfinished tasks assigned to it.
    pub open_task_count: i64,
}

/// An agent with its key in clear text, shown this once.
#[derive(Debug, Clone, PartialEq, Eq, Object)]
pub struct AgentWithKey {
    #[oai(flatten)]
    agent: Agent,
    /// The key: `dlg_` and 43 characters. It is never shown again.
    pub api_key: String,
}

/// The account a credential belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Object)]
pub struct Account {
    /// `self-hosted`.
    pub plan: String,
    /// Always null.
    pub email: Nullable<String>,
}

/// Who the credential says the caller is. With an agent key the fields of the agent stand at the
/// top level too; with the project token `agent` is null.
#[derive(Debug, Clone, PartialEq, Eq, Object)]
pub struct Me {
    /// The agent.
    pub agent: Nullable<Agent>,
    /// The account.
    pub account: Account,
    /// As in `agent`.
    pub id: Option<String>,
    /// As in `agent`.
    pub name: Option<String>,
    /// As in `agent`.
    pub label: Option<Nullable<String>>,
    /// As in `agent`.
    pub display_name: Option<Nullable<String>>,
    /// As in `agent`.
    pub description: Option<Nullable<String>>,
    /// As in `agent`.
    pub role: Option<Role>,
    /// As in `agent`.
    pub permissions: Option<Vec<String>>,
    /// As in `agent`.
    pub is_admin: Option<bool>,
    /// As in `agent`.
    pub active: Option<bool>,
    /// As in `agent`.
    pub open_task_count: Option<i64>,
    /// As in `agent`.
    pub key_prefix: Option<String>,
    /// As in `agent`.
    pub created_at: Option<Instant>,
    /// As in `agent`.
    pub updated_at: Option<Instant>,
    /// As in `agent`.
    pub last_seen_at: Option<Nullable<Instant>>,
}

/// The server is up.
#[derive(Debug, Clone, PartialEq, Eq, Object)]
pub struct Health {
    /// True.
    pub ok: bool,
    /// `ok`.
    pub status: String,
    /// `baton`.
    pub service: String,
    /// Version of the server.
    pub version: String,
    /// The server's clock.
    pub timestamp: Instant,
}

/// What was asked for is done.
#[derive(Debug, Clone, PartialEq, Eq, Object)]
pub struct Done {
    /// True.
    pub ok: bool,
}

/// A deletion that was done.
#[derive(Debug, Clone, PartialEq, Eq, Object)]
pub struct OkDeleted {
    /// True.
    pub ok: bool,
    /// The id that is gone.
    pub deleted: String,
}
