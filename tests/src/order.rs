//! An order as tests and benchmarks give it: of a program without inputs, for an hour, at any price.

use std::time::{SystemTime, UNIX_EPOCH};

use meterbox_billing::digest::Digest;
use meterbox_billing::envelope::{Document, Envelope};
use meterbox_billing::job::Job;
use meterbox_billing::key::SigningKey;
use meterbox_billing::limits::Limits;
use meterbox_billing::offer::{Confidentiality, Device, Offer, Precision};
use meterbox_billing::order::{Nonce, ORDER_SCHEMA, Order};
use meterbox_billing::timestamp::Timestamp;

/// What the system's clock shows.
///
/// # Panics
/// If it shows a time before 1970.
pub fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let seconds = since.expect("it is after 1970").as_secs();
    Timestamp::from_unix_seconds(seconds).expect("it is before the year 10000")
}

/// An hour from now.
pub fn in_an_hour() -> Timestamp {
    let seconds = now().unix_seconds() + 3_600;
    Timestamp::from_unix_seconds(seconds).expect("it is before the year 10000")
}

/// A signed order of this program, under this id, that answers the offer.
///
/// # Panics
/// If the id is none.
pub fn order(offer: &Offer, module: Digest, id: &str, key: &SigningKey) -> Envelope {
    let later = in_an_hour();
    let order = Order {
        schema: ORDER_SCHEMA,
        id: id.parse().expect("it is an id"),
        offer: offer.digest().expect("an offer can be written"),
        requestor_key: key.public().expect("the key is a key"),
        job: Job {
            module,
            inputs: vec![],
            arguments: vec![],
            environment: vec![],
            seed: 0,
            clock_start_ns: 0,
        },
        limits: Limits::default(),
        max_price: "1000".parse().expect("it is an amount"),
        precision: Precision::F32,
        confidentiality: Confidentiality::None,
        device: Device::Cpu,
        deadline: later,
        expires_at: later,
        nonce: Nonce::from_bytes([0; 16]),
        audit_commitment: Digest::of(b"secret"),
        last_checkpoint: None,
    };
    Envelope::seal(&order, key).expect("an order can be signed")
}
