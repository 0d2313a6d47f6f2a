//! Owns copies of the books, made while they are written. Never writes over a file.

use std::fs::{File, OpenOptions};
use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;

use rusqlite::Connection;
use rusqlite::backup::{Backup, Progress};

use crate::LedgerError;
use crate::audit::{self, Scope};
use crate::reader::Reader;
use crate::schema;

/// Pages that are copied at a time, between two reports: 4 MiB.
const PAGES: i32 = 1_024;

/// What a copy holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Copied {
    /// Receipts in it.
    pub receipts: u64,
    /// Its bytes.
    pub bytes: u64,
}

impl Reader {
    /// Copies the books as they are at this moment to a new file, and checks the copy: that SQLite finds no
    /// damage in it, and that its entries balance. Whoever writes meanwhile is not held up.
    ///
    /// `progress` is told how many of how many pages are copied. The file is on disk when this returns; on
    /// an error there is none.
    pub fn backup(
        &self,
        path: &Path,
        mut progress: impl FnMut(u64, u64),
    ) -> Result<Copied, LedgerError> {
        let made = OpenOptions::new().write(true).create_new(true).open(path);
        drop(made.map_err(|source| match source.kind() {
            ErrorKind::AlreadyExists => LedgerError::Exists {
                path: path.to_owned(),
            },
            _ => io(path, source),
        })?);
        let copied = self
            .copy(path, &mut progress)
            .and_then(|()| check_copy(path, self));
        if copied.is_err() {
            // What is there is no backup; what matters is the error that says why.
            let _ = std::fs::remove_file(path);
        }
        copied
    }

    fn copy(&self, path: &Path, progress: &mut dyn FnMut(u64, u64)) -> Result<(), LedgerError> {
        let mut to = Connection::open(path)?;
        // One transaction that only reads: the copy is of one moment, whatever is written meanwhile.
        let source = self.connection();
        let is_own = source.is_autocommit();
        if is_own {
            source.execute_batch("BEGIN; SELECT count(*) FROM marks")?;
        }
        let copied = copy_pages(source, &mut to, progress);
        if is_own {
            source.execute_batch("COMMIT")?;
        }
        copied?;
        // One file, and no log beside it.
        to.pragma_update(None, "journal_mode", "DELETE")?;
        to.close().map_err(|(_, error)| error)?;
        let file = File::open(path).map_err(|source| io(path, source))?;
        file.sync_all().map_err(|source| io(path, source))?;
        sync_folder(path)
    }
}

fn copy_pages(
    from: &Connection,
    to: &mut Connection,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<(), LedgerError> {
    use rusqlite::backup::StepResult;
    let backup = Backup::new(from, to)?;
    loop {
        let step = backup.step(PAGES)?;
        let Progress {
            remaining,
            pagecount,
        } = backup.progress();
        let pages = |count: i32| u64::try_from(count).unwrap_or(0);
        progress(pages(pagecount.saturating_sub(remaining)), pages(pagecount));
        match step {
            StepResult::Done => return Ok(()),
            StepResult::More => {}
            // A checkpoint has the file for a moment.
            _ => std::thread::sleep(Duration::from_millis(1)),
        }
    }
}

fn check_copy(path: &Path, original: &Reader) -> Result<Copied, LedgerError> {
    let copy = schema::open_for_reading(path)?;
    schema::quick_check(&copy)?;
    let findings = audit::check(&copy, Scope::ENTRIES)?;
    if !findings.is_empty() {
        return Err(crate::out_of_balance(&findings));
    }
    let copy = Reader::of(copy, path.to_owned());
    let receipts = copy.next_sequence()?;
    let last = copy.last_receipt_digest()?;
    let is_copy = receipts <= original.next_sequence()?
        && last == crate::writer::receipt_before(original.connection(), receipts)?;
    if !is_copy {
        return Err(LedgerError::Corrupt {
            reason: "the copy is not of these books".to_owned(),
        });
    }
    let bytes = std::fs::metadata(path).map_err(|source| io(path, source))?;
    Ok(Copied {
        receipts,
        bytes: bytes.len(),
    })
}

fn sync_folder(path: &Path) -> Result<(), LedgerError> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    let opened = File::open(folder).map_err(|source| io(folder, source))?;
    opened.sync_all().map_err(|source| io(folder, source))
}

fn io(path: &Path, source: std::io::Error) -> LedgerError {
    LedgerError::Io {
        path: path.to_owned(),
        source,
    }
}
