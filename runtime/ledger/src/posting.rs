//! Owns the rows of the books: orders and the postings of their money. Decides nothing.

use meterbox_billing::money::Amount;
use meterbox_billing::text::Id;
use rusqlite::{Connection, OptionalExtension as _, Transaction, params};

use crate::LedgerError;

/// A posting's kind, as the table spells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Hold,
    Release,
    Charge,
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::Hold => "hold",
            Self::Release => "release",
            Self::Charge => "charge",
        }
    }
}

/// An order's row.
pub(crate) struct OrderRow {
    pub(crate) id: String,
    pub(crate) digest: String,
    pub(crate) requestor: String,
    pub(crate) currency: String,
}

impl OrderRow {
    pub(crate) fn budget(&self) -> String {
        format!("requestor:{}:budget", self.requestor)
    }

    pub(crate) fn held(&self) -> String {
        format!("requestor:{}:held", self.requestor)
    }
}

/// Posts one entry: the same amount from one account to another, so that all accounts add up to
/// nothing at all times. Moving nothing posts a charge or a hold of nothing, and no release.
pub(crate) fn move_amount(
    transaction: &Transaction<'_>,
    row: &OrderRow,
    kind: Kind,
    from: &str,
    to: &str,
    units: i128,
) -> Result<(), LedgerError> {
    if units == 0 && kind == Kind::Release {
        return Ok(());
    }
    let entry: i64 = transaction.query_row(
        "SELECT coalesce(max(entry) + 1, 0) FROM postings",
        [],
        |row| row.get(0),
    )?;
    let negated = units.checked_neg().ok_or(LedgerError::Overflow)?;
    for (account, units) in [(from, negated), (to, units)] {
        transaction.execute(
            "INSERT INTO postings (entry, order_id, account, kind, currency, amount) VALUES (?, ?, ?, ?, ?, ?)",
            params![entry, row.id, account, kind.name(), row.currency, units.to_string()],
        )?;
    }
    Ok(())
}

pub(crate) fn units(amount: Amount) -> Result<i128, LedgerError> {
    i128::try_from(amount.units()).map_err(|_| LedgerError::Overflow)
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

pub(crate) fn order_row(row: &rusqlite::Row<'_>) -> Result<OrderRow, rusqlite::Error> {
    Ok(OrderRow {
        id: row.get(0)?,
        digest: row.get(1)?,
        requestor: row.get(2)?,
        currency: row.get(3)?,
    })
}

pub(crate) fn find_order(
    connection: &Connection,
    id: &str,
) -> Result<Option<OrderRow>, LedgerError> {
    let found = connection.query_row(
        "SELECT id, digest, requestor, currency FROM orders WHERE id = ?",
        [id],
        order_row,
    );
    Ok(found.optional()?)
}

pub(crate) fn find_receipt(
    connection: &Connection,
    order_id: &str,
) -> Result<Option<Vec<u8>>, LedgerError> {
    let found = connection.query_row(
        "SELECT envelope FROM receipts WHERE order_id = ?",
        [order_id],
        |row| row.get(0),
    );
    Ok(found.optional()?)
}

/// The row of an order that was accepted and has neither receipt nor fault since.
pub(crate) fn pending_order(connection: &Connection, id: &Id) -> Result<OrderRow, LedgerError> {
    let row = find_order(connection, id.as_str())?
        .ok_or_else(|| LedgerError::UnknownOrder { id: id.clone() })?;
    if find_receipt(connection, &row.id)?.is_some() {
        return Err(LedgerError::AlreadyRecorded { id: id.clone() });
    }
    if !is_pending(connection, &row.id)? {
        return Err(LedgerError::NotPending { id: id.clone() });
    }
    Ok(row)
}

/// Every attempt posts one hold, and ends in a fault or the receipt.
pub(crate) fn is_pending(connection: &Connection, order_id: &str) -> Result<bool, LedgerError> {
    Ok(connection.query_row(
        "SELECT (SELECT count(DISTINCT entry) FROM postings WHERE order_id = ?1 AND kind = 'hold')
              > (SELECT count(*) FROM faults WHERE order_id = ?1)
              + (SELECT count(*) FROM receipts WHERE order_id = ?1)",
        [order_id],
        |row| row.get(0),
    )?)
}

/// What is held for an order, by its postings.
pub(crate) fn held_units(connection: &Connection, row: &OrderRow) -> Result<i128, LedgerError> {
    let mut statement = connection
        .prepare_cached("SELECT amount FROM postings WHERE order_id = ? AND account = ?")?;
    let mut amounts = statement.query(params![row.id, row.held()])?;
    let mut sum = 0_i128;
    while let Some(amount) = amounts.next()? {
        let amount: String = amount.get(0)?;
        let units: i128 = parsed("postings.amount", &amount)?;
        sum = sum.checked_add(units).ok_or(LedgerError::Overflow)?;
    }
    Ok(sum)
}
