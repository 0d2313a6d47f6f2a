//! Owns what an outbox remembers, in a SQLite file of its own: which events were acknowledged and which were
//! refused for good. Keeps no event, and sends none.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rusqlite::{Connection, OpenFlags, OptionalExtension as _, params};

use crate::event::Event;
use crate::lock::{Lock, LockError};

/// Says in the file's head that it is an outbox: `MBOX`.
const APPLICATION_ID: i64 = 0x4d42_4f58;
/// The version of the tables.
const SCHEMA: i64 = 1;
/// The longest reason that is kept of a refusal.
const REASON_CHARS_MAX: usize = 1_000;

const TABLES: &str = "
    CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE events (
        id TEXT PRIMARY KEY,
        digest BLOB NOT NULL CHECK (length(digest) = 32),
        state INTEGER NOT NULL CHECK (state IN (0, 1)),
        reason TEXT NOT NULL,
        at INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX parked ON events (at, id) WHERE state = 1;
";

/// Why an outbox cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process uses it, or it cannot be locked.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// SQLite says no: the disk is full, the file cannot be written, and the like.
    #[error("the outbox {} fails", .path.display())]
    Sqlite {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: rusqlite::Error,
    },
    /// Some other file.
    #[error("{} is no outbox of Meterbox", .path.display())]
    NotAnOutbox {
        /// The file.
        path: PathBuf,
    },
    /// Made by a newer Meterbox.
    #[error("the outbox has version {found}, this Meterbox knows {SCHEMA}")]
    Newer {
        /// Its version.
        found: i64,
    },
    /// Damaged on disk.
    #[error("the outbox {} is damaged: {what}", .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What SQLite found.
        what: String,
    },
    /// What was acknowledged by one receiver says nothing of another.
    #[error("this outbox is of {had}, not of {asked}")]
    OtherEndpoint {
        /// Where its events went.
        had: String,
        /// Where they are to go now.
        asked: String,
    },
}

impl StoreError {
    /// What the user can do.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::Lock(LockError::Held { .. }) => "wait until it has ended",
            Self::NotAnOutbox { .. } | Self::OtherEndpoint { .. } => {
                "name another file: each receiver has its own"
            }
            Self::Newer { .. } => "use the newer Meterbox",
            Self::Damaged { .. } => {
                "restore it from a backup, or begin a new one: what is sent again has the same ids"
            }
            _ => return None,
        })
    }
}

/// What is known of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// The receiver has it.
    Acknowledged,
    /// The receiver refused it for good.
    Parked,
}

/// An event that was refused for good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parked {
    /// Its id.
    pub id: String,
    /// Why, in the receiver's words.
    pub reason: String,
    /// When, in seconds since 1970.
    pub at: u64,
}

/// How many events are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Acknowledged.
    pub acknowledged: u64,
    /// Refused for good.
    pub parked: u64,
}

/// An outbox's memory. One process has it at a time.
#[derive(Debug)]
pub struct Store {
    path: PathBuf,
    connection: Connection,
    _lock: Lock,
}

impl Store {
    /// Opens the outbox at `path` for this receiver, or makes one where there is none.
    pub fn open(path: &Path, url: &str) -> Result<Self, StoreError> {
        let lock = Lock::take(path)?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
        let fault = |source| fault(path, source);
        let connection = Connection::open_with_flags(path, flags).map_err(fault)?;
        connection
            .busy_timeout(Duration::from_secs(1))
            .map_err(fault)?;
        let mut store = Self {
            path: path.to_owned(),
            connection,
            _lock: lock,
        };
        store.prepare()?;
        store.check_endpoint(url)?;
        Ok(store)
    }

    fn pragma(&self, name: &str) -> Result<i64, StoreError> {
        let value = self
            .connection
            .pragma_query_value(None, name, |row| row.get(0));
        value.map_err(|source| fault(&self.path, source))
    }

    fn prepare(&mut self) -> Result<(), StoreError> {
        let path = self.path.clone();
        let fault = |source| fault(&path, source);
        let tables = self.pragma("schema_version")?;
        let application = self.pragma("application_id")?;
        if tables != 0 && application != APPLICATION_ID {
            return Err(StoreError::NotAnOutbox { path });
        }
        let connection = &mut self.connection;
        connection
            .pragma_update(None, "journal_mode", "WAL")
            .map_err(fault)?;
        connection
            .pragma_update(None, "synchronous", "FULL")
            .map_err(fault)?;
        if tables == 0 {
            let transaction = connection.transaction().map_err(fault)?;
            transaction.execute_batch(TABLES).map_err(fault)?;
            transaction
                .pragma_update(None, "application_id", APPLICATION_ID)
                .map_err(fault)?;
            transaction
                .pragma_update(None, "user_version", SCHEMA)
                .map_err(fault)?;
            return transaction.commit().map_err(fault);
        }
        match self.pragma("user_version")? {
            SCHEMA => {}
            found => return Err(StoreError::Newer { found }),
        }
        let check = "PRAGMA quick_check(1)";
        let what: String = self
            .connection
            .query_row(check, [], |row| row.get(0))
            .map_err(fault)?;
        match what.as_str() {
            "ok" => Ok(()),
            _ => Err(StoreError::Damaged { path, what }),
        }
    }

