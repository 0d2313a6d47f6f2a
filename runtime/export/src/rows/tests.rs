//! Proves that rows lose nothing, whatever the order of the records and the bounds on memory.

use meterbox_log::frontier::{Frontier, Leaf};
use proptest::prelude::*;

use super::*;
use crate::digits::Signed;
use crate::fixture::Sample;
use meterbox_billing::record::RoundingKind;

/// The rows of records, with a bound on open rows.
fn rows(records: &[Record], options: &Options, rows_max: usize) -> Vec<Row> {
    let mut records = records.iter().cloned().map(Ok);
    let rows = Rows::bounded(&mut records, options, rows_max);
    rows.collect::<Result<_, _>>().unwrap()
}

fn records(charges: u64) -> Vec<Record> {
    let sample = Sample::new(5, 120_000);
    sample.records(charges).map(Result::unwrap).collect()
}

fn owed(rows: &[Row]) -> BTreeMap<(Party, Currency), (u128, u128)> {
    let mut sums = BTreeMap::<_, (u128, u128)>::new();
    for row in rows {
        let Signed { negative, amount } = row.amount();
        let sum = sums.entry((row.requestor, row.currency)).or_default();
        if negative {
            sum.1 += amount.units();
        } else {
            sum.0 += amount.units();
        }
    }
    sums
}

fn owed_by_records(records: &[Record]) -> BTreeMap<(Party, Currency), (u128, u128)> {
    let mut sums = BTreeMap::<_, (u128, u128)>::new();
    for record in records {
        let requestor = Party::of(record.requestor());
        match record {
            Record::Charge(charge) => {
                sums.entry((requestor, charge.currency)).or_default().0 += charge.total.units();
            }
            Record::Credit(credited) => {
                sums.entry((requestor, credited.currency)).or_default().1 +=
                    credited.amount.units();
            }
            Record::Rounding(rounded) => {
                let sums = sums.entry((requestor, rounded.currency)).or_default();
                match rounded.rounding {
                    RoundingKind::Waived => sums.1 += rounded.amount.units(),
                    RoundingKind::Added => sums.0 += rounded.amount.units(),
                }
            }
            Record::Dispute(disputed) => {
                sums.entry((requestor, disputed.currency)).or_default();
            }
        }
    }
    sums
}

fn options(grain: Grain) -> Options {
    Options {
        grain,
        ..Options::default()
    }
}

#[test]
fn an_hour_has_one_row_for_each_requestor_item_and_price() {
    let records = records(20);
    let rows = rows(&records, &options(Grain::Hour), OPEN_ROWS_MAX);
    let mut keys = std::collections::BTreeSet::new();
    for row in &rows {
        let Entry::Usage(usage) = &row.entry else {
            continue;
        };
        let key = (
            row.hour,
            row.requestor,
            usage.item,
            usage.rate_card,
            usage.unit_price,
        );
        assert!(keys.insert(key), "{row:?}");
        let Receipts::Hour(hour) = &row.receipts else {
            panic!()
        };
        assert!(hour.count > 0 && hour.first <= hour.last);
    }
    assert!(keys.len() < records.len() * 6);
}

#[test]
fn a_row_sums_the_lines_of_its_receipts_and_its_root_is_over_them() {
    let records = records(60);
    for row in rows(&records, &options(Grain::Hour), OPEN_ROWS_MAX) {
        let (Entry::Usage(usage), Receipts::Hour(receipts)) = (&row.entry, &row.receipts) else {
            continue;
        };
        let (mut tree, mut quantity, mut amount) = (Frontier::default(), 0, 0);
        for record in &records {
            let Record::Charge(charge) = record else {
                continue;
            };
            let belongs = Hour::of(charge.ended_at) == row.hour
                && Party::of(&charge.requestor) == row.requestor
                && charge.rate_card == usage.rate_card;
            let line = charge
                .lines
                .iter()
                .find(|line| line.meter == usage.item.name());
            if let (true, Some(line)) = (belongs, line) {
                tree.push(&Leaf::of(&charge.receipt));
                quantity += line.quantity;
                amount += line.amount.units();
            }
        }
        assert_eq!((usage.quantity, usage.amount.units()), (quantity, amount));
        assert_eq!(
            (receipts.count, receipts.root),
            (tree.size(), tree.head().root)
        );
    }
}

#[test]
fn a_receipt_counts_in_the_hour_in_which_it_ended() {
    let mut charge = crate::fixture::charge(0);
    charge.started_at = "2026-11-30T23:59:59Z".parse().unwrap();
    charge.ended_at = "2026-12-01T00:00:00Z".parse().unwrap();
    for grain in [Grain::Hour, Grain::Receipt] {
        for row in rows(
            &[Record::Charge(charge.clone())],
            &options(grain),
            OPEN_ROWS_MAX,
        ) {
            assert_eq!(
                row.hour.start().unwrap().to_string(),
                "2026-12-01T00:00:00Z"
            );
        }
    }
}

