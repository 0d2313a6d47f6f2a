//! Writes a table as Parquet: decimals exactly, moments in microseconds of UTC. Knows no column by name.

use std::io::Write;
use std::sync::Arc;

use bytes::Bytes;
use meterbox_billing::money::{AMOUNT_DIGITS, UNIT_PRICE_DIGITS};
use parquet::basic::{Compression, LogicalType, Repetition, TimeUnit, Type as PhysicalType};
use parquet::column::writer::{ColumnWriter, ColumnWriterImpl};
use parquet::data_type::{ByteArray, DataType, FixedLenByteArray};
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::{ColumnPath, Type, TypePtr};

use crate::digits::Signed;
use crate::error::ExportError;
use crate::table::{Cell, Column, Kind, TableWriter};

/// Rows that are held in memory until their columns are written: with what Parquet needs for them, about 60
/// MB.
pub const ROW_GROUP_ROWS: usize = 32_768;

/// Bytes of a decimal of 38 digits, the most that readers agree on.
const DECIMAL_BYTES: usize = 16;
const DECIMAL_DIGITS: i32 = 38;
/// 10^38: the first number of 39 digits.
const DECIMAL_END: u128 = 10_u128.pow(38);
const MICROSECONDS: u64 = 1_000_000;

/// A Parquet file in the making.
pub struct ParquetTable<W: Write + Send> {
    columns: Vec<Column>,
    writer: SerializedFileWriter<W>,
    held: Vec<Held>,
    rows: usize,
    text: String,
}

/// A column's cells that are not written yet.
#[derive(Default)]
struct Held {
    /// 1 for a filled cell, 0 for an empty one.
    levels: Vec<i16>,
    /// Filled cells of text and decimals, one after the other.
    bytes: Vec<u8>,
    /// Where each text ends.
    ends: Vec<usize>,
    /// Filled cells of indices and moments.
    longs: Vec<i64>,
}

impl<W: Write + Send> ParquetTable<W> {
    /// Begins a file.
    pub fn new(columns: Vec<Column>, out: W) -> Result<Self, ExportError> {
        let properties = properties(&columns);
        let schema = schema(&columns)?;
        let held = columns.iter().map(|_| Held::default()).collect();
        Ok(Self {
            columns,
            writer: SerializedFileWriter::new(out, schema, Arc::new(properties))?,
            held,
            rows: 0,
            text: String::new(),
        })
    }

    /// Writes what is still held back, and the footer without which no reader takes the file. Lends what it
    /// was written to; nothing may be written afterwards.
    pub fn finish(&mut self) -> Result<&mut W, ExportError> {
        if self.rows > 0 {
            self.write_row_group()?;
        }
        self.writer.finish()?;
        let out = self.writer.inner_mut();
        out.flush()?;
        Ok(out)
    }

    fn write_row_group(&mut self) -> Result<(), ExportError> {
        let mut group = self.writer.next_row_group()?;
        for (column, held) in self.columns.iter().zip(&mut self.held) {
            let mut writer = group.next_column()?.ok_or_else(|| {
                ExportError::Parquet(ParquetError::General("a column is missing".into()))
            })?;
            held.write_to(column, writer.untyped())?;
            writer.close()?;
        }
        group.close()?;
        self.rows = 0;
        Ok(())
    }
}

impl<W: Write + Send> TableWriter for ParquetTable<W> {
    fn write(&mut self, cells: &[Cell<'_>]) -> Result<(), ExportError> {
        debug_assert_eq!(cells.len(), self.columns.len());
        for ((column, held), cell) in self.columns.iter().zip(&mut self.held).zip(cells) {
            held.push(column, cell, &mut self.text)?;
        }
        self.rows = self.rows.saturating_add(1);
        if self.rows >= ROW_GROUP_ROWS {
            self.write_row_group()?;
        }
        Ok(())
    }
}

impl Held {
    fn push(
        &mut self,
        column: &Column,
        cell: &Cell<'_>,
        text: &mut String,
    ) -> Result<(), ExportError> {
        if column.nullable {
            self.levels.push(i16::from(*cell != Cell::Empty));
        }
        match cell {
            Cell::Empty if column.nullable => {}
            Cell::Empty => {
                let problem = format!("`{}` is empty", column.name);
                return Err(ExportError::Parquet(ParquetError::General(problem)));
            }
            Cell::Text(_) | Cell::Hex(_) => {
                text.clear();
                cell.push_to(text, crate::digits::Point::WhereNeeded);
                self.bytes.extend_from_slice(text.as_bytes());
                self.ends.push(self.bytes.len());
            }
            Cell::Amount(amount) => self.push_decimal(column, *amount)?,
            Cell::Price(price) => self.push_decimal(column, plain(price.units()))?,
            Cell::Count(count) => self.push_decimal(column, plain(*count))?,
            Cell::Index(index) => self.longs.push(long(column, *index)?),
            Cell::Time(time) => {
                let micros = time.unix_seconds().saturating_mul(MICROSECONDS);
                self.longs.push(long(column, micros)?);
            }
        }
        Ok(())
    }

