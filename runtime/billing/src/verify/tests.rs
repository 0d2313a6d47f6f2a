//! Receipts: a good one verifies, and each way of tampering with one is named.

mod bad_input;

use proptest::prelude::*;

use super::*;
use crate::bill::price;
use crate::canonical::to_canonical_json;
use crate::envelope::{Document as _, RECEIPT_TYPE};
use crate::fixture::{
    attested, card, card_with, job, provider_key, receipt, reproducible, requestor_key, signed,
    with_models,
};
use crate::model_use::ModelUse;
use crate::outcome::Outcome;

fn trusted() -> PublicKey {
    provider_key().public().unwrap()
}

fn check(part: Reproducible) -> Result<Verified, VerifyError> {
    verify(&signed(part), Some(&trusted()), Some(&card()))
}

/// The path, found and expected value of a receipt that was changed and signed again.
fn mismatch(change: impl Fn(&mut Reproducible)) -> (String, String, String) {
    let mut part = reproducible();
    change(&mut part);
    match check(part).unwrap_err() {
        VerifyError::Mismatch(Difference {
            field,
            ours,
            theirs,
        }) => (field, ours, theirs),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_good_receipt_verifies() {
    let verified = check(reproducible()).unwrap();
    assert_eq!(verified.signer, Signer::Trusted(trusted()));
    assert_eq!(verified.receipt, receipt());
    assert_eq!(verified.digest, receipt().digest().unwrap());
    assert!(verified.card_checked);
}

#[test]
fn the_payload_is_an_in_toto_statement_in_canonical_form() {
    let payload = String::from_utf8(receipt().payload().unwrap()).unwrap();
    assert!(payload.starts_with(
        r#"{"_type":"https://in-toto.io/Statement/v1","predicate":{"attested":{"confidentiality":"none","ended_at":"2026-05-28T20:26:41Z","#
    ));
    assert!(payload.contains(
        r#""lines":[{"amount":"0.001204331","meter":"instructions","quantity":"1204331","unit_price":"0.000000001"},{"amount":"0.000000000000000002","meter":"bytes_in","quantity":"3","unit_price":"0.0000000000000000005"},{"amount":"0.001","meter":"job_fee","quantity":"1","unit_price":"0.001"}]"#
    ));
    assert!(payload.contains(r#""total":"0.002204331000000002""#));
    let usage = String::from_utf8(to_canonical_json(&reproducible().usage).unwrap()).unwrap();
    let result = Digest::of(format!(r#"{{"outcome":{{"kind":"ok"}},"usage":{usage}}}"#).as_bytes());
    assert!(payload.ends_with(&format!(
        r#""predicateType":"https://meterbox.dev/receipt/v1","subject":[{{"digest":{{"sha256":"{result}"}},"name":"meterbox:result"}},{{"digest":{{"sha256":"44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"}},"name":"labels.json"}}]}}"#
    )));
}

#[test]
fn without_a_trusted_key_the_signer_is_unknown() {
    let verified = verify(&signed(reproducible()), None, None).unwrap();
    assert_eq!(verified.signer, Signer::Unknown(trusted()));
    assert!(!verified.card_checked);
}

#[test]
fn a_key_inside_the_receipt_is_never_trusted() {
    let mut forged = attested();
    forged.provider_key = requestor_key().public().unwrap();
    let forged = Receipt::new(reproducible(), forged).unwrap();
    let sealed = Envelope::seal(&forged, &requestor_key())
        .unwrap()
        .to_bytes()
        .unwrap();
    assert!(matches!(
        verify(&sealed, Some(&trusted()), None),
        Err(VerifyError::Envelope(EnvelopeError::UnknownSigner { .. }))
    ));
    let sealed = Envelope::seal(&forged, &provider_key())
        .unwrap()
        .to_bytes()
        .unwrap();
    assert!(matches!(
        verify(&sealed, Some(&trusted()), None),
        Err(VerifyError::WrongProvider { .. })
    ));
    assert!(verify(&sealed, None, None).is_err());
}

#[test]
fn altered_and_signed_again_the_field_is_named() {
    let expect = |found: (String, String, String), field: &str| assert_eq!(found.0, field);
    assert_eq!(
        mismatch(|p| p.usage.instructions += 1),
        (
            "lines[0].quantity".into(),
            "1204331".into(),
            "1204332".into()
        )
    );
    expect(
        mismatch(|p| p.lines[0].amount = Amount::ZERO),
        "lines[0].amount",
    );
    expect(mismatch(|p| p.lines[2].quantity = 2), "lines[2].quantity");
    expect(mismatch(|p| p.total = Amount::ZERO), "total");
    expect(mismatch(|p| p.seed += 1), "job");
    expect(mismatch(|p| p.job = Digest::of(b"")), "job");
    expect(mismatch(|p| p.rate_card = Digest::of(b"")), "rate_card");
}

#[test]
fn bills_that_add_up_but_are_not_the_cards_are_refused() {
    let dearer = card_with(
        "fee_per_job = \"0.002\"",
        "instructions = \"0.000000001\"\nbytes_in = \"0.0000000000000000005\"",
    );
    let found = mismatch(|part| {
        let bill = price(&part.usage, &dearer).unwrap();
        (part.lines, part.total) = (bill.lines, bill.total);
    });
    assert_eq!(
        found,
        ("lines[2].amount".into(), "0.002".into(), "0.001".into())
    );
    let found = mismatch(|part| {
        part.lines.remove(1);
        part.total = Amount::sum(part.lines.iter().map(|line| line.amount)).unwrap();
    });
    assert_eq!(found.0, "lines[1].amount");
}

#[test]
fn lines_that_do_not_belong_are_refused() {
    let refused = |change: fn(&mut Vec<Line>)| {
        let mut part = reproducible();
        change(&mut part.lines);
        let error = verify(&signed(part), Some(&trusted()), None).unwrap_err();
        assert!(matches!(error, VerifyError::Line { .. }), "{error:?}");
    };
    refused(|lines| lines[0].meter = "speed".into());
    refused(|lines| lines.swap(0, 1));
    refused(|lines| lines.push(lines[2].clone()));
}

#[test]
fn amounts_that_overflow_are_refused() {
    let mut part = reproducible();
    part.usage.instructions = 100_000_000_000;
    part.lines[0].quantity = part.usage.instructions;
    part.lines[0].unit_price = crate::money::UnitPrice::from_units(u128::MAX);
    assert!(matches!(check(part), Err(VerifyError::Money { .. })));
}

#[test]
fn usage_beyond_the_limits_and_impossible_outputs_are_refused() {
    let mut part = reproducible();
    part.limits.instructions = 1;
    assert!(matches!(check(part), Err(VerifyError::Limits(_))));
    let mut part = reproducible();
    part.outputs.push(part.outputs[0].clone());
    assert!(matches!(check(part), Err(VerifyError::Output(_))));
    let mut part = reproducible();
    part.outputs[0].name = "../x".into();
    assert!(matches!(check(part), Err(VerifyError::Output(_))));
}

#[test]
fn every_outcome_may_be_in_a_receipt() {
    for outcome in [
        Outcome::Failed {
            message: crate::text::Message::cut("\u{0}\"é"),
            code: Some(u32::MAX),
        },
        Outcome::Trapped {
            trap: "unreachable".parse().unwrap(),
        },
        Outcome::Limit {
            which: "instructions".parse().unwrap(),
        },
    ] {
        let mut part = reproducible();
        part.outcome = outcome.clone();
        part.outputs.clear();
        assert_eq!(check(part).unwrap().receipt.reproducible().outcome, outcome);
    }
}

/// Signs any payload as a receipt, and says whether it verifies.
fn check_payload(payload: &str) -> Result<Verified, VerifyError> {
    let envelope = Envelope::sign(RECEIPT_TYPE, payload.as_bytes(), &provider_key()).unwrap();
    verify(&envelope.to_bytes().unwrap(), Some(&trusted()), None)
}

#[test]
fn payloads_in_any_other_form_are_refused() {
    let payload = String::from_utf8(receipt().payload().unwrap()).unwrap();
    check_payload(&payload).unwrap();
    for (from, to) in [
        (r#"{"_type""#, r#"{ "_type""#),
        (
            r#""total":"0.002204331000000002""#,
            r#""total":"0.0022043310000000020""#,
        ),
        (r#""seed":"7""#, r#""seed":7"#),
        (r#""seed":"7""#, r#""seed":"7","seed":"7""#),
        (r#""seed":"7""#, r#""seed":"7","zeal":"7""#),
        (r#""instructions":"1204331""#, r#""instructions":1204331"#),
        (r#""schema":1"#, r#""schema":2"#),
        ("Statement/v1", "Statement/v0.1"),
        ("receipt/v1", "receipt/v2"),
        (r#""name":"labels.json"}]"#, r#""name":"other.json"}]"#),
        (r#""run_us":"812""#, r#""run_us":null"#),
    ] {
        assert!(payload.contains(from), "{from}");
        let error = check_payload(&payload.replacen(from, to, 1)).unwrap_err();
        assert!(matches!(error, VerifyError::Envelope(_)), "{to}: {error:?}");
    }
    assert!(matches!(
        check_payload(&format!("{payload}\n")),
        Err(VerifyError::Envelope(EnvelopeError::NotCanonical))
    ));
}

#[test]
fn flipped_bytes_are_refused() {
    let bytes = signed(reproducible());
    for index in (0..bytes.len()).step_by(7) {
        let mut flipped = bytes.clone();
        flipped[index] ^= 1;
        assert!(
            verify(&flipped, Some(&trusted()), Some(&card())).is_err(),
            "{index}"
        );
    }
}

#[test]
fn equal_runs_do_not_differ_and_the_first_cause_is_named() {
    let ours = reproducible();
    assert_eq!(compare(&ours, &reproducible()).unwrap(), None);
    let differs = |change: fn(&mut Reproducible)| {
        let mut theirs = reproducible();
        change(&mut theirs);
        compare(&ours, &theirs).unwrap().unwrap()
    };
    assert_eq!(
        differs(|p| {
            p.usage.instructions += 1;
            p.usage.admission_units = 5;
            p.total = Amount::ZERO;
        }),
        Difference {
            field: "usage.instructions".into(),
            ours: "1204331".into(),
            theirs: "1204332".into()
        }
    );
    let outcome = differs(|p| {
        p.outcome = Outcome::Limit {
            which: "stack_units".parse().unwrap(),
        }
    });
    assert_eq!(
        (outcome.field.as_str(), outcome.theirs.as_str()),
        ("outcome.kind", "limit")
    );
    assert_eq!(
        differs(|p| p.outputs[0].sha256 = Digest::of(b"")).field,
        "outputs[0].sha256"
    );
    let missing = differs(|p| p.outputs.clear());
    assert_eq!(
        (missing.field.as_str(), missing.theirs.as_str()),
        ("outputs[0]", "nothing")
    );
    assert_eq!(
        differs(|p| p.engine.float_mode.clear()).field,
        "engine.float_mode"
    );
    assert_eq!(
        differs(|p| p.limits.handles = 1).to_string(),
        "`limits.handles` differs: 10000 and 1"
    );
}

#[test]
fn what_models_are_said_to_have_used_is_what_was_counted() {
    check(with_models()).unwrap();
    let refused = |change: &dyn Fn(&mut Reproducible)| {
        let mut part = with_models();
        change(&mut part);
        match check(part).unwrap_err() {
            VerifyError::Mismatch(difference) => difference.field,
            VerifyError::Model { index } => format!("models[{index}]"),
            other => panic!("{other:?}"),
        }
    };
    for meter in ModelUse::METERS {
        let field = format!("models[].{meter}");
        assert_eq!(
            refused(&|p| p.usage.set(*meter, p.usage.get(*meter) + 1)),
            field
        );
    }
    let weights = "models[].inference_weight_bytes";
    assert_eq!(
        refused(&|p| p.models[1].inference_weight_bytes += 1),
        weights
    );
    assert_eq!(refused(&|p| p.models.reverse()), "models[1]");
    // All of it is charged, and of nobody.
    assert_eq!(refused(&|p| p.models.clear()), "models[].inference_ops_f32");
    let (one, mut other) = (with_models(), with_models());
    other.models[1].calls += 1;
    let difference = compare(&one, &other).unwrap().unwrap();
    assert_eq!(difference.to_string(), "`models[1].calls` differs: 3 and 4");
}

#[test]
fn a_receipt_of_a_job_without_models_does_not_name_them() {
    let bytes = to_canonical_json(&reproducible()).unwrap();
    assert!(!String::from_utf8(bytes).unwrap().contains("models"));
    let bytes = to_canonical_json(&with_models()).unwrap();
    let read: Reproducible = serde_json::from_slice(&bytes).unwrap();
    assert_eq!(read, with_models());
}

#[test]
fn the_order_of_comparison_lists_every_field() {
    let value = serde_json::to_value(with_models()).unwrap();
    let fields: BTreeSet<_> = value
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    assert_eq!(fields, BTreeSet::from(ORDER));
}

#[test]
fn the_reproducible_part_does_not_depend_on_the_order_or_the_machine() {
    let mut elsewhere = attested();
    elsewhere.order = Digest::of(b"another");
    elsewhere.engine.opt_level = "none".into();
    let other = Receipt::new(reproducible(), elsewhere).unwrap();
    assert_ne!(other, receipt());
    assert_eq!(
        other.reproducible_bytes().unwrap(),
        receipt().reproducible_bytes().unwrap()
    );
    assert_eq!(reproducible().job, job().digest().unwrap());
}

proptest! {
    #[test]
    fn hostile_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(verify(&bytes, None, None).is_err());
    }

    #[test]
    fn any_count_within_the_limits_verifies(instructions in 0_u128..100_000_000_000, bytes_in in 0_u128..1_000_000) {
        let mut part = reproducible();
        part.usage.instructions = instructions;
        part.usage.bytes_in = bytes_in;
        let bill = price(&part.usage, &card()).unwrap();
        (part.lines, part.total) = (bill.lines, bill.total);
        let verified = check(part.clone()).unwrap();
        prop_assert_eq!(verified.receipt.reproducible(), &part);
    }
}
