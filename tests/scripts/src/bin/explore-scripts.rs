//! Draws bytes from seeds for so many seconds, and does with each what the fuzz target does. Prints how the runs
//! came out; a fault ends it, with the bytes in a file. With a folder, bytes that came out as none before them are
//! kept there.
//!
//! `explore-scripts [SECONDS] [FIRST SEED] [FOLDER]`

#![allow(clippy::unwrap_used, reason = "a check that cannot go on fails")]
#![allow(clippy::print_stdout, reason = "a command line of its own")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::panic::catch_unwind;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use meterbox_scripts::targets::inference_told;
use sha2::{Digest, Sha256};

/// Bytes that are drawn for one script at the most.
const BYTES_MAX: u64 = 600;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |index: usize, otherwise: u64| {
        let argument = arguments.get(index);
        argument.map_or(otherwise, |argument| argument.parse().unwrap())
    };
    let seconds = number(0, 10);
    let first = number(1, 1);
    let folder = arguments.get(2).map(Path::new);
    let began = Instant::now();
    let mut ways: BTreeMap<String, u64> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    let (mut scripts, mut rejected) = (0u64, 0u64);
    let mut seed = first;
    while began.elapsed() < Duration::from_secs(seconds) {
        let data = bytes(seed);
        match catch_unwind(|| inference_told(&data)) {
            Ok(Ok(told)) => {
                scripts += 1;
                let is_new = seen.insert(told.path.clone());
                if let (true, Some(folder)) = (is_new, folder) {
                    fs::write(folder.join(format!("seed-{seed}")), &data).unwrap();
                }
                *ways.entry(told.outcome).or_default() += 1;
            }
            Ok(Err(_)) => rejected += 1,
            Err(_) => {
                let file = format!("fault-{seed}");
                fs::write(&file, &data).unwrap();
                println!("seed {seed} fails, after {scripts} scripts: {file}");
                return ExitCode::FAILURE;
            }
        }
        seed += 1;
    }
    println!(
        "{scripts} scripts, each run twice, {rejected} rejected, in {} s; seeds {first} to {seed}; {} paths",
        began.elapsed().as_secs(),
        seen.len()
    );
    for (outcome, count) in ways {
        println!("{count:>8} {outcome}");
    }
    ExitCode::SUCCESS
}

/// Bytes of a length of their own, from a seed.
fn bytes(seed: u64) -> Vec<u8> {
    let block = |n: u64| {
        Sha256::new()
            .chain_update(seed.to_le_bytes())
            .chain_update(n.to_le_bytes())
    };
    let length = usize::try_from(20 + seed.wrapping_mul(7_919) % BYTES_MAX).unwrap();
    let mut bytes: Vec<u8> = (0..)
        .flat_map(|n| block(n).finalize())
        .take(length)
        .collect();
    bytes.truncate(length);
    bytes
}
