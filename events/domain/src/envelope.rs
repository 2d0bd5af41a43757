//! What travels around a command and around an event: who, when, where in the log.

use std::{fmt, str::FromStr};

use crate::{AgentId, Standing, Timestamp};

/// Who caused an event.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Actor {
    /// The holder of the account's project token; no agent.
    Project,
    /// An agent.
    Agent(AgentId),
    /// A part of Baton itself, by name.
    System(String),
}

impl Actor {
    /// The acting agent, where it was one.
    #[must_use]
    pub fn agent(&self) -> Option<AgentId> {
        match self {
            Self::Agent(agent) => Some(*agent),
            Self::Project | Self::System(_) => None,
        }
    }
}

impl fmt::Display for Actor {
    /// The stored form: `agent:<id>`, `project` or `system:<name>`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Project => f.write_str("project"),
            Self::Agent(agent) => write!(f, "agent:{agent}"),
            Self::System(name) => write!(f, "system:{name}"),
        }
    }
}

/// The text is not the stored form of an actor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an actor")]
pub struct NotAnActor;

impl FromStr for Actor {
    type Err = NotAnActor;

    fn from_str(text: &str) -> Result<Self, NotAnActor> {
        if text == "project" {
            return Ok(Self::Project);
        }
        match text.split_once(':') {
            Some(("agent", id)) => id.parse().map(Self::Agent).map_err(|_| NotAnActor),
            Some(("system", name)) => Ok(Self::System(name.to_owned())),
            _ => Err(NotAnActor),
        }
    }
}

/// An event's surroundings, as far as folding needs them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// When the event was recorded.
    pub at: Timestamp,
    /// Who caused it.
    pub actor: Actor,
}

/// A command with who gives it and when.
#[derive(Debug, Clone)]
pub struct Order<C> {
    /// Who gives it, with the rights they hold.
    pub by: Standing,
    /// When the node received it; decides what is overdue, never what is recorded as time.
    pub at: Timestamp,
    /// What is wanted.
    pub command: C,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_actor_survives_storage() {
        for actor in
            [Actor::Project, Actor::Agent(AgentId::default()), Actor::System("webhooks".into())]
        {
            assert_eq!(actor.to_string().parse(), Ok(actor));
        }
        assert_eq!("robot".parse::<Actor>(), Err(NotAnActor));
    }
}
