//! Bills: which lines there are, that they add up, and that no job costs more than its ceiling.

use proptest::prelude::*;

use super::*;
use crate::fixture::{any_card, any_usage, card_with};

fn names(bill: &Bill) -> Vec<&str> {
    bill.lines.iter().map(|line| line.meter.as_str()).collect()
}

#[test]
fn a_bill_has_a_line_for_each_priced_meter_that_counted() {
    let card = card_with(
        "fee_per_job = \"0.5\"",
        "instructions = \"0.25\"\nbytes_in = \"1\"\nbytes_out = \"0\"",
    );
    let usage = Usage {
        instructions: 3,
        bytes_out: 9,
        host_calls: 4,
        ..Usage::default()
    };
    let bill = price(&usage, &card).unwrap();
    assert_eq!(names(&bill), ["instructions", "job_fee"]);
    assert_eq!(
        serde_json::to_string(&bill).unwrap(),
        r#"{"currency":"USD","lines":[{"meter":"instructions","quantity":"3","unit_price":"0.25","amount":"0.75"},{"meter":"job_fee","quantity":"1","unit_price":"0.5","amount":"0.5"}],"total":"1.25"}"#
    );
}

#[test]
fn a_minimum_lifts_a_smaller_bill_and_leaves_a_larger_one() {
    let card = card_with(
        "minimum_charge = \"1\"\nfee_per_job = \"0.25\"",
        "instructions = \"0.5\"",
    );
    let bill = |instructions| {
        price(
            &Usage {
                instructions,
                ..Usage::default()
            },
            &card,
        )
        .unwrap()
    };
    assert_eq!(names(&bill(0)), ["job_fee", "minimum_charge"]);
    assert_eq!(
        names(&bill(1)),
        ["instructions", "job_fee", "minimum_charge"]
    );
    assert_eq!(bill(1).total.to_string(), "1");
    assert_eq!(names(&bill(2)), ["instructions", "job_fee"]);
    assert_eq!(bill(2).total.to_string(), "1.25");
}

#[test]
fn stopped_jobs_are_billed_by_who_stopped_them() {
    let card = card_with(
        "cancellation_charge = \"2\"\nfee_per_job = \"0.25\"",
        "instructions = \"0.5\"",
    );
    let used = Usage {
        instructions: 4,
        ..Usage::default()
    };
    let bill = |by, killed, usage: &Usage| {
        price_job(&Outcome::Stopped { by, killed }, usage, &card).unwrap()
    };
    assert_eq!(
        names(&bill(Stopper::Requestor, true, &used)),
        ["cancellation_charge"]
    );
    assert_eq!(
        bill(Stopper::Requestor, false, &used).total.to_string(),
        "2.25"
    );
    assert_eq!(
        bill(Stopper::Provider, false, &used).total.to_string(),
        "2.25"
    );
    let nothing = bill(Stopper::Provider, true, &Usage::default());
    assert_eq!((nothing.lines.len(), nothing.total), (0, Amount::ZERO));
    assert_eq!(
        price_job(&Outcome::OK, &used, &card).unwrap(),
        price(&used, &card).unwrap()
    );
}

#[test]
fn a_line_and_a_total_that_do_not_fit_are_errors() {
    let card = card_with("", "instructions = \"1\"\nbytes_in = \"1\"");
    let full = u128::MAX / 1_000_000_000_000_000_000;
    let line = Usage {
        instructions: full + 1,
        ..Usage::default()
    };
    assert!(matches!(price(&line, &card), Err(PriceError::Line { .. })));
    let total = Usage {
        instructions: full,
        bytes_in: full,
        ..Usage::default()
    };
    assert!(matches!(price(&total, &card), Err(PriceError::Total(_))));
}

#[test]
fn the_ceiling_covers_several_lines_that_each_round_up() {
    // 0.5000…1 units each: five lines of 3 operations round to 2 each, 15 operations to 8.
    let op = "0.000000000000000000500000001";
    let prices: Vec<_> = Meter::INFERENCE_OPS
        .iter()
        .map(|meter| format!("{meter} = \"{op}\""))
        .collect();
    let card = card_with("", &prices.join("\n"));
    let mut usage = Usage::default();
    for meter in Meter::INFERENCE_OPS {
        usage.set(*meter, 3);
    }
    let limits = Limits {
        inference_ops: 15,
        ..Limits::default()
    };
    let total = price(&usage, &card).unwrap().total;
    assert_eq!(total.units(), 10);
    assert_eq!(
        card.price(Meter::InferenceOpsF32)
            .times(15)
            .unwrap()
            .units(),
        8
    );
    assert_eq!(ceiling(&limits, &card, 0).unwrap().units(), 10);
}

