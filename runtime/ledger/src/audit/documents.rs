//! Owns the comparison of the books with the signed documents in them, one by one. Adds nothing up.

use meterbox_billing::acceptance::Acceptance;
use meterbox_billing::credit::Credit;
use meterbox_billing::digest::Digest;
use meterbox_billing::envelope::{Document, Envelope, EnvelopeError};
use meterbox_billing::key::PublicKey;
use meterbox_billing::order::Order;
use meterbox_billing::receipt::Receipt;
use meterbox_billing::record::{Charge, Credited, Disputed, Record, Rounded};
use rusqlite::{Connection, OptionalExtension as _, params};

use super::Findings;
use crate::row::{public_key, row_number, sequence_number};
use crate::writer::receipt_before;
use crate::{LedgerError, rounding};

/// Follows the records, and reads the document of each.
pub(super) struct Documents<'c> {
    connection: &'c Connection,
    with_signatures: bool,
    /// The number that the next charge has; none before the first where it is not the very first.
    next_sequence: Option<u64>,
}

/// A document, and the digest of its payload. The signature is checked only where it is asked for.
fn read<T: Document>(
    bytes: &[u8],
    signer: Option<&PublicKey>,
) -> Result<(T, Digest), EnvelopeError> {
    let envelope = Envelope::from_bytes(bytes)?;
    match signer {
        Some(signer) => envelope.open_with_digest(signer),
        None => envelope.document_and_digest_unverified(),
    }
}

impl<'c> Documents<'c> {
    pub(super) const fn new(
        connection: &'c Connection,
        with_signatures: bool,
        from_start: bool,
    ) -> Self {
        Self {
            connection,
            with_signatures,
            next_sequence: if from_start { Some(0) } else { None },
        }
    }

    /// Goes on to the next record, and compares it with its document if asked to.
    pub(super) fn follow(
        &mut self,
        number: u64,
        record: &Record,
        read_document: bool,
        findings: &mut Findings,
    ) -> Result<(), LedgerError> {
        match record {
            Record::Charge(charge) => {
                let place = format!("receipt {}", charge.sequence);
                if let Some(expected) = self.next_sequence
                    && expected != charge.sequence
                {
                    findings.add(
                        &place,
                        format_args!("follows where receipt {expected} should"),
                    );
                }
                self.next_sequence = charge.sequence.checked_add(1);
                match read_document {
                    true => self.check_receipt(&place, charge, findings),
                    false => Ok(()),
                }
            }
            Record::Credit(credited) if read_document => self.check_credit(credited, findings),
            Record::Dispute(disputed) if read_document => self.check_dispute(disputed, findings),
            Record::Rounding(rounded) if read_document => {
                self.check_rounding(number, rounded, findings)
            }
            Record::Credit(_) | Record::Dispute(_) | Record::Rounding(_) => Ok(()),
        }
    }

    /// Every receipt has its record.
    pub(super) fn finish(&self, findings: &mut Findings) -> Result<(), LedgerError> {
        let receipts = sequence_number(crate::row::next_number(self.connection, "receipts")?)?;
        match self.next_sequence {
            Some(next) if next < receipts => {
                findings.add(format_args!("receipt {next}"), "has no record");
            }
            _ => {}
        }
        Ok(())
    }

