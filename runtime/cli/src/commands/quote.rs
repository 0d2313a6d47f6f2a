//! `meterbox quote`: says what a job could cost at the most, without running it.

use std::num::NonZeroU32;
use std::path::PathBuf;

use clap::Args;
use meterbox_billing::bill::ceiling;
use meterbox_billing::limits::Limits;
use meterbox_billing::money::Amount;
use serde_json::json;

use super::Format;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::ordering::{JobArguments, Request};
use crate::report::grouped;
use crate::{Ended, rates};

/// Say what a job could cost at the most, without running it.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  meterbox quote job.toml --limit-instructions 1G")]
pub struct QuoteArguments {
    #[command(flatten)]
    job: JobArguments,

    /// Say what so many slices could cost together, too [default: as many as the job file says]
    #[arg(long, value_name = "N")]
    slices: Option<NonZeroU32>,

    /// Price by this rate card [default: the built-in one]
    #[arg(long, value_name = "FILE")]
    rate_card: Option<PathBuf>,

    /// How to print the quote
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// Prints the quote.
pub fn run(arguments: &QuoteArguments) -> Ended {
    let request = Request::read(&arguments.job)?;
    let card = rates::card(arguments.rate_card.as_deref())?;
    let options = meterbox_provider::meter_options(&request.limits);
    let metered = meterbox_meter::meter_with(&request.program, &options)
        .map_err(|error| Failure::from(meterbox_provider::ProviderError::from(error)))?;
    let admission_units = metered.admission.units();
    let ceiling = ceiling(&request.limits, &card, u128::from(admission_units))
        .map_err(|error| Failure::caused(Exit::Refused, "the limits cannot be priced", &error))?;
    let slices = arguments
        .slices
        .or(request.slices)
        .map_or(1, NonZeroU32::get);
    let of_slices = ceiling.units().checked_mul(u128::from(slices));
    let of_slices = of_slices.map(Amount::from_units);
    let limits = |limits: &Limits| -> Vec<(&'static str, u64)> {
        Limits::FIELDS
            .iter()
            .map(|field| (*field, limits.get(field).unwrap_or_default()))
            .collect()
    };
    if arguments.format == Format::Json {
        let limits: serde_json::Map<String, serde_json::Value> = limits(&request.limits)
            .into_iter()
            .map(|(name, value)| (name.into(), json!(value.to_string())))
            .collect();
        crate::ui::print(&format!(
            "{:#}\n",
            json!({
                "schema": 1,
                "admission_units": admission_units.to_string(),
                "declared": {
                    "instructions": metered.declared.units.to_string(),
                    "memory_pages": metered.declared.memory_pages.to_string(),
                    "table_elements": metered.declared.table_elements.to_string(),
                },
                "limits": limits,
                "currency": card.currency(),
                "ceiling": ceiling,
                "slices": slices,
                "ceiling_of_slices": of_slices,
            })
        ))?;
        return Ok(Exit::Ok);
    }
    crate::ui::print(&format!(
        "admission  {} units\n",
        grouped(&admission_units.to_string())
    ))?;
    crate::ui::print(&format!(
        "declared   {} instructions, {} pages of memory\n",
        grouped(&metered.declared.units.to_string()),
        metered.declared.memory_pages
    ))?;
    crate::ui::print("\nlimits\n")?;
    for (name, value) in limits(&request.limits) {
        crate::ui::print(&format!(
            "  {name:24} {:>26}\n",
            grouped(&value.to_string())
        ))?;
    }
    crate::ui::print(&format!("\nceiling    {ceiling} {}\n", card.currency()))?;
    if slices > 1 {
        let all = of_slices.map_or("more than an amount can be".into(), |all| all.to_string());
        let currency = card.currency();
        crate::ui::print(&format!("of {slices} slices  {all} {currency}\n"))?;
    }
    Ok(Exit::Ok)
}
