//! Owns what invoices rounded: posts each once, and proves it by the records of the invoice's period. Writes no
//! invoice.

use meterbox_billing::key::PublicKey;
use meterbox_billing::money::{AMOUNT_DIGITS, Amount, Currency};
use meterbox_billing::record::{Record, Rounded, RoundingKind};
use meterbox_billing::text::Message;
use meterbox_billing::timestamp::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use crate::account::{Account, Purpose};
use crate::budget::Posted;
use crate::records::{RecordFilter, Records};
use crate::row::{self, amount, parsed, row_number, seconds, time};
use crate::writer::Writer;
use crate::{LedgerError, records};

/// Why what an invoice rounded is not posted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RoundingError {
    /// The invoice's rounding is posted, and is another one.
    #[error("the rounding of invoice `{invoice}` is posted with a different {what}")]
    ExistsWithDifferentRounding {
        /// The invoice's number.
        invoice: Message,
        /// In what it differs.
        what: &'static str,
    },
    /// A part of the time was invoiced before.
    #[error("invoice `{other}` is of a part of the same time, and its rounding is posted")]
    Overlaps {
        /// The invoice that was posted before.
        other: Message,
    },
    /// It is not what the records leave over.
    #[error(
        "{amount} {currency} is not what rounding {charged} {currency} to {digits} digits leaves over"
    )]
    NotTheRemainder {
        /// What was to be posted.
        amount: Amount,
        /// The currency.
        currency: Currency,
        /// What was charged in the invoice's period less what was given back, with its sign.
        charged: String,
        /// The digits of the minor unit.
        digits: u32,
    },
    /// A period that ends before it begins, or money with more digits than there are.
    #[error("the invoice's {what} is none")]
    Form {
        /// `period` or `minor unit`.
        what: &'static str,
    },
}

impl RoundingError {
    /// What can be done about it.
    #[must_use]
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::ExistsWithDifferentRounding { .. } => {
                "an invoice is posted once: give another invoice another number"
            }
            Self::Overlaps { .. } => {
                "an invoice is posted once, under one number: write this one without posting it, or of another period"
            }
            Self::NotTheRemainder { .. } => {
                "make the invoice again: something was recorded meanwhile"
            }
            Self::Form { .. } => "name a period and a minor unit that there are",
        }
    }
}

/// Units of 10^-18 in a minor unit of so many digits.
fn minor_unit(digits: u32) -> Result<i128, LedgerError> {
    let refused = || RoundingError::Form { what: "minor unit" };
    let zeros = u32::try_from(AMOUNT_DIGITS)
        .ok()
        .and_then(|all| all.checked_sub(digits))
        .ok_or_else(refused)?;
    Ok(10_i128.checked_pow(zeros).ok_or_else(refused)?)
}

/// What the requestor owes less for it: more than none where it was waived.
pub(crate) fn owed_less(rounded: &Rounded) -> Result<i128, LedgerError> {
    let units = row::units(rounded.amount)?;
    match rounded.rounding {
        RoundingKind::Waived => Ok(units),
        RoundingKind::Added => units.checked_neg().ok_or(LedgerError::Overflow),
    }
}

/// Fails unless rounding what the records before this one charge in the invoice's period, less what they give back,
/// leaves just this over: what is then invoiced is whole minor units, none of which is nearer.
pub(crate) fn check_remainder(
    connection: &Connection,
    rounded: &Rounded,
    before: u64,
) -> Result<(), LedgerError> {
    let unit = minor_unit(rounded.minor_unit_digits)?;
    let charged = charged(connection, rounded, before)?;
    let left = owed_less(rounded)?;
    let invoiced = charged.checked_sub(left).ok_or(LedgerError::Overflow)?;
    let is_nearest = left
        .checked_abs()
        .and_then(|left| left.checked_mul(2))
        .is_some_and(|twice| 0 < twice && twice <= unit);
    if is_nearest && invoiced.checked_rem(unit) == Some(0) {
        return Ok(());
    }
    let sign = if charged < 0 { "-" } else { "" };
    Err(RoundingError::NotTheRemainder {
        amount: rounded.amount,
        currency: rounded.currency,
        charged: format!("{sign}{}", Amount::from_units(charged.unsigned_abs())),
        digits: rounded.minor_unit_digits,
    }
    .into())
}

/// Charges less credits of the invoice's period.
fn charged(connection: &Connection, rounded: &Rounded, before: u64) -> Result<i128, LedgerError> {
    let until = rounded.at.unix_seconds().checked_add(1);
    let until = until.ok_or(RoundingError::Form { what: "period" })?;
    let filter = RecordFilter {
        requestor: Some(rounded.requestor),
        since: Some(rounded.from),
        until: Some(Timestamp::from_unix_seconds(until).map_err(|_| LedgerError::Overflow)?),
        ..RecordFilter::default()
    };
    let mut sum = 0_i128;
    for record in Records::new(connection, &filter)? {
        let (number, record) = record?;
        if number >= before {
            break;
        }
        let units = match &record {
            Record::Charge(charge) if charge.currency == rounded.currency => {
                row::units(charge.total)?
            }
            Record::Credit(credit) if credit.currency == rounded.currency => {
                let units = row::units(credit.amount)?;
                units.checked_neg().ok_or(LedgerError::Overflow)?
            }
            _ => 0,
        };
        sum = sum.checked_add(units).ok_or(LedgerError::Overflow)?;
    }
    Ok(sum)
}

