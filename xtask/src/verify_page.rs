//! Writes the page that verifies receipts, or looks whether it is what the code makes. Makes nothing itself.

use std::fs;
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};

use crate::project::Project;
use crate::setup::{self, BARE_TARGET};

#[derive(clap::Args)]
pub struct Arguments {
    /// Only look whether the page that is there is what the code makes.
    #[arg(long)]
    pub check: bool,
}

pub fn run(project: &Project, arguments: &Arguments) -> Result<ExitCode> {
    setup::targets(project, &[BARE_TARGET])?;
    let page = project.root.join("docs/verify.html");
    let made = match arguments.check {
        true => project.target.join("verify.html"),
        false => page.clone(),
    };
    let status = project
        .cargo(&["run", "--quiet", "-p", "meterbox-verify-page"])
        .args(["--bin", "verify-page", "--"])
        .arg(&made)
        .status()
        .context("cargo cannot be run")?;
    if !status.success() {
        bail!("the page could not be made: see the messages above");
    }
    if fs::read(&page)? != fs::read(&made)? {
        bail!(
            "docs/verify.html is not what the code makes: `cargo xtask verify-page` writes it anew"
        );
    }
    Ok(ExitCode::SUCCESS)
}
