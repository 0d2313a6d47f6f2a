//! Writes records as a table: one row for each line of a receipt, for each credit, dispute and rounding.
//! Sums nothing and leaves nothing out.

use meterbox_billing::bill::Line;
use meterbox_billing::record::{Charge, Credited, Disputed, Record, Rounded};

use crate::digits::{Point, Signed};
use crate::error::ExportError;
use crate::selection::Records;
use crate::table::{Cell, Column, Kind, TableWriter};

/// Numbers are written as receipts write them.
pub const POINT: Point = Point::WhereNeeded;

/// The columns. `amount` is what the requestor owes for a row, so that its sum is what is owed: less than
/// nothing for a credit, nothing for a dispute. What an invoice rounded is of no receipt: it has none, and no order and job.
pub const COLUMNS: &[Column] = &[
    Column::new("kind", Kind::Text),
    Column::or_empty("sequence", Kind::Index),
    Column::or_empty("receipt", Kind::Text),
    Column::or_empty("order_id", Kind::Text),
    Column::new("requestor", Kind::Text),
    Column::new("provider", Kind::Text),
    Column::or_empty("job", Kind::Text),
    Column::or_empty("module", Kind::Text),
    Column::or_empty("rate_card", Kind::Text),
    Column::or_empty("started_at", Kind::Time),
    Column::new("at", Kind::Time),
    Column::or_empty("outcome", Kind::Text),
    Column::or_empty("meter", Kind::Text),
    Column::or_empty("quantity", Kind::Count),
    Column::or_empty("unit_price", Kind::Price),
    Column::new("amount", Kind::Amount),
    Column::new("currency", Kind::Text),
    Column::or_empty("receipt_total", Kind::Amount),
    Column::or_empty("document", Kind::Text),
    Column::or_empty("credit_id", Kind::Text),
    Column::or_empty("reason", Kind::Text),
    Column::or_empty("invoice", Kind::Text),
];

/// Writes all records.
pub fn write(records: Records<'_>, table: &mut dyn TableWriter) -> Result<(), ExportError> {
    for record in records {
        write_record(&record?, table)?;
    }
    Ok(())
}

/// Writes the rows of one record.
pub fn write_record(record: &Record, table: &mut dyn TableWriter) -> Result<(), ExportError> {
    match record {
        // A receipt that charges nothing is a receipt all the same.
        Record::Charge(charge) if charge.lines.is_empty() => table.write(&of_line(charge, None)),
        Record::Charge(charge) => charge
            .lines
            .iter()
            .try_for_each(|line| table.write(&of_line(charge, Some(line)))),
        Record::Credit(credited) => table.write(&of_credit(credited)?),
        Record::Dispute(disputed) => table.write(&of_dispute(disputed)?),
        Record::Rounding(rounded) => table.write(&of_rounding(rounded)?),
    }
}

fn of_line<'a>(charge: &'a Charge, line: Option<&'a Line>) -> [Cell<'a>; COLUMNS.len()] {
    let of = |cell: fn(&'a Line) -> Cell<'a>| line.map_or(Cell::Empty, cell);
    [
        Cell::text("charge"),
        Cell::Index(charge.sequence),
        Cell::Hex(charge.receipt.as_bytes()),
        Cell::text(charge.order_id.as_str()),
        Cell::Hex(charge.requestor.as_bytes()),
        Cell::Hex(charge.provider.as_bytes()),
        Cell::Hex(charge.job.as_bytes()),
        Cell::Hex(charge.module.as_bytes()),
        Cell::Hex(charge.rate_card.as_bytes()),
        Cell::Time(charge.started_at),
        Cell::Time(charge.ended_at),
        Cell::text(charge.outcome.as_str()),
        of(|line| Cell::text(line.meter.as_str())),
        of(|line| Cell::Count(line.quantity)),
        of(|line| Cell::Price(line.unit_price)),
        Cell::Amount(line.map_or(Signed::ZERO, |line| Signed::plus(line.amount))),
        Cell::text(charge.currency.code()),
        Cell::Amount(Signed::plus(charge.total)),
        Cell::Empty,
        Cell::Empty,
        Cell::Empty,
        Cell::Empty,
    ]
}

fn of_credit(credited: &Credited) -> Result<[Cell<'_>; COLUMNS.len()], ExportError> {
    Ok([
        Cell::text("credit"),
        Cell::Empty,
        Cell::Hex(credited.receipt.as_bytes()),
        Cell::text(credited.order_id.as_str()),
        Cell::Hex(credited.requestor.as_bytes()),
        Cell::Hex(credited.provider.as_bytes()),
        Cell::Hex(credited.job.as_bytes()),
        Cell::Empty,
        Cell::Empty,
        Cell::Empty,
        Cell::Time(credited.at),
        Cell::Empty,
        Cell::Empty,
        Cell::Empty,
        Cell::Empty,
        Cell::Amount(Signed::minus(credited.amount)),
        Cell::text(credited.currency.code()),
        Cell::Empty,
        Cell::Hex(credited.credit.as_bytes()),
        Cell::text(credited.id.as_str()),
        words(credited.reason.as_str())?,
        Cell::Empty,
    ])
}

fn of_dispute(disputed: &Disputed) -> Result<[Cell<'_>; COLUMNS.len()], ExportError> {
    Ok([
        Cell::text("dispute"),
        Cell::Empty,
        Cell::Hex(disputed.receipt.as_bytes()),
        Cell::text(disputed.order_id.as_str()),
        Cell::Hex(disputed.requestor.as_bytes()),
        Cell::Hex(disputed.provider.as_bytes()),
        Cell::Hex(disputed.job.as_bytes()),
        Cell::Empty,
        Cell::Empty,
        Cell::Empty,
        Cell::Time(disputed.at),
        Cell::Empty,
        Cell::Empty,
        Cell::Empty,
        Cell::Empty,
        Cell::Amount(Signed::ZERO),
        Cell::text(disputed.currency.code()),
        Cell::Amount(Signed::plus(disputed.total)),
        Cell::Hex(disputed.dispute.as_bytes()),
        Cell::Empty,
        words(disputed.reason.as_str())?,
        Cell::Empty,
    ])
}

fn of_rounding(rounded: &Rounded) -> Result<[Cell<'_>; COLUMNS.len()], ExportError> {
    Ok([
        Cell::text("rounding"),
        Cell::Empty,
        Cell::Empty,
        Cell::Empty,
        Cell::Hex(rounded.requestor.as_bytes()),
        Cell::Hex(rounded.provider.as_bytes()),
        Cell::Empty,
        Cell::Empty,
        Cell::Empty,
        Cell::Time(rounded.from),
        Cell::Time(rounded.at),
        Cell::Empty,
        Cell::Empty,
        Cell::Empty,
        Cell::Empty,
        Cell::Amount(Signed::of_rounding(rounded)),
        Cell::text(rounded.currency.code()),
        Cell::Empty,
        Cell::Empty,
        Cell::Empty,
        Cell::Empty,
        words(rounded.invoice.as_str())?,
    ])
}

/// Words that somebody wrote, as a JSON string: no spreadsheet takes it for a formula, since it begins with
/// a quotation mark, and no line break splits the row.
fn words(words: &str) -> Result<Cell<'static>, ExportError> {
    Ok(Cell::text(serde_json::to_string(words)?))
}
