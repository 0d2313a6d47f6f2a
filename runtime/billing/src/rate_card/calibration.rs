//! Proposes a rate card from what a machine does in a second and what its hour should cost. Measures nothing.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use ethnum::U256;
use serde::Serialize;

use super::{RateCard, RateCardError};
use crate::money::{Amount, Currency, MoneyError, PRICE_UNITS_PER_AMOUNT_UNIT, UnitPrice};
use crate::text::Id;
use crate::timestamp::Timestamp;
use crate::usage::Meter;

const SECONDS_PER_HOUR: u32 = 3600;

/// What a machine does of one meter, and what an hour of nothing else should cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Measured {
    /// The meter.
    pub meter: Meter,
    /// How many units the machine does in a second when a job does nothing else.
    pub units_per_second: u128,
    /// What an hour of that should cost.
    pub per_hour: Amount,
}

/// What a provider wants of its card.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish {
    /// The card's id.
    pub id: Id,
    /// The currency of every amount.
    pub currency: Currency,
    /// The first moment at which orders may use it.
    pub valid_from: Timestamp,
    /// The first moment at which orders may no longer use it.
    pub valid_until: Timestamp,
    /// Digits after the point on invoices.
    pub minor_unit_digits: u32,
    /// Charged once for every job.
    pub fee_per_job: Amount,
    /// What a job costs at least.
    pub minimum_charge: Amount,
    /// What a cancelled job costs that had to be killed.
    pub cancellation_charge: Amount,
    /// What was measured. Meters that are not among them cost nothing.
    pub measured: Vec<Measured>,
}

/// The price of one meter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Proposed {
    /// The meter.
    pub meter: Meter,
    /// How many units the machine does in a second.
    #[serde(with = "crate::decimal")]
    pub units_per_second: u128,
    /// The nearest price that can be written.
    pub price: UnitPrice,
    /// What an hour was to cost.
    pub wished_per_hour: Amount,
    /// What an hour comes to at this price.
    pub per_hour: Amount,
}

/// A proposed card.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
    /// The card.
    pub card: RateCard,
    /// Its file, with a comment on every price. Reading it gives the card.
    pub toml: String,
    /// How each price came about, in the order of [`Meter::ALL`].
    pub prices: Vec<Proposed>,
}

/// Why there is no such card.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CalibrationError {
    /// Nothing to price.
    #[error("nothing was measured, so there is nothing to price")]
    NothingMeasured,
    /// A meter that is measured twice.
    #[error("`{meter}` was measured twice")]
    Twice {
        /// The meter.
        meter: Meter,
    },
    /// A meter of which a machine does nothing.
    #[error("the machine did no unit of `{meter}` in a second, so that no price makes it pay")]
    Idle {
        /// The meter.
        meter: Meter,
    },
    /// A peak has no rate.
    #[error("`{meter}` is a peak, not something that is used up by the second: price it yourself")]
    NoRate {
        /// The meter.
        meter: Meter,
    },
    /// The price is less than can be written.
    #[error(
        "a unit of `{meter}` would cost less than half of 10^-27 {currency}, which no card can say"
    )]
    TooCheap {
        /// The meter.
        meter: Meter,
        /// The currency.
        currency: Currency,
    },
    /// The price is more than can be written, or the hour more than an amount.
    #[error("a unit of `{meter}` cannot be priced")]
    Money {
        /// The meter.
        meter: Meter,
        /// Why.
        #[source]
        source: MoneyError,
    },
    /// The other fields make no card.
    #[error("the proposal is no rate card")]
    Card(#[from] RateCardError),
}

/// The card under which a job that does nothing but use up one of the measured meters for an hour costs what was
/// wished, to the nearest price that can be written. A job that uses up several at once pays for each.
pub fn calibrate(wish: &Wish) -> Result<Proposal, CalibrationError> {
    let mut seen = BTreeSet::new();
    let mut prices = Vec::new();
    for measured in &wish.measured {
        let meter = measured.meter;
        if !seen.insert(meter) {
            return Err(CalibrationError::Twice { meter });
        }
        prices.push(propose(measured, wish.currency)?);
    }
    if prices.is_empty() {
        return Err(CalibrationError::NothingMeasured);
    }
    prices.sort_by_key(|proposed| proposed.meter);
    let toml = toml(wish, &prices);
    Ok(Proposal {
        card: RateCard::from_toml(&toml)?,
        toml,
        prices,
    })
}

