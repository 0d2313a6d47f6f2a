//! The books in daily use: what is posted, listed, refused, and found when forged.

use std::path::PathBuf;

use meterbox_billing::digest::Digest;
use meterbox_billing::draft::Draft;
use meterbox_billing::key::SigningKey;
use meterbox_billing::money::Amount;
use meterbox_billing::order::Order;
use tempfile::TempDir;

use super::*;

#[path = "../tests/fixture/mod.rs"]
mod fixture;

mod books;
mod budgets;
mod corrections;
mod migration;
mod misfortune;
mod model;
mod opening;
mod records;
mod roundings;

use fixture::{NOW, amount, at, id, offer, order, provider, requestor, usd};

const NO_WAIT: Duration = Duration::ZERO;

fn books() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.sqlite");
    (folder, path)
}

fn open(path: &Path) -> Ledger {
    Ledger::open(path, Duration::from_secs(10)).unwrap()
}

fn sealed(order: &Order) -> Vec<u8> {
    fixture::sealed(order, &requestor())
}

fn receipt_at(order: &Order, sequence: u64, previous: Option<Digest>) -> Vec<u8> {
    fixture::sealed(&fixture::receipt(order, sequence, previous), &provider())
}

fn next_receipt(ledger: &Ledger, order: &Order) -> Vec<u8> {
    receipt_at(
        order,
        ledger.next_sequence().unwrap(),
        ledger.last_receipt_digest().unwrap(),
    )
}

fn known_offer() -> KnownOffer {
    KnownOffer::of(&offer()).unwrap()
}

fn new_order(order: &Order, hold: &str) -> NewOrder {
    NewOrder::read(&sealed(order), &known_offer(), amount(hold), usd(), at(NOW)).unwrap()
}

fn accept(ledger: &mut Ledger, order: &Order) -> Result<Accept, LedgerError> {
    ledger.accept(&new_order(order, "0.5"))
}

/// Takes an order through its whole life.
fn finish(ledger: &mut Ledger, order: &Order) -> Vec<u8> {
    assert_eq!(accept(ledger, order).unwrap(), Accept::Accepted);
    let receipt = next_receipt(ledger, order);
    ledger.record(&order.id, &receipt).unwrap();
    receipt
}

fn balances(ledger: &Ledger) -> Vec<(String, String)> {
    let key = requestor().public().unwrap().to_string();
    let shown = |balance: Balance| {
        let sign = if balance.negative { "-" } else { "" };
        let account = balance.account.replace(&key, "KEY");
        (
            account,
            format!("{sign}{} {}", balance.amount, balance.currency),
        )
    };
    ledger.balances().unwrap().into_iter().map(shown).collect()
}

fn pair(account: &str, amount: &str) -> (String, String) {
    (account.into(), amount.into())
}

fn fault(reason: &str) -> Fault {
    Fault {
        reason: Message::cut(reason),
    }
}

/// Makes what is recorded changeable, which nothing but a forger does.
fn unlock(ledger: &Ledger) {
    let connection = ledger.connection();
    let triggers: Vec<String> = connection
        .prepare("SELECT name FROM sqlite_schema WHERE type = 'trigger'")
        .unwrap()
        .query_map([], |row| row.get(0))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert_eq!(triggers.len(), 24);
    for trigger in triggers {
        connection
            .execute_batch(&format!("DROP TRIGGER {trigger}"))
            .unwrap();
    }
    connection
        .pragma_update(None, "foreign_keys", false)
        .unwrap();
}

#[test]
fn an_order_is_held_then_charged_and_the_rest_released() {
    let (_folder, path) = books();
    let mut ledger = open(&path);
    let order = order("one", 1);
    accept(&mut ledger, &order).unwrap();
    assert_eq!(
        balances(&ledger),
        [
            pair("requestor:KEY:budget", "-0.5 USD"),
            pair("requestor:KEY:held", "0.5 USD")
        ]
    );
    assert_eq!(
        ledger.list(&Filter::default()).unwrap()[0].state,
        State::Pending {
            held: amount("0.5")
        }
    );
    assert_eq!(ledger.check().unwrap(), []);
    let receipt = next_receipt(&ledger, &order);
    // 10^9 instructions and the fee.
    assert_eq!(
        ledger.record(&order.id, &receipt).unwrap(),
        amount("0.00000122")
    );
    assert_eq!(
        balances(&ledger),
        [
            pair("provider:income", "0.00000122 USD"),
            pair("requestor:KEY:budget", "-0.00000122 USD"),
            pair("requestor:KEY:held", "0 USD")
        ]
    );
    assert_eq!(ledger.receipt(&order.id).unwrap().unwrap(), receipt);
    assert_eq!(ledger.receipt_at(0).unwrap().unwrap(), receipt);
    assert_eq!(ledger.next_sequence().unwrap(), 1);
    assert_eq!(ledger.check().unwrap(), []);
}

