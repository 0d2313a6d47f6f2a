//! Has the engines compute models that are drawn by chance, some thousand at a time. Draws and compares nothing itself.

use std::process::{ExitCode, Stdio};

use anyhow::{Context as _, Result};

use crate::packages;
use crate::project::Project;

/// Models of one process: one that crashes an engine leaves the others be.
const AT_ONCE: u64 = 1_000;

/// The test that does it.
const TEST: &str = "drawn::engines_agree_on_models_drawn_by_chance";

#[derive(clap::Args)]
pub struct Arguments {
    /// How many.
    #[arg(long, default_value_t = 10_000)]
    models: u64,
    /// The number of the first: each number is always the same model.
    #[arg(long, default_value_t = 1)]
    first: u64,
}

pub fn run(project: &Project, arguments: &Arguments) -> Result<ExitCode> {
    let library = packages::onnxruntime(project)?;
    let (mut agreed, mut cannot, mut is_right) = (0_u64, 0_u64, true);
    let end = arguments.first.saturating_add(arguments.models);
    let mut first = arguments.first;
    while first < end {
        let models = AT_ONCE.min(end.saturating_sub(first));
        let output = project
            .cargo(&["test", "--quiet", "-p", "meterbox-inference"])
            .args(["--features", "onnxruntime", "--test", "suite"])
            .args([TEST, "--", "--exact", "--nocapture"])
            .env("METERBOX_ONNXRUNTIME", &library)
            .env("METERBOX_DRAWN_FROM", first.to_string())
            .env("METERBOX_DRAWN_MODELS", models.to_string())
            .env("RUST_BACKTRACE", "0")
            .stderr(Stdio::piped())
            .output()
            .context("cargo cannot be run")?;
        let said = String::from_utf8_lossy(&output.stdout);
        let counted = said.lines().find_map(counts);
        if let Some((these, others)) = counted {
            agreed = agreed.saturating_add(these);
            cannot = cannot.saturating_add(others);
        }
        if !output.status.success() || counted.is_none() {
            is_right = false;
            let errors = String::from_utf8_lossy(&output.stderr);
            println!("of {models} from {first}: {}\n{errors}", output.status);
        }
        first = first.saturating_add(models);
    }
    println!(
        "{agreed} agreed, {cannot} could not be computed by one of the engines, which said so"
    );
    Ok(match is_right {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

/// What the test says that it has counted.
fn counts(line: &str) -> Option<(u64, u64)> {
    let (agreed, rest) = line.split_once(" agreed, ")?;
    let (cannot, _) = rest.split_once(" could not be computed")?;
    Some((agreed.parse().ok()?, cannot.parse().ok()?))
}
