//! The transcripts that a provider keeps: a folder with a file for each order, until a stated time. Never
//! replays one.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use meterbox_billing::digest::Digest;
use meterbox_billing::timestamp::Timestamp;
use meterbox_billing::transcript::Transcript;
use meterbox_sandbox::{Calls, EndRun, Given, ModelCall};

use crate::bundle::{BundleError, BundleWriter, UNFINISHED};

/// How long a file stays that nobody has locked: a writer locks it as soon as it is made.
const UNFINISHED_AGE: Duration = Duration::from_secs(60);

/// A folder of transcripts. Each file is named by the digest of its order, and the second until which it is
/// kept.
#[derive(Debug, Clone)]
pub struct Transcripts {
    folder: PathBuf,
}

/// A transcript that is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptTranscript {
    /// The digest of its order's payload.
    pub order: Digest,
    /// Until when it is kept.
    pub until: Timestamp,
    /// Its file's size.
    pub bytes: u64,
    /// Its file.
    pub path: PathBuf,
}

impl Transcripts {
    /// The transcripts in this folder, which need not be there yet.
    #[must_use]
    pub fn new(folder: &Path) -> Transcripts {
        Transcripts {
            folder: folder.to_path_buf(),
        }
    }

    /// Keeps a transcript whose tensors this keeper has been told.
    ///
    /// # Errors
    /// If it cannot be written, or a tensor was never told.
    pub(crate) fn keep(
        &self,
        keeper: &Keeper,
        order: &Digest,
        transcript: &Transcript,
        until: Timestamp,
    ) -> Result<PathBuf, BundleError> {
        self.drop_of(order)?;
        let name = format!("{order}.{}", until.unix_seconds());
        let path = self.folder.join(name);
        let empty = BundleWriter::new(&self.folder);
        let writer = std::mem::replace(&mut *keeper.writer(), empty);
        writer.finish(transcript, &path)?;
        Ok(path)
    }

    /// The transcript of this order, if it is kept.
    ///
    /// # Errors
    /// If the folder cannot be read.
    pub fn find(&self, order: &Digest) -> Result<Option<KeptTranscript>, BundleError> {
        let kept = self.list()?.into_iter();
        Ok(kept
            .filter(|one| one.order == *order)
            .max_by_key(|one| one.until))
    }

    /// All that are kept, in the order in which they end. Files of other names are left alone.
    ///
    /// # Errors
    /// If the folder cannot be read.
    pub fn list(&self) -> Result<Vec<KeptTranscript>, BundleError> {
        let entries = match fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error.into()),
        };
        let mut kept = Vec::new();
        for entry in entries {
            let entry = entry?;
            let name = entry.file_name();
            let Some((order, until)) = name.to_str().and_then(parsed) else {
                continue;
            };
            let bytes = match entry.metadata() {
                Ok(metadata) => metadata.len(),
                // Another process has dropped it meanwhile.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error.into()),
            };
            kept.push(KeptTranscript {
                order,
                until,
                bytes,
                path: entry.path(),
            });
        }
        kept.sort_by_key(|one| (one.until, one.order));
        Ok(kept)
    }

    /// Drops the transcript of an order. Whether there was one.
    ///
    /// # Errors
    /// If it cannot be deleted.
    pub fn drop_of(&self, order: &Digest) -> Result<bool, BundleError> {
        self.drop_where(|one| one.order == *order)
            .map(|dropped| dropped > 0)
    }

    /// Drops those that are kept no longer than `now`, and says how many. With them go files that a process had
    /// begun and will not finish, because it was killed.
    ///
    /// # Errors
    /// If one cannot be deleted.
    pub fn drop_ended(&self, now: Timestamp) -> Result<u64, BundleError> {
        self.drop_unfinished()?;
        self.drop_where(|one| one.until <= now)
    }

    fn drop_unfinished(&self) -> Result<(), BundleError> {
        let entries = match fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        for entry in entries {
            let entry = entry?;
            if !entry.file_name().to_string_lossy().starts_with(UNFINISHED) {
                continue;
            }
            // Who writes one has locked it, except for the moment in which it is made.
            let Ok(file) = File::open(entry.path()) else {
                continue;
            };
            let is_old = file
                .metadata()
                .and_then(|metadata| metadata.modified())
                .is_ok_and(|at| at.elapsed().is_ok_and(|age| age > UNFINISHED_AGE));
            if is_old && file.try_lock().is_ok() {
                remove(&entry.path())?;
            }
        }
        Ok(())
    }

    /// Drops all, and says how many.
    ///
    /// # Errors
    /// If one cannot be deleted.
    pub fn drop_all(&self) -> Result<u64, BundleError> {
        self.drop_where(|_| true)
    }

    fn drop_where(&self, is_dropped: impl Fn(&KeptTranscript) -> bool) -> Result<u64, BundleError> {
        let mut dropped = 0;
        for one in self.list()?.iter().filter(|one| is_dropped(one)) {
            dropped += u64::from(remove(&one.path)?);
        }
        Ok(dropped)
    }

    /// Who keeps what a run's models give.
    pub(crate) fn keeper(&self) -> Keeper {
        Keeper(Mutex::new(BundleWriter::new(&self.folder)))
    }
}

