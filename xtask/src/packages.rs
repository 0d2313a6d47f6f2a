//! Brings packages of PyPI into a virtual environment of their own. Runs nothing of theirs.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail};

/// A virtual environment with these packages, which is made once.
pub fn bring(environment: &Path, packages: &[&str]) -> Result<()> {
    let done = environment.join("brought");
    let wanted = packages.join("\n");
    if fs::read_to_string(&done).is_ok_and(|brought| brought == wanted) {
        return Ok(());
    }
    println!("installing {} from PyPI", packages.join(" and "));
    let python = environment.join("bin/python");
    let install = [
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
    ];
    succeed(
        Command::new("python3")
            .args(["-m", "venv"])
            .arg(environment),
    )?;
    succeed(Command::new(python).args(install).args(packages))?;
    Ok(fs::write(done, wanted)?)
}

fn succeed(command: &mut Command) -> Result<()> {
    let output = command
        .output()
        .with_context(|| format!("{command:?} cannot be run"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("{command:?} failed: {said}");
    }
    Ok(())
}
