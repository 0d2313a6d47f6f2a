use proptest::prelude::*;

use super::*;
use crate::fixture::{
    at, card, card_in, charge, charge_by, credit, january, key, provider, requestor, settings,
};

const NOON: &str = "2026-01-15T12:00:00Z";

fn request(cards: &[RateCard]) -> Request<'_> {
    Request {
        period: january(),
        requestor: requestor(),
        currency: None,
        number: None,
        issued_at: at("2026-02-02T09:00:00Z"),
        cards,
    }
}

fn made(records: Vec<Record>) -> Result<Invoice, InvoiceError> {
    invoice(records, &request(&[card()]), &settings())
}

/// What every invoice must be, whatever was charged.
fn assert_adds_up(invoice: &Invoice) {
    let sum = |parts: Vec<Minor>| {
        parts
            .into_iter()
            .fold(I256::ZERO, |sum, part| sum + part.units())
    };
    let lines = sum(invoice.lines.iter().map(|line| line.net).collect());
    let allowances = sum(invoice
        .allowances
        .iter()
        .map(|allowance| allowance.net)
        .collect());
    assert_eq!(lines, invoice.lines_net.units());
    assert_eq!(allowances, invoice.allowances_net.units());
    assert_eq!(lines - allowances, invoice.net.units());
    assert_eq!(
        invoice.net.units() + invoice.tax_amount.units(),
        invoice.payable.units()
    );
    assert!(!invoice.payable.units().is_negative());
    assert!(
        invoice
            .allowances
            .iter()
            .all(|allowance| !allowance.net.units().is_negative())
    );
    let sign = if invoice.kind == Kind::Invoice { 1 } else { -1 };
    let left = invoice
        .exact
        .minus(invoice.net.exact().unwrap())
        .unwrap()
        .units()
        * I256::from(sign);
    let posted = invoice
        .posting
        .as_ref()
        .map_or(I256::ZERO, |posting| posting.remainder.units());
    assert_eq!(left, posted);
    if let Some(posting) = &invoice.posting {
        let rounded = &posting.rounded;
        assert_eq!(rounded.invoice.as_str(), invoice.number);
        assert_eq!(I256::from(rounded.amount.units()), posted.abs());
        let is_added = rounded.rounding == RoundingKind::Added;
        assert_eq!(is_added, posted.is_negative());
        assert!(invoice.period.contains(rounded.at) && rounded.from == invoice.period.from());
    }
    assert!(posted.abs() * 2 <= I256::from(10_000_000_000_000_000_u64));
}

#[test]
fn what_was_posted_of_an_invoice_is_no_part_of_it() {
    let charge = charge(1, 123_456_789_012_345, NOON);
    let first = made(vec![Record::Charge(charge.clone())]).unwrap();
    let posting = first.posting.clone().unwrap();
    let records = vec![Record::Charge(charge), Record::Rounding(posting.rounded)];
    assert_eq!(made(records).unwrap(), first);
}

#[test]
fn an_invoice_bills_each_meter_at_each_price_once() {
    let charges = (0..10).map(|n| Record::Charge(charge(n, 123_456_789_012_345, NOON)));
    let invoice = made(charges.collect()).unwrap();
    assert_adds_up(&invoice);
    let names: Vec<_> = invoice
        .lines
        .iter()
        .map(|line| line.name.as_str())
        .collect();
    assert_eq!(
        names,
        [
            "instructions",
            "memory_page_instructions",
            "bytes_in",
            "Fee per job"
        ]
    );
    let first = invoice.lines.first().unwrap();
    assert_eq!(first.quantity, I256::from(1_234_567_890_123_450_u64));
    assert_eq!(
        (first.price.as_str(), first.price_quantity.as_str()),
        ("0.22", "1000000000000000")
    );
    assert_eq!((invoice.kind, invoice.receipts), (Kind::Invoice, 10));
    assert_eq!(
        (invoice.issued_on.as_str(), invoice.due_on.as_str()),
        ("2026-02-02", "2026-02-16")
    );
    assert_eq!(
        invoice.number,
        made(vec![Record::Charge(charge(1, 9, NOON))])
            .unwrap()
            .number
    );
    assert!(
        invoice.number.starts_with("MB-20260101-"),
        "{}",
        invoice.number
    );
}

