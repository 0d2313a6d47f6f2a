//! Programs that are written from fixed seeds do the same on both implementations of the meter.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use arbitrary::Unstructured;
use meterbox_differential::compare::{Count, Subject, explore};
use meterbox_differential::engine::{Wasmtime, Way};
use meterbox_differential::generator::generate;
use meterbox_differential::seed;

/// How many programs: as many as take some seconds. `explore` goes on where this ends.
const PROGRAMS: u64 = 300;
/// Units that a run may spend.
const UNITS: i64 = 50_000;
/// Smaller budgets, for each call.
const CUTS: u64 = 4;

#[test]
fn programs_of_all_shapes_are_counted_the_same() {
    let (none, speed) = (Wasmtime::new(Way::None), Wasmtime::new(Way::Speed));
    let (pulley, plain) = (Wasmtime::new(Way::Pulley), Wasmtime::new(Way::Plain));
    let mut count = Count::default();
    for seed in 1..=PROGRAMS {
        let wasm = generate(&mut Unstructured::new(&seed::bytes(seed))).unwrap();
        let mut engines = vec![("none", &none)];
        if seed.is_multiple_of(10) {
            engines.extend([("speed", &speed), ("pulley", &pulley)]);
        }
        let plain = seed.is_multiple_of(10).then_some(&plain);
        let subject = Subject::new(&wasm, &engines, plain).unwrap();
        // On a failure, what seed it was.
        let told = Told(seed);
        explore(&subject, seed, UNITS, CUTS, &mut count);
        std::mem::forget(told);
    }
    // That they are of all shapes, and that not all end in the same way.
    assert!(count.runs > 10 * PROGRAMS, "{count:?}");
    for (ending, least) in [
        (count.returned, PROGRAMS),
        (count.trapped, PROGRAMS / 10),
        (count.limited, PROGRAMS),
        (count.exceptions, PROGRAMS / 100),
    ] {
        assert!(ending > least, "{count:?}");
    }
}

/// Says the seed when a comparison panics.
struct Told(u64);

impl Drop for Told {
    fn drop(&mut self) {
        eprintln!("of the program of seed {}", self.0);
    }
}
