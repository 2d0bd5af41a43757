//! What of an event goes into its account's tree: docs/audit.md, "Leaf". It must never change.

use baton_log::{Placed, RecordedEvent};
use jiff::Timestamp;

use crate::tree::{Hash, leaf_hash};

const BYTES: usize = 8 + 8 + 8 + 32;

/// Where an event stands, when it was recorded, and the fingerprint of all else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leaf {
    /// Place in the whole log.
    pub position: i64,
    /// Place among the account's own events: the leaf's index is one less.
    pub account_seq: i64,
    /// When it was recorded.
    pub recorded_at: Timestamp,
    /// As `baton_log::content_hash` has it.
    pub content_hash: Hash,
}

impl Leaf {
    /// The hash of the leaf.
    #[must_use]
    pub fn hash(&self) -> Hash {
        leaf_hash(&self.bytes())
    }

    /// What is hashed: numbers of 64 bits, big-endian, and the content hash.
    fn bytes(&self) -> [u8; BYTES] {
        let mut bytes = [0; BYTES];
        bytes[0..8].copy_from_slice(&self.position.to_be_bytes());
        bytes[8..16].copy_from_slice(&self.account_seq.to_be_bytes());
        bytes[16..24].copy_from_slice(&self.recorded_at.as_microsecond().to_be_bytes());
        bytes[24..].copy_from_slice(&self.content_hash);
        bytes
    }
}

/// With the content hash that is stored; who does not trust it computes it from the content.
impl From<&RecordedEvent> for Leaf {
    fn from(event: &RecordedEvent) -> Self {
        Self {
            position: event.position,
            account_seq: event.account_seq,
            recorded_at: event.recorded_at,
            content_hash: event.content_hash,
        }
    }
}

impl From<Placed> for Leaf {
    fn from(placed: Placed) -> Self {
        let Placed { position, account_seq, recorded_at, content_hash } = placed;
        Self { position, account_seq, recorded_at, content_hash }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vector of docs/audit.md.
    #[test]
    fn a_leaf_is_56_bytes_and_its_hash_is_that_of_the_rfc() {
        let leaf = Leaf {
            position: 258,
            account_seq: 3,
            recorded_at: "2026-03-17T10:31:07.250Z".parse().unwrap(),
            content_hash: [0xab; 32],
        };
        let text = "0000000000000102000000000000000300064d35d549c150".to_owned() + &"ab".repeat(32);
        assert_eq!(hex::encode(leaf.bytes()), text);
        let hash = "10f94f8eccdefd8ea1f239d932b931444445daa20ad7f954afc325bfa01f6239";
        assert_eq!(hex::encode(leaf.hash()), hash);
    }
}
