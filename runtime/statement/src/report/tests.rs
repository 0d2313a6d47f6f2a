use proptest::prelude::*;

use meterbox_billing::record::Rounded;
use meterbox_billing::text::Message;

use super::*;
use crate::fixture::{at, card_in, charge, charge_by, credit, dispute, january, key, requestor};

const NOON: &str = "2026-01-15T12:00:00Z";

fn all() -> Scope {
    Scope {
        period: january(),
        requestor: None,
    }
}

fn one_part(records: Vec<Record>) -> Part {
    let report = report(records, &all()).unwrap();
    assert_eq!(report.parts.len(), 1);
    report.parts.into_iter().next().unwrap()
}

#[test]
fn credits_lessen_the_net_and_disputes_do_not() {
    let first = charge(1, 900_000_000_000_000_000, NOON);
    let records = vec![
        Record::Charge(first.clone()),
        credit(&first, "0.5", NOON),
        dispute(&first, NOON),
    ];
    let part = one_part(records);
    let half = Signed::from("0.5".parse::<meterbox_billing::money::Amount>().unwrap());
    assert_eq!(part.net, Signed::from(first.total).minus(half).unwrap());
    assert_eq!((part.credits.count, part.disputes.count), (1, 1));
    assert_eq!(part.disputes.sum, Signed::from(first.total));
}

#[test]
fn what_invoices_round_is_summed_with_its_sign_and_is_no_part_of_the_net() {
    let first = charge(1, 900_000_000_000_000_000, NOON);
    let rounding = |invoice: &str, rounding, amount: &str| {
        Record::Rounding(Rounded {
            invoice: Message::cut(invoice),
            requestor: requestor(),
            provider: key(7),
            currency: first.currency,
            minor_unit_digits: 2,
            rounding,
            amount: amount.parse().unwrap(),
            from: at(NOON),
            at: at(NOON),
        })
    };
    let records = vec![
        Record::Charge(first.clone()),
        rounding("1", RoundingKind::Waived, "0.004"),
        rounding("2", RoundingKind::Added, "0.001"),
    ];
    let part = one_part(records);
    assert_eq!(part.net, Signed::from(first.total));
    assert_eq!(part.rounded.to_string(), "-0.003");
    assert_eq!(part.rounded_invoices, 2);
}

#[test]
fn others_and_other_times_are_passed_over() {
    let mut other = charge(1, 1_000, NOON);
    other.requestor = key(9);
    let late = charge(2, 1_000, "2026-02-01T00:00:00Z");
    let ours = charge(3, 1_000, NOON);
    let records: Vec<_> = [other, late, ours]
        .into_iter()
        .map(Record::Charge)
        .collect();
    let scope = Scope {
        requestor: Some(requestor()),
        ..all()
    };
    let report = report(records.clone(), &scope).unwrap();
    assert_eq!(report.parts.first().unwrap().sum.receipts, 1);
    assert_eq!(one_part(records).sum.receipts, 2);
}

#[test]
fn anomalies_of_all_kinds_are_found_and_the_dearest_comes_first() {
    let mut records = Vec::new();
    for day in 1..=28_u64 {
        let mut one = charge(
            day,
            1_000_000_000_000,
            &format!("2026-01-{day:02}T10:00:00Z"),
        );
        one.job = Digest::of(&day.to_be_bytes());
        one.outcome = if day % 3 == 0 { "trapped" } else { "ok" }.to_owned();
        records.push(Record::Charge(one));
    }
    let mut dear = charge(100, 900_000_000_000_000_000, "2026-01-20T11:00:00Z");
    dear.job = Digest::of(&1_u64.to_be_bytes());
    records.push(Record::Charge(dear.clone()));
    let part = one_part(records);
    let peak = |anomaly: &&Anomaly| {
        matches!(anomaly, Anomaly::Peak { whose: Whose::Everyone, peak }
            if peak.start == at("2026-01-20T00:00:00Z"))
    };
    assert_eq!(part.anomalies.iter().filter(peak).count(), 1);
    let unequal = |anomaly: &&Anomaly| matches!(anomaly, Anomaly::Unequal { receipts: 2, most, .. } if *most == dear.total);
    assert_eq!(part.anomalies.iter().filter(unequal).count(), 1);
    let failing = |anomaly: &&Anomaly| {
        matches!(
            anomaly,
            Anomaly::NoResult {
                whose: Whose::Everyone,
                ..
            }
        )
    };
    assert_eq!(part.anomalies.iter().filter(failing).count(), 1);
    let stakes: Vec<_> = part.anomalies.iter().map(Anomaly::stake).collect();
    assert!(stakes.is_sorted_by(|a, b| a >= b));
}

