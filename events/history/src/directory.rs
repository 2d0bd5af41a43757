//! The directory: every account with its agents in memory, level with the log.
//!
//! Authentication and names need no read model. What a node does itself is in its directory
//! before it is answered; what other nodes do arrives within [`FOLLOW_EVERY`], and a miss catches
//! up first. Writes never rest on a stale view: each guards the account's version.

use std::{
    collections::HashMap,
    sync::{Arc, RwLock},
    time::Duration,
};

use baton_domain::{
    AccountId, AgentId,
    account::{Account, Agent, KeyHash},
};
use baton_log::{Cut, Log, PAGE_EVENTS_MAX, Position, RecordedEvent};
use tokio::sync::Mutex;

use crate::fold::{FoldError, account_stream, fold};

/// How often the directory asks the log for what other nodes did to accounts.
const FOLLOW_EVERY: Duration = Duration::from_millis(500);

/// An account as of a version of its stream.
#[derive(Debug, Clone, Default)]
pub struct KnownAccount {
    /// The account.
    pub state: Arc<Account>,
    /// The version of its stream.
    pub version: i64,
    /// Position of its last event.
    pub position: Position,
}

/// All accounts. Cheap to clone; clones share what they know.
#[derive(Clone)]
pub struct Directory {
    log: Log,
    view: Arc<RwLock<View>>,
    catching_up: Arc<Mutex<()>>,
}

#[derive(Default)]
struct View {
    /// Position of the last account event seen.
    position: Position,
    accounts: HashMap<AccountId, KnownAccount>,
    keys: HashMap<KeyHash, (AccountId, AgentId)>,
    tokens: HashMap<KeyHash, AccountId>,
}

impl Directory {
    /// The directory as the log has it now.
    ///
    /// # Errors
    /// [`FoldError`] where history cannot be read.
    pub async fn open(log: Log) -> Result<Self, FoldError> {
        let directory = Self {
            log,
            view: Arc::default(),
            catching_up: Arc::default(),
        };
        directory.catch_up().await?;
        Ok(directory)
    }

    /// The account as known here; one without events is empty.
    #[must_use]
    pub fn account(&self, account: &AccountId) -> KnownAccount {
        self.read(|view| view.accounts.get(account).cloned().unwrap_or_default())
    }

    /// The living, active agent whose key has this hash.
    #[must_use]
    pub fn by_key(&self, hash: &KeyHash) -> Option<(AccountId, Agent)> {
        self.read(|view| {
            let (account, agent) = view.keys.get(hash)?;
            let agent = view.accounts.get(account)?.state.agents.get(agent)?;
            (agent.is_live() && agent.key_hash == *hash).then(|| (account.clone(), agent.clone()))
        })
    }

    /// The account whose project token has this hash, where the log keeps it.
    #[must_use]
    pub fn by_token(&self, hash: &KeyHash) -> Option<AccountId> {
        self.read(|view| view.tokens.get(hash).cloned())
    }

    /// The account as it was at a position.
    ///
    /// # Errors
    /// [`FoldError`] where history cannot be read.
    pub async fn at(
        &self,
        account: &AccountId,
        position: Position,
    ) -> Result<Arc<Account>, FoldError> {
        let known = self.account(account);
        if known.position <= position {
            return Ok(known.state);
        }
        Ok(account_at(&self.log, account, position).await?.state)
    }

    /// Reads what happened to accounts since the last look.
    ///
    /// # Errors
    /// [`FoldError`] where history cannot be read; what was read before stays.
    pub async fn catch_up(&self) -> Result<(), FoldError> {
        let _one_at_a_time = self.catching_up.lock().await;
        loop {
            let page = self
                .log
                .accounts_after(self.read(|view| view.position))
                .await?;
            let is_last = (page.len() as i64) < PAGE_EVENTS_MAX;
            self.view
                .write()
                .expect("no holder of the directory's lock panics")
                .learn(&page)?;
            if is_last {
                return Ok(());
            }
        }
    }

    /// Catches up for ever, every [`FOLLOW_EVERY`].
    pub async fn follow(&self) {
        let mut every = tokio::time::interval(FOLLOW_EVERY);
        every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut was_well = true;
        loop {
            every.tick().await;
            let caught_up = self.catch_up().await;
            if let (Err(error), true) = (&caught_up, was_well) {
                let error: &dyn std::error::Error = error;
                tracing::error!(error, "the directory cannot follow the log");
            }
            was_well = caught_up.is_ok();
        }
    }

    fn read<T>(&self, ask: impl FnOnce(&View) -> T) -> T {
        ask(&self
            .view
            .read()
            .expect("no holder of the directory's lock panics"))
    }
}

impl View {
    fn learn(&mut self, page: &[RecordedEvent]) -> Result<(), FoldError> {
        for event in page {
            let Ok(id) = event.stream.account.parse::<AccountId>() else {
                return Err(FoldError::Account {
                    name: event.stream.account.clone(),
                });
            };
            let known = self.accounts.entry(id.clone()).or_default();
            let before = Arc::unwrap_or_clone(std::mem::take(&mut known.state));
            let keys_before: Vec<KeyHash> = keys_of(&before).map(|(hash, _)| hash).collect();
            let folded = fold(before.clone(), event);
            known.state = Arc::new(match folded {
                Ok(after) => after,
                Err(error) => {
                    known.state = Arc::new(before);
                    return Err(error);
                }
            });
            (known.version, known.position) = (event.version, event.position);
            for hash in keys_before {
                self.keys.remove(&hash);
            }
            let keys = keys_of(&known.state).map(|(hash, agent)| (hash, (id.clone(), agent)));
            self.keys.extend(keys);
            if let Some(token) = known.state.token_hash {
                self.tokens.insert(token, id);
            }
            self.position = event.position;
        }
        Ok(())
    }
}

fn keys_of(account: &Account) -> impl Iterator<Item = (KeyHash, AgentId)> {
    account.living().map(|agent| (agent.key_hash, agent.id))
}

/// The account folded from the log up to and including `position`.
pub(crate) async fn account_at(
    log: &Log,
    account: &AccountId,
    position: Position,
) -> Result<KnownAccount, FoldError> {
    let stream = account_stream(account);
    let mut known = KnownAccount::default();
    let mut state = Account::default();
    loop {
        let page = log
            .stream(&stream, known.version, Cut::Position(position))
            .await?;
        if let Some(last) = page.last() {
            (known.version, known.position) = (last.version, last.position);
        }
        state = page.iter().try_fold(state, fold)?;
        if (page.len() as i64) < PAGE_EVENTS_MAX {
            known.state = Arc::new(state);
            return Ok(known);
        }
    }
}
