//! Proves that what cannot be written is an error that says why, and leaves nothing behind that looks whole.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::error::Error as _;
use std::fs;
use std::io::{self, Write};
use std::path::Path;

use meterbox_billing::record::{Charge, Record};
use meterbox_billing::timestamp::Timestamp;
use meterbox_export::error::ExportError;
use meterbox_export::export::export;
use meterbox_export::file::{Existing, export_to_path};
use meterbox_export::format::Format;
use meterbox_export::metrics::SERIES_MAX;
use meterbox_export::options::Options;
use meterbox_export::partitions::MANIFEST;

mod sample;

use sample::Sample;

fn options() -> Options {
    let customers = (0..3).map(|n| (sample::key(n).to_string(), format!("cus_{n}")));
    Options {
        customers: customers.collect(),
        ..Options::default()
    }
}

fn one(charge: Charge) -> impl Iterator<Item = Result<Record, Infallible>> {
    std::iter::once(Ok(Record::Charge(charge)))
}

fn failed(format: Format, charge: Charge, options: &Options) -> ExportError {
    export(format, one(charge), options, &mut Vec::new()).unwrap_err()
}

/// Takes so many bytes, then has no room.
struct Full {
    room: usize,
}

impl Write for Full {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = bytes.len().min(self.room);
        if written == 0 && !bytes.is_empty() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.room -= written;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_full_disk_is_an_error_in_every_format_wherever_it_fills() {
    let sample = Sample::new(3, 120_000);
    for format in Format::ALL.iter().filter(|format| !format.is_folder()) {
        let mut whole = Vec::new();
        export(*format, sample.records(12), &options(), &mut whole).unwrap();
        for room in [0, 1, whole.len() / 2, whole.len() - 1] {
            let mut out = Full { room };
            let error = export(*format, sample.records(12), &options(), &mut out).unwrap_err();
            let ExportError::Write(source) = &error else {
                panic!("{format}, room for {room}: {error:?}");
            };
            assert_eq!(
                source.kind(),
                io::ErrorKind::StorageFull,
                "{format}, {room}"
            );
            assert!(error.hint().unwrap().contains("make room"));
        }
    }
}

#[test]
fn a_file_that_is_there_is_refused_before_a_record_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("focus.csv");
    fs::write(&path, "mine").unwrap();
    let records = std::iter::from_fn(|| -> Option<Result<Record, Infallible>> {
        panic!("no record should be asked for")
    });
    let options = options();
    let format = Format::FocusCsv;
    let error = export_to_path(format, records, &options, &path, Existing::Refuse).unwrap_err();
    assert!(matches!(error, ExportError::Exists { .. }), "{error}");
    assert_eq!(fs::read_to_string(&path).unwrap(), "mine");
    let records = one(sample::charge(0));
    export_to_path(format, records, &options, &path, Existing::Replace).unwrap();
    assert!(
        fs::read_to_string(&path)
            .unwrap()
            .starts_with("BilledCost,")
    );
}

#[test]
fn records_that_cannot_be_read_leave_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.parquet");
    let records = || {
        let broken = io::Error::other("row 17 of the ledger is no record");
        [Ok(Record::Charge(sample::charge(0))), Err(broken)].into_iter()
    };
    for format in [Format::FocusParquet, Format::Parquet, Format::Csv] {
        let found = export_to_path(format, records(), &options(), &path, Existing::Refuse);
        let error = found.unwrap_err();
        assert_eq!(error.to_string(), "cannot read the records");
        let cause = error.source().unwrap().to_string();
        assert_eq!(cause, "row 17 of the ledger is no record");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "{format}");
    }
}

#[test]
fn senseless_options_are_refused_in_every_format() {
    let folder = tempfile::tempdir().unwrap();
    let moment = Some(Timestamp::from_unix_seconds(1).unwrap());
    let options = Options {
        from: moment,
        to: moment,
        ..options()
    };
    for format in Format::ALL {
        let path = folder.path().join(format.name());
        let records = one(sample::charge(0));
        let error = export_to_path(*format, records, &options, &path, Existing::Refuse);
        let error = error.unwrap_err();
        assert!(
            matches!(error, ExportError::Option { option: "to", .. }),
            "{error}"
        );
        assert!(!path.exists());
    }
}

