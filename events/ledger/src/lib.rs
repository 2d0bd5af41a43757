//! The ledger: proves what the log says, also against those who run the database.
//!
//! `leaf`, `tree`, `proof` and `note` are pure and define the formats (`docs/audit.md`); `follower`
//! lets each account's tree grow with the log and signs it; `anchor` copies what was signed to a
//! `directory` outside the database; `reader` gives proofs. Nothing here appends an event, changes
//! one, or decides who may read a proof.

mod anchor;
mod directory;
mod error;
mod follower;
mod leaf;
mod migrations;
mod nodes;
mod note;
mod proof;
mod reader;
mod standing;
mod tree;
#[cfg(test)]
mod vectors;

pub use anchor::anchor;
pub use directory::{CheckpointDir, DirectoryError};
pub use error::{Divergence, LedgerError};
pub use follower::{Follower, SUBSCRIPTION, spawn};
pub use leaf::Leaf;
pub use migrations::migrate;
pub use note::{
    Checkpoint, KeyError, LedgerKey, NoteError, Verifier, account_of, origin, read_hash, shown,
};
pub use proof::{
    ProofError, consistency_proof, consistency_ranges, inclusion_proof, inclusion_ranges,
    verify_consistency, verify_inclusion,
};
pub use reader::{Anchored, Consistency, Inclusion, Ledger, Signed};
pub use standing::{LedgerStanding, standing};
pub use tree::{Frontier, Hash, Subtree, join, leaf_hash, node_hash, root_of, subtrees};
