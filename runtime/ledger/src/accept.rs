//! Owns how an order comes into the books: once, under the offer that it names, before it expires, within
//! its requestor's budget. Prices nothing and checks no signature.

use std::sync::Arc;

use meterbox_billing::digest::Digest;
use meterbox_billing::envelope::{Document as _, Envelope, EnvelopeError};
use meterbox_billing::key::PublicKey;
use meterbox_billing::money::{Amount, Currency};
use meterbox_billing::offer::Offer;
use meterbox_billing::order::Order;
use meterbox_billing::outcome::Fault;
use meterbox_billing::text::Id;
use meterbox_billing::timestamp::Timestamp;
use rusqlite::params;

use crate::account::{Account, Purpose};
use crate::row::{OrderRow, find_order, find_receipt, seconds, time, units};
use crate::writer::Writer;
use crate::{LedgerError, budget};

/// An offer as the books keep it: it says which provider an order names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownOffer {
    digest: Digest,
    provider: PublicKey,
    payload: Arc<[u8]>,
}

impl KnownOffer {
    /// What the books keep of this offer. To be made once and used for all of its orders.
    pub fn of(offer: &Offer) -> Result<Self, LedgerError> {
        let payload = offer.payload().map_err(EnvelopeError::from)?;
        Ok(Self {
            digest: Digest::of(&payload),
            provider: offer.provider_key,
            payload: payload.into(),
        })
    }
}

/// An order that is handed in, whose envelope the caller has opened and checked.
#[derive(Debug, Clone)]
pub struct NewOrder {
    order: Order,
    digest: Digest,
    envelope: Vec<u8>,
    offer: KnownOffer,
    hold: i128,
    currency: String,
    now: Timestamp,
}

impl NewOrder {
    /// Reads the order's envelope. It is to be run under `offer` and may cost `hold` at most; the time is
    /// `now`.
    pub fn read(
        envelope: &[u8],
        offer: &KnownOffer,
        hold: Amount,
        currency: Currency,
        now: Timestamp,
    ) -> Result<Self, LedgerError> {
        let sealed = Envelope::from_bytes(envelope)?;
        // An envelope is read only if its payload is the document's one form.
        let (order, digest): (Order, Digest) = sealed.document_and_digest_unverified()?;
        if order.offer != offer.digest {
            return Err(LedgerError::WrongOffer {
                id: order.id,
                named: order.offer,
                given: offer.digest,
            });
        }
        Ok(Self {
            digest,
            order,
            envelope: envelope.to_owned(),
            offer: offer.clone(),
            hold: units(hold)?,
            currency: currency.to_string(),
            now,
        })
    }
}

/// What became of an order that was handed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Accept {
    /// It is new, or an attempt before ended in a fault. Its hold is posted: run it.
    Accepted,
    /// The very same order was done before.
    AlreadyDone {
        /// The envelope of its receipt, byte for byte as it was released.
        receipt: Vec<u8>,
    },
}

/// Takes an order, or gives the receipt that it has.
pub(crate) fn accept(writer: &mut Writer, new: &NewOrder) -> Result<Accept, LedgerError> {
    let order = &new.order;
    let known = find_order(writer.reader.connection(), order.id.as_str())?;
    if let Some(row) = &known {
        if row.digest != new.digest {
            return Err(LedgerError::ExistsWithDifferentOrder {
                id: order.id.clone(),
                recorded: row.digest.to_string(),
                given: new.digest,
            });
        }
        if row.pending.is_some() {
            return Err(LedgerError::Pending {
                id: order.id.clone(),
            });
        }
        if let Some(receipt) = find_receipt(writer.reader.connection(), row.number)? {
            return Ok(Accept::AlreadyDone { receipt });
        }
    }
    let now = check_time(writer, new)?;
    let requestor = writer.key(order.requestor_key.as_bytes())?;
    let currency = known
        .as_ref()
        .map_or(new.currency.as_str(), |row| row.currency.as_str());
    budget::check_hold(writer, (order.requestor_key, requestor), currency, new.hold)?;
    let row = match known {
        Some(row) => row,
        None => insert(writer, new, requestor)?,
    };
    hold(writer, &row, new)?;
    writer.place.clock = writer.place.clock.max(seconds(now)?);
    if writer.policy.trust_clock {
        writer.place.clock = seconds(new.now)?;
    }
    Ok(Accept::Accepted)
}

