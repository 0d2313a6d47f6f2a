//! Runs the cross-check of engines: brings what it needs of Rust and of Python. Compares nothing itself.

use std::process::ExitCode;

use anyhow::{Context as _, Result};

use crate::project::Project;
use crate::setup::{self, BARE_TARGET, EMULATED_TARGET};

#[derive(clap::Args)]
#[command(disable_help_flag = true)]
pub struct Arguments {
    /// What the check itself is given: `--help` lists it.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

pub fn run(project: &Project, arguments: &Arguments) -> Result<ExitCode> {
    setup::targets(project, &[BARE_TARGET])?;
    // Without it, the engines that are emulated are skipped, and say why.
    if let Err(error) = setup::targets(project, &[EMULATED_TARGET]) {
        println!("{error}");
    }
    let mut cargo = project.cargo(&["run", "--release", "-p", "meterbox-cross-check"]);
    cargo.args(["--features", "wasmi", "--", "--target"]);
    cargo.arg(&project.target).args(&arguments.arguments);
    match setup::python(project) {
        Ok(python) => {
            cargo.env("METERBOX_PYTHON", python);
        }
        Err(why) => println!("without a C compiler: {why}"),
    }
    let status = cargo.status().context("cargo cannot be run")?;
    Ok(match status.success() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}
