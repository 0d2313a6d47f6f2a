//! Owns the second step: smaller rows, so that thousands of receipts a second fit through; tables for
//! budgets, credits, verdicts, records and checkpoints. Loses nothing of the first step's rows.

use std::collections::HashMap;

use meterbox_billing::envelope::Envelope;
use meterbox_billing::key::PublicKey;
use meterbox_billing::receipt::Receipt;
use meterbox_billing::record::{Charge, Record};
use rusqlite::{Transaction, params};

use crate::LedgerError;
use crate::records;
use crate::row::{parsed, sequence_number};

const MAKE_ROOM: &str = "
    DROP TRIGGER orders_keep; DROP TRIGGER orders_stay;
    DROP TRIGGER receipts_keep; DROP TRIGGER receipts_stay;
    DROP TRIGGER faults_keep; DROP TRIGGER faults_stay;
    DROP TRIGGER postings_keep; DROP TRIGGER postings_stay;
    DROP INDEX faults_by_order; DROP INDEX orders_by_requestor;
    ALTER TABLE orders RENAME TO first_orders;
    ALTER TABLE receipts RENAME TO first_receipts;
    ALTER TABLE faults RENAME TO first_faults;
    ALTER TABLE postings RENAME TO first_postings;
";

const TABLES: &str = "
    CREATE TABLE keys (
        number INTEGER PRIMARY KEY,
        key BLOB NOT NULL UNIQUE CHECK (length(key) = 32)
    ) STRICT;

    CREATE TABLE offers (
        number INTEGER PRIMARY KEY,
        digest BLOB NOT NULL UNIQUE CHECK (length(digest) = 32),
        provider INTEGER NOT NULL REFERENCES keys (number),
        payload BLOB NOT NULL
    ) STRICT;

    CREATE TABLE orders (
        number INTEGER PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        digest BLOB NOT NULL CHECK (length(digest) = 32),
        requestor INTEGER NOT NULL REFERENCES keys (number),
        currency TEXT NOT NULL,
        envelope BLOB NOT NULL
    ) STRICT;
    CREATE INDEX orders_by_requestor ON orders (requestor);

    CREATE TABLE receipts (
        sequence INTEGER PRIMARY KEY,
        order_number INTEGER NOT NULL UNIQUE REFERENCES orders (number),
        digest BLOB NOT NULL UNIQUE CHECK (length(digest) = 32),
        total TEXT NOT NULL CHECK (total NOT GLOB '*[^0-9]*' AND total <> ''),
        envelope BLOB NOT NULL
    ) STRICT;

    CREATE TABLE faults (
        number INTEGER PRIMARY KEY,
        order_number INTEGER NOT NULL REFERENCES orders (number),
        reason TEXT NOT NULL
    ) STRICT;
    CREATE INDEX faults_by_order ON faults (order_number);

    -- Amounts are whole units of 10^-18 of the currency, as text: an INTEGER holds too few.
    -- A balance is the sum of an account's entries, kept beside them so that it need not be added up;
    -- `verified` is what it was when the books were last checked.
    CREATE TABLE accounts (
        number INTEGER PRIMARY KEY,
        name TEXT NOT NULL,
        currency TEXT NOT NULL,
        balance TEXT NOT NULL DEFAULT '0',
        verified TEXT NOT NULL DEFAULT '0',
        UNIQUE (name, currency)
    ) STRICT;

    -- One row moves one amount from one account to another, so no entry can be out of balance.
    CREATE TABLE entries (
        number INTEGER PRIMARY KEY,
        -- A list would be made into a table of its own each time that it is looked at.
        kind TEXT NOT NULL CHECK (kind = 'hold' OR kind = 'release' OR kind = 'charge' OR kind = 'credit'
                                  OR kind = 'grant'),
        order_number INTEGER REFERENCES orders (number),
        from_account INTEGER NOT NULL REFERENCES accounts (number),
        to_account INTEGER NOT NULL REFERENCES accounts (number),
        amount TEXT NOT NULL CHECK (amount NOT GLOB '*[^0-9]*' AND amount <> ''),
        CHECK (from_account <> to_account),
        CHECK ((kind = 'grant') = (order_number IS NULL))
    ) STRICT;
    CREATE INDEX entries_by_order ON entries (order_number) WHERE order_number IS NOT NULL;

    -- Orders that are being run, and the number of the entry that holds for them.
    CREATE TABLE pending (
        order_number INTEGER PRIMARY KEY REFERENCES orders (number),
        offer INTEGER REFERENCES offers (number),
        entry INTEGER NOT NULL REFERENCES entries (number),
        held TEXT NOT NULL
    ) STRICT;

    CREATE TABLE grants (
        number INTEGER PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        requestor INTEGER NOT NULL REFERENCES keys (number),
        currency TEXT NOT NULL,
        amount TEXT NOT NULL CHECK (amount NOT GLOB '*[^0-9]*' AND amount <> ''),
        entry INTEGER NOT NULL UNIQUE REFERENCES entries (number)
    ) STRICT;
    CREATE INDEX grants_by_requestor ON grants (requestor, currency);

    CREATE TABLE credits (
        number INTEGER PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        receipt INTEGER NOT NULL REFERENCES receipts (sequence),
        digest BLOB NOT NULL UNIQUE CHECK (length(digest) = 32),
        amount TEXT NOT NULL CHECK (amount NOT GLOB '*[^0-9]*' AND amount <> ''),
        entry INTEGER NOT NULL UNIQUE REFERENCES entries (number),
        envelope BLOB NOT NULL
    ) STRICT;
    CREATE INDEX credits_by_receipt ON credits (receipt);

    CREATE TABLE verdicts (
        number INTEGER PRIMARY KEY,
        receipt INTEGER NOT NULL REFERENCES receipts (sequence),
        digest BLOB NOT NULL UNIQUE CHECK (length(digest) = 32),
        kind TEXT NOT NULL CHECK (kind IN ('accepted', 'disputed')),
        envelope BLOB NOT NULL
    ) STRICT;
    CREATE INDEX verdicts_by_receipt ON verdicts (receipt);

    -- What exports, statements and invoices read of the signed documents, in the order of posting.
    CREATE TABLE records (
        number INTEGER PRIMARY KEY,
        kind TEXT NOT NULL CHECK (kind = 'charge' OR kind = 'credit' OR kind = 'dispute'),
        at INTEGER NOT NULL,
        sequence INTEGER NOT NULL REFERENCES receipts (sequence),
        receipt BLOB NOT NULL CHECK (length(receipt) = 32),
        order_id TEXT NOT NULL,
        requestor INTEGER NOT NULL REFERENCES keys (number),
        provider INTEGER NOT NULL REFERENCES keys (number),
        job BLOB NOT NULL CHECK (length(job) = 32),
        currency TEXT NOT NULL,
        amount TEXT NOT NULL,
        -- A charge has these,
        module BLOB,
        rate_card BLOB,
        started_at INTEGER,
        outcome TEXT,
        lines TEXT,
        -- and what corrects one has these.
        document BLOB,
        id TEXT,
        reason TEXT
    ) STRICT;
    CREATE INDEX records_by_requestor ON records (requestor);
    CREATE INDEX records_by_time ON records (at);

    CREATE TABLE checkpoints (
        number INTEGER PRIMARY KEY,
        size INTEGER NOT NULL,
        note BLOB NOT NULL,
        UNIQUE (size, note)
    ) STRICT;

    -- How far the books were checked, and the latest time that they were told.
    CREATE TABLE marks (
        name TEXT PRIMARY KEY CHECK (name = 'entries' OR name = 'records' OR name = 'clock'),
        value INTEGER NOT NULL
    ) STRICT;
    INSERT INTO marks (name, value) VALUES ('entries', 0), ('records', 0), ('clock', 0);
