//! Owns how the books are read: orders with where they stand, and the balance of each account.
//! Posts nothing.

use meterbox_billing::digest::Digest;
use meterbox_billing::key::PublicKey;
use meterbox_billing::money::{Amount, Currency};
use meterbox_billing::text::{Id, Message};
use rusqlite::{OptionalExtension as _, params};

use crate::posting::{OrderRow, held_units, is_pending, order_row, parsed};
use crate::{Ledger, LedgerError, audit};

/// Where an order stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// It was accepted and has no receipt yet.
    Pending {
        /// What is held of the requestor's budget.
        held: Amount,
    },
    /// Its receipt is recorded.
    Done {
        /// The receipt's number.
        sequence: u64,
        /// The receipt's digest.
        receipt: Digest,
        /// What it charged.
        charged: Amount,
    },
    /// The last attempt failed on the provider's side; nothing is held.
    Faulted {
        /// Why.
        reason: Message,
    },
}

/// An order in the books.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The requestor's name for it.
    pub order_id: Id,
    /// The digest of its payload.
    pub order: Digest,
    /// Who signed it.
    pub requestor: PublicKey,
    /// The currency of its amounts.
    pub currency: Currency,
    /// Where it stands.
    pub state: State,
}

/// Which orders to list; the default lists all.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filter {
    /// Only this requestor's.
    pub requestor: Option<PublicKey>,
    /// Only this order.
    pub order_id: Option<Id>,
    /// Only those that are pending.
    pub pending: bool,
    /// The last so many; absent means all.
    pub last: Option<u32>,
}

/// What an account comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Balance {
    /// [`INCOME`](crate::INCOME), or a requestor's `requestor:KEY:budget` or `requestor:KEY:held`.
    pub account: String,
    /// The currency.
    pub currency: Currency,
    /// Whether it is below zero, as a budget is by what was spent of it.
    pub negative: bool,
    /// How far from zero.
    pub amount: Amount,
}

impl Ledger {
    /// Orders, in the order in which they were accepted first.
    pub fn list(&self, filter: &Filter) -> Result<Vec<Entry>, LedgerError> {
        let mut statement = self.connection.prepare(
            "SELECT id, digest, requestor, currency FROM orders
             WHERE (?1 IS NULL OR requestor = ?1) AND (?2 IS NULL OR id = ?2)
             ORDER BY number DESC",
        )?;
        let requestor = filter.requestor.map(|key| key.to_string());
        let mut rows =
            statement.query(params![requestor, filter.order_id.as_ref().map(Id::as_str)])?;
        let most = filter
            .last
            .and_then(|last| usize::try_from(last).ok())
            .unwrap_or(usize::MAX);
        let mut entries = Vec::new();
        while entries.len() < most
            && let Some(row) = rows.next()?
        {
            let entry = self.entry(&order_row(row)?)?;
            if !filter.pending || matches!(entry.state, State::Pending { .. }) {
                entries.push(entry);
            }
        }
        entries.reverse();
        Ok(entries)
    }

    fn entry(&self, row: &OrderRow) -> Result<Entry, LedgerError> {
        Ok(Entry {
            order_id: parsed("orders.id", &row.id)?,
            order: parsed("orders.digest", &row.digest)?,
            requestor: parsed("orders.requestor", &row.requestor)?,
            currency: parsed("orders.currency", &row.currency)?,
            state: self.state(row)?,
        })
    }

    fn state(&self, row: &OrderRow) -> Result<State, LedgerError> {
        let done = self
            .connection
            .query_row(
                "SELECT sequence, digest, total FROM receipts WHERE order_id = ?",
                [&row.id],
                |row| {
                    Ok((
                        row.get::<_, i64>(0)?,
                        row.get::<_, String>(1)?,
                        row.get::<_, String>(2)?,
                    ))
                },
            )
            .optional()?;
        if let Some((sequence, receipt, total)) = done {
            return Ok(State::Done {
                sequence: u64::try_from(sequence).map_err(|_| LedgerError::Overflow)?,
                receipt: parsed("receipts.digest", &receipt)?,
                charged: Amount::from_units(parsed("receipts.total", &total)?),
            });
        }
        if is_pending(&self.connection, &row.id)? {
            let held = held_units(&self.connection, row)?.unsigned_abs();
            return Ok(State::Pending {
                held: Amount::from_units(held),
            });
        }
        let reason: Option<String> = self
            .connection
            .query_row(
                "SELECT reason FROM faults WHERE order_id = ? ORDER BY number DESC LIMIT 1",
                [&row.id],
                |row| row.get(0),
            )
            .optional()?;
        Ok(State::Faulted {
            reason: Message::cut(&reason.unwrap_or_default()),
        })
    }

    /// What each account comes to, by the postings, sorted by account and currency.
    pub fn balances(&self) -> Result<Vec<Balance>, LedgerError> {
        let sums = audit::posted_sums(&self.connection)?;
        sums.into_iter()
            .map(|((account, currency), sum)| {
                Ok(Balance {
                    account,
                    currency: parsed("postings.currency", &currency)?,
                    negative: sum < 0,
                    amount: Amount::from_units(sum.unsigned_abs()),
                })
            })
            .collect()
    }
}
