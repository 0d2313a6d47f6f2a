//! Owns a receipt that waits for its place in the provider's chain: what does not depend on the place is written
//! beforehand, so that whoever gives out the places has little left to do. Signs nothing.

use crate::canonical::{CanonicalError, to_canonical_json};
use crate::digest::Digest;
use crate::receipt::Receipt;

/// A receipt whose place in the chain is not known yet.
#[derive(Debug, Clone)]
pub struct Draft {
    receipt: Receipt,
    /// The payload up to the part that names the place, and from there on.
    before: Vec<u8>,
    after: Vec<u8>,
}

/// A receipt at its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed {
    /// The receipt.
    pub receipt: Receipt,
    /// Its payload, as [`Document::payload`](crate::envelope::Document::payload) has it.
    pub payload: Vec<u8>,
}

impl Draft {
    /// Writes what is known of a receipt. The place that it names is not looked at.
    pub fn of(receipt: Receipt) -> Result<Self, CanonicalError> {
        let (before, after) = receipt.payload_around_attested()?;
        Ok(Self {
            receipt,
            before,
            after,
        })
    }

    /// The receipt with this number, after the receipt of this digest.
    pub fn place(
        &self,
        sequence: u64,
        previous_receipt: Option<Digest>,
    ) -> Result<Placed, CanonicalError> {
        let receipt = self.receipt.clone().at_place(sequence, previous_receipt);
        let attested = to_canonical_json(receipt.attested())?;
        Ok(Placed {
            payload: [self.before.as_slice(), &attested, &self.after].concat(),
            receipt,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::envelope::Document as _;
    use crate::fixture;

    #[test]
    fn a_placed_drafts_payload_is_the_receipts() {
        let draft = Draft::of(fixture::receipt()).unwrap();
        for (sequence, previous) in [
            (0, None),
            (7, Some(Digest::of(b"before"))),
            (u64::MAX, Some(Digest::of(b"last"))),
        ] {
            let placed = draft.place(sequence, previous).unwrap();
            let receipt = fixture::receipt().at_place(sequence, previous);
            assert_eq!(placed.payload, receipt.payload().unwrap());
            assert_eq!(placed.receipt, receipt);
        }
    }
}
