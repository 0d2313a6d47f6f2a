//! Explanations: the whole text, every rounding, every charge, and every outcome.

use proptest::prelude::*;

use super::*;
use crate::bill::{price, price_job};
use crate::fixture::{
    any_card, any_usage, attested, card_with, receipt, reproducible, with_models,
};
use crate::receipt::Reproducible;
use crate::text::Message;

fn explained(part: Reproducible) -> Explanation {
    let receipt = Receipt::new(part, attested()).unwrap();
    explain(&receipt, Digest::of(b"payload"))
}

#[test]
fn a_receipt_is_told_line_by_line() {
    let digest = Digest::of(b"payload");
    let provider = attested().provider_key;
    let card = reproducible().rate_card;
    let expected = format!(
        "receipt {digest} (number 0)
  order `order-1`, run by {provider}
  from 2026-05-28T20:26:40Z to 2026-05-28T20:26:41Z
  the job did what it was to do; what it used is charged
  prices by the rate card {card}

instructions: computing: the WebAssembly instructions that the program executed, by their weights
  1,204,331 × weighted instruction at 0.000000001 each = 0.001204331
  charged: 0.001204331 USD

bytes_in: bytes that the program read from its inputs and other host calls
  3 × byte at 0.0000000000000000005 each = 0.0000000000000000015, rounded up to 18 digits: half a unit goes to the even digit
  charged: 0.000000000000000002 USD

job_fee: the card's fee for every job
  1 × job at 0.001 each = 0.001
  charged: 0.001 USD

total: 0.002204331000000002 USD, the exact sum of the 3 lines

counted and not charged:
  17 × page of 64 KiB: memory_pages_peak
"
    );
    assert_eq!(explain(&receipt(), digest).to_string(), expected);
}

#[test]
fn models_are_told_by_digest_and_by_the_input_that_they_are() {
    let part = with_models();
    let (a, b) = (Digest::of(b"a"), Digest::of(b"b"));
    let of = |name: &str| {
        format!(
            "  {name}, 3 calls
    1,000 × weighted model operation on f32: inference_ops_f32
    20 × byte: inference_weight_bytes
    8 × byte: inference_tensor_bytes
    4,096 × byte for one weighted instruction: inference_model_byte_instructions
"
        )
    };
    let mut told = [(a, of(&format!("`a.txt`, {a}"))), (b, of(&b.to_string()))];
    told.sort_by_key(|(digest, _)| *digest.as_bytes());
    let expected = format!("\nof that, by model:\n{}{}", told[0].1, told[1].1);
    let explained = explained(part);
    assert!(explained.to_string().ends_with(&expected), "{explained}");
    let json = serde_json::to_value(&explained).unwrap();
    let first = json["models"]
        .as_array()
        .unwrap()
        .iter()
        .find(|it| it["input"] == "a.txt");
    assert_eq!(first.unwrap()["inference_ops_f32"], "1000");
}

#[test]
fn the_json_form_holds_texts_for_all_counts() {
    let json = serde_json::to_value(explain(&receipt(), Digest::of(b"payload"))).unwrap();
    assert_eq!(json["schema"], 1);
    assert_eq!(json["lines"][0]["quantity"], "1204331");
    assert_eq!(json["lines"][1]["product"], "0.0000000000000000015");
    assert_eq!(json["lines"][1]["rounding"], "half_up");
    assert_eq!(json["free"][0]["meter"], "memory_pages_peak");
    assert_eq!(json["total"], "0.002204331000000002");
}

#[test]
fn every_rounding_is_told() {
    let step =
        |quantity: u128, units: u128| rounding_step(U256::from(quantity) * U256::from(units));
    assert_eq!(step(3, 1_000_000_000), RoundingStep::Exact);
    assert_eq!(step(1, 499_999_999), RoundingStep::Down);
    assert_eq!(step(1, 500_000_001), RoundingStep::Up);
    assert_eq!(step(1, 500_000_000), RoundingStep::HalfDown);
    assert_eq!(step(3, 500_000_000), RoundingStep::HalfUp);
}

#[test]
fn charges_are_told_apart_from_meters() {
    let card = card_with(
        "fee_per_job = \"0.25\"\nminimum_charge = \"1\"\ncancellation_charge = \"2\"",
        "instructions = \"0.000000001\"",
    );
    let mut part = reproducible();
    let bill = price(&part.usage, &card).unwrap();
    (part.lines, part.total) = (bill.lines, bill.total);
    let explanation = explained(part.clone());
    let names: Vec<_> = explanation
        .lines
        .iter()
        .map(|line| line.meter.as_str())
        .collect();
    assert_eq!(names, ["instructions", "job_fee", "minimum_charge"]);
    assert!(
        explanation
            .to_string()
            .contains("short of the card's minimum")
    );
    part.outcome = Outcome::Stopped {
        by: Stopper::Requestor,
        killed: true,
    };
    let bill = price_job(&part.outcome, &part.usage, &card).unwrap();
    (part.lines, part.total) = (bill.lines, bill.total);
    let text = explained(part).to_string();
    assert!(
        text.contains("it had to be killed") && text.contains("2 USD, the only line"),
        "{text}"
    );
}

#[test]
fn every_outcome_has_words_and_none_of_the_guests_reach_a_terminal_raw() {
    let mut part = reproducible();
    let mut told = |outcome: Outcome| {
        part.outcome = outcome;
        explained(part.clone()).outcome
    };
    let hostile = Message::cut("\u{1b}[2J\ndone \u{202e}");
    let failed = told(Outcome::Failed {
        message: hostile,
        code: Some(3),
    });
    assert!(failed.contains("with exit code 3"), "{failed}");
    assert!(!failed.contains(['\u{1b}', '\n', '\u{202e}']), "{failed}");
    assert!(
        told(Outcome::Trapped {
            trap: "unreachable".parse().unwrap()
        })
        .contains("`unreachable`")
    );
    assert!(
        told(Outcome::Limit {
            which: "instructions".parse().unwrap()
        })
        .contains("`instructions`")
    );
    let cancelled = Outcome::Stopped {
        by: Stopper::Requestor,
        killed: false,
    };
    assert!(told(cancelled).contains("the requestor cancelled the job"));
    let drained = Outcome::Stopped {
        by: Stopper::Provider,
        killed: false,
    };
    assert!(told(drained).contains("the provider stopped the job"));
}

#[test]
fn counts_are_grouped() {
    for (number, text) in [
        (0, "0"),
        (999, "999"),
        (1_000, "1,000"),
        (1_234_567, "1,234,567"),
    ] {
        assert_eq!(grouped(number), text);
    }
}

proptest! {
    #[test]
    fn products_and_roundings_lead_to_the_amounts(usage in any_usage(), card in any_card()) {
        let Ok(bill) = price(&usage, &card) else { return Ok(()) };
        for line in &bill.lines {
            let told = explain_line(line);
            let units = U256::from(line.quantity) * U256::from(line.unit_price.units());
            let floor = units / U256::from(PRICE_UNITS_PER_AMOUNT_UNIT);
            let up = matches!(told.rounding, RoundingStep::Up | RoundingStep::HalfUp);
            let expected = floor + U256::from(u8::from(up));
            prop_assert_eq!(U256::from(line.amount.units()), expected);
            prop_assert!(!told.what.contains("nothing that"));
            if let Ok(product) = told.product.parse::<UnitPrice>() {
                prop_assert_eq!(U256::from(product.units()), units);
            }
        }
        prop_assert_eq!(Amount::sum(bill.lines.iter().map(|line| line.amount)).unwrap(), bill.total);
    }
}
