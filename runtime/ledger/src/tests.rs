//! The books in daily use: what is posted, listed, refused, and found when forged.

use std::path::PathBuf;

use meterbox_billing::bill::price;
use meterbox_billing::job::Job;
use meterbox_billing::key::SigningKey;
use meterbox_billing::limits::Limits;
use meterbox_billing::offer::{Confidentiality, Precision};
use meterbox_billing::order::{Nonce, ORDER_SCHEMA};
use meterbox_billing::outcome::Outcome;
use meterbox_billing::rate_card::default_card;
use meterbox_billing::receipt::{Attested, Engine, EngineFacts, Reproducible, Run};
use meterbox_billing::timestamp::Timestamp;
use meterbox_billing::transcript::Transcript;
use meterbox_billing::usage::{Observed, Usage};
use tempfile::TempDir;

use super::*;

mod misfortune;

const NO_WAIT: Duration = Duration::ZERO;

fn books() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.sqlite");
    (folder, path)
}

fn open(path: &Path) -> Ledger {
    Ledger::open(path, Duration::from_secs(10)).unwrap()
}

fn provider() -> SigningKey {
    SigningKey::from_bytes(&[1; 32])
}

fn requestor() -> SigningKey {
    SigningKey::from_bytes(&[2; 32])
}

fn id(text: &str) -> Id {
    text.parse().unwrap()
}

fn amount(text: &str) -> Amount {
    text.parse().unwrap()
}

fn usd() -> Currency {
    "USD".parse().unwrap()
}

fn order(name: &str, seed: u64) -> Order {
    let time = Timestamp::from_unix_seconds(1_800_000_000).unwrap();
    Order {
        schema: ORDER_SCHEMA,
        id: id(name),
        offer: Digest::of(b"offer"),
        requestor_key: requestor().public().unwrap(),
        job: Job {
            module: Digest::of(b"module"),
            inputs: vec![],
            arguments: vec![],
            environment: vec![],
            seed,
            clock_start_ns: 0,
        },
        limits: Limits::default(),
        max_price: amount("1"),
        precision: Precision::F32,
        confidentiality: Confidentiality::None,
        deadline: time,
        expires_at: time,
        nonce: Nonce::from_bytes([0; 16]),
        audit_commitment: Digest::of(b"secret"),
        last_checkpoint: None,
    }
}

fn sealed(order: &Order) -> Vec<u8> {
    Envelope::seal(order, &requestor())
        .unwrap()
        .to_bytes()
        .unwrap()
}

fn receipt_at(order: &Order, sequence: u64, previous: Option<Digest>) -> Vec<u8> {
    let usage = Usage {
        instructions: 1_000_000_000 + u128::from(sequence),
        ..Usage::default()
    };
    let card = default_card().unwrap();
    let run = Run {
        engine: EngineFacts {
            meter_version: "1".into(),
            cost_schedule: Digest::of(b""),
            host_call_table: Digest::of(b""),
            inference_cost_table: Digest::of(b""),
            wasm_features: vec![],
            float_mode: "none".into(),
        },
        limits: Limits::default(),
        outcome: Outcome::OK,
        outputs: vec![],
        transcript: Transcript::default().digest().unwrap(),
        usage,
    };
    let bill = price(&usage, &card).unwrap();
    let reproducible = Reproducible::new(&order.job, run, card.digest().unwrap(), bill).unwrap();
    let time = Timestamp::from_unix_seconds(1_790_000_000).unwrap();
    let attested = Attested {
        order: order.digest().unwrap(),
        order_id: order.id.clone(),
        provider_key: provider().public().unwrap(),
        started_at: time,
        ended_at: time,
        observed: Observed::default(),
        engine: Engine {
            name: "e".into(),
            version: "1".into(),
            opt_level: "none".into(),
        },
        libraries: Default::default(),
        precision: Precision::F32,
        confidentiality: Confidentiality::None,
        sequence,
        previous_receipt: previous,
    };
    let receipt = Receipt::new(reproducible, attested).unwrap();
    Envelope::seal(&receipt, &provider())
        .unwrap()
        .to_bytes()
        .unwrap()
}

fn next_receipt(ledger: &Ledger, order: &Order) -> Vec<u8> {
    receipt_at(
        order,
        ledger.next_sequence().unwrap(),
        ledger.last_receipt_digest().unwrap(),
    )
}

