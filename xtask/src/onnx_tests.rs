//! Runs the node tests of ONNX on every backend: brings them, and ONNX Runtime, from PyPI. Compares nothing
//! itself.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context as _, Result, ensure};

use crate::packages;
use crate::project::Project;

/// What makes the cases, and the library that is tested beside the engine that is built in.
const PACKAGES: [&str; 2] = ["onnx==1.23.2", "onnxruntime==1.32.0"];

#[derive(clap::Args)]
pub struct Arguments {
    /// Write what is right and what is refused to docs/operators.md.
    #[arg(long)]
    write: bool,
    /// Only this backend.
    #[arg(long)]
    only: Option<String>,
    /// Only cases whose name has this part, each with what came of it.
    #[arg(long)]
    name: Option<String>,
    /// ONNX Runtime's library, or the folder with it, instead of the one from PyPI.
    #[arg(long)]
    onnxruntime: Option<PathBuf>,
    /// Compute on the GPU of this number where a backend can.
    #[arg(long)]
    cuda: Option<u32>,
    /// A folder with NVIDIA's libraries; can be given several times.
    #[arg(long)]
    cuda_libraries: Vec<PathBuf>,
}

pub fn run(project: &Project, arguments: &Arguments) -> Result<ExitCode> {
    let folder = project.target.join("onnx-tests");
    let tools = folder.join("tools");
    if let Err(error) = packages::bring(&tools, &PACKAGES) {
        println!("skipped: the tests cannot be brought here: {error:#}");
        return Ok(ExitCode::SUCCESS);
    }
    let cases = folder.join("cases");
    make_cases(project, &tools, &cases)?;
    let onnxruntime = match &arguments.onnxruntime {
        Some(path) => path.clone(),
        None => packages::library(&tools)?.join("onnxruntime/capi"),
    };
    let settings = serde_json::json!({
        "cases": cases,
        "models": project.root.join("examples/models"),
        "onnxruntime": onnxruntime,
        "cuda": arguments.cuda,
        "cuda_libraries": arguments.cuda_libraries,
        "only": arguments.only,
        "name": arguments.name,
        "write": arguments.write.then(|| project.root.join("docs/operators.md")),
    });
    let file = folder.join("settings.json");
    fs::write(&file, settings.to_string())?;
    // As it is shipped: arithmetic that overflows does not stop there.
    let status = project
        .cargo(&["run", "--release", "-p", "meterbox-onnx-tests", "--"])
        .arg(&file)
        .status()
        .context("cargo cannot be run")?;
    Ok(match status.success() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

/// Writes the cases, unless the same packages and the same program have written them before.
fn make_cases(project: &Project, tools: &Path, cases: &Path) -> Result<()> {
    let program = project.root.join("tests/onnx/cases.py");
    let made_by = format!("{}\n{}", PACKAGES.join("\n"), fs::read_to_string(&program)?);
    let done = cases.with_extension("made");
    if fs::read_to_string(&done).is_ok_and(|made| made == made_by) {
        return Ok(());
    }
    println!("writing ONNX's node tests to {}", project.shown(cases));
    succeed(
        Command::new(tools.join("bin/python"))
            .arg(&program)
            .arg(cases),
    )?;
    Ok(fs::write(done, made_by)?)
}

fn succeed(command: &mut Command) -> Result<()> {
    let output = command
        .output()
        .with_context(|| format!("{command:?} cannot be run"))?;
    ensure!(
        output.status.success(),
        "{command:?} failed: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}
