//! What an account can be told, and why it may refuse.

use super::{
    project::ProjectCommand,
    state::{KeyHash, Role},
};
use crate::AgentId;

/// A key just made: the clear text is shown once by the caller and never comes here.
#[derive(Debug, Clone)]
pub struct NewKey {
    /// SHA-256 of the key.
    pub hash: KeyHash,
    /// Its first 12 characters.
    pub prefix: String,
}

/// An agent to be created.
#[derive(Debug, Clone)]
pub struct NewAgent {
    /// Its id.
    pub id: AgentId,
    /// Its name, 1 to 100 characters without `/`.
    pub name: String,
    /// Free text, also used for routing.
    pub label: Option<String>,
    /// For people; the label when left out.
    pub display_name: Option<String>,
    /// For people.
    pub description: Option<String>,
    /// Its role; worker when left out.
    pub role: Option<Role>,
    /// Its permissions; the role's when left out.
    pub permissions: Option<Vec<String>>,
    /// Its key.
    pub key: NewKey,
}

/// Fields of an agent to be set; `None` leaves a field as it is.
#[derive(Debug, Clone, Default)]
pub struct AgentChanges {
    /// New name.
    pub name: Option<String>,
    /// New label, or none.
    pub label: Option<Option<String>>,
    /// New display name, or none.
    pub display_name: Option<Option<String>>,
    /// New description, or none.
    pub description: Option<Option<String>>,
    /// New role.
    pub role: Option<Role>,
    /// Makes it an admin, or a worker again; heard only without `role`.
    pub is_admin: Option<bool>,
    /// New permissions, whole.
    pub permissions: Option<Vec<String>>,
    /// Whether it may act.
    pub active: Option<bool>,
}

/// A command to an account.
#[derive(Debug, Clone)]
pub enum AccountCommand {
    /// Open an account with a project token of its own.
    Open {
        /// SHA-256 of the token.
        token_hash: KeyHash,
    },
    /// Give the account a new project token.
    RotateToken {
        /// SHA-256 of the token.
        token_hash: KeyHash,
    },
    /// Create an agent.
    CreateAgent(NewAgent),
    /// Create the first agent that the account ever has: an admin, whatever is asked for.
    CreateFirstAgent(NewAgent),
    /// Change an agent.
    UpdateAgent {
        /// The agent.
        agent: AgentId,
        /// What to set.
        changes: AgentChanges,
    },
    /// Give an agent a new key.
    RotateKey {
        /// The agent.
        agent: AgentId,
        /// The key.
        key: NewKey,
    },
    /// Delete an agent.
    DeleteAgent {
        /// The agent.
        agent: AgentId,
        /// How many unfinished tasks are assigned to it or claimed by it, counted at the account's
        /// head.
        unfinished_tasks: u64,
    },
    /// Do something about projects.
    Project(ProjectCommand),
}

/// Why an account refuses a command.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AccountRefusal {
    /// The account was opened before.
    #[error("the account exists already")]
    AlreadyOpened,
    /// The account was never opened.
    #[error("there is no such account")]
    NotOpened,
    /// Another living agent has the name.
    #[error("an agent named \"{name}\" exists already")]
    NameTaken {
        /// The name.
        name: String,
    },
    /// A name must not look like an id (protocol 0.3).
    #[error("an agent's name must not have the form of an id")]
    NameIsAnId,
    /// The account has an agent, or once had one.
    #[error("the account's first agent was created already")]
    NotFirst,
    /// No such agent.
    #[error("Agent not found")]
    NoSuchAgent,
    /// Creating and deleting agents is for admins.
    #[error("only an admin may {action}")]
    NotAdmin {
        /// What was tried.
        action: &'static str,
    },
    /// A field that only an admin may change, or another agent's field.
    #[error("only an admin may change {field}")]
    Protected {
        /// The field.
        field: &'static str,
    },
    /// An agent cannot delete itself.
    #[error("an agent cannot delete itself")]
    Self_,
    /// The account needs an admin.
    #[error("the last active admin cannot be deleted")]
    LastAdmin,
    /// It still has work.
    #[error("the agent still has {unfinished_tasks} unfinished task(s); hand them over first")]
    StillAtWork {
        /// How many.
        unfinished_tasks: u64,
    },
    /// No such project.
    #[error("Project not found")]
    NoSuchProject,
    /// The account has as many projects as it may.
    #[error("the account has {max} projects, which is the most it may have")]
    TooManyProjects {
        /// The limit.
        max: usize,
    },
    /// The account holds as many agents as it may.
    #[error("the account has {max} agents, which is the most it may hold")]
    Full {
        /// The limit.
        max: usize,
    },
}