fn accept(ledger: &mut Ledger, order: &Order) -> Result<Accept, LedgerError> {
    ledger.accept(&sealed(order), amount("0.5"), usd())
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
        ledger.accept(b"", amount("1"), usd()),
        Err(LedgerError::Document(_))
    ));
    let good = next_receipt(&ledger, &second);
    ledger.record(&second.id, &good).unwrap();
    assert_eq!(ledger.check().unwrap(), []);
}

#[test]
fn a_charge_beyond_the_hold_is_refused() {
    let (_folder, path) = books();
    let mut ledger = open(&path);
    let order = order("one", 1);
    ledger
        .accept(&sealed(&order), amount("0.0000012"), usd())
        .unwrap();
    let receipt = next_receipt(&ledger, &order);
    assert!(matches!(
        ledger.record(&order.id, &receipt),
        Err(LedgerError::ChargeBeyondHold { .. })
    ));
    let huge = Amount::from_units(u128::MAX);
    let other = crate::tests::order("two", 2);
    assert!(matches!(
        ledger.accept(&sealed(&other), huge, usd()),
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
    let fault = Fault {
        reason: Message::cut("the host ran out of memory"),
    };
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
        ledger.abandon(
            &order.id,
            &Fault {
                reason: Message::cut("")
            }
        ),
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
    assert_eq!(names(Filter::default()), ["a", "b", "c", "d"]);
    assert_eq!(
        names(Filter {
            last: Some(2),
            ..Filter::default()
        }),
        ["c", "d"]
    );
    assert_eq!(
        names(Filter {
            pending: true,
            ..Filter::default()
        }),
        ["d"]
    );
    assert_eq!(
        names(Filter {
            order_id: Some(id("b")),
            ..Filter::default()
        }),
        ["b"]
    );
    let key = |key: SigningKey| Some(key.public().unwrap());
    assert_eq!(
        names(Filter {
            requestor: key(requestor()),
            ..Filter::default()
        })
        .len(),
        4
    );
    assert!(
        names(Filter {
            requestor: key(provider()),
            ..Filter::default()
        })
        .is_empty()
    );
}

#[test]
fn nothing_recorded_can_be_changed_or_deleted() {
    let (_folder, path) = books();
    let mut ledger = open(&path);
    finish(&mut ledger, &order("one", 1));
    accept(&mut ledger, &order("two", 2)).unwrap();
    ledger
        .abandon(
            &id("two"),
            &Fault {
                reason: Message::cut("x"),
            },
        )
        .unwrap();
    for statement in [
        "UPDATE orders SET currency = 'EUR'",
        "UPDATE receipts SET total = '0'",
        "UPDATE faults SET reason = ''",
        "UPDATE postings SET amount = '0'",
        "DELETE FROM receipts",
        "DELETE FROM postings",
        "DELETE FROM faults",
        "DELETE FROM orders",
    ] {
        let error = ledger.connection.execute(statement, []).unwrap_err();
        assert!(
            error.to_string().contains("append-only"),
            "{statement}: {error}"
        );
    }
}

#[test]
fn the_second_model_finds_forged_books() {
    let forged = |statement: &str| {
        let (_folder, path) = books();
        let mut ledger = open(&path);
        finish(&mut ledger, &order("one", 1));
        finish(&mut ledger, &order("two", 2));
        let tables = ["orders", "receipts", "faults", "postings"];
        for table in tables {
            let drop = format!("DROP TRIGGER {table}_keep; DROP TRIGGER {table}_stay;");
            ledger.connection.execute_batch(&drop).unwrap();
        }
        ledger
            .connection
            .pragma_update(None, "foreign_keys", false)
            .unwrap();
        assert_eq!(ledger.check().unwrap(), []);
        ledger.connection.execute(statement, []).unwrap();
        let findings = ledger.check().unwrap();
        assert!(!findings.is_empty(), "{statement}");
        findings
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join("\n")
    };
    assert!(forged("UPDATE postings SET amount = '1' WHERE number = 1").contains("entry 0"));
    assert!(forged("DELETE FROM postings WHERE kind = 'charge'").contains("provider:income"));
    assert!(forged("UPDATE receipts SET total = '1' WHERE sequence = 1").contains("receipt 1"));
    assert!(forged("DELETE FROM receipts WHERE sequence = 0").contains("receipt 0"));
    assert!(forged("UPDATE orders SET requestor = 'x' WHERE id = 'one'").contains("order `one`"));
}
