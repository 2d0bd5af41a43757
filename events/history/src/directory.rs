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
use baton_log::{Cut, Log, Position, RecordedEvent};
use tokio::sync::Mutex;

use crate::fold::{FoldError, account_stream, fold};

/// How long the directory waits for a wake-up before it asks the log unasked.
const FOLLOW_EVERY: Duration = Duration::from_millis(500);
/// How long it rests between two looks, however often it is woken: accounts change rarely.
const FOLLOW_PAUSE: Duration = Duration::from_millis(50);

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
        let directory = Self { log, view: Arc::default(), catching_up: Arc::default() };
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
        // Another node may have changed the account before that position.
        self.catch_up().await?;
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
        let events = self.log.accounts_after(self.read(|view| view.position)).await?;
        self.view.write().expect("no holder of the directory's lock panics").learn(&events)
    }

    /// Catches up for ever: soon after a wake-up, and every [`FOLLOW_EVERY`] without one.
    pub async fn follow(&self) {
        let mut wake = self.log.wake();
        let mut was_well = true;
        loop {
            let caught_up = self.catch_up().await;
            if let (Err(error), true) = (&caught_up, was_well) {
                let error: &dyn std::error::Error = error;
                tracing::error!(error, "the directory cannot follow the log");
            }
            was_well = caught_up.is_ok();
            tokio::time::sleep(FOLLOW_PAUSE).await;
            // Woken or not, it looks: a wake-up may be lost, and its sender gone.
            let _woken = tokio::time::timeout(FOLLOW_EVERY, wake.changed()).await;
        }
    }

    fn read<T>(&self, ask: impl FnOnce(&View) -> T) -> T {
        ask(&self.view.read().expect("no holder of the directory's lock panics"))
    }
}

impl View {
    fn learn(&mut self, events: &[RecordedEvent]) -> Result<(), FoldError> {
        for event in events {
            let Ok(id) = event.stream.account.parse::<AccountId>() else {
                return Err(FoldError::Account { name: event.stream.account.clone() });
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
    let events = log.stream(&account_stream(account), 0, Cut::Position(position)).await?;
    let state = Arc::new(events.iter().try_fold(Account::default(), fold)?);
    let (version, position) = events.last().map_or((0, 0), |last| (last.version, last.position));
    Ok(KnownAccount { state, version, position })
}
