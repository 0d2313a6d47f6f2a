//! Owns what a proof is and checks it against the heads of trees: by crate `ct-merkle`, which shares no code with
//! the [`tree`](crate::tree) that makes proofs. Knows no signature.

use ct_merkle::{ConsistencyVerifError, InclusionVerifError, RootHash};
use meterbox_billing::digest::Digest;
use sha2::Sha256;

use crate::tree::{Head, RECEIPTS_MAX, empty_root};

/// The most hashes of a proof that can hold: one for each level of the largest tree, and one to begin with.
pub const HASHES_MAX: usize = 49;

/// Why a proof does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// The head is of no log that there can be.
    #[error("the log has {size} receipts, more than the {RECEIPTS_MAX} that a log can have")]
    TooLarge {
        /// How many it says.
        size: u64,
    },
    /// The place is outside the tree.
    #[error("the proof is for receipt {index}, the log has {size}; the first is 0")]
    NoReceipt {
        /// The place.
        index: u64,
        /// How many there are.
        size: u64,
    },
    /// Too many or too few hashes for these sizes.
    #[error("the proof has {count} hashes, which no proof between these sizes has")]
    Length {
        /// How many it has.
        count: usize,
    },
    /// The hashes do not lead to the root.
    #[error("the receipt is not at place {index} of the log of {size} receipts with this root")]
    NotIncluded {
        /// The place.
        index: u64,
        /// How many there are.
        size: u64,
    },
    /// The older log has more receipts.
    #[error("a log does not shrink: the older one has {old} receipts, the newer one {new}")]
    Shrinks {
        /// How many the older one has.
        old: u64,
        /// How many the newer one has.
        new: u64,
    },
    /// The proof is from another size.
    #[error("the proof begins at {found} receipts, the older log has {expected}")]
    WrongSize {
        /// Where it begins.
        found: u64,
        /// How many there are.
        expected: u64,
    },
    /// The hashes do not lead to both roots.
    #[error(
        "the log of {new} receipts does not begin with the {old} of the older one, or the proof is not theirs"
    )]
    Inconsistent {
        /// How many the older one has.
        old: u64,
        /// How many the newer one has.
        new: u64,
    },
}

/// That a receipt is in a log: the hashes beside its way to the root, from the leaf on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InclusionProof {
    /// The place of the receipt, from 0 on, which is its number.
    pub index: u64,
    /// The hashes.
    pub hashes: Vec<Digest>,
}

/// That a log begins with an older one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsistencyProof {
    /// How many receipts the older one has.
    pub old: u64,
    /// The hashes.
    pub hashes: Vec<Digest>,
}

impl InclusionProof {
    /// Fails unless `receipt` is the digest at this proof's place in the log with this head.
    pub fn check(&self, receipt: &Digest, head: &Head) -> Result<(), ProofError> {
        let (index, size) = (self.index, head.size);
        let length = ProofError::Length {
            count: self.hashes.len(),
        };
        let root = root_hash(head)?;
        let proof = ct_merkle::InclusionProof::try_from_bytes(joined(&self.hashes))
            .map_err(|_| length.clone())?;
        root.verify_inclusion(receipt.as_bytes(), index, &proof)
            .map_err(|error| match error {
                InclusionVerifError::IndexOutOfRange | InclusionVerifError::TreeEmpty => {
                    ProofError::NoReceipt { index, size }
                }
                InclusionVerifError::MalformedProof => length,
                InclusionVerifError::IncorrectHash => ProofError::NotIncluded { index, size },
            })
    }
}

impl ConsistencyProof {
    /// Fails unless the log with the head `newer` begins with all that the one with the head `older` had.
    pub fn check(&self, older: &Head, newer: &Head) -> Result<(), ProofError> {
        let (old, new) = (older.size, newer.size);
        if self.old != old {
            return Err(ProofError::WrongSize {
                found: self.old,
                expected: old,
            });
        }
        if old > new {
            return Err(ProofError::Shrinks { old, new });
        }
        let (older_root, newer_root) = (root_hash(older)?, root_hash(newer)?);
        let length = ProofError::Length {
            count: self.hashes.len(),
        };
        let inconsistent = ProofError::Inconsistent { old, new };
        // Every log begins with the empty one, which RFC 6962 leaves out.
        if old == 0 || old == new {
            let same = match old {
                0 => older.root == empty_root() && (new > 0 || newer.root == empty_root()),
                _ => older.root == newer.root,
            };
            return match (self.hashes.is_empty(), same) {
                (false, _) => Err(length),
                (true, false) => Err(inconsistent),
                (true, true) => Ok(()),
            };
        }
        let proof = ct_merkle::ConsistencyProof::try_from_bytes(joined(&self.hashes))
            .map_err(|_| length.clone())?;
        newer_root
            .verify_consistency(&older_root, &proof)
            .map_err(|error| match error {
                ConsistencyVerifError::MalformedProof => length,
                ConsistencyVerifError::VerificationFailure
                | ConsistencyVerifError::OldTreeLarger
                | ConsistencyVerifError::OldTreeEmpty
                | ConsistencyVerifError::NewTreeTooBig => inconsistent,
            })
    }
}

fn root_hash(head: &Head) -> Result<RootHash<Sha256>, ProofError> {
    if head.size > RECEIPTS_MAX {
        return Err(ProofError::TooLarge { size: head.size });
    }
    Ok(RootHash::new((*head.root.as_bytes()).into(), head.size))
}

fn joined(hashes: &[Digest]) -> Vec<u8> {
    hashes.iter().flat_map(|hash| *hash.as_bytes()).collect()
}
