//! Owns how a ledger's file is opened, and what it must be. Posts nothing.

use std::io::Read as _;
use std::path::Path;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, MAIN_DB, OpenFlags, TransactionBehavior};

use crate::LedgerError;
use crate::migration;

/// `MBXL` in ASCII: tells a ledger from any other SQLite file.
const APPLICATION_ID: i64 = 0x4d42_584c;

/// Files up to this size are read through when opened, in about ten milliseconds. Larger ones are read
/// through when a check is asked for.
pub(crate) const READ_THROUGH_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// What every file of SQLite's begins with.
const MAGIC: &[u8] = b"SQLite format 3\0";

/// The smallest page of SQLite's, of which the header is the beginning.
const HEADER_BYTES: u64 = 512;

/// Pages of the write-ahead log before they are copied into the file: 16 MiB. Fewer, and pages that
/// many receipts change are copied again and again; more, and recovery after a crash takes longer.
const WAL_PAGES: i64 = 4_096;

/// Memory for pages in KiB: the inner pages of the indexes of a few million receipts fit.
const CACHE_KIB: i64 = 64 * 1024;

/// Statements that are kept compiled; all of one receipt's fit.
const STATEMENTS: usize = 64;

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
    check_header(path, metadata.map_or(0, |metadata| metadata.len()))?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    prepare(connection, is_small(path))
}

/// SQLite takes a file that is shorter than its header for an empty one, and would begin anew. A file of
/// no bytes is a new one, unless a log beside it says that there was more.
fn check_header(path: &Path, bytes: u64) -> Result<(), LedgerError> {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    let has_log = std::fs::metadata(log).is_ok_and(|metadata| metadata.len() > 0);
    let is_cut = match bytes {
        0 => has_log,
        // What a log holds may not be in the file yet.
        bytes if bytes >= HEADER_BYTES => !has_log && bytes < stated_bytes(path).unwrap_or(0),
        _ => true,
    };
    if !is_cut {
        return Ok(());
    }
    let mut begins = Vec::new();
    if let Ok(file) = std::fs::File::open(path) {
        // What cannot be read is told when the file is opened.
        let _ = file.take(HEADER_BYTES).read_to_end(&mut begins);
    }
    match MAGIC.iter().zip(&begins).all(|(magic, byte)| magic == byte) {
        true => Err(LedgerError::Corrupt {
            reason: format!("`{}` is cut off after {bytes} bytes", path.display()),
        }),
        false => Err(LedgerError::NotALedger {
            reason: "it does not begin like one".to_owned(),
        }),
    }
}

/// The size that SQLite's header states: pages times their size, where both are of the same writing.
fn stated_bytes(path: &Path) -> Option<u64> {
    let mut header = [0; 100];
    std::fs::File::open(path)
        .ok()?
        .read_exact(&mut header)
        .ok()?;
    let number = |at: usize| Some(u32::from_be_bytes(*header.get(at..)?.first_chunk()?));
    if !header.starts_with(MAGIC) || number(24)? != number(92)? {
        return None;
    }
    let page_bytes = u16::from_be_bytes(*header.get(16..)?.first_chunk()?);
    let page_bytes = if page_bytes == 1 {
        65_536
    } else {
        page_bytes.into()
    };
    u64::from(number(28)?).checked_mul(page_bytes)
}

/// Whether a file is read through when it is opened.
pub(crate) fn is_small(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|metadata| metadata.len() <= READ_THROUGH_BYTES_MAX)
}

/// Opens a ledger that another connection may be writing, for reading only.
pub(crate) fn open_for_reading(path: &Path) -> Result<Connection, LedgerError> {
    if let Err(source) = std::fs::metadata(path) {
        return Err(LedgerError::Io {
            path: path.to_owned(),
            source,
        });
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    let found = check_kind(&connection)?;
    if found < migration::KNOWN {
        return Err(LedgerError::OlderSchema {
            found,
            known: migration::KNOWN,
        });
    }
    tune(&connection)?;
    Ok(connection)
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
    connection.pragma_update(None, "wal_autocheckpoint", WAL_PAGES)?;
    // What a step would undo is kept while it is written: in a file, that would be as many writes again as
    // the books themselves need.
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    tune(&connection)?;
    if version < migration::KNOWN {
        // A table that others name is made anew by a step: what they name is there again at its end.
        connection.pragma_update(None, "foreign_keys", false)?;
        migrate(&mut connection, version, migration::KNOWN)?;
    }
    connection.pragma_update(None, "foreign_keys", true)?;
    Ok(connection)
}

fn tune(connection: &Connection) -> Result<(), LedgerError> {
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "cell_size_check", true)?;
    // A plan never depends on what a parameter is, or some statements would be compiled anew each time.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(())
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
    if found > migration::KNOWN {
        return Err(LedgerError::NewerSchema {
            found,
            known: migration::KNOWN,
        });
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

/// Runs the steps that the file has not seen up to a version, all or none of them.
fn migrate(connection: &mut Connection, version: i64, wanted: i64) -> Result<(), LedgerError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    migration::run(&transaction, version, wanted)?;
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", wanted)?;
    transaction.commit()?;
    Ok(())
}

/// Makes a file of the first version, as the program of that time did.
#[cfg(test)]
pub(crate) fn first_version(path: &Path) -> Connection {
    let connection = Connection::open(path).unwrap();
    connection
        .pragma_update(None, "journal_mode", "WAL")
        .unwrap();
    connection
        .execute_batch(migration::first_version())
        .unwrap();
    connection
        .pragma_update(None, "application_id", APPLICATION_ID)
        .unwrap();
    connection.pragma_update(None, "user_version", 1).unwrap();
    connection
}

/// Brings a file of the first version to the second and no further, as the program of that time did.
#[cfg(test)]
pub(crate) fn second_version(path: &Path) -> Connection {
    let mut connection = Connection::open(path).unwrap();
    migrate(&mut connection, 1, 2).unwrap();
    connection
}
