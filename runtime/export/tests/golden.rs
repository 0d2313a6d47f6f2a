//! Proves what each format looks like, byte for byte: the files in `tests/golden`. To write them anew after a
//! change that was meant, delete them and run the tests twice; the first run writes what is missing and
//! fails.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs;
use std::path::Path;

use meterbox_billing::bill::MINIMUM_CHARGE;
use meterbox_billing::record::Record;
use meterbox_export::export::export;
use meterbox_export::format::Format;
use meterbox_export::linear_model::LinearModel;
use meterbox_export::options::{FocusVersion, Grain, Options};

mod sample;

use sample::Sample;

/// Two currencies, models, a dispute, a credit, an invoice rounded down and one rounded up; with them comes the first
/// with a minimum charge.
const NUMBERS: [u64; 7] = [0, 3, 7, 11, 12, 17, 40];

fn records() -> impl Iterator<Item = Result<Record, std::convert::Infallible>> {
    let sample = Sample::new(3, 500_000);
    let minimum = |number: &u64| {
        let lines = sample.charge(*number).lines;
        lines.iter().any(|line| line.meter == MINIMUM_CHARGE)
    };
    let minimum = (0..).find(minimum);
    let records: Vec<_> = NUMBERS
        .into_iter()
        .chain(minimum)
        .flat_map(|number| sample.of_number(number))
        .collect();
    records.into_iter().map(Ok)
}

fn options() -> Options {
    let customers = (0..3).map(|n| (sample::key(n).to_string(), format!("cus_{n}")));
    Options {
        provider_name: "Example, \"Provider\"".to_owned(),
        customers: customers.collect(),
        invoice_id: Some("invoice-2026-11".parse().unwrap()),
        ..Options::default()
    }
}

/// Compares; says whether there was something to compare with.
#[must_use]
fn check(name: &str, format: Format, options: &Options) -> bool {
    let mut written = Vec::new();
    export(format, records(), options, &mut written).unwrap();
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(name);
    let Ok(expected) = fs::read(&path) else {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, &written).unwrap();
        return false;
    };
    let (found, expected) = (
        String::from_utf8(written).unwrap(),
        String::from_utf8(expected).unwrap(),
    );
    for (number, (found, expected)) in found.lines().zip(expected.lines()).enumerate() {
        assert_eq!(found, expected, "{name}, line {}", number + 1);
    }
    assert_eq!(found.len(), expected.len(), "{name}");
    true
}

/// Files that were missing are there now, for a person to look at.
fn check_all(files: &[(&str, Format)], options: &Options) {
    let compared = files
        .iter()
        .filter(|(name, format)| check(name, *format, options));
    assert_eq!(
        compared.count(),
        files.len(),
        "missing files have been written: look at them"
    );
}

#[test]
fn every_text_format_looks_as_it_did() {
    let files = [
        ("focus.csv", Format::FocusCsv),
        ("raw.csv", Format::Csv),
        ("raw.jsonl", Format::JsonLines),
        ("hledger.journal", Format::Hledger),
        ("ledger.journal", Format::Ledger),
        ("journal.beancount", Format::Beancount),
        ("cloudevents.jsonl", Format::CloudEvents),
        ("lago.jsonl", Format::Lago),
        ("stripe.jsonl", Format::Stripe),
        ("golem.jsonl", Format::Golem),
        ("prometheus.txt", Format::Prometheus),
        ("openmetrics.txt", Format::OpenMetrics),
    ];
    check_all(&files, &options());
}

#[test]
fn single_receipts_and_the_newer_version_look_as_they_did() {
    let single = Options {
        grain: Grain::Receipt,
        focus: FocusVersion::V1_4,
        ..options()
    };
    let files = [
        ("single-focus-1.4.csv", Format::FocusCsv),
        ("single-hledger.journal", Format::Hledger),
        ("single-cloudevents.jsonl", Format::CloudEvents),
    ];
    check_all(&files, &single);
}

#[test]
fn a_payment_model_decides_golems_amounts() {
    let model = LinearModel::from_json(
        r#"{"golem.com.pricing.model": "linear",
            "golem.com.usage.vector": ["golem.usage.duration_sec", "golem.usage.custom.instructions"],
            "golem.com.pricing.model.linear.coeffs": [1e-6, 0.0000000000000005, "0.001"]}"#,
    );
    let options = Options {
        linear_model: Some(model.unwrap()),
        ..options()
    };
    check_all(&[("golem-by-model.jsonl", Format::Golem)], &options);
}
