//! The folder that keys, store and ledger live in. Knows no job.

use std::env;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::ValueEnum;
use meterbox_billing::audit::AuditSecret;
use meterbox_billing::digest::Digest;
use meterbox_billing::key::SigningKey;
use meterbox_provider::ledger::{Ledger, Reader};
use meterbox_provider::{Store, Transcripts};

use crate::exit::Exit;
use crate::failure::Failure;
use crate::program::read_at_most;

/// Whose key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Role {
    /// Signs offers and receipts.
    Provider,
    /// Signs orders.
    Requestor,
}

impl Role {
    fn file(self) -> &'static str {
        match self {
            Role::Provider => "provider.pem",
            Role::Requestor => "requestor.pem",
        }
    }
}

/// The data folder.
#[derive(Debug, Clone)]
pub struct Home {
    folder: PathBuf,
}

impl Home {
    /// The folder given, else the one that the environment names.
    pub fn find(given: Option<&Path>) -> Result<Home, Failure> {
        let data = || {
            env::var_os("XDG_DATA_HOME")
                .map(PathBuf::from)
                .filter(|path| path.is_absolute())
        };
        let home = || env::var_os("HOME").map(|home| PathBuf::from(home).join(".local/share"));
        let folder = match given {
            Some(folder) => folder.to_path_buf(),
            None => data()
                .or_else(home)
                .ok_or_else(|| {
                    Failure::new(Exit::Usage, "there is no folder for keys, store and ledger")
                        .hint("give --home DIR, or set METERBOX_HOME")
                })?
                .join("meterbox"),
        };
        Ok(Home { folder })
    }

    fn key_path(&self, role: Role) -> PathBuf {
        self.folder.join("keys").join(role.file())
    }

    /// The ledger's file.
    pub fn ledger_path(&self) -> PathBuf {
        self.folder.join("ledger.sqlite")
    }

    /// Opens the ledger, waiting this long for another process to let go of it.
    pub fn ledger(&self, wait: Duration) -> Result<Ledger, Failure> {
        self.create("")?;
        Ok(Ledger::open(&self.ledger_path(), wait)?)
    }

    /// Reads the ledger beside whoever writes it.
    pub fn reader(&self) -> Result<Reader, Failure> {
        if !self.has_ledger() {
            return Err(Failure::new(
                Exit::Ledger,
                format!("there is no ledger `{}`", self.ledger_path().display()),
            )
            .hint("run a job first, or name another folder with --home"));
        }
        Ok(Reader::open(&self.ledger_path())?)
    }

    /// What is remembered of events that were sent.
    pub fn outbox_path(&self) -> Result<PathBuf, Failure> {
        self.create("")?;
        Ok(self.folder.join("outbox.sqlite"))
    }

    /// The folder of compiled programs, which can be deleted at any time.
    pub fn cache_path(&self) -> PathBuf {
        self.folder.join("cache")
    }

    /// The folder that running jobs write to; nothing in it has a name.
    pub fn scratch_path(&self) -> PathBuf {
        self.folder.join("scratch")
    }

    /// Whether there is a ledger.
    pub fn has_ledger(&self) -> bool {
        self.ledger_path().exists()
    }

    /// The content-addressed store.
    pub fn store(&self) -> Result<Store, Failure> {
        Ok(Store::open(&self.folder.join("store"))?)
    }

    /// The transcripts that are kept.
    pub fn transcripts(&self) -> Transcripts {
        Transcripts::new(&self.folder.join("transcripts"))
    }

    fn secret_path(&self, commitment: &Digest) -> PathBuf {
        self.folder
            .join("audit-secrets")
            .join(commitment.to_string())
    }

    /// Makes the secret of an order, and keeps it for its owner alone.
    pub fn new_audit_secret(&self) -> Result<AuditSecret, Failure> {
        let secret = AuditSecret::from_bytes(random()?);
        self.create("audit-secrets")?;
        let path = self.secret_path(&secret.commitment());
        OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
            .and_then(|mut file| {
                file.write_all(format!("{}\n", secret.text()).as_bytes())?;
                file.sync_all()
            })
            .map_err(|error| Failure::writing(&path, &error))?;
        Ok(secret)
    }

