//! Writes a table as CSV (RFC 4180, with `\n` at a line's end). Knows no column by name.

use std::io::Write;

use meterbox_billing::timestamp::Timestamp;

use crate::digits::Point;
use crate::error::ExportError;
use crate::table::{Cell, Column, TableWriter};

/// Fewer calls of the system than with the crate's own 8 KiB.
const BUFFER_BYTES: usize = 256 * 1024;

/// A CSV file in the making.
pub struct CsvTable<W: Write> {
    writer: csv::Writer<W>,
    point: Point,
    text: String,
    moments: Moments,
}

/// The texts of the last few moments: rows in a row share their bounds.
#[derive(Default)]
struct Moments {
    known: Vec<(Timestamp, String)>,
    next: usize,
}

const MOMENTS_MAX: usize = 4;

impl<W: Write> CsvTable<W> {
    /// Writes the header.
    pub fn new(columns: &[Column], point: Point, out: W) -> Result<Self, ExportError> {
        let mut writer = csv::WriterBuilder::new()
            .buffer_capacity(BUFFER_BYTES)
            .from_writer(out);
        writer.write_record(columns.iter().map(|column| column.name))?;
        Ok(Self {
            writer,
            point,
            text: String::new(),
            moments: Moments::default(),
        })
    }

    /// Writes what is still held back.
    pub fn finish(mut self) -> Result<(), ExportError> {
        Ok(self.writer.flush()?)
    }
}

impl<W: Write> TableWriter for CsvTable<W> {
    fn write(&mut self, cells: &[Cell<'_>]) -> Result<(), ExportError> {
        for cell in cells {
            if let Cell::Time(moment) = cell {
                self.writer.write_field(self.moments.text(*moment))?;
                continue;
            }
            self.text.clear();
            cell.push_to(&mut self.text, self.point);
            self.writer.write_field(&self.text)?;
        }
        Ok(self.writer.write_record(None::<&[u8]>)?)
    }
}

impl Moments {
    fn text(&mut self, moment: Timestamp) -> &str {
        let found = self.known.iter().position(|(known, _)| *known == moment);
        let place = found.unwrap_or_else(|| {
            let entry = (moment, moment.to_string());
            if self.known.len() < MOMENTS_MAX {
                self.known.push(entry);
                self.known.len().saturating_sub(1)
            } else {
                self.next = (self.next.saturating_add(1)) % MOMENTS_MAX;
                self.known[self.next] = entry;
                self.next
            }
        });
        &self.known[place].1
    }
}
