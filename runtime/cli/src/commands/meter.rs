//! `meterbox meter`: writes the program that counts its own work.

use std::path::PathBuf;

use clap::Args;
use meterbox_meter::Kind;
use serde_json::json;

use super::Format;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::home::write_file;
use crate::{Ended, program};

/// Write the instrumented program, for any engine to run.
///
/// A module imports the mutable globals of `meterbox:meter`; a component imports
/// `meterbox-meter-budget` and exports `meterbox-meter-read`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  meterbox meter prog.wasm -o metered.wasm")]
pub struct MeterArguments {
    /// The program
    #[arg(value_name = "IN.wasm")]
    input: PathBuf,

    /// Where to write the instrumented program
    #[arg(short, long, value_name = "OUT.wasm")]
    output: PathBuf,

    /// How to print what the program declares
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// Meters the program.
pub fn run(arguments: &MeterArguments) -> Ended {
    let bytes = program::read(&arguments.input)?;
    let metered = meterbox_meter::meter(&bytes)
        .map_err(|error| Failure::from(meterbox_provider::ProviderError::from(error)))?;
    write_file(&arguments.output, &metered.bytes)?;
    let kind = match metered.kind {
        Kind::Module => "module",
        Kind::Component => "component",
    };
    let declared = metered.declared;
    if arguments.format == Format::Json {
        crate::ui::print(&format!(
            "{:#}\n",
            json!({
                "schema": 1,
                "kind": kind,
                "bytes_before": bytes.len().to_string(),
                "bytes_after": metered.bytes.len().to_string(),
                "declared": {
                    "instructions": declared.units.to_string(),
                    "memory_pages": declared.memory_pages.to_string(),
                    "table_elements": declared.table_elements.to_string(),
                },
                "admission_units": metered.admission.units().to_string(),
            })
        ))?;
    } else {
        crate::ui::print(&format!(
            "{kind}: {} bytes, {} metered\n",
            bytes.len(),
            metered.bytes.len()
        ))?;
        crate::ui::print(&format!(
            "declares {} instructions, {} pages of memory, {} table elements\n",
            declared.units, declared.memory_pages, declared.table_elements
        ))?;
        crate::ui::print(&format!("admission {} units\n", metered.admission.units()))?;
    }
    Ok(Exit::Ok)
}
