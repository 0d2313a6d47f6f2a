//! Other versions of wasmtime, from PyPI: older ones, which providers may still have, and a newer one.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;
use meterbox_differential::case::Ending;

use super::{Answer, Engine, Place, foreign, succeeds};
use crate::program::Program;

/// The versions.
const VERSIONS: [&str; 4] = ["27.0.2", "36.0.0", "44.0.0", "50.0.1"];

/// One version.
struct Pypi {
    version: &'static str,
    python: PathBuf,
    script: PathBuf,
    folder: PathBuf,
}

/// All of them.
pub fn all() -> Vec<Box<dyn Engine>> {
    let pypi = |version| -> Box<dyn Engine> {
        Box::new(Pypi {
            version,
            python: PathBuf::new(),
            script: PathBuf::new(),
            folder: PathBuf::new(),
        })
    };
    VERSIONS.into_iter().map(pypi).collect()
}

impl Engine for Pypi {
    fn name(&self) -> String {
        format!("wasmtime-{}", self.version)
    }

    fn prepare(&mut self, place: &Place) -> Result<(), String> {
        self.folder = place.folder.join(self.name());
        self.script = place.root.join("tests/cross-check/src/foreign/pypi.py");
        self.python = install(&place.python, &self.folder, self.version)?;
        Ok(())
    }

    fn version(&mut self) -> Result<String> {
        foreign::version(&self.folder, self.command())
    }

    fn answer(&mut self, programs: &[Program]) -> Result<Vec<Answer>> {
        foreign::ask(&self.folder, programs, || self.command(), ending)
    }
}

impl Pypi {
    fn command(&self) -> Command {
        let mut command = Command::new(&self.python);
        command.arg(&self.script);
        command
    }
}

/// Makes a virtual environment that has this version, once, and says which Python it has.
fn install(python: &Path, folder: &Path, version: &str) -> Result<PathBuf, String> {
    let environment = folder.join("python");
    let own = environment.join("bin").join("python");
    let has_it = || succeeds(Command::new(&own).args(["-c", "import wasmtime"]));
    if has_it() {
        return Ok(own);
    }
    println!("installing wasmtime=={version} from PyPI");
    if !succeeds(Command::new(python).args(["-m", "venv"]).arg(&environment)) {
        return Err("there is no Python that can make a virtual environment".to_owned());
    }
    let install = [
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
    ];
    let package = format!("wasmtime=={version}");
    if !succeeds(Command::new(&own).args(install).arg(&package)) {
        return Err(format!("pip could not install {package}"));
    }
    match has_it() {
        true => Ok(own),
        false => Err(format!("{package} was installed and does not run")),
    }
}

/// What wasmtime calls what happened.
fn ending(words: &str) -> Ending {
    const TRAPS: [(&str, &str); 9] = [
        ("wasm `unreachable` instruction executed", "unreachable"),
        ("out of bounds memory access", "out of bounds memory access"),
        ("out of bounds table access", "out of bounds table access"),
        ("uninitialized element", "uninitialized element"),
        ("indirect call type mismatch", "indirect call type mismatch"),
        ("integer overflow", "integer overflow"),
        ("integer divide by zero", "integer divide by zero"),
        (
            "invalid conversion to integer",
            "invalid conversion to integer",
        ),
        ("null reference", "null reference"),
    ];
    if words.to_lowercase().contains("exception") {
        return Ending::Exception;
    }
    let known = TRAPS.into_iter().find(|(theirs, _)| words.contains(theirs));
    Ending::Trapped(known.map_or_else(|| format!("wasmtime: {words}"), |(_, name)| name.to_owned()))
}