impl KeptTranscript {
    /// Opens its file.
    ///
    /// # Errors
    /// If it cannot be opened.
    pub fn open(&self) -> Result<File, BundleError> {
        Ok(File::open(&self.path)?)
    }
}

/// Deletes a file. Whether it was there: another process may have been quicker.
fn remove(path: &Path) -> Result<bool, BundleError> {
    match fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(source) => Err(BundleError::Write {
            path: path.to_path_buf(),
            source,
        }),
    }
}

/// What a file's name says.
fn parsed(name: &str) -> Option<(Digest, Timestamp)> {
    let (order, until) = name.split_once('.')?;
    let until = Timestamp::from_unix_seconds(until.parse().ok()?).ok()?;
    Some((order.parse().ok()?, until))
}

/// Keeps what a run's models give, as they give it: one call's tensors are in memory at a time.
pub(crate) struct Keeper(Mutex<BundleWriter>);

impl Keeper {
    fn writer(&self) -> MutexGuard<'_, BundleWriter> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Calls for Keeper {
    fn begin(&self) -> Result<(), EndRun> {
        self.writer().begin_again();
        Ok(())
    }

    fn decides(&self) -> bool {
        false
    }

    fn computed(&self, _: &ModelCall<'_>, given: &Given) -> Result<(), EndRun> {
        let mut writer = self.writer();
        for (_, tensor) in given.iter().flatten() {
            writer
                .add(tensor)
                .map_err(|error| EndRun(error.to_string()))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

    use super::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_unix_seconds(seconds).unwrap()
    }

    #[test]
    fn what_a_killed_process_has_begun_is_dropped_and_what_another_writes_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let kept = Transcripts::new(folder.path());
        let begun = |name: &str| {
            let path = folder.path().join(format!("{UNFINISHED}{name}"));
            let file = File::create_new(&path).unwrap();
            let old = std::time::SystemTime::now() - 2 * UNFINISHED_AGE;
            file.set_modified(old).unwrap();
            (file, path)
        };
        let ((written, in_use), (_, left)) = (begun("in-use"), begun("left"));
        written.lock().unwrap();
        let (_, new) = begun("new");
        let new_file = File::open(&new).unwrap();
        new_file.set_modified(std::time::SystemTime::now()).unwrap();
        assert_eq!(kept.drop_ended(at(10)).unwrap(), 0);
        assert!(in_use.exists() && new.exists() && !left.exists());
    }

    #[test]
    fn transcripts_are_kept_until_their_time_and_dropped_by_their_order() {
        let folder = tempfile::tempdir().unwrap();
        let kept = Transcripts::new(&folder.path().join("transcripts"));
        assert_eq!(kept.list().unwrap(), []);
        assert_eq!(kept.drop_all().unwrap(), 0);
        let orders = [b"a", b"b", b"c"].map(|name| Digest::of(name));
        let transcript = Transcript::default();
        for (order, until) in orders.iter().zip([10, 20, 30]) {
            kept.keep(&kept.keeper(), order, &transcript, at(until))
                .unwrap();
        }
        fs::write(folder.path().join("transcripts/notes.txt"), "mine").unwrap();
        let found = kept.find(&orders[1]).unwrap().unwrap();
        assert_eq!(found.until, at(20));
        assert_eq!(found.bytes, 23 + 30);
        assert_eq!(kept.find(&Digest::of(b"another")).unwrap(), None);
        // To the second, and no earlier.
        assert_eq!(kept.drop_ended(at(9)).unwrap(), 0);
        assert_eq!(kept.drop_ended(at(10)).unwrap(), 1);
        assert!(kept.drop_of(&orders[1]).unwrap());
        assert!(!kept.drop_of(&orders[1]).unwrap());
        let left: Vec<Digest> = kept.list().unwrap().iter().map(|one| one.order).collect();
        assert_eq!(left, [orders[2]]);
        // Kept again, it is kept once.
        kept.keep(&kept.keeper(), &orders[2], &transcript, at(40))
            .unwrap();
        assert_eq!(kept.list().unwrap().len(), 1);
        assert_eq!(kept.drop_all().unwrap(), 1);
        assert!(folder.path().join("transcripts/notes.txt").exists());
    }
}
