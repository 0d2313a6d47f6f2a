//! The meter's two implementations do the same on programs that are written for it.

#![no_main]

use arbitrary::Unstructured;
use libfuzzer_sys::{Corpus, fuzz_target};
use meterbox_differential::compare::{Count, Subject, explore};
use meterbox_differential::generator::generate;
use meterbox_fuzz::{NONE, PLAIN, PULLEY};

/// Units that a run may spend.
const UNITS: i64 = 20_000;
/// Smaller budgets, for each call.
const CUTS: u64 = 3;

fuzz_target!(|data: &[u8]| -> Corpus {
    let mut u = Unstructured::new(data);
    let Ok(seed) = u.arbitrary::<u64>() else {
        return Corpus::Reject;
    };
    let Ok(wasm) = generate(&mut u) else {
        return Corpus::Reject;
    };
    // The other engines take their time: some programs each.
    let mut engines = vec![("none", &*NONE)];
    if seed.is_multiple_of(8) {
        engines.push(("pulley", &*PULLEY));
    }
    let plain = seed.is_multiple_of(4).then(|| &*PLAIN);
    let Ok(subject) = Subject::new(&wasm, &engines, plain) else {
        return Corpus::Reject;
    };
    explore(&subject, seed, UNITS, CUTS, &mut Count::default());
    Corpus::Keep
});
