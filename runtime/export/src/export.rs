//! Owns the one door: records in, a format's bytes out. Decides nothing about their form.

use std::error::Error;
use std::io::Write;

use meterbox_billing::record::Record;

use crate::csv_table::CsvTable;
use crate::error::ExportError;
use crate::event::Events;
use crate::format::Format;
use crate::journal::{self, Dialect};
use crate::metrics::{self, Exposition};
use crate::options::Options;
use crate::parquet_table::ParquetTable;
use crate::rows::Rows;
use crate::selection::{Records, Selection, Summary};
use crate::{focus, golem, json_lines, raw};

/// Writes records, given in posted order, in a format that is one file.
///
/// The same records and options give the same bytes. What `out` has got when this fails is no export; a file
/// that is there only when it is whole is [`crate::file`]'s doing.
pub fn export<I, E>(
    format: Format,
    records: I,
    options: &Options,
    out: &mut (dyn Write + Send),
) -> Result<Summary, ExportError>
where
    I: Iterator<Item = Result<Record, E>>,
    E: Into<Box<dyn Error + Send + Sync>>,
{
    options.check()?;
    let mut selection = Selection::new(records, options);
    write(format, &mut selection, options, out)?;
    out.flush()?;
    Ok(selection.into_summary())
}

fn write(
    format: Format,
    records: Records<'_>,
    options: &Options,
    out: &mut (dyn Write + Send),
) -> Result<(), ExportError> {
    match format {
        Format::FocusCsv => {
            let mut table = CsvTable::new(&focus::columns(options), focus::POINT, out)?;
            focus::write(Rows::new(records, options), options, &mut table)?;
            table.finish()
        }
        Format::FocusParquet => {
            let mut table = ParquetTable::new(focus::columns(options), out)?;
            focus::write(Rows::new(records, options), options, &mut table)?;
            table.finish().map(drop)
        }
        Format::Csv => {
            let mut table = CsvTable::new(raw::COLUMNS, raw::POINT, out)?;
            raw::write(records, &mut table)?;
            table.finish()
        }
        Format::Parquet => {
            let mut table = ParquetTable::new(raw::COLUMNS.to_vec(), out)?;
            raw::write(records, &mut table)?;
            table.finish().map(drop)
        }
        Format::JsonLines => json_lines::write(records, out),
        Format::Hledger => journal::write(Dialect::Hledger, Rows::new(records, options), out),
        Format::Beancount => journal::write(Dialect::Beancount, Rows::new(records, options), out),
        Format::Ledger => journal::write(Dialect::Ledger, Rows::new(records, options), out),
        Format::CloudEvents | Format::Lago | Format::Stripe => {
            for event in Events::of_format(format, records, options)? {
                writeln!(out, "{}", event?.body)?;
            }
            Ok(())
        }
        Format::Golem => golem::write(records, options, out),
        Format::Prometheus => metrics::write(Exposition::Prometheus, records, out),
        Format::OpenMetrics => metrics::write(Exposition::OpenMetrics, records, out),
        Format::FocusPartitions | Format::Partitions => Err(ExportError::Kind {
            format: format.name(),
            kind: "folder",
        }),
    }
}
