//! Owns how a receipt comes into the books: the next in the chain, for an order that waits for it, by the
//! provider that the order names. Checks no signature and no price.

use meterbox_billing::canonical::CanonicalError;
use meterbox_billing::digest::Digest;
use meterbox_billing::draft::{Draft, Placed};
use meterbox_billing::envelope::{Document as _, Envelope, EnvelopeError};
use meterbox_billing::key::SigningKey;
use meterbox_billing::money::Amount;
use meterbox_billing::receipt::Receipt;
use meterbox_billing::record::{Charge, Record};
use meterbox_billing::text::Id;
use rusqlite::params;

use crate::accept::{pending_order, release, requestor_accounts};
use crate::account::{Account, Purpose};
use crate::row::{OrderRow, Pending, row_number, units};
use crate::writer::Writer;
use crate::{LedgerError, records, row};

/// A receipt and its envelope, which agree.
#[derive(Debug, Clone)]
pub struct SealedReceipt {
    receipt: Receipt,
    digest: Digest,
    envelope: Vec<u8>,
}

/// What the next receipt has to say of its place in the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Next {
    /// Its number.
    pub sequence: u64,
    /// The digest of the receipt before it; none before the first.
    pub previous: Option<Digest>,
}

/// A receipt that is on disk, and may be released.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// Its number.
    pub sequence: u64,
    /// The digest of its payload.
    pub digest: Digest,
    /// What it charged.
    pub total: Amount,
    /// What it says.
    pub receipt: Receipt,
    /// Its envelope.
    pub envelope: Vec<u8>,
}

impl SealedReceipt {
    /// Signs a receipt at its place in the chain.
    pub fn seal(draft: &Draft, next: Next, key: &SigningKey) -> Result<Self, EnvelopeError> {
        let Placed { receipt, payload } = draft.place(next.sequence, next.previous)?;
        Ok(Self {
            digest: Digest::of(&payload),
            envelope: Envelope::sign(Receipt::PAYLOAD_TYPE, &payload, key)?.to_bytes()?,
            receipt,
        })
    }

    /// Reads a receipt's envelope.
    pub fn read(envelope: &[u8]) -> Result<Self, EnvelopeError> {
        let sealed = Envelope::from_bytes(envelope)?;
        let (receipt, digest) = sealed.document_and_digest_unverified()?;
        Ok(Self {
            receipt,
            digest,
            envelope: envelope.to_owned(),
        })
    }

    /// What it says.
    #[must_use]
    pub const fn receipt(&self) -> &Receipt {
        &self.receipt
    }

    /// Whether it was signed for this place.
    pub(crate) fn is_at(&self, place: Next) -> bool {
        let attested = self.receipt.attested();
        (attested.sequence, attested.previous_receipt) == (place.sequence, place.previous)
    }

    /// The place after it; none after the last number.
    pub(crate) fn next(&self) -> Option<Next> {
        let sequence = self.receipt.attested().sequence.checked_add(1)?;
        Some(Next {
            sequence,
            previous: Some(self.digest),
        })
    }
}

/// Records the receipt that `sign` makes for this place in the chain.
pub(crate) fn record(
    writer: &mut Writer,
    order_id: &Id,
    sign: impl FnOnce(Next) -> Result<SealedReceipt, EnvelopeError>,
) -> Result<Recorded, LedgerError> {
    let (row, pending) = pending_order(writer, order_id)?;
    let next = writer.place.next();
    let sealed = sign(next)?;
    check(&sealed.receipt, &row, &pending, next)?;
    let total = sealed.receipt.reproducible().total;
    let charge = units(total)?;
    let rest = pending
        .held
        .checked_sub(charge)
        .filter(|rest| *rest >= 0)
        .ok_or_else(|| LedgerError::ChargeBeyondHold {
            id: order_id.clone(),
            total,
        })?;
    insert(writer, &row, &sealed, charge)?;
    let (budget, held) = requestor_accounts(writer, &row)?;
    let income = writer.account(&Account::provider(Purpose::Income, &row.currency))?;
    writer.post("charge", Some(row.number), (held, income), charge)?;
    release(writer, &row, (held, budget), rest)?;
    writer.place.sequence = next.sequence.checked_add(1).ok_or(LedgerError::Overflow)?;
    writer.place.last_receipt = Some(sealed.digest);
    Ok(Recorded {
        sequence: next.sequence,
        digest: sealed.digest,
        total,
        receipt: sealed.receipt,
        envelope: sealed.envelope,
    })
}

