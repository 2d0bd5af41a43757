//! Proofs of RFC 6962, sections 2.1.1 and 2.1.2: that a leaf is in a tree, and that a tree is the
//! beginning of another. Pure; what the hashes of a proof are made of says a list of stretches, so
//! that whoever has the leaves elsewhere reads no more than it needs.

use std::ops::Range;

use crate::tree::{Hash, node_hash, root_of};

/// Why a proof proves nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// There is no such leaf, or no such beginning, in a tree of this size.
    #[error("nothing can be proved of this leaf or size in a tree of this size")]
    Range,
    /// It has more or fewer hashes than a proof of this kind has.
    #[error("the proof has the wrong number of hashes")]
    Length,
    /// It does not lead to the root.
    #[error("the proof leads to another root")]
    Root,
}

/// The leaves below each hash of an inclusion proof, in the proof's order; `None` where the tree
/// has no such leaf.
#[must_use]
pub fn inclusion_ranges(index: u64, size: u64) -> Option<Vec<Range<u64>>> {
    if index >= size {
        return None;
    }
    let (mut tree, mut ranges) = (0..size, Vec::new());
    while tree.end - tree.start > 1 {
        let (left, right) = halves(&tree);
        let (own, other) = if index < right.start { (left, right) } else { (right, left) };
        ranges.push(other);
        tree = own;
    }
    ranges.reverse();
    Some(ranges)
}

/// The leaves below each hash of a consistency proof, in the proof's order; `None` where there is
/// nothing to prove: of an empty tree, or of one larger than the other.
#[must_use]
pub fn consistency_ranges(from: u64, to: u64) -> Option<Vec<Range<u64>>> {
    if from == 0 || from > to {
        return None;
    }
    let (mut tree, mut ranges) = (0..to, Vec::new());
    while from < tree.end {
        let (left, right) = halves(&tree);
        let (own, other) = if from <= right.start { (left, right) } else { (right, left) };
        ranges.push(other);
        tree = own;
    }
    // Whoever asks has the root of the smaller tree, where that is what is left.
    if tree.start > 0 {
        ranges.push(tree);
    }
    ranges.reverse();
    Some(ranges)
}

/// Two parts of more than one leaf: the left one is the largest power of two that leaves a rest.
fn halves(tree: &Range<u64>) -> (Range<u64>, Range<u64>) {
    let at = tree.start + (1_u64 << (tree.end - tree.start - 1).ilog2());
    (tree.start..at, at..tree.end)
}

/// The proof that the leaf is in the tree with these leaves.
#[must_use]
pub fn inclusion_proof(leaves: &[Hash], index: u64) -> Option<Vec<Hash>> {
    roots(leaves, inclusion_ranges(index, leaves.len() as u64)?)
}

/// The proof that the tree with the first `from` of these leaves is the beginning of the tree with
/// all of them.
#[must_use]
pub fn consistency_proof(leaves: &[Hash], from: u64) -> Option<Vec<Hash>> {
    roots(leaves, consistency_ranges(from, leaves.len() as u64)?)
}

fn roots(leaves: &[Hash], ranges: Vec<Range<u64>>) -> Option<Vec<Hash>> {
    let place = |at: u64| usize::try_from(at).ok();
    let root = |it: Range<u64>| leaves.get(place(it.start)?..place(it.end)?).map(root_of);
    ranges.into_iter().map(root).collect()
}

/// Checks that the leaf at `index` is in the tree with this size and root.
///
/// # Errors
/// [`ProofError`] where that is not proved.
pub fn verify_inclusion(
    leaf: &Hash,
    index: u64,
    size: u64,
    proof: &[Hash],
    root: &Hash,
) -> Result<(), ProofError> {
    let ranges = inclusion_ranges(index, size).ok_or(ProofError::Range)?;
    if ranges.len() != proof.len() {
        return Err(ProofError::Length);
    }
    let reached = ranges.iter().zip(proof).fold(*leaf, |reached, (range, hash)| {
        // What lies to the left of the leaf is the left one of two.
        match range.end <= index {
            true => node_hash(hash, &reached),
            false => node_hash(&reached, hash),
        }
    });
    if reached == *root { Ok(()) } else { Err(ProofError::Root) }
}

