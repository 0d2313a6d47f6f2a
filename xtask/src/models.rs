//! Brings the models that are too large for the repository: from the packages that publish them, by exact
//! version, each file checked by its digest.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context as _, Result, bail, ensure};
use sha2::{Digest, Sha256};

use crate::project::Project;

/// The package on PyPI with the models of the OCR example.
const PACKAGE: &str = "rapidocr-onnxruntime==1.4.4";
const PACKAGE_SHA256: &str = "971d7d5f223a7a808662229df1ef69893809d8457d834e6373d3854bc1782cbf";

/// Its models, by their place in the package.
const FILES: [(&str, &str); 3] = [
    (
        "rapidocr_onnxruntime/models/ch_PP-OCRv4_det_infer.onnx",
        "d2a7720d45a54257208b1e13e36a8479894cb74155a5efe29462512d42f49da9",
    ),
    (
        "rapidocr_onnxruntime/models/ch_PP-OCRv4_rec_infer.onnx",
        "48fc40f24f6d2a207a2b1091d3437eb3cc3eb6b676dc3ef9c37384005483683b",
    ),
    (
        "rapidocr_onnxruntime/models/ch_ppocr_mobile_v2.0_cls_infer.onnx",
        "e47acedf663230f8863ff1ab0e64dd2d82b838fceb5957146dab185a89d6215c",
    ),
];

pub fn run(project: &Project) -> Result<ExitCode> {
    let folder = bring(project)?;
    println!("the models are in {}", project.shown(&folder));
    Ok(ExitCode::SUCCESS)
}

/// The folder with the models, which are brought if one is missing or is not what it should be.
pub fn bring(project: &Project) -> Result<PathBuf> {
    // Where the job file looks for them, wherever cargo builds.
    let folder = project.root.join("target").join("models");
    if FILES
        .iter()
        .all(|(file, sha256)| check(&at(&folder, file), sha256).is_ok())
    {
        return Ok(folder);
    }
    println!("bringing models of {PACKAGE} from PyPI");
    let work = folder.join("package");
    if work.exists() {
        fs::remove_dir_all(&work)?;
    }
    fs::create_dir_all(&work)?;
    let python = work.join("python").join("bin").join("python");
    succeed(
        Command::new("python3")
            .args(["-m", "venv"])
            .arg(work.join("python")),
    )?;
    let wanted = work.join("wanted.txt");
    fs::write(
        &wanted,
        format!("{PACKAGE} --hash=sha256:{PACKAGE_SHA256}\n"),
    )?;
    succeed(
        Command::new(&python)
            .args(["-m", "pip", "download", "--quiet"])
            .args(["--disable-pip-version-check", "--no-deps", "--dest"])
            .arg(&work)
            .arg("--requirement")
            .arg(&wanted),
    )?;
    let package = fs::read_dir(&work)?
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .find(|path| path.extension().is_some_and(|extension| extension == "whl"))
        .context("pip left no package")?;
    succeed(
        Command::new(&python)
            .args(["-m", "zipfile", "-e"])
            .args([&package, &work]),
    )?;
    for (file, sha256) in FILES {
        check(&work.join(file), sha256)?;
        fs::rename(work.join(file), at(&folder, file))?;
    }
    fs::remove_dir_all(&work)?;
    Ok(folder)
}

fn at(folder: &Path, file: &str) -> PathBuf {
    folder.join(file.rsplit('/').next().unwrap_or(file))
}

/// Refuses a file that is not the one of this digest.
fn check(path: &Path, sha256: &str) -> Result<()> {
    let bytes = fs::read(path).with_context(|| format!("{} cannot be read", path.display()))?;
    let mut found = String::new();
    for byte in Sha256::digest(&bytes) {
        write!(found, "{byte:02x}")?;
    }
    ensure!(
        found == sha256,
        "{} has the digest {found}, not {sha256}",
        path.display()
    );
    Ok(())
}

fn succeed(command: &mut Command) -> Result<()> {
    let output = command
        .output()
        .with_context(|| format!("{command:?} cannot be run"))?;
    if !output.status.success() {
        bail!(
            "{command:?} failed: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(())
}
