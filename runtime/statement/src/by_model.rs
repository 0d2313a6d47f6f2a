//! Owns what charges come to by model: its part of each meter at the line's price, and what is no one model's. Writes no
//! page.

use std::collections::BTreeMap;

use ethnum::{I256, U256};
use meterbox_billing::digest::Digest;
use meterbox_billing::model_use::ModelUse;
use meterbox_billing::money::PRICE_UNITS_PER_AMOUNT_UNIT;
use meterbox_billing::record::Charge;

use crate::signed::{Signed, SumTooLarge};
use crate::tally::{NAMES_MAX, Ranking, Sum, Tally};

/// What was charged by model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ByModel {
    /// The dearest models.
    pub models: Ranking<Digest>,
    /// What each of these was called when it was an input first, where it was one.
    pub inputs: BTreeMap<Digest, String>,
    /// What the lines of models come to beyond that: digits that a model's part lost, and what models used of which the
    /// receipt does not tell.
    pub rest: Signed,
}

/// What is held of the charges while they are read.
#[derive(Debug)]
pub(crate) struct Models {
    sums: Tally<Digest>,
    inputs: BTreeMap<Digest, String>,
    rest: Signed,
}

impl Models {
    pub(crate) fn new() -> Self {
        Self {
            sums: Tally::new(),
            inputs: BTreeMap::new(),
            rest: Signed::ZERO,
        }
    }

    /// Adds a charge. Each model's part of a line is its quantity times the line's price, rounded down to 10^-18, so that
    /// the parts are never more than the line; what they are less goes to the rest.
    pub(crate) fn add(&mut self, charge: &Charge) -> Result<(), SumTooLarge> {
        let lines = || {
            let lines = charge.lines.iter();
            lines.filter_map(|line| Some((line, line.meter.parse().ok()?)))
        };
        let of_models = lines().filter(|(_, meter)| ModelUse::METERS.contains(meter));
        let mut rest = Signed::sum(of_models.map(|(line, _)| line.amount.into()))?;
        for model in &charge.models {
            let mut charged = Signed::ZERO;
            for (line, meter) in lines() {
                let product = U256::from(model.used.get(meter))
                    .checked_mul(U256::from(line.unit_price.units()))
                    .ok_or(SumTooLarge)?;
                let part = product / U256::from(PRICE_UNITS_PER_AMOUNT_UNIT);
                let part = I256::try_from(part).map_err(|_| SumTooLarge)?;
                charged = charged.plus(Signed::from_units(part))?;
            }
            rest = rest.minus(charged)?;
            let digest = model.used.sha256;
            self.sums
                .add(digest, Sum::of(charged, charge.outcome == "ok"))?;
            self.name(digest, model.input.as_deref());
        }
        self.rest = self.rest.plus(rest)?;
        Ok(())
    }

    fn name(&mut self, digest: Digest, input: Option<&str>) {
        let has_room = self.inputs.len() < NAMES_MAX;
        if let Some(input) = input.filter(|_| has_room) {
            self.inputs
                .entry(digest)
                .or_insert_with(|| input.to_owned());
        }
    }

    pub(crate) fn finish(mut self) -> Result<ByModel, SumTooLarge> {
        let models = self.sums.ranking()?;
        let is_shown = |digest: &Digest| models.rows.iter().any(|(shown, _)| shown == digest);
        self.inputs.retain(|digest, _| is_shown(digest));
        Ok(ByModel {
            models,
            inputs: self.inputs,
            rest: self.rest,
        })
    }
}

#[cfg(test)]
mod tests {
    use meterbox_billing::bill::price;
    use meterbox_billing::rate_card::RateCard;
    use meterbox_billing::record::ChargedModel;
    use meterbox_billing::usage::{Meter, Usage};
    use proptest::prelude::*;

    use super::*;
    use crate::fixture::charge;

    const NOON: &str = "2026-01-15T12:00:00Z";

    fn model(name: &str, operations: u128, weight_bytes: u128) -> ChargedModel {
        ChargedModel {
            input: (name != "b").then(|| format!("{name}.onnx")),
            used: ModelUse {
                inference_ops_f32: operations,
                inference_weight_bytes: weight_bytes,
                ..ModelUse::nothing(Digest::of(name.as_bytes()))
            },
        }
    }