";

/// What is only ever added to.
pub(crate) const APPEND_ONLY: [&str; 11] = [
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
];

const END: &str = "
    DROP TABLE first_postings; DROP TABLE first_faults; DROP TABLE first_receipts; DROP TABLE first_orders;
";

/// Runs the step.
pub(super) fn run(transaction: &Transaction<'_>) -> Result<(), LedgerError> {
    transaction.execute_batch(MAKE_ROOM)?;
    transaction.execute_batch(TABLES)?;
    copy_orders(transaction)?;
    copy_receipts(transaction)?;
    copy_postings(transaction)?;
    transaction.execute(
        "INSERT INTO pending (order_number, entry, held)
         SELECT orders.number, entries.number, entries.amount FROM orders JOIN entries
           ON entries.number = (SELECT max(number) FROM entries
                                WHERE order_number = orders.number AND kind = 'hold')
         WHERE (SELECT count(*) FROM entries WHERE order_number = orders.number AND kind = 'hold')
             > (SELECT count(*) FROM faults WHERE order_number = orders.number)
             + (SELECT count(*) FROM receipts WHERE order_number = orders.number)",
        [],
    )?;
    transaction.execute_batch(END)?;
    for table in APPEND_ONLY {
        transaction.execute_batch(&format!(
            "CREATE TRIGGER {table}_keep BEFORE UPDATE ON {table}
             BEGIN SELECT raise(ABORT, '{table} are append-only'); END;
             CREATE TRIGGER {table}_stay BEFORE DELETE ON {table}
             BEGIN SELECT raise(ABORT, '{table} are append-only'); END;"
        ))?;
    }
    Ok(())
}

