//! The meter's two implementations do the same on any module, and the module does the same without the
//! meter. The budget ends what would not end.

#![no_main]

use arbitrary::Unstructured;
use libfuzzer_sys::{Corpus, fuzz_target};
use meterbox_differential::compare::{Count, Subject, explore};
use meterbox_fuzz::{NONE, PLAIN, PULLEY, module_alone};

/// Units that a run may spend.
const UNITS: i64 = 20_000;
/// Smaller budgets, for each call.
const CUTS: u64 = 3;

fuzz_target!(|data: &[u8]| -> Corpus {
    let mut u = Unstructured::new(data);
    let Ok(seed) = u.arbitrary::<u64>() else {
        return Corpus::Reject;
    };
    let Ok(wasm) = module_alone(&mut u) else {
        return Corpus::Reject;
    };
    let mut engines = vec![("none", &*NONE)];
    if seed.is_multiple_of(8) {
        engines.push(("pulley", &*PULLEY));
    }
    // What one of the implementations does not know cannot be compared.
    let Ok(subject) = Subject::new(&wasm, &engines, Some(&PLAIN)) else {
        return Corpus::Reject;
    };
    explore(&subject, seed, UNITS, CUTS, &mut Count::default());
    Corpus::Keep
});
