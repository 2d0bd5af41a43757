//! What a caller is, as far as rules and rights ask: no credentials, no transport. What it may do
//! says `rights.rs`.

use crate::{
    Actor, AgentId,
    account::{Agent, Role},
    names::normal_form,
};

/// A caller's standing in its account (protocol 0.11, 3).
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
}
