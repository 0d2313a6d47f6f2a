//! `meterbox receipt explain`: says what each charge was for.

use std::path::PathBuf;

use clap::Args;
use meterbox_billing::explain::explain;
use meterbox_billing::verify::{Signer, verify};

use super::{Trust, invalid, read};
use crate::Ended;
use crate::commands::Format;
use crate::exit::Exit;
use crate::ui::{self, Ui};

/// Say, line by line, what each charge was for and how the bill adds up.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  meterbox receipt explain receipt.json --key $(meterbox key show)"
)]
pub struct ExplainArguments {
    /// The receipt
    file: PathBuf,

    #[command(flatten)]
    trust: Trust,

    /// How to print it
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// Explains.
pub(super) fn run(arguments: &ExplainArguments, ui: &Ui) -> Ended {
    let trusted = arguments.trust.key()?;
    let verified =
        verify(&read(&arguments.file)?, trusted.as_ref(), None).map_err(|error| invalid(&error))?;
    let explanation = explain(&verified.receipt, verified.digest);
    ui::print(&match arguments.format {
        Format::Text => format!("{explanation}"),
        Format::Json => {
            let text = serde_json::to_string_pretty(&explanation);
            format!("{}\n", text.map_err(|error| invalid(&error))?)
        }
    })?;
    Ok(match verified.signer {
        Signer::Trusted(_) => Exit::Ok,
        Signer::Unknown(_) => {
            ui.say("hint: the signature fits the key inside the receipt; name the provider's key with --key");
            Exit::SignerUnknown
        }
    })
}
