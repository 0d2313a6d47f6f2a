//! Brings what a fresh machine with Rust still lacks: WebAssembly targets, and a C compiler for them.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::project::Project;

/// The targets of guests.
pub const GUEST_TARGETS: [&str; 2] = ["wasm32-wasip1", "wasm32-wasip2"];
/// The target that shows that a crate needs no operating system.
pub const BARE_TARGET: &str = "wasm32-unknown-unknown";

/// The target that the cross-check is built for, to run on another processor.
pub const EMULATED_TARGET: &str = "aarch64-unknown-linux-musl";

/// The PyPI package that brings a C compiler for WebAssembly; pinned, as tests compile with it.
const COMPILER: &str = "ziglang==0.17.1";

/// Installs those of these targets that are missing.
pub fn targets(project: &Project, targets: &[&str]) -> Result<()> {
    let mut missing = Vec::new();
    for target in targets {
        if !has_target(project, target)? {
            missing.push(*target);
        }
    }
    if missing.is_empty() {
        return Ok(());
    }
    let names = missing.join(" ");
    println!("$ rustup target add {names}");
    let added = Command::new("rustup")
        .args(["target", "add"])
        .args(&missing)
        .current_dir(&project.root)
        .status();
    match added {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => bail!("rustup could not add the targets {names}: {status}"),
        Err(error) => bail!(
            "the targets {names} are missing, and there is no rustup to add them ({error}): \
             install them with whatever brought this Rust"
        ),
    }
}

/// Whether the compiler has the target's standard library, however it came here.
fn has_target(project: &Project, target: &str) -> Result<bool> {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc)
        .args(["--print", "target-libdir", "--target", target])
        .current_dir(&project.root)
        .output()
        .context("rustc cannot be run")?;
    let folder = String::from_utf8_lossy(&output.stdout);
    Ok(output.status.success() && Path::new(folder.trim()).is_dir())
}

/// A Python that has the C compiler: the one that `METERBOX_PYTHON` names, or one made for it in the
/// target folder. The error says why there is none.
pub fn python(project: &Project) -> Result<PathBuf, String> {
    if let Some(python) = env::var_os("METERBOX_PYTHON").map(PathBuf::from) {
        return match has_compiler(&python) {
            true => Ok(python),
            false => Err(format!(
                "METERBOX_PYTHON is {}, which cannot run the module `ziglang`",
                python.display()
            )),
        };
    }
    let folder = project.target.join("python");
    let python = folder.join("bin").join("python");
    if has_compiler(&python) {
        return Ok(python);
    }
    println!("making {} with {COMPILER}", project.shown(&folder));
    step(
        Command::new("python3").args(["-m", "venv"]).arg(&folder),
        "there is no Python that can make a virtual environment",
    )?;
    step(
        Command::new(&python).args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            COMPILER,
        ]),
        "pip could not install the C compiler",
    )?;
    match has_compiler(&python) {
        true => Ok(python),
        false => Err("the C compiler was installed and does not run".to_owned()),
    }
}

fn has_compiler(python: &Path) -> bool {
    Command::new(python)
        .args(["-m", "ziglang", "version"])
        .output()
        .is_ok_and(|output| output.status.success())
}

/// Runs a command; when it fails, `what` and the last line that it said.
fn step(command: &mut Command, what: &str) -> Result<(), String> {
    let output = command
        .output()
        .map_err(|error| format!("{what}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    let last = said.trim().lines().last().unwrap_or("it says nothing");
    Err(format!("{what}: {last}"))
}
