//! Receipts that nobody should have to read: each is refused, in words that name what is wrong.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::*;
use crate::canonical::DOCUMENT_BYTES_MAX;
use crate::envelope::{ACCEPTANCE_TYPE, ORDER_TYPE};
use crate::text::Message;

/// All that an error says, from the outer to the inner cause.
fn told(error: &dyn std::error::Error) -> String {
    let causes: Vec<_> = std::iter::successors(Some(error), |error| error.source())
        .map(ToString::to_string)
        .collect();
    causes.join(": ")
}

/// What is said of an envelope's bytes by a reader that trusts the provider's key.
fn refused(envelope: &[u8]) -> String {
    let error = verify(envelope, Some(&trusted()), Some(&card())).unwrap_err();
    told(&error)
}

fn envelope() -> Value {
    serde_json::from_slice(&signed(reproducible())).unwrap()
}

/// The envelope after a change, not signed again.
fn changed(change: impl Fn(&mut Value)) -> Vec<u8> {
    let mut envelope = envelope();
    change(&mut envelope);
    serde_json::to_vec(&envelope).unwrap()
}

/// The payload after a replacement, signed again by the provider.
fn resigned(from: &str, to: &str) -> Vec<u8> {
    let payload = String::from_utf8(receipt().payload().unwrap()).unwrap();
    assert!(payload.contains(from), "{from}");
    let payload = payload.replacen(from, to, 1);
    let envelope = Envelope::sign(RECEIPT_TYPE, payload.as_bytes(), &provider_key()).unwrap();
    envelope.to_bytes().unwrap()
}

