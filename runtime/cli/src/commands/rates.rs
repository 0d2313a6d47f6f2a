//! `meterbox rates`: checks, shows, compares and proposes rate cards.

mod calibrate;

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use meterbox_billing::rate_card::RateCard;
use meterbox_billing::rate_card::change::change;
use meterbox_billing::usage::Meter;
use serde_json::json;

use super::Format;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::ui::{self, Ui};
use crate::{Ended, rates};

/// Check, show, compare and propose rate cards.
#[derive(Debug, Subcommand)]
pub enum RatesCommand {
    Check(CheckArguments),
    Show(ShowArguments),
    Diff(DiffArguments),
    Calibrate(Box<calibrate::CalibrateArguments>),
}

/// Say whether a file is a rate card, or why not.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  meterbox rates check my-card.toml")]
pub struct CheckArguments {
    /// The card
    file: PathBuf,
}

/// Print a rate card: what it charges, and for what.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  meterbox rates show")]
pub struct ShowArguments {
    /// The card [default: the built-in one]
    file: Option<PathBuf>,

    /// How to print it
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// Say how two rate cards differ.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  meterbox rates diff old-card.toml new-card.toml")]
pub struct DiffArguments {
    /// The older card; `default` for the built-in one
    old: PathBuf,

    /// The newer card; `default` for the built-in one
    new: PathBuf,

    /// How to print it
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// Checks, shows, compares or proposes.
pub fn run(command: &RatesCommand, home: Option<&Path>, ui: &Ui) -> Ended {
    match command {
        RatesCommand::Check(arguments) => {
            let card = rates::card(Some(&arguments.file))?;
            ui::print(&format!("ok: {} {}\n", card.id(), digest(&card)?))?;
            Ok(Exit::Ok)
        }
        RatesCommand::Show(arguments) => show(arguments),
        RatesCommand::Diff(arguments) => diff(arguments),
        RatesCommand::Calibrate(arguments) => calibrate::run(arguments, home, ui),
    }
}

fn digest(card: &RateCard) -> Result<String, Failure> {
    let digest = card.digest();
    let digest = digest
        .map_err(|error| Failure::caused(Exit::Fault, "the card cannot be digested", &error))?;
    Ok(digest.to_string())
}

fn named(path: &Path) -> Result<RateCard, Failure> {
    rates::card(Some(path).filter(|path| *path != Path::new("default")))
}

fn show(arguments: &ShowArguments) -> Ended {
    let card = rates::card(arguments.file.as_deref())?;
    let prices = || {
        let all = Meter::ALL.iter().map(|meter| (*meter, card.price(*meter)));
        all.filter(|(_, price)| !price.is_zero())
    };
    let charges = [
        ("fee_per_job", card.fee_per_job()),
        ("minimum_charge", card.minimum_charge()),
        ("cancellation_charge", card.cancellation_charge()),
    ];
    if arguments.format == Format::Json {
        let prices: serde_json::Map<String, serde_json::Value> = prices()
            .map(|(meter, price)| (meter.name().to_owned(), json!(price)))
            .collect();
        let mut value = json!({
            "schema": 1,
            "id": card.id(),
            "digest": digest(&card)?,
            "currency": card.currency(),
            "valid_from": card.valid_from(),
            "valid_until": card.valid_until(),
            "minor_unit_digits": card.minor_unit_digits(),
            "prices": prices,
        });
        for (name, amount) in charges {
            value[name] = json!(amount);
        }
        ui::print(&format!("{value:#}\n"))?;
        return Ok(Exit::Ok);
    }
    let currency = card.currency();
    let mut text = format!(
        "{} in {currency}, from {} until {}\n{}\n",
        card.id(),
        card.valid_from(),
        card.valid_until(),
        digest(&card)?
    );
    for (meter, price) in prices() {
        text += &format!("  {:34} {price} a {}\n", meter.name(), meter.unit());
    }
    for (name, amount) in charges.into_iter().filter(|(_, amount)| !amount.is_zero()) {
        text += &format!("  {name:34} {amount}\n");
    }
    ui::print(&text)?;
    Ok(Exit::Ok)
}

fn diff(arguments: &DiffArguments) -> Ended {
    let (old, new) = (named(&arguments.old)?, named(&arguments.new)?);
    let found = change(&old, &new)
        .map_err(|error| Failure::caused(Exit::Fault, "the cards cannot be digested", &error))?;
    ui::print(&match arguments.format {
        Format::Text => format!("{found}"),
        Format::Json => format!("{:#}\n", json!({ "schema": 1, "change": found })),
    })?;
    Ok(Exit::Ok)
}
