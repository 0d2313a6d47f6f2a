//! Owns reading of the books, beside whoever writes them: documents, digests, checkpoints. Posts nothing.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};

use meterbox_billing::digest::Digest;
use meterbox_billing::text::Id;
use rusqlite::{Connection, OptionalExtension as _, params};

use crate::row::{next_number, row_number, sequence_number};
use crate::writer::receipt_before;
use crate::{LedgerError, schema};

/// Digests that are read at a time: 320 kB.
const PAGE: i64 = 10_000;

/// The books for reading. Another process, or another thread, may be writing them: what was committed
/// is seen, and nothing of what was not.
#[derive(Debug)]
pub struct Reader {
    connection: Connection,
    path: PathBuf,
}

impl Reader {
    /// Opens the books at `path`, whoever holds them. A file of an older schema is refused.
    ///
    /// What it says is not checked here: see [`Self::check`].
    pub fn open(path: &Path) -> Result<Self, LedgerError> {
        Ok(Self {
            connection: schema::open_for_reading(path)?,
            path: path.to_owned(),
        })
    }

    pub(crate) const fn of(connection: Connection, path: PathBuf) -> Self {
        Self { connection, path }
    }

    pub(crate) const fn connection(&self) -> &Connection {
        &self.connection
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The number of the next receipt.
    pub fn next_sequence(&self) -> Result<u64, LedgerError> {
        sequence_number(next_number(&self.connection, "receipts")?)
    }

    /// The digest of the last receipt; none before the first.
    pub fn last_receipt_digest(&self) -> Result<Option<Digest>, LedgerError> {
        receipt_before(&self.connection, self.next_sequence()?)
    }

    /// The envelope of the order of this id.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn order(&self, order_id: &Id) -> Result<Option<Vec<u8>>, LedgerError> {
        self.envelope("SELECT envelope FROM orders WHERE id = ?", order_id)
    }

    /// The envelope of an order's receipt, as it was released.
    pub fn receipt(&self, order_id: &Id) -> Result<Option<Vec<u8>>, LedgerError> {
        self.envelope(
            "SELECT receipts.envelope FROM receipts JOIN orders ON orders.number = receipts.order_number
             WHERE orders.id = ?",
            order_id,
        )
    }

    /// The envelope of a credit.
    pub fn credit(&self, id: &Id) -> Result<Option<Vec<u8>>, LedgerError> {
        self.envelope("SELECT envelope FROM credits WHERE id = ?", id)
    }

    fn envelope(&self, query: &str, id: &Id) -> Result<Option<Vec<u8>>, LedgerError> {
        let mut statement = self.connection.prepare_cached(query)?;
        Ok(statement
            .query_row([id.as_str()], |row| row.get(0))
            .optional()?)
    }

    /// The number and the envelope of the receipt of this digest.
    pub fn receipt_of(&self, digest: &Digest) -> Result<Option<(u64, Vec<u8>)>, LedgerError> {
        self.numbered(
            "SELECT sequence, envelope FROM receipts WHERE digest = ?",
            params![digest.as_bytes().as_slice()],
        )
    }

    /// The envelope of the receipt of this number.
    pub fn receipt_at(&self, sequence: u64) -> Result<Option<Vec<u8>>, LedgerError> {
        let found = self.numbered(
            "SELECT sequence, envelope FROM receipts WHERE sequence = ?",
            params![row_number(sequence)?],
        )?;
        Ok(found.map(|(_, envelope)| envelope))
    }

    fn numbered(
        &self,
        query: &str,
        parameters: &[&dyn rusqlite::ToSql],
    ) -> Result<Option<(u64, Vec<u8>)>, LedgerError> {
        let mut statement = self.connection.prepare_cached(query)?;
        let mut rows = statement.query(parameters)?;
        match rows.next()? {
            None => Ok(None),
            Some(row) => Ok(Some((sequence_number(row.get(0)?)?, row.get(1)?))),
        }
    }

    /// The envelopes of what the requestor said of a receipt, in this order.
    pub fn verdicts(&self, receipt: &Digest) -> Result<Vec<Vec<u8>>, LedgerError> {
        self.envelopes(
            "SELECT envelope FROM verdicts
             WHERE receipt = (SELECT sequence FROM receipts WHERE digest = ?) ORDER BY number",
            receipt,
        )
    }

    /// The envelopes of a receipt's credits, in the order in which they were given.
    pub fn credits(&self, receipt: &Digest) -> Result<Vec<Vec<u8>>, LedgerError> {
        self.envelopes(
            "SELECT envelope FROM credits
             WHERE receipt = (SELECT sequence FROM receipts WHERE digest = ?) ORDER BY number",
            receipt,
        )
    }

    fn envelopes(&self, query: &str, receipt: &Digest) -> Result<Vec<Vec<u8>>, LedgerError> {
        let mut statement = self.connection.prepare_cached(query)?;
        let rows = statement.query_map([receipt.as_bytes().as_slice()], |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The digests of all receipts from a number on, in their order: the leaves of the transparency
    /// log. Read a page at a time.
    pub fn receipt_digests(&self, from: u64) -> Result<ReceiptDigests<'_>, LedgerError> {
        Ok(ReceiptDigests {
            connection: &self.connection,
            next: row_number(from)?,
            page: VecDeque::new(),
            is_over: false,
        })
    }

    /// The newest checkpoint of the transparency log.
    pub fn latest_checkpoint(&self) -> Result<Option<Checkpoint>, LedgerError> {
        self.checkpoint(
            "SELECT size, note FROM checkpoints ORDER BY number DESC LIMIT 1",
            params![],
        )
    }

    /// The newest checkpoint of a log of this size.
    pub fn checkpoint_of(&self, size: u64) -> Result<Option<Checkpoint>, LedgerError> {
        self.checkpoint(
            "SELECT size, note FROM checkpoints WHERE size = ? ORDER BY number DESC LIMIT 1",
            params![row_number(size)?],
        )
    }

    fn checkpoint(
        &self,
        query: &str,
        parameters: &[&dyn rusqlite::ToSql],
    ) -> Result<Option<Checkpoint>, LedgerError> {
        let found = self.numbered(query, parameters)?;
        Ok(found.map(|(size, note)| Checkpoint { size, note }))
    }
}

/// A signed checkpoint of the transparency log, as it was published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// How many receipts it covers.
    pub size: u64,
    /// The signed note.
    pub note: Vec<u8>,
}

/// The digests of receipts in their order.
pub struct ReceiptDigests<'r> {
    connection: &'r Connection,
    next: i64,
    page: VecDeque<Digest>,
    is_over: bool,
}

impl ReceiptDigests<'_> {
    fn read_page(&mut self) -> Result<(), LedgerError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT sequence, digest FROM receipts WHERE sequence >= ? ORDER BY sequence LIMIT ?",
        )?;
        let mut rows = statement.query([self.next, PAGE])?;
        self.is_over = true;
        while let Some(row) = rows.next()? {
            let sequence: i64 = row.get(0)?;
            if sequence != self.next {
                return Err(LedgerError::Corrupt {
                    reason: format!("receipt {} is missing", self.next),
                });
            }
            self.page.push_back(Digest::from_bytes(row.get(1)?));
            self.next = sequence.checked_add(1).ok_or(LedgerError::Overflow)?;
            self.is_over = false;
        }
        Ok(())
    }
}

impl Iterator for ReceiptDigests<'_> {
    type Item = Result<Digest, LedgerError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.page.is_empty()
            && !self.is_over
            && let Err(error) = self.read_page()
        {
            self.is_over = true;
            return Some(Err(error));
        }
        self.page.pop_front().map(Ok)
    }
}
