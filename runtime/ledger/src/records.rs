//! Owns the rows that exports, statements and invoices read: one for each thing that was posted, derived
//! from the signed documents and written with them. Decides nothing.

mod models;

use std::collections::{HashMap, VecDeque};
use std::fmt::Write as _;

use meterbox_billing::bill::Line;
use meterbox_billing::digest::Digest;
use meterbox_billing::envelope::Envelope;
use meterbox_billing::key::PublicKey;
use meterbox_billing::money::{Amount, Currency, UnitPrice};
use meterbox_billing::receipt::Receipt;
use meterbox_billing::record::{Charge, Credited, Disputed, Record, Rounded};
use meterbox_billing::text::{Id, Message};
use meterbox_billing::timestamp::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use crate::reader::Reader;
use crate::row::{self, amount, parsed, row_number, seconds, sequence_number, time};
use crate::{LedgerError, rounding};

/// Records that are read at a time: enough that asking costs nothing, about a megabyte.
const PAGE: i64 = 1_000;

/// Keys that are remembered while records are read; reading one takes longer than the rest of a record.
const KEYS_MAX: usize = 100_000;

/// Which records to read; the default reads all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RecordFilter {
    /// The first number to read: where an export before this one ended.
    pub from: u64,
    /// Only this requestor's.
    pub requestor: Option<PublicKey>,
    /// Only those that count at this moment or later ([`Record::at`]).
    pub since: Option<Timestamp>,
    /// Only those that count before this moment.
    pub until: Option<Timestamp>,
}

/// Records in the order in which they were posted, each with its number. Read a page at a time, so
/// memory stays the same however many there are, and books that are written meanwhile are not held up.
pub struct Records<'r> {
    connection: &'r Connection,
    filter: Range,
    next: i64,
    page: VecDeque<(u64, Record)>,
    keys: HashMap<i64, PublicKey>,
    is_over: bool,
}

struct Range {
    requestor: Option<i64>,
    since: Option<i64>,
    until: Option<i64>,
    /// No record that passes the filter has a larger number, as far as it was written when asked.
    last: i64,
}

impl Reader {
    /// Everything that was posted, in this order, from a number on.
    ///
    /// What is posted while this is read is read too, unless it is of a period.
    pub fn records(&self, filter: &RecordFilter) -> Result<Records<'_>, LedgerError> {
        Records::new(self.connection(), filter)
    }
}

impl<'r> Records<'r> {
    pub(crate) fn new(
        connection: &'r Connection,
        filter: &RecordFilter,
    ) -> Result<Self, LedgerError> {
        let requestor = match filter.requestor {
            None => None,
            // A key that is not in the books has no records.
            Some(key) => Some(
                connection
                    .query_row(
                        "SELECT number FROM keys WHERE key = ?",
                        [key.as_bytes().as_slice()],
                        |row| row.get(0),
                    )
                    .optional()?
                    .unwrap_or(-1),
            ),
        };
        let since = filter.since.map(seconds).transpose()?;
        let until = filter.until.map(seconds).transpose()?;
        let mut next = row_number(filter.from)?;
        let mut last = i64::MAX;
        if since.is_some() || until.is_some() {
            let (first, end): (Option<i64>, Option<i64>) = connection.query_row(
                "SELECT min(number), max(number) FROM records WHERE at >= ?1 AND at < ?2",
                params![since.unwrap_or(0), until.unwrap_or(i64::MAX)],
                |row| Ok((row.get(0)?, row.get(1)?)),
            )?;
            next = next.max(first.unwrap_or(i64::MAX));
            last = end.unwrap_or(-1);
        }
        Ok(Self {
            connection,
            filter: Range {
                requestor,
                since,
                until,
                last,
            },
            next,
            page: VecDeque::new(),
            keys: HashMap::new(),
            is_over: false,
        })
    }

    fn read_page(&mut self) -> Result<(), LedgerError> {
        // The order by number is that of the index by requestor too.
        let mut statement = self
            .connection
            .prepare_cached(match self.filter.requestor {
                Some(_) => {
                    "SELECT * FROM records INDEXED BY records_by_requestor
                 WHERE number >= ?1 AND number <= ?2 AND requestor = ?3 AND at >= ?4 AND at < ?5
                 ORDER BY number LIMIT ?6"
                }
                None => {
                    "SELECT * FROM records NOT INDEXED
                 WHERE number >= ?1 AND number <= ?2 AND ?3 IS NULL AND at >= ?4 AND at < ?5
                 ORDER BY number LIMIT ?6"
                }
            })?;
        let mut rows = statement.query(params![
            self.next,
            self.filter.last,
            self.filter.requestor,
            self.filter.since.unwrap_or(0),
            self.filter.until.unwrap_or(i64::MAX),
            PAGE
        ])?;
        let mut count = 0_i64;
        while let Some(row) = rows.next()? {
            let number: i64 = row.get(0)?;
            let record = read(self.connection, &mut self.keys, row)?;
            self.page.push_back((sequence_number(number)?, record));
            self.next = number.saturating_add(1);
            count = count.saturating_add(1);
        }
        self.is_over = count < PAGE;
        if self.keys.len() > KEYS_MAX {
            self.keys.clear();
        }
        Ok(())
    }
}

