//! Runs the fuzz targets, each for some time. Finds nothing itself.

use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::{Context as _, Result, ensure};

use crate::project::Project;

/// How many bytes an input may have.
const INPUT_BYTES_MAX: u32 = 8192;
/// How long one input may take, in seconds: engines compile it under a compiler's instrumentation.
const INPUT_SECONDS_MAX: u32 = 60;

#[derive(clap::Args)]
pub struct Arguments {
    /// The one target to run, such as `two_implementations`; all of them, one after the other, without it.
    target: Option<String>,
    /// For how many seconds each runs.
    #[arg(long, default_value_t = 180)]
    seconds: u32,
}

pub fn run(project: &Project, arguments: &Arguments) -> Result<ExitCode> {
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
    for target in chosen {
        if !fuzz(project, &target, arguments.seconds)? {
            eprintln!(
                "error: `{target}` found an input that fails; it lies in fuzz/artifacts/{target}"
            );
            return Ok(ExitCode::FAILURE);
        }
    }
    Ok(ExitCode::SUCCESS)
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

/// Runs one target, and says whether it found nothing. What it learns stays in `fuzz/corpus`, which is not
/// kept; it begins with `fuzz/seeds`, which is.
fn fuzz(project: &Project, target: &str, seconds: u32) -> Result<bool> {
    let (corpus, seeds) = (format!("corpus/{target}"), format!("seeds/{target}"));
    let fuzz = project.root.join("fuzz");
    fs::create_dir_all(fuzz.join(&corpus))?;
    // The instrumentation is the nightly compiler's, which is not the one that runs this.
    let status = Command::new("cargo")
        .args(["+nightly", "fuzz", "run", "--fuzz-dir", ".", "--sanitizer", "none"])
        .args([target, &corpus, &seeds, "--"])
        .arg(format!("-max_total_time={seconds}"))
        .arg(format!("-max_len={INPUT_BYTES_MAX}"))
        .arg(format!("-timeout={INPUT_SECONDS_MAX}"))
        .args(["-rss_limit_mb=8192", "-print_final_stats=1"])
        .current_dir(&fuzz)
        .env_remove("CARGO")
        .env_remove("RUSTUP_TOOLCHAIN")
        .status()
        .context("cargo fuzz cannot be run: `cargo install cargo-fuzz --locked` installs it, `rustup toolchain install nightly` what it needs")?;
    Ok(status.success())
}