    /// A charge of just what these models used, by a card on whose prices products are rounded.
    fn charge_of(models: Vec<ChargedModel>) -> Charge {
        let card = RateCard::from_toml(
            "id = \"test\"\ncurrency = \"EUR\"\nrounding = \"half-even\"\nminor_unit_digits = 2\n\
             valid_from = \"2026-01-01T00:00:00Z\"\nvalid_until = \"2036-01-01T00:00:00Z\"\n\
             fee_per_job = \"0.001\"\n[prices]\ninstructions = \"0.01\"\n\
             inference_ops_f32 = \"0.0000000000000000007\"\ninference_weight_bytes = \"0.000000001000000000333\"\n",
        )
        .unwrap();
        let mut usage = Usage {
            instructions: 5,
            ..Usage::default()
        };
        for meter in ModelUse::METERS {
            usage.set(*meter, models.iter().map(|it| it.used.get(*meter)).sum());
        }
        let bill = price(&usage, &card).unwrap();
        Charge {
            lines: bill.lines,
            total: bill.total,
            models,
            ..charge(1, 0, NOON)
        }
    }

    /// What the lines of models charge.
    fn of_lines(charge: &Charge) -> Signed {
        let lines = charge.lines.iter();
        let lines = lines.filter(|line| {
            let meter = line.meter.parse::<Meter>();
            meter.is_ok_and(|meter| ModelUse::METERS.contains(&meter))
        });
        Signed::sum(lines.map(|line| line.amount.into())).unwrap()
    }

    fn by_model(charges: &[Charge]) -> ByModel {
        let mut models = Models::new();
        for charge in charges {
            models.add(charge).unwrap();
        }
        models.finish().unwrap()
    }

    #[test]
    fn a_model_costs_its_quantity_at_the_lines_price_and_the_lost_digits_are_the_rest() {
        let found = by_model(&[charge_of(vec![model("a", 3, 1_000), model("b", 1, 0)])]);
        let rows: Vec<_> = found
            .models
            .rows
            .iter()
            .map(|(digest, sum)| (*digest, sum.charged.to_string(), sum.receipts))
            .collect();
        // 2.1 units of 10^-18 and 1,000 weight bytes; 0.7 units, rounded down. The line has 2.8, rounded to 3.
        let (a, b) = (Digest::of(b"a"), Digest::of(b"b"));
        let expected = [
            (a, "0.000001000000000335".to_owned(), 1),
            (b, "0".to_owned(), 1),
        ];
        assert_eq!(rows, expected);
        assert_eq!(found.rest.to_string(), "0.000000000000000001");
        assert_eq!(found.inputs, BTreeMap::from([(a, "a.onnx".to_owned())]));
    }

    #[test]
    fn what_a_receipt_tells_of_no_model_is_the_rest() {
        let mut charge = charge_of(vec![model("a", 30, 1_000)]);
        charge.models.clear();
        let found = by_model(std::slice::from_ref(&charge));
        assert_eq!(
            (found.models.rows.len(), found.rest),
            (0, of_lines(&charge))
        );
    }

    proptest! {
        #[test]
        fn models_and_the_rest_come_to_the_lines_of_models(
            used in prop::collection::vec((0_usize..5, 0_u128..1 << 60, 0_u128..1 << 60), 0..40)
        ) {
            let charges: Vec<Charge> = used
                .chunks(3)
                .map(|some| {
                    let models = some.iter().map(|(name, operations, bytes)| {
                        model(&name.to_string(), *operations, *bytes)
                    });
                    charge_of(models.collect())
                })
                .collect();
            let found = by_model(&charges);
            let models = found.models.rows.iter().map(|(_, sum)| sum.charged);
            let models = Signed::sum(models.chain([found.models.others.charged])).unwrap();
            let lines = Signed::sum(charges.iter().map(of_lines)).unwrap();
            prop_assert_eq!(models.plus(found.rest).unwrap(), lines);
            // Less than a unit of each part of each line is lost, and half of one gained by the line.
            let bound = I256::from(u64::try_from(used.len() * 2 + charges.len()).unwrap());
            prop_assert!(!found.rest.is_negative() && found.rest.units() <= bound);
        }
    }
}
