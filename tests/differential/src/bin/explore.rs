//! Writes programs from a seed for so many seconds, and compares the meter's two implementations on each.
//! Prints what was compared; a difference ends it, with the program in a file.

#![allow(clippy::unwrap_used, reason = "a check that cannot go on fails")]
#![allow(clippy::print_stdout, reason = "a command line of its own")]

use std::time::{Duration, Instant};

use arbitrary::Unstructured;
use meterbox_differential::compare::{Count, Subject, explore};
use meterbox_differential::engine::{Wasmtime, Way};
use meterbox_differential::generator::generate;

/// Units that a run may spend: enough for thousands of laps.
const UNITS: i64 = 200_000;

/// How often there is a line while it runs.
const REPORTED_EVERY: Duration = Duration::from_secs(60);

/// The next number of a sequence (splitmix64).
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

fn main() {
    let mut arguments = std::env::args()
        .skip(1)
        .map(|argument| argument.parse::<u64>().unwrap());
    let seconds = arguments.next().unwrap_or(10);
    let first = arguments.next().unwrap_or(1);
    let cuts = arguments.next().unwrap_or(6);
    let (none, speed) = (Wasmtime::new(Way::None), Wasmtime::new(Way::Speed));
    let plain = Wasmtime::new(Way::Plain);
    let began = Instant::now();
    let mut count = Count::default();
    let (mut programs, mut refused) = (0u64, 0u64);
    let mut seed = first;
    let mut reported = Duration::ZERO;
    while began.elapsed() < Duration::from_secs(seconds) {
        if began.elapsed() > reported + REPORTED_EVERY {
            reported = began.elapsed();
            report(programs, refused, &count, reported, [first, seed]);
        }
        seed += 1;
        let mut state = seed;
        let bytes: Vec<u8> = (0..400)
            .flat_map(|_| next(&mut state).to_le_bytes())
            .collect();
        let Ok(wasm) = generate(&mut Unstructured::new(&bytes)) else {
            continue;
        };
        // Most programs run on the quick compiler only; each eighth everywhere.
        let everywhere = seed.is_multiple_of(8);
        let mut engines = vec![("none", &none)];
        if everywhere {
            engines.push(("speed", &speed));
        }
        let compared = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let mut count = Count::default();
            match Subject::new(&wasm, &engines, everywhere.then_some(&plain)) {
                Ok(subject) => explore(&subject, seed, UNITS, cuts, &mut count),
                Err(error) => return Err(error.to_string()),
            }
            Ok(count)
        }));
        match compared {
            Ok(Ok(one)) => {
                programs += 1;
                count.add(&one);
            }
            Ok(Err(why)) => {
                refused += 1;
                println!("refused: {why}");
            }
            Err(_) => {
                let file = format!("difference-{seed}.wasm");
                std::fs::write(&file, &wasm).unwrap();
                println!("seed {seed} differs: {file}");
                std::process::exit(1);
            }
        }
    }
    report(programs, refused, &count, began.elapsed(), [first, seed]);
}

fn report(programs: u64, refused: u64, count: &Count, took: Duration, seeds: [u64; 2]) {
    let [first, seed] = seeds;
    println!(
        "{programs} programs, {refused} refused, {} runs compared in {} s: {} returned, {} trapped, {} were \
         limited, {} threw; {} units; seeds {first} to {seed}",
        count.runs,
        took.as_secs(),
        count.returned,
        count.trapped,
        count.limited,
        count.exceptions,
        count.units
    );
}
