//! Checks many receipts at once: a verdict on the bytes of each, which may be found in parallel and in any order,
//! and what only all together show. Reads no folder.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Serialize;

use crate::canonical::CanonicalError;
use crate::digest::Digest;
use crate::envelope::Envelope;
use crate::key::PublicKey;
use crate::money::{Amount, Currency};
use crate::rate_card::RateCard;
use crate::text::Id;
use crate::verify::{Signer, Verified, VerifyError, check_prices, verify_envelope};

/// Which signers are believed, and which rate cards are at hand.
#[derive(Debug, Clone, Default)]
pub struct Trusted {
    keys: BTreeMap<String, PublicKey>,
    cards: BTreeMap<Digest, RateCard>,
}

/// What one receipt is worth, the best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Finding {
    /// A trusted key signed it, it adds up, and its prices are those of its rate card.
    Valid,
    /// The same, but its rate card is not at hand, so that its prices could be any.
    PricesUnchecked,
    /// It adds up, and whoever signed it is not among the trusted keys.
    UnknownSigner,
    /// It is refused.
    Refused,
}

/// What a receipt says, once it is known to add up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Inspected {
    /// The digest of its payload.
    pub digest: Digest,
    /// Who signed it.
    pub provider: PublicKey,
    /// Its number among the provider's.
    #[serde(with = "crate::decimal")]
    pub sequence: u64,
    /// The digest of the receipt before it.
    pub previous_receipt: Option<Digest>,
    /// The order.
    pub order_id: Id,
    /// The digest of the rate card.
    pub rate_card: Digest,
    /// The currency of the total.
    pub currency: Currency,
    /// What it charges.
    pub total: Amount,
}

/// The verdict on one receipt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Inspection {
    /// What it is worth.
    pub finding: Finding,
    /// Why it is not valid: the error and its causes, from the outer to the inner one.
    pub reasons: Vec<String>,
    /// What it says; none where it is refused.
    pub receipt: Option<Inspected>,
}

impl Trusted {
    /// These keys and cards. Without a key every signer is unknown.
    pub fn new(
        keys: impl IntoIterator<Item = PublicKey>,
        cards: impl IntoIterator<Item = RateCard>,
    ) -> Result<Self, CanonicalError> {
        let mut by_digest = BTreeMap::new();
        for card in cards {
            by_digest.insert(card.digest()?, card);
        }
        Ok(Self {
            keys: (keys.into_iter())
                .map(|key| (key.id().to_string(), key))
                .collect(),
            cards: by_digest,
        })
    }
}

/// The verdict on the bytes of one receipt's envelope. Never fails: what cannot be read is refused.
#[must_use]
pub fn inspect(bytes: &[u8], trusted: &Trusted) -> Inspection {
    let checked = find(bytes, trusted);
    checked.unwrap_or_else(|error| Inspection {
        finding: Finding::Refused,
        reasons: chain(&error),
        receipt: None,
    })
}

fn find(bytes: &[u8], trusted: &Trusted) -> Result<Inspection, VerifyError> {
    let envelope = Envelope::from_bytes(bytes)?;
    let key = trusted.keys.get(&envelope.signature()?.keyid);
    let verified = verify_envelope(&envelope, key, None)?;
    let part = verified.receipt.reproducible();
    let (finding, reason) = match (verified.signer, trusted.cards.get(&part.rate_card)) {
        (Signer::Unknown(key), _) => (
            Finding::UnknownSigner,
            Some(format!(
                "signed by {key}, which is not among the trusted keys"
            )),
        ),
        (Signer::Trusted(_), None) => (
            Finding::PricesUnchecked,
            Some(format!("the rate card {} is not at hand", part.rate_card)),
        ),
        (Signer::Trusted(_), Some(card)) => {
            check_prices(part, card, part.rate_card)?;
            (Finding::Valid, None)
        }
    };
    Ok(Inspection {
        finding,
        reasons: reason.into_iter().collect(),
        receipt: Some(said(&verified)),
    })
}

fn said(verified: &Verified) -> Inspected {
    let (part, attested) = (verified.receipt.reproducible(), verified.receipt.attested());
    Inspected {
        digest: verified.digest,
        provider: attested.provider_key,
        sequence: attested.sequence,
        previous_receipt: attested.previous_receipt,
        order_id: attested.order_id.clone(),
        rate_card: part.rate_card,
        currency: part.currency,
        total: part.total,
    }
}

fn chain(error: &dyn std::error::Error) -> Vec<String> {
    std::iter::successors(Some(error), |error| error.source())
        .map(ToString::to_string)
        .collect()
}

