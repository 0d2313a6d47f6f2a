//! Runs programs that do what a language's standard library offers, on this machine and in the sandbox,
//! compares what they print, and says of each function of WASI which languages' libraries call it.
//!
//! Go and Python are brought from PyPI, and so is the C compiler; Rust's programs are compared by tests.

mod alone;
mod compare;
mod coverage;
mod programs;

use std::fs;
use std::process::ExitCode;

use anyhow::{Result, ensure};

use crate::meterbox::Meterbox;
use crate::project::Project;
use programs::{Program, Tools};

/// Units that the slower of the programs takes, and some.
const LIMIT: &str = "--limit-instructions=100000000000";

pub fn run(project: &Project) -> Result<ExitCode> {
    let folder = project.target.join("conformance");
    let tools = match Tools::bring(project, &folder) {
        Ok(tools) => tools,
        Err(error) => {
            println!("skipped: the languages cannot be brought here: {error:#}");
            return Ok(ExitCode::SUCCESS);
        }
    };
    let home = folder.join("home");
    if home.exists() {
        fs::remove_dir_all(&home)?;
    }
    let meterbox = Meterbox::build(project, &home)?;
    project.build(programs::REMAKER)?;
    let programs = tools.programs(project, &folder)?;
    let mut failed = 0;
    for program in &programs {
        for place in ["--in-process", "--opt-level=speed"] {
            let where_to = if place == "--in-process" {
                "in this process"
            } else {
                "in a worker"
            };
            let differing = compare::compare(program, &meterbox, &home, &folder, place)?;
            println!(
                "{} on WASI {} {where_to}: {differing}",
                program.language, program.wasi
            );
            failed += usize::from(differing.differing > 0);
        }
    }
    let counted = tools.counted(project, &folder)?;
    let watched: Vec<&Program> = programs.iter().chain(&counted).collect();
    let faults = coverage::coverage(project, &meterbox, &home, &folder, &watched)?;
    for fault in &faults {
        println!("  {fault}");
    }
    ensure!(
        faults.is_empty(),
        "functions of WASI are not where they are said to be tested"
    );
    ensure!(
        failed == 0,
        "what the sandbox gave is not what this machine gives"
    );
    Ok(ExitCode::SUCCESS)
}
