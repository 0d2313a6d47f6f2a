//! Checks receipts without trusting whoever signed them: signature, form, digests, arithmetic,
//! prices. Never runs a job, and never believes a key that it finds inside a receipt.

mod models;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Serialize;
use serde_json::Value;

use crate::bill::{
    Bill, CANCELLATION_CHARGE, JOB_FEE, Line, MINIMUM_CHARGE, PriceError, price_job,
};
use crate::canonical::CanonicalError;
use crate::digest::Digest;
use crate::envelope::{Envelope, EnvelopeError};
use crate::job::{JobError, check_name};
use crate::key::PublicKey;
use crate::limits::LimitError;
use crate::money::{Amount, MoneyError};
use crate::rate_card::RateCard;
use crate::receipt::{Receipt, Reproducible};
use crate::text::quoted;
use crate::transcript::Transcript;
use crate::usage::{Meter, Usage};

/// Why a receipt is refused.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// The envelope, its signature or the receipt's form.
    #[error("the receipt's envelope is refused")]
    Envelope(#[from] EnvelopeError),
    /// The trusted key signed a receipt that names another provider.
    #[error("the receipt names the provider key {named}, and was signed by {signer}")]
    WrongProvider {
        /// The id of the key in the receipt.
        named: Digest,
        /// The id of the key that signed.
        signer: Digest,
    },
    /// A field is not what others make it.
    #[error("`{}` is {}, it should be {}", .0.field, .0.ours, .0.theirs)]
    Mismatch(Difference),
    /// A line is no meter's and no charge's, comes twice, or out of order.
    #[error("`lines[{index}]` is `{meter}`, which does not belong there")]
    Line {
        /// Its position, from 0.
        index: usize,
        /// What it is called, cut to a readable length.
        meter: String,
    },
    /// A model that comes twice, or out of order.
    #[error("`models[{index}]` does not belong there: models are listed once, by their digests")]
    Model {
        /// Its position, from 0.
        index: usize,
    },
    /// A line or the total does not fit an amount.
    #[error("`{field}` cannot be computed")]
    Money {
        /// Which.
        field: String,
        /// Why.
        #[source]
        source: MoneyError,
    },
    /// The usage is more than the limits allow.
    #[error("the usage contradicts the limits")]
    Limits(#[from] LimitError),
    /// An output's name is none, or comes twice.
    #[error("the outputs are not valid")]
    Output(#[from] JobError),
    /// The rate card cannot price the usage.
    #[error("the rate card cannot price this usage")]
    Price(#[from] PriceError),
    /// A part has no canonical form.
    #[error("the receipt cannot be digested")]
    Canonical(#[from] CanonicalError),
}

/// Who signed, as far as the caller's trust goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signer {
    /// The key that the caller trusts.
    Trusted(PublicKey),
    /// The caller named no key: the signature fits the key inside the receipt, which may be
    /// anybody's.
    Unknown(PublicKey),
}

/// A receipt that adds up.
#[derive(Debug, Clone)]
pub struct Verified {
    /// Who signed it.
    pub signer: Signer,
    /// The receipt.
    pub receipt: Receipt,
    /// The digest of its payload, by which the next receipt and an acceptance name it.
    pub digest: Digest,
    /// Whether its prices were compared with a rate card, or only its arithmetic was checked.
    pub card_checked: bool,
}

/// Checks the bytes of a receipt's envelope.
///
/// Only `trusted` is believed. Without it, the signature must fit the key inside the receipt, and
/// the answer says that the signer is unknown. With `card`, the bill must be exactly what the card
/// makes of the usage; without it, only quantities, products and the sum are checked.
pub fn verify(
    envelope: &[u8],
    trusted: Option<&PublicKey>,
    card: Option<&RateCard>,
) -> Result<Verified, VerifyError> {
    verify_envelope(&Envelope::from_bytes(envelope)?, trusted, card)
}

/// The same of an envelope that was read already.
pub(crate) fn verify_envelope(
    envelope: &Envelope,
    trusted: Option<&PublicKey>,
    card: Option<&RateCard>,
) -> Result<Verified, VerifyError> {
    let (key, signer) = match trusted {
        Some(key) => (*key, Signer::Trusted(*key)),
        None => {
            let claimed: Receipt = envelope.document_unverified()?;
            let key = claimed.attested().provider_key;
            (key, Signer::Unknown(key))
        }
    };
    let (receipt, digest): (Receipt, Digest) = envelope.open_with_digest(&key)?;
    let named = receipt.attested().provider_key;
    if named != key {
        return Err(VerifyError::WrongProvider {
            named: named.id(),
            signer: key.id(),
        });
    }
    check_reproducible(receipt.reproducible(), card)?;
    Ok(Verified {
        signer,
        digest,
        receipt,
        card_checked: card.is_some(),
    })
}

/// Checks that the reproducible part agrees with itself, and with the card if there is one.
pub fn check_reproducible(part: &Reproducible, card: Option<&RateCard>) -> Result<(), VerifyError> {
    equal("job", part.job, part.job_summary().digest()?)?;
    check_outputs(part)?;
    models::check(&part.models, &part.usage)?;
    part.limits.check_usage(&part.usage)?;
    check_arithmetic(part)?;
    match card {
        Some(card) => check_prices(part, card, card.digest()?),
        None => Ok(()),
    }
}

fn check_outputs(part: &Reproducible) -> Result<(), VerifyError> {
    let mut seen = BTreeSet::new();
    for output in &part.outputs {
        check_name(&output.name)?;
        if !seen.insert(&output.name) {
            return Err(JobError::DuplicateOutput {
                name: output.name.clone(),
            }
            .into());
        }
    }
    Ok(())
}

fn equal<T: PartialEq + fmt::Display>(
    field: impl fmt::Display,
    found: T,
    expected: T,
) -> Result<(), VerifyError> {
    if found == expected {
        return Ok(());
    }
    Err(VerifyError::Mismatch(Difference {
        field: field.to_string(),
        ours: found.to_string(),
        theirs: expected.to_string(),
    }))
}

/// Where a line of this name stands in a bill: meters in their order, then the charges.
fn rank(meter: &str) -> Option<usize> {
    let meters = Meter::ALL.iter().map(|meter| meter.name());
    let charges = [JOB_FEE, MINIMUM_CHARGE, CANCELLATION_CHARGE];
    meters.chain(charges).position(|name| name == meter)
}

fn check_arithmetic(part: &Reproducible) -> Result<(), VerifyError> {
    let mut last = None;
    for (index, line) in part.lines.iter().enumerate() {
        let place = rank(&line.meter);
        if place.is_none() || place <= last {
            return Err(VerifyError::Line {
                index,
                meter: quoted(&line.meter),
            });
        }
        last = place;
        check_line(index, line, &part.usage)?;
    }
    let total = Amount::sum(part.lines.iter().map(|line| line.amount));
    let total = total.map_err(|source| VerifyError::Money {
        field: "total".to_owned(),
        source,
    })?;
    equal("total", part.total, total)
}

fn check_line(index: usize, line: &Line, usage: &Usage) -> Result<(), VerifyError> {
    let counted = line
        .meter
        .parse::<Meter>()
        .map_or(1, |meter| usage.get(meter));
    equal(
        format_args!("lines[{index}].quantity"),
        line.quantity,
        counted,
    )?;
    match line.unit_price.times(line.quantity) {
        Ok(product) => equal(format_args!("lines[{index}].amount"), line.amount, product),
        Err(source) => Err(VerifyError::Money {
            field: format!("lines[{index}].amount"),
            source,
        }),
    }
}

/// Checks that the bill is exactly what the card of this digest makes of the usage.
pub(crate) fn check_prices(
    part: &Reproducible,
    card: &RateCard,
    digest: Digest,
) -> Result<(), VerifyError> {
    equal("rate_card", part.rate_card, digest)?;
    let expected = price_job(&part.outcome, &part.usage, card)?;
    let Bill {
        currency,
        lines,
        total,
    } = &expected;
    if (&part.currency, &part.lines, &part.total) == (currency, lines, total) {
        return Ok(());
    }
    match difference(&part.bill(), &expected)? {
        Some(difference) => Err(VerifyError::Mismatch(difference)),
        None => Ok(()),
    }
}

/// The first field in which two accounts differ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Its path, such as `usage.instructions` or `outputs[0].sha256`.
    pub field: String,
    /// What the first says, cut to a readable length; `nothing` where it says nothing.
    pub ours: String,
    /// What the second says.
    pub theirs: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            field,
            ours,
            theirs,
        } = self;
        write!(f, "`{field}` differs: {ours} and {theirs}")
    }
}