fn key_number(transaction: &Transaction<'_>, key: &PublicKey) -> Result<i64, LedgerError> {
    transaction.execute(
        "INSERT INTO keys (key) VALUES (?) ON CONFLICT DO NOTHING",
        [key.as_bytes().as_slice()],
    )?;
    Ok(transaction.query_row(
        "SELECT number FROM keys WHERE key = ?",
        [key.as_bytes().as_slice()],
        |row| row.get(0),
    )?)
}

fn copy_orders(transaction: &Transaction<'_>) -> Result<(), LedgerError> {
    let mut statement = transaction.prepare(
        "SELECT number, id, digest, requestor, currency, envelope FROM first_orders ORDER BY number",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let digest: meterbox_billing::digest::Digest =
            parsed("orders.digest", &row.get::<_, String>(2)?)?;
        let requestor = parsed("orders.requestor", &row.get::<_, String>(3)?)?;
        transaction.execute(
            "INSERT INTO orders (number, id, digest, requestor, currency, envelope) VALUES (?, ?, ?, ?, ?, ?)",
            params![
                row.get::<_, i64>(0)?,
                row.get::<_, String>(1)?,
                digest.as_bytes().as_slice(),
                key_number(transaction, &requestor)?,
                row.get::<_, String>(4)?,
                row.get::<_, Vec<u8>>(5)?,
            ],
        )?;
    }
    transaction.execute(
        "INSERT INTO faults (number, order_number, reason)
         SELECT first_faults.number, orders.number, reason
         FROM first_faults JOIN orders ON orders.id = first_faults.order_id",
        [],
    )?;
    Ok(())
}