#[test]
fn envelopes_with_flaws_are_refused_by_name() {
    let text = String::from_utf8(signed(reproducible())).unwrap();
    let doubled = text.replacen('{', r#"{"payloadType":"x","#, 1);
    let signature = envelope()["signatures"][0].clone();
    let other = requestor_key().public().unwrap().id().to_string();
    for (bytes, reason) in [
        (
            doubled.into_bytes(),
            "the field `payloadType` appears twice",
        ),
        (
            changed(|e| e["payload"] = json!(7)),
            "invalid type: integer `7`, expected a string",
        ),
        (
            changed(|e| e["payload"] = json!("%")),
            "`payload` is not valid base64",
        ),
        (
            changed(|e| e["payloadType"] = json!(ORDER_TYPE)),
            "the payload is `application/vnd.meterbox.order+json`",
        ),
        (
            changed(|e| e["payloadType"] = json!(ACCEPTANCE_TYPE)),
            "expected `application/vnd.in-toto+json`",
        ),
        (
            changed(|e| e["payloadType"] = json!("")),
            "the payload is ``",
        ),
        (
            changed(|e| e["signatures"] = json!([])),
            "the envelope has no signature",
        ),
        (
            changed(|e| e["signatures"] = json!({})),
            "expected a sequence",
        ),
        (
            changed(|e| e["signatures"] = json!([signature, signature])),
            "has 2 signatures, expected one",
        ),
        (
            changed(|e| e["signatures"][0]["keyid"] = json!(other)),
            &format!("signed by the key {other}"),
        ),
        (
            changed(|e| e["signatures"][0]["sig"] = json!("AAAA")),
            "the signature does not fit",
        ),
        (
            changed(|e| e["signatures"][0]["sig"] = json!(STANDARD.encode([0; 64]))),
            "the signature does not fit",
        ),
        (
            changed(|e| e["note"] = json!("x".repeat(100))),
            "unknown field `note`",
        ),
        (
            changed(|e| {
                e.as_object_mut().unwrap().remove("signatures");
            }),
            "missing field `signatures`",
        ),
        (b"[]".to_vec(), "cannot read this document"),
        (Vec::new(), "EOF while parsing"),
        (vec![b'['; 1 << 20], "recursion limit exceeded"),
        (
            vec![b' '; DOCUMENT_BYTES_MAX + 1],
            "at most 16777216 are read",
        ),
    ] {
        let found = refused(&bytes);
        assert!(found.contains(reason), "{reason}: {found}");
    }
}

#[test]
fn payloads_with_flaws_are_refused_by_name_even_when_they_are_signed() {
    let total = r#""total":"0.002204331000000002""#;
    let weak = "0".repeat(64);
    let key = trusted().to_string();
    let long = "9".repeat(1 << 16);
    for (from, to, reason) in [
        (
            r#""seed":"7""#,
            r#""seed":"7","seed":"7""#.to_owned(),
            "the field `seed` appears twice",
        ),
        (
            r#""seed":"7""#,
            r#""seed":7"#.to_owned(),
            "invalid type: integer `7`",
        ),
        (
            r#""seed":"7""#,
            r#""seed":"-7""#.to_owned(),
            "`-7` is no whole number in plain digits",
        ),
        (
            r#""seed":"7""#,
            r#""seed":"18446744073709551616""#.to_owned(),
            "18446744073709551616",
        ),
        (
            r#""instructions":"1204331""#,
            r#""instructions":1204331"#.to_owned(),
            "invalid type: integer `1204331`",
        ),
        (
            r#""instructions":"1204331""#,
            format!(r#""instructions":"{long}""#),
            "99999",
        ),
        (
            total,
            r#""total":0.0022"#.to_owned(),
            "invalid type: floating point `0.0022`",
        ),
        (
            total,
            r#""total":"-0.0022""#.to_owned(),
            "money here is never negative",
        ),
        (
            total,
            r#""total":"0.0000000000000000001""#.to_owned(),
            "`1` would be lost",
        ),
        (
            total,
            format!(r#""total":"{long}""#),
            "no plain decimal number",
        ),
        (&key, weak, "this public key is weak"),
        (
            r#""order_id":"order-1""#,
            format!(r#""order_id":"{long}""#),
            "an id has 65536 bytes, at most 128",
        ),
        (
            r#""order_id":"order-1""#,
            r#""order_id":"\u001b[2J""#.to_owned(),
            "an id holds",
        ),
        (
            r#""currency":"USD""#,
            r#""currency":"usd""#.to_owned(),
            "three capital letters",
        ),
        (
            r#""predicateType":"https://meterbox.dev/receipt/v1""#,
            r#""predicateType":"x""#.to_owned(),
            "`predicateType` is `x`",
        ),
    ] {
        let found = refused(&resigned(from, &to));
        assert!(found.contains(reason), "{to:.60}: {found:.400}");
        assert!(
            found.len() < 1 << 10,
            "{to:.60}: an error of {} bytes",
            found.len()
        );
    }
}

#[test]
fn a_guests_words_are_bounded() {
    let mut part = reproducible();
    part.outcome = Outcome::Failed {
        message: Message::cut(&"x".repeat(Message::BYTES_MAX)),
        code: None,
    };
    check(part.clone()).unwrap();
    let payload = Receipt::new(part, attested()).unwrap().payload().unwrap();
    let payload = String::from_utf8(payload)
        .unwrap()
        .replacen("xxx", "xxxx", 1);
    let envelope = Envelope::sign(RECEIPT_TYPE, payload.as_bytes(), &provider_key()).unwrap();
    let found = refused(&envelope.to_bytes().unwrap());
    assert!(
        found.contains("a message has 4097 bytes, at most 4096 are allowed"),
        "{found}"
    );
}

/// Adding the order of the group to the scalar gives a second signature that lax verifiers take.
#[test]
fn a_second_form_of_a_signature_is_refused() {
    const GROUP_ORDER: [u8; 32] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde,
        0x14, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];
    let sig = envelope()["signatures"][0]["sig"]
        .as_str()
        .unwrap()
        .to_owned();
    let mut bytes = STANDARD.decode(sig).unwrap();
    let mut carry = 0_u16;
    for (byte, order) in bytes[32..].iter_mut().zip(GROUP_ORDER) {
        let sum = u16::from(*byte) + u16::from(order) + carry;
        *byte = sum.to_le_bytes()[0];
        carry = sum >> 8;
    }
    assert_eq!(carry, 0);
    let second = STANDARD.encode(bytes);
    let found = refused(&changed(|e| e["signatures"][0]["sig"] = json!(second)));
    assert!(
        found.contains("the signature does not fit the payload"),
        "{found}"
    );
}

/// Under such a key one signature fits many messages. No reader can be made to trust one.
#[test]
fn keys_of_small_order_are_never_trusted() {
    let small = [
        "0100000000000000000000000000000000000000000000000000000000000000",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "0000000000000000000000000000000000000000000000000000000000000080",
        "0000000000000000000000000000000000000000000000000000000000000000",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    ];
    for text in small {
        let found = text.parse::<PublicKey>().unwrap_err().to_string();
        assert!(found.contains("weak"), "{text}: {found}");
    }
}

/// A receipt may hold anything, and what is said of it goes to a terminal or a log.
#[test]
fn errors_stay_short_and_harmless_whatever_a_receipt_holds() {
    let long = format!("\u{1b}[2J{}", "x".repeat(1 << 20));
    let named = |name: &str| {
        let mut envelope = envelope();
        envelope[name] = json!("");
        serde_json::to_vec(&envelope).unwrap()
    };
    let mut part = reproducible();
    part.lines[0].meter = long.clone();
    let mut float_mode = reproducible();
    float_mode.engine.float_mode = long.clone();
    let differs = compare(&reproducible(), &float_mode).unwrap().unwrap();
    assert!(differs.theirs.len() < 400 && !differs.theirs.contains('\u{1b}'));
    let twice = format!(r#"{{"{0}":1,"{0}":2}}"#, "x".repeat(1 << 20));
    for bytes in [
        changed(|e| e["payloadType"] = json!(long)),
        changed(|e| e["signatures"][0]["keyid"] = json!(long)),
        changed(|e| e["payload"] = json!(long)),
        named(&long),
        twice.into_bytes(),
        signed(part),
        resigned("https://meterbox.dev/receipt/v1", &"y".repeat(1 << 20)),
        resigned(
            r#""schema":1"#,
            &format!(r#""schema":1,"{}":1"#, "z".repeat(1 << 20)),
        ),
    ] {
        let found = refused(&bytes);
        assert!(found.len() < 1 << 10, "{} bytes: {found:.200}", found.len());
        assert!(!found.contains('\u{1b}'), "{found}");
    }
}
