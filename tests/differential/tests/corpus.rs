//! Small programs, one for each rule or past mistake, do the same on both implementations of the meter. Each
//! file of `corpus` says what it is there for.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use meterbox_differential::compare::{Count, Subject, explore};
use meterbox_differential::engine::{Wasmtime, Way};

/// Arguments are drawn from each of these.
const SEEDS: [u64; 6] = [1, 2, 3, 5, 8, 13];
/// Units that a run may spend: too few for much, and enough for hundreds of laps.
const BUDGETS: [i64; 2] = [700, 50_000];
/// Enough for the programs that end with no less, which grow memories.
const BUDGET_OF_FEW: i64 = 3_000_000;
/// Smaller budgets, for each call.
const CUTS: u64 = 6;

fn programs() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let entries = std::fs::read_dir(folder).unwrap();
    let mut programs: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    programs.sort();
    programs
}

/// Whether anything came to an end of its own.
fn ended(count: &Count) -> bool {
    count.returned + count.trapped + count.exceptions > 0
}

#[test]
fn every_program_of_the_corpus_is_counted_the_same() {
    let (none, speed) = (Wasmtime::new(Way::None), Wasmtime::new(Way::Speed));
    let (pulley, plain) = (Wasmtime::new(Way::Pulley), Wasmtime::new(Way::Plain));
    let engines = [("none", &none), ("speed", &speed), ("pulley", &pulley)];
    let mut differing = Vec::new();
    let programs = programs();
    assert!(programs.len() >= 40, "the corpus is not there");
    for program in &programs {
        let wasm = wat::parse_file(program).unwrap();
        let mut count = Count::default();
        let compared = catch_unwind(AssertUnwindSafe(|| {
            let subject = Subject::new(&wasm, &engines, Some(&plain)).unwrap();
            assert!(!subject.exports.functions.is_empty(), "nothing is called");
            for seed in SEEDS {
                for units in BUDGETS {
                    explore(&subject, seed, units, CUTS, &mut count);
                }
            }
            if !ended(&count) {
                for seed in SEEDS {
                    explore(&subject, seed, BUDGET_OF_FEW, CUTS, &mut count);
                }
            }
        }));
        if compared.is_err() {
            differing.push(program.file_name().unwrap());
        }
        // A program of which nothing is seen but that it reaches its limit tests little.
        assert!(
            compared.is_err() || ended(&count),
            "{} never ends: {count:?}",
            program.display()
        );
    }
    assert!(differing.is_empty(), "these differ: {differing:?}");
}
