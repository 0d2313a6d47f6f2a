//! `meterbox receipt slices`: whether receipts are the slices of one job, and what they come to together.

use std::path::PathBuf;

use clap::Args;
use meterbox_billing::key::PublicKey;
use meterbox_billing::slices::{Slices, left_off};
use meterbox_billing::verify::{Signer, verify};
use serde_json::{Value, json};

use super::{folder, invalid, key_of, read};
use crate::commands::Format;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::ui::{self, Ui};
use crate::{Ended, report};

/// Say whether receipts are the slices of one job, each from where another left off, and what they come to together.
///
/// Each receipt is verified, but for its prices, which `receipt verify --rate-card` compares with their card. They may
/// be of several providers: a job goes on elsewhere where one is gone.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  meterbox run job.toml --slices 100 --receipt receipts\n  meterbox receipt slices receipts --key $(meterbox key show)"
)]
pub struct SlicesArguments {
    /// The receipts, or a folder of them: each file in it whose name ends in `.json`
    #[arg(required = true, value_name = "FILE|FOLDER")]
    files: Vec<PathBuf>,

    /// Trust this key: 64 hexadecimal digits, or a PEM file; repeatable, one for each provider
    #[arg(long = "key", value_name = "KEY|FILE")]
    keys: Vec<String>,

    /// How to print the verdict
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// Joins.
pub(super) fn run(arguments: &SlicesArguments, ui: &Ui) -> Ended {
    let keys = arguments.keys.iter().map(|key| key_of(key));
    let keys: Vec<PublicKey> = keys.collect::<Result<_, _>>()?;
    let mut receipts = Vec::new();
    let mut unknown = None;
    for file in files(arguments)? {
        let verified = verify(&read(&file)?, None, None).map_err(|error| {
            let failure = invalid(&error);
            failure.hint(format!("that is `{}`", file.display()))
        })?;
        let (Signer::Trusted(key) | Signer::Unknown(key)) = verified.signer;
        if !keys.contains(&key) {
            unknown = Some(key);
        }
        receipts.push(verified.receipt);
    }
    let slices = Slices::join(&receipts).map_err(|error| {
        Failure::caused(
            Exit::ReceiptDiffers,
            "these are not the slices of one job",
            &error,
        )
    })?;
    if arguments.format == Format::Json {
        ui::print(&format!("{:#}\n", told(&slices, unknown.is_none())))?;
    } else {
        let mut text = String::new();
        for (number, receipt) in (1..).zip(&slices.receipts) {
            let (run, by) = (receipt.reproducible(), receipt.attested());
            text += &format!(
                "slice {number}  {}  {}  {} {}\n",
                by.order_id,
                report::outcome(&run.outcome),
                run.total,
                run.currency
            );
        }
        ui::print(&(text + &report::slices(&slices)))?;
    }
    match unknown {
        None => Ok(Exit::Ok),
        Some(key) => {
            ui.say(&format!("note: nobody said whether to trust {key}"));
            ui.say("hint: name each provider's key with --key");
            Ok(Exit::SignerUnknown)
        }
    }
}

fn files(arguments: &SlicesArguments) -> Result<Vec<PathBuf>, Failure> {
    let mut files = Vec::new();
    for path in &arguments.files {
        if path.is_dir() {
            let inside = folder::files_of(path)?;
            if inside.is_empty() {
                let message = format!("`{}` has no receipts", path.display());
                return Err(Failure::new(Exit::File, message)
                    .hint("each is a file whose name ends in .json"));
            }
            files.extend(inside);
        } else {
            files.push(path.clone());
        }
    }
    Ok(files)
}

fn told(slices: &Slices<'_>, is_trusted: bool) -> Value {
    let each = slices.receipts.iter().map(|receipt| {
        let (run, by) = (receipt.reproducible(), receipt.attested());
        json!({
            "order_id": by.order_id,
            "provider": by.provider_key,
            "outcome": run.outcome,
            "currency": run.currency,
            "total": run.total,
            "checkpoint": left_off(run).map(|left| left.sha256),
        })
    });
    let (end, left_off) = report::end_of(slices);
    json!({
        "schema": 1,
        "trusted": is_trusted,
        "slices": each.collect::<Vec<_>>(),
        "began_with": slices.began_with,
        "end": end,
        "left_off": left_off,
        "usage": report::usage(&slices.usage),
        "totals": slices.totals,
    })
}
