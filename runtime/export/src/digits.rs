//! Owns how whole units become decimal text, exactly. Knows no money.

use std::fmt::Write as _;

use meterbox_billing::money::{AMOUNT_DIGITS, Amount, UNIT_PRICE_DIGITS, UnitPrice};
use meterbox_billing::record::{Rounded, RoundingKind};

/// How a number without digits after its point is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Point {
    /// `7`
    WhereNeeded,
    /// `7.0`, as tools want it that guess a column's type from its first rows.
    Always,
}

/// An amount that may be given back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signed {
    /// Whether it is less than nothing.
    pub negative: bool,
    /// How much, without the sign.
    pub amount: Amount,
}

impl Signed {
    /// Nothing.
    pub const ZERO: Self = Self::plus(Amount::ZERO);

    /// What is charged.
    #[must_use]
    pub const fn plus(amount: Amount) -> Self {
        Self {
            negative: false,
            amount,
        }
    }

    /// What is given back. There is no negative nothing.
    #[must_use]
    pub const fn minus(amount: Amount) -> Self {
        Self {
            negative: !amount.is_zero(),
            amount,
        }
    }

    /// What the requestor owes more after an invoice was rounded.
    #[must_use]
    pub const fn of_rounding(rounded: &Rounded) -> Self {
        match rounded.rounding {
            RoundingKind::Waived => Self::minus(rounded.amount),
            RoundingKind::Added => Self::plus(rounded.amount),
        }
    }

    /// The same amount the other way round.
    #[must_use]
    pub const fn negated(self) -> Self {
        Self {
            negative: !self.negative && !self.amount.is_zero(),
            amount: self.amount,
        }
    }
}

/// Appends units of 10^-`digits` as a plain decimal without needless zeros.
pub fn push_units(text: &mut String, units: u128, digits: usize, point: Point) {
    let start = text.len();
    let width = digits.saturating_add(1);
    write!(text, "{units:0width$}").expect("a string takes everything");
    let point_at = text.len().saturating_sub(digits);
    if digits > 0 {
        let kept = text
            .get(point_at..)
            .map_or(0, |fraction| fraction.trim_end_matches('0').len());
        text.truncate(point_at.saturating_add(kept));
        if kept > 0 {
            text.insert(point_at, '.');
            return;
        }
    }
    debug_assert!(text.len() > start, "at least one digit stays");
    if point == Point::Always {
        text.push_str(".0");
    }
}

/// Appends an amount with its sign.
pub fn push_signed(text: &mut String, amount: Signed, point: Point) {
    if amount.negative {
        text.push('-');
    }
    push_units(text, amount.amount.units(), AMOUNT_DIGITS, point);
}

/// Appends a unit price.
pub fn push_price(text: &mut String, price: UnitPrice, point: Point) {
    push_units(text, price.units(), UNIT_PRICE_DIGITS, point);
}

/// An amount with its sign, as text.
#[must_use]
pub fn signed(amount: Signed) -> String {
    let mut text = String::new();
    push_signed(&mut text, amount, Point::WhereNeeded);
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(units: u128, digits: usize, point: Point) -> String {
        let mut text = "x".to_owned();
        push_units(&mut text, units, digits, point);
        text.split_off(1)
    }

    #[test]
    fn whole_numbers_have_a_point_where_it_is_wanted() {
        for (units, digits, plain, pointed) in [
            (0, 18, "0", "0.0"),
            (7, 0, "7", "7.0"),
            (70, 0, "70", "70.0"),
            (7_000, 3, "7", "7.0"),
            (7_100, 3, "7.1", "7.1"),
            (1, 3, "0.001", "0.001"),
            (
                u128::MAX,
                0,
                &u128::MAX.to_string(),
                &format!("{}.0", u128::MAX),
            ),
        ] {
            assert_eq!(text(units, digits, Point::WhereNeeded), plain);
            assert_eq!(text(units, digits, Point::Always), pointed);
        }
    }

    #[test]
    fn nothing_has_no_sign() {
        assert_eq!(signed(Signed::minus(Amount::ZERO)), "0");
        assert_eq!(signed(Signed::ZERO.negated()), "0");
        assert_eq!(
            signed(Signed::minus(Amount::from_units(1))),
            "-0.000000000000000001"
        );
    }

    proptest! {
        #[test]
        fn amounts_and_prices_read_as_their_own_text(units: u128) {
            let amount = Amount::from_units(units);
            prop_assert_eq!(text(units, AMOUNT_DIGITS, Point::WhereNeeded), amount.to_string());
            let price = UnitPrice::from_units(units);
            prop_assert_eq!(text(units, UNIT_PRICE_DIGITS, Point::WhereNeeded), price.to_string());
        }
    }
}
