//! `meterbox receipt accept` and `dispute`: what the requestor says of a receipt, signed, and recorded where it is the
//! provider's ledger that lies here.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use meterbox_billing::acceptance::{ACCEPTANCE_SCHEMA, Acceptance, Verdict};
use meterbox_billing::envelope::Envelope;
use meterbox_billing::text::Message;
use meterbox_billing::verify::verify;
use meterbox_provider::ledger::Posted;

use super::{Trust, invalid, read};
use crate::Ended;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::home::{Home, Role, write_file};
use crate::ordering::now;
use crate::ui;

/// Sign that a receipt is right.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  meterbox receipt accept receipt.json --key $(meterbox key show) --out acceptance.json"
)]
pub struct AcceptArguments {
    #[command(flatten)]
    said: Said,
}

/// Sign that a receipt is wrong, and why.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  meterbox receipt dispute receipt.json --key provider.pem --reason 'a replay counts fewer instructions' --out dispute.json"
)]
pub struct DisputeArguments {
    #[command(flatten)]
    said: Said,

    /// In which way it is wrong: what a replay says, for example
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

#[derive(Debug, Args)]
struct Said {
    /// The receipt
    file: PathBuf,

    #[command(flatten)]
    trust: Trust,

    /// Where the signed document goes [default: standard output]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,

    /// Record it in the ledger here, too, as the provider does who is handed it
    #[arg(long)]
    record: bool,

    /// How long to wait for another process to let go of the ledger
    #[arg(long, value_name = "SECONDS", default_value = "10")]
    ledger_wait: u64,
}

/// Accepts.
pub(super) fn accept(arguments: &AcceptArguments, home: Option<&Path>) -> Ended {
    say(&arguments.said, Verdict::Accepted {}, home)
}

/// Disputes.
pub(super) fn dispute(arguments: &DisputeArguments, home: Option<&Path>) -> Ended {
    if arguments.reason.trim().is_empty() {
        return Err(Failure::new(
            Exit::Usage,
            "a dispute says in which way the receipt is wrong",
        ));
    }
    let reason = Message::cut(&arguments.reason);
    say(&arguments.said, Verdict::Disputed { reason }, home)
}

fn say(said: &Said, verdict: Verdict, home: Option<&Path>) -> Ended {
    let bytes = read(&said.file)?;
    let trusted = said.trust.key()?;
    if trusted.is_none() {
        return Err(
            Failure::new(Exit::Usage, "nobody said whose receipt this should be")
                .hint("name the provider's key with --key, or its offer with --offer"),
        );
    }
    // Nobody speaks on a receipt that nobody wrote.
    let verified = verify(&bytes, trusted.as_ref(), None).map_err(|error| invalid(&error))?;
    let home = Home::find(home)?;
    let key = home.key(Role::Requestor)?.ok_or_else(|| {
        Failure::new(Exit::File, "there is no requestor's key here")
            .hint("name the folder from which the job was ordered with --home")
    })?;
    let unsigned = |error: &(dyn std::error::Error + 'static)| {
        Failure::caused(Exit::Fault, "the document cannot be signed", error)
    };
    let acceptance = Acceptance {
        schema: ACCEPTANCE_SCHEMA,
        receipt: verified.digest,
        requestor_key: key.public().map_err(|error| unsigned(&error))?,
        verdict,
        at: now(),
    };
    let sealed = Envelope::seal(&acceptance, &key).map_err(|error| unsigned(&error))?;
    let envelope = sealed.to_bytes().map_err(|error| unsigned(&error))?;
    // It is handed out first: what is recorded is not signed a second time.
    match &said.out {
        Some(path) => write_file(path, &envelope)?,
        None => ui::print(&String::from_utf8_lossy(&envelope))?,
    }
    if said.record {
        let mut ledger = home.ledger(Duration::from_secs(said.ledger_wait))?;
        if ledger.judge(&envelope)? == Posted::Before {
            return Err(Failure::new(
                Exit::Refused,
                "the very same was recorded before",
            ));
        }
    }
    Ok(Exit::Ok)
}
