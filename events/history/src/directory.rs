//! The directory: every account with its agents in memory, level with the log.
//!
//! Authentication and names need no read model. What a node does itself is in its directory
//! before it is answered; what other nodes do arrives within [`FOLLOW_EVERY`], and a miss catches
//! up first. Writes never rest on a stale view: each guards the account's version.
//!
//! An account whose history cannot be read is closed, nobody of it is let in, and it alone: the
//! others go on. It is read anew from time to time and opened when that succeeds.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
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

/// How often closed accounts are read anew.
const REOPEN_EVERY: Duration = Duration::from_secs(5);

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
    /// Up to here every account event was seen.
    level: Position,
    accounts: HashMap<AccountId, KnownAccount>,
    keys: HashMap<KeyHash, (AccountId, AgentId)>,
    tokens: HashMap<KeyHash, AccountId>,
    /// Accounts whose history cannot be read.
    closed: HashSet<AccountId>,
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

    /// Reads what happened to accounts since the last look. What cannot be read closes its
    /// account, and is no error of this call.
    ///
    /// # Errors
    /// [`FoldError`] where the log does not answer; what was read before stays.
    pub async fn catch_up(&self) -> Result<(), FoldError> {
        let _one_at_a_time = self.catching_up.lock().await;
        self.look().await
    }

    /// Catches up if what happened to accounts up to `position`, which the log has, may not have
    /// been seen yet. Many who wait for one position cost one look.
    ///
    /// # Errors
    /// [`FoldError`] where the log does not answer.
    pub async fn reach(&self, position: Position) -> Result<(), FoldError> {
        let is_there = || self.read(|view| view.level >= position);
        if is_there() {
            return Ok(());
        }
        let _one_at_a_time = self.catching_up.lock().await;
        if is_there() {
            return Ok(());
        }
        self.look().await?;
        self.write(|view| view.level = view.level.max(position));
        Ok(())
    }

    /// One look at the log, by who holds `catching_up`.
    async fn look(&self) -> Result<(), FoldError> {
        let level = self.log.acknowledged();
        let events = self.log.accounts_after(self.read(|view| view.position)).await?;
        for (event, cause) in self.write(|view| view.learn(&events)) {
            let (position, cause): (_, &dyn std::error::Error) = (event.position, &cause);
            let correlation_id = event.correlation_id;
            tracing::error!(
                position,
                %correlation_id,
                error = cause,
                "an account's history cannot be read: the account is closed"
            );
        }
        self.write(|view| view.level = view.level.max(view.position).max(level));
        Ok(())
    }

    /// Reads closed accounts anew: somebody may have mended their history.
    async fn reopen(&self) -> Result<(), FoldError> {
        let _one_at_a_time = self.catching_up.lock().await;
        let (closed, position) = self.read(|view| (view.closed.clone(), view.position));
        for account in closed {
            match account_at(&self.log, &account, position).await {
                Ok(known) => {
                    self.write(|view| view.open(account, known));
                    tracing::info!(position, "an account that was closed is open again");
                }
                Err(error) if error.is_passing() => return Err(error),
                Err(_still_closed) => {}
            }
        }
        Ok(())
    }

    /// Catches up for ever: soon after a wake-up, and every [`FOLLOW_EVERY`] without one.
    pub async fn follow(&self) {
        let mut wake = self.log.wake();
        let mut was_well = true;
        let mut reopen_at = tokio::time::Instant::now();
        loop {
            let mut caught_up = self.catch_up().await;
            if tokio::time::Instant::now() >= reopen_at {
                caught_up = caught_up.and(self.reopen().await);
                reopen_at = tokio::time::Instant::now() + REOPEN_EVERY;
            }
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

    /// How many accounts there are, and how many living agents in all of them.
    #[must_use]
    pub fn size(&self) -> (usize, usize) {
        self.read(|view| (view.accounts.len(), view.keys.len()))
    }

    /// The account is closed: its history cannot be read.
    #[must_use]
    pub fn is_closed(&self, account: &AccountId) -> bool {
        self.read(|view| view.closed.contains(account))
    }

    /// Every account of which something was recorded, by name; of one that is closed, nothing is
    /// known.
    #[must_use]
    pub fn accounts(&self) -> BTreeMap<AccountId, Option<Arc<Account>>> {
        self.read(|view| {
            let closed = view.closed.iter().map(|account| (account.clone(), None));
            let open = view.accounts.iter();
            let open = open.map(|(account, known)| (account.clone(), Some(known.state.clone())));
            open.chain(closed).collect()
        })
    }

    /// How many accounts are closed, because their history cannot be read.
    #[must_use]
    pub fn closed(&self) -> usize {
        self.read(|view| view.closed.len())
    }

    fn write<T>(&self, change: impl FnOnce(&mut View) -> T) -> T {
        change(&mut self.view.write().expect("no holder of the directory's lock panics"))
    }

    fn read<T>(&self, ask: impl FnOnce(&View) -> T) -> T {
        ask(&self.view.read().expect("no holder of the directory's lock panics"))
    }
}

impl View {
    /// Folds the events in; what cannot be read closes its account and is given back.
    fn learn<'a>(&mut self, events: &'a [RecordedEvent]) -> Vec<(&'a RecordedEvent, FoldError)> {
        let mut unreadable = Vec::new();
        for event in events {
            self.position = event.position;
            let name = &event.stream.account;
            let Ok(id) = name.parse::<AccountId>() else {
                unreadable.push((event, FoldError::Account { name: name.clone() }));
                continue;
            };
            if self.closed.contains(&id) {
                continue;
            }
            let before = self.accounts.remove(&id).unwrap_or_default();
            self.forget(&before.state);
            match fold(Arc::unwrap_or_clone(before.state), event) {
                Ok(after) => {
                    let (state, version) = (Arc::new(after), event.version);
                    self.open(id, KnownAccount { state, version, position: event.position });
                }
                Err(cause) => {
                    self.closed.insert(id);
                    unreadable.push((event, cause));
                }
            }
        }
        unreadable
    }

    /// Lets in whom the account lets in.
    fn open(&mut self, id: AccountId, known: KnownAccount) {
        self.closed.remove(&id);
        let keys = keys_of(&known.state).map(|(hash, agent)| (hash, (id.clone(), agent)));
        self.keys.extend(keys);
        if let Some(token) = known.state.token_hash {
            self.tokens.insert(token, id.clone());
        }
        self.accounts.insert(id, known);
    }

    /// Lets nobody in whom the account let in.
    fn forget(&mut self, account: &Account) {
        for (hash, _) in keys_of(account) {
            self.keys.remove(&hash);
        }
        if let Some(token) = account.token_hash {
            self.tokens.remove(&token);
        }
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
