//! Makes checkpoints and proofs from the digests of a provider's receipts. Reads no ledger, and checks no proof.

use meterbox_billing::digest::Digest;
use meterbox_billing::key::SigningKey;

use crate::checkpoint::{Checkpoint, CheckpointError, SignedCheckpoint};
use crate::note::Name;
use crate::proof_file::{ConsistencyFile, InclusionFile};
use crate::tree::{Tree, TreeError};

/// Why there is no such proof.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProveError {
    /// The tree has no such place or size.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// No receipt of that digest.
    #[error("the log has no receipt {receipt}")]
    UnknownReceipt {
        /// The digest.
        receipt: Digest,
    },
    /// The receipts at hand are not those of the checkpoint: a receipt was lost or altered since.
    #[error(
        "the first {size} receipts at hand come to the root {found}, the checkpoint says {signed}"
    )]
    OtherReceipts {
        /// How many the checkpoint has.
        size: u64,
        /// What they come to, in hexadecimal.
        found: Digest,
        /// What the checkpoint says.
        signed: Digest,
    },
    /// The checkpoint cannot be signed.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
}

/// Which receipt a proof is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// The one at this place, from 0 on, which is its number.
    Index(u64),
    /// The one with this digest.
    Receipt(Digest),
}

/// Signs what the log comes to: the digests of all receipts, in the order of their numbers.
pub fn checkpoint(
    receipts: impl IntoIterator<Item = Digest>,
    origin: &Name,
    key: &SigningKey,
) -> Result<SignedCheckpoint, CheckpointError> {
    let checkpoint = Checkpoint {
        origin: origin.clone(),
        head: Tree::of(receipts).head(),
    };
    checkpoint.sign(key)
}

/// The proof that a receipt is in the log of a checkpoint. The receipts may be more than the checkpoint has.
pub fn prove(
    receipts: &[Digest],
    which: Which,
    checkpoint: &SignedCheckpoint,
) -> Result<InclusionFile, ProveError> {
    let tree = Tree::of(receipts.iter().copied());
    let size = check_tree(&tree, checkpoint)?;
    let index = match which {
        Which::Index(index) => index,
        Which::Receipt(receipt) => {
            let found = receipts.iter().position(|other| *other == receipt);
            found
                .and_then(|index| u64::try_from(index).ok())
                .ok_or(ProveError::UnknownReceipt { receipt })?
        }
    };
    let proof = tree.prove_inclusion(index, size)?;
    let receipt = usize::try_from(index).ok().and_then(|i| receipts.get(i));
    Ok(InclusionFile {
        receipt: receipt.copied(),
        proof,
        checkpoint: checkpoint.clone(),
    })
}

/// The proof that the log of a checkpoint begins with its own first `old` receipts.
pub fn prove_growth(
    receipts: &[Digest],
    old: u64,
    checkpoint: &SignedCheckpoint,
) -> Result<ConsistencyFile, ProveError> {
    let tree = Tree::of(receipts.iter().copied());
    let size = check_tree(&tree, checkpoint)?;
    Ok(ConsistencyFile {
        proof: tree.prove_consistency(old, size)?,
        checkpoint: checkpoint.clone(),
    })
}

/// Fails unless the tree once came to what the checkpoint says; gives its size then.
fn check_tree(tree: &Tree, checkpoint: &SignedCheckpoint) -> Result<u64, ProveError> {
    let signed = checkpoint.checkpoint_unverified().head;
    let found = tree.head_at(signed.size)?;
    if found != signed {
        return Err(ProveError::OtherReceipts {
            size: signed.size,
            found: found.root,
            signed: signed.root,
        });
    }
    Ok(signed.size)
}

#[cfg(test)]
mod tests;
