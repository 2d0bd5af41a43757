//! Proofs, out of the events and the nodes that are stored. Each is checked before it is given:
//! what does not hold is an error, and never an answer.

use std::ops::Range;

use baton_feed::Progress;
use baton_log::{Placed, Position};
use deadpool_postgres::Pool;
use jiff::Timestamp;
use tokio::time::Instant;
use tokio_postgres::Row;
use uuid::Uuid;

use crate::error::{Divergence, LedgerError};
use crate::leaf::Leaf;
use crate::nodes::{Nodes, count, hash_of, size};
use crate::note::{LedgerKey, Verifier, origin};
use crate::proof::{
    ProofError, consistency_ranges, inclusion_ranges, verify_consistency, verify_inclusion,
};
use crate::tree::{Hash, Subtree, join, subtrees};

const READ_LOG_ID: &str = include_str!("sql/read_log_id.sql");
const READ_SIGNED: &str = include_str!("sql/read_signed.sql");

/// An account's last checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// The number of events it covers.
    pub size: u64,
    /// The position of the last of them.
    pub position: Position,
    /// When that was recorded.
    pub recorded_at: Timestamp,
    /// The root of the tree over them.
    pub root: Hash,
    /// The signed note.
    pub note: String,
    /// When it was signed.
    pub signed_at: Timestamp,
    /// The last one that is kept outside the database.
    pub anchored: Option<Anchored>,
}

/// A checkpoint that is kept outside the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Anchored {
    /// The number of events it covers.
    pub size: u64,
    /// Since when.
    pub at: Timestamp,
}

/// Proves that an event is in a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inclusion {
    /// The event.
    pub leaf: Leaf,
    /// The size of the tree.
    pub size: u64,
    /// Its root.
    pub root: Hash,
    /// The hashes beside the way from the leaf to the root.
    pub proof: Vec<Hash>,
}

/// Proves that a tree is the beginning of another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consistency {
    /// The size of the smaller tree, and its root.
    pub from: (u64, Hash),
    /// The size of the larger tree, and its root.
    pub to: (u64, Hash),
    /// The hashes that lead to both roots.
    pub proof: Vec<Hash>,
}

/// The ledger of a log. Cheap to clone; works in any process, whichever one keeps it.
#[derive(Clone, Debug)]
pub struct Ledger {
    pool: Pool,
    key: LedgerKey,
    log_id: Uuid,
}

impl Ledger {
    /// The ledger in a database, with the key that signs it.
    ///
    /// # Errors
    /// [`LedgerError`] where the database does not answer.
    pub async fn open(pool: Pool, key: LedgerKey) -> Result<Self, LedgerError> {
        let client = pool.get().await.map_err(LedgerError::Pool)?;
        let log_id = client.query_one(READ_LOG_ID, &[]).await?.try_get("log_id")?;
        drop(client);
        Ok(Self { pool, key, log_id })
    }

    /// The same with other connections.
    #[must_use]
    pub fn with(&self, pool: Pool) -> Self {
        Self { pool, ..self.clone() }
    }

    /// Names the log.
    #[must_use]
    pub fn log_id(&self) -> Uuid {
        self.log_id
    }

    /// Names the account's tree.
    #[must_use]
    pub fn origin(&self, account: &str) -> String {
        origin(self.log_id, account)
    }

    /// What checks the account's checkpoints.
    #[must_use]
    pub fn verifier(&self, account: &str) -> Verifier {
        self.key.verifier(&self.origin(account))
    }

    pub(crate) fn key(&self) -> &LedgerKey {
        &self.key
    }

    pub(crate) fn pool(&self) -> &Pool {
        &self.pool
    }

    pub(crate) fn nodes<'a>(&'a self, account: &'a str) -> Nodes<'a> {
        Nodes { pool: &self.pool, account }
    }

    /// Waits until the account's checkpoint covers what stands at a position.
    ///
    /// # Errors
    /// [`LedgerError::Behind`] where the deadline comes first.
    pub async fn reaches(
        &self,
        progress: &Progress,
        position: Position,
        deadline: Instant,
    ) -> Result<(), LedgerError> {
        match progress.wait_until(position, deadline).await {
            true => Ok(()),
            false => Err(LedgerError::Behind { position }),
        }
    }

    /// The account's last checkpoint; none before its first event was signed.
    ///
    /// # Errors
    /// [`LedgerError`] where the database does not answer.
    pub async fn checkpoint(&self, account: &str) -> Result<Option<Signed>, LedgerError> {
        let client = self.pool.get().await.map_err(LedgerError::Pool)?;
        let statement = client.prepare_cached(READ_SIGNED).await?;
        let row = client.query_opt(&statement, &[&account]).await?;
        Ok(row.as_ref().map(signed).transpose()?)
    }