    fn check_endpoint(&self, url: &str) -> Result<(), StoreError> {
        let fault = |source| fault(&self.path, source);
        let insert = "INSERT INTO settings (name, value) VALUES ('url', ?1) ON CONFLICT DO NOTHING";
        self.connection.execute(insert, [url]).map_err(fault)?;
        let select = "SELECT value FROM settings WHERE name = 'url'";
        let had: String = self
            .connection
            .query_row(select, [], |row| row.get(0))
            .map_err(fault)?;
        if had != url {
            return Err(StoreError::OtherEndpoint {
                had,
                asked: url.to_owned(),
            });
        }
        Ok(())
    }

    /// What is known of the event of this id, and of which content.
    pub fn known(&self, id: &str) -> Result<Option<(State, [u8; 32])>, StoreError> {
        let fault = |source| fault(&self.path, source);
        let select = "SELECT state, digest FROM events WHERE id = ?1";
        let mut statement = self.connection.prepare_cached(select).map_err(fault)?;
        let known = statement.query_row([id], |row| {
            let state: i64 = row.get(0)?;
            let state = if state == 0 {
                State::Acknowledged
            } else {
                State::Parked
            };
            Ok((state, row.get(1)?))
        });
        known.optional().map_err(fault)
    }

    /// Remembers events together, on disk when this returns.
    fn remember(
        &mut self,
        events: &[Event],
        state: i64,
        reason: &str,
        now: SystemTime,
    ) -> Result<(), StoreError> {
        let path = self.path.clone();
        let fault = |source| fault(&path, source);
        let at = now
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default()
            .as_secs();
        let at = i64::try_from(at).unwrap_or(i64::MAX);
        let reason: String = reason.chars().take(REASON_CHARS_MAX).collect();
        let transaction = self.connection.transaction().map_err(fault)?;
        {
            let insert = "INSERT OR REPLACE INTO events (id, digest, state, reason, at)
                          VALUES (?1, ?2, ?3, ?4, ?5)";
            let mut statement = transaction.prepare_cached(insert).map_err(fault)?;
            for event in events {
                let row = params![event.id(), event.digest(), state, reason, at];
                statement.execute(row).map_err(fault)?;
            }
        }
        transaction.commit().map_err(fault)
    }

    /// Remembers that the receiver has these.
    pub fn acknowledge(&mut self, events: &[Event], now: SystemTime) -> Result<(), StoreError> {
        self.remember(events, 0, "", now)
    }

    /// Remembers that the receiver refused this for good.
    pub fn park(&mut self, event: &Event, reason: &str, now: SystemTime) -> Result<(), StoreError> {
        self.remember(std::slice::from_ref(event), 1, reason, now)
    }

    /// Forgets what was refused, so that it is sent again; how many that were.
    pub fn unpark(&mut self) -> Result<usize, StoreError> {
        let forgotten = self
            .connection
            .execute("DELETE FROM events WHERE state = 1", []);
        forgotten.map_err(|source| fault(&self.path, source))
    }

    /// What was refused, the oldest first, at most so many.
    pub fn parked(&self, most: u32) -> Result<Vec<Parked>, StoreError> {
        let fault = |source| fault(&self.path, source);
        let select = "SELECT id, reason, at FROM events WHERE state = 1 ORDER BY at, id LIMIT ?1";
        let mut statement = self.connection.prepare_cached(select).map_err(fault)?;
        let rows = statement.query_map([most], |row| {
            let at: i64 = row.get(2)?;
            Ok(Parked {
                id: row.get(0)?,
                reason: row.get(1)?,
                at: at.try_into().unwrap_or(0),
            })
        });
        rows.and_then(Iterator::collect).map_err(fault)
    }

    /// How many are known.
    pub fn counts(&self) -> Result<Counts, StoreError> {
        let select = "SELECT count(*) FILTER (WHERE state = 0), count(*) FILTER (WHERE state = 1)
                      FROM events";
        let counts = self.connection.query_row(select, [], |row| {
            let (acknowledged, parked): (i64, i64) = (row.get(0)?, row.get(1)?);
            let count = |count: i64| count.try_into().unwrap_or(0);
            Ok(Counts {
                acknowledged: count(acknowledged),
                parked: count(parked),
            })
        });
        counts.map_err(|source| fault(&self.path, source))
    }
}

/// What SQLite's error means for the file.
fn fault(path: &Path, source: rusqlite::Error) -> StoreError {
    let path = path.to_owned();
    match source.sqlite_error_code() {
        Some(rusqlite::ErrorCode::NotADatabase) => StoreError::NotAnOutbox { path },
        Some(rusqlite::ErrorCode::DatabaseCorrupt) => StoreError::Damaged {
            path,
            what: source.to_string(),
        },
        _ => StoreError::Sqlite { path, source },
    }
}

#[cfg(test)]
mod tests;
