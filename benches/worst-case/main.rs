//! Searches for the program that pays least for its time: `cargo xtask bench worst-case`. Begins with
//! programs that were written to be dear, and lets loop bodies evolve. Changes no schedule.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a benchmark's result is what it prints, and one that cannot go on fails"
)]

mod alphabet;
mod case;
mod chance;
mod genome;
mod ordinary;
mod reach;
mod report;
mod search;
mod seeds;

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Parser;
use meterbox_benches::guest::{Laboratory, on_large_stack};
use meterbox_meter::Tier;

use case::{Case, Judged};
use report::Found;

/// Programs that are kept as text are small enough to be read.
const KEPT_BYTES_MAX: usize = 8 << 10;

/// Search for the programs that pay least for their time.
#[derive(Parser)]
struct Arguments {
    /// Seconds of evolution in each tier.
    #[arg(long, default_value_t = 30)]
    seconds: u64,
    /// Where chance begins.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// One tier only: small, medium or large.
    #[arg(long)]
    tier: Option<String>,
    /// How many of the worst are printed.
    #[arg(long, default_value_t = 10)]
    most: usize,
    /// A folder, from the project's root, for the document `fair-prices.md`.
    #[arg(long)]
    write: Option<PathBuf>,
    /// A folder, from the project's root, for the worst programs as text.
    #[arg(long)]
    keep: Option<PathBuf>,
    /// What cargo gives every benchmark.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() {
    let arguments = Arguments::parse();
    let wanted = |tier: &Tier| {
        let name = arguments.tier.as_deref();
        name.is_none_or(|name| name == tier.name())
    };
    let laboratory = Laboratory::new(true);
    let found: Vec<Found> = Tier::ALL
        .into_iter()
        .filter(wanted)
        .map(|tier| on_large_stack(|| search(&laboratory, tier, &arguments)))
        .collect();
    println!("{}", report::text(&found, arguments.most));

    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    if let Some(folder) = &arguments.write {
        let command = format!(
            "cargo xtask bench worst-case -- --seconds {} --seed {} --write {}",
            arguments.seconds,
            arguments.seed,
            folder.display()
        );
        let document = report::document(&found, &command);
        std::fs::write(root.join(folder).join("fair-prices.md"), document).unwrap();
    }
    if let Some(folder) = &arguments.keep {
        for found in &found {
            let small = |judged: &&Judged| judged.case.text.len() < KEPT_BYTES_MAX;
            for (rank, judged) in found.bad.iter().filter(small).take(3).enumerate() {
                let name = format!("{}-{}.wat", found.tier.name(), rank + 1);
                let text = format!(";; {}\n{}", judged.case.name, judged.case.text);
                std::fs::write(root.join(folder).join(name), text).unwrap();
            }
        }
    }
}

fn search(laboratory: &Laboratory, tier: Tier, arguments: &Arguments) -> Found {
    eprintln!("{} tier", tier.name());
    let judged = |cases: Vec<Case>| -> Vec<Judged> {
        cases
            .into_iter()
            .filter_map(|case| case.judged(laboratory, tier))
            .collect()
    };
    let ordinary = judged(ordinary::programs(tier));
    let mut bad = Vec::new();
    for seeds in [
        seeds::arithmetic(tier),
        seeds::control(tier),
        vec![seeds::many_locals(tier, 50), seeds::many_locals(tier, 500)],
        reach::memory(tier),
        reach::tables(tier),
        reach::firsts(tier),
    ] {
        bad.extend(judged(seeds));
    }
    if arguments.seconds > 0 {
        let time = Duration::from_secs(arguments.seconds);
        for chases in [true, false] {
            let half = time / 2;
            bad.extend(search::evolve(
                laboratory,
                tier,
                arguments.seed,
                chases,
                half,
            ));
        }
    }
    Found::new(tier, ordinary, bad)
}
