//! The subscription: each account's tree grows with the log, and is signed with every batch, in the
//! transaction that moves the checkpoint of the subscription.
//!
//! Nothing is signed that was not looked at: each event is the next of the log and of its account,
//! and its content is what its content hash says; the tree that it is added to is what the stored
//! nodes and the last events make, and has the root that the directory's last checkpoint has. What
//! differs stops the subscription.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use baton_feed::{HandleError, Handler, Running, Subscription, Transaction};
use baton_log::{HashedEvent, Log, Position, RecordedEvent, content_hash};
use deadpool_postgres::Pool;
use jiff::Timestamp;
use metrics::counter;
use tokio_postgres::types::ToSql;

use crate::directory::CheckpointDir;
use crate::error::{Divergence, LedgerError};
use crate::leaf::Leaf;
use crate::nodes::{LEVELS, count, size};
use crate::note::Checkpoint;
use crate::reader::Ledger;
use crate::tree::{Frontier, Hash, Subtree};

/// The subscription's name.
pub const SUBSCRIPTION: &str = "ledger";

/// Events that one batch has at most.
const BATCH_EVENTS_MAX: i64 = 1_000;
/// How long events come together behind a batch. A batch costs a signature and a row for each
/// account whatever it holds; with this and the batch itself, no checkpoint is a second late.
const GATHERS_FOR: Duration = Duration::from_millis(300);
/// Accounts whose trees are remembered at most.
const ACCOUNTS_MAX: usize = 10_000;

const READ_TREE: &str = include_str!("sql/read_tree.sql");
const READ_MISPLACED: &str = include_str!("sql/read_misplaced.sql");
const SAVE_TREES: &str = include_str!("sql/save_trees.sql");
const SAVE_NODES: &str = include_str!("sql/save_nodes.sql");

/// Follows the log and signs it.
pub struct Follower {
    ledger: Ledger,
    directory: CheckpointDir,
    trees: HashMap<String, Tree>,
    /// The last event that was added.
    position: Position,
    /// What was looked at since the subscription was acquired by this process.
    is_checked: bool,
    nodes: NodeRows,
    rows: TreeRows,
}

/// The tree of an account, as of the last event that was added.
struct Tree {
    frontier: Frontier,
    position: Position,
    recorded_at: Timestamp,
}

/// Nodes that are complete with a batch.
#[derive(Default)]
struct NodeRows {
    accounts: Vec<String>,
    levels: Vec<i16>,
    indices: Vec<i64>,
    hashes: Vec<Vec<u8>>,
}

/// Trees that a batch has changed.
#[derive(Default)]
struct TreeRows {
    accounts: Vec<String>,
    sizes: Vec<i64>,
    positions: Vec<Position>,
    recorded_at: Vec<Timestamp>,
    frontiers: Vec<Vec<u8>>,
    roots: Vec<Vec<u8>>,
    notes: Vec<String>,
}

/// Starts the ledger: in this process while it holds the subscription, on stand-by while another
/// does.
#[must_use]
pub fn spawn(log: Log, pool: Pool, ledger: &Ledger, directory: CheckpointDir) -> Running {
    let subscription = Subscription {
        name: SUBSCRIPTION,
        batch_events_max: BATCH_EVENTS_MAX,
        // What a crash of Postgres takes is built and signed once more, the same as before.
        durable_commit: false,
    };
    let follower = Follower::new(ledger.with(pool.clone()), directory);
    baton_feed::spawn(log, pool, subscription, follower)
}

impl Follower {
    /// A follower that signs with the ledger's key, and compares with what the directory has.
    #[must_use]
    pub fn new(ledger: Ledger, directory: CheckpointDir) -> Self {
        Self {
            ledger,
            directory,
            trees: HashMap::new(),
            position: 0,
            is_checked: false,
            nodes: NodeRows::default(),
            rows: TreeRows::default(),
        }
    }