/// What is wrong between receipts each of which adds up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Contradiction {
    /// A provider signed two receipts with one number.
    SameNumber {
        /// The provider.
        provider: PublicKey,
        /// The number.
        #[serde(with = "crate::decimal")]
        sequence: u64,
        /// The receipts.
        receipts: Vec<Digest>,
    },
    /// A provider charged one order twice.
    SameOrder {
        /// The provider.
        provider: PublicKey,
        /// The order.
        order_id: Id,
        /// The receipts.
        receipts: Vec<Digest>,
    },
    /// A receipt names another one before it than the one with the number before its own.
    BrokenChain {
        /// The provider.
        provider: PublicKey,
        /// The number of the later one.
        #[serde(with = "crate::decimal")]
        sequence: u64,
        /// What it names.
        named: Option<Digest>,
        /// What is there.
        found: Digest,
    },
}

impl fmt::Display for Contradiction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SameNumber {
                provider,
                sequence,
                receipts,
            } => {
                let count = receipts.len();
                write!(
                    f,
                    "{provider} signed {count} receipts with the number {sequence}"
                )
            }
            Self::SameOrder {
                provider,
                order_id,
                receipts,
            } => {
                let count = receipts.len();
                write!(f, "{provider} charged the order `{order_id}` {count} times")
            }
            Self::BrokenChain {
                provider,
                sequence,
                named,
                found,
            } => {
                write!(
                    f,
                    "receipt {sequence} of {provider} follows {found}, and names "
                )?;
                match named {
                    Some(named) => write!(f, "{named} before it"),
                    None => f.write_str("none before it"),
                }
            }
        }
    }
}

/// What many receipts come to.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Summary {
    /// How many there are of each finding.
    pub findings: BTreeMap<Finding, usize>,
    /// How many files hold a receipt that another file holds too. They count once below.
    pub copies: usize,
    /// The exact totals of what is valid or has its prices unchecked, by currency; none where a sum does not fit
    /// an amount.
    pub totals: BTreeMap<String, Option<Amount>>,
    /// What is wrong between receipts of trusted signers.
    pub contradictions: Vec<Contradiction>,
}

/// What these receipts come to, in whatever order they were inspected.
#[must_use]
pub fn summarise(inspections: &[Inspection]) -> Summary {
    let mut summary = Summary::default();
    let mut trusted: BTreeMap<Digest, &Inspected> = BTreeMap::new();
    let mut all = BTreeSet::new();
    for Inspection {
        finding, receipt, ..
    } in inspections
    {
        *summary.findings.entry(*finding).or_default() += 1;
        let Some(receipt) = receipt else { continue };
        if !all.insert(receipt.digest) {
            summary.copies += 1;
        }
        if *finding != Finding::UnknownSigner {
            trusted.insert(receipt.digest, receipt);
        }
    }
    for receipt in trusted.values() {
        let code = receipt.currency.to_string();
        let total = summary.totals.entry(code).or_insert(Some(Amount::ZERO));
        *total = total.and_then(|total| total.checked_add(receipt.total).ok());
    }
    summary.contradictions = contradictions(trusted.values().copied());
    summary
}

fn contradictions<'a>(receipts: impl Iterator<Item = &'a Inspected>) -> Vec<Contradiction> {
    let mut numbers: BTreeMap<([u8; 32], u64), Vec<&Inspected>> = BTreeMap::new();
    let mut orders: BTreeMap<([u8; 32], &Id), Vec<&Inspected>> = BTreeMap::new();
    for receipt in receipts {
        let provider = *receipt.provider.as_bytes();
        let number = (provider, receipt.sequence);
        numbers.entry(number).or_default().push(receipt);
        let order = (provider, &receipt.order_id);
        orders.entry(order).or_default().push(receipt);
    }
    let digests = |all: &[&Inspected]| all.iter().map(|receipt| receipt.digest).collect();
    let mut found = Vec::new();
    for same in numbers.values().filter(|same| same.len() > 1) {
        found.push(Contradiction::SameNumber {
            provider: same[0].provider,
            sequence: same[0].sequence,
            receipts: digests(same),
        });
    }
    for same in orders.values().filter(|same| same.len() > 1) {
        found.push(Contradiction::SameOrder {
            provider: same[0].provider,
            order_id: same[0].order_id.clone(),
            receipts: digests(same),
        });
    }
    for ((provider, sequence), same) in &numbers {
        let before = sequence.checked_sub(1);
        let before = before.and_then(|sequence| numbers.get(&(*provider, sequence)));
        let Some([before]) = before.map(Vec::as_slice) else {
            continue;
        };
        let broken = (same.iter()).filter(|later| later.previous_receipt != Some(before.digest));
        found.extend(broken.map(|later| Contradiction::BrokenChain {
            provider: later.provider,
            sequence: *sequence,
            named: later.previous_receipt,
            found: before.digest,
        }));
    }
    found
}

#[cfg(test)]
mod tests;
