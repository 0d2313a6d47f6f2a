//! Owns the second model of the books: recomputes every balance from what was charged, credited, rounded,
//! granted and held, and compares. Shares no arithmetic with what posts entries.

mod documents;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;

use meterbox_billing::key::PublicKey;
use meterbox_billing::record::Record;
use rusqlite::Connection;

use crate::account::{GRANTED, INCOME, ROUNDING};
use crate::records::{RecordFilter, Records};
use crate::rounding::owed_less;
use crate::row::{parsed, sequence_number};
use crate::{LedgerError, schema};

use documents::Documents;

/// More findings than anybody reads; the check ends at so many.
const FINDINGS_MAX: usize = 100;

/// Receipts whose documents are read again when the books are opened, at most: the newest, where a crash
/// would show. They take about two seconds.
const OPENED_DOCUMENTS_MAX: i64 = 10_000;

/// A place where the books do not agree with the documents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Where, such as an account, an order or a receipt.
    pub place: String,
    /// What is wrong there.
    pub problem: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.problem)
    }
}

/// What a check looks at.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scope {
    /// The first entry that is added up; those before are what `accounts.verified` says.
    entries: i64,
    /// The first record that is added up.
    records: i64,
    /// The first record whose documents are read.
    documents: i64,
    /// Whether signatures are checked, and orders that have no receipt.
    everything: bool,
}

impl Scope {
    /// Every entry, every document and every signature.
    pub(crate) const EVERYTHING: Self = Self {
        entries: 0,
        records: 0,
        documents: 0,
        everything: true,
    };

    /// Every entry, and no document.
    pub(crate) const ENTRIES: Self = Self {
        entries: 0,
        records: 0,
        documents: i64::MAX,
        everything: false,
    };

    /// What was added since the books were checked last; in small books, every entry too.
    pub(crate) fn since_mark(
        connection: &Connection,
        records: i64,
        is_small: bool,
    ) -> Result<Self, LedgerError> {
        let mark = |name| crate::row::mark(connection, name);
        let checked = mark("records")?;
        let newest = records.saturating_sub(OPENED_DOCUMENTS_MAX);
        Ok(Self {
            entries: if is_small { 0 } else { mark("entries")? },
            records: if is_small { 0 } else { checked },
            documents: checked.max(newest),
            everything: false,
        })
    }
}

/// Units by account and currency.
type Sums = BTreeMap<(String, String), i128>;

/// What is found, up to a bound.
#[derive(Default)]
pub(crate) struct Findings(Vec<Finding>);

impl Findings {
    pub(crate) fn add(&mut self, place: impl fmt::Display, problem: impl fmt::Display) {
        if self.0.len() < FINDINGS_MAX {
            self.0.push(Finding {
                place: place.to_string(),
                problem: problem.to_string(),
            });
        }
    }

    fn is_full(&self) -> bool {
        self.0.len() >= FINDINGS_MAX
    }
}

/// Everything that does not agree, up to a hundred places. All of it is read as of one moment.
pub(crate) fn check(connection: &Connection, scope: Scope) -> Result<Vec<Finding>, LedgerError> {
    // A transaction that only reads: who writes meanwhile is not seen, and not held up.
    let is_own = connection.is_autocommit();
    if is_own {
        connection.execute_batch("BEGIN")?;
    }
    let checked = check_now(connection, scope);
    if is_own {
        connection.execute_batch("COMMIT")?;
    }
    checked
}

fn check_now(connection: &Connection, scope: Scope) -> Result<Vec<Finding>, LedgerError> {
    let mut findings = Findings::default();
    if scope.everything {
        schema::quick_check(connection)?;
        check_references(connection, &mut findings)?;
    }
    match check_parts(connection, scope, &mut findings) {
        // What nobody but a forger, or a disk, writes into a row: a place like any other.
        Err(LedgerError::Corrupt { reason }) => findings.add("rows", reason),
        checked => checked?,
    }
    Ok(findings.0)
}

fn check_parts(
    connection: &Connection,
    scope: Scope,
    findings: &mut Findings,
) -> Result<(), LedgerError> {
    let moved = check_entries(connection, scope, findings)?;
    let posted = check_accounts(connection, scope, &moved, findings)?;
    let mut expected = Sums::new();
    add_records(connection, scope, &mut expected, findings)?;
    add_grants(connection, scope, &mut expected)?;
    add_holds(connection, &mut expected)?;
    compare(&expected, &posted, findings);
    if scope.everything {
        documents::check_orders(connection, findings)?;
        documents::check_counts(connection, findings)?;
    }
    Ok(())
}

