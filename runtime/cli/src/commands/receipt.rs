//! `meterbox receipt`: shows, verifies, explains, compares, replays and joins receipts, and says what their
//! requestor makes of them; each from files and offline.

mod compare;
mod explain;
mod folder;
mod judge;
mod replay;
mod slices;

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use meterbox_billing::envelope::Envelope;
use meterbox_billing::key::PublicKey;
use meterbox_billing::offer::Offer;
use meterbox_billing::receipt::Receipt;
use meterbox_billing::verify::{Signer, verify};
use serde_json::json;

use super::Format;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::program::read_at_most;
use crate::ui::Ui;
use crate::{Ended, rates, report};

/// Show, verify, explain, join, compare, replay, accept and dispute receipts.
#[derive(Debug, Subcommand)]
pub enum ReceiptCommand {
    Show(ShowArguments),
    Verify(VerifyArguments),
    Replay(Box<replay::ReplayArguments>),
    Compare(compare::CompareArguments),
    Explain(explain::ExplainArguments),
    Slices(slices::SlicesArguments),
    Accept(judge::AcceptArguments),
    Dispute(judge::DisputeArguments),
}

/// Print a receipt, or the parts that other tools need to check it.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  meterbox receipt show receipt.json --format pae > pae.bin\n  meterbox receipt show receipt.json --format signature > signature.bin\n  meterbox key show --format pem > key.pem\n  openssl pkeyutl -verify -rawin -pubin -inkey key.pem -in pae.bin -sigfile signature.bin"
)]
pub struct ShowArguments {
    /// The receipt
    file: PathBuf,

    /// What to print
    #[arg(long, value_enum, default_value = "text")]
    format: Part,
}

/// What of a receipt is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Part {
    /// What it says, for people.
    Text,
    /// What it says, as indented JSON.
    Json,
    /// The bytes that are signed: DSSE's pre-authentication encoding.
    Pae,
    /// The 64 bytes of the signature.
    Signature,
    /// The canonical bytes of what it says.
    Payload,
    /// The canonical bytes of the part that another run of the job must come to.
    Reproducible,
}

/// Check a receipt's signature, digests and arithmetic; or those of all receipts of a folder, and that none
/// contradicts another.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  meterbox receipt verify receipt.json --key $(meterbox key show)"
)]
pub struct VerifyArguments {
    /// The receipt, or a folder of them: each file in it whose name ends in `.json`
    file: PathBuf,

    #[command(flatten)]
    trust: Trust,

    /// Compare the prices with this rate card, too; `default` for the built-in one
    #[arg(long, value_name = "FILE")]
    rate_card: Option<PathBuf>,

    /// How to print the verdict
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// Whose signature to trust: never the key inside the receipt.
#[derive(Debug, Args)]
struct Trust {
    /// Trust this key: 64 hexadecimal digits, or a PEM file
    #[arg(long, value_name = "KEY|FILE")]
    key: Option<String>,

