//! Owns the second model of the books: recomputes every balance from the signed documents alone,
//! and compares. Shares no arithmetic with what posts entries.

use std::collections::BTreeMap;
use std::fmt;

use meterbox_billing::digest::Digest;
use meterbox_billing::envelope::{Document as _, Envelope};
use meterbox_billing::order::Order;
use meterbox_billing::receipt::Receipt;
use rusqlite::Connection;

use crate::posting::parsed;
use crate::{INCOME, LedgerError, schema};

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

/// Units by account and currency.
pub(crate) type Sums = BTreeMap<(String, String), i128>;

/// What every account comes to by its postings.
pub(crate) fn posted_sums(connection: &Connection) -> Result<Sums, LedgerError> {
    let mut sums = Sums::new();
    let mut statement = connection.prepare("SELECT account, currency, amount FROM postings")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let units = parsed("postings.amount", &row.get::<_, String>(2)?)?;
        add(&mut sums, row.get(0)?, row.get(1)?, units)?;
    }
    Ok(sums)
}

fn add(sums: &mut Sums, account: String, currency: String, units: i128) -> Result<(), LedgerError> {
    let sum = sums.entry((account, currency)).or_insert(0);
    *sum = sum.checked_add(units).ok_or(LedgerError::Overflow)?;
    Ok(())
}

/// Everything that does not agree.
pub(crate) fn check(connection: &Connection) -> Result<Vec<Finding>, LedgerError> {
    schema::quick_check(connection)?;
    let mut findings = Vec::new();
    check_entries(connection, &mut findings)?;
    check_orders(connection, &mut findings)?;
    let mut expected = Sums::new();
    check_receipts(connection, &mut expected, &mut findings)?;
    add_holds(connection, &mut expected)?;
    compare(&expected, &posted_sums(connection)?, &mut findings);
    Ok(findings)
}

fn finding(place: impl fmt::Display, problem: impl fmt::Display) -> Finding {
    Finding {
        place: place.to_string(),
        problem: problem.to_string(),
    }
}

/// Every entry has two postings that cancel each other.
fn check_entries(connection: &Connection, findings: &mut Vec<Finding>) -> Result<(), LedgerError> {
    let mut statement = connection
        .prepare("SELECT entry, amount, currency FROM postings ORDER BY entry, number")?;
    let mut rows = statement.query([])?;
    let mut entries: BTreeMap<i64, (Vec<i128>, String)> = BTreeMap::new();
    while let Some(row) = rows.next()? {
        let units = parsed("postings.amount", &row.get::<_, String>(1)?)?;
        let currency: String = row.get(2)?;
        let entry = row.get(0)?;
        let (amounts, first) = entries
            .entry(entry)
            .or_insert_with(|| (Vec::new(), currency.clone()));
        if *first != currency {
            findings.push(finding(format_args!("entry {entry}"), "mixes currencies"));
        }
        amounts.push(units);
        // Entries come in order, so all but the last are complete: keep memory bounded.
        while let Some(oldest) = entries.first_entry().filter(|oldest| *oldest.key() < entry) {
            let number = *oldest.key();
            check_entry(number, &oldest.remove().0, findings);
        }
    }
    for (number, (amounts, _)) in entries {
        check_entry(number, &amounts, findings);
    }
    Ok(())
}

fn check_entry(number: i64, amounts: &[i128], findings: &mut Vec<Finding>) {
    let cancels = matches!(amounts, [from, to] if from.checked_neg() == Some(*to));
    if !cancels {
        findings.push(finding(
            format_args!("entry {number}"),
            "its postings do not cancel each other",
        ));
    }
}

/// Every order's row says what its envelope says.
fn check_orders(connection: &Connection, findings: &mut Vec<Finding>) -> Result<(), LedgerError> {
    let mut statement = connection.prepare("SELECT id, digest, requestor, envelope FROM orders")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (id, digest, requestor): (String, String, String) =
            (row.get(0)?, row.get(1)?, row.get(2)?);
        let place = format!("order `{id}`");
        let envelope: Vec<u8> = row.get(3)?;
        let read = Envelope::from_bytes(&envelope).and_then(|sealed| {
            let order: Order = sealed.document_unverified()?;
            let digest = order.digest()?;
            Ok((order, digest))
        });
        match read {
            Ok((order, found)) => {
                let says = [
                    order.id.to_string(),
                    found.to_string(),
                    order.requestor_key.to_string(),
                ];
                if says != [id, digest, requestor] {
                    findings.push(finding(place, "its row differs from its envelope"));
                }
            }
            Err(error) => findings.push(finding(place, error)),
        }
    }
    Ok(())
}

