//! Owns the lock file beside a ledger, by which one process holds it. Reads nothing of the ledger.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::LedgerError;

/// Often enough that a waiter starts at once, rarely enough to cost nothing.
const POLL: Duration = Duration::from_millis(10);

/// Room for any process id and a line's end.
const PID_BYTES_MAX: u64 = 32;

/// The lock, held until dropped or until the process ends, however it does.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock of the ledger at `path`, and tries again until `wait` is over.
    pub(crate) fn take(path: &Path, wait: Duration) -> Result<Self, LedgerError> {
        let lock_path = lock_path(path);
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&lock_path)
            .map_err(|source| cannot_open(&lock_path, source))?;
        let started = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::Error(source)) => {
                    return Err(LedgerError::Io {
                        path: lock_path,
                        source,
                    });
                }
                Err(TryLockError::WouldBlock) => {}
            }
            let waited = started.elapsed();
            if waited >= wait {
                return Err(LedgerError::Held {
                    path: path.to_owned(),
                    pid: holder(&mut file),
                    waited_ms: waited.as_millis(),
                });
            }
            std::thread::sleep(POLL.min(wait.saturating_sub(waited)));
        }
        write_holder(&mut file).map_err(|source| LedgerError::Io {
            path: lock_path,
            source,
        })?;
        Ok(Self { _file: file })
    }
}

fn lock_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    PathBuf::from(name)
}

fn cannot_open(path: &Path, source: std::io::Error) -> LedgerError {
    match source.kind() {
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => LedgerError::ReadOnly {
            reason: format!("`{}`: {source}", path.display()),
        },
        _ => LedgerError::Io {
            path: path.to_owned(),
            source,
        },
    }
}

fn write_holder(file: &mut File) -> std::io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{}", std::process::id())
}

/// The holder's process id; none in the moment between its locking and its writing.
fn holder(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.rewind().ok()?;
    file.take(PID_BYTES_MAX).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}
