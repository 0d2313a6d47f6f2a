//! What invoices round: posted once, and proved by the records of their period.

use meterbox_billing::record::{Record, Rounded, RoundingKind};

use super::*;

/// A field, or what an error calls it, and how it is made wrong.
type Change = (&'static str, fn(&mut Rounded));

/// Cents.
const DIGITS: u32 = 2;
const CENT: i128 = 10_000_000_000_000_000;

/// What rounding this many units to cents, half to even, leaves over: more than none where it is waived.
pub(super) fn left_over(units: i128) -> i128 {
    let (cents, rest) = (units.div_euclid(CENT), units.rem_euclid(CENT));
    match (rest * 2).cmp(&CENT) {
        std::cmp::Ordering::Less => rest,
        std::cmp::Ordering::Equal if cents % 2 == 0 => rest,
        _ => rest - CENT,
    }
}

/// A rounding of this over a period around `NOW`.
pub(super) fn of(invoice: &str, left: i128) -> Rounded {
    Rounded {
        invoice: Message::cut(invoice),
        requestor: requestor().public().unwrap(),
        provider: provider().public().unwrap(),
        currency: usd(),
        minor_unit_digits: DIGITS,
        rounding: if left < 0 {
            RoundingKind::Added
        } else {
            RoundingKind::Waived
        },
        amount: Amount::from_units(left.unsigned_abs()),
        from: at(NOW - 1_000),
        // The receipts end within it, and orders at `NOW` are no further back than a clock may be set.
        at: at(NOW + 200),
    }
}

/// What rounding an invoice of all that is recorded leaves over.
pub(super) fn rounded(ledger: &Ledger, invoice: &str) -> Rounded {
    let records = ledger.records(&RecordFilter::default()).unwrap();
    let charged = records.map(|record| match record.unwrap().1 {
        Record::Charge(charge) => i128::try_from(charge.total.units()).unwrap(),
        Record::Credit(credit) => -i128::try_from(credit.amount.units()).unwrap(),
        Record::Dispute(_) | Record::Rounding(_) => 0,
    });
    of(invoice, left_over(charged.sum()))
}

fn refused(ledger: &mut Ledger, rounded: &Rounded) -> RoundingError {
    match ledger.post_rounding(rounded).unwrap_err() {
        LedgerError::Rounding(error) => error,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_posted_is_over_and_the_books_say_so() {
    let (_folder, path) = books();
    let mut ledger = open(&path);
    finish(&mut ledger, &order("one", 1));
    let rounded = rounded(&ledger, "invoice-1");
    ledger.post_rounding(&rounded).unwrap();
    let over = rounded.at.unix_seconds() + 1;
    assert_eq!(ledger.latest().unwrap(), Some(at(over)));
    // A clock that shows a time in the period is taken for the later one, or is refused.
    assert_eq!(
        accept(&mut ledger, &order("two", 2)).unwrap(),
        Accept::Accepted
    );
    let far = NewOrder::read(
        &sealed(&order("three", 3)),
        &known_offer(),
        amount("0.5"),
        usd(),
        at(over - 301),
    );
    let refused = ledger.accept(&far.unwrap()).unwrap_err();
    assert!(
        matches!(refused, LedgerError::ClockWentBack { .. }),
        "{refused}"
    );
}

#[test]
fn what_an_invoice_waives_is_given_to_the_budget_once() {
    let (_folder, path) = books();
    let mut ledger = open(&path);
    finish(&mut ledger, &order("one", 1));
    let rounded = rounded(&ledger, "RE 2026/17");
    assert_eq!(rounded.amount, amount("0.00000122"));
    assert_eq!(ledger.post_rounding(&rounded).unwrap(), Posted::New);
    assert_eq!(ledger.post_rounding(&rounded).unwrap(), Posted::Before);
    let expected = [
        pair("provider:income", "0.00000122 USD"),
        pair("provider:rounding", "-0.00000122 USD"),
        pair("requestor:KEY:budget", "0 USD"),
        pair("requestor:KEY:held", "0 USD"),
    ];
    assert_eq!(balances(&ledger), expected);
    let records = ledger.records(&RecordFilter::default()).unwrap();
    let last = records.last().unwrap().unwrap();
    assert_eq!(last, (1, Record::Rounding(rounded.clone())));
    let stats = ledger.stats().unwrap();
    assert_eq!((stats.roundings, stats.records), (1, 2));
    assert_eq!(ledger.check().unwrap(), []);
    drop(ledger);
    // It is there when the books are opened again, and what comes later changes nothing of it.
    let mut ledger = open(&path);
    finish(&mut ledger, &order("two", 2));
    assert_eq!(ledger.post_rounding(&rounded).unwrap(), Posted::Before);
    assert_eq!(ledger.check().unwrap(), []);
}

#[test]
fn what_an_invoice_adds_is_taken_from_the_budget() {
    let (_folder, path) = books();
    let mut ledger = open(&path);
    let order = order("one", 1);
    accept(&mut ledger, &order).unwrap();
    let receipt = changed(&order, None, |part, attested| {
        attested.sequence = 0;
        part.total = amount("0.017");
        part.lines.truncate(1);
        part.lines[0].amount = part.total;
    });
    ledger.record(&order.id, &receipt).unwrap();
    let rounded = rounded(&ledger, "17");
    assert_eq!(
        (rounded.rounding, rounded.amount),
        (RoundingKind::Added, amount("0.003"))
    );
    assert_eq!(ledger.post_rounding(&rounded).unwrap(), Posted::New);
    let expected = [
        pair("provider:income", "0.017 USD"),
        pair("provider:rounding", "0.003 USD"),
        pair("requestor:KEY:budget", "-0.02 USD"),
        pair("requestor:KEY:held", "0 USD"),
    ];
    assert_eq!(balances(&ledger), expected);
    assert_eq!(ledger.check().unwrap(), []);
}

#[test]
fn another_rounding_under_the_number_or_of_the_time_is_refused() {
    let (_folder, path) = books();
    let mut ledger = open(&path);
    finish(&mut ledger, &order("one", 1));
    let posted = rounded(&ledger, "17");
    ledger.post_rounding(&posted).unwrap();
    let changes: [Change; 6] = [
        ("requestor", |it| {
            it.requestor = provider().public().unwrap()
        }),
        ("provider", |it| it.provider = requestor().public().unwrap()),
        ("currency", |it| it.currency = "EUR".parse().unwrap()),
        ("period", |it| it.from = at(NOW - 1)),
        ("minor unit", |it| it.minor_unit_digits = 0),
        ("amount", |it| it.rounding = RoundingKind::Added),
    ];
    for (field, change) in changes {
        let mut other = posted.clone();
        change(&mut other);
        match refused(&mut ledger, &other) {
            RoundingError::ExistsWithDifferentRounding { what, .. } => assert_eq!(what, field),
            error => panic!("{error:?}"),
        }
    }
    let mut again = posted.clone();
    again.invoice = Message::cut("18");
    assert_eq!(
        refused(&mut ledger, &again),
        RoundingError::Overlaps {
            other: posted.invoice.clone()
        }
    );
    assert_eq!(ledger.stats().unwrap().roundings, 1);
    assert_eq!(ledger.check().unwrap(), []);
}

#[test]
fn what_the_records_do_not_leave_over_is_refused() {
    let (_folder, path) = books();
    let mut ledger = open(&path);
    finish(&mut ledger, &order("one", 1));
    let right = rounded(&ledger, "17");
    let changes: [fn(&mut Rounded); 6] = [
        |it| it.amount = amount("0.00000121"),
        |it| it.rounding = RoundingKind::Added,
        // As far from a cent, and the cent is not the nearest.
        |it| {
            it.amount = amount("0.00999878");
            it.rounding = RoundingKind::Added;
        },
        |it| it.amount = Amount::ZERO,
        // Nothing is charged then.
        |it| it.at = at(NOW - 500),
        |it| it.requestor = provider().public().unwrap(),
    ];
    for change in changes {
        let mut wrong = right.clone();
        change(&mut wrong);
        let error = refused(&mut ledger, &wrong);
        assert!(
            matches!(error, RoundingError::NotTheRemainder { .. }),
            "{error}"
        );
    }
    let forms: [Change; 2] = [
        ("minor unit", |it| it.minor_unit_digits = 19),
        ("period", |it| it.at = at(NOW - 2_000)),
    ];
    for (field, change) in forms {
        let mut wrong = right.clone();
        change(&mut wrong);
        assert_eq!(
            refused(&mut ledger, &wrong),
            RoundingError::Form { what: field }
        );
    }
    assert_eq!(ledger.stats().unwrap().entries, 3);
    assert_eq!(ledger.post_rounding(&right).unwrap(), Posted::New);
}

#[test]
fn a_forged_rounding_is_found() {
    let forgeries = [
        "UPDATE roundings SET amount = '1'",
        "UPDATE records SET amount = '1' WHERE kind = 'rounding'",
        "UPDATE roundings SET kind = 'added'",
        "UPDATE roundings SET began_at = ended_at",
        "UPDATE roundings SET ended_at = ended_at + 1",
        "UPDATE roundings SET minor_unit_digits = 7",
        "UPDATE roundings SET record = 0",
        "DELETE FROM roundings",
        "DELETE FROM records WHERE kind = 'rounding'",
        "DELETE FROM entries WHERE kind = 'rounding'",
        "UPDATE entries SET amount = '1' WHERE kind = 'rounding'",
    ];
    for forgery in forgeries {
        let (_folder, path) = books();
        let mut ledger = open(&path);
        finish(&mut ledger, &order("one", 1));
        let posted = rounded(&ledger, "17");
        ledger.post_rounding(&posted).unwrap();
        unlock(&ledger);
        assert_eq!(ledger.connection().execute(forgery, []).unwrap(), 1);
        assert_ne!(ledger.check().unwrap(), [], "{forgery}");
    }
}
