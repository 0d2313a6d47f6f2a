//! The content-addressed store: bytes by their sha256, in files that never change. Knows no job.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use meterbox_billing::digest::{Digest, Digester};
use meterbox_sandbox::{Blob as _, FileBlob, Output};

/// Why the store failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// What should be stored could not be read.
    #[error("`{}` could not be read", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The store could not be written.
    #[error("the store `{}` could not be written", .path.display())]
    Write {
        /// The store's folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The store does not hold this.
    #[error("the store does not hold {0}")]
    Missing(Digest),
    /// What the store holds under this digest has another one.
    #[error("the store is damaged: what it holds as {0} is something else")]
    Damaged(Digest),
}

/// Bytes that are taken of a device.
const DEVICE_BYTES_MAX: usize = 1 << 30;

/// A folder of files named by their digests.
#[derive(Debug, Clone)]
pub struct Store {
    folder: PathBuf,
}

impl Store {
    /// The store in this folder, which is made if it is missing.
    ///
    /// # Errors
    /// If the folder cannot be made.
    pub fn open(folder: &Path) -> Result<Store, StoreError> {
        fs::create_dir_all(folder).map_err(|source| StoreError::Write {
            path: folder.to_path_buf(),
            source,
        })?;
        Ok(Store {
            folder: folder.to_path_buf(),
        })
    }

    /// Copies a file into the store. What is stored is what is digested, whatever happens to the
    /// file meanwhile. Of a device no more than a gibibyte is taken: some give bytes without end.
    ///
    /// # Errors
    /// If the file cannot be read, or the store not written.
    pub fn put_file(&self, path: &Path) -> Result<(Digest, u64), StoreError> {
        let read_error = |source| StoreError::Read {
            path: path.to_path_buf(),
            source,
        };
        let mut file = File::open(path).map_err(read_error)?;
        let kind = file.metadata().map_err(read_error)?.file_type();
        if kind.is_dir() {
            return Err(read_error(io::ErrorKind::IsADirectory.into()));
        }
        let is_device = kind.is_char_device() || kind.is_block_device();
        let mut left = is_device.then_some(DEVICE_BYTES_MAX);
        self.put(|buffer| {
            let read = file.read(buffer).map_err(read_error)?;
            if let Some(left) = &mut left {
                *left = left.checked_sub(read).ok_or_else(|| {
                    let reason =
                        "it is a device that gives more than 1 GiB: put what is needed into a file";
                    read_error(io::Error::other(reason))
                })?;
            }
            Ok(read)
        })
    }

    /// Copies all that a reader gives into the store. `name` says in errors what it is.
    ///
    /// # Errors
    /// If the reader fails, or the store cannot be written.
    pub fn put_reader(
        &self,
        name: &Path,
        reader: &mut dyn Read,
    ) -> Result<(Digest, u64), StoreError> {
        self.put(|buffer| {
            reader.read(buffer).map_err(|source| StoreError::Read {
                path: name.to_path_buf(),
                source,
            })
        })
    }

    fn put(
        &self,
        mut read: impl FnMut(&mut [u8]) -> Result<usize, StoreError>,
    ) -> Result<(Digest, u64), StoreError> {
        let write_error = |source| StoreError::Write {
            path: self.folder.clone(),
            source,
        };
        let mut file = tempfile::NamedTempFile::new_in(&self.folder).map_err(write_error)?;
        let mut digester = Digester::new();
        let mut buffer = vec![0; 1 << 20];
        let mut bytes = 0u64;
        loop {
            let length = match read(&mut buffer) {
                Ok(0) => break,
                Ok(length) => length,
                Err(StoreError::Read { source, .. })
                    if source.kind() == io::ErrorKind::Interrupted =>
                {
                    continue;
                }
                Err(error) => return Err(error),
            };
            digester.update(&buffer[..length]);
            file.write_all(&buffer[..length]).map_err(write_error)?;
            bytes = bytes.saturating_add(u64::try_from(length).unwrap_or(u64::MAX));
        }
        let digest = digester.finish();
        self.publish(file, &digest).map_err(write_error)?;
        Ok((digest, bytes))
    }

    /// Copies what a job left into the store, on disk when this returns.
    ///
    /// # Errors
    /// If the output cannot be read, or the store not written.
    pub fn put_output(&self, output: &mut Output) -> Result<Digest, StoreError> {
        let digest = Digest::from_bytes(output.sha256);
        tempfile::NamedTempFile::new_in(&self.folder)
            .and_then(|mut file| {
                output.copy_to(&mut file)?;
                self.publish(file, &digest)
            })
            .map_err(|source| StoreError::Write {
                path: self.folder.clone(),
                source,
            })?;
        Ok(digest)
    }

