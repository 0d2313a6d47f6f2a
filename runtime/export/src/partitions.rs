//! Writes Parquet in a folder for each month, `billing_period=2026-11/part-00000.parquet`, as cost and usage
//! reports have it, and last a manifest that names every part. Sums nothing.
//!
//! Without `manifest.json` the folder is not whole. A run that was interrupted is simply run again: what it
//! left is taken away first.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use meterbox_billing::digest::{Digest, Digester};
use meterbox_billing::record::Record;
use serde::Serialize;
use tempfile::NamedTempFile;

use crate::calendar::Month;
use crate::error::ExportError;
use crate::file::{
    BUFFER_BYTES, Existing, PART_SUFFIX, at_path, part_of, put_in_place, with_path, write_file,
};
use crate::focus::{self, FocusRows};
use crate::format::Format;
use crate::options::Options;
use crate::parquet_table::ParquetTable;
use crate::raw;
use crate::rows::Rows;
use crate::selection::{Records, Selection, Summary};
use crate::table::{Column, Kind, TableWriter};

/// The file that is written last.
pub const MANIFEST: &str = "manifest.json";
/// Around the turn of a month the one before still gets records. A part that is closed is never written to
/// again.
const OPEN_PARTS_MAX: usize = 2;
/// A century of months; only a clock that jumps all the time comes here.
pub const PARTS_MAX: usize = 1_200;

/// What names the parts of a folder.
#[derive(Debug, Serialize)]
struct Manifest<'a> {
    schema: u32,
    format: &'a str,
    from: Option<String>,
    to: Option<String>,
    requestor: Option<String>,
    columns: Vec<ManifestColumn>,
    parts: Vec<Part>,
    charges: u64,
    credits: u64,
    disputes: u64,
    roundings: u64,
    totals: BTreeMap<String, ManifestTotal>,
}

#[derive(Debug, Serialize)]
struct ManifestColumn {
    name: &'static str,
    r#type: &'static str,
}

#[derive(Debug, Serialize)]
struct ManifestTotal {
    charged: String,
    credited: String,
    waived: String,
    added: String,
}

/// One file.
#[derive(Debug, Serialize)]
struct Part {
    billing_period: String,
    path: String,
    rows: u64,
    bytes: u64,
    sha256: Digest,
}

/// A file that counts and digests what passes.
struct Digesting<W> {
    inner: W,
    digester: Digester,
    bytes: u64,
}

struct OpenPart {
    month: Month,
    name: String,
    rows: u64,
    file: NamedTempFile,
    table: ParquetTable<Digesting<BufWriter<File>>>,
}

struct Parts<'a> {
    folder: &'a Path,
    columns: Vec<Column>,
    /// The one that was added to longest ago first.
    open: Vec<OpenPart>,
    begun: BTreeMap<Month, u32>,
    done: Vec<Part>,
}

/// Writes records to a folder.
pub fn export<I, E>(
    format: Format,
    records: I,
    options: &Options,
    folder: &Path,
    existing: Existing,
) -> Result<Summary, ExportError>
where
    I: Iterator<Item = Result<Record, E>>,
    E: Into<Box<dyn Error + Send + Sync>>,
{
    options.check()?;
    let columns = match format {
        Format::FocusPartitions => focus::columns(options),
        Format::Partitions => raw::COLUMNS.to_vec(),
        _ => {
            return Err(ExportError::Kind {
                format: format.name(),
                kind: "file",
            });
        }
    };
    clear(folder, existing)?;
    let mut parts = Parts {
        folder,
        columns,
        open: Vec::new(),
        begun: BTreeMap::new(),
        done: Vec::new(),
    };
    let mut selection = Selection::new(records, options);
    let written = if format == Format::FocusPartitions {
        parts.write_rows(&mut selection, options)
    } else {
        parts.write_records(&mut selection)
    };
    written.map_err(|error| with_path(folder, error))?;
    let summary = selection.into_summary();
    parts.finish(format, options, &summary)?;
    Ok(summary)
}