fn propose(measured: &Measured, currency: Currency) -> Result<Proposed, CalibrationError> {
    let Measured {
        meter,
        units_per_second,
        per_hour,
    } = *measured;
    let money = |source| CalibrationError::Money { meter, source };
    if meter == Meter::MemoryPagesPeak {
        return Err(CalibrationError::NoRate { meter });
    }
    if units_per_second == 0 {
        return Err(CalibrationError::Idle { meter });
    }
    let units_per_hour = units_per_second
        .checked_mul(SECONDS_PER_HOUR.into())
        .ok_or_else(|| money(MoneyError::Overflow))?;
    let wished = U256::from(per_hour.units()) * U256::from(PRICE_UNITS_PER_AMOUNT_UNIT);
    let units = nearest(wished, U256::from(units_per_hour));
    let units = u128::try_from(units).map_err(|_| money(MoneyError::Overflow))?;
    if units == 0 {
        return Err(CalibrationError::TooCheap { meter, currency });
    }
    let price = UnitPrice::from_units(units);
    Ok(Proposed {
        meter,
        units_per_second,
        price,
        wished_per_hour: per_hour,
        per_hour: price.times(units_per_hour).map_err(money)?,
    })
}

/// The nearest whole number to a quotient, half to even. Both are far below 2^255.
fn nearest(numerator: U256, denominator: U256) -> U256 {
    let (quotient, rest) = (numerator / denominator, numerator % denominator);
    let up = match (rest * 2).cmp(&denominator) {
        std::cmp::Ordering::Less => false,
        std::cmp::Ordering::Greater => true,
        std::cmp::Ordering::Equal => quotient % 2 == 1,
    };
    quotient + U256::from(u8::from(up))
}

