//! Owns the third step: what invoices rounded, as entries of their own kind, and what charges used of models. Keeps
//! every row and every number.

use rusqlite::Transaction;

use crate::LedgerError;

/// A table's checks cannot be changed, so both tables are made anew under their names.
const STEP: &str = "
    CREATE TABLE new_entries (
        number INTEGER PRIMARY KEY,
        -- A list would be made into a table of its own each time that it is looked at.
        kind TEXT NOT NULL CHECK (kind = 'hold' OR kind = 'release' OR kind = 'charge' OR kind = 'credit'
                                  OR kind = 'grant' OR kind = 'rounding'),
        order_number INTEGER REFERENCES orders (number),
        from_account INTEGER NOT NULL REFERENCES accounts (number),
        to_account INTEGER NOT NULL REFERENCES accounts (number),
        amount TEXT NOT NULL CHECK (amount NOT GLOB '*[^0-9]*' AND amount <> ''),
        CHECK (from_account <> to_account),
        CHECK ((kind = 'grant' OR kind = 'rounding') = (order_number IS NULL))
    ) STRICT;
    INSERT INTO new_entries (number, kind, order_number, from_account, to_account, amount)
    SELECT number, kind, order_number, from_account, to_account, amount FROM entries ORDER BY number;
    DROP TABLE entries;
    ALTER TABLE new_entries RENAME TO entries;
    CREATE INDEX entries_by_order ON entries (order_number) WHERE order_number IS NOT NULL;

    CREATE TABLE new_records (
        number INTEGER PRIMARY KEY,
        kind TEXT NOT NULL CHECK (kind = 'charge' OR kind = 'credit' OR kind = 'dispute' OR kind = 'rounding'),
        at INTEGER NOT NULL,
        -- What an invoice rounded is of no one receipt.
        sequence INTEGER REFERENCES receipts (sequence),
        receipt BLOB CHECK (length(receipt) = 32),
        order_id TEXT,
        requestor INTEGER NOT NULL REFERENCES keys (number),
        provider INTEGER NOT NULL REFERENCES keys (number),
        job BLOB CHECK (length(job) = 32),
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
        reason TEXT,
        -- What a charge used of models: canonical JSON, none where it used none.
        models TEXT,
        CHECK ((kind = 'rounding') = (sequence IS NULL)),
        CHECK ((kind = 'rounding') = (receipt IS NULL)),
        CHECK ((kind = 'rounding') = (order_id IS NULL)),
        CHECK ((kind = 'rounding') = (job IS NULL))
    ) STRICT;
    INSERT INTO new_records (number, kind, at, sequence, receipt, order_id, requestor, provider, job, currency,
                             amount, module, rate_card, started_at, outcome, lines, document, id, reason)
    SELECT number, kind, at, sequence, receipt, order_id, requestor, provider, job, currency,
           amount, module, rate_card, started_at, outcome, lines, document, id, reason
    FROM records ORDER BY number;
    DROP TABLE records;
    ALTER TABLE new_records RENAME TO records;
    CREATE INDEX records_by_requestor ON records (requestor);
    CREATE INDEX records_by_time ON records (at);

    CREATE TABLE roundings (
        number INTEGER PRIMARY KEY,
        invoice TEXT NOT NULL UNIQUE,
        requestor INTEGER NOT NULL REFERENCES keys (number),
        provider INTEGER NOT NULL REFERENCES keys (number),
        currency TEXT NOT NULL,
        -- The invoice's first and last second.
        began_at INTEGER NOT NULL,
        ended_at INTEGER NOT NULL CHECK (ended_at >= began_at),
        minor_unit_digits INTEGER NOT NULL CHECK (minor_unit_digits BETWEEN 0 AND 18),
        kind TEXT NOT NULL CHECK (kind = 'waived' OR kind = 'added'),
        amount TEXT NOT NULL CHECK (amount NOT GLOB '*[^0-9]*' AND amount <> ''),
        record INTEGER NOT NULL UNIQUE REFERENCES records (number),
        entry INTEGER NOT NULL UNIQUE REFERENCES entries (number)
    ) STRICT;
    CREATE INDEX roundings_by_requestor ON roundings (requestor, currency);
";

/// Tables that are new, or were made anew, and are only ever added to.
const APPEND_ONLY: [&str; 3] = ["entries", "records", "roundings"];

/// Runs the step. Foreign keys are not to be enforced meanwhile: tables that others name are dropped.
pub(super) fn run(transaction: &Transaction<'_>) -> Result<(), LedgerError> {
    transaction.execute_batch(STEP)?;
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