impl Iterator for Records<'_> {
    type Item = Result<(u64, Record), LedgerError>;

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

fn read(
    connection: &Connection,
    keys: &mut HashMap<i64, PublicKey>,
    row: &Row<'_>,
) -> Result<Record, LedgerError> {
    let mut key = |number: i64| -> Result<PublicKey, LedgerError> {
        if let Some(key) = keys.get(&number) {
            return Ok(*key);
        }
        let key = row::key(connection, number)?;
        keys.insert(number, key);
        Ok(key)
    };
    let (requestor, provider) = (key(row.get(6)?)?, key(row.get(7)?)?);
    let at = time(row.get(2)?)?;
    let kind = row.get_ref(1)?.as_str().map_err(other)?;
    if kind == "rounding" {
        // What such a row says itself is taken from it, so that a check finds where both differ.
        return Ok(Record::Rounding(Rounded {
            requestor,
            provider,
            currency: parsed("records.currency", row.get_ref(9)?.as_str().map_err(other)?)?,
            amount: amount("records.amount", row.get_ref(10)?.as_str().map_err(other)?)?,
            at,
            ..rounding::of_record(connection, sequence_number(row.get(0)?)?)?
        }));
    }
    let receipt = Digest::from_bytes(row.get(4)?);
    let order_id = parsed("records.order_id", row.get_ref(5)?.as_str().map_err(other)?)?;
    let job = Digest::from_bytes(row.get(8)?);
    let currency = parsed("records.currency", row.get_ref(9)?.as_str().map_err(other)?)?;
    let amount = amount("records.amount", row.get_ref(10)?.as_str().map_err(other)?)?;
    let document = || Ok::<_, rusqlite::Error>(Digest::from_bytes(row.get(16)?));
    let reason = || Ok::<_, rusqlite::Error>(Message::cut(&row.get::<_, String>(18)?));
    Ok(match kind {
        "charge" => Record::Charge(Charge {
            sequence: sequence_number(row.get(3)?)?,
            receipt,
            order_id,
            requestor,
            provider,
            job,
            module: Digest::from_bytes(row.get(11)?),
            rate_card: Digest::from_bytes(row.get(12)?),
            currency,
            started_at: time(row.get(13)?)?,
            ended_at: at,
            outcome: row.get(14)?,
            lines: read_lines(row.get_ref(15)?.as_str().map_err(other)?)?,
            total: amount,
            models: models::read(row.get_ref(19)?.as_str_or_null().map_err(other)?)?,
        }),
        "credit" => Record::Credit(Credited {
            id: parsed("records.id", &row.get::<_, String>(17)?)?,
            credit: document()?,
            receipt,
            order_id,
            requestor,
            provider,
            job,
            currency,
            amount,
            reason: reason()?,
            at,
        }),
        _ => Record::Dispute(Disputed {
            dispute: document()?,
            receipt,
            order_id,
            requestor,
            provider,
            job,
            currency,
            total: amount,
            reason: reason()?,
            at,
        }),
    })
}

fn other(error: rusqlite::types::FromSqlError) -> LedgerError {
    LedgerError::Corrupt {
        reason: format!("a row of `records`: {error}"),
    }
}

fn blob(digest: &Digest) -> &[u8] {
    digest.as_bytes().as_slice()
}

/// What a record of a receipt has, whatever its kind, under its names in the table.
struct Common<'r> {
    kind: &'static str,
    receipt: &'r Digest,
    order_id: &'r Id,
    job: &'r Digest,
    currency: Currency,
    amount: Amount,
}

impl<'r> Common<'r> {
    fn charge(it: &'r Charge) -> Self {
        Self {
            kind: "charge",
            receipt: &it.receipt,
            order_id: &it.order_id,
            job: &it.job,
            currency: it.currency,
            amount: it.total,
        }
    }

    fn credit(it: &'r Credited) -> Self {
        Self {
            kind: "credit",
            receipt: &it.receipt,
            order_id: &it.order_id,
            job: &it.job,
            currency: it.currency,
            amount: it.amount,
        }
    }

    fn dispute(it: &'r Disputed) -> Self {
        Self {
            kind: "dispute",
            receipt: &it.receipt,
            order_id: &it.order_id,
            job: &it.job,
            currency: it.currency,
            amount: it.total,
        }
    }
}

const INSERT: &str = "INSERT INTO records (number, kind, at, sequence, receipt, order_id, requestor, provider, job,
                                           currency, amount, module, rate_card, started_at, outcome, lines,
                                           document, id, reason)
                      VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";

/// The column `models` is not there yet where a step of an older schema writes records.
const INSERT_WITH_MODELS: &str = "INSERT INTO records (number, kind, at, sequence, receipt, order_id, requestor, provider, job,
                                                       currency, amount, module, rate_card, started_at, outcome, lines,
                                                       document, id, reason, models)
                                  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";