fn check_references(connection: &Connection, findings: &mut Findings) -> Result<(), LedgerError> {
    let mut statement = connection.prepare("PRAGMA foreign_key_check")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (table, number): (String, Option<i64>) = (row.get(0)?, row.get(1)?);
        let parent: String = row.get(2)?;
        findings.add(
            format_args!("row {} of {table}", number.unwrap_or(-1)),
            format_args!("names a row of {parent} that is not there"),
        );
        if findings.is_full() {
            break;
        }
    }
    Ok(())
}

/// No entry is missing; returns what each account's row was moved by.
fn check_entries(
    connection: &Connection,
    scope: Scope,
    findings: &mut Findings,
) -> Result<HashMap<i64, i128>, LedgerError> {
    let mut statement = connection.prepare(
        "SELECT number, from_account, to_account, amount FROM entries WHERE number >= ? ORDER BY number",
    )?;
    let mut rows = statement.query([scope.entries])?;
    let mut moved: HashMap<i64, i128> = HashMap::new();
    let mut next = scope.entries;
    while let Some(row) = rows.next()? {
        let number: i64 = row.get(0)?;
        if number != next {
            findings.add(format_args!("entry {next}"), "is missing");
        }
        next = number.saturating_add(1);
        let units: i128 = parsed(
            "entries.amount",
            row.get_ref(3)?.as_str().unwrap_or_default(),
        )?;
        let taken = units.checked_neg().ok_or(LedgerError::Overflow)?;
        for (account, change) in [(row.get(1)?, taken), (row.get(2)?, units)] {
            let sum = moved.entry(account).or_insert(0);
            *sum = sum.checked_add(change).ok_or(LedgerError::Overflow)?;
        }
    }
    Ok(moved)
}

/// Every balance is the sum of its entries, and all balances of a currency together are nothing.
fn check_accounts(
    connection: &Connection,
    scope: Scope,
    moved: &HashMap<i64, i128>,
    findings: &mut Findings,
) -> Result<Sums, LedgerError> {
    let mut statement =
        connection.prepare("SELECT number, name, currency, balance, verified FROM accounts")?;
    let mut rows = statement.query([])?;
    let (mut posted, mut totals) = (Sums::new(), BTreeMap::<String, i128>::new());
    while let Some(row) = rows.next()? {
        let (name, currency): (String, String) = (row.get(1)?, row.get(2)?);
        let balance: i128 = parsed("accounts.balance", &row.get::<_, String>(3)?)?;
        let verified: i128 = match scope.entries {
            0 => 0,
            _ => parsed("accounts.verified", &row.get::<_, String>(4)?)?,
        };
        let change = moved.get(&row.get(0)?).copied().unwrap_or(0);
        let sum = verified.checked_add(change).ok_or(LedgerError::Overflow)?;
        if sum != balance {
            findings.add(
                format_args!("account `{name}`"),
                format_args!("has {balance} units of {currency}, by its entries {sum}"),
            );
        }
        let total = totals.entry(currency.clone()).or_insert(0);
        *total = total.checked_add(balance).ok_or(LedgerError::Overflow)?;
        if change != 0 {
            posted.insert((name, currency), change);
        }
    }
    for (currency, total) in totals {
        if total != 0 {
            findings.add(
                format_args!("currency {currency}"),
                format_args!("its accounts add up to {total} units, not to nothing"),
            );
        }
    }
    Ok(posted)
}

fn add(sums: &mut Sums, account: &str, currency: &str, units: i128) -> Result<(), LedgerError> {
    let sum = sums
        .entry((account.to_owned(), currency.to_owned()))
        .or_insert(0);
    *sum = sum.checked_add(units).ok_or(LedgerError::Overflow)?;
    Ok(())
}

/// Moves units to a requestor's budget from an account, or the other way where they are negative.
fn add_budget(
    sums: &mut Sums,
    (account, requestor): (&str, &PublicKey),
    currency: &str,
    units: i128,
) -> Result<(), LedgerError> {
    let taken = units.checked_neg().ok_or(LedgerError::Overflow)?;
    let budget = format!("requestor:{requestor}:budget");
    add(sums, account, currency, taken)?;
    add(sums, &budget, currency, units)
}

