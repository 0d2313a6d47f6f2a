//! Owns what a requestor asks for, once: a job, its bounds and the most it may cost. Decides whether
//! it fits an offer; runs nothing.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::bill::{PriceError, ceiling};
use crate::canonical::CanonicalError;
use crate::digest::Digest;
use crate::envelope::{Document, ORDER_TYPE};
use crate::hex::{self, HexError};
use crate::job::{Job, JobError};
use crate::key::PublicKey;
use crate::limits::{LimitError, Limits};
use crate::money::Amount;
use crate::offer::{Confidentiality, Device, Offer, Precision};
use crate::rate_card::RateCard;
use crate::text::Id;
use crate::timestamp::Timestamp;

/// The version of the order's form.
pub const ORDER_SCHEMA: u32 = 1;

/// 16 random bytes that make an order unlike any other, in hexadecimal.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Nonce([u8; 16]);

impl Nonce {
    /// These 16 bytes, which must be random.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }
}

impl fmt::Display for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(hex::write(&self.0, &mut [0; 32]))
    }
}

impl fmt::Debug for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Nonce({self})")
    }
}

impl FromStr for Nonce {
    type Err = HexError;

    fn from_str(text: &str) -> Result<Self, HexError> {
        hex::decode(text).map(Self)
    }
}

impl Serialize for Nonce {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(hex::write(&self.0, &mut [0; 32]))
    }
}

impl<'de> Deserialize<'de> for Nonce {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        crate::text::deserialize(deserializer)
    }
}

/// What a requestor asks for. Single use: an id is answered once, always with the same receipt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Order {
    /// [`ORDER_SCHEMA`].
    pub schema: u32,
    /// The requestor's name for it, unique among all orders at one provider.
    pub id: Id,
    /// The offer that it answers, which names one provider and one rate card.
    pub offer: Digest,
    /// The key that signs it.
    pub requestor_key: PublicKey,
    /// What to run.
    pub job: Job,
    /// The bounds within which to run it.
    pub limits: Limits,
    /// The most that it may cost, in the rate card's currency.
    pub max_price: Amount,
    /// The number format in which models are to run.
    pub precision: Precision,
    /// What is to protect the job from the provider.
    pub confidentiality: Confidentiality,
    /// What its models are to be computed on, where the program does not say.
    pub device: Device,
    /// When the receipt is due.
    pub deadline: Timestamp,
    /// The first moment at which it may no longer be accepted.
    pub expires_at: Timestamp,
    /// What makes it unlike any other.
    pub nonce: Nonce,
    /// The digest of a secret that will choose which model calls are recomputed.
    pub audit_commitment: Digest,
    /// The last log checkpoint that the requestor saw.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_checkpoint: Option<Digest>,
}

impl Document for Order {
    const PAYLOAD_TYPE: &'static str = ORDER_TYPE;
}

