//! Owns how values stand in the tables: what is read from a column, and the rows of orders. Decides nothing.

use meterbox_billing::digest::Digest;
use meterbox_billing::key::PublicKey;
use meterbox_billing::money::Amount;
use meterbox_billing::timestamp::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, params};

use crate::LedgerError;

/// An order's row, with what is held while it is being run.
pub(crate) struct OrderRow {
    pub(crate) number: i64,
    pub(crate) id: String,
    pub(crate) digest: Digest,
    pub(crate) requestor: i64,
    pub(crate) currency: String,
    pub(crate) pending: Option<Pending>,
}

/// What is held for an order, and under which offer.
pub(crate) struct Pending {
    pub(crate) held: i128,
    pub(crate) provider: Option<[u8; 32]>,
}

/// The order of this id.
pub(crate) fn find_order(
    connection: &Connection,
    id: &str,
) -> Result<Option<OrderRow>, LedgerError> {
    let mut statement = connection.prepare_cached(
        "SELECT orders.number, orders.digest, orders.requestor, orders.currency, pending.held,
                (SELECT keys.key FROM offers JOIN keys ON keys.number = offers.provider
                 WHERE offers.number = pending.offer)
         FROM orders LEFT JOIN pending ON pending.order_number = orders.number
         WHERE orders.id = ?",
    )?;
    let mut rows = statement.query([id])?;
    let Some(row) = rows.next()? else {
        return Ok(None);
    };
    let held: Option<String> = row.get(4)?;
    let provider: Option<[u8; 32]> = row.get(5)?;
    Ok(Some(OrderRow {
        number: row.get(0)?,
        id: id.to_owned(),
        digest: digest(row.get(1)?),
        requestor: row.get(2)?,
        currency: row.get(3)?,
        pending: match held {
            None => None,
            Some(held) => Some(Pending {
                held: parsed("pending.held", &held)?,
                provider,
            }),
        },
    }))
}

/// The envelope of an order's receipt.
pub(crate) fn find_receipt(
    connection: &Connection,
    order_number: i64,
) -> Result<Option<Vec<u8>>, LedgerError> {
    let mut statement =
        connection.prepare_cached("SELECT envelope FROM receipts WHERE order_number = ?")?;
    Ok(statement
        .query_row([order_number], |row| row.get(0))
        .optional()?)
}

/// A key's row, made where there is none.
pub(crate) fn key_number(connection: &Connection, key: &[u8; 32]) -> Result<i64, LedgerError> {
    let mut statement = connection.prepare_cached("SELECT number FROM keys WHERE key = ?")?;
    let found = statement
        .query_row([key.as_slice()], |row| row.get(0))
        .optional()?;
    if let Some(number) = found {
        return Ok(number);
    }
    connection.execute("INSERT INTO keys (key) VALUES (?)", params![key.as_slice()])?;
    Ok(connection.last_insert_rowid())
}

/// The key of this row.
pub(crate) fn key(connection: &Connection, number: i64) -> Result<PublicKey, LedgerError> {
    let mut statement = connection.prepare_cached("SELECT key FROM keys WHERE number = ?")?;
    let bytes: Option<[u8; 32]> = statement.query_row([number], |row| row.get(0)).optional()?;
    let bytes = bytes.ok_or_else(|| LedgerError::Corrupt {
        reason: format!("key {number} is missing"),
    })?;
    public_key(&bytes)
}

pub(crate) fn public_key(bytes: &[u8; 32]) -> Result<PublicKey, LedgerError> {
    PublicKey::from_bytes(bytes).map_err(|error| LedgerError::Corrupt {
        reason: format!("`keys.key`: {error}"),
    })
}

pub(crate) const fn digest(bytes: [u8; 32]) -> Digest {
    Digest::from_bytes(bytes)
}

pub(crate) fn units(amount: Amount) -> Result<i128, LedgerError> {
    i128::try_from(amount.units()).map_err(|_| LedgerError::Overflow)
}

pub(crate) fn amount(column: &'static str, text: &str) -> Result<Amount, LedgerError> {
    Ok(Amount::from_units(parsed(column, text)?))
}

pub(crate) fn time(seconds: i64) -> Result<Timestamp, LedgerError> {
    let seconds = u64::try_from(seconds).map_err(|_| LedgerError::Overflow)?;
    Timestamp::from_unix_seconds(seconds).map_err(|_| LedgerError::Overflow)
}

pub(crate) fn seconds(time: Timestamp) -> Result<i64, LedgerError> {
    i64::try_from(time.unix_seconds()).map_err(|_| LedgerError::Overflow)
}

/// A row's number as a count.
pub(crate) fn sequence_number(number: i64) -> Result<u64, LedgerError> {
    u64::try_from(number).map_err(|_| LedgerError::Overflow)
}

/// A count as a row's number.
pub(crate) fn row_number(count: u64) -> Result<i64, LedgerError> {
    i64::try_from(count).map_err(|_| LedgerError::Overflow)
}

/// A value of the file; one that does not parse means that something else wrote it.
pub(crate) fn parsed<T: std::str::FromStr>(
    column: &'static str,
    text: &str,
) -> Result<T, LedgerError> {
    text.parse().map_err(|_| LedgerError::Corrupt {
        reason: format!(
            "`{column}` holds `{}`",
            text.chars().take(80).collect::<String>()
        ),
    })
}

/// A mark's value.
pub(crate) fn mark(connection: &Connection, name: &'static str) -> Result<i64, LedgerError> {
    let mut statement = connection.prepare_cached("SELECT value FROM marks WHERE name = ?")?;
    Ok(statement.query_row([name], |row| row.get(0))?)
}

/// The number of a table's next row.
pub(crate) fn next_number(
    connection: &Connection,
    table: &'static str,
) -> Result<i64, LedgerError> {
    let column = if table == "receipts" {
        "sequence"
    } else {
        "number"
    };
    let query = format!("SELECT coalesce(max({column}) + 1, 0) FROM {table}");
    Ok(connection.query_row(&query, [], |row| row.get(0))?)
}