/// Posts what an invoice rounded, once.
pub(crate) fn post(writer: &mut Writer, rounded: &Rounded) -> Result<Posted, LedgerError> {
    if let Some(known) = find(writer.reader.connection(), &rounded.invoice)? {
        return check_same(&known, rounded).map(|()| Posted::Before);
    }
    if rounded.at < rounded.from {
        return Err(RoundingError::Form { what: "period" }.into());
    }
    let record = writer.place.record;
    check_remainder(
        writer.reader.connection(),
        rounded,
        row::sequence_number(record)?,
    )?;
    let requestor = writer.key(rounded.requestor.as_bytes())?;
    let provider = writer.key(rounded.provider.as_bytes())?;
    check_time(writer.reader.connection(), rounded, requestor)?;
    let entry = post_entry(writer, rounded, requestor)?;
    let connection = writer.reader.connection();
    records::insert_rounding(connection, record, (requestor, provider), rounded)?;
    connection.execute(
        "INSERT INTO roundings (invoice, requestor, provider, currency, began_at, ended_at, minor_unit_digits,
                                kind, amount, record, entry)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        params![
            rounded.invoice.as_str(),
            requestor,
            provider,
            rounded.currency.to_string(),
            seconds(rounded.from)?,
            seconds(rounded.at)?,
            rounded.minor_unit_digits,
            rounded.rounding.name(),
            rounded.amount.units().to_string(),
            record,
            entry
        ],
    )?;
    writer.place.record = record.checked_add(1).ok_or(LedgerError::Overflow)?;
    // From here on it is later: what is charged next is no part of this period.
    let over = seconds(rounded.at)?.checked_add(1);
    let over = over.ok_or(LedgerError::Overflow)?;
    writer.place.clock = writer.place.clock.max(over);
    Ok(Posted::New)
}

fn post_entry(writer: &mut Writer, rounded: &Rounded, requestor: i64) -> Result<i64, LedgerError> {
    let currency = rounded.currency.to_string();
    let rest = writer.account(&Account::provider(Purpose::Rounding, &currency))?;
    let budget = writer.account(&Account::requestor(Purpose::Budget, requestor, &currency))?;
    let accounts = match rounded.rounding {
        RoundingKind::Waived => (rest, budget),
        RoundingKind::Added => (budget, rest),
    };
    writer.post("rounding", None, accounts, row::units(rounded.amount)?)
}

fn check_same(known: &Rounded, given: &Rounded) -> Result<(), LedgerError> {
    for (what, differs) in [
        ("requestor", known.requestor != given.requestor),
        ("provider", known.provider != given.provider),
        ("currency", known.currency != given.currency),
        ("period", (known.from, known.at) != (given.from, given.at)),
        (
            "minor unit",
            known.minor_unit_digits != given.minor_unit_digits,
        ),
        (
            "amount",
            (known.rounding, known.amount) != (given.rounding, given.amount),
        ),
    ] {
        if differs {
            let invoice = given.invoice.clone();
            return Err(RoundingError::ExistsWithDifferentRounding { invoice, what }.into());
        }
    }
    Ok(())
}

/// What is charged once is invoiced once: no moment is in two invoices of a requestor and currency.
fn check_time(
    connection: &Connection,
    rounded: &Rounded,
    requestor: i64,
) -> Result<(), LedgerError> {
    let other: Option<String> = connection
        .query_row(
            "SELECT invoice FROM roundings
             WHERE requestor = ? AND currency = ? AND began_at <= ? AND ended_at >= ? LIMIT 1",
            params![
                requestor,
                rounded.currency.to_string(),
                seconds(rounded.at)?,
                seconds(rounded.from)?
            ],
            |row| row.get(0),
        )
        .optional()?;
    match other {
        None => Ok(()),
        Some(other) => Err(RoundingError::Overlaps {
            other: Message::cut(&other),
        }
        .into()),
    }
}

const COLUMNS: &str =
    "SELECT invoice, requestor, provider, currency, began_at, ended_at, minor_unit_digits,
                              kind, amount FROM roundings";

/// What the invoice of this number rounded.
fn find(connection: &Connection, invoice: &Message) -> Result<Option<Rounded>, LedgerError> {
    let mut statement = connection.prepare_cached(&format!("{COLUMNS} WHERE invoice = ?"))?;
    let mut rows = statement.query([invoice.as_str()])?;
    rows.next()?.map(|row| read(connection, row)).transpose()
}

/// What the record of this number is of.
pub(crate) fn of_record(connection: &Connection, record: u64) -> Result<Rounded, LedgerError> {
    let mut statement = connection.prepare_cached(&format!("{COLUMNS} WHERE record = ?"))?;
    let mut rows = statement.query([row_number(record)?])?;
    match rows.next()? {
        Some(row) => read(connection, row),
        None => Err(LedgerError::Corrupt {
            reason: format!("record {record} is of a rounding that is missing"),
        }),
    }
}

fn read(connection: &Connection, row: &Row<'_>) -> Result<Rounded, LedgerError> {
    let key = |number| -> Result<PublicKey, LedgerError> { row::key(connection, number) };
    let kind: String = row.get(7)?;
    Ok(Rounded {
        invoice: Message::cut(&row.get::<_, String>(0)?),
        requestor: key(row.get(1)?)?,
        provider: key(row.get(2)?)?,
        currency: parsed("roundings.currency", &row.get::<_, String>(3)?)?,
        minor_unit_digits: row.get(6)?,
        rounding: match kind.as_str() {
            "waived" => RoundingKind::Waived,
            _ => RoundingKind::Added,
        },
        amount: amount("roundings.amount", &row.get::<_, String>(8)?)?,
        from: time(row.get(4)?)?,
        at: time(row.get(5)?)?,
    })
}
