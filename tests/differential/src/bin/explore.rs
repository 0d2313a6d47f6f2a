//! Writes programs from seeds for so many seconds, and compares the meter's two implementations on each.
//! Prints what was compared; a difference ends it, with the program in a file.
//!
//! `explore [SECONDS] [FIRST SEED] [CUTS]`

#![allow(clippy::unwrap_used, reason = "a check that cannot go on fails")]
#![allow(clippy::print_stdout, reason = "a command line of its own")]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use arbitrary::Unstructured;
use meterbox_differential::compare::{Count, Subject, explore};
use meterbox_differential::engine::{Wasmtime, Way};
use meterbox_differential::generator::generate;
use meterbox_differential::seed;

/// Units that a run may spend: enough for thousands of laps.
const UNITS: i64 = 200_000;

fn main() -> ExitCode {
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
    while began.elapsed() < Duration::from_secs(seconds) {
        seed += 1;
        let Ok(wasm) = generate(&mut Unstructured::new(&seed::bytes(seed))) else {
            continue;
        };
        // Most programs run on the quick compiler only; each eighth everywhere.
        let everywhere = seed.is_multiple_of(8);
        let mut engines = vec![("none", &none)];
        if everywhere {
            engines.push(("speed", &speed));
        }
        let compared = catch_unwind(AssertUnwindSafe(|| {
            let mut count = Count::default();
            let subject = Subject::new(&wasm, &engines, everywhere.then_some(&plain))?;
            explore(&subject, seed, UNITS, cuts, &mut count);
            Ok::<_, meterbox_differential::compare::Refusal>(count)
        }));
        match compared {
            Ok(Ok(one)) => {
                programs += 1;
                count.add(&one);
            }
            Ok(Err(why)) => {
                refused += 1;
                println!("refused: {why:?}");
            }
            Err(_) => {
                let file = format!("difference-{seed}.wasm");
                std::fs::write(&file, &wasm).unwrap();
                println!("seed {seed} differs, after {programs} programs: {file}");
                return ExitCode::FAILURE;
            }
        }
    }
    println!(
        "{programs} programs, {refused} refused, {} runs compared in {} s: {} returned, {} trapped, {} were \
         limited, {} threw; {} units; seeds {first} to {seed}",
        count.runs,
        began.elapsed().as_secs(),
        count.returned,
        count.trapped,
        count.limited,
        count.exceptions,
        count.units
    );
    ExitCode::SUCCESS
}