/// Writes a record under this number; the keys are the rows of requestor and provider.
pub(crate) fn insert(
    connection: &Connection,
    number: i64,
    sequence: u64,
    (requestor, provider): (i64, i64),
    record: &Record,
) -> Result<(), LedgerError> {
    let (common, charge, document, id, reason) = match record {
        Record::Charge(it) => (Common::charge(it), Some(it), None, None, None),
        Record::Credit(it) => (
            Common::credit(it),
            None,
            Some(&it.credit),
            Some(&it.id),
            Some(&it.reason),
        ),
        Record::Dispute(it) => (
            Common::dispute(it),
            None,
            Some(&it.dispute),
            None,
            Some(&it.reason),
        ),
        // Of no receipt, and so of no sequence.
        Record::Rounding(it) => {
            return insert_rounding(connection, number, (requestor, provider), it);
        }
    };
    let models = charge.map(|it| &it.models).filter(|all| !all.is_empty());
    let models = models.map(|all| models::write(all)).transpose()?;
    let has_models = models.is_some();
    let values = params![
        number,
        common.kind,
        seconds(record.at())?,
        row_number(sequence)?,
        blob(common.receipt),
        common.order_id.as_str(),
        requestor,
        provider,
        blob(common.job),
        common.currency.to_string(),
        common.amount.units().to_string(),
        charge.map(|it| blob(&it.module)),
        charge.map(|it| blob(&it.rate_card)),
        charge.map(|it| seconds(it.started_at)).transpose()?,
        charge.map(|it| it.outcome.as_str()),
        charge.map(|it| write_lines(&it.lines)),
        document.map(blob),
        id.map(Id::as_str),
        reason.map(Message::as_str),
        models,
    ];
    let (statement, values) = match values {
        [values @ .., _] if !has_models => (INSERT, values),
        values => (INSERT_WITH_MODELS, values),
    };
    connection.prepare_cached(statement)?.execute(values)?;
    Ok(())
}

/// Writes the record of what an invoice rounded; the rest of it is the row of `roundings` that names it.
pub(crate) fn insert_rounding(
    connection: &Connection,
    number: i64,
    (requestor, provider): (i64, i64),
    rounded: &Rounded,
) -> Result<(), LedgerError> {
    connection.execute(
        "INSERT INTO records (number, kind, at, requestor, provider, currency, amount)
         VALUES (?, 'rounding', ?, ?, ?, ?, ?)",
        params![
            number,
            seconds(rounded.at)?,
            requestor,
            provider,
            rounded.currency.to_string(),
            rounded.amount.units().to_string()
        ],
    )?;
    Ok(())
}

/// Fails on a line whose name has anything but small letters, digits and `_`, which no meter's has.
pub(crate) fn check_lines(lines: &[Line]) -> Result<(), LedgerError> {
    let is_plain = |name: &str| {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        !name.is_empty() && name.bytes().all(plain)
    };
    match lines.iter().find(|line| !is_plain(&line.meter)) {
        None => Ok(()),
        Some(line) => Err(LedgerError::NotNext {
            field: "reproducible.lines.meter",
            found: format!("{:?}", line.meter.chars().take(80).collect::<String>()),
            expected: "a meter's name".to_owned(),
        }),
    }
}

/// A line a row: its name, quantity, unit price and amount, in whole units.
fn write_lines(lines: &[Line]) -> String {
    let mut text = String::with_capacity(lines.len().saturating_mul(64));
    for line in lines {
        let (price, amount) = (line.unit_price.units(), line.amount.units());
        // Writing into a string cannot fail.
        let _ = writeln!(text, "{} {} {price} {amount}", line.meter, line.quantity);
    }
    text
}

fn read_lines(text: &str) -> Result<Vec<Line>, LedgerError> {
    let line = |row: &str| {
        let mut words = row.split(' ');
        let (meter, quantity) = (words.next()?, words.next()?.parse().ok()?);
        let (price, amount) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
        words.next().is_none().then(|| Line {
            meter: meter.to_owned(),
            quantity,
            unit_price: UnitPrice::from_units(price),
            amount: Amount::from_units(amount),
        })
    };
    let read: Option<Vec<Line>> = text.lines().map(line).collect();
    read.ok_or_else(|| LedgerError::Corrupt {
        reason: format!(
            "`records.lines` holds `{}`",
            text.chars().take(80).collect::<String>()
        ),
    })
}

/// What the receipt of this digest charged, read from its envelope.
pub(crate) fn charge(
    connection: &Connection,
    receipt: Digest,
) -> Result<Option<Charge>, LedgerError> {
    let found: Option<(Vec<u8>, i64)> = connection
        .query_row(
            "SELECT receipts.envelope, orders.requestor
             FROM receipts JOIN orders ON orders.number = receipts.order_number
             WHERE receipts.digest = ?",
            [receipt.as_bytes().as_slice()],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .optional()?;
    let Some((envelope, requestor)) = found else {
        return Ok(None);
    };
    let document: Receipt = Envelope::from_bytes(&envelope)?.document_unverified()?;
    let requestor = row::key(connection, requestor)?;
    Ok(Some(Charge::of(&document, receipt, requestor)))
}