#[test]
fn the_same_order_gives_the_same_receipt_and_another_is_refused() {
    let (_folder, path) = books();
    let receipt = finish(&mut open(&path), &order("one", 1));
    let mut ledger = open(&path);
    assert_eq!(
        accept(&mut ledger, &order("one", 1)).unwrap(),
        Accept::AlreadyDone { receipt }
    );
    let error = accept(&mut ledger, &order("one", 2)).unwrap_err();
    assert!(matches!(
        error,
        LedgerError::ExistsWithDifferentOrder { .. }
    ));
    assert!(error.hint().is_some());
    assert_eq!(ledger.list(&Filter::default()).unwrap().len(), 1);
    assert_eq!(ledger.check().unwrap(), []);
}

#[test]
fn what_is_out_of_turn_is_refused_and_changes_nothing() {
    let (_folder, path) = books();
    let mut ledger = open(&path);
    let (first, second) = (order("one", 1), order("two", 2));
    let receipt = finish(&mut ledger, &first);
    let refused =
        |ledger: &mut Ledger, id: &Id, bytes: &[u8]| ledger.record(id, bytes).unwrap_err();
    assert!(matches!(
        refused(&mut ledger, &first.id, &receipt),
        LedgerError::AlreadyRecorded { .. }
    ));
    assert!(matches!(
        refused(&mut ledger, &second.id, &receipt),
        LedgerError::UnknownOrder { .. }
    ));
    accept(&mut ledger, &second).unwrap();
    assert!(matches!(
        accept(&mut ledger, &second),
        Err(LedgerError::Pending { .. })
    ));
    let last = ledger.last_receipt_digest().unwrap();
    for (bytes, wrong) in [
        (receipt.clone(), "attested.order_id"),
        (receipt_at(&order("two", 9), 1, last), "attested.order"),
        (receipt_at(&second, 2, last), "attested.sequence"),
        (receipt_at(&second, 1, None), "attested.previous_receipt"),
        (backwards(&second, last), "attested.ended_at"),
        (misadded(&second, last), "reproducible.total"),
        (misnamed(&second, last), "reproducible.lines.meter"),
    ] {
        match refused(&mut ledger, &second.id, &bytes) {
            LedgerError::NotNext { field, .. } => assert_eq!(field, wrong),
            other => panic!("{other:?}"),
        }
    }
    assert!(matches!(
        refused(&mut ledger, &second.id, b"{}"),
        LedgerError::Document(_)
    ));
    assert!(matches!(
        NewOrder::read(b"", &known_offer(), amount("1"), usd(), at(NOW)),
        Err(LedgerError::Document(_))
    ));
    let good = next_receipt(&ledger, &second);
    ledger.record(&second.id, &good).unwrap();
    assert_eq!(ledger.check().unwrap(), []);
}

fn changed(
    order: &Order,
    previous: Option<Digest>,
    change: impl FnOnce(
        &mut meterbox_billing::receipt::Reproducible,
        &mut meterbox_billing::receipt::Attested,
    ),
) -> Vec<u8> {
    let mut part = fixture::reproducible(order, 1_000);
    let mut attested = fixture::attested(order, 1, previous);
    change(&mut part, &mut attested);
    let receipt = meterbox_billing::receipt::Receipt::new(part, attested).unwrap();
    fixture::sealed(&receipt, &provider())
}

/// A job that ended before it began, as a clock that is set back makes it look.
fn backwards(order: &Order, previous: Option<Digest>) -> Vec<u8> {
    changed(order, previous, |_, attested| {
        attested.ended_at = at(NOW - 1);
    })
}

