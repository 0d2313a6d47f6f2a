//! `meterbox billing`: takes what is recorded to the tools and the people that bill by it. Changes nothing in the
//! ledger, but for what an invoice rounds where that is asked for.

mod export;
mod invoice;
mod push;
mod report;

use std::path::Path;

use clap::{Args, Subcommand};
use meterbox_billing::key::PublicKey;
use meterbox_billing::record::Record;
use meterbox_billing::timestamp::Timestamp;
use meterbox_provider::ledger::{LedgerError, Reader, RecordFilter};

use crate::Ended;
use crate::failure::Failure;
use crate::home::Home;
use crate::ui::Ui;

/// Export, send, report and invoice what is recorded.
#[derive(Debug, Subcommand)]
pub enum BillingCommand {
    Export(export::ExportArguments),
    Push(Box<push::PushArguments>),
    Report(report::ReportArguments),
    Invoice(invoice::InvoiceArguments),
}

/// Which records.
#[derive(Debug, Args)]
struct Selection {
    /// Only what counts at this time or later: a day, or a moment such as 2026-11-01T12:00:00Z
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    from: Option<Timestamp>,

    /// Only what counts before this time
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    to: Option<Timestamp>,

    /// Only this requestor's: its key in hexadecimal digits
    #[arg(long, value_name = "KEY")]
    requestor: Option<PublicKey>,
}

impl Selection {
    /// The records, in the order in which they were posted. Credits and disputes of a period come with it.
    fn records<'r>(
        &self,
        reader: &'r Reader,
    ) -> Result<impl Iterator<Item = Result<Record, LedgerError>> + 'r, Failure> {
        let records = reader.records(&RecordFilter {
            from: 0,
            requestor: self.requestor,
            since: self.from,
            until: self.to,
        })?;
        Ok(records.map(|record| record.map(|(_, record)| record)))
    }
}

/// A day, from its beginning, or a moment; in UTC.
pub(super) fn parse_time(text: &str) -> Result<Timestamp, String> {
    let moment = match text.len() {
        10 => format!("{text}T00:00:00Z"),
        _ => text.to_owned(),
    };
    moment.parse().map_err(|_| {
        "write a day such as 2026-11-01, or a moment such as 2026-11-01T12:00:00Z".into()
    })
}

/// Exports, sends, reports or invoices.
pub fn run(command: &BillingCommand, home: Option<&Path>, ui: &Ui) -> Ended {
    let home = Home::find(home)?;
    match command {
        BillingCommand::Export(arguments) => export::run(arguments, &home, ui),
        BillingCommand::Push(arguments) => push::run(arguments, &home, ui),
        BillingCommand::Report(arguments) => report::run(arguments, &home, ui),
        BillingCommand::Invoice(arguments) => invoice::run(arguments, &home, ui),
    }
}