/// Checks that the tree with the first size and root is the beginning of the other.
///
/// # Errors
/// [`ProofError`] where that is not proved.
pub fn verify_consistency(
    from: (u64, &Hash),
    to: (u64, &Hash),
    proof: &[Hash],
) -> Result<(), ProofError> {
    let ranges = consistency_ranges(from.0, to.0).ok_or(ProofError::Range)?;
    if ranges.len() != proof.len() {
        return Err(ProofError::Length);
    }
    let mut steps = ranges.iter().zip(proof);
    // The subtree that ends where the smaller tree does: part of both trees.
    let begun = match ranges.first() {
        Some(range) if range.end == from.0 => {
            steps.next();
            proof[0]
        }
        _ => *from.1,
    };
    let (smaller, larger) =
        steps.fold((begun, begun), |(smaller, larger), (range, hash)| match range.end <= from.0 {
            true => (node_hash(hash, &smaller), node_hash(hash, &larger)),
            false => (smaller, node_hash(&larger, hash)),
        });
    if smaller == *from.1 && larger == *to.1 { Ok(()) } else { Err(ProofError::Root) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::leaf_hash;
    use crate::vectors::{CONSISTENCY, INCLUSION, ROOTS, hash, leaves};

    fn root(size: u64) -> Hash {
        hash(ROOTS[usize::try_from(size).unwrap() - 1])
    }

    #[test]
    fn inclusion_proofs_are_those_of_the_reference_implementation() {
        for (index, size, proof) in INCLUSION {
            let expected: Vec<Hash> = proof.iter().map(|text| hash(text)).collect();
            let leaves = leaves(size);
            assert_eq!(inclusion_proof(&leaves, index), Some(expected.clone()), "{index} {size}");
            let leaf = leaves[usize::try_from(index).unwrap()];
            verify_inclusion(&leaf, index, size, &expected, &root(size)).unwrap();
        }
    }

    #[test]
    fn consistency_proofs_are_those_of_the_reference_implementation() {
        for (from, to, proof) in CONSISTENCY {
            let expected: Vec<Hash> = proof.iter().map(|text| hash(text)).collect();
            assert_eq!(consistency_proof(&leaves(to), from), Some(expected.clone()), "{from} {to}");
            verify_consistency((from, &root(from)), (to, &root(to)), &expected).unwrap();
        }
    }

    #[test]
    fn what_is_not_there_cannot_be_proved() {
        assert_eq!(inclusion_ranges(0, 0), None);
        assert_eq!(inclusion_ranges(8, 8), None);
        assert_eq!(consistency_ranges(0, 8), None);
        assert_eq!(consistency_ranges(9, 8), None);
        let root = root(8);
        assert_eq!(verify_inclusion(&root, 8, 8, &[], &root), Err(ProofError::Range));
        assert_eq!(verify_consistency((9, &root), (8, &root), &[]), Err(ProofError::Range));
        assert_eq!(verify_consistency((8, &root), (8, &[0; 32]), &[]), Err(ProofError::Root));
    }

    /// Every proof of small trees holds, and holds no more once anything of it is another.
    #[test]
    fn a_changed_proof_proves_nothing() {
        let all: Vec<Hash> = (0..70_u64).map(|it| leaf_hash(&it.to_be_bytes())).collect();
        for size in 1..=all.len() {
            let (leaves, to) = (&all[..size], size as u64);
            let root = root_of(leaves);
            for (at, leaf) in leaves.iter().enumerate() {
                let index = at as u64;
                let proof = inclusion_proof(leaves, index).unwrap();
                let holds =
                    |index, proof: &[Hash]| verify_inclusion(leaf, index, to, proof, &root).is_ok();
                assert!(holds(index, &proof), "{index} of {to}");
                assert!(!holds(index ^ 1, &proof), "{index} of {to}");
                spoilt(&proof).for_each(|proof| assert!(!holds(index, &proof), "{index} of {to}"));

                let smaller = root_of(&leaves[..=at]);
                let proof = consistency_proof(leaves, index + 1).unwrap();
                let holds = |from, root_from: &Hash, proof: &[Hash]| {
                    verify_consistency((from, root_from), (to, &root), proof).is_ok()
                };
                assert!(holds(index + 1, &smaller, &proof), "{index} of {to}");
                assert!(!holds(index + 1, &[7; 32], &proof), "{index} of {to}");
                assert!(!holds(index + 2, &smaller, &proof), "{index} of {to}");
                spoilt(&proof).for_each(|proof| {
                    assert!(!holds(index + 1, &smaller, &proof), "{index} of {to}");
                });
            }
        }
    }

    /// The proof with one hash changed, one too many, one too few.
    fn spoilt(proof: &[Hash]) -> impl Iterator<Item = Vec<Hash>> {
        let changed = (0..proof.len()).map(|at| {
            let mut proof = proof.to_vec();
            proof[at][31] ^= 1;
            proof
        });
        let longer = [proof, &[[0; 32]]].concat();
        let shorter = proof.split_last().map(|(_, rest)| rest.to_vec());
        changed.chain([longer]).chain(shorter)
    }
}
