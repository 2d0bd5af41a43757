//! Schemas of the ledger: checkpoints, and what proves that something is in one.

use poem_openapi::Object;

use super::scalar::{Instant, Nullable};

/// The last checkpoint of the account. `docs/audit.md` says how each hash is made.
#[derive(Debug, Clone, PartialEq, Object)]
pub struct LedgerCheckpoint {
    /// Names the tree, and the key that signs it: `baton/`, the id of the log, `/`, the account.
    pub origin: String,
    /// How many of the account's events it covers.
    pub size: i64,
    /// The position of the last of them.
    pub position: i64,
    /// When that was recorded.
    pub recorded_at: Instant,
    /// The root of the tree over them, as base64.
    pub root: String,
    /// The checkpoint as a signed note (c2sp.org/signed-note).
    pub note: String,
    /// When it was signed.
    pub signed_at: Instant,
    /// The key that checks the signature: name, id and public key, each after a `+`. Whoever
    /// trusts no one takes it from elsewhere.
    pub key: String,
    /// The account's last event in the log.
    pub head: LedgerHead,
    /// The last checkpoint that is kept outside the database; null where there is none.
    pub anchored: Nullable<LedgerAnchored>,
}

/// An account's last event.
#[derive(Debug, Clone, PartialEq, Eq, Object)]
pub struct LedgerHead {
    /// Its number among the account's events.
    pub size: i64,
    /// Its position in the log.
    pub position: i64,
}

/// A checkpoint that is kept outside the database.
#[derive(Debug, Clone, PartialEq, Object)]
pub struct LedgerAnchored {
    /// How many of the account's events it covers.
    pub size: i64,
    /// Since when.
    pub at: Instant,
}

/// Proves that an event is in the ledger, as it is.
#[derive(Debug, Clone, PartialEq, Object)]
pub struct LedgerInclusion {
    /// The event.
    pub event_id: String,
    /// Its position in the log.
    pub position: i64,
    /// Its number among the account's events.
    pub account_seq: i64,
    /// When it was recorded.
    pub recorded_at: Instant,
    /// The hash of all that its writer chose, as base64.
    pub content_hash: String,
    /// Which leaf of the tree it is, from 0.
    pub leaf_index: i64,
    /// The hash of that leaf, as base64.
    pub leaf_hash: String,
    /// How many leaves the tree has.
    pub size: i64,
    /// Its root, as base64.
    pub root: String,
    /// The hashes beside the way from the leaf to the root, as base64, the lowest first.
    pub proof: Vec<String>,
    /// The signed note of this tree; null where it is not the last checkpoint's.
    pub note: Nullable<String>,
    /// The key that checks its signature.
    pub key: String,
}

/// Proves that the ledger only grew: the smaller tree is the beginning of the larger one.
#[derive(Debug, Clone, PartialEq, Eq, Object)]
pub struct LedgerConsistency {
    /// How many leaves the smaller tree has.
    pub from: i64,
    /// How many leaves the larger tree has.
    pub to: i64,
    /// The root of the smaller tree, as base64.
    pub from_root: String,
    /// The root of the larger tree, as base64.
    pub to_root: String,
    /// The hashes that lead to both roots, as base64.
    pub proof: Vec<String>,
    /// The signed note of the larger tree; null where it is not the last checkpoint's.
    pub note: Nullable<String>,
    /// The key that checks its signature.
    pub key: String,
}