    /// Looks at every account once: its tree ends in an event that is there, and so does its last
    /// checkpoint outside. Whether they have the same content is looked at with its next event.
    async fn check(&self) -> Result<(), LedgerError> {
        let client = self.ledger.pool().get().await.map_err(LedgerError::Pool)?;
        let row = client.query_opt(READ_MISPLACED, &[]).await?;
        drop(client);
        if let Some(row) = row {
            let account = row.try_get("account_id")?;
            return Err(Divergence::Missing { account, size: size(row.try_get("size")?) }.into());
        }
        let directory = self.directory.clone();
        let accounts = tokio::task::spawn_blocking(move || directory.accounts()).await;
        for account in accounts.map_err(LedgerError::Stopped)?? {
            if let Some(kept) = self.kept(&account).await? {
                self.ledger.has_event(&account, kept.size).await?;
            }
        }
        Ok(())
    }

    /// The last checkpoint of the account outside the database.
    async fn kept(&self, account: &str) -> Result<Option<Checkpoint>, LedgerError> {
        let (directory, name) = (self.directory.clone(), account.to_owned());
        let note = tokio::task::spawn_blocking(move || directory.latest(&name)).await;
        let Some(note) = note.map_err(LedgerError::Stopped)?? else { return Ok(None) };
        let checkpoint = self.ledger.verifier(account).open(&note);
        let foreign = |cause| LedgerError::Foreign { account: account.to_owned(), cause };
        checkpoint.map(Some).map_err(foreign)
    }

    /// The account's tree as of the subscription's checkpoint, if it is what it should be.
    async fn load(&self, account: &str) -> Result<Tree, LedgerError> {
        let tree = self.stored(account).await?;
        let (nodes, size) = (self.ledger.nodes(account), tree.frontier.size());
        if nodes.frontier(size).await? != tree.frontier {
            return Err(Divergence::Tree { account: account.to_owned(), size }.into());
        }
        if let Some(kept) = self.kept(account).await? {
            let root = match kept.size > size {
                true => nodes.grown(&tree.frontier, kept.size).await?.root(),
                false => nodes.root(kept.size).await?,
            };
            if root != kept.root {
                let (account, size) = (account.to_owned(), kept.size);
                return Err(Divergence::Checkpoint { account, size }.into());
            }
        }
        Ok(tree)
    }

    async fn stored(&self, account: &str) -> Result<Tree, LedgerError> {
        let client = self.ledger.pool().get().await.map_err(LedgerError::Pool)?;
        let statement = client.prepare_cached(READ_TREE).await?;
        let (mut frontier, mut position) = (Frontier::default(), 0);
        if let Some(row) = client.query_opt(&statement, &[&account]).await? {
            let size = size(row.try_get("size")?);
            position = row.try_get("position")?;
            let bytes: &[u8] = row.try_get("frontier")?;
            let hashes = bytes.as_chunks::<32>().0.to_vec();
            let stored = Frontier::from_parts(size, hashes);
            let account = account.to_owned();
            frontier = stored.ok_or(Divergence::Tree { account, size })?;
        }
        Ok(Tree { frontier, position, recorded_at: Timestamp::MIN })
    }

    /// Adds the event to its account's tree.
    fn add(&mut self, event: &RecordedEvent) -> Result<(), Divergence> {
        let account = &event.stream.account;
        let tree = self.trees.get_mut(account).expect("it was loaded for the event");
        let expected = tree.frontier.size() + 1;
        if u64::try_from(event.account_seq) != Ok(expected) || event.position <= tree.position {
            let (account, found) = (account.clone(), event.account_seq);
            return Err(Divergence::Sequence { account, expected, found });
        }
        if content_hash(&HashedEvent::from(event)) != event.content_hash {
            let (account, account_seq) = (account.clone(), event.account_seq);
            return Err(Divergence::Content { account, account_seq });
        }
        let nodes = &mut self.nodes;
        tree.frontier.push_noting(Leaf::from(event).hash(), |subtree, hash| {
            if subtree.level > 0 && subtree.level.is_multiple_of(LEVELS) {
                nodes.push(account, subtree, hash);
            }
        });
        (tree.position, tree.recorded_at) = (event.position, event.recorded_at);
        Ok(())
    }

