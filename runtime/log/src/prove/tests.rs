//! Proofs are made for the log that was signed, and for no other.

use super::*;
use crate::fixture::{log_key, origin, receipts};

fn signed(count: u64) -> SignedCheckpoint {
    checkpoint(receipts(count), &origin(), &log_key()).unwrap()
}

#[test]
fn a_receipt_is_found_by_its_place_and_by_its_digest() {
    let all = receipts(20);
    let by_place = prove(&all, Which::Index(4), &signed(9)).unwrap();
    let by_digest = prove(&all, Which::Receipt(all[4]), &signed(9)).unwrap();
    assert_eq!(by_place, by_digest);
    assert_eq!(by_place.receipt, Some(all[4]));
}

#[test]
fn what_the_checkpoint_does_not_have_is_not_proved() {
    let all = receipts(20);
    let later = TreeError::NoReceipt { index: 9, size: 9 };
    for which in [Which::Index(9), Which::Receipt(all[9])] {
        assert_eq!(prove(&all, which, &signed(9)), Err(later.clone().into()));
    }
    let receipt = Digest::of(b"no receipt");
    assert_eq!(
        prove(&all, Which::Receipt(receipt), &signed(9)),
        Err(ProveError::UnknownReceipt { receipt })
    );
    assert!(matches!(
        prove(&all[..8], Which::Index(0), &signed(9)),
        Err(ProveError::Tree(TreeError::TooSmall { size: 8, asked: 9 }))
    ));
    assert!(matches!(
        prove_growth(&all, 10, &signed(9)),
        Err(ProveError::Tree(TreeError::Shrinks { old: 10, new: 9 }))
    ));
}

#[test]
fn altered_receipts_do_not_pass_for_the_logs() {
    let mut altered = receipts(9);
    altered.swap(2, 3);
    assert!(matches!(
        prove(&altered, Which::Index(0), &signed(9)),
        Err(ProveError::OtherReceipts { size: 9, .. })
    ));
    assert!(matches!(
        prove_growth(&altered, 1, &signed(9)),
        Err(ProveError::OtherReceipts { .. })
    ));
}
