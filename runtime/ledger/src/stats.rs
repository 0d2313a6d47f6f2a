//! Owns what the books hold, in numbers. Changes nothing.

use std::path::{Path, PathBuf};

use meterbox_billing::timestamp::Timestamp;

use crate::entry::Balance;
use crate::reader::Reader;
use crate::row::{mark, sequence_number, time};
use crate::{LedgerError, migration};

/// What the books hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stats {
    /// The version of the schema.
    pub schema: i64,
    /// Orders that were accepted.
    pub orders: u64,
    /// Of them, those that are being run.
    pub pending: u64,
    /// Attempts that ended in a fault.
    pub faults: u64,
    /// Receipts.
    pub receipts: u64,
    /// Credits.
    pub credits: u64,
    /// Receipts that were accepted.
    pub accepted: u64,
    /// Disputes.
    pub disputes: u64,
    /// Grants.
    pub grants: u64,
    /// Invoices whose rounding is posted.
    pub roundings: u64,
    /// Entries.
    pub entries: u64,
    /// Records.
    pub records: u64,
    /// Checkpoints of the transparency log.
    pub checkpoints: u64,
    /// Requestors that an order is of.
    pub requestors: u64,
    /// The latest time that the books were told; none before the first order.
    pub latest: Option<Timestamp>,
    /// Records that are checked when the books are opened next, as those before were.
    pub unchecked_records: u64,
    /// Income, grants and what invoices rounded, by currency.
    pub provider: Vec<Balance>,
    /// Bytes of the file.
    pub file_bytes: u64,
    /// Bytes of its write-ahead log, which are not in the file yet.
    pub log_bytes: u64,
}

impl Reader {
    /// Counts, totals and sizes. Counts every row: a second or so for a million receipts.
    pub fn stats(&self) -> Result<Stats, LedgerError> {
        let count = |what: &str| -> Result<u64, LedgerError> {
            let query = format!("SELECT count(*) FROM {what}");
            sequence_number(self.connection().query_row(&query, [], |row| row.get(0))?)
        };
        let records = count("records")?;
        let checked = sequence_number(mark(self.connection(), "records")?)?;
        let clock = mark(self.connection(), "clock")?;
        let provider = self.balances()?.into_iter();
        Ok(Stats {
            schema: migration::KNOWN,
            orders: count("orders")?,
            pending: count("pending")?,
            faults: count("faults")?,
            receipts: count("receipts")?,
            credits: count("credits")?,
            accepted: count("(SELECT DISTINCT receipt FROM verdicts WHERE kind = 'accepted')")?,
            disputes: count("verdicts WHERE kind = 'disputed'")?,
            grants: count("grants")?,
            roundings: count("roundings")?,
            entries: count("entries")?,
            records,
            checkpoints: count("checkpoints")?,
            requestors: count("(SELECT DISTINCT requestor FROM orders)")?,
            latest: told(clock)?,
            unchecked_records: records.saturating_sub(checked),
            provider: provider
                .filter(|balance| balance.account.starts_with("provider:"))
                .collect(),
            file_bytes: bytes(self.path()),
            log_bytes: bytes(&log_path(self.path())),
        })
    }
}

impl Reader {
    /// The latest time that the books were told; none before the first order.
    pub fn latest(&self) -> Result<Option<Timestamp>, LedgerError> {
        told(mark(self.connection(), "clock")?)
    }
}

fn told(clock: i64) -> Result<Option<Timestamp>, LedgerError> {
    match clock {
        0 => Ok(None),
        clock => Ok(Some(time(clock)?)),
    }
}

fn bytes(path: &Path) -> u64 {
    std::fs::metadata(path).map_or(0, |metadata| metadata.len())
}

fn log_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push("-wal");
    PathBuf::from(name)
}
