#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::sync::atomic::{AtomicU64, Ordering};

use meterbox_billing::digest::Digest;
use meterbox_sandbox::{Nobody, OptLevel};
use meterbox_tests as guests;

use super::*;

/// What the machine's clock shows.
static CLOCK: AtomicU64 = AtomicU64::new(0);

fn shown() -> Timestamp {
    Timestamp::from_unix_seconds(CLOCK.load(Ordering::Relaxed)).unwrap()
}

#[test]
fn a_clock_that_is_set_back_charges_nothing_in_a_time_that_is_over() {
    let began = guests::now().unix_seconds();
    CLOCK.store(began + 100, Ordering::Relaxed);
    let folder = tempfile::tempdir().unwrap();
    let ledger = Ledger::open(&folder.path().join("ledger.sqlite"), Duration::ZERO).unwrap();
    let store = Store::open(&folder.path().join("store")).unwrap();
    let provider = Provider::new(
        SigningKey::from_bytes(&[1; 32]),
        meterbox_billing::rate_card::default_card().unwrap(),
        &Policy::default(),
        ledger,
        Host {
            device: None,
            now: shown,
        },
        Sandbox::new(OptLevel::Speed).unwrap(),
        guests::in_an_hour(),
    )
    .unwrap()
    .storing_outputs(store.clone());
    let program = std::fs::read(guests::hello()).unwrap();
    let run = |id: &str| {
        let key = SigningKey::from_bytes(&[2; 32]);
        let order = guests::order(provider.offer(), Digest::of(&program), id, &key);
        let material = Material {
            program: program.clone(),
            inputs: vec![],
        };
        provider
            .run(&order, &material, Arc::new(Nobody), &Stop::new())
            .unwrap()
    };
    let first = run("first");
    assert_eq!(
        first.document.attested().ended_at.unix_seconds(),
        began + 100
    );
    // As a clock is that is put right: by less than what the books refuse.
    CLOCK.store(began + 10, Ordering::Relaxed);
    let second = run("second");
    let attested = second.document.attested();
    assert_eq!(attested.ended_at.unix_seconds(), began + 100);

    // What was left is in the store, under the digest of the receipt.
    let left = &second.document.reproducible().outputs[0];
    let copy = folder.path().join("some/where/hello.txt");
    store.copy_to(&left.sha256, &copy).unwrap();
    assert_eq!(std::fs::read(&copy).unwrap(), b"hello\n");
    let stored = folder.path().join("store").join(left.sha256.to_string());
    std::fs::write(&stored, b"other\n").unwrap();
    let damaged = store.copy_to(&left.sha256, &copy).unwrap_err();
    assert!(
        matches!(damaged, crate::StoreError::Damaged(_)),
        "{damaged}"
    );
    assert_eq!(std::fs::read(&copy).unwrap(), b"hello\n", "as it was");
}