fn misadded(order: &Order, previous: Option<Digest>) -> Vec<u8> {
    changed(order, previous, |part, _| part.total = amount("0.1"))
}

fn misnamed(order: &Order, previous: Option<Digest>) -> Vec<u8> {
    changed(order, previous, |part, _| {
        part.lines[0].meter = "two\nlines".into();
    })
}

#[test]
fn a_charge_beyond_the_hold_is_refused() {
    let (_folder, path) = books();
    let mut ledger = open(&path);
    let order = order("one", 1);
    ledger.accept(&new_order(&order, "0.0000012")).unwrap();
    let receipt = next_receipt(&ledger, &order);
    assert!(matches!(
        ledger.record(&order.id, &receipt),
        Err(LedgerError::ChargeBeyondHold { .. })
    ));
    let huge = Amount::from_units(u128::MAX);
    let other = sealed(&fixture::order("two", 2));
    assert!(matches!(
        NewOrder::read(&other, &known_offer(), huge, usd(), at(NOW)),
        Err(LedgerError::Overflow)
    ));
    assert_eq!(ledger.list(&Filter::default()).unwrap().len(), 1);
}

#[test]
fn a_fault_releases_the_hold_and_the_order_may_come_again() {
    let (_folder, path) = books();
    let mut ledger = open(&path);
    let order = order("one", 1);
    accept(&mut ledger, &order).unwrap();
    let fault = fault("the host ran out of memory");
    ledger.abandon(&order.id, &fault).unwrap();
    assert!(matches!(
        ledger.abandon(&order.id, &fault),
        Err(LedgerError::NotPending { .. })
    ));
    assert!(matches!(
        ledger.record(&order.id, &next_receipt(&ledger, &order)),
        Err(LedgerError::NotPending { .. })
    ));
    assert_eq!(
        balances(&ledger),
        [
            pair("requestor:KEY:budget", "0 USD"),
            pair("requestor:KEY:held", "0 USD")
        ]
    );
    assert_eq!(
        ledger.list(&Filter::default()).unwrap()[0].state,
        State::Faulted {
            reason: fault.reason
        }
    );
    assert_eq!(ledger.check().unwrap(), []);
    finish(&mut ledger, &order);
    assert!(matches!(
        ledger.abandon(&order.id, &super::tests::fault("")),
        Err(LedgerError::AlreadyRecorded { .. })
    ));
    assert_eq!(ledger.check().unwrap(), []);
}

#[test]
fn an_order_left_pending_is_found_when_the_books_are_opened() {
    let (_folder, path) = books();
    let mut ledger = open(&path);
    finish(&mut ledger, &order("one", 1));
    accept(&mut ledger, &order("two", 2)).unwrap();
    drop(ledger);
    let mut ledger = open(&path);
    assert_eq!(ledger.recovered(), [id("two")]);
    assert_eq!(ledger.check().unwrap(), []);
    finish(&mut ledger, &order("two", 2));
    drop(ledger);
    let ledger = open(&path);
    assert!(ledger.recovered().is_empty());
    assert_eq!(ledger.next_sequence().unwrap(), 2);
    assert_eq!(ledger.check().unwrap(), []);
}

#[test]
fn lists_are_filtered() {
    let (_folder, path) = books();
    let mut ledger = open(&path);
    for name in ["a", "b", "c"] {
        finish(&mut ledger, &order(name, 1));
    }
    accept(&mut ledger, &order("d", 1)).unwrap();
    let names = |filter: Filter| {
        let entries = ledger.list(&filter).unwrap();
        entries
            .into_iter()
            .map(|entry| entry.order_id.to_string())
            .collect::<Vec<_>>()
    };
    let key = |key: SigningKey| Some(key.public().unwrap());
    let of = |last, pending, order_id: Option<&str>, requestor| {
        names(Filter {
            last,
            pending,
            order_id: order_id.map(id),
            requestor,
        })
    };
    assert_eq!(of(None, false, None, None), ["a", "b", "c", "d"]);
    assert_eq!(of(Some(2), false, None, None), ["c", "d"]);
    assert_eq!(of(None, true, None, None), ["d"]);
    assert_eq!(of(None, false, Some("b"), None), ["b"]);
    assert_eq!(of(None, false, None, key(requestor())).len(), 4);
    assert!(of(None, false, None, key(provider())).is_empty());
}