#[test]
fn what_one_requestor_did_alone_is_said_once() {
    let anomalies = |others: u8| {
        let records = (0..40_u64).map(|n| {
            let count = if n == 20 {
                900_000_000_000_000_000
            } else {
                1_000_000_000_000
            };
            let mut one = charge(n, count, &format!("2026-01-{:02}T10:00:00Z", n % 20 + 1));
            (one.job, one.module) = (Digest::of(&n.to_be_bytes()), Digest::of(b"one"));
            one.requestor = key(u8::try_from(n % 20).unwrap() % others);
            Record::Charge(one)
        });
        one_part(records.collect()).anomalies.len()
    };
    assert_eq!(anomalies(1), 1);
    assert_eq!(anomalies(2), 2);
}

#[test]
fn more_than_the_listed_anomalies_are_counted() {
    let mut records = Vec::new();
    for n in 0..50_u64 {
        for twice in [1, 2_u128] {
            let mut one = charge(n, twice * 1_000_000_000_000_000, NOON);
            one.job = Digest::of(&n.to_be_bytes());
            records.push(Record::Charge(one));
        }
    }
    let part = one_part(records);
    assert_eq!(
        (part.anomalies.len(), part.more_anomalies),
        (ANOMALIES_MAX, 20)
    );
}

#[test]
fn bounds_are_errors_that_name_what_was_too_many() {
    let codes = [
        "AAA", "BBB", "CCC", "DDD", "EEE", "FFF", "GGG", "HHH", "III",
    ];
    let records = codes.map(|code| Record::Charge(charge_by(&card_in(code, 2), 1, 1, NOON)));
    let error = report(records.clone(), &all()).unwrap_err();
    assert!(error.to_string().ends_with("the next is III"), "{error}");
    assert_eq!(
        report(records.into_iter().take(8), &all())
            .unwrap()
            .parts
            .len(),
        8
    );
    let mut odd = charge(1, 1, NOON);
    let line = odd.lines.first().unwrap().clone();
    odd.lines = (0..65)
        .map(|n| {
            let mut line = line.clone();
            line.meter = format!("meter-{n:02}");
            line
        })
        .collect();
    let error = report([Record::Charge(odd)], &all()).unwrap_err();
    assert!(error.to_string().ends_with("`meter-64`"), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn every_way_of_cutting_the_charges_comes_to_the_same_total(
        charges in prop::collection::vec((0_u128..10_u128.pow(18), 0_u64..31, 0_u8..40), 1..60),
    ) {
        let records = charges.iter().zip(0_u64..).map(|((count, day, who), n)| {
            let mut one = charge(n, *count, &format!("2026-01-{:02}T{:02}:00:00Z", day + 1, n % 24));
            one.requestor = key(*who);
            one.job = Digest::of(&n.to_be_bytes());
            one.outcome = if n % 4 == 0 { "failed" } else { "ok" }.to_owned();
            Record::Charge(one)
        });
        let part = one_part(records.collect());
        let total = part.sum.charged;
        let points = Signed::sum(part.points.iter().map(|point| point.charged)).unwrap();
        let meters = Signed::sum(part.meters.iter().map(|(_, sum)| sum.charged)).unwrap();
        prop_assert_eq!(points, total);
        prop_assert_eq!(meters, total);
        fn ranked<K>(ranking: &Ranking<K>) -> Signed {
            let rows = ranking.rows.iter().map(|(_, sum)| sum.charged);
            Signed::sum(rows.chain([ranking.others.charged])).unwrap()
        }
        prop_assert_eq!(ranked(&part.jobs), total);
        prop_assert_eq!(ranked(&part.requestors), total);
        prop_assert_eq!(ranked(&part.programs), total);
        prop_assert_eq!(ranked(&part.outcomes), total);
    }
}
