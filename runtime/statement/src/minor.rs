//! Owns money in a currency's minor unit, as invoices state it, and the rounding of many exact amounts to it so
//! that they still add up. Knows no lines, taxes or parties.

use std::fmt;

use ethnum::I256;
use meterbox_billing::money::AMOUNT_DIGITS;
use meterbox_billing::rate_card::Rounding;

use crate::signed::{Signed, SumTooLarge};

/// Whole minor units of a currency; may be fewer than none.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Minor {
    units: I256,
    digits: u32,
}

/// Exact amounts, rounded together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Apportioned {
    /// The exact sum, rounded once by the card's rule.
    pub total: Minor,
    /// One for each amount, in their order; their sum is the total.
    pub parts: Vec<Minor>,
}

impl Minor {
    /// So many minor units of a currency with so many digits after the point.
    #[must_use]
    pub const fn from_units(units: I256, digits: u32) -> Self {
        Self { units, digits }
    }

    /// Minor units.
    #[must_use]
    pub const fn units(self) -> I256 {
        self.units
    }

    /// Digits after the point.
    #[must_use]
    pub const fn digits(self) -> u32 {
        self.digits
    }

    /// As an exact sum.
    pub fn exact(self) -> Result<Signed, SumTooLarge> {
        let units = self
            .units
            .checked_mul(exact_units_per_minor_unit(self.digits));
        units.map(Signed::from_units).ok_or(SumTooLarge)
    }

    /// The exact sum of two.
    pub fn plus(self, other: Self) -> Result<Self, SumTooLarge> {
        let units = self.units.checked_add(other.units).ok_or(SumTooLarge)?;
        Ok(Self { units, ..self })
    }

    /// As much with the other sign.
    #[must_use]
    pub fn negated(self) -> Self {
        Self {
            units: self.units.wrapping_neg(),
            ..self
        }
    }

    /// The part that `numerator` is of `denominator`, rounded half away from zero.
    pub fn share(self, numerator: I256, denominator: I256) -> Result<Self, SumTooLarge> {
        let product = self.units.checked_mul(numerator).ok_or(SumTooLarge)?;
        let (size, sign) = (product.abs(), product.signum());
        let half = denominator / 2;
        let units = size.checked_add(half).ok_or(SumTooLarge)? / denominator;
        Ok(Self {
            units: units * sign,
            ..self
        })
    }
}

impl fmt::Display for Minor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = usize::try_from(self.digits).unwrap_or(AMOUNT_DIGITS);
        let all = format!(
            "{:0>width$}",
            self.units.unsigned_abs(),
            width = digits.saturating_add(1)
        );
        let (whole, fraction) = all.split_at(all.len().saturating_sub(digits));
        let sign = if self.units.is_negative() { "-" } else { "" };
        match fraction {
            "" => f.pad(&format!("{sign}{whole}")),
            fraction => f.pad(&format!("{sign}{whole}.{fraction}")),
        }
    }
}

impl fmt::Debug for Minor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Minor({self})")
    }
}

/// Units of 10^-18 in a minor unit.
fn exact_units_per_minor_unit(digits: u32) -> I256 {
    let whole_digits = u32::try_from(AMOUNT_DIGITS)
        .unwrap_or(0)
        .saturating_sub(digits);
    I256::from(10_u8).pow(whole_digits)
}

/// Rounds an exact sum to minor units, once.
fn rounded(exact: Signed, digits: u32, rounding: Rounding) -> Minor {
    let unit = exact_units_per_minor_unit(digits);
    let (below, rest) = (
        exact.units().div_euclid(unit),
        exact.units().rem_euclid(unit),
    );
    let twice = rest.saturating_add(rest);
    let rounds_up = match rounding {
        Rounding::HalfEven => {
            twice > unit || (twice == unit && below.rem_euclid(I256::from(2_u8)) != 0)
        }
    };
    Minor {
        units: below.saturating_add(I256::from(u8::from(rounds_up))),
        digits,
    }
}

