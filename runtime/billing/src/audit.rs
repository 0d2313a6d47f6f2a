//! Owns the secret by which a requestor chooses the model calls that are computed again: the commitment to it
//! that an order carries, and the choice itself. Draws no random numbers, and computes no call.
//!
//! A provider learns the commitment before it runs a job, and the secret never, or afterwards. So it cannot
//! know which calls will be looked at when it signs the receipt.

pub mod plan;

use std::collections::BinaryHeap;
use std::fmt;
use std::str::FromStr;

use sha2::{Digest as _, Sha256};

use crate::digest::Digest;
use crate::hex::{self, HexError};

/// What is digested before a secret, for its commitment. It keeps a commitment from being anything else's
/// digest.
const COMMITMENT_DOMAIN: &[u8] = b"meterbox audit secret 1\0";
/// What is digested before a secret, for the rank of a call.
const CHOICE_DOMAIN: &[u8] = b"meterbox audit choice 1\0";

/// 32 random bytes, for one order. Shown by nothing but its text, which is for its owner's file.
#[derive(Clone, PartialEq, Eq)]
pub struct AuditSecret([u8; 32]);

impl AuditSecret {
    /// These 32 bytes, which must be random, and of no other order.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// What an order carries: it binds the requestor to the secret, and tells nobody which it is.
    #[must_use]
    pub fn commitment(&self) -> Digest {
        digest(COMMITMENT_DOMAIN, &[&self.0])
    }

    /// Which `chosen` of a receipt's `calls` are computed again, in ascending order; all, if there are no
    /// more than that.
    ///
    /// The calls with the lowest ranks, where the rank of a call is the digest of the domain, the secret, the
    /// digest of the receipt's payload, and the call's number in 8 bytes, little-endian. So the choice is the
    /// same for whoever has the secret, each set of that size is as likely as any other, and a choice of more
    /// calls contains each choice of fewer.
    #[must_use]
    pub fn choose(&self, receipt: &Digest, calls: u64, chosen: u64) -> Vec<u64> {
        let mut lowest: BinaryHeap<(Digest, u64)> = BinaryHeap::new();
        for number in 0..calls {
            let rank = digest(
                CHOICE_DOMAIN,
                &[&self.0, receipt.as_bytes(), &number.to_le_bytes()],
            );
            lowest.push((rank, number));
            if u64::try_from(lowest.len()).is_ok_and(|kept| kept > chosen) {
                lowest.pop();
            }
        }
        let mut numbers: Vec<u64> = lowest.into_iter().map(|(_, number)| number).collect();
        numbers.sort_unstable();
        numbers
    }

    /// Its 64 hexadecimal digits, for the file that its owner keeps it in.
    #[must_use]
    pub fn text(&self) -> String {
        hex::encode(&self.0)
    }
}

fn digest(domain: &[u8], parts: &[&[u8]]) -> Digest {
    let mut hasher = Sha256::new();
    hasher.update(domain);
    for part in parts {
        hasher.update(part);
    }
    Digest::from_bytes(hasher.finalize().into())
}

impl FromStr for AuditSecret {
    type Err = HexError;

    fn from_str(text: &str) -> Result<Self, HexError> {
        hex::decode(text).map(Self)
    }
}

impl fmt::Debug for AuditSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AuditSecret(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 0, 1, 2 and so on to 31.
    fn counting() -> AuditSecret {
        let mut bytes = [0; 32];
        for (byte, value) in bytes.iter_mut().zip(0..) {
            *byte = value;
        }
        AuditSecret::from_bytes(bytes)
    }

    #[test]
    fn a_commitment_is_the_digest_of_the_domain_and_the_secret() {
        // By another implementation of SHA-256, of the 24 bytes of the domain and the bytes 0 to 31.
        assert_eq!(
            counting().commitment().to_string(),
            "96e1fea76acdf52f549be28dc6bde44eb3358184f31f88f5df3cb3583f32f287"
        );
        assert_ne!(counting().commitment(), Digest::of(&counting().0));
    }

    #[test]
    fn the_lowest_ranks_are_chosen() {
        // By the same other implementation: in the order of their ranks, of the receipt whose digest is that of
        // `receipt`, the calls 0 to 9 are these.
        let ranked = [1, 4, 6, 3, 9, 8, 0, 7, 2, 5];
        let receipt = Digest::of(b"receipt");
        for chosen in 0..=10 {
            let mut expected = ranked[..chosen].to_vec();
            expected.sort_unstable();
            let chosen = u64::try_from(chosen).unwrap();
            assert_eq!(counting().choose(&receipt, 10, chosen), expected);
        }
        assert_eq!(counting().choose(&receipt, 10, 11).len(), 10);
        assert_eq!(counting().choose(&receipt, 0, 5), [0; 0]);
        assert_ne!(
            counting().choose(&Digest::of(b"another"), 10, 3),
            counting().choose(&receipt, 10, 3)
        );
    }

    /// Secrets that anybody can make again.
    fn secrets(count: u32) -> impl Iterator<Item = AuditSecret> {
        (0..count).map(|n| AuditSecret::from_bytes(*Digest::of(&n.to_le_bytes()).as_bytes()))
    }

    #[test]
    fn each_call_and_each_pair_of_calls_is_chosen_as_often_as_any_other() {
        const TRIALS: u32 = 10_000;
        let receipt = Digest::of(b"receipt");
        let mut alone = [0_u32; 20];
        let mut together = [[0_u32; 20]; 20];
        for secret in secrets(TRIALS) {
            let chosen = secret.choose(&receipt, 20, 5);
            let chosen: Vec<usize> = chosen
                .iter()
                .map(|n| usize::try_from(*n).unwrap())
                .collect();
            for (place, one) in chosen.iter().enumerate() {
                alone[*one] += 1;
                for other in &chosen[..place] {
                    together[*one][*other] += 1;
                }
            }
        }
        // 5 of 20: 2,500 with a standard deviation of 43. A pair: 5·4 of 20·19, which is 526 with one of 22.
        // Within six of them each.
        for count in alone {
            assert!(count.abs_diff(2_500) < 6 * 43, "{alone:?}");
        }
        for (one, row) in together.iter().enumerate() {
            for count in &row[..one] {
                assert!(count.abs_diff(526) < 6 * 22, "{together:?}");
            }
        }
    }

    #[test]
    fn forged_calls_are_among_the_chosen_at_the_stated_rate() {
        const TRIALS: u32 = 10_000;
        let receipt = Digest::of(b"another receipt");
        // 1 − C(17, 5) / C(20, 5) = 1 − 6,188 / 15,504 = 0.60088, with a standard deviation of 49 in 10,000.
        let caught = secrets(TRIALS)
            .filter(|secret| {
                let chosen = secret.choose(&receipt, 20, 5);
                [3, 11, 19].iter().any(|forged| chosen.contains(forged))
            })
            .count();
        assert!(caught.abs_diff(6_009) < 4 * 49, "{caught}");
    }

    #[test]
    fn a_secret_is_read_from_its_text_and_never_shown() {
        let secret = counting();
        assert_eq!(secret.text().parse::<AuditSecret>().unwrap(), secret);
        assert_eq!(format!("{secret:?}"), "AuditSecret(..)");
        assert!("00".parse::<AuditSecret>().is_err());
    }
}
