//! Owns what follows a receipt: the requestor's verdict, and the provider's credits. Decides no dispute and
//! changes no receipt: a correction is an entry of its own.

use meterbox_billing::acceptance::{ACCEPTANCE_SCHEMA, Acceptance, Verdict};
use meterbox_billing::credit::{CREDIT_SCHEMA, Credit};
use meterbox_billing::digest::Digest;
use meterbox_billing::envelope::{Document, Envelope, EnvelopeError};
use meterbox_billing::key::PublicKey;
use meterbox_billing::money::{Amount, Currency};
use meterbox_billing::record::{Charge, Credited, Disputed, Record};
use meterbox_billing::text::Id;
use rusqlite::{OptionalExtension as _, params};

use crate::account::{Account, Purpose};
use crate::budget::Posted;
use crate::row::{self, amount, row_number, units};
use crate::writer::Writer;
use crate::{LedgerError, records};

/// A requestor may say several things about one receipt, and not fill the books with them.
pub const DISPUTES_MAX: i64 = 16;

/// Why an acceptance, a dispute or a credit was not recorded.
#[derive(Debug, thiserror::Error)]
pub enum CorrectionError {
    /// It is signed by somebody else than who has a say in this.
    #[error("the {what} of the receipt {receipt} is not signed by its {signer}")]
    Signer {
        /// `acceptance` or `credit`.
        what: &'static str,
        /// The receipt.
        receipt: Digest,
        /// `requestor` or `provider`.
        signer: &'static str,
        /// Why.
        #[source]
        source: Box<EnvelopeError>,
    },
    /// Another version of its form.
    #[error("the {what} has schema {found}, expected {expected}")]
    Schema {
        /// `acceptance` or `credit`.
        what: &'static str,
        /// Its version.
        found: u32,
        /// The version that is understood.
        expected: u32,
    },
    /// No such receipt is recorded.
    #[error("there is no receipt {receipt} in this ledger")]
    UnknownReceipt {
        /// The digest that it names.
        receipt: Digest,
    },
    /// The requestor accepted the receipt before.
    #[error("the receipt {receipt} was accepted, and is not disputed any more")]
    Accepted {
        /// The receipt.
        receipt: Digest,
    },
    /// As many disputes as are recorded of one receipt.
    #[error("the receipt {receipt} has {DISPUTES_MAX} disputes already")]
    TooManyDisputes {
        /// The receipt.
        receipt: Digest,
    },
    /// The credit is in another currency than the receipt.
    #[error("the credit is in {found}, the receipt in {expected}")]
    Currency {
        /// The credit's.
        found: Currency,
        /// The receipt's.
        expected: Currency,
    },
    /// More than the receipt charged.
    #[error("the credit gives {asked} back, and {left} of the receipt are not given back yet")]
    BeyondTotal {
        /// The credit's amount.
        asked: Amount,
        /// The total less all credits before.
        left: Amount,
    },
    /// The id is taken by another credit.
    #[error("the credit `{id}` exists and is another one")]
    ExistsWithDifferentCredit {
        /// The id.
        id: Id,
    },
}

impl CorrectionError {
    /// What can be done about it.
    #[must_use]
    pub const fn hint(&self) -> Option<&'static str> {
        match self {
            Self::UnknownReceipt { .. } => {
                Some("give it to the provider whose receipt it is, and name the payload's digest")
            }
            Self::Accepted { .. } => Some("a provider may still give a credit"),
            Self::BeyondTotal { .. } => Some("give back no more than is left"),
            Self::ExistsWithDifferentCredit { .. } => Some("choose another id for the new credit"),
            _ => None,
        }
    }
}

/// Reads an envelope that `signer` must have signed.
fn opened<T: Document>(
    envelope: &Envelope,
    signer: &PublicKey,
    what: (&'static str, &'static str),
    receipt: Digest,
) -> Result<T, LedgerError> {
    envelope.open(signer).map_err(|source| {
        CorrectionError::Signer {
            what: what.0,
            receipt,
            signer: what.1,
            source: Box::new(source),
        }
        .into()
    })
}

