//! Owns the root of a tree over receipts that come one by one, where nothing will be proved. Keeps no leaves.

use meterbox_billing::digest::Digest;

use crate::tree::{Head, empty_root, leaf_hash, node_hash};

/// The hash of a leaf whose data is a receipt's digest; made once for all the trees that the receipt is put into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Leaf(Digest);

impl Leaf {
    /// The leaf of a receipt.
    #[must_use]
    pub fn of(receipt: &Digest) -> Self {
        Self(leaf_hash(receipt))
    }
}

/// A [`Tree`](crate::tree::Tree) of which only the roots of its complete subtrees are kept, the largest first: at
/// most 64 digests, however many receipts there are.
#[derive(Debug, Clone, Default)]
pub struct Frontier {
    size: u64,
    subtrees: Vec<Digest>,
}

impl Frontier {
    /// Appends a receipt.
    pub fn push(&mut self, leaf: &Leaf) {
        let mut node = leaf.0;
        // Each complete subtree is a one in the count; a new leaf carries, as adding one does.
        for _ in 0..self.size.trailing_ones() {
            let Some(left) = self.subtrees.pop() else {
                break;
            };
            node = node_hash(&left, &node);
        }
        self.subtrees.push(node);
        self.size = self.size.saturating_add(1);
    }

    /// How many receipts.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// What it comes to now.
    #[must_use]
    pub fn head(&self) -> Head {
        let smaller_first = self.subtrees.iter().rev().copied();
        let root = smaller_first.reduce(|right, left| node_hash(&left, &right));
        Head {
            size: self.size,
            root: root.unwrap_or_else(empty_root),
        }
    }
}

#[cfg(test)]
mod tests {
    use ct_merkle::mem_backed_tree::MemoryBackedTree;
    use sha2::Sha256;

    use super::*;
    use crate::fixture::receipts;
    use crate::tree::Tree;

    #[test]
    fn its_head_is_the_trees_and_another_implementations_at_every_size() {
        let (mut frontier, mut tree) = (Frontier::default(), Tree::default());
        let mut other = MemoryBackedTree::<Sha256, [u8; 32]>::new();
        for receipt in receipts(300) {
            assert_eq!(frontier.head(), tree.head());
            frontier.push(&Leaf::of(&receipt));
            tree.push(receipt);
            other.push(*receipt.as_bytes());
            assert_eq!(
                frontier.head().root.as_bytes(),
                other.root().as_bytes().as_slice()
            );
            assert_eq!(frontier.size(), tree.size());
        }
    }
}