#[test]
fn numbers_that_parquet_cannot_hold_are_refused_and_csv_holds_them() {
    let mut charge = sample::charge(0);
    charge.lines[0].quantity = 10_u128.pow(38);
    let error = failed(Format::Parquet, charge.clone(), &options());
    assert!(
        matches!(
            error,
            ExportError::Digits {
                column: "quantity",
                ..
            }
        ),
        "{error}"
    );
    assert!(error.hint().unwrap().contains("CSV"));
    let mut out = Vec::new();
    export(Format::Csv, one(charge.clone()), &options(), &mut out).unwrap();
    assert!(
        String::from_utf8(out)
            .unwrap()
            .contains("100000000000000000000000000000000000000")
    );
    charge.lines[0].quantity = 10_u128.pow(38) - 1;
    charge.sequence = u64::MAX;
    let error = failed(Format::Parquet, charge, &options());
    assert!(
        matches!(
            error,
            ExportError::Digits {
                column: "sequence",
                ..
            }
        ),
        "{error}"
    );
}

#[test]
fn a_price_whose_sum_is_no_amount_is_refused() {
    let mut charge = sample::charge(0);
    charge.lines[0].quantity = u128::MAX;
    charge.lines[0].unit_price = "340000000000".parse().unwrap();
    let error = failed(Format::FocusCsv, charge, &options());
    assert!(matches!(error, ExportError::Money(_)), "{error}");
}

#[test]
fn a_requestor_without_a_customer_id_is_refused_for_stripe_alone() {
    let options = Options {
        customers: BTreeMap::new(),
        ..options()
    };
    let error = failed(Format::Stripe, sample::charge(0), &options);
    let requestor = sample::charge(0).requestor;
    assert_eq!(
        error.to_string(),
        format!("the requestor {requestor} has no customer id for `stripe`")
    );
    for format in [Format::CloudEvents, Format::Lago] {
        let mut out = Vec::new();
        export(format, one(sample::charge(0)), &options, &mut out).unwrap();
        assert!(
            String::from_utf8(out)
                .unwrap()
                .contains(&requestor.to_string())
        );
    }
}

#[test]
fn the_last_hour_that_can_be_written_down_has_no_end() {
    let mut charge = sample::charge(0);
    charge.ended_at = Timestamp::MAX;
    let error = failed(Format::FocusCsv, charge.clone(), &options());
    assert!(matches!(error, ExportError::Time(_)), "{error}");
    export(Format::JsonLines, one(charge), &options(), &mut Vec::new()).unwrap();
}

#[test]
fn a_strangers_words_split_no_row_and_are_no_formula() {
    let sample = Sample::new(3, 120_000);
    let records = || sample.of_number(7).into_iter().map(Ok::<_, Infallible>);
    for (format, column) in [
        (Format::Csv, "reason"),
        (Format::FocusCsv, "ChargeDescription"),
    ] {
        let mut out = Vec::new();
        export(format, records(), &options(), &mut out).unwrap();
        let mut reader = csv::Reader::from_reader(out.as_slice());
        let place = reader
            .headers()
            .unwrap()
            .iter()
            .position(|name| name == column)
            .unwrap();
        let mut found = 0;
        for record in reader.records() {
            let record = record.unwrap();
            assert!(
                !record[place].starts_with(['=', '+', '-', '@', '\t', '\r']),
                "{record:?}"
            );
            assert!(!record[place].contains(['\n', '\u{7}']), "{record:?}");
            found += usize::from(record[place].contains("HYPERLINK"));
        }
        assert_eq!(found, 1);
        assert_eq!(
            out.iter().filter(|byte| **byte == b'\n').count(),
            reader_lines(&out)
        );
    }
}