/// Why an order is refused, before anything is spent.
#[derive(Debug, thiserror::Error)]
pub enum OrderError {
    /// Another version of the form.
    #[error("the {document} has schema {found}, expected {expected}")]
    Schema {
        /// `offer` or `order`.
        document: &'static str,
        /// Its version.
        found: u32,
        /// The version that is understood.
        expected: u32,
    },
    /// It answers another offer.
    #[error("the order answers the offer {found}, this one is {expected}")]
    WrongOffer {
        /// The offer that it names.
        found: Digest,
        /// The offer at hand.
        expected: Digest,
    },
    /// The rate card is not the offer's.
    #[error("the offer names the rate card {expected}, this one is {found}")]
    WrongCard {
        /// The card at hand.
        found: Digest,
        /// The card that the offer names.
        expected: Digest,
    },
    /// The offer, the order or the rate card is no longer valid, or the deadline has passed.
    #[error("the {what} ended at {at}, it is {now}")]
    Expired {
        /// Which.
        what: &'static str,
        /// Its end.
        at: Timestamp,
        /// The present.
        now: Timestamp,
    },
    /// The rate card is not yet valid.
    #[error("the rate card is valid from {from}, it is {now}")]
    NotYetValid {
        /// Its beginning.
        from: Timestamp,
        /// The present.
        now: Timestamp,
    },
    /// The job makes no sense.
    #[error("the job is not valid")]
    Job(#[from] JobError),
    /// It asks for more than is offered.
    #[error(transparent)]
    Limits(#[from] LimitError),
    /// Compiling the module is more work than the order allows.
    #[error("the module takes {needed} admission units, the order allows {allowed}")]
    Admission {
        /// What it takes.
        needed: u128,
        /// What the order allows.
        allowed: u64,
    },
    /// Something asked for that is not offered.
    #[error("the order asks for {what} `{asked}`, which is not offered")]
    NotOffered {
        /// `precision`, `confidentiality` or `device`.
        what: &'static str,
        /// Which.
        asked: String,
    },
    /// It could cost more than it may.
    #[error("the job could cost {ceiling}, the order pays at most {max_price}")]
    TooDear {
        /// What it could cost.
        ceiling: Amount,
        /// What it may.
        max_price: Amount,
    },
    /// The card cannot price these limits.
    #[error("the limits cannot be priced")]
    Price(#[from] PriceError),
    /// A document has no canonical form.
    #[error("a document cannot be digested")]
    Canonical(#[from] CanonicalError),
}

impl OrderError {
    /// What the requestor can do.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::WrongOffer { .. } | Self::WrongCard { .. } => {
                Some("order again, from the provider's current offer".to_owned())
            }
            Self::Expired { .. } => Some("order again".to_owned()),
            Self::Limits(error) => Some(error.hint()),
            Self::Admission { .. } => {
                Some("raise `admission_units`, or order a smaller module".to_owned())
            }
            Self::NotOffered { .. } => Some("choose another provider".to_owned()),
            Self::TooDear { ceiling, .. } => Some(format!(
                "raise the maximum price to {ceiling}, or lower the limits"
            )),
            _ => None,
        }
    }
}

impl Order {
    /// Fails on the first reason to refuse the order at the moment `now`; otherwise the most that
    /// it can cost, which is what to hold of the requestor's budget.
    ///
    /// Signatures are the envelopes' matter: open both before.
    pub fn check_against(
        &self,
        offer: &Offer,
        card: &RateCard,
        now: Timestamp,
        admission_units: u128,
    ) -> Result<Amount, OrderError> {
        self.check_names(offer, card)?;
        self.check_times(offer, card, now)?;
        self.job.check()?;
        self.limits.check_within(&offer.limits)?;
        self.check_capabilities(offer)?;
        if admission_units > u128::from(self.limits.admission_units) {
            return Err(OrderError::Admission {
                needed: admission_units,
                allowed: self.limits.admission_units,
            });
        }
        let ceiling = ceiling(&self.limits, card, admission_units)?;
        if ceiling > self.max_price {
            return Err(OrderError::TooDear {
                ceiling,
                max_price: self.max_price,
            });
        }
        Ok(ceiling)
    }

    fn check_names(&self, offer: &Offer, card: &RateCard) -> Result<(), OrderError> {
        for (document, found, expected) in [
            ("offer", offer.schema, crate::offer::OFFER_SCHEMA),
            ("order", self.schema, ORDER_SCHEMA),
        ] {
            if found != expected {
                return Err(OrderError::Schema {
                    document,
                    found,
                    expected,
                });
            }
        }
        let expected = offer.digest()?;
        if self.offer != expected {
            return Err(OrderError::WrongOffer {
                found: self.offer,
                expected,
            });
        }
        let found = card.digest()?;
        if found != offer.rate_card {
            return Err(OrderError::WrongCard {
                found,
                expected: offer.rate_card,
            });
        }
        Ok(())
    }

    fn check_times(
        &self,
        offer: &Offer,
        card: &RateCard,
        now: Timestamp,
    ) -> Result<(), OrderError> {
        for (what, at) in [
            ("offer", offer.expires_at),
            ("order", self.expires_at),
            ("time for the job", self.deadline),
            ("rate card", card.valid_until()),
        ] {
            if now >= at {
                return Err(OrderError::Expired { what, at, now });
            }
        }
        if now < card.valid_from() {
            return Err(OrderError::NotYetValid {
                from: card.valid_from(),
                now,
            });
        }
        Ok(())
    }

    fn check_capabilities(&self, offer: &Offer) -> Result<(), OrderError> {
        if !offer.capabilities.precisions.contains(&self.precision) {
            return Err(OrderError::NotOffered {
                what: "precision",
                asked: format!("{:?}", self.precision).to_lowercase(),
            });
        }
        if !offer
            .capabilities
            .confidentiality
            .contains(&self.confidentiality)
        {
            return Err(OrderError::NotOffered {
                what: "confidentiality",
                asked: format!("{:?}", self.confidentiality).to_lowercase(),
            });
        }
        if !offer.capabilities.devices.contains(&self.device) {
            return Err(OrderError::NotOffered {
                what: "device",
                asked: format!("{:?}", self.device).to_lowercase(),
            });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