    /// The account's event with the id, as a leaf; none where it has no such event.
    ///
    /// # Errors
    /// [`LedgerError`] where the database does not answer.
    pub async fn leaf(&self, account: &str, event: Uuid) -> Result<Option<Leaf>, LedgerError> {
        let placed: Option<Placed> = baton_log::leaf_of(&self.pool, account, event).await?;
        Ok(placed.map(Leaf::from))
    }

    /// The root of the account's tree when it had this size.
    ///
    /// # Errors
    /// [`LedgerError`] where the database does not answer, or not all of it is there.
    pub async fn root_at(&self, account: &str, size: u64) -> Result<Hash, LedgerError> {
        self.nodes(account).root(size).await
    }

    /// The roots of complete subtrees of the account's tree.
    ///
    /// # Errors
    /// [`LedgerError`] where the database does not answer, or not all of them are there.
    pub async fn hashes(
        &self,
        account: &str,
        wanted: &[Subtree],
    ) -> Result<Vec<Hash>, LedgerError> {
        self.nodes(account).hashes(wanted).await
    }

    /// Proves that an event is in the account's tree of this size, which is signed already.
    ///
    /// # Errors
    /// [`LedgerError`] where it cannot be proved: where the event is not in the tree, or what the
    /// tree is made of was changed.
    pub async fn inclusion(
        &self,
        account: &str,
        leaf: Leaf,
        size: u64,
    ) -> Result<Inclusion, LedgerError> {
        let index = u64::try_from(leaf.account_seq - 1).map_err(|_| ProofError::Range)?;
        let ranges = inclusion_ranges(index, size).ok_or(ProofError::Range)?;
        let proof = self.roots(account, &ranges).await?;
        let root = self.trusted_root(account, size).await?;
        verify_inclusion(&leaf.hash(), index, size, &proof, &root)?;
        Ok(Inclusion { leaf, size, root, proof })
    }

    /// Proves that the account's tree, when it had one size, was the beginning of what it was when
    /// it had another, which is signed already.
    ///
    /// # Errors
    /// [`LedgerError`] where it cannot be proved.
    pub async fn consistency(
        &self,
        account: &str,
        from: u64,
        to: u64,
    ) -> Result<Consistency, LedgerError> {
        let ranges = consistency_ranges(from, to).ok_or(ProofError::Range)?;
        let proof = self.roots(account, &ranges).await?;
        let roots =
            (self.trusted_root(account, from).await?, self.trusted_root(account, to).await?);
        verify_consistency((from, &roots.0), (to, &roots.1), &proof)?;
        Ok(Consistency { from: (from, roots.0), to: (to, roots.1), proof })
    }

    /// The root that was signed, where the size is that of the last checkpoint; else computed.
    async fn trusted_root(&self, account: &str, size: u64) -> Result<Hash, LedgerError> {
        let signed = self.checkpoint(account).await?;
        match signed.filter(|signed| signed.size == size) {
            Some(signed) => Ok(signed.root),
            None => self.root_at(account, size).await,
        }
    }

    /// The root over each of these stretches.
    async fn roots(&self, account: &str, ranges: &[Range<u64>]) -> Result<Vec<Hash>, LedgerError> {
        let parts: Vec<_> = ranges.iter().map(|range| subtrees(range.clone())).collect();
        let mut hashes = &self.nodes(account).hashes(&parts.concat()).await?[..];
        let mut roots = Vec::with_capacity(parts.len());
        for part in &parts {
            let (own, rest) = hashes.split_at(part.len());
            roots.push(join(own));
            hashes = rest;
        }
        Ok(roots)
    }

    /// Whether the account still has the last event of a tree of this size.
    pub(crate) async fn has_event(&self, account: &str, size: u64) -> Result<(), LedgerError> {
        let at = count(size);
        match baton_log::leaves(&self.pool, account, at - 1, at).await?.is_empty() {
            true => Err(Divergence::CutOff { account: account.to_owned(), size }.into()),
            false => Ok(()),
        }
    }
}

fn signed(row: &Row) -> Result<Signed, tokio_postgres::Error> {
    let anchored: Option<i64> = row.try_get("anchored_size")?;
    let anchored = match anchored {
        Some(anchored) => Some(Anchored { size: size(anchored), at: row.try_get("anchored_at")? }),
        None => None,
    };
    Ok(Signed {
        size: size(row.try_get("size")?),
        position: row.try_get("position")?,
        recorded_at: row.try_get("recorded_at")?,
        root: hash_of(row, "root")?,
        note: row.try_get("note")?,
        signed_at: row.try_get("signed_at")?,
        anchored,
    })
}