fn copy_receipts(transaction: &Transaction<'_>) -> Result<(), LedgerError> {
    let mut statement = transaction.prepare(
        "SELECT sequence, first_receipts.total, first_receipts.envelope, orders.number, keys.key
         FROM first_receipts JOIN orders ON orders.id = first_receipts.order_id
              JOIN keys ON keys.number = orders.requestor
         ORDER BY sequence",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let sequence: i64 = row.get(0)?;
        let envelope: Vec<u8> = row.get(2)?;
        let (requestor, order): ([u8; 32], i64) = (row.get(4)?, row.get(3)?);
        let unreadable = |error: &dyn std::fmt::Display| LedgerError::Corrupt {
            reason: format!("receipt {sequence}: {error}"),
        };
        let requestor = PublicKey::from_bytes(&requestor).map_err(|error| unreadable(&error))?;
        let sealed = Envelope::from_bytes(&envelope).map_err(|error| unreadable(&error))?;
        let receipt: Receipt = sealed
            .document_unverified()
            .map_err(|error| unreadable(&error))?;
        let digest = sealed
            .payload_digest()
            .map_err(|error| unreadable(&error))?;
        transaction.execute(
            "INSERT INTO receipts (sequence, order_number, digest, total, envelope) VALUES (?, ?, ?, ?, ?)",
            params![
                sequence,
                order,
                digest.as_bytes().as_slice(),
                row.get::<_, String>(1)?,
                envelope
            ],
        )?;
        let charge = Charge::of(&receipt, digest, requestor);
        let keys = (
            key_number(transaction, &requestor)?,
            key_number(transaction, &charge.provider)?,
        );
        records::insert(
            transaction,
            sequence,
            sequence_number(sequence)?,
            keys,
            &Record::Charge(charge),
        )?;
    }
    Ok(())
}

/// Two postings of an entry, which cancel each other, become one row.
fn copy_postings(transaction: &Transaction<'_>) -> Result<(), LedgerError> {
    let mut statement = transaction.prepare(
        "SELECT entry, orders.number, account, kind, first_postings.currency, amount
         FROM first_postings JOIN orders ON orders.id = first_postings.order_id
         ORDER BY entry, first_postings.number",
    )?;
    let mut rows = statement.query([])?;
    let mut balances: HashMap<i64, i128> = HashMap::new();
    while let Some(row) = rows.next()? {
        let entry: i64 = row.get(0)?;
        let out_of_balance = || LedgerError::OutOfBalance {
            findings: format!("entry {entry}: its postings do not cancel each other"),
        };
        let (order, kind): (i64, String) = (row.get(1)?, row.get(3)?);
        let from = account(
            transaction,
            &row.get::<_, String>(2)?,
            &row.get::<_, String>(4)?,
        )?;
        let taken: i128 = parsed("postings.amount", &row.get::<_, String>(5)?)?;
        let row = rows.next()?.ok_or_else(out_of_balance)?;
        let given: i128 = parsed("postings.amount", &row.get::<_, String>(5)?)?;
        let to = account(
            transaction,
            &row.get::<_, String>(2)?,
            &row.get::<_, String>(4)?,
        )?;
        let is_one_entry = row.get::<_, i64>(0)? == entry && row.get::<_, i64>(1)? == order;
        if !is_one_entry || given < 0 || taken.checked_neg() != Some(given) {
            return Err(out_of_balance());
        }
        transaction.execute(
            "INSERT INTO entries (number, kind, order_number, from_account, to_account, amount)
             VALUES (?, ?, ?, ?, ?, ?)",
            params![entry, kind, order, from, to, given.to_string()],
        )?;
        for (account, units) in [(from, taken), (to, given)] {
            let balance = balances.entry(account).or_insert(0);
            *balance = balance.checked_add(units).ok_or(LedgerError::Overflow)?;
        }
    }
    for (account, balance) in balances {
        transaction.execute(
            "UPDATE accounts SET balance = ? WHERE number = ?",
            params![balance.to_string(), account],
        )?;
    }
    Ok(())
}

fn account(transaction: &Transaction<'_>, name: &str, currency: &str) -> Result<i64, LedgerError> {
    transaction.execute(
        "INSERT INTO accounts (name, currency) VALUES (?, ?) ON CONFLICT DO NOTHING",
        [name, currency],
    )?;
    Ok(transaction.query_row(
        "SELECT number FROM accounts WHERE name = ? AND currency = ?",
        [name, currency],
        |row| row.get(0),
    )?)
}
