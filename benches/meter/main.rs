//! What metering costs: programs without a meter, with the engine's epochs and fuel, and with our pass,
//! by turns in one run. `cargo xtask bench meter -- --help`
#![allow(
    clippy::print_stdout,
    reason = "a benchmark's result is what it prints"
)]
#![allow(clippy::unwrap_used, reason = "a benchmark that cannot go on fails")]

mod clock;
mod configuration;
mod guests;
mod layout;
mod measure;
mod plot;
mod programs;
mod report;
mod table;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;

use clap::Parser as _;

use configuration::Engines;
use measure::Variants;
use programs::{JAVASCRIPT, Program};
use report::Report;

/// Measure what metering costs.
#[derive(clap::Parser)]
struct Arguments {
    /// Measure two rounds of one layout, to see that all works.
    #[arg(long)]
    quick: bool,
    /// Measure only programs whose names contain this; can be repeated.
    #[arg(long, value_name = "NAME")]
    filter: Vec<String>,
    /// How often each layout of a program runs in each configuration.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// How many layouts each program has.
    #[arg(long, default_value_t = 3)]
    layouts: usize,
    /// Write what was measured to this file.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write `meter-benchmark.md` and `meter-benchmark.svg` to this folder.
    #[arg(long, value_name = "FOLDER")]
    write: Option<PathBuf>,
    /// Measure nothing, and show what this file of `--json` holds.
    #[arg(long, value_name = "FILE")]
    from: Option<PathBuf>,
    /// What `cargo bench` passes to every benchmark.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() {
    let arguments = Arguments::parse();
    // Cargo runs benchmarks in their package's folder; who runs them is at the root.
    let path = |path: &Path| guests::root().join(path);
    let report = match &arguments.from {
        Some(file) => serde_json::from_slice(&fs::read(path(file)).unwrap()).unwrap(),
        None => measured(&arguments),
    };
    print!("{}", table::text(&report));
    if let Some(file) = &arguments.json {
        let json = serde_json::to_string_pretty(&report).unwrap();
        fs::write(path(file), json + "\n").unwrap();
    }
    if let Some(folder) = &arguments.write {
        let folder = path(folder);
        fs::write(folder.join("meter-benchmark.md"), table::markdown(&report)).unwrap();
        fs::write(folder.join(table::PICTURE), plot::svg(&report)).unwrap();
    }
}

fn measured(arguments: &Arguments) -> Report {
    let (layouts, rounds) = match arguments.quick {
        true => (1, 2),
        false => (arguments.layouts.max(1), arguments.rounds.max(1)),
    };
    let programs = programs::selected(&arguments.filter);
    assert!(!programs.is_empty(), "no program's name contains that");
    let with_javascript = programs.iter().any(|program| program.module == JAVASCRIPT);
    let guests = guests::build(with_javascript);
    programs::check(&guests);

    let (processor, processors) = processor();
    let mut report = Report {
        processor,
        processors,
        rounds,
        programs: Vec::new(),
        passes: Vec::new(),
        growth: Vec::new(),
    };
    let engines = Engines::new();
    for (at, of_module) in by_module(&programs) {
        eprintln!("{at}/{} {}", programs.len(), of_module[0].name);
        let (first, module) = (of_module[0], &guests[of_module[0].module]);
        let variants = Variants::new(&engines, module, layouts);
        for program in of_module {
            report.programs.push(variants.measure(program, rounds));
        }
        report
            .passes
            .push(measure::pass(first.module, first.group, module));
    }
    if let Some(module) = guests.get(JAVASCRIPT) {
        report.growth = measure::growth(module);
    }
    report
}

/// The programs of each module together, and how many there are until then.
fn by_module(programs: &[Program]) -> Vec<(usize, &[Program])> {
    let modules = programs.chunk_by(|a, b| a.module == b.module);
    modules
        .scan(0, |seen, programs| {
            *seen += programs.len();
            Some((*seen, programs))
        })
        .collect()
}

/// The processor's name for itself, where the system tells it, and how many there are.
fn processor() -> (String, usize) {
    let lines = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let values: BTreeMap<&str, &str> = lines
        .lines()
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.trim(), value.trim()))
        .collect();
    let name = values.get("model name").copied();
    let processors = thread::available_parallelism().map_or(1, usize::from);
    (
        name.unwrap_or(std::env::consts::ARCH).to_owned(),
        processors,
    )
}
