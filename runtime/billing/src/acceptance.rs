//! Owns the requestor's last word on a receipt: accepted, or disputed and why. Decides no dispute.

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::envelope::{ACCEPTANCE_TYPE, Document};
use crate::key::PublicKey;
use crate::text::Message;
use crate::timestamp::Timestamp;

/// The version of the acceptance's form.
pub const ACCEPTANCE_SCHEMA: u32 = 1;

/// What the requestor says to a receipt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Verdict {
    /// It is right.
    Accepted {},
    /// It is wrong.
    Disputed {
        /// In which way.
        reason: Message,
    },
}

/// The requestor's last word on a receipt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Acceptance {
    /// [`ACCEPTANCE_SCHEMA`].
    pub schema: u32,
    /// The digest of the receipt's payload.
    pub receipt: Digest,
    /// The key that signs this.
    pub requestor_key: PublicKey,
    /// What it says.
    pub verdict: Verdict,
    /// When.
    pub at: Timestamp,
}

impl Document for Acceptance {
    const PAYLOAD_TYPE: &'static str = ACCEPTANCE_TYPE;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::envelope::Envelope;
    use crate::fixture::requestor_key;

    #[test]
    fn verdicts_are_sealed_and_come_back() {
        let key = requestor_key();
        for verdict in [
            Verdict::Accepted {},
            Verdict::Disputed {
                reason: Message::cut("usage.instructions differs"),
            },
        ] {
            let acceptance = Acceptance {
                schema: ACCEPTANCE_SCHEMA,
                receipt: Digest::of(b"receipt"),
                requestor_key: key.public().unwrap(),
                verdict,
                at: Timestamp::from_unix_seconds(1).unwrap(),
            };
            let sealed = Envelope::seal(&acceptance, &key).unwrap();
            assert_eq!(
                sealed.open::<Acceptance>(&key.public().unwrap()).unwrap(),
                acceptance
            );
        }
    }
}
