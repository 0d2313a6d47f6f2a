//! `meterbox transcript`: shows, hands out and drops what models gave to jobs. Replays nothing.

use std::fs::File;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use meterbox_billing::digest::Digest;
use meterbox_billing::envelope::Envelope;
use meterbox_billing::receipt::Receipt;
use meterbox_provider::{KeptTranscript, Recorded};
use serde_json::{Value, json};

use super::Format;
use super::receipt::{invalid, read};
use crate::Ended;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::home::Home;
use crate::ordering::now;
use crate::report::grouped;
use crate::ui;

/// Show, hand out and drop what models gave to jobs.
#[derive(Debug, Subcommand)]
pub enum TranscriptCommand {
    List(ListArguments),
    Show(ShowArguments),
    Export(ExportArguments),
    Drop(DropArguments),
}

/// List the transcripts that are kept here, those that end first first.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  meterbox transcript list")]
pub struct ListArguments {
    /// How to print them
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// Print the calls on models that a receipt's transcript is of.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  meterbox transcript show receipt.json --format json")]
pub struct ShowArguments {
    /// The receipt
    receipt: PathBuf,

    /// The transcript [default: the one that is kept here]
    #[arg(long, value_name = "FILE")]
    transcript: Option<PathBuf>,

    /// How to print it; as JSON it is what the receipt's digest is of
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// Write a receipt's transcript, with all that the models gave, to a file for whoever replays it elsewhere.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  meterbox transcript export receipt.json receipt.transcript")]
pub struct ExportArguments {
    /// The receipt
    receipt: PathBuf,

    /// The file to write
    file: PathBuf,
}

/// Delete transcripts that are kept here.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  meterbox transcript drop receipt.json\n  meterbox transcript drop --ended"
)]
pub struct DropArguments {
    /// Drop the transcript of this receipt
    #[arg(required_unless_present_any = ["ended", "all"])]
    receipt: Option<PathBuf>,

    /// Drop those whose time is over
    #[arg(long, conflicts_with_all = ["receipt", "all"])]
    ended: bool,

    /// Drop all
    #[arg(long, conflicts_with = "receipt")]
    all: bool,
}

/// Lists, shows, hands out or drops.
pub fn run(command: &TranscriptCommand, home: Option<&Path>) -> Ended {
    match command {
        TranscriptCommand::List(arguments) => list(arguments, &Home::find(home)?),
        TranscriptCommand::Show(arguments) => show(arguments, home),
        TranscriptCommand::Export(arguments) => export(arguments, &Home::find(home)?),
        TranscriptCommand::Drop(arguments) => drop_kept(arguments, &Home::find(home)?),
    }
}

fn list(arguments: &ListArguments, home: &Home) -> Ended {
    let kept = home.transcripts().list()?;
    if arguments.format == Format::Json {
        let kept: Vec<Value> = kept
            .iter()
            .map(|one| {
                json!({ "order": one.order, "until": one.until, "bytes": one.bytes.to_string() })
            })
            .collect();
        ui::print(&format!(
            "{:#}\n",
            json!({ "schema": 1, "transcripts": kept })
        ))?;
        return Ok(Exit::Ok);
    }
    for one in &kept {
        let bytes = grouped(&one.bytes.to_string());
        ui::print(&format!(
            "order {}  until {}  {bytes} bytes\n",
            one.order, one.until
        ))?;
    }
    Ok(Exit::Ok)
}

fn show(arguments: &ShowArguments, home: Option<&Path>) -> Ended {
    let receipt = receipt_of(&arguments.receipt)?;
    let file = match &arguments.transcript {
        Some(path) => File::open(path).map_err(|error| Failure::reading(path, &error))?,
        None => kept(&Home::find(home)?, &receipt)?.open()?,
    };
    let recorded = Recorded::open(file, &receipt.reproducible().transcript)?;
    let transcript = recorded.transcript();
    if arguments.format == Format::Json {
        let bytes = transcript.bytes().map_err(|error| invalid(&error))?;
        ui::print(&String::from_utf8_lossy(&bytes))?;
        return Ok(Exit::Ok);
    }
    ui::print(&format!(
        "{} calls\n",
        grouped(&recorded.calls().to_string())
    ))?;
    for (number, call) in transcript.calls.iter().enumerate() {
        let gave = match &call.failed {
            Some(failure) => format!("failed: {failure:?}"),
            None => {
                let names: Vec<&str> = call.outputs.iter().map(|one| one.name.as_str()).collect();
                format!("gave {}", names.join(", "))
            }
        };
        ui::print(&format!(
            "call {number}  model {}  {} operations  {gave}\n",
            call.model,
            grouped(&call.operations.to_string())
        ))?;
    }
    Ok(Exit::Ok)
}

fn export(arguments: &ExportArguments, home: &Home) -> Ended {
    let receipt = receipt_of(&arguments.receipt)?;
    let kept = kept(home, &receipt)?;
    copy_transcript(&kept, &receipt.reproducible().transcript, &arguments.file)?;
    Ok(Exit::Ok)
}

fn drop_kept(arguments: &DropArguments, home: &Home) -> Ended {
    let transcripts = home.transcripts();
    let dropped = match &arguments.receipt {
        Some(path) => {
            let order = receipt_of(path)?.attested().order;
            u64::from(transcripts.drop_of(&order)?)
        }
        None if arguments.all => transcripts.drop_all()?,
        None => transcripts.drop_ended(now())?,
    };
    ui::print(&format!("{dropped} dropped\n"))?;
    Ok(Exit::Ok)
}

/// Copies a transcript, once it is known to be whole and the receipt's.
pub fn copy_transcript(
    kept: &KeptTranscript,
    expected: &Digest,
    path: &Path,
) -> Result<(), Failure> {
    Recorded::open(kept.open()?, expected)?;
    let copy = || -> std::io::Result<()> {
        let mut from = File::open(&kept.path)?;
        let mut to = File::create(path)?;
        std::io::copy(&mut from, &mut to)?;
        to.sync_all()
    };
    copy().map_err(|error| Failure::writing(path, &error))
}

fn receipt_of(path: &Path) -> Result<Receipt, Failure> {
    Envelope::from_bytes(&read(path)?)
        .and_then(|envelope| envelope.document_unverified())
        .map_err(|error| invalid(&error))
}

fn kept(home: &Home, receipt: &Receipt) -> Result<KeptTranscript, Failure> {
    let order = &receipt.attested().order;
    home.transcripts().find(order)?.ok_or_else(|| {
        Failure::new(
            Exit::File,
            format!("no transcript of the order {order} is kept here"),
        )
        .hint("`meterbox transcript list` shows those that are; jobs that call no model have none")
    })
}
