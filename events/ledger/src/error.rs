//! What can go wrong around the ledger.

use baton_log::{Position, ReadError};

use crate::directory::DirectoryError;
use crate::note::NoteError;
use crate::proof::ProofError;

/// The log, the ledger and the checkpoints outside do not tell the same: somebody has changed one
/// of them, or part of one was lost. Nothing is signed until that is settled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Divergence {
    /// An event is not the next one of the log.
    #[error("event {expected} is missing from the log: {found} follows")]
    Position {
        /// The position that comes next.
        expected: Position,
        /// The one that is there.
        found: Position,
    },
    /// An event is not the next one of its account.
    #[error("event {expected} of account {account} is missing: {found} follows")]
    Sequence {
        /// The account.
        account: String,
        /// The number that comes next.
        expected: u64,
        /// The one that is there.
        found: i64,
    },
    /// The content of an event is not what its content hash says.
    #[error("event {account_seq} of account {account} was changed: its content hash is another's")]
    Content {
        /// The account.
        account: String,
        /// Which of its events.
        account_seq: i64,
    },
    /// The tree of an account is not that of the events and nodes that it is made of.
    #[error("the tree of account {account} with {size} events is not that of the log")]
    Tree {
        /// The account.
        account: String,
        /// The size of the stored tree.
        size: u64,
    },
    /// Events or nodes that the stored tree is made of are not there.
    #[error("account {account} has not all of the {size} events that its tree has")]
    Missing {
        /// The account.
        account: String,
        /// The size that the tree has.
        size: u64,
    },
    /// The log ends before a checkpoint that is kept outside.
    #[error("account {account} has no event {size}, but a checkpoint of it is in the directory")]
    CutOff {
        /// The account.
        account: String,
        /// The size of the checkpoint.
        size: u64,
    },
    /// A checkpoint that is kept outside has another root.
    #[error("the checkpoint of account {account} kept in the directory, of {size} events, differs")]
    Checkpoint {
        /// The account.
        account: String,
        /// The size of the checkpoint.
        size: u64,
    },
}

/// Why the ledger cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// No connection.
    #[error("cannot get a connection to the ledger")]
    Pool(#[source] deadpool_postgres::PoolError),
    /// A statement failed.
    #[error("cannot read or write the ledger")]
    Query(#[from] tokio_postgres::Error),
    /// The log cannot be read.
    #[error("cannot read the log for the ledger")]
    Log(#[from] ReadError),
    /// What should be the same differs.
    #[error("the log, the ledger and its checkpoints differ")]
    Diverged(#[from] Divergence),
    /// A proof that was made does not hold: some of what it is made of was changed.
    #[error("the log and the ledger differ: a proof does not hold")]
    Proof(#[from] ProofError),
    /// The directory of checkpoints cannot be used.
    #[error("cannot use the directory of checkpoints")]
    Directory(#[from] DirectoryError),
    /// A checkpoint in the directory is not one of this ledger.
    #[error("the checkpoint of account {account} in the directory is not of this ledger and key")]
    Foreign {
        /// The account.
        account: String,
        /// Why.
        #[source]
        cause: NoteError,
    },
    /// The process stops in the midst of it.
    #[error("the process is stopping")]
    Stopped(#[source] tokio::task::JoinError),
    /// The ledger follows the log, and is not there yet.
    #[error("the ledger has not reached position {position}")]
    Behind {
        /// The position that was wanted.
        position: Position,
    },
}

impl LedgerError {
    /// Asking again may help.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        matches!(
            self,
            Self::Pool(_) | Self::Query(_) | Self::Log(_) | Self::Stopped(_) | Self::Behind { .. }
        )
    }
}
