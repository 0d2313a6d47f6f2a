//! Owns the steps from an empty file to the present schema. Opens no file.
//!
//! `rusqlite_migration` would do, and its releases so far want another version of `rusqlite`.

mod compact;
mod rounding;

use rusqlite::Transaction;

use crate::LedgerError;

/// The version that this program writes.
pub(crate) const KNOWN: i64 = 3;

/// The tables as they were first. A step that was released never changes: corrections are new steps.
const STEP_1: &str = "
    CREATE TABLE orders (
        number INTEGER PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        digest TEXT NOT NULL UNIQUE,
        requestor TEXT NOT NULL,
        currency TEXT NOT NULL,
        envelope BLOB NOT NULL
    ) STRICT;

    CREATE TABLE receipts (
        sequence INTEGER PRIMARY KEY,
        order_id TEXT NOT NULL UNIQUE REFERENCES orders (id),
        digest TEXT NOT NULL UNIQUE,
        previous TEXT UNIQUE REFERENCES receipts (digest),
        total TEXT NOT NULL CHECK (total NOT GLOB '*[^0-9]*' AND total <> ''),
        envelope BLOB NOT NULL
    ) STRICT;

    CREATE TABLE faults (
        number INTEGER PRIMARY KEY,
        order_id TEXT NOT NULL REFERENCES orders (id),
        reason TEXT NOT NULL
    ) STRICT;

    -- Amounts are whole units of 10^-18 of the currency, as text: an INTEGER holds too few.
    CREATE TABLE postings (
        number INTEGER PRIMARY KEY,
        entry INTEGER NOT NULL,
        order_id TEXT NOT NULL REFERENCES orders (id),
        account TEXT NOT NULL,
        kind TEXT NOT NULL CHECK (kind IN ('hold', 'release', 'charge')),
        currency TEXT NOT NULL,
        amount TEXT NOT NULL CHECK (ltrim(amount, '-') NOT GLOB '*[^0-9]*' AND amount NOT IN ('', '-'))
    ) STRICT;
    CREATE INDEX postings_by_order ON postings (order_id, account);
    CREATE INDEX postings_by_entry ON postings (entry);
    CREATE INDEX faults_by_order ON faults (order_id);
    CREATE INDEX orders_by_requestor ON orders (requestor);

    CREATE TRIGGER orders_keep BEFORE UPDATE ON orders BEGIN SELECT raise(ABORT, 'orders are append-only'); END;
    CREATE TRIGGER orders_stay BEFORE DELETE ON orders BEGIN SELECT raise(ABORT, 'orders are append-only'); END;
    CREATE TRIGGER receipts_keep BEFORE UPDATE ON receipts BEGIN SELECT raise(ABORT, 'receipts are append-only'); END;
    CREATE TRIGGER receipts_stay BEFORE DELETE ON receipts BEGIN SELECT raise(ABORT, 'receipts are append-only'); END;
    CREATE TRIGGER faults_keep BEFORE UPDATE ON faults BEGIN SELECT raise(ABORT, 'faults are append-only'); END;
    CREATE TRIGGER faults_stay BEFORE DELETE ON faults BEGIN SELECT raise(ABORT, 'faults are append-only'); END;
    CREATE TRIGGER postings_keep BEFORE UPDATE ON postings BEGIN SELECT raise(ABORT, 'postings are append-only'); END;
    CREATE TRIGGER postings_stay BEFORE DELETE ON postings BEGIN SELECT raise(ABORT, 'postings are append-only'); END;
";

/// Runs the steps that a file of version `done` has not seen, up to that of version `wanted`.
pub(crate) fn run(
    transaction: &Transaction<'_>,
    done: i64,
    wanted: i64,
) -> Result<(), LedgerError> {
    let is_due = |step: i64| done < step && step <= wanted;
    if is_due(1) {
        transaction.execute_batch(STEP_1)?;
    }
    if is_due(2) {
        compact::run(transaction)?;
    }
    if is_due(3) {
        rounding::run(transaction)?;
    }
    Ok(())
}

/// What a file of the first version was made by; for the test of what becomes of it.
#[cfg(test)]
pub(crate) fn first_version() -> &'static str {
    STEP_1
}
