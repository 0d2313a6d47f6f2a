//! `meterbox billing report`: one HTML page about a period, for people.

use std::path::PathBuf;

use clap::Args;
use meterbox_billing::record::Record;
use meterbox_statement::period::Period;
use meterbox_statement::report::{Scope, report};
use meterbox_statement::report_page::report_page;

use super::Selection;
use crate::Ended;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::home::{Home, write_file};
use crate::ui::{self, Ui};

/// Write one HTML page about what was charged: over time, by meter, job, requestor, program and model.
///
/// The page needs no network, and prints on paper. What is unusual is listed.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  meterbox billing report --from 2026-11-01 --to 2026-12-01 --out november.html"
)]
pub struct ReportArguments {
    #[command(flatten)]
    selection: Selection,

    /// The file [default: standard output]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// The period that was named, or the one that the records are of.
pub(super) fn period(
    selection: &Selection,
    reader: &meterbox_provider::ledger::Reader,
) -> Result<Period, Failure> {
    let unusable = |error: meterbox_statement::period::PeriodError| {
        Failure::caused(Exit::Usage, "there is no such period", &error)
    };
    if let (Some(from), Some(to)) = (selection.from, selection.to) {
        return Period::new(from, to).map_err(unusable);
    }
    let mut moments = Vec::new();
    for record in selection.records(reader)? {
        moments.push(record?.at());
    }
    let spanned = Period::spanning(moments).ok_or_else(|| {
        Failure::new(
            Exit::Refused,
            "nothing is recorded that this could be about",
        )
        .hint("`meterbox ledger list` shows every order")
    })?;
    let (from, to) = (
        selection.from.unwrap_or(spanned.from()),
        selection.to.unwrap_or(spanned.to()),
    );
    Period::new(from, to).map_err(unusable)
}

/// All records of the selection, or why one cannot be read.
pub(super) fn records<T>(
    selection: &Selection,
    reader: &meterbox_provider::ledger::Reader,
    make: impl FnOnce(&mut dyn Iterator<Item = Record>) -> T,
) -> Result<T, Failure> {
    let mut failed = None;
    let mut records = selection
        .records(reader)?
        .map_while(|record| record.map_err(|error| failed = Some(error)).ok());
    let made = make(&mut records);
    drop(records);
    match failed {
        Some(error) => Err(error.into()),
        None => Ok(made),
    }
}

/// Writes the page.
pub(super) fn run(arguments: &ReportArguments, home: &Home, ui: &Ui) -> Ended {
    let reader = home.reader()?;
    let scope = Scope {
        period: period(&arguments.selection, &reader)?,
        requestor: arguments.selection.requestor,
    };
    let made = {
        let _working = ui.working("adding up");
        records(&arguments.selection, &reader, |records| {
            report(records, &scope)
        })?
    };
    let report = made.map_err(|error| {
        Failure::caused(Exit::Refused, "there is no report of these records", &error)
    })?;
    let page = report_page(&report);
    match &arguments.out {
        Some(path) => write_file(path, page.as_bytes())?,
        None => ui::print(&page)?,
    }
    Ok(Exit::Ok)
}
