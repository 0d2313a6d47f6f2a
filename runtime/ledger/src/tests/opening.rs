//! What is checked when the books are opened, and what only when they are checked in full.

use super::*;

#[test]
fn books_that_do_not_balance_are_not_opened_and_the_error_says_where() {
    for (statement, place) in [
        (
            "UPDATE entries SET amount = '1' WHERE number = 0",
            "requestor:",
        ),
        (
            "UPDATE accounts SET balance = '7' WHERE name = 'provider:income'",
            "`provider:income`",
        ),
        ("UPDATE receipts SET total = '1'", "receipt 0"),
        ("DELETE FROM records", "receipt 0"),
    ] {
        let (_folder, path) = books();
        let mut ledger = open(&path);
        finish(&mut ledger, &order("one", 1));
        unlock(&ledger);
        ledger.connection().execute(statement, []).unwrap();
        drop(ledger);
        let error = Ledger::open(&path, NO_WAIT).unwrap_err();
        assert!(matches!(error, LedgerError::OutOfBalance { .. }), "{error}");
        assert!(error.to_string().contains(place), "{statement}: {error}");
        assert!(error.hint().unwrap().contains("backup"));
        // It can be looked at all the same.
        assert!(!Reader::open(&path).unwrap().check().unwrap().is_empty());
    }
}

/// What large books are checked for when they are opened.
fn since_mark(ledger: &Ledger) -> Vec<Finding> {
    let records = ledger.writer.place.record;
    let scope = Scope::since_mark(ledger.connection(), records, false).unwrap();
    audit::check(ledger.connection(), scope).unwrap()
}

/// Two orders that were checked when these books were opened, and two that were not, of which one is being
/// run.
fn half_checked(path: &Path) -> Ledger {
    let mut ledger = open(path);
    let receipt = SealedReceipt::read(&finish(&mut ledger, &order("a", 1))).unwrap();
    corrections::dispute_and_credit(&mut ledger, &receipt);
    ledger.grant(&budgets::grant("deposit", "5")).unwrap();
    accept(&mut ledger, &order("b", 1)).unwrap();
    drop(ledger);
    let mut ledger = open(path);
    assert_eq!(ledger.stats().unwrap().unchecked_records, 0);
    finish(&mut ledger, &order("c", 1));
    accept(&mut ledger, &order("d", 1)).unwrap();
    ledger
}

#[test]
fn of_large_books_only_what_was_added_since_the_last_opening_is_checked() {
    for (statement, is_new) in [
        ("UPDATE entries SET amount = '1' WHERE number = 0", false),
        (
            "UPDATE records SET outcome = 'failed' WHERE number = 0",
            false,
        ),
        ("UPDATE entries SET amount = '1' WHERE number = 7", true),
        (
            "UPDATE records SET outcome = 'failed' WHERE number = 3",
            true,
        ),
        ("DELETE FROM entries WHERE number = 9", true),
        (
            "UPDATE accounts SET balance = '1' WHERE name = 'provider:income'",
            true,
        ),
        (
            "UPDATE accounts SET verified = '1' WHERE name = 'provider:income'",
            true,
        ),
    ] {
        let (_folder, path) = books();
        let ledger = half_checked(&path);
        assert_eq!(since_mark(&ledger), []);
        assert_eq!(ledger.check().unwrap(), []);
        unlock(&ledger);
        assert_eq!(ledger.connection().execute(statement, []).unwrap(), 1);
        assert_eq!(!since_mark(&ledger).is_empty(), is_new, "{statement}");
        if !statement.contains("verified") {
            assert!(!ledger.check().unwrap().is_empty(), "{statement}");
        }
    }
}

#[test]
fn a_signature_that_panics_leaves_the_books_as_they_were() {
    let (_folder, path) = books();
    let mut ledger = open(&path);
    accept(&mut ledger, &order("a", 1)).unwrap();
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        ledger.record_with(&id("a"), |_| panic!("a bug of the caller's"))
    }));
    assert!(panicked.is_err());
    let receipt = next_receipt(&ledger, &order("a", 1));
    ledger.record(&id("a"), &receipt).unwrap();
    assert_eq!(ledger.check().unwrap(), []);
}
