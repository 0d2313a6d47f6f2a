//! `meterbox doctor`: says what keeps guests apart from this machine, and whether it does, and what
//! there is to compute models with.

mod engines;

use std::path::PathBuf;

use clap::Args;
use meterbox_inference::{Libraries, Surroundings, look_around};
use meterbox_sandbox::{Finding, OptLevel, Sandbox, Standing, WorkerFinding};
use serde_json::{Value, json};

use super::Format;
use crate::exit::Exit;
use crate::workers::{no_workers, settings};
use crate::{Ended, ui};

/// Say which layers keep guests apart from this machine, and what computes models here.
///
/// Starts a worker of each kind, asks it which layers it has put up, and looks from outside whether they
/// are there. Guests run only where the indispensable ones hold. Then looks for libraries and GPUs that
/// models can be computed with, which guests can do without.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  meterbox doctor")]
pub struct DoctorArguments {
    /// How to print the findings
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
    /// ONNX Runtime's library, or the folder with it; without it the system's folders are looked through
    #[arg(long, value_name = "PATH", env = "METERBOX_ONNXRUNTIME")]
    onnxruntime: Option<PathBuf>,
}

/// Looks.
pub fn run(arguments: &DoctorArguments) -> Ended {
    let sandbox =
        Sandbox::with_workers(OptLevel::Speed, settings()?).map_err(|error| no_workers(&error))?;
    let findings = sandbox
        .examine_workers()
        .map_err(|error| no_workers(&error))?;
    let is_sound = findings
        .iter()
        .all(|finding| finding.verification.contradicted().next().is_none());
    let inference = look_around(&Libraries {
        onnxruntime: arguments.onnxruntime.clone(),
        ..Libraries::default()
    });
    if arguments.format == Format::Json {
        let workers: Vec<Value> = findings.iter().map(json_of).collect();
        let inference = engines::json_of(&inference);
        ui::print(&format!(
            "{:#}\n",
            json!({ "schema": 1, "workers": workers, "inference": inference })
        ))?;
    } else {
        ui::print(&text(&findings, &inference, is_sound))?;
    }
    Ok(if is_sound { Exit::Ok } else { Exit::Fault })
}

/// Layer, its standing, and what was seen from outside.
fn rows(finding: &WorkerFinding) -> Vec<(String, String, String)> {
    let seen = finding.verification.findings().iter();
    finding
        .report
        .standings()
        .zip(seen)
        .map(|((layer, standing), (_, seen))| {
            let standing = match standing {
                Standing::Active => "active".to_string(),
                other => format!("missing: {}", other.why_not().unwrap_or_default()),
            };
            let seen = match seen {
                Finding::Confirmed => "confirmed".to_string(),
                Finding::Contradicted { found } => format!("NOT SO: {found}"),
                Finding::Unseen { why } => format!("cannot be seen: {why}"),
                Finding::NotClaimed => String::new(),
            };
            (layer.name().to_string(), standing, seen)
        })
        .collect()
}

fn text(findings: &[WorkerFinding], inference: &Surroundings, is_sound: bool) -> String {
    let mut text = String::new();
    for finding in findings {
        text += &format!("A worker ({}) is kept apart by\n", finding.role);
        for (layer, standing, seen) in rows(finding) {
            let line = format!("  {layer:24} {standing:10} {seen}");
            text += line.trim_end();
            text.push('\n');
        }
    }
    if let Some(abi) = findings.iter().find_map(|one| one.report.landlock_abi()) {
        text += &format!("Landlock is of version {abi}.\n");
    }
    text += &engines::text(inference);
    text += if is_sound {
        "Guests can be run.\n"
    } else {
        "A layer does not hold that was put up: run no guests here.\n"
    };
    text
}

fn json_of(finding: &WorkerFinding) -> Value {
    let layers: Vec<Value> = rows(finding)
        .into_iter()
        .map(
            |(layer, standing, seen)| json!({ "layer": layer, "standing": standing, "seen": seen }),
        )
        .collect();
    json!({ "role": finding.role.name(), "layers": layers, "landlock_abi": finding.report.landlock_abi() })
}
