//! What a log hands out is believed when it holds, and each way of cheating has an error of its own.

use super::*;
use crate::fixture::{log_key, log_public, origin, receipts, witness_key};
use crate::note::NoteError;
use crate::prove::{Which, checkpoint, prove, prove_growth};

fn signed(count: u64) -> SignedCheckpoint {
    checkpoint(receipts(count), &origin(), &log_key()).unwrap()
}

fn trust() -> Trust {
    Trust::key(log_public())
}

fn file() -> InclusionFile {
    prove(&receipts(9), Which::Index(4), &signed(9)).unwrap()
}

fn growth(old: u64, new: u64) -> ConsistencyFile {
    prove_growth(&receipts(new), old, &signed(new)).unwrap()
}

#[test]
fn a_receipt_in_the_log_is_found_there() {
    let receipt = receipts(9)[4];
    let included = check_inclusion(&file(), Some(&receipt), &trust()).unwrap();
    assert_eq!((included.receipt, included.index), (receipt, 4));
    assert_eq!(included.log.checkpoint.head.size, 9);
    assert_eq!(check_inclusion(&file(), None, &trust()).unwrap(), included);
    let unnamed = InclusionFile {
        receipt: None,
        ..file()
    };
    assert_eq!(
        check_inclusion(&unnamed, Some(&receipt), &trust()).unwrap(),
        included
    );
    assert_eq!(
        check_inclusion(&unnamed, None, &trust()),
        Err(CheckError::NoReceipt)
    );
}

#[test]
fn another_receipt_another_place_and_another_key_are_refused() {
    let other = receipts(9)[5];
    assert!(matches!(
        check_inclusion(&file(), Some(&other), &trust()),
        Err(CheckError::OtherReceipt { .. })
    ));
    let renamed = InclusionFile {
        receipt: Some(other),
        ..file()
    };
    assert!(matches!(
        check_inclusion(&renamed, Some(&other), &trust()),
        Err(CheckError::Proof(ProofError::NotIncluded {
            index: 4,
            size: 9
        }))
    ));
    let mut moved = file();
    moved.proof.index = 5;
    assert!(matches!(
        check_inclusion(&moved, None, &trust()),
        Err(CheckError::Proof(ProofError::NotIncluded { .. }))
    ));
    let stranger = Trust::key(witness_key().public().unwrap());
    assert!(matches!(
        check_inclusion(&file(), None, &stranger),
        Err(CheckError::Checkpoint(CheckpointError::Note(
            NoteError::NotSigned { .. }
        )))
    ));
}

#[test]
fn a_log_that_grew_is_consistent_with_what_it_was() {
    for (old, new) in [(0, 0), (0, 9), (1, 9), (4, 9), (9, 9)] {
        let grown = check_consistency(&signed(old), &growth(old, new), &trust()).unwrap();
        assert_eq!(grown.old.checkpoint.head.size, old);
        assert_eq!(grown.new.checkpoint.head.size, new);
    }
}

#[test]
fn a_log_that_shows_two_faces_is_found_out() {
    let mut others = receipts(9);
    others[8] = Digest::of(b"another");
    let other = checkpoint(others.iter().copied(), &origin(), &log_key()).unwrap();
    let split = check_consistency(&other, &growth(9, 9), &trust());
    assert_eq!(
        split,
        Err(CheckError::Split {
            origin: origin(),
            size: 9
        })
    );
    let later = check_consistency(&other, &growth(9, 12), &trust());
    assert_eq!(
        later,
        Err(ProofError::Inconsistent { old: 9, new: 12 }.into())
    );
}

#[test]
fn proofs_between_other_sizes_and_other_logs_are_refused() {
    let wrong = check_consistency(&signed(4), &growth(5, 9), &trust());
    assert_eq!(
        wrong,
        Err(ProofError::WrongSize {
            found: 5,
            expected: 4
        }
        .into())
    );
    let shrunk = ConsistencyFile {
        proof: crate::proof::ConsistencyProof {
            old: 9,
            hashes: Vec::new(),
        },
        checkpoint: signed(4),
    };
    let shrunk = check_consistency(&signed(9), &shrunk, &trust());
    assert_eq!(shrunk, Err(ProofError::Shrinks { old: 9, new: 4 }.into()));
    let name = "other.example/log".parse().unwrap();
    let elsewhere = checkpoint(receipts(4), &name, &log_key()).unwrap();
    assert!(matches!(
        check_consistency(&elsewhere, &growth(4, 9), &trust()),
        Err(CheckError::OtherLog { .. })
    ));
}
