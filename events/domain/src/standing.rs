//! What a caller is, as far as rules and rights ask: no credentials, no transport.

use crate::{
    Actor, AgentId,
    account::{Agent, Role},
    names::normal_form,
};

/// A caller's standing in its account (contract 0.11, section 3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Who acts.
    pub actor: Actor,
    /// The agent's role; `None` for the project token and for Baton itself.
    pub role: Option<Role>,
    /// The agent's permissions.
    pub permissions: Vec<String>,
    /// The normal forms of the agent's name and label, to which labels may route (0.12).
    pub routes: Vec<String>,
}

impl Standing {
    /// The holder of the project token: all admin rights, no identity.
    #[must_use]
    pub fn project() -> Self {
        Self { actor: Actor::Project, role: None, permissions: Vec::new(), routes: Vec::new() }
    }

    /// A part of Baton itself, with all rights in the account it acts for.
    #[must_use]
    pub fn system(name: &str) -> Self {
        Self { actor: Actor::System(name.to_owned()), ..Self::project() }
    }

    /// An agent.
    #[must_use]
    pub fn of(agent: &Agent) -> Self {
        let mut routes = vec![normal_form(&agent.name)];
        routes.extend(agent.label.as_deref().map(normal_form));
        routes.dedup();
        Self {
            actor: Actor::Agent(agent.id),
            role: Some(agent.role),
            permissions: agent.permissions.clone(),
            routes,
        }
    }

    /// The acting agent, if it is one.
    #[must_use]
    pub fn agent(&self) -> Option<AgentId> {
        self.actor.agent()
    }

    /// Role admin, the project token, or Baton itself.
    #[must_use]
    pub fn is_admin(&self) -> bool {
        matches!(self.role, None | Some(Role::Admin))
    }

    /// May read every task of the account.
    #[must_use]
    pub fn reads_all(&self) -> bool {
        self.is_admin()
            || matches!(self.role, Some(Role::Coordinator | Role::Auditor))
            || self.has("tasks.read_all")
    }

    /// May read every event of the account: internal ones, and those about agents and webhooks.
    #[must_use]
    pub fn reads_events(&self) -> bool {
        self.is_admin() || matches!(self.role, Some(Role::Coordinator | Role::Auditor))
    }

    /// May list the account's agents as a directory (1.1).
    #[must_use]
    pub fn reads_directory(&self) -> bool {
        self.is_admin()
            || matches!(self.role, Some(Role::Coordinator | Role::Auditor))
            || self.has("agents.read")
    }

    /// May write at all: an auditor reads everything and writes nothing.
    #[must_use]
    pub fn writes(&self) -> bool {
        self.role != Some(Role::Auditor)
    }

    fn has(&self, permission: &str) -> bool {
        self.permissions.iter().any(|held| held == permission)
    }
}