fn toml(wish: &Wish, prices: &[Proposed]) -> String {
    let mut text = format!(
        "# Proposed from measurements: a job that uses up one resource for an hour pays what is said above its\n\
         # price, and one that uses up several pays for each. A meter that is not listed costs nothing.\n\
         id = \"{}\"\ncurrency = \"{}\"\nvalid_from = \"{}\"\nvalid_until = \"{}\"\n\n\
         rounding = \"half-even\"\nminor_unit_digits = {}\n\n\
         fee_per_job = \"{}\"\nminimum_charge = \"{}\"\ncancellation_charge = \"{}\"\n\n[prices]\n",
        wish.id,
        wish.currency,
        wish.valid_from,
        wish.valid_until,
        wish.minor_unit_digits,
        wish.fee_per_job,
        wish.minimum_charge,
        wish.cancellation_charge,
    );
    for Proposed {
        meter,
        units_per_second,
        price,
        per_hour,
        ..
    } in prices
    {
        let currency = wish.currency;
        write!(
            text,
            "# {units_per_second} a second: {per_hour} {currency} an hour.\n{meter} = \"{price}\"\n"
        )
        .expect("a String takes any text");
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn measured(meter: Meter, units_per_second: u128, per_hour: &str) -> Measured {
        Measured {
            meter,
            units_per_second,
            per_hour: per_hour.parse().unwrap(),
        }
    }

    fn wish(measured: Vec<Measured>) -> Wish {
        Wish {
            id: "proposed".parse().unwrap(),
            currency: "USD".parse().unwrap(),
            valid_from: "2026-01-01T00:00:00Z".parse().unwrap(),
            valid_until: "2027-01-01T00:00:00Z".parse().unwrap(),
            minor_unit_digits: 2,
            fee_per_job: "0.000001".parse().unwrap(),
            minimum_charge: Amount::ZERO,
            cancellation_charge: "0.0001".parse().unwrap(),
            measured,
        }
    }

    #[test]
    fn an_hour_of_one_resource_costs_what_was_wished() {
        let proposal = calibrate(&wish(vec![
            measured(Meter::BytesIn, 1_000_000_000, "0.02"),
            measured(Meter::Instructions, 25_000_000_000, "0.0198"),
        ]))
        .unwrap();
        let card = &proposal.card;
        assert_eq!(
            card.price(Meter::Instructions).to_string(),
            "0.00000000000000022"
        );
        let names: Vec<_> = proposal.prices.iter().map(|price| price.meter).collect();
        assert_eq!(names, [Meter::Instructions, Meter::BytesIn]);
        assert_eq!(proposal.prices[0].per_hour.to_string(), "0.0198");
        // 0.02 by 3.6·10^12 has no end, so that an hour costs a little more.
        let bytes = &proposal.prices[1];
        assert_eq!(bytes.price.to_string(), "0.000000000000005555555555556");
        assert_eq!(bytes.per_hour.to_string(), "0.0200000000000016");
        assert!(
            proposal
                .toml
                .contains("# 25000000000 a second: 0.0198 USD an hour.\n")
        );
        assert_eq!(&RateCard::from_toml(&proposal.toml).unwrap(), card);
        assert!(card.price(Meter::BytesOut).is_zero());
    }

    #[test]
    fn what_cannot_be_priced_is_an_error_with_the_reason() {
        let refused = |all: Vec<Measured>| calibrate(&wish(all)).unwrap_err();
        assert_eq!(refused(Vec::new()), CalibrationError::NothingMeasured);
        let bytes = measured(Meter::BytesIn, 1, "1");
        assert_eq!(
            refused(vec![bytes, bytes]),
            CalibrationError::Twice {
                meter: Meter::BytesIn
            }
        );
        assert_eq!(
            refused(vec![measured(Meter::BytesIn, 0, "1")]),
            CalibrationError::Idle {
                meter: Meter::BytesIn
            }
        );
        assert!(matches!(
            refused(vec![measured(Meter::MemoryPagesPeak, 1, "1")]),
            CalibrationError::NoRate { .. }
        ));
        assert!(matches!(
            refused(vec![measured(Meter::BytesIn, u128::MAX / 3600, "1")]),
            CalibrationError::TooCheap { .. }
        ));
        for (rate, per_hour) in [(u128::MAX, "1"), (1, "340282366920938463463")] {
            assert!(matches!(
                refused(vec![measured(Meter::BytesIn, rate, per_hour)]),
                CalibrationError::Money { .. }
            ));
        }
        let mut backwards = wish(vec![bytes]);
        backwards.valid_until = backwards.valid_from;
        assert!(matches!(
            calibrate(&backwards),
            Err(CalibrationError::Card(_))
        ));
    }

    proptest! {
        #[test]
        fn proposals_are_cards_and_no_nearer_price_can_be_written(
            rate in 1_u128..1_000_000_000_000_000_000,
            per_hour in 1_u128..1_000_000_000_000_000_000_000,
        ) {
            let measured = Measured {
                meter: Meter::Instructions,
                units_per_second: rate,
                per_hour: Amount::from_units(per_hour),
            };
            let Ok(proposal) = calibrate(&wish(vec![measured])) else { return Ok(()) };
            prop_assert_eq!(&RateCard::from_toml(&proposal.toml).unwrap(), &proposal.card);
            let price = proposal.card.price(Meter::Instructions);
            prop_assert_eq!(price, proposal.prices[0].price);
            // Within half a price unit for each unit of an hour, both sides doubled.
            let per_hour = U256::from(per_hour) * U256::from(PRICE_UNITS_PER_AMOUNT_UNIT) * 2;
            let units = U256::from(rate) * 3600;
            let charged = U256::from(price.units()) * units * 2;
            let difference = charged.max(per_hour) - charged.min(per_hour);
            prop_assert!(difference <= units);
        }
    }
}
