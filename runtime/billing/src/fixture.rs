//! Owns the sample documents and generators of the unit tests.

use proptest::prelude::*;

use crate::bill::price;
use crate::digest::Digest;
use crate::envelope::{Document as _, Envelope};
use crate::job::{Blob, Job, Variable};
use crate::key::SigningKey;
use crate::limits::Limits;
use crate::model_use::ModelUse;
use crate::money::{Amount, UnitPrice};
use crate::offer::{Capabilities, Confidentiality, Device, OFFER_SCHEMA, Offer, Precision};
use crate::order::{Nonce, ORDER_SCHEMA, Order};
use crate::outcome::Outcome;
use crate::rate_card::RateCard;
use crate::receipt::{Attested, Engine, EngineFacts, Receipt, Reproducible, Run};
use crate::timestamp::Timestamp;
use crate::transcript::Transcript;
use crate::usage::{Meter, Observed, Usage};

pub fn provider_key() -> SigningKey {
    SigningKey::from_bytes(&[7; 32])
}

pub fn requestor_key() -> SigningKey {
    SigningKey::from_bytes(&[8; 32])
}

pub fn card_with(charges: &str, prices: &str) -> RateCard {
    RateCard::from_toml(&format!(
        "id = \"test\"\ncurrency = \"USD\"\nrounding = \"half-even\"\nminor_unit_digits = 2\n\
         valid_from = \"2026-01-01T00:00:00Z\"\nvalid_until = \"2036-01-01T00:00:00Z\"\n\
         {charges}\n[prices]\n{prices}\n"
    ))
    .unwrap()
}

pub fn card() -> RateCard {
    card_with(
        "fee_per_job = \"0.001\"",
        "instructions = \"0.000000001\"\nbytes_in = \"0.0000000000000000005\"",
    )
}

pub fn job() -> Job {
    Job {
        module: Digest::of(b"module"),
        inputs: vec![Blob {
            name: "a.txt".into(),
            sha256: Digest::of(b"a"),
            bytes: 1,
        }],
        arguments: vec!["program".into(), "--all".into()],
        environment: vec![Variable {
            name: "LANG".into(),
            value: "C".into(),
        }],
        seed: 7,
        clock_start_ns: 1_780_000_000_000_000_000,
    }
}

pub fn offer() -> Offer {
    Offer {
        schema: OFFER_SCHEMA,
        provider_key: provider_key().public().unwrap(),
        rate_card: card().digest().unwrap(),
        limits: Limits::default(),
        capabilities: Capabilities {
            worlds: ["meterbox:job@0.1.0".to_owned()].into(),
            wasm_features: ["simd".to_owned()].into(),
            meter_version: "1".into(),
            precisions: [Precision::F32].into(),
            devices: [Device::Cpu].into(),
            confidentiality: [Confidentiality::None].into(),
        },
        expires_at: Timestamp::from_unix_seconds(1_790_000_000).unwrap(),
    }
}

pub fn order() -> Order {
    Order {
        schema: ORDER_SCHEMA,
        id: "order-1".parse().unwrap(),
        offer: offer().digest().unwrap(),
        requestor_key: requestor_key().public().unwrap(),
        job: job(),
        limits: Limits::default(),
        max_price: "1000000".parse().unwrap(),
        precision: Precision::F32,
        confidentiality: Confidentiality::None,
        device: Device::Cpu,
        deadline: Timestamp::from_unix_seconds(1_785_000_000).unwrap(),
        expires_at: Timestamp::from_unix_seconds(1_784_000_000).unwrap(),
        nonce: Nonce::from_bytes([1; 16]),
        audit_commitment: Digest::of(b"secret"),
        last_checkpoint: None,
    }
}

pub fn usage() -> Usage {
    Usage {
        instructions: 1_204_331,
        memory_pages_peak: 17,
        bytes_in: 3,
        ..Usage::default()
    }
}

/// What two models were used for, sorted by digest.
pub fn models() -> Vec<ModelUse> {
    let mut models = ["a", "b"].map(|name| ModelUse {
        calls: 3,
        inference_ops_f32: 1_000,
        inference_weight_bytes: 20,
        inference_tensor_bytes: 8,
        inference_model_byte_instructions: 4_096,
        ..ModelUse::nothing(Digest::of(name.as_bytes()))
    });
    models.sort_by_key(|model| *model.sha256.as_bytes());
    models.into()
}

