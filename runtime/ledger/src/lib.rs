//! Owns the provider's books: orders, receipts and double-entry postings, in one SQLite file that one
//! process holds at a time. Decides no prices and checks no signatures.

mod audit;
mod entry;
mod error;
mod lock;
mod posting;
mod schema;

use std::path::Path;
use std::time::Duration;

use meterbox_billing::digest::Digest;
use meterbox_billing::envelope::{Document as _, Envelope};
use meterbox_billing::money::{Amount, Currency};
use meterbox_billing::order::Order;
use meterbox_billing::outcome::Fault;
use meterbox_billing::receipt::Receipt;
use meterbox_billing::text::{Id, Message};
use rusqlite::{Connection, OptionalExtension as _, Transaction, TransactionBehavior, params};

pub use audit::Finding;
pub use entry::{Balance, Entry, Filter, State};
pub use error::LedgerError;

use lock::Lock;
use posting::{
    Kind, OrderRow, find_order, find_receipt, held_units, is_pending, move_amount, parsed,
    pending_order, units,
};

/// The account that charges are posted to.
pub const INCOME: &str = "provider:income";

/// The books, held by this process until dropped. What a method has returned is on disk.
#[derive(Debug)]
pub struct Ledger {
    connection: Connection,
    recovered: Vec<Id>,
    /// Dropped last, when the file is closed.
    _lock: Lock,
}

/// What became of an order that was handed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Accept {
    /// It is new, or an attempt before ended in a fault. Its hold is posted: run it.
    Accepted,
    /// The very same order was done before.
    AlreadyDone {
        /// The envelope of its receipt, byte for byte as it was released.
        receipt: Vec<u8>,
    },
}

impl Ledger {
    /// Opens the books at `path`, and makes new ones where there is no file.
    ///
    /// One process holds them at a time. Another one waits for up to `wait`, then is refused with
    /// the holder's process id. Orders that a process left pending when it died are found here:
    /// their holds are released and a fault is recorded ([`Self::recovered`]).
    pub fn open(path: &Path, wait: Duration) -> Result<Self, LedgerError> {
        let lock = Lock::take(path, wait)?;
        let connection = schema::open(path)?;
        let mut ledger = Self {
            connection,
            recovered: Vec::new(),
            _lock: lock,
        };
        ledger.recovered = ledger.recover()?;
        Ok(ledger)
    }

    /// The orders that were found pending when the books were opened.
    #[must_use]
    pub fn recovered(&self) -> &[Id] {
        &self.recovered
    }

    fn recover(&mut self) -> Result<Vec<Id>, LedgerError> {
        let pending = self.list(&Filter {
            pending: true,
            ..Filter::default()
        })?;
        let fault = Fault {
            reason: Message::cut("the provider stopped before the order was done"),
        };
        let ids: Vec<Id> = pending.into_iter().map(|entry| entry.order_id).collect();
        for id in &ids {
            self.abandon(id, &fault)?;
        }
        Ok(ids)
    }

    /// Takes an order, whose envelope the caller has opened and checked: posts a hold of `hold`,
    /// the most that it can cost.
    ///
    /// Under a known id, the same order gives its receipt again, and another one is refused.
    pub fn accept(
        &mut self,
        envelope: &[u8],
        hold: Amount,
        currency: Currency,
    ) -> Result<Accept, LedgerError> {
        let order: Order = Envelope::from_bytes(envelope)?.document_unverified()?;
        let given = order
            .digest()
            .map_err(meterbox_billing::envelope::EnvelopeError::from)?;
        let transaction = self.begin()?;
        let row = match find_order(&transaction, order.id.as_str())? {
            Some(row) => {
                if row.digest != given.to_string() {
                    return Err(LedgerError::ExistsWithDifferentOrder {
                        id: order.id,
                        recorded: row.digest,
                        given,
                    });
                }
                if let Some(receipt) = find_receipt(&transaction, &row.id)? {
                    return Ok(Accept::AlreadyDone { receipt });
                }
                if is_pending(&transaction, &row.id)? {
                    return Err(LedgerError::Pending { id: order.id });
                }
                row
            }
            None => {
                let row = OrderRow {
                    id: order.id.to_string(),
                    digest: given.to_string(),
                    requestor: order.requestor_key.to_string(),
                    currency: currency.to_string(),
                };
                transaction.execute(
                    "INSERT INTO orders (id, digest, requestor, currency, envelope) VALUES (?, ?, ?, ?, ?)",
                    params![row.id, row.digest, row.requestor, row.currency, envelope],
                )?;
                row
            }
        };
        move_amount(
            &transaction,
            &row,
            Kind::Hold,
            &row.budget(),
            &row.held(),
            units(hold)?,
        )?;
        transaction.commit()?;
        Ok(Accept::Accepted)
    }