    /// A receipt follows the one before it, answers its order, and says what its rows say.
    fn check_receipt(
        &self,
        place: &str,
        charge: &Charge,
        findings: &mut Findings,
    ) -> Result<(), LedgerError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT receipts.envelope, receipts.digest, receipts.total, receipts.order_number,
                    orders.id, orders.digest, orders.envelope, keys.key, orders.currency
             FROM receipts JOIN orders ON orders.number = receipts.order_number
                  JOIN keys ON keys.number = orders.requestor
             WHERE sequence = ?",
        )?;
        let mut rows = statement.query([row_number(charge.sequence)?])?;
        let Some(row) = rows.next()? else {
            findings.add(place, "is missing, or its order is");
            return Ok(());
        };
        let requestor = public_key(&row.get(7)?)?;
        let signer = self.with_signatures.then_some(&charge.provider);
        let (receipt, digest) = match read::<Receipt>(&row.get::<_, Vec<u8>>(0)?, signer) {
            Ok(read) => read,
            Err(error) => {
                findings.add(place, shown(&error));
                return Ok(());
            }
        };
        let signer = self.with_signatures.then_some(&requestor);
        let order = match read::<Order>(&row.get::<_, Vec<u8>>(6)?, signer) {
            Ok(read) => read,
            Err(error) => {
                findings.add(format_args!("order `{}`", charge.order_id), shown(&error));
                return Ok(());
            }
        };
        let before = match charge.sequence {
            // What was before the first that is looked at may be missing, which is found elsewhere.
            0 => None,
            sequence => receipt_before(self.connection, sequence).unwrap_or(None),
        };
        let attested = receipt.attested();
        let agrees = Charge::of(&receipt, digest, requestor) == *charge
            && digest.as_bytes() == &row.get::<_, [u8; 32]>(1)?
            && charge.total.units().to_string() == row.get::<_, String>(2)?
            && attested.previous_receipt == before
            && attested.order == order.1
            && attested.order_id == order.0.id
            && charge.currency.to_string() == row.get::<_, String>(8)?;
        if !agrees {
            findings.add(
                place,
                "differs from its rows, its order or the receipt before it",
            );
        }
        let says = (
            order.0.id.as_str(),
            *order.1.as_bytes(),
            order.0.requestor_key,
        );
        let id: String = row.get(4)?;
        if says != (id.as_str(), row.get(5)?, requestor) {
            findings.add(
                format_args!("order `{id}`"),
                "its row differs from its envelope",
            );
        }
        self.check_provider(place, &order.0, &charge.provider, findings)?;
        self.check_entries(row.get(3)?, &id, charge, findings)
    }

    /// The provider that signed is the one that the order names, by its offer. Orders of the first
    /// schema came without their offers.
    fn check_provider(
        &self,
        place: &str,
        order: &Order,
        provider: &PublicKey,
        findings: &mut Findings,
    ) -> Result<(), LedgerError> {
        let named: Option<[u8; 32]> = self
            .connection
            .prepare_cached(
                "SELECT keys.key FROM offers JOIN keys ON keys.number = offers.provider
                 WHERE offers.digest = ?",
            )?
            .query_row([order.offer.as_bytes().as_slice()], |row| row.get(0))
            .optional()?;
        if named.is_some_and(|named| named != *provider.as_bytes()) {
            findings.add(place, "is another provider's than the order names");
        }
        Ok(())
    }

    /// What an order's entries hold, release and charge adds up.
    fn check_entries(
        &self,
        order: i64,
        id: &str,
        charge: &Charge,
        findings: &mut Findings,
    ) -> Result<(), LedgerError> {
        let [hold, release, charged, credited] = order_sums(self.connection, order)?;
        let total = crate::row::units(charge.total)?;
        let adds_up =
            charged == total && release.checked_add(charged) == Some(hold) && credited <= total;
        if !adds_up {
            findings.add(
                format_args!("order `{id}`"),
                format_args!(
                    "holds {hold} units, releases {release}, charges {charged} and credits {credited}, \
                     and its receipt charges {total}"
                ),
            );
        }
        Ok(())
    }

    fn check_credit(
        &self,
        credited: &Credited,
        findings: &mut Findings,
    ) -> Result<(), LedgerError> {
        let place = format!("credit `{}`", credited.id);
        let found: Option<(Vec<u8>, String, i64)> = self
            .connection
            .query_row(
                "SELECT envelope, amount, receipt FROM credits WHERE id = ?",
                [credited.id.as_str()],
                |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
            )
            .optional()?;
        let Some((envelope, amount, receipt)) = found else {
            findings.add(place, "is missing");
            return Ok(());
        };
        let signer = self.with_signatures.then_some(&credited.provider);
        match (read::<Credit>(&envelope, signer), self.charge(receipt)?) {
            (Err(error), _) => findings.add(place, shown(&error)),
            (_, None) => findings.add(place, "its receipt is missing"),
            (Ok((credit, digest)), Some(charge)) => {
                let agrees = Credited::of(&credit, digest, &charge) == *credited
                    && amount == credit.amount.units().to_string();
                if !agrees {
                    findings.add(place, "its rows differ from its envelope");
                }
            }
        }
        Ok(())
    }

    fn check_dispute(
        &self,
        disputed: &Disputed,
        findings: &mut Findings,
    ) -> Result<(), LedgerError> {
        let place = format!("dispute {}", disputed.dispute);
        let found: Option<(Vec<u8>, i64)> = self
            .connection
            .query_row(
                "SELECT envelope, receipt FROM verdicts WHERE digest = ? AND kind = 'disputed'",
                [disputed.dispute.as_bytes().as_slice()],
                |row| Ok((row.get(0)?, row.get(1)?)),
            )
            .optional()?;
        let Some((envelope, receipt)) = found else {
            findings.add(place, "is missing");
            return Ok(());
        };
        let signer = self.with_signatures.then_some(&disputed.requestor);
        match (read::<Acceptance>(&envelope, signer), self.charge(receipt)?) {
            (Err(error), _) => findings.add(place, shown(&error)),
            (_, None) => findings.add(place, "its receipt is missing"),
            (Ok((said, digest)), Some(charge)) => {
                if Disputed::of(&said, digest, &charge).as_ref() != Some(disputed) {
                    findings.add(place, "its rows differ from its envelope");
                }
            }
        }
        Ok(())
    }

    /// The record says what its row says. Where everything is checked, the records before it say so too: rounding
    /// what they come to leaves just this over.
    fn check_rounding(
        &self,
        number: u64,
        rounded: &Rounded,
        findings: &mut Findings,
    ) -> Result<(), LedgerError> {
        let place = format!("rounding of invoice `{}`", rounded.invoice);
        if rounding::of_record(self.connection, number)? != *rounded {
            findings.add(&place, "its record differs from its row");
        }
        if !self.with_signatures {
            return Ok(());
        }
        match rounding::check_remainder(self.connection, rounded, number) {
            Err(LedgerError::Rounding(error)) => findings.add(&place, error),
            checked => checked?,
        }
        Ok(())
    }

    fn charge(&self, sequence: i64) -> Result<Option<Charge>, LedgerError> {
        let digest: Option<[u8; 32]> = self
            .connection
            .query_row(
                "SELECT digest FROM receipts WHERE sequence = ?",
                [sequence],
                |row| row.get(0),
            )
            .optional()?;
        match digest {
            None => Ok(None),
            Some(digest) => crate::records::charge(self.connection, Digest::from_bytes(digest)),
        }
    }
}