fn check_schema(what: &'static str, found: u32, expected: u32) -> Result<(), LedgerError> {
    if found == expected {
        return Ok(());
    }
    Err(CorrectionError::Schema {
        what,
        found,
        expected,
    }
    .into())
}

/// What was charged by the receipt of this digest.
fn charge(writer: &Writer, receipt: Digest) -> Result<Charge, LedgerError> {
    records::charge(writer.reader.connection(), receipt)?
        .ok_or_else(|| CorrectionError::UnknownReceipt { receipt }.into())
}

/// Records what the requestor says of a receipt. It moves no money.
pub(crate) fn judge(writer: &mut Writer, bytes: &[u8]) -> Result<Posted, LedgerError> {
    let envelope = Envelope::from_bytes(bytes)?;
    let claimed: Acceptance = envelope.document_unverified()?;
    check_schema("acceptance", claimed.schema, ACCEPTANCE_SCHEMA)?;
    let charge = charge(writer, claimed.receipt)?;
    let signer = ("acceptance", "requestor");
    let said: Acceptance = opened(&envelope, &charge.requestor, signer, claimed.receipt)?;
    if said.requestor_key != charge.requestor {
        let source = EnvelopeError::UnknownSigner {
            found: said.requestor_key.id().to_string(),
            expected: charge.requestor.id(),
        };
        return Err(CorrectionError::Signer {
            what: signer.0,
            receipt: said.receipt,
            signer: signer.1,
            source: Box::new(source),
        }
        .into());
    }
    let digest = envelope.payload_digest()?;
    let is_accepted = said.verdict == Verdict::Accepted {};
    if is_said_before(writer, &charge, digest, is_accepted)? {
        return Ok(Posted::Before);
    }
    writer.reader.connection().execute(
        "INSERT INTO verdicts (receipt, digest, kind, envelope) VALUES (?, ?, ?, ?)",
        params![
            row_number(charge.sequence)?,
            digest.as_bytes().as_slice(),
            if is_accepted { "accepted" } else { "disputed" },
            bytes
        ],
    )?;
    if let Some(disputed) = Disputed::of(&said, digest, &charge) {
        add_record(writer, &charge, &Record::Dispute(disputed))?;
    }
    Ok(Posted::New)
}

/// Whether the very same was said before, or that the receipt is right; fails on a dispute of what was
/// accepted.
fn is_said_before(
    writer: &Writer,
    charge: &Charge,
    digest: Digest,
    is_accepted: bool,
) -> Result<bool, LedgerError> {
    let (same, accepted, disputed): (i64, i64, i64) = writer.reader.connection().query_row(
        "SELECT count(*) FILTER (WHERE digest = ?2), count(*) FILTER (WHERE kind = 'accepted'),
                count(*) FILTER (WHERE kind = 'disputed')
         FROM verdicts WHERE receipt = ?1",
        params![row_number(charge.sequence)?, digest.as_bytes().as_slice()],
        |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
    )?;
    let receipt = charge.receipt;
    match (same > 0, accepted > 0, is_accepted) {
        (true, _, _) | (false, true, true) => Ok(true),
        (false, true, false) => Err(CorrectionError::Accepted { receipt }.into()),
        (false, false, false) if disputed >= DISPUTES_MAX => {
            Err(CorrectionError::TooManyDisputes { receipt }.into())
        }
        (false, false, _) => Ok(false),
    }
}