#[test]
fn the_ceiling_is_at_least_the_minimum_and_the_cancellation_charge() {
    let limits = Limits::default();
    let least = |charges| {
        ceiling(&limits, &card_with(charges, ""), 0)
            .unwrap()
            .to_string()
    };
    assert_eq!(least("minimum_charge = \"3\""), "3");
    assert_eq!(least("cancellation_charge = \"4\""), "4");
    assert_eq!(least("fee_per_job = \"5\"\nminimum_charge = \"3\""), "5");
}

/// Limits that exactly allow this usage.
fn tight_limits(usage: &Usage) -> Limits {
    let bound = |count: u128| u64::try_from(count).unwrap();
    Limits {
        instructions: bound(usage.instructions),
        memory_bytes: bound(usage.memory_pages_peak) * crate::limits::PAGE_BYTES,
        host_calls: bound(usage.host_calls),
        bytes_in: bound(usage.bytes_in),
        bytes_out: bound(usage.bytes_out),
        model_bytes: 1_000,
        inference_ops: bound(usage.inference_ops()),
        inference_weight_bytes: bound(usage.inference_weight_bytes),
        inference_tensor_bytes: bound(usage.inference_tensor_bytes),
        tokens: bound(usage.tokens()),
        admission_units: bound(usage.admission_units),
        ..Limits::default()
    }
}

prop_compose! {
    /// A usage and limits that it keeps, most of them exactly.
    fn usage_within_limits()(
        counts in prop::collection::vec(0_u64..1_000_000, Meter::ALL.len()),
    ) -> (Usage, Limits) {
        let mut usage = Usage::default();
        for (meter, count) in Meter::ALL.iter().zip(counts) {
            usage.set(*meter, count.into());
        }
        let limits = tight_limits(&usage);
        usage.memory_page_instructions = limits.memory_page_instructions();
        usage.inference_model_byte_instructions = limits.inference_model_byte_instructions();
        (usage, limits)
    }
}

proptest! {
    #[test]
    fn totals_are_the_sum_of_lines_that_each_round_once(usage in any_usage(), card in any_card()) {
        let Ok(bill) = price(&usage, &card) else { return Ok(()) };
        let sum: u128 = bill.lines.iter().map(|line| line.amount.units()).sum();
        prop_assert_eq!(sum, bill.total.units());
        prop_assert!(bill.total >= card.minimum_charge());
        for line in &bill.lines {
            // Within half a unit of the exact product, both sides doubled.
            let exact = U256::from(line.quantity) * U256::from(line.unit_price.units()) * U256::from(2_u8);
            let rounded = U256::from(line.amount.units()) * U256::from(2 * PRICE_UNITS_PER_AMOUNT_UNIT);
            let difference = exact.max(rounded) - exact.min(rounded);
            prop_assert!(difference <= U256::from(PRICE_UNITS_PER_AMOUNT_UNIT));
        }
    }

    #[test]
    fn no_job_within_its_limits_costs_more_than_the_ceiling(
        (usage, limits) in usage_within_limits(),
        card in any_card(),
    ) {
        prop_assert_eq!(limits.check_usage(&usage), Ok(()));
        let ceiling = ceiling(&limits, &card, usage.admission_units).unwrap();
        prop_assert!(price(&usage, &card).unwrap().total <= ceiling);
        let killed = Outcome::Stopped { by: Stopper::Requestor, killed: true };
        prop_assert!(price_job(&killed, &usage, &card).unwrap().total <= ceiling);
    }

    #[test]
    fn bills_come_back(usage in any_usage(), card in any_card()) {
        let Ok(bill) = price(&usage, &card) else { return Ok(()) };
        let bytes = crate::canonical::to_canonical_json(&bill).unwrap();
        prop_assert_eq!(crate::canonical::from_json_strict::<Bill>(&bytes).unwrap(), bill);
    }
}