    /// The secret of this commitment, if it is kept here.
    pub fn audit_secret(&self, commitment: &Digest) -> Result<Option<AuditSecret>, Failure> {
        let path = self.secret_path(commitment);
        if !path.exists() {
            return Ok(None);
        }
        read_audit_secret(&path).map(Some)
    }

    /// The key of this role, if there is one.
    pub fn key(&self, role: Role) -> Result<Option<SigningKey>, Failure> {
        let path = self.key_path(role);
        let pem = match fs::read_to_string(&path) {
            Ok(pem) => pem,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Failure::reading(&path, &error)),
        };
        let key = SigningKey::from_pem(&pem).map_err(|error| {
            Failure::caused(
                Exit::File,
                format!("`{}` holds no key", path.display()),
                &error,
            )
            .hint("restore the file, or move it away and make a key with `meterbox key new`")
        })?;
        Ok(Some(key))
    }

    /// Makes a key. Never overwrites one.
    pub fn new_key(&self, role: Role) -> Result<SigningKey, Failure> {
        self.create("keys")?;
        let path = self.key_path(role);
        let key = SigningKey::from_bytes(&random()?);
        let pem = key
            .to_pem()
            .map_err(|error| Failure::caused(Exit::Fault, "the key cannot be written", &error))?;
        // Written whole beside it first, so that a key file is never half a key.
        let folder = path.parent().unwrap_or(&self.folder);
        let mut file = tempfile::NamedTempFile::new_in(folder)
            .map_err(|error| Failure::writing(&path, &error))?;
        file.write_all(pem.as_str().as_bytes())
            .and_then(|()| file.as_file().sync_all())
            .map_err(|error| Failure::writing(&path, &error))?;
        file.persist_noclobber(&path)
            .map_err(|error| match error.error.kind() {
                std::io::ErrorKind::AlreadyExists => Failure::new(
                    Exit::Refused,
                    format!("there is a key in `{}` already", path.display()),
                )
                .hint("receipts of the old key verify only with it: move it to a safe place first"),
                _ => Failure::writing(&path, &error.error),
            })?;
        Ok(key)
    }

    fn create(&self, folder: &str) -> Result<(), Failure> {
        let path = self.folder.join(folder);
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&path)
            .map_err(|error| Failure::writing(&path, &error))
    }
}

/// Random bytes of the system.
pub fn random<const N: usize>() -> Result<[u8; N], Failure> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| {
        Failure::new(
            Exit::Fault,
            format!("the system gives no random bytes: {error}"),
        )
    })?;
    Ok(bytes)
}

/// The audit secret that a file holds: 64 hexadecimal digits.
pub fn read_audit_secret(path: &Path) -> Result<AuditSecret, Failure> {
    const BYTES_MAX: u64 = 4096;
    let bytes = read_at_most(path, BYTES_MAX)?;
    let text = String::from_utf8_lossy(&bytes);
    text.trim().parse::<AuditSecret>().map_err(|error| {
        let message = format!("`{}` holds no audit secret", path.display());
        Failure::caused(Exit::File, message, &error)
            .hint("write 32 random bytes as 64 lower-case hexadecimal digits")
    })
}

/// Writes a file whole or not at all.
pub fn write_file(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    // What is no regular file, such as /dev/stdout, is written in place.
    if fs::metadata(path).is_ok_and(|metadata| !metadata.is_file()) {
        return OpenOptions::new()
            .write(true)
            .mode(0o644)
            .open(path)
            .and_then(|mut file| file.write_all(bytes))
            .map_err(|error| Failure::writing(path, &error));
    }
    let write = || -> std::io::Result<()> {
        let mut file = tempfile::Builder::new()
            .permissions(<fs::Permissions as std::os::unix::fs::PermissionsExt>::from_mode(0o644))
            .tempfile_in(folder)?;
        file.write_all(bytes)?;
        file.persist(path).map_err(|error| error.error)?;
        Ok(())
    };
    write().map_err(|error| Failure::writing(path, &error))
}
