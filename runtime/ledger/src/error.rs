//! Owns why the books refuse something, in words for whoever can change it.

use std::path::PathBuf;

use meterbox_billing::digest::Digest;
use meterbox_billing::envelope::EnvelopeError;
use meterbox_billing::money::Amount;
use meterbox_billing::text::Id;
use meterbox_billing::timestamp::Timestamp;
use rusqlite::ErrorCode;

use crate::budget::BudgetError;
use crate::checkpoint::CheckpointError;
use crate::correction::CorrectionError;
use crate::rounding::RoundingError;

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
    /// The file can be read, and what it says does not agree.
    #[error("the ledger does not balance: {findings}")]
    OutOfBalance {
        /// The first places, and what is wrong there.
        findings: String,
    },
    /// A newer program wrote it.
    #[error("the ledger has schema {found}, this program knows up to {known}")]
    NewerSchema {
        /// The file's.
        found: i64,
        /// This program's.
        known: i64,
    },
    /// An older program wrote it, and whoever only reads does not change it.
    #[error("the ledger has schema {found}, this program reads {known}")]
    OlderSchema {
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
    /// The order answers another offer than the one that it was handed in with.
    #[error("the order `{id}` answers the offer {named}, not {given}")]
    WrongOffer {
        /// The order.
        id: Id,
        /// The offer that it names.
        named: Digest,
        /// The offer at hand.
        given: Digest,
    },
    /// The order may no longer be accepted.
    #[error("the order `{id}` ended at {expires_at}, it is {now}")]
    Expired {
        /// The order.
        id: Id,
        /// Its end.
        expires_at: Timestamp,
        /// The present.
        now: Timestamp,
    },
    /// The clock shows an earlier time than it did before.
    #[error("the clock shows {now}, and it was {latest} when the ledger was last written")]
    ClockWentBack {
        /// What it shows.
        now: Timestamp,
        /// What it showed.
        latest: Timestamp,
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
    /// The requestor's budget does not allow it.
    #[error(transparent)]
    Budget(#[from] BudgetError),
    /// An acceptance, a dispute or a credit that does not fit what is recorded.
    #[error(transparent)]
    Correction(#[from] CorrectionError),
    /// What an invoice rounded, and cannot be posted.
    #[error(transparent)]
    Rounding(#[from] RoundingError),
    /// An order or receipt that cannot be read.
    #[error("the document cannot be recorded")]
    Document(#[from] EnvelopeError),
    /// An amount or a number that the books cannot hold.
    #[error("an amount is too large for the ledger")]
    Overflow,
    /// A file is there that would be written over.
    #[error("`{}` exists, and is not written over", .path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// The disk is full, or failed. What was acknowledged before is kept.
    #[error("nothing of this was recorded: {reason}")]
    NotWritten {
        /// What the system says.
        reason: String,
    },
    /// A checkpoint of the transparency log that does not fit the receipts.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// What was to sign a receipt panicked.
    #[error("what was to sign the receipt panicked; nothing is recorded")]
    Panicked,
    /// Whoever writes the books has ended.
    #[error("the books are closed")]
    Closed,
    /// The operating system.
    #[error("cannot use `{}`", .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Anything else that SQLite says.
    #[error("the ledger's database failed")]
    Database(#[source] rusqlite::Error),
}

impl LedgerError {
    /// What can be done about it.
    #[must_use]
    pub const fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Held { .. } => Some(
                "wait until it is done (`--ledger-wait SECONDS`), or keep another ledger (`--home DIR`)",
            ),
            Self::ReadOnly { .. } => {
                Some("make the file and its folder writable, or name another ledger file")
            }
            Self::NotALedger { .. } => Some("name another file; this one was left as it is"),
            Self::Corrupt { .. } => {
                Some("keep a copy of the file, restore a backup, and compare it with the receipts")
            }
            Self::OutOfBalance { .. } => Some(
                "keep a copy of the file and restore a backup; a check of the ledger names every place",
            ),
            Self::NewerSchema { .. } => Some("use the newer program"),
            Self::OlderSchema { .. } => {
                Some("open it for writing once, which brings it up to date")
            }
            Self::ExistsWithDifferentOrder { .. } => Some("choose another id for the new order"),
            Self::WrongOffer { .. } => Some("order again, from the provider's current offer"),
            Self::Expired { .. } => Some("order again, with a later expiry"),
            Self::ClockWentBack { .. } => Some(
                "set the clock; if it was wrong before and is right now, trust it once: `--trust-clock`",
            ),
            Self::Budget(error) => Some(error.hint()),
            Self::Correction(error) => error.hint(),
            Self::Rounding(error) => Some(error.hint()),
            Self::Exists { .. } => Some("name a new file"),
            Self::NotWritten { .. } => {
                Some("make room on the disk and try again; everything acknowledged before is kept")
            }
            _ => None,
        }
    }

    /// The same misfortune told to another caller: what befell one transaction befell all in it.
    pub(crate) fn shared(&self) -> Self {
        let mut reason = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            reason.push_str(": ");
            reason.push_str(&error.to_string());
            cause = error.source();
        }
        match self {
            Self::NotWritten { reason } => Self::NotWritten {
                reason: reason.clone(),
            },
            Self::Corrupt { reason } => Self::Corrupt {
                reason: reason.clone(),
            },
            _ => Self::NotWritten { reason },
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
            Some(ErrorCode::DiskFull | ErrorCode::SystemIoFailure) => Self::NotWritten { reason },
            _ => Self::Database(error),
        }
    }
}
