//! Owns how the books are listed: orders with where they stand, and the balance of each account.
//! Posts nothing.

use meterbox_billing::digest::Digest;
use meterbox_billing::key::PublicKey;
use meterbox_billing::money::{Amount, Currency};
use meterbox_billing::text::{Id, Message};
use rusqlite::{Row, params};

use crate::LedgerError;
use crate::reader::Reader;
use crate::row::{self, amount, parsed, sequence_number};

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
    /// [`INCOME`](crate::INCOME), [`GRANTED`](crate::GRANTED), [`ROUNDING`](crate::ROUNDING), or a requestor's
    /// `requestor:KEY:budget` or `requestor:KEY:held`.
    pub account: String,
    /// The currency.
    pub currency: Currency,
    /// Whether it is below zero, as a budget is by what was spent of it.
    pub negative: bool,
    /// How far from zero.
    pub amount: Amount,
}

const COLUMNS: &str = "orders.id, orders.digest, keys.key, orders.currency,
    receipts.sequence, receipts.digest, receipts.total, pending.held,
    (SELECT reason FROM faults WHERE order_number = orders.number ORDER BY number DESC LIMIT 1)";

const JOINS: &str = "JOIN keys ON keys.number = orders.requestor
    LEFT JOIN receipts ON receipts.order_number = orders.number
    LEFT JOIN pending ON pending.order_number = orders.number";

impl Reader {
    /// Orders, in the order in which they were accepted first.
    pub fn list(&self, filter: &Filter) -> Result<Vec<Entry>, LedgerError> {
        let orders = match filter.pending {
            // Few are pending at any time: found from there.
            true => "pending AS found CROSS JOIN orders ON orders.number = found.order_number",
            false => "orders",
        };
        let mut statement = self.connection().prepare(&format!(
            "SELECT {COLUMNS} FROM {orders} {JOINS}
             WHERE (?1 IS NULL OR keys.key = ?1) AND (?2 IS NULL OR orders.id = ?2)
             ORDER BY orders.number DESC LIMIT ?3"
        ))?;
        let requestor = filter.requestor.as_ref().map(PublicKey::as_bytes);
        let mut rows = statement.query(params![
            requestor.map(<[u8; 32]>::as_slice),
            filter.order_id.as_ref().map(Id::as_str),
            filter.last.map_or(-1, i64::from),
        ])?;
        let mut entries = Vec::new();
        while let Some(row) = rows.next()? {
            entries.push(read(row)?);
        }
        entries.reverse();
        Ok(entries)
    }

    /// What each account comes to, sorted by account and currency.
    pub fn balances(&self) -> Result<Vec<Balance>, LedgerError> {
        let mut statement = self
            .connection()
            .prepare("SELECT name, currency, balance FROM accounts ORDER BY name, currency")?;
        let mut rows = statement.query([])?;
        let mut balances = Vec::new();
        while let Some(row) = rows.next()? {
            let sum: i128 = parsed("accounts.balance", &row.get::<_, String>(2)?)?;
            balances.push(Balance {
                account: row.get(0)?,
                currency: parsed("accounts.currency", &row.get::<_, String>(1)?)?,
                negative: sum < 0,
                amount: Amount::from_units(sum.unsigned_abs()),
            });
        }
        Ok(balances)
    }
}

fn read(row: &Row<'_>) -> Result<Entry, LedgerError> {
    Ok(Entry {
        order_id: parsed("orders.id", &row.get::<_, String>(0)?)?,
        order: Digest::from_bytes(row.get(1)?),
        requestor: row::public_key(&row.get(2)?)?,
        currency: parsed("orders.currency", &row.get::<_, String>(3)?)?,
        state: state(row)?,
    })
}

fn state(row: &Row<'_>) -> Result<State, LedgerError> {
    if let Some(sequence) = row.get::<_, Option<i64>>(4)? {
        return Ok(State::Done {
            sequence: sequence_number(sequence)?,
            receipt: Digest::from_bytes(row.get(5)?),
            charged: amount("receipts.total", &row.get::<_, String>(6)?)?,
        });
    }
    if let Some(held) = row.get::<_, Option<String>>(7)? {
        return Ok(State::Pending {
            held: amount("pending.held", &held)?,
        });
    }
    let reason: Option<String> = row.get(8)?;
    Ok(State::Faulted {
        reason: Message::cut(&reason.unwrap_or_default()),
    })
}