/// Adds what was charged, credited and rounded, and checks the records on the way.
fn add_records(
    connection: &Connection,
    scope: Scope,
    expected: &mut Sums,
    findings: &mut Findings,
) -> Result<(), LedgerError> {
    let mut charged: HashMap<(PublicKey, String), i128> = HashMap::new();
    let mut documents = Documents::new(connection, scope.everything, scope.records == 0);
    let filter = RecordFilter {
        from: sequence_number(scope.records)?,
        ..RecordFilter::default()
    };
    let documents_from = sequence_number(scope.documents)?;
    let mut next = filter.from;
    for record in Records::new(connection, &filter)? {
        let (number, record) = record?;
        if number != next {
            findings.add(format_args!("record {next}"), "is missing");
        }
        next = number.saturating_add(1);
        let (currency, units) = match &record {
            Record::Charge(charge) => (charge.currency, crate::row::units(charge.total)?),
            Record::Credit(credit) => {
                let units = crate::row::units(credit.amount)?;
                (
                    credit.currency,
                    units.checked_neg().ok_or(LedgerError::Overflow)?,
                )
            }
            Record::Dispute(dispute) => (dispute.currency, 0),
            Record::Rounding(rounded) => {
                let (name, units) = (rounded.currency.to_string(), owed_less(rounded)?);
                add_budget(expected, (ROUNDING, &rounded.requestor), &name, units)?;
                (rounded.currency, 0)
            }
        };
        let sum = charged
            .entry((*record.requestor(), currency.to_string()))
            .or_insert(0);
        *sum = sum.checked_add(units).ok_or(LedgerError::Overflow)?;
        documents.follow(number, &record, number >= documents_from, findings)?;
        if findings.is_full() {
            break;
        }
    }
    documents.finish(findings)?;
    for ((requestor, currency), units) in charged {
        let given = units.checked_neg().ok_or(LedgerError::Overflow)?;
        add_budget(expected, (INCOME, &requestor), &currency, given)?;
    }
    Ok(())
}

fn add_grants(
    connection: &Connection,
    scope: Scope,
    expected: &mut Sums,
) -> Result<(), LedgerError> {
    let mut statement = connection.prepare(
        "SELECT keys.key, currency, amount FROM grants JOIN keys ON keys.number = grants.requestor
         WHERE entry >= ?",
    )?;
    let mut rows = statement.query([scope.entries])?;
    while let Some(row) = rows.next()? {
        let requestor = crate::row::public_key(&row.get(0)?)?;
        let units = parsed("grants.amount", &row.get::<_, String>(2)?)?;
        let currency: String = row.get(1)?;
        add_budget(expected, (GRANTED, &requestor), &currency, units)?;
    }
    Ok(())
}

/// Adds what the orders hold that are being run. None is when the books are marked as checked.
fn add_holds(connection: &Connection, expected: &mut Sums) -> Result<(), LedgerError> {
    let mut statement = connection.prepare(
        "SELECT keys.key, orders.currency, entries.amount
         FROM pending JOIN orders ON orders.number = pending.order_number
              JOIN keys ON keys.number = orders.requestor
              JOIN entries ON entries.number = pending.entry",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let requestor = crate::row::public_key(&row.get(0)?)?;
        let currency: String = row.get(1)?;
        let held: i128 = parsed("entries.amount", &row.get::<_, String>(2)?)?;
        let account = format!("requestor:{requestor}:held");
        let spent = held.checked_neg().ok_or(LedgerError::Overflow)?;
        add_budget(expected, (&account, &requestor), &currency, spent)?;
    }
    Ok(())
}

fn compare(expected: &Sums, posted: &Sums, findings: &mut Findings) {
    let accounts: BTreeSet<_> = expected.keys().chain(posted.keys()).collect();
    for account in accounts {
        let of = |sums: &Sums| sums.get(account).copied().unwrap_or(0);
        let (expected, posted) = (of(expected), of(posted));
        if expected != posted {
            let (name, currency) = account;
            findings.add(
                format_args!("account `{name}`"),
                format_args!(
                    "comes to {posted} units of {currency}, by the documents to {expected}"
                ),
            );
        }
    }
}