    /// Trust the key that this signed offer names
    #[arg(long, value_name = "FILE", conflicts_with = "key")]
    offer: Option<PathBuf>,
}

/// Shows, verifies or replays.
pub fn run(command: &ReceiptCommand, home: Option<&Path>, ui: &Ui) -> Ended {
    match command {
        ReceiptCommand::Show(arguments) => show(arguments),
        ReceiptCommand::Verify(arguments) => check(arguments, ui),
        ReceiptCommand::Replay(arguments) => replay::run(arguments, home, ui),
        ReceiptCommand::Compare(arguments) => compare::run(arguments),
        ReceiptCommand::Explain(arguments) => explain::run(arguments, ui),
        ReceiptCommand::Slices(arguments) => slices::run(arguments, ui),
        ReceiptCommand::Accept(arguments) => judge::accept(arguments, home),
        ReceiptCommand::Dispute(arguments) => judge::dispute(arguments, home),
    }
}

pub(super) fn invalid(error: &(dyn std::error::Error + 'static)) -> Failure {
    Failure::caused(Exit::ReceiptInvalid, "the receipt does not hold", error)
}

fn show(arguments: &ShowArguments) -> Ended {
    let envelope =
        Envelope::from_bytes(&read(&arguments.file)?).map_err(|error| invalid(&error))?;
    let bytes = match arguments.format {
        Part::Pae => envelope.pae().map_err(|error| invalid(&error))?,
        Part::Signature => envelope
            .signature_bytes()
            .map_err(|error| invalid(&error))?
            .to_vec(),
        Part::Payload => envelope
            .payload_unverified()
            .map_err(|error| invalid(&error))?,
        Part::Reproducible => {
            let receipt: Receipt = envelope
                .document_unverified()
                .map_err(|error| invalid(&error))?;
            receipt
                .reproducible_bytes()
                .map_err(|error| invalid(&error))?
        }
        Part::Json => {
            let receipt: Receipt = envelope
                .document_unverified()
                .map_err(|error| invalid(&error))?;
            let mut text = serde_json::to_vec_pretty(&receipt).map_err(|error| invalid(&error))?;
            text.push(b'\n');
            text
        }
        Part::Text => {
            let receipt: Receipt = envelope
                .document_unverified()
                .map_err(|error| invalid(&error))?;
            describe(&receipt).into_bytes()
        }
    };
    let mut stdout = std::io::stdout().lock();
    stdout
        .write_all(&bytes)
        .and_then(|()| stdout.flush())
        .map_err(|error| Failure::writing(Path::new("standard output"), &error))?;
    Ok(Exit::Ok)
}

fn describe(receipt: &Receipt) -> String {
    let (part, attested) = (receipt.reproducible(), receipt.attested());
    let mut text = String::new();
    let mut line = |name: &str, value: String| text.push_str(&format!("{name:16} {value}\n"));
    line("order", attested.order_id.to_string());
    line("provider", attested.provider_key.to_string());
    line("receipt number", attested.sequence.to_string());
    line("ended", attested.ended_at.to_string());
    line("job", part.job.to_string());
    line("program", part.module.to_string());
    for input in &part.inputs {
        line(
            "input",
            format!("{} {} ({} bytes)", input.name, input.sha256, input.bytes),
        );
    }
    line("outcome", report::outcome(&part.outcome));
    for output in &part.outputs {
        line(
            "output",
            format!("{} {} ({} bytes)", output.name, output.sha256, output.bytes),
        );
    }
    for (meter, count) in part.usage.iter().filter(|(_, count)| *count > 0) {
        line(
            "used",
            format!("{} {}", report::grouped(&count.to_string()), meter.name()),
        );
    }
    for charge in &part.lines {
        line(
            "charged",
            format!(
                "{} × {} = {} {}",
                charge.quantity, charge.unit_price, charge.amount, charge.meter
            ),
        );
    }
    line("total", format!("{} {}", part.total, part.currency));
    text
}

fn check(arguments: &VerifyArguments, ui: &Ui) -> Ended {
    if arguments.file.is_dir() {
        return folder::run(arguments, ui);
    }
    let trusted = arguments.trust.key()?;
    let card = match arguments.rate_card.as_deref() {
        Some(path) if path == Path::new("default") => Some(rates::card(None)?),
        Some(path) => Some(rates::card(Some(path))?),
        None => None,
    };
    let verified = verify(&read(&arguments.file)?, trusted.as_ref(), card.as_ref())
        .map_err(|error| invalid(&error))?;
    let (signer, exit) = match &verified.signer {
        Signer::Trusted(_) => ("trusted", Exit::Ok),
        Signer::Unknown(_) => ("unknown", Exit::SignerUnknown),
    };
    let part = verified.receipt.reproducible();
    if arguments.format == Format::Json {
        crate::ui::print(&format!(
            "{:#}\n",
            json!({
                "schema": 1,
                "valid": true,
                "signer": signer,
                "key": verified.receipt.attested().provider_key,
                "digest": verified.digest,
                "card_checked": verified.card_checked,
                "outcome": part.outcome,
                "currency": part.currency,
                "total": part.total,
            })
        ))?;
    } else if exit == Exit::Ok {
        crate::ui::print(&format!(
            "valid: signed by the trusted key, and it adds up to {} {}\n",
            part.total, part.currency
        ))?;
    } else {
        crate::ui::print(&format!(
            "valid signature, unknown signer: {}\n",
            verified.receipt.attested().provider_key
        ))?;
    }
    if exit == Exit::SignerUnknown {
        ui.say("hint: name the provider's key with --key, or its offer with --offer");
    }
    Ok(exit)
}

impl Trust {
    fn key(&self) -> Result<Option<PublicKey>, Failure> {
        if let Some(path) = &self.offer {
            let no_offer = |error: meterbox_billing::envelope::EnvelopeError| {
                Failure::caused(
                    Exit::File,
                    format!("`{}` is no signed offer", path.display()),
                    &error,
                )
            };
            let envelope = Envelope::from_bytes(&read(path)?).map_err(no_offer)?;
            let claimed: Offer = envelope.document_unverified().map_err(no_offer)?;
            let offer: Offer = envelope.open(&claimed.provider_key).map_err(no_offer)?;
            return Ok(Some(offer.provider_key));
        }
        self.key.as_deref().map(key_of).transpose()
    }
}

/// The key that is written so: 64 hexadecimal digits, or a PEM file.
pub(super) fn key_of(key: &str) -> Result<PublicKey, Failure> {
    let unusable = |error: meterbox_billing::key::KeyError| {
        Failure::caused(Exit::Usage, format!("`{key}` is no key"), &error)
            .hint("give 64 hexadecimal digits, as `meterbox key show` prints them, or a PEM file")
    };
    let is_hex = key.len() == 64 && key.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_hex {
        return key.parse().map_err(unusable);
    }
    let pem = std::fs::read_to_string(key).map_err(|error| {
        Failure::reading(Path::new(key), &error)
            .hint("give 64 hexadecimal digits, as `meterbox key show` prints them, or a PEM file")
    })?;
    PublicKey::from_pem(&pem).map_err(unusable)
}

pub(super) fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let max = u64::try_from(meterbox_billing::canonical::DOCUMENT_BYTES_MAX).unwrap_or(u64::MAX);
    // An envelope is its document in base64, and a little more.
    read_at_most(path, max.saturating_mul(2)).map_err(|failure| match failure.exit {
        Exit::Refused => Failure {
            exit: Exit::ReceiptInvalid,
            ..failure
        },
        _ => failure,
    })
}
