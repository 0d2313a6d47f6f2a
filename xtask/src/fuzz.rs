//! Runs the fuzz targets, each for some time, and says what came of it. Finds nothing itself.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{ExitCode, Stdio};

use anyhow::{Context as _, Result, ensure};

use crate::project::Project;

/// How many bytes an input may have.
const INPUT_BYTES_MAX: u32 = 8192;
/// How long one input may take, in seconds: engines compile what it makes, and run it some dozens of times.
const INPUT_SECONDS_MAX: u32 = 60;
/// The memory that one target may take, in MiB.
const MEMORY_MIB_MAX: u32 = 8192;
/// The target that begins with compiled programs, too, and where it puts them.
const PROGRAMS: (&str, &str) = ("any_bytes", "corpus/programs");

#[derive(clap::Args)]
pub struct Arguments {
    /// The one target to run, such as `two_implementations`; all of them, one after the other, without it.
    target: Option<String>,
    /// For how many seconds each runs, once it is built.
    #[arg(long, default_value_t = 180)]
    seconds: u32,
}

pub fn run(project: &Project, arguments: &Arguments) -> Result<ExitCode> {
    let installed = project.cargo(&["fuzz", "--version"]).output();
    ensure!(
        installed.is_ok_and(|output| output.status.success()),
        "cargo-fuzz is not installed: `cargo install cargo-fuzz --locked`"
    );
    let known = targets(&project.root)?;
    let chosen = match &arguments.target {
        Some(target) => {
            ensure!(
                known.contains(target),
                "there is no fuzz target `{target}`, but {}",
                known.join(", ")
            );
            vec![target.clone()]
        }
        None => known,
    };
    let mut ran = Vec::new();
    for target in &chosen {
        ran.push((target, fuzz(project, target, arguments.seconds)?));
    }
    println!("\n=== summary");
    for (target, found) in &ran {
        println!("{target:<20} {}", found.told());
    }
    let failed = ran.iter().filter(|(_, found)| found.failed);
    for (target, _) in failed.clone() {
        eprintln!("error: `{target}` failed; an input that does lies in fuzz/artifacts/{target}");
    }
    Ok(match failed.count() {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    })
}

/// The names of the targets, sorted.
fn targets(root: &Path) -> Result<Vec<String>> {
    let mut targets = Vec::new();
    for file in fs::read_dir(root.join("fuzz/fuzz_targets"))? {
        let path = file?.path();
        if let Some(name) = path.file_stem() {
            targets.push(name.to_string_lossy().into_owned());
        }
    }
    targets.sort();
    Ok(targets)
}

/// Runs one target. What it learns stays in `fuzz/corpus`, which is not kept; it begins with `fuzz/seeds`,
/// which is.
fn fuzz(project: &Project, target: &str, seconds: u32) -> Result<Found> {
    println!("\n=== {target}");
    let fuzz = project.root.join("fuzz");
    let mut inputs = vec![format!("corpus/{target}"), format!("seeds/{target}")];
    if target == PROGRAMS.0 {
        inputs.push(PROGRAMS.1.to_owned());
    }
    for folder in &inputs {
        fs::create_dir_all(fuzz.join(folder))?;
    }
    let mut child = project
        .cargo(&["fuzz", "run", "--fuzz-dir", ".", "--sanitizer", "none"])
        .arg(target)
        .args(&inputs)
        .arg("--")
        .arg(format!("-max_total_time={seconds}"))
        .arg(format!("-max_len={INPUT_BYTES_MAX}"))
        .arg(format!("-timeout={INPUT_SECONDS_MAX}"))
        .arg(format!("-rss_limit_mb={MEMORY_MIB_MAX}"))
        // Long inputs at once: of short ones come small programs.
        .args(["-len_control=0", "-print_final_stats=1"])
        .current_dir(&fuzz)
        // Flags of cargo-fuzz that only nightly compilers take, of the pinned one.
        .env("RUSTC_BOOTSTRAP", "1")
        .env("RUSTC_WRAPPER", fuzz.join("instrument.sh"))
        .stderr(Stdio::piped())
        .spawn()
        .context("cargo cannot be run")?;
    let told = child.stderr.take().context("it was asked for")?;
    let mut found = Found::default();
    for line in BufReader::new(told).lines() {
        let line = line?;
        eprintln!("{line}");
        found.read(&line);
    }
    found.failed = !child.wait()?.success();
    Ok(found)
}

/// What libFuzzer says of one target, as far as it does.
#[derive(Default)]
struct Found {
    failed: bool,
    executions: Option<u64>,
    /// Branches that any input took, in the crates that are instrumented.
    coverage: Option<u64>,
    /// Inputs that took new ones.
    new: Option<u64>,
}

impl Found {
    /// Reads a line, such as `#1024 pulse cov: 2190 ft: 9001 …` or `stat::new_units_added: 12`.
    fn read(&mut self, line: &str) {
        let words: Vec<&str> = line.split_whitespace().collect();
        for pair in words.windows(2) {
            let number = pair[1].parse().ok();
            match pair[0] {
                "cov:" => self.coverage = number.or(self.coverage),
                "stat::number_of_executed_units:" => self.executions = number,
                "stat::new_units_added:" => self.new = number,
                _ => {}
            }
        }
    }

    fn told(&self) -> String {
        let number = |number: Option<u64>| number.map_or("?".to_owned(), |n| n.to_string());
        format!(
            "{:>8} executions, coverage {:>6}, {:>5} new units{}",
            number(self.executions),
            number(self.coverage),
            number(self.new),
            if self.failed { ", FAILED" } else { "" }
        )
    }
}
