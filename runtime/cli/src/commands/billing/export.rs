//! `meterbox billing export`: writes what is recorded in the form that another tool reads.

use std::path::{Path, PathBuf};

use clap::Args;
use meterbox_billing::text::Id;
use meterbox_export::error::ExportError;
use meterbox_export::export::export;
use meterbox_export::file::{Existing, export_to_path};
use meterbox_export::format::Format;
use meterbox_export::linear_model::LinearModel;
use meterbox_export::options::{FocusVersion, Grain, Options};
use meterbox_export::selection::Summary;

use super::Selection;
use crate::Ended;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::home::Home;
use crate::program::read_at_most;
use crate::ui::Ui;

/// A payment model has a coefficient a meter.
const MODEL_BYTES_MAX: u64 = 1 << 20;

/// Write what is recorded in the form that another tool reads.
///
/// The same records give the same bytes each time. By default a row is of one requestor, meter and hour, with the
/// Merkle root of its receipts.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  meterbox billing export --format focus-csv --from 2026-11-01 --to 2026-12-01 --out focus.csv\n  meterbox billing export --format hledger --grain receipt"
)]
pub struct ExportArguments {
    /// The form: focus-csv, focus-parquet, focus-partitions, csv, jsonl, parquet, partitions, hledger, beancount,
    /// ledger, cloudevents, lago, stripe, golem, prometheus or openmetrics
    #[arg(long, value_name = "FORMAT")]
    format: Format,

    #[command(flatten)]
    selection: Selection,

    /// The file, or the folder for partitions [default: standard output]
    #[arg(long, value_name = "PATH")]
    out: Option<PathBuf>,

    /// Write over what is there
    #[arg(long)]
    overwrite: bool,

    #[command(flatten)]
    shape: Shape,
}

/// How rows and events are made.
#[derive(Debug, Args)]
pub(super) struct Shape {
    /// What a row or an event is of: an `hour`, or a single `receipt`
    #[arg(long, value_name = "hour|receipt", default_value = "hour")]
    pub grain: Grain,

    /// The version of FOCUS: 1.2 or 1.4
    #[arg(long, value_name = "VERSION", default_value = "1.2")]
    focus: FocusVersion,

    /// What the provider is called
    #[arg(long, value_name = "NAME", default_value = "Meterbox")]
    provider_name: String,

    /// The invoice that rows belong to
    #[arg(long, value_name = "ID")]
    invoice_id: Option<Id>,

    /// What events name as their source
    #[arg(long, value_name = "NAME", default_value = "meterbox")]
    event_source: String,

    /// What a requestor's key is called by the receiver of events; repeatable
    #[arg(long = "customer", value_name = "KEY=ID", value_parser = parse_customer)]
    customers: Vec<(String, String)>,

    /// The payment model that Golem's vectors follow, as JSON
    #[arg(long, value_name = "FILE")]
    golem_model: Option<PathBuf>,
}

fn parse_customer(text: &str) -> Result<(String, String), String> {
    let (key, id) = text.split_once('=').ok_or("write KEY=ID")?;
    let key: meterbox_billing::key::PublicKey = key
        .parse()
        .map_err(|_| "KEY is 64 hexadecimal digits, as `meterbox key show` prints them")?;
    Ok((key.to_string(), id.to_owned()))
}

impl Shape {
    /// The options of an export of these records.
    pub(super) fn options(&self, selection: &Selection) -> Result<Options, Failure> {
        let linear_model = self.golem_model.as_deref().map(golem_model).transpose()?;
        Ok(Options {
            from: selection.from,
            to: selection.to,
            requestor: selection.requestor,
            grain: self.grain,
            focus: self.focus,
            provider_name: self.provider_name.clone(),
            invoice_id: self.invoice_id.clone(),
            event_source: self.event_source.clone(),
            customers: self.customers.iter().cloned().collect(),
            linear_model,
            ..Options::default()
        })
    }
}

fn golem_model(path: &Path) -> Result<LinearModel, Failure> {
    let bytes = read_at_most(path, MODEL_BYTES_MAX)?;
    let text = String::from_utf8(bytes).map_err(|error| Failure::reading(path, &error))?;
    LinearModel::from_json(&text).map_err(|error| {
        let message = format!("`{}` is no payment model", path.display());
        Failure::caused(Exit::Usage, message, &error)
    })
}

/// An export that did not come to its end.
pub(super) fn failed(error: &ExportError) -> Failure {
    let exit = match error {
        ExportError::Option { .. } | ExportError::Kind { .. } => Exit::Usage,
        _ => Exit::File,
    };
    Failure::caused(exit, "the export was not written", error).maybe_hint(error.hint())
}

/// Exports.
pub(super) fn run(arguments: &ExportArguments, home: &Home, ui: &Ui) -> Ended {
    let options = arguments.shape.options(&arguments.selection)?;
    let reader = home.reader()?;
    let records = arguments.selection.records(&reader)?;
    let existing = match arguments.overwrite {
        true => Existing::Replace,
        false => Existing::Refuse,
    };
    let summary = match &arguments.out {
        Some(path) => {
            let _working = ui.working("exporting");
            export_to_path(arguments.format, records, &options, path, existing)
        }
        None => {
            let mut out = std::io::stdout();
            export(arguments.format, records, &options, &mut out)
        }
    };
    let summary = match summary {
        Err(ExportError::Write(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => {
            // Whoever read it has had enough.
            return Ok(Exit::Ok);
        }
        summary => summary.map_err(|error| failed(&error))?,
    };
    ui.say(&told(&summary));
    Ok(Exit::Ok)
}

fn told(summary: &Summary) -> String {
    let mut text = format!(
        "{} receipts, {} credits, {} disputes, {} rounded invoices",
        summary.charges, summary.credits, summary.disputes, summary.roundings
    );
    for (currency, total) in &summary.totals {
        text += &format!("; charged {} {currency}", total.charged);
        if !total.credited.is_zero() {
            text += &format!(", credited {} {currency}", total.credited);
        }
    }
    text
}
