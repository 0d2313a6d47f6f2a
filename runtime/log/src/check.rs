//! Checks what a log hands out, from files alone: that a receipt is in it, and that it only grew. Believes the
//! keys that its caller names, and no others.

use meterbox_billing::digest::Digest;
use meterbox_billing::verify::Verified;

use crate::checkpoint::{CheckpointError, Opened, SignedCheckpoint, Trust};
use crate::note::Name;
use crate::proof::ProofError;
use crate::proof_file::{ConsistencyFile, InclusionFile};

/// Why a log is not believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CheckError {
    /// A checkpoint is not signed by whom it should be.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The proof says that it is for another receipt.
    #[error("the proof is for the receipt {found}, not for {expected}")]
    OtherReceipt {
        /// Which it says.
        found: Digest,
        /// The receipt at hand.
        expected: Digest,
    },
    /// The proof does not say for which receipt it is, and none was given.
    #[error("the proof does not say for which receipt it is: name the receipt")]
    NoReceipt,
    /// The proof does not hold.
    #[error(transparent)]
    Proof(#[from] ProofError),
    /// The receipt's number is not its place.
    #[error("the receipt is at place {index} of the log, and says that its number is {sequence}")]
    OtherNumber {
        /// Its place.
        index: u64,
        /// Its number.
        sequence: u64,
    },
    /// The log signed two roots of one size, which no log that only grows has.
    #[error(
        "the log `{origin}` signed two different roots of {size} receipts: it showed different logs to different people"
    )]
    Split {
        /// Its name.
        origin: Name,
        /// How many receipts.
        size: u64,
    },
    /// The checkpoints are of two logs.
    #[error("the checkpoints are of the logs `{old}` and `{new}`")]
    OtherLog {
        /// The older one's.
        old: Name,
        /// The newer one's.
        new: Name,
    },
}

/// A receipt that is in a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Included {
    /// The receipt's digest.
    pub receipt: Digest,
    /// Its place, from 0 on, which is its number.
    pub index: u64,
    /// The checkpoint, and who co-signed it.
    pub log: Opened,
}

/// A log that began with an older one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grown {
    /// The older checkpoint.
    pub old: Opened,
    /// The newer one.
    pub new: Opened,
}

/// Fails unless the receipt of this digest is in the log of the file's checkpoint. Without a digest the file's own
/// hint is taken, which proves that a receipt of that digest is in the log, and the caller says which.
pub fn check_inclusion(
    file: &InclusionFile,
    receipt: Option<&Digest>,
    trust: &Trust,
) -> Result<Included, CheckError> {
    let receipt = match (receipt, file.receipt) {
        (Some(expected), Some(found)) if *expected != found => {
            return Err(CheckError::OtherReceipt {
                found,
                expected: *expected,
            });
        }
        (Some(receipt), _) => *receipt,
        (None, Some(hint)) => hint,
        (None, None) => return Err(CheckError::NoReceipt),
    };
    let log = file.checkpoint.open(trust)?;
    file.proof.check(&receipt, &log.checkpoint.head)?;
    Ok(Included {
        receipt,
        index: file.proof.index,
        log,
    })
}

/// Fails unless this receipt is in the log of the file's checkpoint, at the place that its number says. Whoever calls
/// it has verified the receipt.
pub fn check_receipt(
    file: &InclusionFile,
    receipt: &Verified,
    trust: &Trust,
) -> Result<Included, CheckError> {
    let included = check_inclusion(file, Some(&receipt.digest), trust)?;
    let sequence = receipt.receipt.attested().sequence;
    match included.index == sequence {
        true => Ok(included),
        false => Err(CheckError::OtherNumber {
            index: included.index,
            sequence,
        }),
    }
}

/// Fails unless the log of the file's checkpoint begins with all that the log of the older checkpoint had.
pub fn check_consistency(
    old: &SignedCheckpoint,
    file: &ConsistencyFile,
    trust: &Trust,
) -> Result<Grown, CheckError> {
    let old = old.open(trust)?;
    let new = file.checkpoint.open(trust)?;
    let (before, after) = (&old.checkpoint, &new.checkpoint);
    if before.origin != after.origin {
        return Err(CheckError::OtherLog {
            old: before.origin.clone(),
            new: after.origin.clone(),
        });
    }
    if before.head.size == after.head.size && before.head.root != after.head.root {
        return Err(CheckError::Split {
            origin: before.origin.clone(),
            size: before.head.size,
        });
    }
    file.proof.check(&before.head, &after.head)?;
    Ok(Grown { old, new })
}

#[cfg(test)]
mod tests;