    fn push_decimal(&mut self, column: &Column, number: Signed) -> Result<(), ExportError> {
        let units = number.amount.units();
        let too_large = || ExportError::Digits {
            column: column.name,
            number: units,
        };
        if units >= DECIMAL_END {
            return Err(too_large());
        }
        let plus = i128::try_from(units).map_err(|_| too_large())?;
        let units = if number.negative {
            plus.checked_neg().ok_or_else(too_large)?
        } else {
            plus
        };
        self.bytes.extend_from_slice(&units.to_be_bytes());
        Ok(())
    }

    /// Writes the cells and forgets them.
    fn write_to(
        &mut self,
        column: &Column,
        writer: &mut ColumnWriter<'_>,
    ) -> Result<(), ExportError> {
        let levels = std::mem::take(&mut self.levels);
        let levels = column.nullable.then_some(levels.as_slice());
        match writer {
            ColumnWriter::ByteArrayColumnWriter(writer) => {
                let (bytes, mut start) = (self.take_bytes(), 0);
                let ends = std::mem::take(&mut self.ends);
                let values = ends.into_iter().map(|end| {
                    let value = ByteArray::from(bytes.slice(start..end));
                    start = end;
                    value
                });
                write(writer, &values.collect::<Vec<_>>(), levels)
            }
            ColumnWriter::FixedLenByteArrayColumnWriter(writer) => {
                let bytes = self.take_bytes();
                let starts = (0..bytes.len()).step_by(DECIMAL_BYTES);
                let values = starts.map(|start| {
                    let end = start.saturating_add(DECIMAL_BYTES);
                    FixedLenByteArray::from(ByteArray::from(bytes.slice(start..end)))
                });
                write(writer, &values.collect::<Vec<_>>(), levels)
            }
            ColumnWriter::Int64ColumnWriter(writer) => {
                write(writer, &std::mem::take(&mut self.longs), levels)
            }
            _ => Err(ExportError::Parquet(ParquetError::General(format!(
                "`{}` has another type than its schema",
                column.name
            )))),
        }
    }

    fn take_bytes(&mut self) -> Bytes {
        Bytes::from(std::mem::take(&mut self.bytes))
    }
}

fn write<T: DataType>(
    writer: &mut ColumnWriterImpl<'_, T>,
    values: &[T::T],
    levels: Option<&[i16]>,
) -> Result<(), ExportError> {
    writer.write_batch(values, levels, None)?;
    Ok(())
}

/// A number that is no amount, carried like one.
const fn plain(units: u128) -> Signed {
    Signed::plus(meterbox_billing::money::Amount::from_units(units))
}

fn long(column: &Column, number: u64) -> Result<i64, ExportError> {
    i64::try_from(number).map_err(|_| ExportError::Digits {
        column: column.name,
        number: u128::from(number),
    })
}

/// Least and greatest values are kept of moments and indices only: those of texts would hold on to all texts
/// of every row group until the file is closed.
fn properties(columns: &[Column]) -> WriterProperties {
    let mut builder = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_created_by("meterbox".to_owned())
        .set_statistics_enabled(EnabledStatistics::None);
    for column in columns {
        if matches!(column.kind, Kind::Index | Kind::Time) {
            let path = ColumnPath::from(column.name);
            builder = builder.set_column_statistics_enabled(path, EnabledStatistics::Chunk);
        }
    }
    builder.build()
}

fn schema(columns: &[Column]) -> Result<TypePtr, ExportError> {
    let fields = columns.iter().map(|column| field(column).map(Arc::new));
    let root = Type::group_type_builder("schema")
        .with_fields(fields.collect::<Result<_, _>>()?)
        .build()?;
    Ok(Arc::new(root))
}

fn field(column: &Column) -> Result<Type, ExportError> {
    let (physical, logical) = match column.kind {
        Kind::Text => (PhysicalType::BYTE_ARRAY, Some(LogicalType::String)),
        Kind::Amount => decimal(AMOUNT_DIGITS),
        Kind::Price => decimal(UNIT_PRICE_DIGITS),
        Kind::Count => decimal(0),
        Kind::Index => (PhysicalType::INT64, None),
        Kind::Time => (
            PhysicalType::INT64,
            Some(LogicalType::timestamp(true, TimeUnit::MICROS)),
        ),
    };
    let repetition = if column.nullable {
        Repetition::OPTIONAL
    } else {
        Repetition::REQUIRED
    };
    let mut builder = Type::primitive_type_builder(column.name, physical)
        .with_repetition(repetition)
        .with_logical_type(logical.clone());
    if let Some(LogicalType::Decimal(kind)) = logical {
        builder = builder
            .with_length(i32::try_from(DECIMAL_BYTES).unwrap_or_default())
            .with_precision(kind.precision)
            .with_scale(kind.scale);
    }
    Ok(builder.build()?)
}

fn decimal(digits: usize) -> (PhysicalType, Option<LogicalType>) {
    let scale = i32::try_from(digits).unwrap_or_default();
    let logical = LogicalType::decimal(scale, DECIMAL_DIGITS);
    (PhysicalType::FIXED_LEN_BYTE_ARRAY, Some(logical))
}