#[test]
fn minimum_charges_of_many_sizes_are_one_line() {
    let charges = (0..50).map(|n| Record::Charge(charge(n, u128::from(n) * 1_000_000, NOON)));
    let invoice = made(charges.collect()).unwrap();
    assert_adds_up(&invoice);
    let minimum = invoice
        .lines
        .iter()
        .filter(|line| line.name == "Minimum charges");
    let minimum: Vec<_> = minimum.collect();
    assert_eq!(minimum.len(), 1);
    assert_eq!(minimum.first().unwrap().quantity, I256::ONE);
    assert_eq!(invoice.net.to_string(), "0.25");
}

#[test]
fn credits_are_taken_off() {
    let charge = charge(1, 900_000_000_000_000_000, NOON);
    let (total, back) = (charge.total, credit(&charge, "12.345", NOON));
    let invoice = made(vec![Record::Charge(charge), back]).unwrap();
    assert_adds_up(&invoice);
    assert_eq!(invoice.kind, Kind::Invoice);
    assert_eq!(invoice.allowances.len(), 1);
    let exact = Signed::from(total)
        .minus("12.345".parse::<Amount>().unwrap().into())
        .unwrap();
    assert_eq!(invoice.exact, exact);
}

#[test]
fn more_credits_than_charges_are_a_credit_note() {
    let before = charge(1, 900_000_000_000_000_000, "2025-12-31T12:00:00Z");
    let during = charge(2, 100_000_000_000_000, NOON);
    let back = credit(&before, "100", NOON);
    let note = made(vec![
        Record::Charge(before),
        Record::Charge(during.clone()),
        back,
    ])
    .unwrap();
    assert_adds_up(&note);
    assert_eq!((note.kind, note.receipts), (Kind::CreditNote, 1));
    let expected = Signed::from("100".parse::<Amount>().unwrap())
        .minus(during.total.into())
        .unwrap();
    assert_eq!(note.exact, expected);
    assert!(
        note.lines
            .iter()
            .skip(1)
            .all(|line| line.quantity.is_negative())
    );
}

#[test]
fn more_credits_than_fit_are_summed_up_in_the_last() {
    let first = charge(1, 900_000_000_000_000_000, NOON);
    let mut records = vec![Record::Charge(first.clone())];
    records.extend((0..250).map(|_| credit(&first, "0.001", NOON)));
    let invoice = made(records).unwrap();
    assert_adds_up(&invoice);
    assert_eq!(invoice.allowances.len(), 100);
    let last = invoice.allowances.last().unwrap();
    assert_eq!(last.reason, "151 further credits");
    assert_eq!(last.exact.to_string(), "0.151");
}

#[test]
fn others_and_other_times_are_passed_over() {
    let mut other = charge(1, 9_000_000_000_000_000, NOON);
    other.requestor = key(9);
    let before = charge(2, 9_000_000_000_000_000, "2025-12-31T23:59:59Z");
    let after = charge(3, 9_000_000_000_000_000, "2026-02-01T00:00:00Z");
    let records: Vec<_> = [other, before, after]
        .into_iter()
        .map(Record::Charge)
        .collect();
    assert!(matches!(
        made(records.clone()),
        Err(InvoiceError::Nothing { .. })
    ));
    let mut with_one = records;
    with_one.push(Record::Charge(charge(
        4,
        9_000_000_000_000_000,
        "2026-01-01T00:00:00Z",
    )));
    assert_eq!(made(with_one).unwrap().receipts, 1);
}

