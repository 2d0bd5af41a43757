//! How the leaves of a tree are covered from left to right: by the leaves themselves, and where
//! some are left out by the hashes of complete subtrees (`docs/audit.md`, "Covering").
//!
//! Pure. It must not know what a leaf is made of.

use baton_ledger::{Hash, Subtree, join, node_hash, subtrees};

/// The part of a tree that is covered so far: complete subtrees, the largest first.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cover {
    size: u64,
    levels: Vec<u8>,
    hashes: Vec<Hash>,
}

impl Cover {
    /// How many leaves are covered.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// The next leaf.
    pub(crate) fn push_leaf(&mut self, leaf: Hash) {
        self.push(0, leaf);
    }

    /// The leaves from here to before `end`, by the hashes of the subtrees that they make; whether
    /// these are as many as there are subtrees.
    pub(crate) fn push_omitted(&mut self, end: u64, hashes: &[Hash]) -> bool {
        let subtrees = subtrees(self.size..end);
        if subtrees.len() != hashes.len() {
            return false;
        }
        for (subtree, hash) in subtrees.iter().zip(hashes) {
            self.push(subtree.level, *hash);
        }
        true
    }

    /// The root of a tree of what is covered.
    pub(crate) fn root(&self) -> Hash {
        join(&self.hashes)
    }

    fn push(&mut self, level: u8, hash: Hash) {
        self.size += 1 << level;
        let (mut level, mut hash) = (level, hash);
        while self.levels.pop_if(|left| *left == level).is_some() {
            let left = self.hashes.pop().expect("a hash for each level");
            hash = node_hash(&left, &hash);
            level += 1;
        }
        self.levels.push(level);
        self.hashes.push(hash);
    }
}

/// Leaves that are left out, as the hashes of as few complete subtrees as there can be.
#[derive(Debug, Default)]
pub(crate) struct Gap {
    nodes: Vec<(Subtree, Hash)>,
}

impl Gap {
    /// The next leaves: those of one complete subtree.
    pub(crate) fn push(&mut self, leaves: Subtree, hash: Hash) {
        let (mut leaves, mut hash) = (leaves, hash);
        // Whatever stands before it on its level is its sibling: nothing lies between them.
        while leaves.index % 2 == 1
            && let Some((_, left)) = self.nodes.pop_if(|(left, _)| left.level == leaves.level)
        {
            hash = node_hash(&left, &hash);
            leaves = Subtree { level: leaves.level + 1, index: leaves.index / 2 };
        }
        self.nodes.push((leaves, hash));
    }

    /// The next leaf.
    pub(crate) fn push_leaf(&mut self, index: u64, leaf: Hash) {
        self.push(Subtree { level: 0, index }, leaf);
    }

    /// What was left out until now; what comes begins anew.
    pub(crate) fn take(&mut self) -> Vec<Hash> {
        std::mem::take(&mut self.nodes).into_iter().map(|(_, hash)| hash).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::ops::Range;

    use baton_ledger::root_of;

    use super::*;

    const LEAVES_MAX: u64 = 40;

    fn leaves(count: u64) -> Vec<Hash> {
        (0..count).map(|n| [u8::try_from(n).unwrap(); 32]).collect()
    }

    fn part(all: &[Hash], leaves: Range<u64>) -> Vec<Hash> {
        all[usize::try_from(leaves.start).unwrap()..usize::try_from(leaves.end).unwrap()].to_vec()
    }

    fn hash_of(all: &[Hash], subtree: Subtree) -> Hash {
        let Subtree { level, index } = subtree;
        root_of(&part(all, index << level..(index + 1) << level))
    }

    fn hashes(all: &[Hash], leaves: Range<u64>) -> Vec<Hash> {
        subtrees(leaves).into_iter().map(|subtree| hash_of(all, subtree)).collect()
    }

    #[test]
    fn leaves_and_any_hole_between_them_give_the_root_of_the_tree() {
        for size in 0..LEAVES_MAX {
            let all = leaves(size);
            for from in 0..=size {
                for to in from..=size {
                    let mut cover = Cover::default();
                    part(&all, 0..from).into_iter().for_each(|leaf| cover.push_leaf(leaf));
                    let mut gap = Gap::default();
                    for (index, leaf) in (from..to).zip(part(&all, from..to)) {
                        gap.push_leaf(index, leaf);
                    }
                    let omitted = gap.take();
                    assert_eq!(omitted, hashes(&all, from..to), "{from}..{to}");
                    assert!(cover.push_omitted(to, &omitted));
                    part(&all, to..size).into_iter().for_each(|leaf| cover.push_leaf(leaf));
                    assert_eq!(cover.size(), size);
                    assert_eq!(cover.root(), root_of(&all), "{size} without {from}..{to}");
                }
            }
        }
    }

    /// Of a gap, what lies outside of the part of the log that was read comes as subtrees.
    #[test]
    fn subtrees_and_leaves_of_one_gap_join() {
        let all = leaves(LEAVES_MAX);
        for (begin, middle, end) in [(0, 6, 16), (5, 8, 16), (4, 6, 39), (0, 1, 2), (3, 3, 4)] {
            let mut gap = Gap::default();
            for subtree in subtrees(begin..middle) {
                gap.push(subtree, hash_of(&all, subtree));
            }
            for (index, leaf) in (middle..end).zip(part(&all, middle..end)) {
                gap.push_leaf(index, leaf);
            }
            for subtree in subtrees(end..LEAVES_MAX) {
                gap.push(subtree, hash_of(&all, subtree));
            }
            assert_eq!(gap.take(), hashes(&all, begin..LEAVES_MAX), "{begin}, {middle}, {end}");
        }
    }

    #[test]
    fn too_few_hashes_and_too_many_are_seen() {
        let hash = [7; 32];
        assert!(!Cover::default().push_omitted(6, &[hash]));
        assert!(Cover::default().push_omitted(6, &[hash; 2]));
        assert!(!Cover::default().push_omitted(6, &[hash; 3]));
    }
}