/// An error with its causes, in a line.
fn shown(error: &EnvelopeError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

/// What an order's entries hold, release, charge and credit.
fn order_sums(connection: &Connection, order: i64) -> Result<[i128; 4], LedgerError> {
    let mut statement =
        connection.prepare_cached("SELECT kind, amount FROM entries WHERE order_number = ?")?;
    let mut rows = statement.query([order])?;
    let mut sums = [0_i128; 4];
    while let Some(row) = rows.next()? {
        let kinds = ["hold", "release", "charge", "credit"];
        let kind: String = row.get(0)?;
        let units: i128 = crate::row::parsed("entries.amount", &row.get::<_, String>(1)?)?;
        for (sum, _) in sums.iter_mut().zip(kinds).filter(|(_, name)| *name == kind) {
            *sum = sum.checked_add(units).ok_or(LedgerError::Overflow)?;
        }
    }
    Ok(sums)
}

/// Every order without a receipt says what its envelope says, and holds what is pending of it.
pub(super) fn check_orders(
    connection: &Connection,
    findings: &mut Findings,
) -> Result<(), LedgerError> {
    let mut statement = connection.prepare(
        "SELECT orders.number, id, digest, keys.key, envelope, pending.held
         FROM orders JOIN keys ON keys.number = orders.requestor
              LEFT JOIN pending ON pending.order_number = orders.number
         WHERE NOT EXISTS (SELECT 1 FROM receipts WHERE order_number = orders.number)",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (id, digest): (String, [u8; 32]) = (row.get(1)?, row.get(2)?);
        let place = format!("order `{id}`");
        let requestor = public_key(&row.get(3)?)?;
        match read::<Order>(&row.get::<_, Vec<u8>>(4)?, Some(&requestor)) {
            Ok((order, found)) => {
                if order.id.as_str() != id || *found.as_bytes() != digest {
                    findings.add(&place, "its row differs from its envelope");
                }
            }
            Err(error) => findings.add(&place, shown(&error)),
        }
        let held: i128 = match row.get::<_, Option<String>>(5)? {
            Some(held) => crate::row::parsed("pending.held", &held)?,
            None => 0,
        };
        let [hold, release, charged, credited] = order_sums(connection, row.get(0)?)?;
        let adds_up = release.checked_add(held) == Some(hold) && charged == 0 && credited == 0;
        if !adds_up {
            findings.add(
                &place,
                format_args!(
                    "holds {hold} units, releases {release}, charges {charged} and credits {credited}, \
                     and {held} are pending"
                ),
            );
        }
    }
    Ok(())
}

/// Every document has its record, and nothing is pending that has a receipt.
pub(super) fn check_counts(
    connection: &Connection,
    findings: &mut Findings,
) -> Result<(), LedgerError> {
    for (place, problem, query) in [
        (
            "credits",
            "have another number of records",
            "SELECT (SELECT count(*) FROM credits) - (SELECT count(*) FROM records WHERE kind = 'credit')",
        ),
        (
            "disputes",
            "have another number of records",
            "SELECT (SELECT count(*) FROM verdicts WHERE kind = 'disputed')
                  - (SELECT count(*) FROM records WHERE kind = 'dispute')",
        ),
        (
            "roundings",
            "have another number of records",
            "SELECT (SELECT count(*) FROM roundings) - (SELECT count(*) FROM records WHERE kind = 'rounding')",
        ),
        (
            "roundings",
            "are of entries of another kind or amount",
            "SELECT count(*) FROM roundings JOIN entries ON entries.number = roundings.entry
             WHERE entries.kind <> 'rounding' OR entries.amount <> roundings.amount",
        ),
        (
            "pending orders",
            "have receipts",
            "SELECT count(*) FROM pending JOIN receipts ON receipts.order_number = pending.order_number",
        ),
        (
            "verdicts",
            "dispute what was accepted before",
            "SELECT count(*) FROM verdicts AS later JOIN verdicts AS earlier
             ON later.receipt = earlier.receipt AND later.number > earlier.number
             WHERE earlier.kind = 'accepted' AND later.kind = 'disputed'",
        ),
    ] {
        let count: i64 = connection.query_row(query, params![], |row| row.get(0))?;
        if count != 0 {
            findings.add(place, format_args!("{problem}: {count}"));
        }
    }
    check_acceptances(connection, findings)
}

/// Every verdict is signed by whom it names, and says what its row says.
fn check_acceptances(connection: &Connection, findings: &mut Findings) -> Result<(), LedgerError> {
    let mut statement = connection.prepare(
        "SELECT verdicts.envelope, verdicts.digest, receipts.digest, keys.key
         FROM verdicts JOIN receipts ON receipts.sequence = verdicts.receipt
              JOIN orders ON orders.number = receipts.order_number
              JOIN keys ON keys.number = orders.requestor",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let digest: [u8; 32] = row.get(1)?;
        let place = format!("verdict {}", Digest::from_bytes(digest));
        let requestor = public_key(&row.get(3)?)?;
        match read::<Acceptance>(&row.get::<_, Vec<u8>>(0)?, Some(&requestor)) {
            Ok((said, found)) => {
                let names = (*found.as_bytes(), *said.receipt.as_bytes());
                if names != (digest, row.get(2)?) {
                    findings.add(place, "its row differs from its envelope");
                }
            }
            Err(error) => findings.add(place, shown(&error)),
        }
    }
    Ok(())
}
