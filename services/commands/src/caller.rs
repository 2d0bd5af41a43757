//! Who gives a command. A caller names its account: without one nothing can be reached.

use baton_domain::{
    AccountId, AgentId, Standing,
    account::{Account, KeyHash},
};

/// A caller whose credential was good when it was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The account that everything the caller does is in.
    pub account: AccountId,
    /// Who it is.
    pub who: Who,
}

/// What kind of caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Who {
    /// The holder of the account's project token.
    Project {
        /// The token's hash, where the log keeps it: one replaced meanwhile is good
        /// no more, at other nodes within a second.
        token_hash: Option<KeyHash>,
    },
    /// An agent, by the key it showed.
    Agent {
        /// The agent.
        id: AgentId,
        /// The hash of its key: a key rotated meanwhile is good no more, at other nodes
        /// within a second.
        key_hash: KeyHash,
    },
    /// A part of Baton itself, by name.
    System(&'static str),
}

impl Caller {
    /// A part of Baton itself, acting in an account.
    #[must_use]
    pub fn system(account: AccountId, name: &'static str) -> Self {
        Self { account, who: Who::System(name) }
    }

    /// What the caller is in its account as `directory` has it; `None` when its credential is
    /// good no more.
    #[must_use]
    pub fn standing(&self, directory: &Account) -> Option<Standing> {
        match &self.who {
            Who::Project { token_hash } => {
                (directory.token_hash == *token_hash).then(Standing::project)
            }
            Who::System(name) => Some(Standing::system(name)),
            Who::Agent { id, key_hash } => directory
                .agents
                .get(id)
                .filter(|agent| agent.is_live() && agent.key_hash == *key_hash)
                .map(Standing::of),
        }
    }

    /// The acting agent.
    #[must_use]
    pub fn agent(&self) -> Option<AgentId> {
        match self.who {
            Who::Agent { id, .. } => Some(id),
            Who::Project { .. } | Who::System(_) => None,
        }
    }

    /// The scope of the caller's idempotency keys.
    pub(crate) fn credential(&self) -> String {
        match &self.who {
            Who::Project { .. } => "project".to_owned(),
            Who::Agent { id, .. } => format!("agent:{id}"),
            Who::System(name) => format!("system:{name}"),
        }
    }
}