#[test]
fn what_cannot_be_invoiced_is_refused_with_a_way_out() {
    let ours = || Record::Charge(charge(1, 9_000_000_000_000_000, NOON));
    let dollars = card_in("USD", 2);
    let in_dollars = || Record::Charge(charge_by(&dollars, 2, 9_000_000_000_000_000, NOON));
    let mut foreign = charge(3, 9_000_000_000_000_000, NOON);
    foreign.provider = key(9);
    let token = card_in("GLM", 2);
    let with = |records: Vec<Record>, cards: &[RateCard]| {
        invoice(records, &request(cards), &settings()).unwrap_err()
    };
    for (error, part) in [
        (
            with(vec![ours(), in_dollars()], &[card(), dollars.clone()]),
            "an invoice has one currency",
        ),
        (
            with(vec![ours(), Record::Charge(foreign)], &[card()]),
            "one seller",
        ),
        (with(vec![ours()], &[]), "not at hand"),
        (
            with(vec![ours()], &[card(), card_in("EUR", 0)]),
            "to 2 and to 0 digits",
        ),
        (
            with(
                vec![Record::Charge(charge_by(&card_in("EUR", 3), 1, 1, NOON))],
                &[card_in("EUR", 3)],
            ),
            "at most 2",
        ),
        (
            with(
                vec![Record::Charge(charge_by(&token, 1, 1, NOON))],
                &[token],
            ),
            "ISO 4217",
        ),
        (with(vec![], &[card()]), "nothing was charged"),
    ] {
        assert!(error.to_string().contains(part), "{part}: {error}");
        assert!(error.hint().is_some() || matches!(error, InvoiceError::Providers { .. }));
    }
    let stranger = Request {
        requestor: provider(),
        ..request(&[])
    };
    let error = invoice(vec![], &stranger, &settings()).unwrap_err();
    assert!(matches!(error, InvoiceError::NoBuyer { .. }), "{error}");
}

#[test]
fn a_chosen_currency_leaves_the_others_out() {
    let dollars = card_in("USD", 2);
    let cards = [card(), dollars.clone()];
    let records = vec![
        Record::Charge(charge(1, 9_000_000_000_000_000, NOON)),
        Record::Charge(charge_by(&dollars, 2, 9_000_000_000_000_000, NOON)),
    ];
    let chosen = Request {
        currency: Some("USD".parse().unwrap()),
        ..request(&cards)
    };
    let invoice = invoice(records, &chosen, &settings()).unwrap();
    assert_eq!(
        (invoice.currency.code().as_str(), invoice.receipts),
        ("USD", 1)
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_invoice_adds_up_whatever_was_charged_and_given_back(
        counts in prop::collection::vec((0_u128..1_000_000_000_000_000_000, 0_u64..1_000_000_000), 1..30),
        digits in 0_u32..=2,
    ) {
        let card = card_in("EUR", digits);
        let mut records = Vec::new();
        for (sequence, (count, back)) in (0_u64..).zip(counts) {
            let charge = charge_by(&card, sequence, count, NOON);
            if back % 3 == 0 {
                let amount = Amount::from_units(u128::from(back) * 100_000_000_000).to_string();
                records.push(credit(&charge, &amount, NOON));
            }
            records.push(Record::Charge(charge));
        }
        let cards = [card];
        let invoice = invoice(records.clone(), &request(&cards), &settings()).unwrap();
        prop_assert_eq!(invoice.lines_net.units() - invoice.allowances_net.units(), invoice.net.units());
        if digits == 2 {
            assert_adds_up(&invoice);
        }
        let charged = records.iter().map(|record| match record {
            Record::Charge(charge) => charge.total.into(),
            Record::Credit(credit) => Signed::ZERO.minus(credit.amount.into()).unwrap(),
            Record::Dispute(_) | Record::Rounding(_) => Signed::ZERO,
        });
        let exact = Signed::sum(charged).unwrap();
        prop_assert_eq!(exact.units().abs(), invoice.exact.units().abs());
    }
}