/// Rounds the exact sum of `amounts` by the card's rule, and each of them down or up to a minor unit so that
/// they add up to it: all are rounded down, and what is then missing goes, a minor unit each, to those that lost
/// most; of equals, to the first. So each is less than a minor unit from its exact amount.
///
/// `digits` is at most 18.
pub fn apportion(
    amounts: &[Signed],
    digits: u32,
    rounding: Rounding,
) -> Result<Apportioned, SumTooLarge> {
    let total = rounded(Signed::sum(amounts.iter().copied())?, digits, rounding);
    let unit = exact_units_per_minor_unit(digits);
    let floors = amounts.iter().map(|amount| amount.units().div_euclid(unit));
    let mut units: Vec<I256> = floors.collect();
    let sum = units
        .iter()
        .try_fold(I256::ZERO, |sum, part| sum.checked_add(*part));
    let missing = total
        .units
        .checked_sub(sum.ok_or(SumTooLarge)?)
        .ok_or(SumTooLarge)?;
    let mut losers: Vec<usize> = (0..amounts.len()).collect();
    losers.sort_by_key(|index| {
        let lost = amounts
            .get(*index)
            .map(|amount| amount.units().rem_euclid(unit));
        std::cmp::Reverse(lost)
    });
    let missing = usize::try_from(missing).map_err(|_| SumTooLarge)?;
    for index in losers.into_iter().take(missing) {
        if let Some(part) = units.get_mut(index) {
            *part = part.saturating_add(I256::ONE);
        }
    }
    let parts = units
        .into_iter()
        .map(|units| Minor { units, digits })
        .collect();
    Ok(Apportioned { total, parts })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn signed(units: i128) -> Signed {
        Signed::from_units(I256::from(units))
    }

    const CENT: i128 = 10_000_000_000_000_000;

    #[test]
    fn the_sum_is_rounded_half_to_even() {
        for (units, text) in [
            (CENT / 2, "0.00"),
            (CENT / 2 + 1, "0.01"),
            (3 * CENT / 2, "0.02"),
            (5 * CENT / 2, "0.02"),
            (-CENT / 2, "0.00"),
            (-CENT / 2 - 1, "-0.01"),
            (-3 * CENT / 2, "-0.02"),
            (12_345 * CENT, "123.45"),
        ] {
            assert_eq!(
                rounded(signed(units), 2, Rounding::HalfEven).to_string(),
                text,
                "{units}"
            );
        }
        assert_eq!(
            rounded(signed(150 * CENT), 0, Rounding::HalfEven).to_string(),
            "2"
        );
        assert_eq!(
            rounded(signed(7), 18, Rounding::HalfEven).to_string(),
            "0.000000000000000007"
        );
    }

    #[test]
    fn thirds_of_a_euro_add_up_to_a_euro() {
        let third = signed(100 * CENT / 3);
        let all = apportion(&[third, third, third], 2, Rounding::HalfEven).unwrap();
        let texts: Vec<_> = all.parts.iter().map(ToString::to_string).collect();
        assert_eq!(
            (all.total.to_string().as_str(), texts.join(" ").as_str()),
            ("1.00", "0.34 0.33 0.33")
        );
    }

    #[test]
    fn a_share_is_rounded_half_away_from_zero() {
        let of = |units: i32| Minor::from_units(I256::from(units), 2);
        let rate = |units: i32| {
            of(units)
                .share(I256::from(19), I256::from(100))
                .unwrap()
                .to_string()
        };
        assert_eq!(rate(100), "0.19");
        assert_eq!(rate(250), "0.48");
        assert_eq!(rate(-250), "-0.48");
        assert_eq!(rate(0), "0.00");
    }

    proptest! {
        #[test]
        fn parts_add_up_and_each_is_less_than_a_minor_unit_off(
            amounts in prop::collection::vec(-10_i128.pow(30)..10_i128.pow(30), 0..40),
            digits in 0_u32..=18,
        ) {
            let exact: Vec<_> = amounts.iter().copied().map(signed).collect();
            let all = apportion(&exact, digits, Rounding::HalfEven).unwrap();
            let sum = all.parts.iter().fold(I256::ZERO, |sum, part| sum + part.units());
            prop_assert_eq!(sum, all.total.units());
            let unit = exact_units_per_minor_unit(digits);
            for (part, amount) in all.parts.iter().zip(&exact) {
                let off = part.exact().unwrap().minus(*amount).unwrap().units().abs();
                prop_assert!(off < unit);
            }
            let total = Signed::sum(exact).unwrap();
            let off = all.total.exact().unwrap().minus(total).unwrap().units().abs();
            prop_assert!(off * 2 <= unit);
        }

        #[test]
        fn a_part_that_is_exact_stays_as_it_is(
            whole in prop::collection::vec(0_i128..1_000_000, 1..10),
            odd in 1_i128..CENT,
        ) {
            let mut exact: Vec<_> = whole.iter().map(|cents| signed(cents * CENT)).collect();
            exact.push(signed(odd));
            let all = apportion(&exact, 2, Rounding::HalfEven).unwrap();
            for (part, cents) in all.parts.iter().zip(&whole) {
                prop_assert_eq!(part.units(), I256::from(*cents));
            }
        }
    }
}
