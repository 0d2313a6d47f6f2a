//! How long operators take for what they are charged, on each engine, beside a product of matrices: whether a
//! price is too low. `cargo xtask bench prices`
#![allow(
    clippy::print_stdout,
    reason = "a benchmark's result is what it prints"
)]
#![allow(clippy::unwrap_used, reason = "a benchmark that cannot go on fails")]

#[path = "../../tests/suite/build.rs"]
#[allow(dead_code, reason = "tests build with all of it")]
mod build;
mod case;
mod cases;
mod measure;
mod mutation;
mod search;

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;

use crate::case::Case;
use crate::measure::Bench;

/// An operation that takes more than so many times what one of a large product of matrices takes has too low a
/// price. What is usual comes to 1 to 20 times; a hundred would be within what instructions come to, of which a
/// unit does not take the same time either.
const TIMES_MAX: f64 = 150.0;

/// Measure how long models take for what they are charged.
#[derive(Parser)]
struct Arguments {
    /// Only the cases with this in their name.
    part: Option<String>,
    /// Change the cases of one node by chance for so many seconds, and keep what takes longer for what it is charged.
    #[arg(long, value_name = "SECONDS")]
    search: Option<u64>,
    /// Where chance begins.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// What cargo gives every benchmark.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let part = arguments.part.unwrap_or_default();
    let mut cases = cases::all();
    cases.retain(|case| case.name.contains(&part));
    if cases.is_empty() {
        println!("no case has `{part}` in its name");
        return ExitCode::FAILURE;
    }
    let benches = Bench::all();
    let worst = match arguments.search {
        None => each(&cases, &benches),
        Some(seconds) => {
            let time = Duration::from_secs(seconds);
            search::search(cases, &benches, time, arguments.seed)
        }
    };
    println!(
        "\nno more than {TIMES_MAX} times: {}",
        match worst <= TIMES_MAX {
            true => "yes",
            false => "no",
        }
    );
    match worst <= TIMES_MAX {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}

/// Measures every case on every engine. Gives the most times as long as a product that one takes.
fn each(cases: &[Case], benches: &[Bench]) -> f64 {
    print!("{:42}", "operations of one thread");
    for bench in benches {
        let (kind, standard) = (bench.kind(), bench.standard * 1e12);
        print!(" {:>26}", format!("{kind} (1 = {standard:.0} ps)"));
    }
    println!();
    let (mut measured, mut refused, mut worst) = (0_u32, Vec::new(), Vec::new());
    for case in cases {
        print!("{:42}", case.name);
        let mut is_measured = false;
        for bench in benches {
            match bench.of(case) {
                Ok(found) => {
                    let times = bench.times(found);
                    print!(
                        " {:>12.2} ms {times:>9.1} ×",
                        found.took.as_secs_f64() * 1e3
                    );
                    worst.push((times, bench.kind(), case.name.as_str()));
                    is_measured = true;
                }
                Err(error) => {
                    print!(" {:>26}", "cannot");
                    refused.push(format!("{} on {}: {error}", case.name, bench.kind()));
                }
            }
        }
        println!();
        measured += u32::from(is_measured);
    }
    worst.sort_unstable_by(|one, other| other.0.total_cmp(&one.0));
    println!("\n{measured} cases; what takes longest for what it is charged:");
    for (times, kind, name) in worst.iter().take(20) {
        println!("{times:>9.1} ×  {name}, {kind}");
    }
    println!("\nwhat an engine cannot compute:");
    for refusal in &refused {
        println!("{}", refusal.chars().take(140).collect::<String>());
    }
    // What nothing could compute is fair to nobody.
    worst.first().map_or(f64::INFINITY, |(times, ..)| *times)
}
