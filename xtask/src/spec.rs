//! Writes the tables of the documents anew. What is in them, `tests/documents.rs` decides, which
//! otherwise checks that they are current.

use std::process::ExitCode;

use anyhow::{Context as _, Result, ensure};

use crate::project::Project;

pub fn run(project: &Project) -> Result<ExitCode> {
    let status = project
        .cargo_workspace("test")
        .args(["--quiet", "--test", "documents"])
        .env("METERBOX_WRITE_DOCUMENTS", "1")
        .status()
        .context("cargo cannot be run")?;
    ensure!(
        status.success(),
        "the tables could not be written: see above"
    );
    println!("the documents' tables are as the code says: `git diff` shows what has changed");
    Ok(ExitCode::SUCCESS)
}