/// Records a credit: gives back to the requestor's budget what a receipt charged too much.
pub(crate) fn credit(writer: &mut Writer, bytes: &[u8]) -> Result<Posted, LedgerError> {
    let envelope = Envelope::from_bytes(bytes)?;
    let claimed: Credit = envelope.document_unverified()?;
    check_schema("credit", claimed.schema, CREDIT_SCHEMA)?;
    let charge = charge(writer, claimed.receipt)?;
    let signer = ("credit", "provider");
    let credit: Credit = opened(&envelope, &charge.provider, signer, claimed.receipt)?;
    let digest = envelope.payload_digest()?;
    let recorded: Option<[u8; 32]> = writer
        .reader
        .connection()
        .query_row(
            "SELECT digest FROM credits WHERE id = ?",
            [credit.id.as_str()],
            |row| row.get(0),
        )
        .optional()?;
    match recorded {
        Some(recorded) if recorded == *digest.as_bytes() => return Ok(Posted::Before),
        Some(_) => return Err(CorrectionError::ExistsWithDifferentCredit { id: credit.id }.into()),
        None => {}
    }
    check_amount(writer, &charge, &credit)?;
    let entry = post(writer, &charge, &credit)?;
    writer.reader.connection().execute(
        "INSERT INTO credits (id, receipt, digest, amount, entry, envelope) VALUES (?, ?, ?, ?, ?, ?)",
        params![
            credit.id.as_str(),
            row_number(charge.sequence)?,
            digest.as_bytes().as_slice(),
            credit.amount.units().to_string(),
            entry,
            bytes
        ],
    )?;
    let credited = Credited::of(&credit, digest, &charge);
    add_record(writer, &charge, &Record::Credit(credited))?;
    Ok(Posted::New)
}

fn check_amount(writer: &Writer, charge: &Charge, credit: &Credit) -> Result<(), LedgerError> {
    if credit.provider_key != charge.provider {
        return Err(CorrectionError::Signer {
            what: "credit",
            receipt: credit.receipt,
            signer: "provider",
            source: Box::new(EnvelopeError::UnknownSigner {
                found: credit.provider_key.id().to_string(),
                expected: charge.provider.id(),
            }),
        }
        .into());
    }
    if credit.currency != charge.currency {
        return Err(CorrectionError::Currency {
            found: credit.currency,
            expected: charge.currency,
        }
        .into());
    }
    let mut statement = writer
        .reader
        .connection()
        .prepare_cached("SELECT amount FROM credits WHERE receipt = ?")?;
    let mut rows = statement.query([row_number(charge.sequence)?])?;
    let mut left = charge.total;
    while let Some(row) = rows.next()? {
        let before = amount("credits.amount", &row.get::<_, String>(0)?)?;
        left = left.checked_sub(before).unwrap_or(Amount::ZERO);
    }
    if credit.amount > left {
        let asked = credit.amount;
        return Err(CorrectionError::BeyondTotal { asked, left }.into());
    }
    Ok(())
}

fn post(writer: &mut Writer, charge: &Charge, credit: &Credit) -> Result<i64, LedgerError> {
    let currency = credit.currency.to_string();
    let requestor = writer.key(charge.requestor.as_bytes())?;
    let order: i64 = writer.reader.connection().query_row(
        "SELECT order_number FROM receipts WHERE sequence = ?",
        [row_number(charge.sequence)?],
        |row| row.get(0),
    )?;
    let income = writer.account(&Account::provider(Purpose::Income, &currency))?;
    let budget = writer.account(&Account::requestor(Purpose::Budget, requestor, &currency))?;
    writer.post(
        "credit",
        Some(order),
        (income, budget),
        units(credit.amount)?,
    )
}

fn add_record(writer: &mut Writer, charge: &Charge, record: &Record) -> Result<(), LedgerError> {
    let keys = (
        row::key_number(writer.reader.connection(), charge.requestor.as_bytes())?,
        row::key_number(writer.reader.connection(), charge.provider.as_bytes())?,
    );
    let number = writer.place.record;
    records::insert(
        writer.reader.connection(),
        number,
        charge.sequence,
        keys,
        record,
    )?;
    writer.place.record = number.checked_add(1).ok_or(LedgerError::Overflow)?;
    Ok(())
}
