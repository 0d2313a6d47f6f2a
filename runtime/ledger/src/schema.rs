//! Owns the tables of a ledger file, their versions, and how such a file is opened. Posts nothing.

use std::path::Path;

use rusqlite::{Connection, MAIN_DB, OpenFlags, TransactionBehavior};

use crate::LedgerError;

/// `MBXL` in ASCII: tells a ledger from any other SQLite file.
const APPLICATION_ID: i64 = 0x4d42_584c;

/// Files up to this size are read through when opened; that takes well under a second. Larger ones
/// are checked when asked.
const QUICK_CHECK_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// The steps from an empty file to the present schema, each run once, in this order. A step that was
/// released never changes: corrections are new steps.
const MIGRATIONS: [&str; 1] = ["
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
"];

/// Opens or creates the file. One that is no ledger, or that cannot be written, is left as it is.
pub(crate) fn open(path: &Path) -> Result<Connection, LedgerError> {
    let metadata = std::fs::metadata(path).ok();
    // Some users may write what is marked read-only; the mark still says that nobody should.
    if metadata
        .as_ref()
        .is_some_and(|metadata| metadata.permissions().readonly())
    {
        return Err(LedgerError::ReadOnly {
            reason: format!("`{}` is marked read-only", path.display()),
        });
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    let is_small = metadata.is_none_or(|metadata| metadata.len() <= QUICK_CHECK_BYTES_MAX);
    prepare(connection, is_small)
}

/// Makes an open file a ledger of the present schema, or says why it is none.
pub(crate) fn prepare(
    mut connection: Connection,
    read_through: bool,
) -> Result<Connection, LedgerError> {
    let version = check_kind(&connection)?;
    if read_through {
        quick_check(&connection)?;
    }
    if connection.is_readonly(MAIN_DB)? {
        return Err(LedgerError::ReadOnly {
            reason: "the file was opened for reading only".to_owned(),
        });
    }
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "cell_size_check", true)?;
    migrate(&mut connection, version)?;
    Ok(connection)
}

/// The schema's version, 0 for an empty file. Writes nothing.
fn check_kind(connection: &Connection) -> Result<i64, LedgerError> {
    let pragma = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let found = pragma("user_version")?;
    let application = pragma("application_id")?;
    let tables: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    let is_empty = application == 0 && found == 0 && tables == 0;
    if !is_empty && application != APPLICATION_ID {
        return Err(LedgerError::NotALedger {
            reason: "it is another program's SQLite file".to_owned(),
        });
    }
    let known = i64::try_from(MIGRATIONS.len()).map_err(|_| LedgerError::Overflow)?;
    if found > known {
        return Err(LedgerError::NewerSchema { found, known });
    }
    Ok(found)
}

/// Fails on the first damage that SQLite finds.
pub(crate) fn quick_check(connection: &Connection) -> Result<(), LedgerError> {
    let verdict: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    match verdict.as_str() {
        "ok" => Ok(()),
        damage => Err(LedgerError::Corrupt {
            reason: damage.to_owned(),
        }),
    }
}

/// Runs the steps that the file has not seen. Writes in any case, so that a file that cannot be
/// written is found now and not after a job was run.
fn migrate(connection: &mut Connection, version: i64) -> Result<(), LedgerError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let done = usize::try_from(version).map_err(|_| LedgerError::Overflow)?;
    for step in MIGRATIONS.iter().skip(done) {
        transaction.execute_batch(step)?;
    }
    let known = i64::try_from(MIGRATIONS.len()).map_err(|_| LedgerError::Overflow)?;
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", known)?;
    transaction.commit()?;
    Ok(())
}