/// The sample of a job that used two models; the first of them is its input.
pub fn with_models() -> Reproducible {
    let mut part = reproducible();
    part.models = models();
    for meter in ModelUse::METERS {
        let sum = part.models.iter().map(|model| model.get(*meter)).sum();
        part.usage.set(*meter, sum);
    }
    part
}

pub fn reproducible() -> Reproducible {
    let run = Run {
        engine: EngineFacts {
            meter_version: "1".into(),
            cost_schedule: Digest::of(b"schedule"),
            host_call_table: Digest::of(b"calls"),
            inference_cost_table: Digest::of(b"operators"),
            wasm_features: vec!["simd".into()],
            float_mode: "engine-nan-canonicalisation".into(),
        },
        limits: Limits::default(),
        outcome: Outcome::OK,
        outputs: vec![Blob {
            name: "labels.json".into(),
            sha256: Digest::of(b"{}"),
            bytes: 2,
        }],
        transcript: Transcript::default().digest().unwrap(),
        usage: usage(),
        models: Vec::new(),
    };
    let bill = price(&usage(), &card()).unwrap();
    Reproducible::new(&job(), run, card().digest().unwrap(), bill).unwrap()
}

pub fn attested() -> Attested {
    Attested {
        order: order().digest().unwrap(),
        order_id: order().id,
        provider_key: provider_key().public().unwrap(),
        started_at: Timestamp::from_unix_seconds(1_780_000_000).unwrap(),
        ended_at: Timestamp::from_unix_seconds(1_780_000_001).unwrap(),
        observed: Observed {
            run_us: Some(812),
            device: Some("cpu".into()),
            ..Observed::default()
        },
        engine: Engine {
            name: "wasmtime".into(),
            version: "48.0.8".into(),
            opt_level: "speed".into(),
        },
        libraries: [("tract".to_owned(), "0.23.9".to_owned())].into(),
        precision: Precision::F32,
        confidentiality: Confidentiality::None,
        sequence: 0,
        previous_receipt: None,
    }
}

pub fn receipt() -> Receipt {
    Receipt::new(reproducible(), attested()).unwrap()
}

/// The signed bytes of a receipt with this reproducible part.
pub fn signed(part: Reproducible) -> Vec<u8> {
    let receipt = Receipt::new(part, attested()).unwrap();
    Envelope::seal(&receipt, &provider_key())
        .unwrap()
        .to_bytes()
        .unwrap()
}

/// Counts of every magnitude, zero included.
pub fn any_usage() -> impl Strategy<Value = Usage> {
    let count = (any::<u128>(), 0_u32..=127).prop_map(|(n, shift)| (n >> shift) & !1);
    prop::collection::vec(count, Meter::ALL.len()).prop_map(|counts| {
        let mut usage = Usage::default();
        for (meter, count) in Meter::ALL.iter().zip(counts) {
            usage.set(*meter, count);
        }
        usage
    })
}

/// Cards with prices around the rounding's half unit, and some without a price.
pub fn any_card() -> impl Strategy<Value = RateCard> {
    let price = prop_oneof![
        Just(0_u128),
        Just(500_000_000),
        1_u128..3_000_000_000,
        any::<u64>().prop_map(u128::from),
    ];
    let charge = prop_oneof![Just(0_u64), 1_u64..5, any::<u64>()];
    let charges = (charge.clone(), charge.clone(), charge);
    (prop::collection::vec(price, Meter::ALL.len()), charges).prop_map(|(prices, charges)| {
        let amount = |units: u64| Amount::from_units(units.into());
        let listed = Meter::ALL.iter().zip(prices);
        let prices: Vec<_> = listed
            .map(|(meter, units)| format!("{meter} = \"{}\"", UnitPrice::from_units(units)))
            .collect();
        card_with(
            &format!(
                "fee_per_job = \"{}\"\nminimum_charge = \"{}\"\ncancellation_charge = \"{}\"",
                amount(charges.0),
                amount(charges.1),
                amount(charges.2)
            ),
            &prices.join("\n"),
        )
    })
}
