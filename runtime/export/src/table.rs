//! Owns what a table is made of: columns of a kind, and rows of cells. Knows neither CSV nor Parquet.

use std::borrow::Cow;

use meterbox_billing::money::UnitPrice;
use meterbox_billing::timestamp::Timestamp;

use crate::digits::{self, Point, Signed};
use crate::error::ExportError;

/// What the cells of a column are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Text; digests and keys are text in hexadecimal.
    Text,
    /// An amount: 18 digits after the point.
    Amount,
    /// A unit price: 27 digits after the point.
    Price,
    /// A whole number of up to 128 bits.
    Count,
    /// A whole number of up to 63 bits.
    Index,
    /// A moment.
    Time,
}

/// A column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: &'static str,
    /// What its cells are.
    pub kind: Kind,
    /// Whether a cell may be empty.
    pub nullable: bool,
}

impl Column {
    /// A column whose cells are all filled.
    #[must_use]
    pub const fn new(name: &'static str, kind: Kind) -> Self {
        Self {
            name,
            kind,
            nullable: false,
        }
    }

    /// The same, with cells that may be empty.
    #[must_use]
    pub const fn or_empty(name: &'static str, kind: Kind) -> Self {
        Self {
            name,
            kind,
            nullable: true,
        }
    }
}

/// A cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cell<'a> {
    /// Nothing is known or nothing applies.
    Empty,
    /// Of a column of text.
    Text(Cow<'a, str>),
    /// Of a column of text: these bytes in hexadecimal.
    Hex(&'a [u8; 32]),
    /// An amount.
    Amount(Signed),
    /// A unit price.
    Price(UnitPrice),
    /// A whole number.
    Count(u128),
    /// A whole number.
    Index(u64),
    /// A moment.
    Time(Timestamp),
}

impl<'a> Cell<'a> {
    /// Text.
    pub fn text(text: impl Into<Cow<'a, str>>) -> Self {
        Self::Text(text.into())
    }

    /// Appends its text; nothing for an empty cell.
    pub fn push_to(&self, text: &mut String, point: Point) {
        match self {
            Self::Empty => {}
            Self::Text(cell) => text.push_str(cell),
            Self::Hex(bytes) => push_hex(text, *bytes),
            Self::Amount(amount) => digits::push_signed(text, *amount, point),
            Self::Price(price) => digits::push_price(text, *price, point),
            Self::Count(count) => digits::push_units(text, *count, 0, point),
            Self::Index(index) => {
                digits::push_units(text, u128::from(*index), 0, Point::WhereNeeded);
            }
            Self::Time(time) => text.push_str(&time.to_string()),
        }
    }
}

/// Appends bytes in lower-case hexadecimal. A row has several digests, so it is done in pieces of one.
pub fn push_hex(text: &mut String, bytes: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for piece in bytes.chunks(32) {
        let mut digits = [b'0'; 64];
        for (pair, byte) in digits.chunks_exact_mut(2).zip(piece) {
            pair[0] = DIGITS[usize::from(byte >> 4)];
            pair[1] = DIGITS[usize::from(byte & 15)];
        }
        let written = digits
            .get(..piece.len().saturating_mul(2))
            .unwrap_or(&digits);
        text.push_str(std::str::from_utf8(written).expect("hexadecimal digits are ASCII"));
    }
}

/// Something that rows of cells are written to.
pub trait TableWriter {
    /// Writes a row: a cell for each column, in the columns' order.
    fn write(&mut self, cells: &[Cell<'_>]) -> Result<(), ExportError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hexadecimal_is_what_everything_else_here_writes() {
        let bytes: Vec<u8> = (0..=255).collect();
        for length in [0, 1, 31, 32, 33, 256] {
            let mut text = String::new();
            push_hex(&mut text, &bytes[..length]);
            assert_eq!(text, meterbox_billing::hex::encode(&bytes[..length]));
        }
    }
}
