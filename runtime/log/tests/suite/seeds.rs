//! What was worth keeping of the bytes that fuzz targets drew, in `fuzz/seeds`, is done again. `cargo xtask fuzz`
//! draws more.

use std::fs;
use std::panic::catch_unwind;
use std::path::Path;

use crate::fuzzed::{any_card, any_envelope, any_order, any_proof, any_receipt};

/// Does with each of a target's seeds what the target does.
fn replay(name: &str, target: fn(&[u8]) -> Option<()>) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds");
    let (mut read, mut refused) = (0, 0);
    for seed in fs::read_dir(folder.join(name)).unwrap() {
        let seed = seed.unwrap().path();
        let data = fs::read(&seed).unwrap();
        match catch_unwind(|| target(&data)) {
            Ok(Some(())) => read += 1,
            Ok(None) => refused += 1,
            Err(_) => panic!("of {}", seed.display()),
        }
    }
    assert!(
        read >= 2 && refused >= 2,
        "{read} of {name} read, {refused} refused"
    );
}

#[test]
fn no_envelope_panics_or_deceives() {
    replay("any_envelope", any_envelope);
}

#[test]
fn receipts_come_back_or_are_refused() {
    replay("any_receipt", any_receipt);
}

#[test]
fn orders_and_answers_come_back_or_are_refused() {
    replay("any_order", any_order);
}

#[test]
fn cards_price_within_their_ceilings_or_are_refused() {
    replay("any_card", any_card);
}

#[test]
fn proofs_come_back_or_are_refused() {
    replay("any_proof", any_proof);
}
