//! Owns sums of money that may be negative: charges less credits. Rounds nothing but for show.

use std::fmt;

use ethnum::I256;
use meterbox_billing::money::{AMOUNT_DIGITS, Amount};

/// Units of 10^-18 of a currency, which may be fewer than none. Holds any sum of as many amounts as there are
/// receipts.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Signed(I256);

/// A sum that 256 bits do not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the sum is too large to be written down")]
pub struct SumTooLarge;

impl Signed {
    /// No money.
    pub const ZERO: Self = Self(I256::ZERO);

    /// So many units of 10^-18.
    #[must_use]
    pub const fn from_units(units: I256) -> Self {
        Self(units)
    }

    /// Units of 10^-18.
    #[must_use]
    pub const fn units(self) -> I256 {
        self.0
    }

    /// Exactly nothing.
    #[must_use]
    pub fn is_zero(self) -> bool {
        self.0 == I256::ZERO
    }

    /// Fewer than none.
    #[must_use]
    pub fn is_negative(self) -> bool {
        self.0.is_negative()
    }

    /// The exact sum.
    pub fn plus(self, other: Self) -> Result<Self, SumTooLarge> {
        self.0.checked_add(other.0).map(Self).ok_or(SumTooLarge)
    }

    /// The exact difference.
    pub fn minus(self, other: Self) -> Result<Self, SumTooLarge> {
        self.0.checked_sub(other.0).map(Self).ok_or(SumTooLarge)
    }

    /// So many times as much.
    pub fn times(self, factor: u64) -> Result<Self, SumTooLarge> {
        let product = self.0.checked_mul(I256::from(factor));
        product.map(Self).ok_or(SumTooLarge)
    }

    /// The exact sum of all.
    pub fn sum(all: impl IntoIterator<Item = Self>) -> Result<Self, SumTooLarge> {
        all.into_iter().try_fold(Self::ZERO, Self::plus)
    }

    /// The text with exactly so many digits after the point, rounded half away from zero. For reading only.
    #[must_use]
    pub fn rounded(self, digits: usize) -> String {
        let digits = digits.min(AMOUNT_DIGITS);
        let all = format!(
            "{:0>width$}",
            self.0.unsigned_abs(),
            width = AMOUNT_DIGITS.saturating_add(1)
        );
        let kept = all
            .len()
            .saturating_sub(AMOUNT_DIGITS.saturating_sub(digits));
        let (kept, lost) = all.split_at(kept);
        let rounds_up = lost.bytes().next().is_some_and(|digit| digit >= b'5');
        let kept = if rounds_up {
            incremented(kept)
        } else {
            kept.to_owned()
        };
        let (whole, fraction) = kept.split_at(kept.len().saturating_sub(digits));
        let is_nothing = kept.bytes().all(|digit| digit == b'0');
        let sign = if self.is_negative() && !is_nothing {
            "-"
        } else {
            ""
        };
        match fraction {
            "" => format!("{sign}{whole}"),
            fraction => format!("{sign}{whole}.{fraction}"),
        }
    }
}

/// Decimal digits, one more.
fn incremented(digits: &str) -> String {
    let nines = digits
        .len()
        .saturating_sub(digits.trim_end_matches('9').len());
    let (head, _) = digits.split_at(digits.len().saturating_sub(nines));
    let zeros = "0".repeat(nines);
    let mut chars: Vec<char> = head.chars().collect();
    match chars.pop() {
        Some(last) => {
            let next = last
                .to_digit(10)
                .and_then(|d| char::from_digit(d.saturating_add(1), 10));
            chars.push(next.unwrap_or(last));
            format!("{}{zeros}", chars.into_iter().collect::<String>())
        }
        None => format!("1{zeros}"),
    }
}

impl From<Amount> for Signed {
    fn from(amount: Amount) -> Self {
        Self(I256::from(amount.units()))
    }
}

impl fmt::Display for Signed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = self.rounded(AMOUNT_DIGITS);
        f.pad(all.trim_end_matches('0').trim_end_matches('.'))
    }
}

impl fmt::Debug for Signed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signed({self})")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn signed(text: &str) -> Signed {
        match text.strip_prefix('-') {
            Some(text) => Signed::ZERO.minus(signed(text)).unwrap(),
            None => text.parse::<Amount>().unwrap().into(),
        }
    }

    #[test]
    fn a_sum_is_shown_to_as_many_digits_as_are_asked_for() {
        for (text, digits, shown) in [
            ("0", 0, "0"),
            ("0", 2, "0.00"),
            ("0.5", 0, "1"),
            ("0.4", 0, "0"),
            ("9.995", 2, "10.00"),
            ("99.995", 2, "100.00"),
            ("0.009999", 4, "0.0100"),
            ("-0.001", 2, "0.00"),
            ("-0.005", 2, "-0.01"),
            ("-12.345", 18, "-12.345000000000000000"),
        ] {
            assert_eq!(signed(text).rounded(digits), shown, "{text}");
        }
        assert_eq!(
            signed("-0.000000000000000001").to_string(),
            "-0.000000000000000001"
        );
        assert_eq!(signed("7").to_string(), "7");
    }

    proptest! {
        #[test]
        fn text_of_a_sum_is_text_of_the_amount(units in any::<u128>()) {
            let amount = Amount::from_units(units);
            prop_assert_eq!(Signed::from(amount).to_string(), amount.to_string());
        }

        #[test]
        fn what_is_shown_is_within_half_a_digit(units in any::<i64>(), digits in 0_usize..=18) {
            let exact = i128::from(units);
            let shown = Signed::from_units(I256::from(units)).rounded(digits);
            let shown: i128 = shown.replace('.', "").parse().unwrap();
            let scale = 10_i128.pow(u32::try_from(18 - digits).unwrap());
            prop_assert!((shown * scale - exact).abs() * 2 <= scale);
        }
    }
}
