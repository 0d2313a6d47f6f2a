//! What the fuzz targets of billing and of the log do with the bytes that they draw: read them as a document.
//! Reading must not panic, what was read must come back from its bytes, and nothing that nobody signed may be
//! believed. Knows no fuzzer: tests do the same with `fuzz/seeds`.

use std::str;
use std::sync::LazyLock;

use meterbox_billing::acceptance::Acceptance;
use meterbox_billing::bill::{ceiling, price};
use meterbox_billing::canonical::from_json_strict;
use meterbox_billing::credit::Credit;
use meterbox_billing::envelope::{Document, Envelope};
use meterbox_billing::explain::explain;
use meterbox_billing::inspection::{Finding, Trusted, inspect};
use meterbox_billing::key::SigningKey;
use meterbox_billing::offer::Offer;
use meterbox_billing::order::Order;
use meterbox_billing::rate_card::change::change;
use meterbox_billing::rate_card::{RateCard, default_card};
use meterbox_billing::receipt::Receipt;
use meterbox_billing::usage::{Meter, Usage};
use meterbox_billing::verify::{Signer, verify};
use meterbox_log::check::check_inclusion;
use meterbox_log::checkpoint::{SignedCheckpoint, Trust};
use meterbox_log::note::VerifierKey;
use meterbox_log::proof_file::ProofFile;

/// A key that signs what is drawn, so that whatever checks come after the signature are reached, too.
static KEY: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::from_bytes(&[7; 32]));
static CARD: LazyLock<RateCard> = LazyLock::new(|| default_card().expect("tests read it"));

/// An envelope, as it came: whoever reads it with a key of their own is not deceived.
pub fn any_envelope(data: &[u8]) -> Option<()> {
    let stranger = SigningKey::from_bytes(&[99; 32]).public().expect("a key");
    let inspected = inspect(
        data,
        &Trusted::new([stranger], [CARD.clone()]).expect("a card"),
    );
    assert!(matches!(
        inspected.finding,
        Finding::UnknownSigner | Finding::Refused
    ));
    assert!(verify(data, Some(&stranger), None).is_err());
    let envelope = Envelope::from_bytes(data).ok()?;
    let bytes = envelope.to_bytes().expect("it was read");
    assert_eq!(
        Envelope::from_bytes(&bytes).expect("it was written"),
        envelope
    );
    // The key is public in tests, so that drawn envelopes may well be signed by it.
    let key = KEY.public().expect("a key");
    let believed = verify(data, Some(&key), None);
    if let Ok(verified) = &believed {
        assert_eq!(verified.signer, Signer::Trusted(key));
    }
    Some(())
}

/// The payload of a receipt, signed by whom it names if that is possible.
pub fn any_receipt(data: &[u8]) -> Option<()> {
    let receipt: Receipt = document(data)?;
    let sealed = Envelope::seal(&receipt, &KEY).expect("it was read");
    let bytes = sealed.to_bytes().expect("it was written");
    let key = KEY.public().expect("a key");
    for card in [None, Some(&*CARD)] {
        if let Ok(verified) = verify(&bytes, Some(&key), card) {
            assert_eq!(verified.receipt, receipt);
            let told = explain(&receipt, verified.digest);
            assert_eq!(told.lines.len(), receipt.reproducible().lines.len());
            assert!(!told.to_string().contains('\u{1b}'));
        }
    }
    Some(())
}

/// The payload of an order, an offer, an acceptance or a credit, by the first byte.
pub fn any_order(data: &[u8]) -> Option<()> {
    let (&kind, rest) = data.split_first()?;
    match kind {
        b'o' => document::<Offer>(rest).map(drop),
        b'a' => document::<Acceptance>(rest).map(drop),
        b'c' => document::<Credit>(rest).map(drop),
        _ => {
            let order: Order = document(rest)?;
            let offer = Offer {
                schema: 1,
                provider_key: order.requestor_key,
                rate_card: CARD.digest().expect("a card"),
                limits: order.limits,
                capabilities: meterbox_billing::offer::Capabilities {
                    worlds: Default::default(),
                    wasm_features: Default::default(),
                    meter_version: String::new(),
                    precisions: [order.precision].into(),
                    confidentiality: [order.confidentiality].into(),
                    devices: [order.device].into(),
                },
                expires_at: order.expires_at,
            };
            let order = Order {
                offer: offer.digest().expect("an offer"),
                ..order
            };
            let now = "2026-06-01T00:00:00Z".parse().expect("a time");
            if let Ok(held) = order.check_against(&offer, &CARD, now, 1) {
                assert!(held <= order.max_price);
            }
            Some(())
        }
    }
}

