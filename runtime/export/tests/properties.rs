//! Proves that every format says what the records come to, to the last digit, and says it again.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;
use std::convert::Infallible;

use meterbox_billing::money::Amount;
use meterbox_billing::record::Record;
use meterbox_export::export::export;
use meterbox_export::format::Format;
use meterbox_export::options::{Grain, Options};
use meterbox_export::selection::Summary;
use parquet::file::reader::{FileReader as _, SerializedFileReader};
use parquet::record::RowAccessor as _;
use proptest::prelude::*;
use serde_json::Value;

mod sample;

use sample::Sample;

/// Charged and given back, in units of 10^-18, by currency.
type Sums = BTreeMap<String, (u128, u128)>;

fn records(charges: u64, requestors: u64) -> Vec<Record> {
    let sample = Sample::new(requestors, 240_000);
    sample.records(charges).map(Result::unwrap).collect()
}

fn written(format: Format, records: &[Record], options: &Options) -> (Vec<u8>, Summary) {
    let mut out = Vec::new();
    let given = records.iter().cloned().map(Ok::<_, Infallible>);
    let summary = export(format, given, options, &mut out).unwrap();
    (out, summary)
}

fn options(grain: Grain) -> Options {
    let customers = (0..20).map(|n| (sample::key(n).to_string(), format!("cus_{n}")));
    Options {
        grain,
        customers: customers.collect(),
        ..Options::default()
    }
}

fn add(sums: &mut Sums, currency: &str, amount: &str) {
    let sum = sums.entry(currency.to_owned()).or_default();
    match amount.strip_prefix('-') {
        Some(back) => sum.1 += back.parse::<Amount>().unwrap().units(),
        None => sum.0 += amount.parse::<Amount>().unwrap().units(),
    }
}

fn of_summary(summary: &Summary) -> Sums {
    let totals = summary.totals.iter();
    let sums = totals.map(|(currency, total)| {
        let owed = total.charged.units() + total.added.units();
        let given = total.credited.units() + total.waived.units();
        (currency.code(), (owed, given))
    });
    sums.collect()
}

/// What was charged and given back, without what invoices rounded.
fn of_receipts(summary: &Summary) -> Sums {
    let totals = summary.totals.iter();
    let sums = totals.map(|(currency, total)| {
        let sum = (total.charged.units(), total.credited.units());
        (currency.code(), sum)
    });
    sums.collect()
}

fn of_csv(bytes: &[u8], amount: &str, currency: &str) -> Sums {
    let mut reader = csv::Reader::from_reader(bytes);
    let place = |name: &str, header: &csv::StringRecord| {
        header.iter().position(|found| found == name).unwrap()
    };
    let header = reader.headers().unwrap().clone();
    let (amount, currency) = (place(amount, &header), place(currency, &header));
    let mut sums = Sums::new();
    for record in reader.records() {
        let record = record.unwrap();
        add(&mut sums, &record[currency], &record[amount]);
    }
    sums
}

/// Sums the postings of accounts that begin like this, the other way round.
fn of_journal(bytes: &[u8]) -> (Sums, Sums) {
    let (mut earned, mut owed) = (Sums::new(), Sums::new());
    for line in std::str::from_utf8(bytes).unwrap().lines() {
        let words: Vec<_> = line.split_whitespace().collect();
        let [account, amount, currency] = words[..] else {
            continue;
        };
        if account.starts_with("Income:") {
            let other_way = match amount.strip_prefix('-') {
                Some(plus) => plus.to_owned(),
                None => format!("-{amount}"),
            };
            add(&mut earned, currency, &other_way);
        } else if account.starts_with("Assets:") {
            add(&mut owed, currency, amount);
        }
    }
    (earned, owed)
}

fn of_events(bytes: &[u8], at: fn(&Value) -> (&Value, &Value)) -> Sums {
    let mut sums = Sums::new();
    for line in std::str::from_utf8(bytes).unwrap().lines() {
        let value: Value = serde_json::from_str(line).unwrap();
        let (amount, currency) = at(&value);
        add(
            &mut sums,
            currency.as_str().unwrap(),
            amount.as_str().unwrap(),
        );
    }
    sums
}

fn of_parquet(bytes: Vec<u8>, amount: &str, currency: &str) -> Sums {
    let reader = SerializedFileReader::new(bytes::Bytes::from(bytes)).unwrap();
    let mut sums = Sums::new();
    for row in reader.get_row_iter(None).unwrap() {
        let row = row.unwrap();
        let place = |name: &str| {
            row.get_column_iter()
                .position(|(found, _)| found == name)
                .unwrap()
        };
        let decimal = row.get_decimal(place(amount)).unwrap();
        assert_eq!((decimal.precision(), decimal.scale()), (38, 18));
        let units = i128::from_be_bytes(decimal.data().try_into().unwrap());
        let sign = if units < 0 { "-" } else { "" };
        let text = format!("{sign}{}", Amount::from_units(units.unsigned_abs()));
        add(&mut sums, row.get_string(place(currency)).unwrap(), &text);
    }
    sums
}

