//! Compiled programs in files, by a name that says all that they depend on. Only the parent of the
//! workers writes here, and what it hands out can only be read.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::PathBuf;
use std::time::Duration;

use meterbox_meter::Metered;
use sha2::{Digest, Sha256};

use super::wire::Facts;
use crate::engine::{ENGINE_NAME, ENGINE_VERSION, OptLevel};

/// A compiled program in a file.
#[derive(Debug)]
pub(crate) struct Artefact {
    /// The pool's number for it.
    pub(super) id: u64,
    /// Open for reading only.
    pub(super) file: File,
    pub(super) facts: Facts,
    pub(crate) is_command: bool,
}

/// Where artefacts are kept.
pub(super) struct Cache {
    folder: Option<PathBuf>,
}

/// A file that a compiler writes to, and that is not published yet.
pub(super) struct Draft {
    pub(super) file: File,
    at: Option<(PathBuf, PathBuf)>,
}

/// How old a draft may be: longer than any program may take to compile.
const DRAFT_AGE_MAX: Duration = Duration::from_secs(3_600);

/// The bytes after an artefact that say what it was when it was whole.
const SEAL_BYTES: u64 = 32;

/// The name of what this program is compiled to here: by its bytes, the engine, its level, the machine's
/// kind, and the version of ours.
fn name(metered: &Metered, opt_level: OptLevel) -> String {
    let mut hasher = Sha256::new();
    for part in [
        env!("CARGO_PKG_VERSION"),
        ENGINE_NAME,
        ENGINE_VERSION,
        opt_level.name(),
        std::env::consts::ARCH,
    ] {
        hasher.update(part.as_bytes());
        hasher.update([0]);
    }
    hasher.update(&metered.bytes);
    let digest: [u8; 32] = hasher.finalize().into();
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Cache {
    /// A cache in this folder, without the drafts that a crash left there.
    pub(super) fn new(folder: Option<PathBuf>) -> Cache {
        let entries = folder.as_ref().and_then(|folder| fs::read_dir(folder).ok());
        for entry in entries.into_iter().flatten().flatten() {
            let is_draft = entry.path().extension().is_some_and(|one| one == "draft");
            let age = entry.metadata().and_then(|data| data.modified());
            let age = age.ok().and_then(|modified| modified.elapsed().ok());
            if is_draft && age.is_some_and(|age| age > DRAFT_AGE_MAX) {
                let _ = fs::remove_file(entry.path());
            }
        }
        Cache { folder }
    }

    /// The artefact of this program, open for reading only, if it is here and whole.
    pub(super) fn find(&self, metered: &Metered, opt_level: OptLevel) -> Option<File> {
        let path = self.folder.as_ref()?.join(name(metered, opt_level));
        let file = File::open(&path).ok()?;
        match is_whole(&file) {
            Ok(true) => Some(file),
            // Cut short by a crash of the machine, or changed: it is made again.
            _ => {
                let _ = fs::remove_file(&path);
                None
            }
        }
    }

    /// A new file for an artefact.
    pub(super) fn draft(&self, metered: &Metered, opt_level: OptLevel) -> io::Result<Draft> {
        let Some(folder) = &self.folder else {
            return Ok(Draft {
                file: tempfile::tempfile()?,
                at: None,
            });
        };
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)?;
        let name = name(metered, opt_level);
        let draft = folder.join(format!("{name}.{}.draft", random_suffix()?));
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&draft)?;
        Ok(Draft {
            file,
            at: Some((draft, folder.join(name))),
        })
    }
}

/// The same file, open for reading only.
pub(super) fn read_only(file: &File) -> io::Result<File> {
    File::open(format!("/proc/self/fd/{}", file.as_raw_fd()))
}

fn random_suffix() -> io::Result<String> {
    let mut bytes = [0; 8];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn digest_of(file: &File, bytes: u64) -> io::Result<[u8; 32]> {
    let mut file = file;
    file.seek(SeekFrom::Start(0))?;
    let mut hasher = Sha256::new();
    let mut from = file.take(bytes);
    let mut buffer = vec![0; 256 << 10];
    loop {
        match from.read(&mut buffer)? {
            0 => break,
            count => hasher.update(&buffer[..count]),
        }
    }
    Ok(hasher.finalize().into())
}

/// Whether the seal at the end is of what comes before it.
fn is_whole(file: &File) -> io::Result<bool> {
    let Some(bytes) = file.metadata()?.len().checked_sub(SEAL_BYTES) else {
        return Ok(false);
    };
    let digest = digest_of(file, bytes)?;
    let mut seal = [0; 32];
    let mut rest = file;
    rest.read_exact(&mut seal)?;
    Ok(seal == digest)
}

impl Draft {
    /// Publishes what a compiler has written, and gives it back open for reading only: nobody can change
    /// it any more.
    pub(super) fn publish(mut self, bytes: u64) -> io::Result<File> {
        let written = self.file.metadata()?.len();
        if written != bytes {
            return Err(io::Error::other("the artefact was not written whole"));
        }
        match self.at.take() {
            None => read_only(&self.file),
            Some((draft, published)) => {
                let digest = digest_of(&self.file, bytes)?;
                self.file.seek(SeekFrom::End(0))?;
                self.file.write_all(&digest)?;
                self.file
                    .set_permissions(fs::Permissions::from_mode(0o400))?;
                self.file.sync_all()?;
                let file = File::open(&draft)?;
                fs::rename(&draft, &published)?;
                Ok(file)
            }
        }
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if let Some((draft, _)) = &self.at {
            let _ = fs::remove_file(draft);
        }
    }
}
