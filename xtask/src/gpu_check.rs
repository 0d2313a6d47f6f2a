//! Puts everything into one folder that a machine with an NVIDIA GPU needs to try Meterbox on it, and tries it if
//! this is such a machine. What is tried is in `tests/gpu/check.py`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context as _, Result, bail};

use crate::examples;
use crate::models;
use crate::packages;
use crate::project::Project;

/// What a GPU is computed on with, and what the same steps are tried with on a processor.
const ON_A_GPU: [&str; 2] = ["onnxruntime-gpu==1.32.0", "numpy"];
const ON_A_PROCESSOR: [&str; 2] = ["onnxruntime==1.32.0", "numpy"];

/// What a check is skipped with, here as in other tools.
const SKIPPED: u8 = 77;

#[derive(clap::Args)]
pub struct Arguments {
    /// Only make the folder, for a machine elsewhere.
    #[arg(long)]
    prepare: bool,
    /// Go through the same steps on the processor, to try the script.
    #[arg(long, conflicts_with = "prepare")]
    processor: bool,
    /// A folder with NVIDIA's libraries; repeatable.
    #[arg(long)]
    cuda: Vec<PathBuf>,
}

pub fn run(project: &Project, arguments: &Arguments) -> Result<ExitCode> {
    let has_gpu = Path::new("/dev/nvidiactl").exists();
    if !has_gpu && !arguments.processor && !arguments.prepare {
        println!(
            "skipped: there is no NVIDIA GPU here (`--prepare` makes the folder for one that is elsewhere)"
        );
        return Ok(ExitCode::from(SKIPPED));
    }
    let folder = stage(project)?;
    if arguments.prepare {
        println!(
            "{} has all that is needed: see `python3 check.py --help` there",
            project.shown(&folder)
        );
        return Ok(ExitCode::SUCCESS);
    }
    let (wanted, name) = match arguments.processor {
        true => (ON_A_PROCESSOR, "on-a-processor"),
        false => (ON_A_GPU, "on-a-gpu"),
    };
    let tools = folder.join(name);
    packages::bring(&tools, &wanted)?;
    let python = tools.join("bin/python");
    let mut check = Command::new(&python);
    check
        .arg(folder.join("check.py"))
        .arg("--onnxruntime")
        .arg(packages::library(&tools)?.join("onnxruntime/capi"));
    if arguments.processor {
        check.arg("--processor");
    }
    for folder in &arguments.cuda {
        check.arg("--cuda").arg(folder);
    }
    let status = check.status().context("Python cannot be run")?;
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(ExitCode::from(code.unwrap_or(1)))
}

/// The folder: the program as it is shipped, the examples with their models, and the script.
fn stage(project: &Project) -> Result<PathBuf> {
    let folder = project.target.join("gpu-check");
    let status = project
        .cargo(&["build", "--release", "-p", "meterbox"])
        .status()
        .context("cargo cannot be run")?;
    if !status.success() {
        bail!("`meterbox` could not be built: see the messages above");
    }
    examples::build(project)?;
    let brought = models::bring(project)?;
    for name in ["file-types", "speech", "ocr", "models"] {
        copy(
            &project.root.join("examples").join(name),
            &folder.join("examples").join(name),
        )?;
    }
    copy(&brought, &folder.join("target").join("models"))?;
    for (from, to) in [
        (project.target.join("release/meterbox"), "meterbox"),
        (
            project
                .target
                .join("guests/tests/wasm32-wasip2/release/examples/run_model.wasm"),
            "run_model.wasm",
        ),
        (project.root.join("tests/gpu/check.py"), "check.py"),
    ] {
        let to = folder.join(to);
        fs::copy(&from, &to).with_context(|| format!("{} cannot be copied", from.display()))?;
    }
    Ok(folder)
}

/// Copies a folder's files, and those of its folders but `package`, which holds only what was unpacked.
fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from).with_context(|| format!("{}", from.display()))? {
        let entry = entry?;
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() {
            if entry.file_name() != "package" {
                copy(&path, &target)?;
            }
        } else {
            fs::copy(&path, &target).with_context(|| format!("{}", path.display()))?;
        }
    }
    Ok(())
}
