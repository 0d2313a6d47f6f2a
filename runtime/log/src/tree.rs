//! Owns the Merkle tree over receipts, as RFC 6962 defines it, and makes proofs from it. Checks none, and signs
//! nothing.

use meterbox_billing::digest::{Digest, Digester};

use crate::proof::{ConsistencyProof, InclusionProof};

/// The most receipts of a log: at a million a second it fills up in nine years, and no arithmetic on positions
/// comes near the end of 64 bits.
pub const RECEIPTS_MAX: u64 = 1 << 48;

/// What RFC 6962 puts before the data of a leaf, and before the two hashes of a node.
const LEAF_PREFIX: [u8; 1] = [0];
const NODE_PREFIX: [u8; 1] = [1];

/// Why a tree proves nothing of the kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TreeError {
    /// A place that the log does not have.
    #[error("the log of {size} receipts has no receipt {index}; the first is 0")]
    NoReceipt {
        /// The place.
        index: u64,
        /// How many there are.
        size: u64,
    },
    /// A size that the log has not reached.
    #[error("the log has {size} receipts, not yet {asked}")]
    TooSmall {
        /// How many there are.
        size: u64,
        /// How many it should be.
        asked: u64,
    },
    /// The older size is the larger one.
    #[error("a log does not shrink: the older one has {old} receipts, the newer one {new}")]
    Shrinks {
        /// How many the older one has.
        old: u64,
        /// How many the newer one has.
        new: u64,
    },
}

/// What a tree comes to: how many receipts, and the hash of all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// How many receipts.
    pub size: u64,
    /// The Merkle tree hash of their digests.
    pub root: Digest,
}

/// The tree over the digests of receipts. It answers for every size that the log ever had, and hashes about two
/// times for each receipt, however large it grows.
#[derive(Debug, Clone, Default)]
pub struct Tree {
    /// Hashes of complete subtrees: `levels[k][i]` is that of the leaves from `i · 2^k` on, 2^k of them.
    levels: Vec<Vec<Digest>>,
}

impl Tree {
    /// The tree of these receipts' digests, in their order.
    #[must_use]
    pub fn of(receipts: impl IntoIterator<Item = Digest>) -> Self {
        let mut tree = Self::default();
        for receipt in receipts {
            tree.push(receipt);
        }
        tree
    }

    /// Appends a receipt's digest.
    pub fn push(&mut self, receipt: Digest) {
        self.push_hash(leaf_hash(&receipt));
    }

    fn push_hash(&mut self, leaf: Digest) {
        let mut hash = leaf;
        for level in 0.. {
            if self.levels.len() == level {
                self.levels.push(Vec::new());
            }
            let nodes = &mut self.levels[level];
            nodes.push(hash);
            match nodes.as_slice() {
                [.., left, right] if nodes.len().is_multiple_of(2) => {
                    hash = node_hash(left, right);
                }
                _ => break,
            }
        }
    }

    /// How many receipts.
    #[must_use]
    pub fn size(&self) -> u64 {
        let leaves = self.levels.first().map_or(0, Vec::len);
        u64::try_from(leaves).expect("no memory holds more than 2^64 digests")
    }

    /// What it comes to now.
    #[must_use]
    pub fn head(&self) -> Head {
        self.head_of_first(self.size())
    }

    /// What it came to when it had `size` receipts.
    pub fn head_at(&self, size: u64) -> Result<Head, TreeError> {
        self.check_size(size)?;
        Ok(self.head_of_first(size))
    }

    /// The proof that the receipt at `index` is among the first `size`.
    pub fn prove_inclusion(&self, index: u64, size: u64) -> Result<InclusionProof, TreeError> {
        self.check_size(size)?;
        if index >= size {
            return Err(TreeError::NoReceipt { index, size });
        }
        let mut hashes = Vec::new();
        self.path(index, 0, size, &mut hashes);
        Ok(InclusionProof { index, hashes })
    }

    /// The proof that the first `new` receipts begin with the first `old`.
    pub fn prove_consistency(&self, old: u64, new: u64) -> Result<ConsistencyProof, TreeError> {
        self.check_size(new)?;
        if old > new {
            return Err(TreeError::Shrinks { old, new });
        }
        let mut hashes = Vec::new();
        if old > 0 {
            self.subproof(old, 0, new, true, &mut hashes);
        }
        Ok(ConsistencyProof { old, hashes })
    }

    fn check_size(&self, asked: u64) -> Result<(), TreeError> {
        let size = self.size();
        match asked <= size {
            true => Ok(()),
            false => Err(TreeError::TooSmall { size, asked }),
        }
    }

    fn head_of_first(&self, size: u64) -> Head {
        let root = match size {
            0 => empty_root(),
            size => self.hash(0, size),
        };
        Head { size, root }
    }

    /// `MTH` of RFC 6962, of the leaves from `begin` to before `end`: at least one, and where they are not a
    /// complete subtree, `begin` is a multiple of a power of two that is no smaller than they are many.
    fn hash(&self, begin: u64, end: u64) -> Digest {
        let count = end - begin;
        if count.is_power_of_two() {
            let level = usize::try_from(count.trailing_zeros()).expect("it is below 64");
            let index = usize::try_from(begin / count).expect("the node is in memory");
            return self.levels[level][index];
        }
        let split = begin + left_of(count);
        node_hash(&self.hash(begin, split), &self.hash(split, end))
    }

    /// `PATH` of RFC 6962.
    fn path(&self, index: u64, begin: u64, end: u64, hashes: &mut Vec<Digest>) {
        if end - begin == 1 {
            return;
        }
        let split = begin + left_of(end - begin);
        if index < split {
            self.path(index, begin, split, hashes);
            hashes.push(self.hash(split, end));
        } else {
            self.path(index, split, end, hashes);
            hashes.push(self.hash(begin, split));
        }
    }

    /// `SUBPROOF` of RFC 6962, where `old` counts from the first leaf of all.
    fn subproof(&self, old: u64, begin: u64, end: u64, known: bool, hashes: &mut Vec<Digest>) {
        if old == end {
            if !known {
                hashes.push(self.hash(begin, end));
            }
            return;
        }
        let split = begin + left_of(end - begin);
        if old <= split {
            self.subproof(old, begin, split, known, hashes);
            hashes.push(self.hash(split, end));
        } else {
            self.subproof(old, split, end, false, hashes);
            hashes.push(self.hash(begin, split));
        }
    }
}

/// The largest power of two below `count`, which is at least 2.
const fn left_of(count: u64) -> u64 {
    1 << (count - 1).ilog2()
}

/// The root of a log without receipts.
#[must_use]
pub fn empty_root() -> Digest {
    Digest::of(b"")
}

/// The hash of a leaf whose data is a receipt's digest.
#[must_use]
pub fn leaf_hash(receipt: &Digest) -> Digest {
    hash_of(&[&LEAF_PREFIX, receipt.as_bytes()])
}

pub(crate) fn node_hash(left: &Digest, right: &Digest) -> Digest {
    hash_of(&[&NODE_PREFIX, left.as_bytes(), right.as_bytes()])
}

fn hash_of(parts: &[&[u8]]) -> Digest {
    let mut digester = Digester::new();
    for part in parts {
        digester.update(part);
    }
    digester.finish()
}

#[cfg(test)]
mod tests;
