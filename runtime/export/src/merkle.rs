//! Owns the Merkle root of RFC 6962 over digests that arrive one by one. Keeps no leaves and makes no proofs.

use meterbox_billing::digest::Digest;
use sha2::{Digest as _, Sha256};

/// The hash of a leaf, whose data is a digest's 32 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Leaf([u8; 32]);

impl Leaf {
    /// SHA-256 of a zero byte and the digest.
    #[must_use]
    pub fn of(digest: &Digest) -> Self {
        let mut hash = Sha256::new();
        hash.update([0]);
        hash.update(digest.as_bytes());
        Self(hash.finalize().into())
    }
}

/// A tree in the making: the roots of its complete subtrees, the largest first, so at most 64.
#[derive(Debug, Clone, Default)]
pub struct Tree {
    leaves: u64,
    subtrees: Vec<[u8; 32]>,
}

impl Tree {
    /// Appends a leaf.
    pub fn push(&mut self, leaf: &Leaf) {
        let mut node = leaf.0;
        // Each complete subtree is a one in the count; a new leaf carries, as adding one does.
        for _ in 0..self.leaves.trailing_ones() {
            let Some(left) = self.subtrees.pop() else {
                break;
            };
            node = parent(&left, &node);
        }
        self.subtrees.push(node);
        self.leaves = self.leaves.saturating_add(1);
    }

    /// How many leaves there are.
    #[must_use]
    pub const fn leaves(&self) -> u64 {
        self.leaves
    }

    /// The root; of no leaves the SHA-256 of nothing.
    #[must_use]
    pub fn root(&self) -> Digest {
        let mut subtrees = self.subtrees.iter().rev();
        let Some(last) = subtrees.next() else {
            return Digest::of(b"");
        };
        Digest::from_bytes(subtrees.fold(*last, |right, left| parent(left, &right)))
    }
}

fn parent(left: &[u8; 32], right: &[u8; 32]) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update([1]);
    hash.update(left);
    hash.update(right);
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The definition of RFC 6962, section 2.1, word by word.
    fn by_definition(digests: &[Digest]) -> [u8; 32] {
        match digests {
            [] => *Digest::of(b"").as_bytes(),
            [one] => {
                let mut bytes = vec![0];
                bytes.extend(one.as_bytes());
                *Digest::of(&bytes).as_bytes()
            }
            more => {
                let mut split = 1;
                while split * 2 < more.len() {
                    split *= 2;
                }
                let (left, right) = more.split_at(split);
                let mut bytes = vec![1];
                bytes.extend(by_definition(left));
                bytes.extend(by_definition(right));
                *Digest::of(&bytes).as_bytes()
            }
        }
    }

    #[test]
    fn the_root_is_the_one_of_the_definition_at_every_size() {
        let digests: Vec<_> = (0..200_u8).map(|n| Digest::of(&[n])).collect();
        let mut tree = Tree::default();
        for size in 0..=digests.len() {
            assert_eq!(tree.root().as_bytes(), &by_definition(&digests[..size]));
            assert_eq!(tree.leaves(), u64::try_from(size).unwrap());
            if let Some(next) = digests.get(size) {
                tree.push(&Leaf::of(next));
            }
        }
    }
}