fn insert(
    writer: &mut Writer,
    row: &OrderRow,
    sealed: &SealedReceipt,
    charge: i128,
) -> Result<(), LedgerError> {
    let sequence = row_number(writer.place.sequence)?;
    let digest = sealed.digest;
    writer
        .reader
        .connection()
        .prepare_cached(
            "INSERT INTO receipts (sequence, order_number, digest, total, envelope) VALUES (?, ?, ?, ?, ?)",
        )?
        .execute(params![
            sequence,
            row.number,
            digest.as_bytes().as_slice(),
            charge.to_string(),
            sealed.envelope
        ])?;
    let provider = sealed.receipt.attested().provider_key;
    let keys = (row.requestor, writer.key(provider.as_bytes())?);
    let requestor = writer.public_key(row.requestor)?;
    let charge = Charge::of(&sealed.receipt, digest, requestor);
    let record = writer.place.record;
    records::insert(
        writer.reader.connection(),
        record,
        writer.place.sequence,
        keys,
        &Record::Charge(charge),
    )?;
    writer.place.record = record.checked_add(1).ok_or(LedgerError::Overflow)?;
    Ok(())
}

/// Fails unless the receipt answers this order, adds up, and is the next in the chain.
fn check(
    receipt: &Receipt,
    row: &OrderRow,
    pending: &Pending,
    next: Next,
) -> Result<(), LedgerError> {
    let (part, attested) = (receipt.reproducible(), receipt.attested());
    let shown =
        |digest: Option<Digest>| digest.map_or("none".to_owned(), |digest| digest.to_string());
    let no = |field, found: String, expected: String| {
        Err(LedgerError::NotNext {
            field,
            found,
            expected,
        })
    };
    if attested.order_id.as_str() != row.id {
        return no(
            "attested.order_id",
            attested.order_id.to_string(),
            row.id.clone(),
        );
    }
    if attested.order != row.digest {
        return no(
            "attested.order",
            attested.order.to_string(),
            row.digest.to_string(),
        );
    }
    if attested.sequence != next.sequence {
        return no(
            "attested.sequence",
            attested.sequence.to_string(),
            next.sequence.to_string(),
        );
    }
    if attested.previous_receipt != next.previous {
        return no(
            "attested.previous_receipt",
            shown(attested.previous_receipt),
            shown(next.previous),
        );
    }
    if part.currency.to_string() != row.currency {
        return no(
            "reproducible.currency",
            part.currency.to_string(),
            row.currency.clone(),
        );
    }
    if let Some(provider) = &pending.provider
        && attested.provider_key.as_bytes() != provider
    {
        let expected = row::public_key(provider)?.to_string();
        return no(
            "attested.provider_key",
            attested.provider_key.to_string(),
            expected,
        );
    }
    if attested.ended_at < attested.started_at {
        return no(
            "attested.ended_at",
            attested.ended_at.to_string(),
            format!("{} or later", attested.started_at),
        );
    }
    let sum = Amount::sum(part.lines.iter().map(|line| line.amount));
    match sum {
        Ok(sum) if sum == part.total => records::check_lines(&part.lines),
        Ok(sum) => no(
            "reproducible.total",
            part.total.to_string(),
            sum.to_string(),
        ),
        Err(_) => Err(LedgerError::Overflow),
    }
}

impl From<CanonicalError> for LedgerError {
    fn from(error: CanonicalError) -> Self {
        Self::Document(error.into())
    }
}