    /// Signs the trees of these accounts.
    fn sign(&mut self, accounts: &BTreeSet<&str>) {
        for account in accounts.iter().copied() {
            let tree = self.trees.get(account).expect("it was loaded for its events");
            let checkpoint = Checkpoint {
                origin: self.ledger.origin(account),
                size: tree.frontier.size(),
                root: tree.frontier.root(),
            };
            let note = self.ledger.key().sign(&checkpoint);
            self.rows.push(account, tree, (&checkpoint, note));
        }
        counter!("baton_ledger_checkpoints_total").increment(accounts.len() as u64);
    }
}

impl NodeRows {
    fn push(&mut self, account: &str, subtree: Subtree, hash: &Hash) {
        self.accounts.push(account.to_owned());
        self.levels.push(subtree.level.into());
        self.indices.push(count(subtree.index));
        self.hashes.push(hash.to_vec());
    }

    async fn save(&self, transaction: &Transaction<'_>) -> Result<(), HandleError> {
        if self.accounts.is_empty() {
            return Ok(());
        }
        let statement = transaction.prepare_cached(SAVE_NODES).await?;
        let parameters: [&(dyn ToSql + Sync); 4] =
            [&self.accounts, &self.levels, &self.indices, &self.hashes];
        transaction.execute(&statement, &parameters).await?;
        Ok(())
    }
}

impl TreeRows {
    fn push(&mut self, account: &str, tree: &Tree, signed: (&Checkpoint, String)) {
        let (checkpoint, note) = signed;
        self.accounts.push(account.to_owned());
        self.sizes.push(count(checkpoint.size));
        self.positions.push(tree.position);
        self.recorded_at.push(tree.recorded_at);
        self.frontiers.push(tree.frontier.hashes().concat());
        self.roots.push(checkpoint.root.to_vec());
        self.notes.push(note);
    }

    async fn save(&self, transaction: &Transaction<'_>) -> Result<(), HandleError> {
        let statement = transaction.prepare_cached(SAVE_TREES).await?;
        let parameters: [&(dyn ToSql + Sync); 7] = [
            &self.accounts,
            &self.sizes,
            &self.positions,
            &self.recorded_at,
            &self.frontiers,
            &self.roots,
            &self.notes,
        ];
        transaction.execute(&statement, &parameters).await?;
        Ok(())
    }
}

impl Handler for Follower {
    fn holding(&mut self, _epoch: i64) {
        self.is_checked = false;
    }

    async fn acquired(&mut self, position: Position) -> Result<(), HandleError> {
        self.trees.clear();
        self.position = position;
        if !self.is_checked {
            self.check().await.map_err(failed)?;
            self.is_checked = true;
        }
        Ok(())
    }

    async fn before(&mut self, events: &[RecordedEvent]) -> Result<(), HandleError> {
        (self.nodes, self.rows) = Default::default();
        if self.trees.len() > ACCOUNTS_MAX {
            self.trees.clear();
        }
        let mut changed = BTreeSet::new();
        for event in events {
            let (expected, found) = (self.position + 1, event.position);
            if expected != found {
                return Err(differs(Divergence::Position { expected, found }));
            }
            let account = event.stream.account.as_str();
            if !self.trees.contains_key(account) {
                let tree = self.load(account).await.map_err(failed)?;
                self.trees.insert(account.to_owned(), tree);
            }
            self.add(event).map_err(differs)?;
            self.position = event.position;
            changed.insert(account);
        }
        self.sign(&changed);
        Ok(())
    }

    fn gathers_for(&self) -> Duration {
        GATHERS_FOR
    }

    async fn apply(
        &mut self,
        transaction: &Transaction<'_>,
        _events: &[RecordedEvent],
    ) -> Result<(), HandleError> {
        tokio::try_join!(self.nodes.save(transaction), self.rows.save(transaction))?;
        Ok(())
    }
}

fn differs(cause: Divergence) -> HandleError {
    HandleError::event("the log, the ledger and its checkpoints differ", cause)
}

fn failed(cause: LedgerError) -> HandleError {
    match cause {
        LedgerError::Diverged(divergence) => differs(divergence),
        LedgerError::Foreign { .. } => {
            HandleError::event("the directory has checkpoints of another ledger", cause)
        }
        LedgerError::Directory(_) => {
            HandleError::unavailable("cannot read the directory of checkpoints", cause)
        }
        cause => HandleError::unavailable("cannot read the ledger", cause),
    }
}
