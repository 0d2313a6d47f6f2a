//! Runs the examples in the sandbox and their models natively in Python, and compares: what goes into the models,
//! what comes out, and what the examples make of it. `examples/compare.py` compares; this brings both sides
//! together and prints the table.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;

use crate::examples::{self, Example};
use crate::meterbox::Meterbox;
use crate::project::Project;
use crate::setup::{self, GUEST_TARGETS};

/// What the native side is made of; pinned, so that a difference is one of Meterbox.
const PACKAGES: [&str; 3] = [
    "numpy==2.4.6",
    "onnxruntime==1.32.0",
    "opencv-python-headless==5.0.0.93",
];

#[derive(clap::Args)]
pub struct Arguments {
    /// Which examples; all without one.
    #[arg(value_enum)]
    which: Vec<Example>,
}

/// What comparing an example came to.
struct Row {
    name: &'static str,
    calls: u64,
    into: f64,
    out: f64,
    same_result: bool,
    passed: bool,
}

pub fn run(project: &Project, arguments: &Arguments) -> Result<ExitCode> {
    let chosen = match &arguments.which[..] {
        [] => &Example::ALL[..],
        chosen => chosen,
    };
    let folder = project.target.join("compare");
    let python = match bring(&folder) {
        Ok(python) => python,
        Err(error) => {
            println!("skipped: the native side cannot be brought here: {error:#}");
            return Ok(ExitCode::SUCCESS);
        }
    };
    setup::targets(project, &GUEST_TARGETS)?;
    examples::build(project)?;
    let home = folder.join("home");
    if home.exists() {
        fs::remove_dir_all(&home)?;
    }
    let meterbox = Meterbox::build(project, &home)?;
    meterbox.run(&["key", "new"])?;
    let mut rows = Vec::new();
    for example in chosen {
        if let Err(error) = example.prepare(project) {
            println!("skipped: `{}` lacks its models: {error:#}", example.name());
            continue;
        }
        rows.push(compare(project, &meterbox, &python, &folder, *example)?);
    }
    print(&rows);
    ensure!(
        rows.iter().all(|row| row.passed),
        "what the sandbox gave is not what the models give natively: see the lines above"
    );
    Ok(ExitCode::SUCCESS)
}

/// A Python with the packages.
fn bring(folder: &Path) -> Result<PathBuf> {
    let place = folder.join("python");
    let python = place.join("bin").join("python");
    let done = place.join("brought");
    if fs::read_to_string(&done).is_ok_and(|brought| brought == PACKAGES.join("\n")) {
        return Ok(python);
    }
    println!("installing {} from PyPI", PACKAGES.join(", "));
    for command in [
        Command::new("python3").args(["-m", "venv"]).arg(&place),
        Command::new(&python)
            .args(["-m", "pip", "install", "--quiet"])
            .args(["--disable-pip-version-check", "--only-binary", ":all:"])
            .args(PACKAGES),
    ] {
        let output = command
            .output()
            .with_context(|| format!("{command:?} cannot be run"))?;
        if !output.status.success() {
            bail!(
                "{command:?} failed: {}",
                String::from_utf8_lossy(&output.stderr)
            );
        }
    }
    fs::write(done, PACKAGES.join("\n"))?;
    Ok(python)
}

fn compare(
    project: &Project,
    meterbox: &Meterbox,
    python: &Path,
    folder: &Path,
    example: Example,
) -> Result<Row> {
    let outputs = folder.join(example.name());
    if outputs.exists() {
        fs::remove_dir_all(&outputs)?;
    }
    let shown = project.shown(&outputs);
    meterbox.run(&[
        "run",
        &example.job(),
        "--out",
        &shown,
        "--",
        "--keep-tensors",
    ])?;
    example.check(project, &outputs)?;
    let said = Command::new(python)
        .arg(project.root.join("examples/compare.py"))
        .arg(project.root.join("examples").join(example.name()))
        .arg(&outputs)
        .output()?;
    let stdout = String::from_utf8_lossy(&said.stdout).into_owned();
    let mut lines: Vec<&str> = stdout.lines().collect();
    let summary: Value = lines
        .pop()
        .and_then(|line| serde_json::from_str(line).ok())
        .with_context(|| {
            format!(
                "comparing `{}` ended early: {}",
                example.name(),
                String::from_utf8_lossy(&said.stderr)
            )
        })?;
    for line in lines {
        println!("{}: {line}", example.name());
    }
    let number = |field: &str| summary[field].as_f64().context("a difference is a number");
    Ok(Row {
        name: example.name(),
        calls: summary["calls"].as_u64().context("calls are counted")?,
        into: number("into")?,
        out: number("out")?,
        same_result: summary["same"].as_bool().unwrap_or(false),
        passed: said.status.success(),
    })
}

fn print(rows: &[Row]) {
    println!("\nexample     calls  largest difference in  largest difference out  result");
    for row in rows {
        println!(
            "{:<10}  {:>5}  {:>21.1e}  {:>22.1e}  {}",
            row.name,
            row.calls,
            row.into,
            row.out,
            match (row.same_result, row.passed) {
                (true, true) => "the same",
                (true, false) => "the same, by other tensors",
                (false, _) => "ANOTHER",
            }
        );
    }
}
