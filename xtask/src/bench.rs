//! Runs the benchmarks. Measures nothing itself.

use std::process::{Command, ExitCode};

use anyhow::{Context as _, Result};

use crate::packages;
use crate::project::Project;
use crate::setup::{self, BARE_TARGET, GUEST_TARGETS};

#[derive(clap::Args)]
pub struct Arguments {
    /// The one benchmark to run, such as `start`, `prices` or `billing`; all but these last two without it.
    name: Option<String>,
    /// What the benchmark itself is given.
    #[arg(last = true)]
    arguments: Vec<String>,
}

pub fn run(project: &Project, arguments: &Arguments) -> Result<ExitCode> {
    match arguments.name.as_deref() {
        Some("billing") => return billing(project),
        Some("prices") => return prices(project, &arguments.arguments),
        _ => {}
    }
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

/// What operators of models take for what they are charged, on each engine.
fn prices(project: &Project, arguments: &[String]) -> Result<ExitCode> {
    let status = project
        .cargo(&[
            "bench",
            "-p",
            "meterbox-inference",
            "--bench",
            "prices",
            "--",
        ])
        .args(arguments)
        .env("METERBOX_ONNXRUNTIME", packages::onnxruntime(project)?)
        .status()
        .context("cargo cannot be run")?;
    Ok(match status.success() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

/// How many receipts are recorded, and charges exported.
const RECEIPTS: &str = "50000";
const CHARGES: &str = "1000000";

/// Receipts a second, and a million of them in other tools' forms, beside what these tools take for the same table.
fn billing(project: &Project) -> Result<ExitCode> {
    let folder = project.target.join("bench-billing");
    std::fs::create_dir_all(&folder)?;
    let example = |package: &str, name: &str, arguments: &[&str]| -> Result<bool> {
        println!("\n=== {name} {}", arguments.join(" "));
        let mut cargo = project.cargo(&["run", "--quiet", "--release", "-p", package]);
        cargo.args(["--example", name, "--"]).args(arguments);
        let status = cargo.status().context("cargo cannot be run")?;
        Ok(status.success())
    };
    let mut holds = example("meterbox-ledger", "ledger-bench", &[RECEIPTS])?;
    for format in ["focus-csv", "focus-parquet"] {
        let out = folder.join(format).display().to_string();
        holds &= example(
            "meterbox-export",
            "million",
            &[format, "hour", &out, CHARGES],
        )?;
    }
    let python = folder.join("python");
    packages::bring(&python, &["pyarrow==26.0.1"])?;
    println!("\n=== pyarrow");
    let status = Command::new(python.join("bin/python"))
        .arg(
            project
                .root
                .join("runtime/export/examples/beside_pyarrow.py"),
        )
        .arg(folder.join("focus-parquet"))
        .arg(&folder)
        .status()
        .context("Python cannot be run")?;
    Ok(match holds && status.success() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}