/// A document's payload: what is read has one canonical form, which comes back.
fn document<T: Document + PartialEq + std::fmt::Debug>(data: &[u8]) -> Option<T> {
    let read: T = from_json_strict(data).ok()?;
    let payload = read.payload().expect("it was read");
    let again: T = from_json_strict(&payload).expect("it was written");
    assert_eq!(again, read);
    assert_eq!(again.payload().expect("it was read"), payload);
    Some(read)
}

/// A rate card's file: prices are what they say, and no job costs more than its ceiling.
pub fn any_card(data: &[u8]) -> Option<()> {
    let text = str::from_utf8(data).ok()?;
    let card = match RateCard::from_toml(text) {
        Ok(card) => card,
        Err(error) => {
            let told = (error.to_string(), error.hint());
            assert!(!told.0.is_empty());
            return None;
        }
    };
    assert_eq!(RateCard::from_toml(text).as_ref(), Ok(&card));
    let same = change(&card, &card).expect("it has a digest");
    assert!(same.fields.is_empty() && same.prices.is_empty());
    change(&CARD, &card).expect("it has a digest");
    let mut usage = Usage::default();
    let mut limits = meterbox_billing::limits::Limits::default();
    for (count, meter) in (1_000_000..).zip(Meter::ALL) {
        usage.set(*meter, count);
    }
    usage.memory_pages_peak = 1;
    usage.inference_model_byte_instructions = 1;
    (limits.instructions, limits.inference_ops, limits.tokens) = (1_000_000, 5_100_000, 3_100_000);
    usage.instructions = 1_000_000;
    if let (Ok(bill), Ok(most)) = (
        price(&usage, &card),
        ceiling(&limits, &card, usage.admission_units),
    ) {
        let sum: Option<u128> =
            (bill.lines.iter()).try_fold(0_u128, |sum, line| sum.checked_add(line.amount.units()));
        assert_eq!(sum, Some(bill.total.units()));
        assert!(
            limits.check_usage(&usage).is_err() || bill.total <= most,
            "{bill:?}"
        );
    }
    Some(())
}

/// A proof's file, a checkpoint or a key of one: what is read comes back, and no stranger is believed.
pub fn any_proof(data: &[u8]) -> Option<()> {
    let text = str::from_utf8(data).ok()?;
    let stranger = SigningKey::from_bytes(&[99; 32]).public().expect("a key");
    let strangers = Trust::key(stranger);
    if let Ok(key) = text.parse::<VerifierKey>() {
        assert_eq!(key.to_string(), text);
        return Some(());
    }
    if let Ok(checkpoint) = text.parse::<SignedCheckpoint>() {
        assert_eq!(checkpoint.to_string(), text);
        assert!(checkpoint.open(&strangers).is_err());
        return Some(());
    }
    let file: ProofFile = text.parse().ok()?;
    let own = Trust::key(KEY.public().expect("a key"));
    match file {
        ProofFile::Inclusion(file) => {
            assert_eq!(file.to_string(), text);
            assert!(check_inclusion(&file, None, &strangers).is_err());
            let head = file.checkpoint.checkpoint_unverified().head;
            let receipt = meterbox_billing::digest::Digest::of(data);
            // Nobody finds a proof for the digest of the file that holds it.
            assert!(file.proof.check(&receipt, &head).is_err());
            if let Ok(included) = check_inclusion(&file, None, &own) {
                assert!(included.index < head.size);
            }
        }
        ProofFile::Consistency(file) => {
            assert_eq!(file.to_string(), text);
            let newer = file.checkpoint.checkpoint_unverified().head;
            let older = meterbox_log::tree::Head {
                size: file.proof.old,
                root: meterbox_billing::digest::Digest::of(data),
            };
            assert!(file.proof.check(&older, &newer).is_err());
        }
    }
    Some(())
}
