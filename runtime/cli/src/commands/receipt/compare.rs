//! `meterbox receipt compare`: whether several providers say the same of one job.

use std::path::PathBuf;

use clap::Args;
use meterbox_billing::agreement::agreement;
use meterbox_billing::verify::verify;
use serde_json::json;

use super::{invalid, read};
use crate::Ended;
use crate::commands::Format;
use crate::exit::Exit;
use crate::ui;

/// Say whether several receipts of one job agree, and where they first differ.
///
/// Each signature is checked by the key inside its receipt: whose keys they are is for `receipt verify`.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  meterbox receipt compare from-one.json from-another.json from-a-third.json"
)]
pub struct CompareArguments {
    /// The receipts
    #[arg(required = true, num_args = 2..)]
    files: Vec<PathBuf>,

    /// How to print the verdict
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// Compares.
pub(super) fn run(arguments: &CompareArguments) -> Ended {
    let mut receipts = Vec::new();
    for file in &arguments.files {
        let verified = verify(&read(file)?, None, None).map_err(|error| {
            let failure = invalid(&error);
            failure.hint(format!("that is `{}`", file.display()))
        })?;
        receipts.push(verified.receipt);
    }
    let found = agreement(&receipts).map_err(|error| invalid(&error))?;
    if arguments.format == Format::Json {
        let value = json!({ "schema": 1, "agree": found.is_unanimous(), "agreement": found });
        ui::print(&format!("{value:#}\n"))?;
    } else {
        let names = arguments
            .files
            .iter()
            .map(|file| file.display().to_string());
        ui::print(&found.in_words(&names.collect::<Vec<_>>()))?;
    }
    Ok(match found.is_unanimous() {
        true => Exit::Ok,
        false => Exit::ReceiptDiffers,
    })
}
