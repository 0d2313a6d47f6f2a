//! Runs the node tests of ONNX on every backend, and the models of the examples on all of them against
//! each other. Started by `cargo xtask onnx-tests`, which brings what this needs.

#![allow(
    clippy::print_stdout,
    reason = "a command line of its own, which speaks to whoever runs it"
)]

mod batch;
mod case;
mod compare;
mod examples;
mod report;
mod try_case;
mod verdict;

use std::io::{BufRead as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail, ensure};
use meterbox_inference::{Device, Engine, EngineKind, EngineSettings, Libraries};
use serde::Deserialize;

use report::Report;

/// What `cargo xtask onnx-tests` hands over, as a file.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    /// The folder with the cases.
    cases: PathBuf,
    /// The folder with the models of the examples.
    models: PathBuf,
    /// ONNX Runtime's library or the folder with it.
    onnxruntime: Option<PathBuf>,
    /// Compute on the GPU of this number, with the engines that can, rather than on the processor.
    cuda: Option<u32>,
    /// Folders with NVIDIA's libraries.
    cuda_libraries: Vec<PathBuf>,
    /// Only this backend.
    only: Option<String>,
    /// Only cases whose name has this part, each with what came of it.
    name: Option<String>,
    /// Write what is right and what is refused to this file.
    write: Option<PathBuf>,
}

impl Settings {
    fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
        Ok(serde_json::from_str(&text)?)
    }

    fn engine(&self, kind: EngineKind) -> EngineSettings {
        let on_gpu = self.cuda.map(|index| Device::Cuda {
            index,
            memory_bytes_max: None,
        });
        EngineSettings {
            kind,
            device: match kind {
                EngineKind::Tract => Device::Processor,
                EngineKind::OnnxRuntime => on_gpu.unwrap_or(Device::Processor),
                EngineKind::TractCuda => on_gpu.unwrap_or(Device::Cuda {
                    index: 0,
                    memory_bytes_max: None,
                }),
            },
            libraries: Libraries {
                onnxruntime: self.onnxruntime.clone(),
                cuda_folders: self.cuda_libraries.clone(),
            },
            ..EngineSettings::default()
        }
    }
}

fn main() -> ExitCode {
    // SAFETY: this process has started no thread yet.
    unsafe { meterbox_inference::silence_libraries() };
    match start() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error}");
            for cause in error.chain().skip(1) {
                eprintln!("caused by: {cause}");
            }
            ExitCode::FAILURE
        }
    }
}

/// `SETTINGS` runs all; `SETTINGS ENGINE` answers for the cases named on stdin, in this process.
fn start() -> Result<ExitCode> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.as_slice() {
        [settings] => run(Path::new(settings)),
        [settings, engine] => answer(&Settings::read(Path::new(settings))?, engine),
        _ => bail!("started by `cargo xtask onnx-tests`, with the path of its settings"),
    }
}

/// The child's part: one line in, one line out.
fn answer(settings: &Settings, engine: &str) -> Result<ExitCode> {
    let kind = EngineKind::from_name(engine).context("there is no such engine")?;
    let engine = Engine::open(&settings.engine(kind))?;
    for name in std::io::stdin().lock().lines() {
        let verdict = try_case::run(&settings.cases.join(name?), &engine);
        let mut out = std::io::stdout().lock();
        writeln!(out, "{}", serde_json::to_string(&verdict)?)?;
        out.flush()?;
    }
    Ok(ExitCode::SUCCESS)
}

fn run(path: &Path) -> Result<ExitCode> {
    let arguments = Settings::read(path)?;
    let cases = case::list(&arguments.cases, arguments.name.as_deref())?;
    ensure!(!cases.is_empty(), "there are no cases of that name");
    let mut report = Report::new(&arguments.cases, cases.clone());
    let mut opened = Vec::new();
    for kind in EngineKind::ALL {
        if arguments
            .only
            .as_ref()
            .is_some_and(|only| only != kind.name())
        {
            continue;
        }
        let settings = arguments.engine(kind);
        let engine = match Engine::open(&settings) {
            Ok(engine) => engine,
            Err(error) => {
                println!("{kind}: skipped: {error}");
                continue;
            }
        };
        let verdicts = batch::run(path, kind, &cases)?;
        report.add(engine.facts(), verdicts);
        opened.push(settings);
    }
    report.print(arguments.name.is_some());
    let mut is_sound = report.wrong() == 0;
    if arguments.name.is_none() {
        is_sound &= examples::run(&arguments.models, &opened)?;
        if let Some(path) = &arguments.write {
            std::fs::write(path, report.document())?;
        }
    }
    Ok(if is_sound {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
