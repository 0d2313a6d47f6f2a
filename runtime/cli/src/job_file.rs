//! `job.toml`: a job as its author writes it down. Opens none of the files that it names.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use meterbox_billing::limits::Limits;
use meterbox_billing::offer::Device;
use serde::Deserialize;

use crate::count;
use crate::exit::Exit;
use crate::failure::Failure;

/// A job file. Paths in it are relative to its folder.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JobFile {
    /// What the job is called: the beginning of its orders' ids.
    pub name: String,
    /// The program: a `.wasm` or `.wat` file.
    pub program: PathBuf,
    /// Arguments.
    #[serde(default)]
    pub arguments: Vec<String>,
    /// Environment variables.
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
    /// What all randomness comes from.
    #[serde(default)]
    pub seed: Option<Count>,
    /// What the wall clock shows at the start, in nanoseconds since 1970.
    #[serde(default)]
    pub clock_start_ns: Option<Count>,
    /// Inputs by name. A name that ends in `/` names a folder, each of whose files is an input.
    #[serde(default)]
    pub inputs: BTreeMap<String, PathBuf>,
    /// The command that brings inputs which are not where the file says, for whoever lacks them.
    #[serde(default)]
    pub brought_by: Option<String>,
    /// The bounds that differ from the defaults.
    #[serde(default)]
    limits: BTreeMap<String, Count>,
    /// What its models are to be computed on: `cpu` or `gpu`.
    #[serde(default)]
    pub device: Option<Device>,
    /// The most that the job may cost, as a decimal text.
    #[serde(default)]
    pub max_price: Option<String>,
    /// How many runs may follow one another, each where the one before left off.
    #[serde(default)]
    pub slices: Option<NonZeroU32>,
}

/// A whole number, as TOML writes it or as a text with a suffix.
#[derive(Debug, Deserialize)]
#[serde(
    untagged,
    expecting = "a whole number such as 1000000, or a text such as \"64MiB\""
)]
pub enum Count {
    /// As TOML writes it.
    Number(u64),
    /// As a text.
    Text(String),
}

impl Count {
    /// The number.
    pub fn value(&self) -> Result<u64, String> {
        match self {
            Count::Number(number) => Ok(*number),
            Count::Text(text) => count::parse(text),
        }
    }
}

impl JobFile {
    /// Reads a job file.
    pub fn read(path: &Path) -> Result<JobFile, Failure> {
        let text = std::fs::read_to_string(path).map_err(|error| Failure::reading(path, &error))?;
        let mut file: JobFile = toml::from_str(&text).map_err(|error| {
            Failure::caused(
                Exit::Usage,
                format!("`{}` is no job file", path.display()),
                &error,
            )
        })?;
        let folder = path.parent().unwrap_or(Path::new(""));
        file.program = folder.join(&file.program);
        for input in file.inputs.values_mut() {
            *input = folder.join(&*input);
        }
        Ok(file)
    }

    /// The bounds.
    pub fn limits(&self, path: &Path) -> Result<Limits, Failure> {
        let mut limits = Limits::default();
        for (field, value) in &self.limits {
            let wrong = |message: String| {
                Failure::new(
                    Exit::Usage,
                    format!(
                        "`{}` has a wrong limit `{field}`: {message}",
                        path.display()
                    ),
                )
            };
            let value = value.value().map_err(wrong)?;
            limits
                .set(field, value)
                .map_err(|error| wrong(error.to_string()).hint(error.hint()))?;
        }
        Ok(limits)
    }
}