#[test]
fn a_clock_that_jumps_splits_rows_and_loses_nothing() {
    let mut records = records(40);
    for (number, record) in records.iter_mut().enumerate() {
        let Record::Charge(charge) = record else {
            continue;
        };
        // Each in an hour of its own, over and over again.
        let hour = u64::try_from(number % 9).unwrap();
        charge.ended_at =
            meterbox_billing::timestamp::Timestamp::from_unix_seconds(hour * 3600).unwrap();
    }
    let rows = rows(&records, &options(Grain::Hour), OPEN_ROWS_MAX);
    assert_eq!(owed(&rows), owed_by_records(&records));
}

#[test]
fn an_unknown_line_is_an_error_that_names_it() {
    let mut charge = crate::fixture::charge(3);
    charge.lines[0].meter = "wall_time".into();
    for grain in [Grain::Hour, Grain::Receipt] {
        let mut records = [Ok(Record::Charge(charge.clone()))].into_iter();
        let error = Rows::new(&mut records, &options(grain))
            .next()
            .unwrap()
            .unwrap_err();
        let text = error.to_string();
        assert_eq!(
            text,
            "receipt 3 has a line `wall_time`, which is neither a meter nor a fee"
        );
    }
}

#[test]
fn a_sum_that_does_not_fit_is_an_error() {
    let mut charge = crate::fixture::charge(0);
    charge.lines[0].quantity = u128::MAX;
    let record = Record::Charge(charge);
    let mut records = [Ok(record.clone()), Ok(record)].into_iter();
    let hour = options(Grain::Hour);
    let mut rows = Rows::new(&mut records, &hour);
    let error = rows.next().unwrap().unwrap_err();
    assert!(rows.next().is_none());
    assert_eq!(
        error.to_string(),
        "the sum of `instructions` in an hour is too large to be written down"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn rows_come_to_what_the_records_come_to(
        charges in 0_u64..120,
        rows_max in prop_oneof![Just(1_usize), 2..40_usize, Just(OPEN_ROWS_MAX)],
        order in any::<u64>(),
        receipts: bool,
    ) {
        let mut records = records(charges);
        // Any order at all.
        records.sort_by_key(|record| {
            let at = record.at().unix_seconds();
            at.wrapping_mul(order | 1).rotate_left(17)
        });
        let grain = if receipts { Grain::Receipt } else { Grain::Hour };
        let rows = rows(&records, &options(grain), rows_max);
        prop_assert_eq!(owed(&rows), owed_by_records(&records));
    }

    #[test]
    fn rows_of_a_prefix_are_a_prefix_of_the_rows(
        charges in 0_u64..120,
        kept in 0_usize..120,
        rows_max in prop_oneof![1..40_usize, Just(OPEN_ROWS_MAX)],
    ) {
        let records = records(charges);
        let withhold = Options { ending: Ending::Withhold, ..Options::default() };
        let all = rows(&records, &withhold, rows_max);
        let some = rows(&records[..kept.min(records.len())], &withhold, rows_max);
        prop_assert!(all.starts_with(&some));
    }
}

#[test]
fn rows_of_one_requestor_stand_for_the_receipts_that_have_their_line() {
    // Lines come and go, so that rows share their receipts at first and part later, in every way.
    let mut records = records(80);
    for (number, record) in records.iter_mut().enumerate() {
        let Record::Charge(charge) = record else {
            continue;
        };
        charge.ended_at = "2026-12-01T00:00:00Z".parse().unwrap();
        let mut place = 0;
        charge.lines.retain(|_| {
            place += 1;
            (number * 7 + place * 3) % (place + 1) != 1
        });
    }
    let mut seen = std::collections::BTreeSet::new();
    for row in rows(&records, &options(Grain::Hour), OPEN_ROWS_MAX) {
        let (Entry::Usage(usage), Receipts::Hour(receipts)) = (&row.entry, &row.receipts) else {
            continue;
        };
        let mut tree = Frontier::default();
        for record in &records {
            if let Record::Charge(charge) = record
                && Party::of(&charge.requestor) == row.requestor
                && charge.rate_card == usage.rate_card
                && charge
                    .lines
                    .iter()
                    .any(|line| line.meter == usage.item.name())
            {
                tree.push(&Leaf::of(&charge.receipt));
            }
        }
        assert_eq!(
            (receipts.count, receipts.root),
            (tree.size(), tree.head().root)
        );
        seen.insert(receipts.root);
    }
    assert!(seen.len() > 20, "{}", seen.len());
}

#[test]
fn two_lines_of_one_receipt_and_item_are_one_receipt() {
    let mut charge = crate::fixture::charge(0);
    charge.lines.push(charge.lines[0].clone());
    let charges = [Record::Charge(charge.clone())];
    let rows = rows(&charges, &options(Grain::Hour), OPEN_ROWS_MAX);
    let Entry::Usage(usage) = &rows[0].entry else {
        panic!()
    };
    assert_eq!(usage.quantity, charge.lines[0].quantity * 2);
    let Receipts::Hour(hour) = &rows[0].receipts else {
        panic!()
    };
    assert_eq!(hour.count, 1);
}
