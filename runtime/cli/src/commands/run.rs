//! `meterbox run`: runs a job under an order, or one after another in slices, prints what it used and cost, and keeps
//! the receipts.

mod counter;
mod results;
mod slices;

use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use clap::Args;
use meterbox_billing::money::Amount;
use meterbox_billing::text::Id;

use super::{Format, OptLevelFlag};
use crate::Ended;
use crate::failure::Failure;
use crate::home::Home;
use crate::ordering::{JobArguments, Request, new_id};
use crate::ui::Ui;
use crate::workers::Place;
use crate::{rates, report};

use counter::Counter;
use results::Results;

/// Run a job, and print what it used and what that costs.
///
/// A program that is a WASI command has its standard input, output and error passed through; its
/// report goes to --report.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  meterbox run job.toml --input photo=cat.png --out results --receipt receipt.json\n  echo hello | meterbox run cat.wasm --report report.json"
)]
pub struct RunArguments {
    #[command(flatten)]
    job: JobArguments,

    /// Run so many slices at the most, each under an order and with a receipt of its own: as long as the program
    /// leaves an output `checkpoint`, it is run again with that as its input [default: 1]
    #[arg(long, value_name = "N")]
    slices: Option<NonZeroU32>,

    /// Write the job's outputs to this folder
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,

    /// Write the signed receipt to this file; with --slices, to this folder those of all slices
    #[arg(long, value_name = "FILE")]
    receipt: Option<PathBuf>,

    /// Write the report as JSON to this file
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,

    /// Write the signed order to this file: whoever replays the receipt elsewhere needs it; with --slices, to this
    /// folder
    #[arg(long, value_name = "FILE")]
    order: Option<PathBuf>,

    /// Write the signed offer to this file; with --slices, to this folder
    #[arg(long, value_name = "FILE")]
    offer: Option<PathBuf>,

    /// Price by this rate card [default: the built-in one]
    #[arg(long, value_name = "FILE")]
    rate_card: Option<PathBuf>,

    /// Refuse the job if it could cost more, all slices together [default: what its limits come to]
    #[arg(long, value_name = "AMOUNT")]
    max_price: Option<Amount>,

    /// Order under this id; the same order again gets the same receipt. Slices have its number behind it
    #[arg(long, value_name = "ID")]
    order_id: Option<Id>,

    /// Write the transcript of the job's calls on models, with all that they gave, to this file; with --slices, to
    /// this folder
    #[arg(long, value_name = "FILE")]
    transcript: Option<PathBuf>,

    /// Keep the transcript here for so many days
    #[arg(long, value_name = "DAYS", default_value = "30")]
    keep_transcript: u64,

    /// Commit the order to the secret in this file, 64 hexadecimal digits [default: a new one, which is kept]
    #[arg(long, value_name = "FILE")]
    audit_secret: Option<PathBuf>,

    /// How hard the compiler tries; never visible in the bill
    #[arg(long, value_enum, default_value = "speed")]
    opt_level: OptLevelFlag,

    #[command(flatten)]
    place: Place,

    /// How to print the report
    #[arg(long, value_enum, default_value = "text")]
    format: Format,

    /// How long to wait for another process to let go of the ledger
    #[arg(long, value_name = "SECONDS", default_value = "10")]
    ledger_wait: u64,

    /// Go by the clock, though the ledger was told a later time before: when it was wrong then
    #[arg(long)]
    trust_clock: bool,

    /// Refuse requestors that were granted no budget
    #[arg(long)]
    budget_required: bool,
}

/// Runs the job.
pub fn run(arguments: &RunArguments, home: Option<&Path>, ui: &Ui) -> Ended {
    let home = Home::find(home)?;
    let mut request = Request::read(&arguments.job)?;
    request.max_price = arguments.max_price.or(request.max_price);
    request.slices = arguments.slices.or(request.slices);
    let card = rates::card(arguments.rate_card.as_deref())?;
    if let Some(folder) = &arguments.out {
        std::fs::create_dir_all(folder).map_err(|error| Failure::writing(folder, &error))?;
    }
    let store = home.store()?;
    let counter = || Counter::open(arguments, &request, &home, card.clone(), ui);
    let Some(slices) = request.slices else {
        // The job is read before the ledger is taken: reading may take as long as somebody types.
        let (job, material) = request.stage(&store)?;
        let mut counter = counter()?;
        let id = match &arguments.order_id {
            Some(id) => id.clone(),
            None => new_id(&request.name)?,
        };
        let order = counter.order(id, &job, request.max_price)?;
        let results = Results::of(arguments, &request, counter.transcripts(), ui);
        results.keep_order(&order, &counter.signed_offer()?, None)?;
        let mut completed = counter.run(&order, &material, &arguments.place.stop_on_interrupt())?;
        results.keep(&mut completed)?;
        return Ok(report::exit_of(&completed.document.reproducible().outcome));
    };
    let staged = request.stage(&store)?;
    slices::run(
        slices,
        staged,
        &mut counter()?,
        arguments,
        &request,
        &store,
        ui,
    )
}
