//! Owns why the books refuse something, in words for whoever can change it.

use std::path::PathBuf;

use meterbox_billing::digest::Digest;
use meterbox_billing::envelope::EnvelopeError;
use meterbox_billing::money::Amount;
use meterbox_billing::text::Id;
use rusqlite::ErrorCode;

/// Why the ledger was not opened, or did not take an entry. Nothing recorded before is lost.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// Another process holds the file.
    #[error(
        "the ledger `{}` is held by {}, waited {waited_ms} ms",
        .path.display(),
        .pid.map_or("another process".to_owned(), |pid| format!("process {pid}"))
    )]
    Held {
        /// The ledger's file.
        path: PathBuf,
        /// The process that holds it, if it wrote its id.
        pid: Option<u32>,
        /// How long this one waited, in milliseconds.
        waited_ms: u128,
    },
    /// The file, or its folder, cannot be written.
    #[error("the ledger cannot be written: {reason}")]
    ReadOnly {
        /// What says so.
        reason: String,
    },
    /// The file is no ledger: not SQLite, or another program's.
    #[error("this file is no ledger: {reason}")]
    NotALedger {
        /// What it is.
        reason: String,
    },
    /// The file was a ledger and is damaged.
    #[error("the ledger is damaged: {reason}")]
    Corrupt {
        /// Where.
        reason: String,
    },
    /// A newer program wrote it.
    #[error("the ledger has schema {found}, this program knows up to {known}")]
    NewerSchema {
        /// The file's.
        found: i64,
        /// This program's.
        known: i64,
    },
    /// The id is taken by another order.
    #[error("`{id}` exists with a different order: {recorded} is recorded, {given} was given")]
    ExistsWithDifferentOrder {
        /// The id.
        id: Id,
        /// The digest in the books.
        recorded: String,
        /// The digest of the order given.
        given: Digest,
    },
    /// The same order is being run.
    #[error("the order `{id}` is being run")]
    Pending {
        /// Its id.
        id: Id,
    },
    /// No such order was accepted.
    #[error("there is no order `{id}`")]
    UnknownOrder {
        /// The id.
        id: Id,
    },
    /// The order has its one receipt.
    #[error("the order `{id}` has a receipt already")]
    AlreadyRecorded {
        /// Its id.
        id: Id,
    },
    /// The order's last attempt ended in a fault.
    #[error("the order `{id}` is not being run")]
    NotPending {
        /// Its id.
        id: Id,
    },
    /// The receipt does not answer the order, or does not follow the last receipt.
    #[error("`{field}` of the receipt is {found}, the ledger expects {expected}")]
    NotNext {
        /// Its field.
        field: &'static str,
        /// What it says.
        found: String,
        /// What it should say.
        expected: String,
    },
    /// The bill is more than the order's ceiling.
    #[error("the receipt charges {total}, more than is held for `{id}`")]
    ChargeBeyondHold {
        /// The order.
        id: Id,
        /// The bill's total.
        total: Amount,
    },
    /// An order or receipt that cannot be read.
    #[error("the document cannot be recorded")]
    Document(#[from] EnvelopeError),
    /// An amount or a number that the books cannot hold.
    #[error("an amount is too large for the ledger")]
    Overflow,
    /// The operating system.
    #[error("cannot use `{}`", .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Anything else that SQLite says, such as a full disk.
    #[error("the ledger's database failed")]
    Database(#[source] rusqlite::Error),
}

impl LedgerError {
    /// What can be done about it.
    #[must_use]
    pub const fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Held { .. } => Some("wait until it is done, or name another ledger file"),
            Self::ReadOnly { .. } => {
                Some("make the file and its folder writable, or name another ledger file")
            }
            Self::NotALedger { .. } => Some("name another file; this one was left as it is"),
            Self::Corrupt { .. } => {
                Some("keep a copy of the file, restore a backup, and compare it with the receipts")
            }
            Self::NewerSchema { .. } => Some("use the newer program"),
            Self::ExistsWithDifferentOrder { .. } => Some("choose another id for the new order"),
            _ => None,
        }
    }
}

impl From<rusqlite::Error> for LedgerError {
    fn from(error: rusqlite::Error) -> Self {
        let reason = error.to_string();
        match error.sqlite_error_code() {
            Some(ErrorCode::NotADatabase) => Self::NotALedger { reason },
            Some(ErrorCode::DatabaseCorrupt) => Self::Corrupt { reason },
            Some(ErrorCode::ReadOnly) => Self::ReadOnly { reason },
            _ => Self::Database(error),
        }
    }
}
