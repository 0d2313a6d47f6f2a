//! Brings packages of PyPI into a virtual environment of their own. Runs nothing of theirs.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};

use crate::project::Project;

/// The library that tests and benchmarks compute models with beside what is built in.
const ONNX_RUNTIME: &str = "onnxruntime==1.32.0";

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

/// Where its packages are.
pub fn library(environment: &Path) -> Result<PathBuf> {
    let ask = "import sysconfig; print(sysconfig.get_path('platlib'))";
    let output = Command::new(environment.join("bin/python"))
        .args(["-c", ask])
        .output()?;
    ensure!(
        output.status.success(),
        "Python does not say where its packages are"
    );
    Ok(PathBuf::from(String::from_utf8(output.stdout)?.trim()))
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

/// The folder with ONNX Runtime's library: the one that `METERBOX_ONNXRUNTIME` names, or PyPI's.
pub fn onnxruntime(project: &Project) -> Result<PathBuf> {
    if let Some(library) = std::env::var_os("METERBOX_ONNXRUNTIME") {
        return Ok(library.into());
    }
    let folder = project.target.join("onnxruntime");
    bring(&folder, &[ONNX_RUNTIME])?;
    Ok(library(&folder)?.join("onnxruntime/capi"))
}