/// The first field in which two runs of a job differ, causes before effects: what was run, how it
/// ended, what it used, what it cost. None when they agree byte for byte.
pub fn compare(a: &Reproducible, b: &Reproducible) -> Result<Option<Difference>, CanonicalError> {
    difference(a, b)
}

/// The first field in which two transcripts differ, call by call. None when they agree byte for byte.
pub fn compare_transcripts(
    a: &Transcript,
    b: &Transcript,
) -> Result<Option<Difference>, CanonicalError> {
    let value = |it| serde_json::to_value(it).map_err(CanonicalError::Write);
    Ok(first_difference(
        "transcript",
        Some(&value(a)?),
        Some(&value(b)?),
    ))
}

/// Fields of a reproducible part in the order in which they depend on each other; all others, and
/// those of nested objects but usage, go by their names.
const ORDER: [&str; 19] = [
    "schema",
    "job",
    "module",
    "inputs",
    "arguments",
    "environment",
    "seed",
    "clock_start_ns",
    "engine",
    "limits",
    "outcome",
    "outputs",
    "transcript",
    "usage",
    "models",
    "rate_card",
    "currency",
    "lines",
    "total",
];

fn difference<T: Serialize>(a: &T, b: &T) -> Result<Option<Difference>, CanonicalError> {
    let value = |it| serde_json::to_value(it).map_err(CanonicalError::Write);
    Ok(first_difference("", Some(&value(a)?), Some(&value(b)?)))
}