/// Makes the folder, and takes away what an earlier run left there: the manifest first, so that a folder with
/// parts missing never has one.
fn clear(folder: &Path, existing: Existing) -> Result<(), ExportError> {
    let at = |path: &Path| {
        let path = path.to_owned();
        move |source| at_path(&path, source)
    };
    fs::create_dir_all(folder).map_err(at(folder))?;
    let manifest = folder.join(MANIFEST);
    match fs::symlink_metadata(&manifest) {
        Ok(_) if existing == Existing::Refuse => {
            return Err(ExportError::Exists { path: manifest });
        }
        Ok(_) => fs::remove_file(&manifest).map_err(at(&manifest))?,
        Err(_) => {}
    }
    for month in entries(folder)? {
        if !name_of(&month).starts_with("billing_period=") || !month.is_dir() {
            continue;
        }
        for part in entries(&month)? {
            let name = name_of(&part);
            let is_part = name.starts_with("part-") && name.ends_with(".parquet");
            let is_begun = name.starts_with(".part-") && name.ends_with(PART_SUFFIX);
            if is_part || is_begun {
                fs::remove_file(&part).map_err(at(&part))?;
            }
        }
    }
    Ok(())
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, ExportError> {
    let at = |source| at_path(folder, source);
    let entries = fs::read_dir(folder).map_err(at)?;
    entries
        .map(|entry| entry.map(|entry| entry.path()).map_err(at))
        .collect()
}

fn name_of(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

impl Parts<'_> {
    fn write_records(&mut self, records: Records<'_>) -> Result<(), ExportError> {
        for record in records {
            let record = record?;
            let part = self.part_of(&Month::of(record.at()))?;
            raw::write_record(&record, part)?;
        }
        Ok(())
    }

    fn write_rows(&mut self, records: Records<'_>, options: &Options) -> Result<(), ExportError> {
        let mut focus = FocusRows::new(options);
        for row in Rows::new(records, options) {
            let row = row?;
            let part = self.part_of(&row.hour.month()?)?;
            focus.write(&row, part)?;
        }
        Ok(())
    }

    /// The part that takes a month's rows; a new one where there is none open.
    fn part_of(&mut self, month: &Month) -> Result<&mut OpenPart, ExportError> {
        let found = self.open.iter().position(|part| part.month == *month);
        let part = match found {
            Some(place) => self.open.remove(place),
            None => {
                if self.open.len() >= OPEN_PARTS_MAX {
                    let first = self.open.remove(0);
                    self.close(first)?;
                }
                self.begin(month)?
            }
        };
        self.open.push(part);
        Ok(self.open.last_mut().expect("a part was just pushed"))
    }

    fn begin(&mut self, month: &Month) -> Result<OpenPart, ExportError> {
        if self.done.len().saturating_add(self.open.len()) >= PARTS_MAX {
            return Err(ExportError::TooMany {
                what: "parts, since the records go back and forth between months,",
                max: PARTS_MAX,
            });
        }
        let number = self.begun.entry(month.clone()).or_default();
        let name = format!("billing_period={month}/part-{number:05}.parquet");
        *number = number.saturating_add(1);
        let path = self.folder.join(&name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(|source| at_path(parent, source))?;
        }
        let file = part_of(&path)?;
        let clone = file.as_file().try_clone();
        let clone = clone.map_err(|source| at_path(&path, source))?;
        let out = Digesting {
            inner: BufWriter::with_capacity(BUFFER_BYTES, clone),
            digester: Digester::new(),
            bytes: 0,
        };
        Ok(OpenPart {
            month: month.clone(),
            name,
            rows: 0,
            file,
            table: ParquetTable::new(self.columns.clone(), out)?,
        })
    }

    fn close(&mut self, mut part: OpenPart) -> Result<(), ExportError> {
        let path = self.folder.join(&part.name);
        let finished = part.table.finish();
        let out = finished.map_err(|error| with_path(&path, error))?;
        let (digester, bytes) = (std::mem::take(&mut out.digester), out.bytes);
        put_in_place(part.file, &path, Existing::Replace)?;
        self.done.push(Part {
            billing_period: part.month.to_string(),
            path: part.name,
            rows: part.rows,
            bytes,
            sha256: digester.finish(),
        });
        Ok(())
    }

    fn finish(
        mut self,
        format: Format,
        options: &Options,
        summary: &Summary,
    ) -> Result<(), ExportError> {
        for part in std::mem::take(&mut self.open) {
            self.close(part)?;
        }
        self.done.sort_by(|a, b| a.path.cmp(&b.path));
        let totals = summary.totals.iter().map(|(currency, total)| {
            let total = ManifestTotal {
                charged: total.charged.to_string(),
                credited: total.credited.to_string(),
                waived: total.waived.to_string(),
                added: total.added.to_string(),
            };
            (currency.code(), total)
        });
        let manifest = Manifest {
            schema: 1,
            format: format.name(),
            from: options.from.map(|from| from.to_string()),
            to: options.to.map(|to| to.to_string()),
            requestor: options.requestor.map(|requestor| requestor.to_string()),
            columns: self.columns.iter().map(manifest_column).collect(),
            parts: self.done,
            charges: summary.charges,
            credits: summary.credits,
            disputes: summary.disputes,
            roundings: summary.roundings,
            totals: totals.collect(),
        };
        write_file(&self.folder.join(MANIFEST), Existing::Refuse, |out| {
            serde_json::to_writer_pretty(&mut *out, &manifest)?;
            Ok(out.write_all(b"\n")?)
        })
    }
}

const fn manifest_column(column: &Column) -> ManifestColumn {
    ManifestColumn {
        name: column.name,
        r#type: match column.kind {
            Kind::Text => "string",
            Kind::Amount => "decimal(38,18)",
            Kind::Price => "decimal(38,27)",
            Kind::Count => "decimal(38,0)",
            Kind::Index => "int64",
            Kind::Time => "timestamp[us, UTC]",
        },
    }
}

impl TableWriter for OpenPart {
    fn write(&mut self, cells: &[crate::table::Cell<'_>]) -> Result<(), ExportError> {
        self.rows = self.rows.saturating_add(1);
        self.table.write(cells)
    }
}

impl<W: Write> Write for Digesting<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.digester.update(bytes.get(..written).unwrap_or(bytes));
        let count = u64::try_from(written).unwrap_or(u64::MAX);
        self.bytes = self.bytes.saturating_add(count);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}
