//! Runs the benchmarks. Measures nothing itself.

use std::process::ExitCode;

use anyhow::{Context as _, Result};

use crate::project::Project;
use crate::setup::{self, BARE_TARGET, GUEST_TARGETS};

#[derive(clap::Args)]
pub struct Arguments {
    /// The one benchmark to run, such as `start` or `meter`; all of them without it.
    name: Option<String>,
    /// What the benchmark itself is given.
    #[arg(last = true)]
    arguments: Vec<String>,
}

pub fn run(project: &Project, arguments: &Arguments) -> Result<ExitCode> {
    let mut needed = GUEST_TARGETS.to_vec();
    needed.push(BARE_TARGET);
    setup::targets(project, &needed)?;
    let mut cargo = project.cargo(&["bench", "-p", "meterbox-benches"]);
    if let Some(name) = &arguments.name {
        cargo.args(["--bench", name]);
    }
    cargo.arg("--").args(&arguments.arguments);
    let status = cargo.status().context("cargo cannot be run")?;
    Ok(match status.success() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}
