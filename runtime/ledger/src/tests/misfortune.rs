//! The books under misfortune: two owners, bad files, sudden death.

use rusqlite::Connection;

use super::*;
use crate::schema;

#[test]
fn a_second_owner_waits_then_is_told_who_holds_the_books() {
    let (_folder, path) = books();
    let ledger = open(&path);
    let wait = Duration::from_millis(60);
    match Ledger::open(&path, wait).unwrap_err() {
        LedgerError::Held { pid, waited_ms, .. } => {
            assert_eq!(pid, Some(std::process::id()));
            assert!(waited_ms >= 60);
        }
        other => panic!("{other:?}"),
    }
    std::thread::scope(|scope| {
        let waiter = scope.spawn(|| Ledger::open(&path, Duration::from_secs(60)));
        drop(ledger);
        waiter.join().unwrap().unwrap();
    });
}

#[test]
fn files_that_are_no_ledger_are_refused_and_left_alone() {
    let (_folder, path) = books();
    std::fs::write(
        &path,
        "this is no database, and long enough to be looked at".repeat(100),
    )
    .unwrap();
    let before = std::fs::read(&path).unwrap();
    let error = Ledger::open(&path, NO_WAIT).unwrap_err();
    assert!(matches!(error, LedgerError::NotALedger { .. }), "{error:?}");
    assert_eq!(std::fs::read(&path).unwrap(), before);

    std::fs::write(&path, "a short note").unwrap();
    let error = Ledger::open(&path, NO_WAIT).unwrap_err();
    assert!(matches!(error, LedgerError::NotALedger { .. }), "{error:?}");
    assert_eq!(std::fs::read(&path).unwrap(), b"a short note");

    let (_folder, path) = books();
    let other = Connection::open(&path).unwrap();
    other
        .execute_batch("CREATE TABLE songs (name TEXT)")
        .unwrap();
    drop(other);
    let error = Ledger::open(&path, NO_WAIT).unwrap_err();
    assert!(matches!(error, LedgerError::NotALedger { .. }), "{error:?}");
}

#[test]
fn a_damaged_ledger_is_refused() {
    let (_folder, path) = books();
    let mut ledger = open(&path);
    for name in ["a", "b", "c", "d"] {
        finish(&mut ledger, &order(name, 1));
    }
    drop(ledger);
    let mut bytes = std::fs::read(&path).unwrap();
    for byte in bytes.iter_mut().skip(4096) {
        *byte ^= 0x5a;
    }
    std::fs::write(&path, &bytes).unwrap();
    let error = Ledger::open(&path, NO_WAIT).unwrap_err();
    assert!(matches!(error, LedgerError::Corrupt { .. }), "{error:?}");
    assert!(error.hint().unwrap().contains("backup"));
}

#[test]
fn a_truncated_ledger_is_refused_and_left_alone() {
    let (_folder, path) = books();
    let mut ledger = open(&path);
    for name in ["a", "b", "c", "d"] {
        finish(&mut ledger, &order(name, 1));
    }
    drop(ledger);
    let whole = std::fs::read(&path).unwrap();
    for bytes in [
        1,
        100,
        4096,
        whole.len() / 2,
        whole.len() - 4096,
        whole.len() - 1,
    ] {
        std::fs::write(&path, &whole[..bytes]).unwrap();
        let error = Ledger::open(&path, NO_WAIT).unwrap_err();
        // Where the cut goes through a document, that is what is found.
        let is_named = matches!(
            error,
            LedgerError::Corrupt { .. } | LedgerError::OutOfBalance { .. }
        );
        assert!(is_named, "{bytes}: {error:?}");
        assert!(error.hint().unwrap().contains("backup"));
        assert_eq!(std::fs::read(&path).unwrap(), whole[..bytes]);
    }
    std::fs::write(&path, &whole).unwrap();
    assert_eq!(open(&path).check().unwrap(), []);
}

#[test]
fn a_newer_schema_is_refused() {
    let (_folder, path) = books();
    drop(open(&path));
    let connection = Connection::open(&path).unwrap();
    connection.pragma_update(None, "user_version", 99).unwrap();
    drop(connection);
    assert!(matches!(
        Ledger::open(&path, NO_WAIT),
        Err(LedgerError::NewerSchema {
            found: 99,
            known: 3
        })
    ));
}

#[test]
fn a_read_only_file_is_refused_before_anything_is_run() {
    let (_folder, path) = books();
    drop(open(&path));
    let mut permissions = std::fs::metadata(&path).unwrap().permissions();
    permissions.set_readonly(true);
    std::fs::set_permissions(&path, permissions).unwrap();
    let error = Ledger::open(&path, NO_WAIT).unwrap_err();
    assert!(matches!(error, LedgerError::ReadOnly { .. }), "{error:?}");

    // What a file on a read-only file system comes to, and a database that refuses to write.
    let reading =
        Connection::open_with_flags(&path, rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    assert!(matches!(
        schema::prepare(reading, true),
        Err(LedgerError::ReadOnly { .. })
    ));
    let refusing = schema::prepare(Connection::open(&path).unwrap(), true).unwrap();
    refusing.pragma_update(None, "query_only", true).unwrap();
    let lock = Lock::take(&path, NO_WAIT).unwrap();
    assert!(matches!(
        Ledger::begin(Reader::of(refusing, path.clone()), lock),
        Err(LedgerError::ReadOnly { .. })
    ));
}

#[test]
fn a_folder_that_is_not_there_is_an_error() {
    let (_folder, path) = books();
    let error = Ledger::open(&path.join("no/ledger.sqlite"), NO_WAIT).unwrap_err();
    assert!(matches!(error, LedgerError::Io { .. }));
}
