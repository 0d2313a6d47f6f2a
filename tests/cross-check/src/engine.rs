//! What an engine is to this check, and which there are. Compares nothing.

mod emulated;
mod foreign;
mod node;
mod pypi;
#[cfg(feature = "wasmi")]
mod wasmi;
mod wasmtime;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;
use meterbox_differential::case::Done;

use crate::program::Program;

/// An engine, in one of its ways to run.
pub trait Engine {
    /// What `--only` selects it by, and the table lists it as.
    fn name(&self) -> String;

    /// Brings what is missing of it. What lies in this process lacks nothing.
    ///
    /// # Errors
    /// The reason to skip it.
    fn prepare(&mut self, _place: &Place) -> Result<(), String> {
        Ok(())
    }

    /// Its version, in its own words, and the machine that it runs on.
    ///
    /// # Errors
    /// If it cannot be asked at all.
    fn version(&mut self) -> Result<String>;

    /// Makes all calls of all programs, and says what came of each program, in their order.
    ///
    /// # Errors
    /// If it cannot be asked at all.
    fn answer(&mut self, programs: &[Program]) -> Result<Vec<Answer>>;
}

/// Where engines find things, and put theirs.
#[derive(Debug, Clone)]
pub struct Place {
    /// The repository.
    pub root: PathBuf,
    /// Where cargo builds.
    pub target: PathBuf,
    /// A folder to write to, which is kept.
    pub folder: PathBuf,
    /// A Python.
    pub python: PathBuf,
    /// Whether that Python has the C compiler `ziglang`.
    pub has_c_compiler: bool,
}

impl Place {
    /// The Python that has a C compiler, as its module `ziglang`.
    ///
    /// # Errors
    /// The reason to skip what needs it.
    pub fn c_compiler(&self) -> Result<&Path, String> {
        match self.has_c_compiler {
            true => Ok(&self.python),
            false => Err(
                "there is no C compiler: name a Python that has PyPI's ziglang in METERBOX_PYTHON"
                    .to_owned(),
            ),
        }
    }
}

/// What came of a program.
#[derive(Debug, Clone)]
pub enum Answer {
    /// Every call was made.
    Ran(Vec<Done>),
    /// The engine does not take it.
    Refused {
        why: String,
        /// Whether it takes the program as it came.
        takes_plain: bool,
    },
    /// The engine itself broke.
    Failed(String),
}

/// All engines. The others are compared with the first.
pub fn all() -> Vec<Box<dyn Engine>> {
    let mut engines = all_in_this_process();
    engines.extend(node::all());
    engines.extend(pypi::all());
    engines.extend(emulated::all());
    engines
}

fn all_in_this_process() -> Vec<Box<dyn Engine>> {
    let ways = [
        wasmtime::InProcess::SPEED,
        wasmtime::InProcess::NONE,
        wasmtime::InProcess::PULLEY,
    ];
    let mut engines: Vec<Box<dyn Engine>> = Vec::new();
    engines.extend(ways.map(|way| Box::new(way) as Box<dyn Engine>));
    #[cfg(feature = "wasmi")]
    engines.push(Box::new(wasmi::Wasmi));
    engines
}

/// The engine in this process that has this name.
pub fn in_this_process(name: &str) -> Option<Box<dyn Engine>> {
    let mut engines = all_in_this_process().into_iter();
    engines.find(|engine| engine.name() == name)
}

/// Whether a command can be run and ends well. What it says goes nowhere.
pub fn succeeds(command: &mut Command) -> bool {
    let output = command.output();
    output.is_ok_and(|output| output.status.success())
}

/// The version of a crate that this program was built with: the lockfile says so.
fn locked_version(name: &str) -> &'static str {
    let mut lines = include_str!("../../../Cargo.lock").lines();
    let named = format!("name = \"{name}\"");
    lines.find(|line| *line == named);
    let version = lines
        .next()
        .and_then(|line| line.strip_prefix("version = "));
    version.map_or("unknown", |version| version.trim_matches('"'))
}