/// Formats without a row for nothing leave out currencies without one.
fn without_nothing(mut sums: Sums) -> Sums {
    sums.retain(|_, sum| *sum != (0, 0));
    sums
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn every_format_sums_to_what_was_posted(
        charges in 0_u64..150,
        requestors in 1_u64..12,
        receipts: bool,
    ) {
        let records = records(charges, requestors);
        let options = options(if receipts { Grain::Receipt } else { Grain::Hour });
        let of = |format| written(format, &records, &options);
        let (bytes, summary) = of(Format::FocusCsv);
        let posted = without_nothing(of_summary(&summary));
        for cost in ["BilledCost", "EffectiveCost", "PricingCurrencyEffectiveCost"] {
            let sums = without_nothing(of_csv(&bytes, cost, "BillingCurrency"));
            prop_assert_eq!(&sums, &posted);
        }
        let (bytes, other) = of(Format::FocusParquet);
        prop_assert_eq!(&other, &summary);
        let sums = without_nothing(of_parquet(bytes, "BilledCost", "BillingCurrency"));
        prop_assert_eq!(&sums, &posted);
        let sums = without_nothing(of_csv(&of(Format::Csv).0, "amount", "currency"));
        prop_assert_eq!(&sums, &posted);
        let sums = without_nothing(of_parquet(of(Format::Parquet).0, "amount", "currency"));
        prop_assert_eq!(&sums, &posted);
        for format in [Format::Hledger, Format::Ledger, Format::Beancount] {
            let (earned, owed) = of_journal(&of(format).0);
            prop_assert_eq!(&without_nothing(earned), &posted);
            prop_assert_eq!(&without_nothing(owed), &posted);
        }
        let sums = of_events(&of(Format::CloudEvents).0, |event| {
            (&event["data"]["amount"], &event["data"]["currency"])
        });
        prop_assert_eq!(&without_nothing(sums), &posted);
        let sums = of_events(&of(Format::Lago).0, |event| {
            let properties = &event["event"]["properties"];
            (&properties["amount"], &properties["currency"])
        });
        let receipts = without_nothing(of_receipts(&summary));
        prop_assert_eq!(&without_nothing(sums), &receipts);
    }

    #[test]
    fn a_second_run_writes_the_same_bytes(charges in 0_u64..60, receipts: bool) {
        let records = records(charges, 4);
        let options = options(if receipts { Grain::Receipt } else { Grain::Hour });
        for format in Format::ALL.iter().filter(|format| !format.is_folder()) {
            let first = written(*format, &records, &options);
            prop_assert_eq!(&first, &written(*format, &records, &options), "{}", format);
        }
    }

    #[test]
    fn periods_that_follow_each_other_come_to_the_whole(
        charges in 0_u64..120,
        cut in 0_u64..40_000,
        format in prop_oneof![Just(Format::FocusCsv), Just(Format::Csv)],
    ) {
        let records = records(charges, 5);
        let cut = sample::BEGIN + cut - 8_000;
        let cut = meterbox_billing::timestamp::Timestamp::from_unix_seconds(cut).unwrap();
        let before = Options { to: Some(cut), ..options(Grain::Hour) };
        let after = Options { from: Some(cut), ..options(Grain::Hour) };
        let columns = match format {
            Format::Csv => ("amount", "currency"),
            _ => ("BilledCost", "BillingCurrency"),
        };
        let mut sums = Sums::new();
        for options in [before, after] {
            let part = of_csv(&written(format, &records, &options).0, columns.0, columns.1);
            for (currency, (charged, credited)) in part {
                let sum = sums.entry(currency).or_default();
                *sum = (sum.0 + charged, sum.1 + credited);
            }
        }
        let (_, summary) = written(format, &records, &options(Grain::Hour));
        prop_assert_eq!(without_nothing(sums), without_nothing(of_summary(&summary)));
    }
}

#[test]
fn records_come_back_from_json_lines() {
    let records = records(60, 4);
    let (bytes, summary) = written(Format::JsonLines, &records, &Options::default());
    let lines = std::str::from_utf8(&bytes).unwrap().lines();
    let back: Vec<Record> = lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(back, records);
    let counts = summary.charges + summary.credits + summary.disputes + summary.roundings;
    assert_eq!(counts, u64::try_from(records.len()).unwrap());
}

#[test]
fn only_the_requestor_that_was_asked_for_is_exported() {
    let records = records(60, 4);
    let wanted = sample::key(2);
    let options = Options {
        requestor: Some(wanted),
        ..Options::default()
    };
    let (bytes, _) = written(Format::JsonLines, &records, &options);
    let lines = std::str::from_utf8(&bytes).unwrap().lines();
    let found: Vec<Record> = lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let expected = records
        .iter()
        .filter(|record| *record.requestor() == wanted);
    assert_eq!(found.len(), expected.count());
    assert!(found.iter().all(|record| *record.requestor() == wanted));
}