#[test]
fn nothing_recorded_can_be_changed_or_deleted() {
    let (_folder, path) = books();
    let mut ledger = open(&path);
    let receipt = SealedReceipt::read(&finish(&mut ledger, &order("one", 1))).unwrap();
    accept(&mut ledger, &order("two", 2)).unwrap();
    ledger.abandon(&id("two"), &fault("x")).unwrap();
    corrections::dispute_and_credit(&mut ledger, &receipt);
    ledger.grant(&budgets::grant("deposit", "1")).unwrap();
    ledger.put_checkpoint(1, b"note").unwrap();
    for table in [
        "keys",
        "offers",
        "orders",
        "receipts",
        "faults",
        "entries",
        "grants",
        "credits",
        "verdicts",
        "records",
        "checkpoints",
    ] {
        for statement in [
            format!("UPDATE {table} SET rowid = rowid"),
            format!("DELETE FROM {table}"),
        ] {
            let error = ledger.connection().execute(&statement, []).unwrap_err();
            assert!(
                error.to_string().contains("append-only"),
                "{statement}: {error}"
            );
        }
    }
}

#[test]
fn the_second_model_finds_forged_books() {
    let forged = |statement: &str| {
        let (_folder, path) = books();
        let mut ledger = open(&path);
        let receipt = SealedReceipt::read(&finish(&mut ledger, &order("one", 1))).unwrap();
        finish(&mut ledger, &order("two", 2));
        corrections::dispute_and_credit(&mut ledger, &receipt);
        ledger.grant(&budgets::grant("deposit", "1")).unwrap();
        unlock(&ledger);
        assert_eq!(ledger.check().unwrap(), []);
        assert!(ledger.connection().execute(statement, []).unwrap() > 0);
        let findings = ledger.check().unwrap();
        assert!(!findings.is_empty(), "{statement}");
        let found: Vec<String> = findings.iter().map(ToString::to_string).collect();
        drop(ledger);
        // Some of it is in documents that were checked when these small books were opened last.
        if let Err(error) = Ledger::open(&path, NO_WAIT) {
            assert!(matches!(error, LedgerError::OutOfBalance { .. }), "{error}");
        }
        found.join("\n")
    };
    for (statement, place) in [
        (
            "UPDATE entries SET amount = '1' WHERE number = 1",
            "order `one`",
        ),
        (
            "DELETE FROM entries WHERE kind = 'charge'",
            "provider:income",
        ),
        ("DELETE FROM entries WHERE number = 3", "entry 3"),
        (
            "UPDATE receipts SET total = '1' WHERE sequence = 1",
            "receipt 1",
        ),
        ("DELETE FROM receipts WHERE sequence = 0", "receipt 0"),
        (
            "UPDATE orders SET requestor = 2 WHERE id = 'one'",
            "order `one`",
        ),
        (
            "UPDATE orders SET requestor = 99 WHERE id = 'one'",
            "receipt 0",
        ),
        (
            "UPDATE orders SET envelope = CAST(replace(CAST(envelope AS TEXT), 'p', 'q') AS BLOB)",
            "order `one`",
        ),
        (
            "UPDATE accounts SET balance = '7' WHERE name = 'provider:income'",
            "provider:income",
        ),
        (
            "UPDATE records SET amount = '7' WHERE number = 0",
            "receipt 0",
        ),
        (
            "UPDATE records SET outcome = 'failed' WHERE number = 1",
            "receipt 1",
        ),
        (
            "UPDATE records SET lines = '' WHERE number = 1",
            "receipt 1",
        ),
        ("DELETE FROM records WHERE number = 1", "record 1"),
        ("DELETE FROM credits", "credit `credit-1`"),
        ("UPDATE credits SET amount = '7'", "credit `credit-1`"),
        ("DELETE FROM verdicts", "dispute"),
        ("UPDATE grants SET amount = '7'", "provider:granted"),
        (
            "INSERT INTO pending VALUES (1, 1, 0, '0')",
            "pending orders",
        ),
    ] {
        let found = forged(statement);
        assert!(found.contains(place), "{statement}: {found}");
    }
}