/// The time to go by: never earlier than the books were told before, or an order that had expired would
/// come to life again.
fn check_time(writer: &Writer, new: &NewOrder) -> Result<Timestamp, LedgerError> {
    let latest = time(writer.place.clock)?;
    let step = latest.unix_seconds().saturating_sub(new.now.unix_seconds());
    let now = match writer.policy.trust_clock {
        true => new.now,
        false if step > writer.policy.clock_step_seconds_max => {
            return Err(LedgerError::ClockWentBack {
                now: new.now,
                latest,
            });
        }
        false => new.now.max(latest),
    };
    if now >= new.order.expires_at {
        return Err(LedgerError::Expired {
            id: new.order.id.clone(),
            expires_at: new.order.expires_at,
            now,
        });
    }
    Ok(now)
}

fn insert(writer: &Writer, new: &NewOrder, requestor: i64) -> Result<OrderRow, LedgerError> {
    writer
        .reader
        .connection()
        .prepare_cached(
            "INSERT INTO orders (id, digest, requestor, currency, envelope) VALUES (?, ?, ?, ?, ?)",
        )?
        .execute(params![
            new.order.id.as_str(),
            new.digest.as_bytes().as_slice(),
            requestor,
            new.currency,
            new.envelope
        ])?;
    Ok(OrderRow {
        number: writer.reader.connection().last_insert_rowid(),
        id: new.order.id.to_string(),
        digest: new.digest,
        requestor,
        currency: new.currency.clone(),
        pending: None,
    })
}

fn hold(writer: &mut Writer, row: &OrderRow, new: &NewOrder) -> Result<(), LedgerError> {
    let offer = &new.offer;
    let offer = writer.offer(offer.digest, offer.provider.as_bytes(), &offer.payload)?;
    let (budget, held) = requestor_accounts(writer, row)?;
    let entry = writer.post("hold", Some(row.number), (budget, held), new.hold)?;
    writer
        .reader
        .connection()
        .prepare_cached(
            "INSERT INTO pending (order_number, offer, entry, held) VALUES (?, ?, ?, ?)",
        )?
        .execute(params![row.number, offer, entry, new.hold.to_string()])?;
    Ok(())
}

/// The accounts of an order's requestor: its budget, and what is held of it.
pub(crate) fn requestor_accounts(
    writer: &mut Writer,
    row: &OrderRow,
) -> Result<(i64, i64), LedgerError> {
    let of = |purpose| Account::requestor(purpose, row.requestor, &row.currency);
    Ok((
        writer.account(&of(Purpose::Budget))?,
        writer.account(&of(Purpose::Held))?,
    ))
}

/// The row of an order that was accepted and has neither receipt nor fault since.
pub(crate) fn pending_order(
    writer: &Writer,
    id: &Id,
) -> Result<(OrderRow, crate::row::Pending), LedgerError> {
    let mut row = find_order(writer.reader.connection(), id.as_str())?
        .ok_or_else(|| LedgerError::UnknownOrder { id: id.clone() })?;
    if let Some(pending) = row.pending.take() {
        return Ok((row, pending));
    }
    Err(
        match find_receipt(writer.reader.connection(), row.number)? {
            Some(_) => LedgerError::AlreadyRecorded { id: id.clone() },
            None => LedgerError::NotPending { id: id.clone() },
        },
    )
}

/// Releases an order's hold and keeps why it failed.
pub(crate) fn abandon(writer: &mut Writer, id: &Id, fault: &Fault) -> Result<(), LedgerError> {
    let (row, pending) = pending_order(writer, id)?;
    writer.reader.connection().execute(
        "INSERT INTO faults (order_number, reason) VALUES (?, ?)",
        params![row.number, fault.reason.as_str()],
    )?;
    let (budget, held) = requestor_accounts(writer, &row)?;
    release(writer, &row, (held, budget), pending.held)
}

/// Ends an order's hold: what was not charged goes back. Releasing nothing posts nothing.
pub(crate) fn release(
    writer: &mut Writer,
    row: &OrderRow,
    accounts: (i64, i64),
    rest: i128,
) -> Result<(), LedgerError> {
    if rest != 0 {
        writer.post("release", Some(row.number), accounts, rest)?;
    }
    writer
        .reader
        .connection()
        .prepare_cached("DELETE FROM pending WHERE order_number = ?")?
        .execute([row.number])?;
    Ok(())
}