    /// Records a pending order's receipt: charges its total and releases the rest of the hold, in
    /// one transaction. When this returns, the receipt survives a power cut and may be released.
    ///
    /// The receipt must be the next in the chain: its sequence number [`Self::next_sequence`], the
    /// receipt before it [`Self::last_receipt_digest`].
    pub fn record(&mut self, order_id: &Id, envelope: &[u8]) -> Result<Amount, LedgerError> {
        let sealed = Envelope::from_bytes(envelope)?;
        let receipt: Receipt = sealed.document_unverified()?;
        let digest = sealed.payload_digest()?;
        let total = receipt.reproducible().total;
        let sequence = self.next_sequence()?;
        let previous = self.last_receipt_digest()?;
        let transaction = self.begin()?;
        let row = pending_order(&transaction, order_id)?;
        check_chain(&receipt, &row, sequence, previous)?;
        let held = held_units(&transaction, &row)?;
        let charge = units(total)?;
        let rest = held
            .checked_sub(charge)
            .filter(|rest| *rest >= 0)
            .ok_or_else(|| LedgerError::ChargeBeyondHold {
                id: order_id.clone(),
                total,
            })?;
        transaction.execute(
            "INSERT INTO receipts (sequence, order_id, digest, previous, total, envelope) VALUES (?, ?, ?, ?, ?, ?)",
            params![
                i64::try_from(sequence).map_err(|_| LedgerError::Overflow)?,
                row.id,
                digest.to_string(),
                previous.map(|digest| digest.to_string()),
                charge.to_string(),
                envelope,
            ],
        )?;
        move_amount(
            &transaction,
            &row,
            Kind::Charge,
            &row.held(),
            INCOME,
            charge,
        )?;
        move_amount(
            &transaction,
            &row,
            Kind::Release,
            &row.held(),
            &row.budget(),
            rest,
        )?;
        transaction.commit()?;
        Ok(total)
    }

    /// Ends a pending order that failed on the provider's side: releases its hold, bills nothing
    /// and keeps the reason. The same order may be handed in again.
    pub fn abandon(&mut self, order_id: &Id, fault: &Fault) -> Result<(), LedgerError> {
        let transaction = self.begin()?;
        let row = pending_order(&transaction, order_id)?;
        let held = held_units(&transaction, &row)?;
        transaction.execute(
            "INSERT INTO faults (order_id, reason) VALUES (?, ?)",
            params![row.id, fault.reason.as_str()],
        )?;
        move_amount(
            &transaction,
            &row,
            Kind::Release,
            &row.held(),
            &row.budget(),
            held,
        )?;
        transaction.commit()?;
        Ok(())
    }

    /// The number of the next receipt.
    pub fn next_sequence(&self) -> Result<u64, LedgerError> {
        let next: i64 = self.connection.query_row(
            "SELECT coalesce(max(sequence) + 1, 0) FROM receipts",
            [],
            |row| row.get(0),
        )?;
        u64::try_from(next).map_err(|_| LedgerError::Overflow)
    }

    /// The digest of the last receipt; none before the first.
    pub fn last_receipt_digest(&self) -> Result<Option<Digest>, LedgerError> {
        let last: Option<String> = self
            .connection
            .query_row(
                "SELECT digest FROM receipts ORDER BY sequence DESC LIMIT 1",
                [],
                |row| row.get(0),
            )
            .optional()?;
        last.map(|text| parsed("receipts.digest", &text))
            .transpose()
    }

    /// The envelope of the order of this id.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn order(&self, order_id: &Id) -> Result<Option<Vec<u8>>, LedgerError> {
        use rusqlite::OptionalExtension;
        let envelope = self
            .connection
            .query_row(
                "SELECT envelope FROM orders WHERE id = ?",
                [order_id.as_str()],
                |row| row.get(0),
            )
            .optional()?;
        Ok(envelope)
    }

    /// The envelope of an order's receipt, as it was released.
    pub fn receipt(&self, order_id: &Id) -> Result<Option<Vec<u8>>, LedgerError> {
        find_receipt(&self.connection, order_id.as_str())
    }

    /// Recomputes the books from the raw orders and receipts by a second, simpler model, and says
    /// where they do not agree. No findings mean that every account balances.
    pub fn check(&self) -> Result<Vec<Finding>, LedgerError> {
        audit::check(&self.connection)
    }

    fn begin(&mut self) -> Result<Transaction<'_>, LedgerError> {
        let immediate = TransactionBehavior::Immediate;
        Ok(self.connection.transaction_with_behavior(immediate)?)
    }
}

/// Fails unless the receipt answers this order and is the next in the chain.
fn check_chain(
    receipt: &Receipt,
    row: &OrderRow,
    sequence: u64,
    previous: Option<Digest>,
) -> Result<(), LedgerError> {
    let attested = receipt.attested();
    let shown =
        |digest: Option<Digest>| digest.map_or("none".to_owned(), |digest| digest.to_string());
    for (field, found, expected) in [
        (
            "attested.order_id",
            attested.order_id.to_string(),
            row.id.clone(),
        ),
        (
            "attested.order",
            attested.order.to_string(),
            row.digest.clone(),
        ),
        (
            "attested.sequence",
            attested.sequence.to_string(),
            sequence.to_string(),
        ),
        (
            "attested.previous_receipt",
            shown(attested.previous_receipt),
            shown(previous),
        ),
        (
            "reproducible.currency",
            receipt.reproducible().currency.to_string(),
            row.currency.clone(),
        ),
    ] {
        if found != expected {
            return Err(LedgerError::NotNext {
                field,
                found,
                expected,
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
