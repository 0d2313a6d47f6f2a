//! Owns the provider's word that a receipt charged too much: what it gives back, and why. Changes no receipt:
//! a correction is a document of its own.

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::envelope::{CREDIT_TYPE, Document};
use crate::key::PublicKey;
use crate::money::{Amount, Currency};
use crate::text::{Id, Message};
use crate::timestamp::Timestamp;

/// The version of the credit's form.
pub const CREDIT_SCHEMA: u32 = 1;

/// What a provider gives back of a receipt's total.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Credit {
    /// [`CREDIT_SCHEMA`].
    pub schema: u32,
    /// The provider's name for it, unique among the provider's credits.
    pub id: Id,
    /// The digest of the receipt's payload.
    pub receipt: Digest,
    /// The key that signs this, which signed the receipt too.
    pub provider_key: PublicKey,
    /// The receipt's currency.
    pub currency: Currency,
    /// How much. All credits of a receipt together are at most its total.
    pub amount: Amount,
    /// Why.
    pub reason: Message,
    /// When.
    pub at: Timestamp,
}

impl Document for Credit {
    const PAYLOAD_TYPE: &'static str = CREDIT_TYPE;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::envelope::{Envelope, EnvelopeError};
    use crate::fixture::provider_key;

    #[test]
    fn a_credit_is_sealed_and_comes_back_and_passes_for_nothing_else() {
        let key = provider_key();
        let credit = Credit {
            schema: CREDIT_SCHEMA,
            id: "credit-1".parse().unwrap(),
            receipt: Digest::of(b"receipt"),
            provider_key: key.public().unwrap(),
            currency: "USD".parse().unwrap(),
            amount: "0.5".parse().unwrap(),
            reason: Message::cut("the machine was slow to answer"),
            at: Timestamp::from_unix_seconds(1).unwrap(),
        };
        let sealed = Envelope::seal(&credit, &key).unwrap();
        let key = key.public().unwrap();
        assert_eq!(sealed.open::<Credit>(&key).unwrap(), credit);
        let other = sealed.open::<crate::acceptance::Acceptance>(&key);
        assert!(matches!(other, Err(EnvelopeError::PayloadType { .. })));
    }
}