fn first_difference(path: &str, a: Option<&Value>, b: Option<&Value>) -> Option<Difference> {
    match (a, b) {
        _ if a == b => None,
        (Some(Value::Object(ours)), Some(Value::Object(theirs))) => {
            let keys: BTreeMap<_, _> = ours
                .keys()
                .chain(theirs.keys())
                .map(|key| (place(key), key))
                .collect();
            keys.into_values().find_map(|key| {
                let path = match path {
                    "" => key.clone(),
                    path => format!("{path}.{key}"),
                };
                first_difference(&path, ours.get(key), theirs.get(key))
            })
        }
        (Some(Value::Array(ours)), Some(Value::Array(theirs))) => {
            let longer = ours.len().max(theirs.len());
            (0..longer).find_map(|index| {
                first_difference(
                    &format!("{path}[{index}]"),
                    ours.get(index),
                    theirs.get(index),
                )
            })
        }
        _ => Some(Difference {
            field: path.to_owned(),
            ours: shown(a),
            theirs: shown(b),
        }),
    }
}

fn place(key: &str) -> (usize, usize, &str) {
    let field = ORDER.iter().position(|name| *name == key);
    let meter = Meter::ALL.iter().position(|meter| meter.name() == key);
    (
        field.unwrap_or(usize::MAX),
        meter.unwrap_or(usize::MAX),
        key,
    )
}

fn shown(value: Option<&Value>) -> String {
    match value {
        None => "nothing".to_owned(),
        Some(Value::String(text)) => quoted(text),
        Some(other) => quoted(&other.to_string()),
    }
}

#[cfg(test)]
mod tests;
