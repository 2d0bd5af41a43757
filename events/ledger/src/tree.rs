//! The Merkle tree of RFC 6962, section 2.1: hashes, and the part of a tree that is needed to let
//! it grow. Pure; must not know what a leaf stands for.

use std::ops::Range;

use sha2::{Digest as _, Sha256};

/// A SHA-256 hash.
pub type Hash = [u8; 32];

const LEAF: [u8; 1] = [0];
const NODE: [u8; 1] = [1];

/// The hash of a leaf with these bytes.
#[must_use]
pub fn leaf_hash(bytes: &[u8]) -> Hash {
    Sha256::new().chain_update(LEAF).chain_update(bytes).finalize().into()
}

/// The hash of a node over two others.
#[must_use]
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    Sha256::new().chain_update(NODE).chain_update(left).chain_update(right).finalize().into()
}

/// The root of the tree with these leaves.
#[must_use]
pub fn root_of(leaves: &[Hash]) -> Hash {
    let mut frontier = Frontier::default();
    leaves.iter().for_each(|leaf| frontier.push(*leaf));
    frontier.root()
}

/// A complete subtree: the leaves from `index << level` on, `1 << level` of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Subtree {
    /// How far it is above the leaves.
    pub level: u8,
    /// Which one of its level, from the left.
    pub index: u64,
}

/// The complete subtrees that a stretch of leaves consists of, from the left, as large as may be.
#[must_use]
pub fn subtrees(leaves: Range<u64>) -> Vec<Subtree> {
    let (mut found, mut at) = (Vec::new(), leaves.start);
    while at < leaves.end {
        let fits = (leaves.end - at).ilog2();
        let level = at.trailing_zeros().min(fits);
        let small = u8::try_from(level).expect("a number of 64 bits has fewer levels");
        found.push(Subtree { level: small, index: at >> level });
        at += 1_u64 << level;
    }
    found
}

/// The root over complete subtrees of falling size, from the left.
#[must_use]
pub fn join(hashes: &[Hash]) -> Hash {
    let mut hashes = hashes.iter().rev();
    match hashes.next() {
        None => Sha256::digest([]).into(),
        Some(last) => hashes.fold(*last, |right, left| node_hash(left, &right)),
    }
}

/// The right edge of a growing tree: the roots of the complete subtrees that it consists of, one
/// for each bit of its size that is set, the largest first. Enough to add leaves, and for the root.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    hashes: Vec<Hash>,
}

impl Frontier {
    /// A frontier that was taken apart; `None` where these hashes are not one of this size.
    #[must_use]
    pub fn from_parts(size: u64, hashes: Vec<Hash>) -> Option<Self> {
        let is_one = usize::try_from(size.count_ones()) == Ok(hashes.len());
        is_one.then_some(Self { size, hashes })
    }

    /// The number of leaves.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The subtrees' roots, the largest subtree first.
    #[must_use]
    pub fn hashes(&self) -> &[Hash] {
        &self.hashes
    }

    /// Adds a leaf.
    pub fn push(&mut self, leaf: Hash) {
        self.push_noting(leaf, |_, _| ());
    }

    /// Adds a leaf, and tells of every subtree that is complete with it: the leaf itself first.
    pub fn push_noting(&mut self, leaf: Hash, mut noted: impl FnMut(Subtree, &Hash)) {
        let (mut hash, mut subtree) = (leaf, Subtree { level: 0, index: self.size });
        noted(subtree, &hash);
        // As one is added to a binary number: what is there on a level is joined and carried on.
        while subtree.index & 1 == 1 {
            let left = self.hashes.pop().expect("a subtree for each bit that is set");
            hash = node_hash(&left, &hash);
            subtree = Subtree { level: subtree.level + 1, index: subtree.index >> 1 };
            noted(subtree, &hash);
        }
        self.hashes.push(hash);
        self.size += 1;
    }

    /// The root of the tree.
    #[must_use]
    pub fn root(&self) -> Hash {
        join(&self.hashes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vectors::{LEAVES, ROOTS, hash};

    #[test]
    fn roots_are_those_of_the_reference_implementation() {
        let mut frontier = Frontier::default();
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(frontier.root(), hash(empty));
        for (leaf, root) in LEAVES.iter().zip(ROOTS) {
            frontier.push(leaf_hash(&hex::decode(leaf).unwrap()));
            assert_eq!(frontier.root(), hash(root), "{}", frontier.size());
        }
    }

    /// By the definition: split at the largest power of two below the size.
    fn by_definition(leaves: &[Hash]) -> Hash {
        match leaves {
            [] => Sha256::digest([]).into(),
            [leaf] => *leaf,
            leaves => {
                let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
                node_hash(&by_definition(left), &by_definition(right))
            }
        }
    }

    fn leaves(count: u64) -> Vec<Hash> {
        (0..count).map(|number| leaf_hash(&number.to_be_bytes())).collect()
    }

    #[test]
    fn a_frontier_grows_as_the_tree_is_defined_and_tells_what_is_complete() {
        let leaves = leaves(600);
        let (mut frontier, mut told) = (Frontier::default(), Vec::new());
        for (before, leaf) in leaves.iter().enumerate() {
            frontier.push_noting(*leaf, |subtree, hash| told.push((subtree, *hash)));
            assert_eq!(frontier.root(), by_definition(&leaves[..=before]));
            let parts = Frontier::from_parts(frontier.size(), frontier.hashes().to_vec());
            assert_eq!(parts.as_ref(), Some(&frontier));
            assert_eq!(
                Frontier::from_parts(frontier.size() + 1, frontier.hashes.clone()).is_some(),
                (frontier.size() + 1).count_ones() == frontier.size().count_ones()
            );
        }
        for (Subtree { level, index }, hash) in told {
            let from = usize::try_from(index << level).unwrap();
            assert_eq!(hash, by_definition(&leaves[from..from + (1_usize << level)]));
        }
    }

    #[test]
    fn a_stretch_consists_of_complete_subtrees() {
        let shown = |range| -> Vec<(u8, u64)> {
            subtrees(range).into_iter().map(|it: Subtree| (it.level, it.index)).collect()
        };
        assert_eq!(shown(0..0), []);
        assert_eq!(shown(0..7), [(2, 0), (1, 2), (0, 6)]);
        assert_eq!(shown(4..8), [(2, 1)]);
        assert_eq!(shown(256..515), [(8, 1), (1, 256), (0, 514)]);
        for size in 0..200 {
            let leaves = leaves(size);
            let hashes: Vec<Hash> = subtrees(0..size)
                .into_iter()
                .map(|it| {
                    let from = usize::try_from(it.index << it.level).unwrap();
                    by_definition(&leaves[from..from + (1_usize << it.level)])
                })
                .collect();
            assert_eq!(join(&hashes), root_of(&leaves));
        }
    }
}
