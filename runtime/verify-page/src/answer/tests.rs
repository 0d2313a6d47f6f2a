//! Answers: each check passes, fails with its reason, or says why it was not made.

use meterbox_billing::envelope::Document as _;
use meterbox_billing::money::Amount;
use meterbox_log::note::Name;
use meterbox_log::prove::{Which, checkpoint, prove};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::fixture;

fn receipt() -> String {
    String::from_utf8(fixture::signed(fixture::reproducible())).unwrap()
}

fn key() -> String {
    fixture::provider_key().public().unwrap().to_string()
}

/// The file of the fixture's card.
const CARD: &str = r#"id = "test"
currency = "USD"
rounding = "half-even"
minor_unit_digits = 2
valid_from = "2026-01-01T00:00:00Z"
valid_until = "2036-01-01T00:00:00Z"
fee_per_job = "0.001"
[prices]
instructions = "0.000000001"
bytes_in = "0.0000000000000000005"
"#;

fn proof(place: u64) -> String {
    let digest = fixture::receipt().digest().unwrap();
    let mut receipts: Vec<_> = (0..5_u8)
        .map(|n| meterbox_billing::digest::Digest::of(&[n]))
        .collect();
    receipts[usize::try_from(place).unwrap()] = digest;
    let origin: Name = "provider.example/log".parse().unwrap();
    let signed = checkpoint(receipts.clone(), &origin, &fixture::provider_key()).unwrap();
    prove(&receipts, Which::Receipt(digest), &signed)
        .unwrap()
        .to_string()
}

fn ask(receipt: &str, key: &str, card: &str, proof: &str) -> Value {
    let request = json!({ "receipt": receipt, "key": key, "card": card, "proof": proof });
    serde_json::from_str(&answer(request.to_string().as_bytes())).unwrap()
}

/// The check of this name: its state and detail.
fn row<'a>(answer: &'a Value, name: &str) -> (&'a str, &'a str) {
    let rows = answer["checks"].as_array().unwrap();
    let row = rows.iter().find(|row| row["name"] == name).unwrap();
    (
        row["state"].as_str().unwrap(),
        row["detail"].as_str().unwrap(),
    )
}

#[test]
fn with_key_card_and_proof_everything_is_checked() {
    let answer = ask(&receipt(), &key(), CARD, &proof(0));
    assert_eq!(answer["verdict"], "valid");
    for row in answer["checks"].as_array().unwrap() {
        assert_eq!(row["state"], "passed", "{row}");
    }
    assert_eq!(answer["checks"].as_array().unwrap().len(), 6);
    assert_eq!(answer["explanation"]["total"], "0.002204331000000002");
}

#[test]
fn what_was_not_given_is_not_checked_and_said_to_be_so() {
    let answer = ask(&receipt(), "", "", "");
    assert_eq!(answer["verdict"], "unknown_signer");
    assert!(row(&answer, SIGNATURE).1.contains("may be anybody's"));
    for name in [SIGNATURE, PRICES, LOG] {
        assert_eq!(row(&answer, name).0, "skipped");
    }
    let pem = fixture::provider_key().public().unwrap().to_pem().unwrap();
    assert_eq!(ask(&receipt(), &pem, "", "")["verdict"], "valid");
    assert_eq!(
        ask(&receipt(), &format!(" {} \n", key().to_uppercase()), "", "")["verdict"],
        "valid"
    );
    let unknown = ask(&receipt(), "", "", &proof(0));
    assert_eq!(row(&unknown, LOG).0, "skipped");
}

#[test]
fn tampered_receipts_are_refused_with_the_check_and_the_field() {
    let mut part = fixture::reproducible();
    part.total = Amount::ZERO;
    let resigned = String::from_utf8(fixture::signed(part)).unwrap();
    let answer = ask(&resigned, &key(), CARD, "");
    assert_eq!(answer["verdict"], "refused");
    assert_eq!(row(&answer, SIGNATURE).0, "passed");
    let (state, detail) = row(&answer, ARITHMETIC);
    assert_eq!(
        (state, detail),
        ("failed", "`total` is 0, it should be 0.002204331000000002")
    );
    assert_eq!(row(&answer, PRICES).0, "skipped");
    assert!(answer["explanation"].is_null());

    let mut envelope: Value = serde_json::from_str(&receipt()).unwrap();
    let mut other: Value = serde_json::from_str(&resigned).unwrap();
    envelope["payload"] = other["payload"].take();
    let altered = ask(&envelope.to_string(), &key(), CARD, "");
    let (state, detail) = row(&altered, SIGNATURE);
    assert_eq!(state, "failed");
    assert!(
        detail.contains("does not fit the payload") && detail.contains("`total` is 0"),
        "{detail}"
    );

    let stranger = fixture::requestor_key().public().unwrap().to_string();
    let answer = ask(&receipt(), &stranger, "", "");
    assert_eq!(row(&answer, SIGNATURE).0, "failed");
    let mut part = fixture::reproducible();
    part.seed += 1;
    let resigned = String::from_utf8(fixture::signed(part)).unwrap();
    assert_eq!(row(&ask(&resigned, &key(), "", ""), DIGESTS).0, "failed");
}

#[test]
fn cards_keys_and_proofs_that_do_not_fit_are_refused_with_the_reason() {
    let refused = |key: &str, card: &str, proof: &str, name: &str, reason: &str| {
        let answer = ask(&receipt(), key, card, proof);
        assert_eq!(answer["verdict"], "refused");
        let (state, detail) = row(&answer, name);
        assert!(state == "failed" && detail.contains(reason), "{detail}");
    };
    let key = key();
    refused("xyz", "", "", SIGNATURE, "64 lower-case hexadecimal digits");
    refused(
        &"0".repeat(64),
        "",
        "",
        SIGNATURE,
        "this public key is weak",
    );
    refused(
        "-----BEGIN PUBLIC KEY-----",
        "",
        "",
        SIGNATURE,
        "no PEM file",
    );
    refused(&key, "default", "", PRICES, "`rate_card` is");
    refused(&key, "id = 1", "", PRICES, "cannot be read");
    refused(
        &key,
        &CARD.replace("\"0.001\"", "0.001"),
        "",
        PRICES,
        "write the price as text: fee_per_job",
    );
    refused(&key, "", "x", LOG, "cannot be read");
    refused(
        &key,
        "",
        &proof(0).replace("index 0", "index 1"),
        LOG,
        "not at place 1",
    );
    refused(&key, "", &proof(3), LOG, "says that its number is 0");
}

#[test]
fn whatever_comes_has_an_answer() {
    for request in ["", "{}", "[]", r#"{"receipt":1}"#] {
        let answer: Value = serde_json::from_str(&answer(request.as_bytes())).unwrap();
        assert_eq!(answer["verdict"], "refused");
        assert!(row(&answer, FORM).1.contains("asked wrongly"));
    }
    for receipt in ["", "{}", "null", "\u{feff}{}", "[[["] {
        let answer = ask(receipt, "", "", "");
        assert_eq!(row(&answer, FORM).0, "failed");
    }
}

proptest! {
    #[test]
    fn no_altered_byte_is_valid(place in any::<prop::sample::Index>(), byte in 0x20_u8..0x7f) {
        let mut bytes = receipt().into_bytes();
        let place = place.index(bytes.len());
        prop_assume!(bytes[place] != byte);
        bytes[place] = byte;
        let answer = ask(&String::from_utf8(bytes).unwrap(), &key(), CARD, "");
        prop_assert_eq!(&answer["verdict"], "refused");
    }
}