    /// Gives what was just digested its name.
    ///
    /// One that is there is replaced: this one is right, whatever happened to the file of this name. And it is on
    /// disk before anything relies on it.
    fn publish(&self, file: tempfile::NamedTempFile, digest: &Digest) -> io::Result<()> {
        file.as_file().sync_all()?;
        file.persist(self.path(digest))
            .map_err(|error| error.error)?;
        File::open(&self.folder).and_then(|folder| folder.sync_all())
    }

    /// Opens what has this digest.
    ///
    /// # Errors
    /// If the store does not hold it.
    pub fn get(&self, digest: &Digest) -> Result<FileBlob, StoreError> {
        let path = self.path(digest);
        let file = File::open(&path).map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => StoreError::Missing(*digest),
            _ => StoreError::Read {
                path: path.clone(),
                source,
            },
        })?;
        FileBlob::new(file).map_err(|source| StoreError::Read { path, source })
    }

    /// Copies what has this digest to a file, which is made or replaced once all of it is there, and is right.
    ///
    /// # Errors
    /// If the store does not hold it, holds something else, or the file cannot be written.
    pub fn copy_to(&self, digest: &Digest, path: &Path) -> Result<(), StoreError> {
        let blob = self.get(digest)?;
        let failed = |source| StoreError::Write {
            path: path.to_path_buf(),
            source,
        };
        let folder = path.parent().filter(|one| !one.as_os_str().is_empty());
        let folder = folder.unwrap_or(Path::new("."));
        fs::create_dir_all(folder).map_err(failed)?;
        let mut file = tempfile::Builder::new()
            .permissions(fs::Permissions::from_mode(0o644))
            .tempfile_in(folder)
            .map_err(failed)?;
        let mut digester = Digester::new();
        let mut buffer = vec![0; 1 << 20];
        let mut at = 0;
        while at < blob.size() {
            let left = usize::try_from(blob.size() - at).unwrap_or(usize::MAX);
            let piece = &mut buffer[..left.min(1 << 20)];
            blob.read_at(at, piece).map_err(|source| StoreError::Read {
                path: self.path(digest),
                source,
            })?;
            digester.update(piece);
            file.write_all(piece).map_err(failed)?;
            at += u64::try_from(piece.len()).unwrap_or(u64::MAX);
        }
        if digester.finish() != *digest {
            return Err(StoreError::Damaged(*digest));
        }
        file.persist(path).map_err(|error| failed(error.error))?;
        Ok(())
    }

    /// Reads all of what has this digest.
    ///
    /// # Errors
    /// If the store does not hold it, or it cannot be read.
    pub fn read(&self, digest: &Digest) -> Result<Vec<u8>, StoreError> {
        let path = self.path(digest);
        fs::read(&path).map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => StoreError::Missing(*digest),
            _ => StoreError::Read { path, source },
        })
    }

    fn path(&self, digest: &Digest) -> PathBuf {
        self.folder.join(digest.to_string())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

    use meterbox_sandbox::Blob;

    use super::*;

    #[test]
    fn what_is_put_is_got_by_its_digest() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("store")).unwrap();
        for content in [Vec::new(), vec![1u8], vec![7u8; 3 << 20]] {
            let (digest, bytes) = store
                .put_reader(Path::new("memory"), &mut content.as_slice())
                .unwrap();
            assert_eq!(digest, Digest::of(&content));
            assert_eq!(bytes, u64::try_from(content.len()).unwrap());
            assert_eq!(store.read(&digest).unwrap(), content);
            assert_eq!(store.get(&digest).unwrap().size(), bytes);
            // What somebody did to the file is put right by putting it again, and twice is once.
            fs::write(store.path(&digest), "altered").unwrap();
            store
                .put_reader(Path::new("memory"), &mut content.as_slice())
                .unwrap();
            assert_eq!(store.read(&digest).unwrap(), content);
        }
        assert_eq!(
            fs::read_dir(folder.path().join("store")).unwrap().count(),
            3
        );
    }

    #[test]
    fn what_is_missing_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let missing = Digest::of(b"missing");
        assert!(
            matches!(store.get(&missing), Err(StoreError::Missing(digest)) if digest == missing)
        );
        let error = store.put_file(&folder.path().join("nothing")).unwrap_err();
        assert!(error.to_string().contains("nothing"), "{error}");
        assert!(
            store.put_file(folder.path()).is_err(),
            "a folder is no file"
        );
    }
}