/// Every receipt follows the one before it, answers its order and says what its row says; adds what
/// it charges to `expected`.
fn check_receipts(
    connection: &Connection,
    expected: &mut Sums,
    findings: &mut Vec<Finding>,
) -> Result<(), LedgerError> {
    let mut statement = connection.prepare(
        "SELECT receipts.envelope, receipts.digest, receipts.total, orders.id, orders.digest, orders.requestor
         FROM receipts JOIN orders ON orders.id = receipts.order_id ORDER BY sequence",
    )?;
    let mut rows = statement.query([])?;
    let mut previous: Option<Digest> = None;
    let mut sequence = 0_u64;
    while let Some(row) = rows.next()? {
        let place = format!("receipt {sequence}");
        let sealed = Envelope::from_bytes(&row.get::<_, Vec<u8>>(0)?);
        let read = sealed.and_then(|sealed| {
            let receipt: Receipt = sealed.document_unverified()?;
            Ok((receipt, sealed.payload_digest()?))
        });
        let (receipt, digest) = match read {
            Ok(read) => read,
            Err(error) => {
                findings.push(finding(place, error));
                return Ok(());
            }
        };
        let attested = receipt.attested();
        let total = receipt.reproducible().total.units();
        let agrees = attested.sequence == sequence
            && attested.previous_receipt == previous
            && digest.to_string() == row.get::<_, String>(1)?
            && total.to_string() == row.get::<_, String>(2)?
            && attested.order_id.as_str() == row.get::<_, String>(3)?
            && attested.order.to_string() == row.get::<_, String>(4)?;
        if !agrees {
            findings.push(finding(
                place,
                "differs from its row, its order or the receipt before it",
            ));
        }
        let units = i128::try_from(total).map_err(|_| LedgerError::Overflow)?;
        let currency = receipt.reproducible().currency.to_string();
        let budget = format!("requestor:{}:budget", row.get::<_, String>(5)?);
        add(expected, INCOME.to_owned(), currency.clone(), units)?;
        add(
            expected,
            budget,
            currency,
            units.checked_neg().ok_or(LedgerError::Overflow)?,
        )?;
        previous = Some(digest);
        sequence = sequence.checked_add(1).ok_or(LedgerError::Overflow)?;
    }
    Ok(())
}

/// Adds the last hold of every order that has neither receipt nor as many faults as holds.
fn add_holds(connection: &Connection, expected: &mut Sums) -> Result<(), LedgerError> {
    let mut statement = connection.prepare(
        "SELECT orders.requestor, orders.currency,
                (SELECT amount FROM postings WHERE order_id = orders.id AND kind = 'hold' ORDER BY number DESC LIMIT 1)
         FROM orders
         WHERE NOT EXISTS (SELECT 1 FROM receipts WHERE order_id = orders.id)
           AND (SELECT count(*) FROM postings WHERE order_id = orders.id AND kind = 'hold')
             > 2 * (SELECT count(*) FROM faults WHERE order_id = orders.id)",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (requestor, currency): (String, String) = (row.get(0)?, row.get(1)?);
        let held: i128 = parsed("postings.amount", &row.get::<_, String>(2)?)?;
        let spent = held.checked_neg().ok_or(LedgerError::Overflow)?;
        add(
            expected,
            format!("requestor:{requestor}:held"),
            currency.clone(),
            held,
        )?;
        add(
            expected,
            format!("requestor:{requestor}:budget"),
            currency,
            spent,
        )?;
    }
    Ok(())
}

fn compare(expected: &Sums, posted: &Sums, findings: &mut Vec<Finding>) {
    let accounts: std::collections::BTreeSet<_> = expected.keys().chain(posted.keys()).collect();
    for account in accounts {
        let of = |sums: &Sums| sums.get(account).copied().unwrap_or(0);
        let (expected, posted) = (of(expected), of(posted));
        if expected != posted {
            let (name, currency) = account;
            findings.push(finding(
                format_args!("account `{name}`"),
                format_args!(
                    "comes to {posted} units of {currency}, by the receipts to {expected}"
                ),
            ));
        }
    }
}
