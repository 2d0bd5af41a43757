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
    /// An agent, by the key it showed, or by the word of a trusted proxy.
    Agent {
        /// The agent.
        id: AgentId,
        /// The hash of its key: a key rotated meanwhile is good no more, at other nodes
        /// within a second. None where a proxy named the agent.
        key_hash: Option<KeyHash>,
    },
    /// A part of Baton itself, by name.
    System(&'static str),
}

/// The part of Baton in whose name the first agent is created.
const FOUNDER: &str = "bootstrap";

impl Caller {
    /// Somebody without a credential, where none is asked for: an admin without identity, in the
    /// default account.
    #[must_use]
    pub fn anybody() -> Self {
        Self { account: AccountId::default_account(), who: Who::Project { token_hash: None } }
    }

    /// Somebody without a credential who may create the default account's first agent.
    #[must_use]
    pub fn founder() -> Self {
        Self::system(AccountId::default_account(), FOUNDER)
    }

    /// It is one of [`Caller::founder`].
    pub(crate) fn is_founder(&self) -> bool {
        self.who == Who::System(FOUNDER)
    }

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
                .filter(|agent| agent.is_live())
                .filter(|agent| key_hash.is_none_or(|hash| agent.key_hash == hash))
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