/// Rows and the header.
fn reader_lines(bytes: &[u8]) -> usize {
    csv::Reader::from_reader(bytes).records().count() + 1
}

fn parts(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for month in fs::read_dir(folder).unwrap() {
        let month = month.unwrap().path();
        let files = if month.is_dir() {
            let files = fs::read_dir(&month).unwrap();
            files.map(|file| file.unwrap().path()).collect()
        } else {
            vec![month]
        };
        for file in files {
            let name = file
                .strip_prefix(folder)
                .unwrap()
                .to_string_lossy()
                .into_owned();
            found.insert(name, fs::read(&file).unwrap());
        }
    }
    found
}

#[test]
fn a_folder_of_months_is_whole_when_it_has_a_manifest_and_restarts_without_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cur");
    let sample = Sample::new(3, 120_000);
    for format in [Format::Partitions, Format::FocusPartitions] {
        let run = |charges: u64, fails: bool, existing| {
            let records = sample
                .records(charges)
                .map(|record| record.map_err(|_| io::Error::other("")));
            let broken = fails.then(|| Err(io::Error::other("the machine is on fire")));
            export_to_path(format, records.chain(broken), &options(), &path, existing)
        };
        run(200, true, Existing::Replace).unwrap_err();
        assert!(!path.join(MANIFEST).exists());
        // What a killed run leaves.
        let left = path.join("billing_period=2026-12/.part-00000.parquet.x1y2z3.part");
        fs::create_dir_all(left.parent().unwrap()).unwrap();
        fs::write(&left, "half").unwrap();
        fs::write(
            path.join("billing_period=2026-12/part-00009.parquet"),
            "old",
        )
        .unwrap();
        run(200, false, Existing::Refuse).unwrap();
        let first = parts(&path);
        let names: Vec<_> = first.keys().map(String::as_str).collect();
        assert_eq!(
            names,
            [
                "billing_period=2026-11/part-00000.parquet",
                "billing_period=2026-12/part-00000.parquet",
                "manifest.json"
            ]
        );
        let error = run(200, false, Existing::Refuse).unwrap_err();
        assert!(matches!(error, ExportError::Exists { .. }), "{error}");
        run(200, false, Existing::Replace).unwrap();
        assert_eq!(parts(&path), first);
        // A run that fails in the middle of replacing leaves a folder that is not whole.
        run(100, true, Existing::Replace).unwrap_err();
        assert!(!path.join(MANIFEST).exists());
    }
}

#[test]
fn a_folder_and_a_file_are_not_taken_for_each_other() {
    let error = failed(Format::Partitions, sample::charge(0), &options());
    assert_eq!(
        error.to_string(),
        "the format `partitions` is written to a folder"
    );
    let folder = tempfile::tempdir().unwrap();
    let records = one(sample::charge(0));
    let existing = Existing::Replace;
    let found = export_to_path(Format::Csv, records, &options(), folder.path(), existing);
    assert!(matches!(found, Err(ExportError::File { .. })));
    let path = folder.path().join("file");
    fs::write(&path, "mine").unwrap();
    let records = one(sample::charge(0));
    let found = export_to_path(Format::Partitions, records, &options(), &path, existing);
    assert!(matches!(found, Err(ExportError::File { .. })));
    assert_eq!(fs::read_to_string(&path).unwrap(), "mine");
}

#[test]
fn more_series_than_a_watcher_can_hold_are_refused() {
    let mut charge = sample::charge(0);
    charge.lines.clear();
    let records = (0..=SERIES_MAX).map(|number| {
        charge.outcome = format!("outcome {number}");
        Ok::<_, Infallible>(Record::Charge(charge.clone()))
    });
    let error = export(Format::OpenMetrics, records, &options(), &mut Vec::new()).unwrap_err();
    assert_eq!(error.to_string(), "there are more than 100000 series");
    assert!(error.hint().unwrap().contains("one requestor"));
}
