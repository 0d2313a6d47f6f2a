//! Owns the sample keys and receipts of the unit tests.

use meterbox_billing::digest::Digest;
use meterbox_billing::key::{PublicKey, SigningKey};

use crate::note::{Kind, Name, VerifierKey};

pub fn log_key() -> SigningKey {
    SigningKey::from_bytes(&[7; 32])
}

pub fn log_public() -> PublicKey {
    log_key().public().unwrap()
}

pub fn witness_key() -> SigningKey {
    SigningKey::from_bytes(&[9; 32])
}

pub fn origin() -> Name {
    "provider.example/log".parse().unwrap()
}

pub fn witness_name() -> Name {
    "witness.example/w1".parse().unwrap()
}

pub fn witness() -> VerifierKey {
    let key = witness_key().public().unwrap();
    VerifierKey::new(witness_name(), Kind::Cosignature, key)
}

/// The digests of so many receipts, all different.
pub fn receipts(count: u64) -> Vec<Digest> {
    (0..count)
        .map(|number| Digest::of(&number.to_be_bytes()))
        .collect()
}
