//! Owns the sign that an outbox is in use: a locked file beside it, with the number of the process that holds it.
//! The system unlocks it when that process ends, however it ends.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

/// Why an outbox cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process has it.
    #[error("another process pushes from this outbox: {holder}")]
    Held {
        /// Which, as far as it is known.
        holder: String,
    },
    /// The lock's file cannot be opened or written.
    #[error("cannot lock {}", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

/// Held until it is dropped.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Lock {
    /// Locks the outbox at `path`, or says who has.
    pub fn take(path: &Path) -> Result<Self, LockError> {
        let mut name = path.as_os_str().to_owned();
        name.push(".lock");
        let path = PathBuf::from(name);
        let fault = |source| LockError::File {
            path: path.clone(),
            source,
        };
        let mut options = OpenOptions::new();
        let mut file = options
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(fault)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::Error(source)) => return Err(fault(source)),
            Err(TryLockError::WouldBlock) => {
                return Err(LockError::Held {
                    holder: holder(&mut file),
                });
            }
        }
        let number = format!("process {}\n", std::process::id());
        file.set_len(0).map_err(fault)?;
        file.seek(SeekFrom::Start(0)).map_err(fault)?;
        file.write_all(number.as_bytes()).map_err(fault)?;
        Ok(Self { _file: file })
    }
}

/// Who wrote its number into the file.
fn holder(file: &mut File) -> String {
    let mut text = String::new();
    let read = file.take(64).read_to_string(&mut text);
    match text.trim() {
        name if read.is_ok() && !name.is_empty() => name.to_owned(),
        _ => "it has not said which".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_holder_is_refused_and_told_who_is_first() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("outbox");
        let first = Lock::take(&path).unwrap();
        let error = Lock::take(&path).unwrap_err().to_string();
        assert!(
            error.contains(&format!("process {}", std::process::id())),
            "{error}"
        );
        drop(first);
        Lock::take(&path).unwrap();
    }

    #[test]
    fn a_folder_that_is_not_there_is_named() {
        let error = Lock::take(Path::new("/nowhere/at/all"))
            .unwrap_err()
            .to_string();
        assert!(error.contains("/nowhere/at/all.lock"), "{error}");
    }
}
