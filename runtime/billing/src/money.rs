//! Owns money as integers: amounts, unit prices and the one rounding between them. Holds no floats
//! and converts no currencies.

use std::fmt;
use std::io::Write as _;
use std::str::FromStr;

use ethnum::U256;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Digits after the point that an [`Amount`] holds.
pub const AMOUNT_DIGITS: usize = 18;
/// Digits after the point that a [`UnitPrice`] holds: a page-instruction costs about 2·10^-20.
pub const UNIT_PRICE_DIGITS: usize = 27;
/// Units of a [`UnitPrice`] in one unit of an [`Amount`].
pub const PRICE_UNITS_PER_AMOUNT_UNIT: u128 = 1_000_000_000;

/// Longer texts than any amount needs are refused before they are read.
const TEXT_BYTES_MAX: usize = 128;

/// Why a text is no money, or a product no amount.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// The text is no plain decimal such as `12` or `0.05`.
    #[error("`{text}` is no plain decimal number such as 12 or 0.05")]
    Form {
        /// The text, cut to a readable length.
        text: String,
    },
    /// A sign.
    #[error("`{text}` has a sign; money here is never negative")]
    Sign {
        /// The text, cut to a readable length.
        text: String,
    },
    /// More digits after the point than are kept: reading it would round.
    #[error(
        "`{text}` is inexact: of its digits after the point only {digits} are kept, `{lost}` would be lost"
    )]
    Inexact {
        /// The text.
        text: String,
        /// How many digits are kept.
        digits: usize,
        /// The digits that do not fit.
        lost: String,
    },
    /// More than 128 bits of units.
    #[error("`{text}` is too large")]
    TooLarge {
        /// The text, cut to a readable length.
        text: String,
    },
    /// A product or a sum is more than an amount can hold.
    #[error("the amount is too large to be written down")]
    Overflow,
    /// The text is no currency.
    #[error("`{text}` is no currency: three capital letters are, such as USD")]
    Currency {
        /// The text, cut to a readable length.
        text: String,
    },
}

/// A currency: three capital letters, as in ISO 4217.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Currency([u8; 3]);

/// An amount of money: whole units of 10^-18 of the currency.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Amount(u128);

/// The price of one unit of a meter: whole units of 10^-27 of the currency.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct UnitPrice(u128);

impl Amount {
    /// No money.
    pub const ZERO: Self = Self(0);

    /// So many units of 10^-18.
    #[must_use]
    pub const fn from_units(units: u128) -> Self {
        Self(units)
    }

    /// Units of 10^-18.
    #[must_use]
    pub const fn units(self) -> u128 {
        self.0
    }

    /// Exactly nothing.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// The exact sum.
    pub fn checked_add(self, other: Self) -> Result<Self, MoneyError> {
        self.0
            .checked_add(other.0)
            .map(Self)
            .ok_or(MoneyError::Overflow)
    }

    /// The exact difference; none when `other` is more.
    #[must_use]
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        self.0.checked_sub(other.0).map(Self)
    }

    /// The exact sum of all.
    pub fn sum(amounts: impl IntoIterator<Item = Self>) -> Result<Self, MoneyError> {
        amounts.into_iter().try_fold(Self::ZERO, Self::checked_add)
    }
}

impl UnitPrice {
    /// Free.
    pub const ZERO: Self = Self(0);

    /// So many units of 10^-27.
    #[must_use]
    pub const fn from_units(units: u128) -> Self {
        Self(units)
    }

    /// Units of 10^-27.
    #[must_use]
    pub const fn units(self) -> u128 {
        self.0
    }

    /// Exactly free.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// The price of a thing that costs exactly `amount`.
    pub fn from_amount(amount: Amount) -> Result<Self, MoneyError> {
        amount
            .0
            .checked_mul(PRICE_UNITS_PER_AMOUNT_UNIT)
            .map(Self)
            .ok_or(MoneyError::Overflow)
    }

    /// What `quantity` units cost: the exact product, rounded once, half to even, to 10^-18.
    ///
    /// The product of two 128-bit numbers fits 256 bits, so only the rounded amount can overflow.
    pub fn times(self, quantity: u128) -> Result<Amount, MoneyError> {
        let overflow = || MoneyError::Overflow;
        let divisor = U256::from(PRICE_UNITS_PER_AMOUNT_UNIT);
        let product = U256::from(self.0)
            .checked_mul(U256::from(quantity))
            .ok_or_else(overflow)?;
        let quotient = u128::try_from(product / divisor).map_err(|_| overflow())?;
        let remainder = product % divisor;
        let half = U256::from(PRICE_UNITS_PER_AMOUNT_UNIT / 2);
        let is_odd = !quotient.is_multiple_of(2);
        let rounds_up = remainder > half || (remainder == half && is_odd);
        quotient
            .checked_add(u128::from(rounds_up))
            .map(Amount)
            .ok_or_else(overflow)
    }
}

/// Reads plain decimal text as whole units of 10^-`digits`, or says what would be lost.
fn parse_units(text: &str, digits: usize) -> Result<u128, MoneyError> {
    let shown = || text.chars().take(48).collect::<String>();
    let form = || MoneyError::Form { text: shown() };
    if text.len() > TEXT_BYTES_MAX {
        return Err(form());
    }
    if text.starts_with(['-', '+']) {
        return Err(MoneyError::Sign { text: shown() });
    }
    let (whole, fraction) = match text.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (text, None),
    };
    let is_digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if !is_digits(whole) || !fraction.is_none_or(is_digits) {
        return Err(form());
    }
    if whole.len() > 1 && whole.starts_with('0') {
        return Err(form());
    }
    let fraction = fraction.unwrap_or("").trim_end_matches('0');
    if let Some(lost) = fraction.get(digits..).filter(|lost| !lost.is_empty()) {
        return Err(MoneyError::Inexact {
            text: text.to_owned(),
            digits,
            lost: lost.to_owned(),
        });
    }
    let padding = std::iter::repeat_n(b'0', digits.saturating_sub(fraction.len()));
    let mut all = whole.bytes().chain(fraction.bytes()).chain(padding);
    all.try_fold(0_u128, |units, digit| {
        let digit = u128::from(digit.wrapping_sub(b'0'));
        units.checked_mul(10)?.checked_add(digit)
    })
    .ok_or_else(|| MoneyError::TooLarge { text: shown() })
}

/// Writes units of 10^-`digits` as a plain decimal without needless zeros.
fn write_units(units: u128, digits: usize, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    /// 39 digits and a point; amounts are written often, so without a text of their own in between.
    const ROOM: usize = 40;
    let mut room = [0; ROOM];
    let mut rest = room.as_mut_slice();
    let width = digits.saturating_add(1);
    write!(rest, "{units:0width$}").map_err(|_| fmt::Error)?;
    let end = ROOM.saturating_sub(rest.len());
    let point = end.saturating_sub(digits);
    let zeros = room[point..end].iter().rev();
    let zeros = zeros.take_while(|digit| **digit == b'0').count();
    let mut end = end.saturating_sub(zeros);
    if end > point {
        room.copy_within(point..end, point.saturating_add(1));
        room[point] = b'.';
        end = end.saturating_add(1);
    }
    f.pad(std::str::from_utf8(&room[..end]).map_err(|_| fmt::Error)?)
}

/// Text, debug and JSON forms of an integer count of units: always the same plain decimal.
macro_rules! decimal_text {
    ($type:ident, $digits:expr) => {
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write_units(self.0, $digits, f)
            }
        }

        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($type), "({})"), self)
            }
        }

        impl FromStr for $type {
            type Err = MoneyError;

            fn from_str(text: &str) -> Result<Self, MoneyError> {
                parse_units(text, $digits).map(Self)
            }
        }
    };
}

decimal_text!(Amount, AMOUNT_DIGITS);
decimal_text!(UnitPrice, UNIT_PRICE_DIGITS);

impl Currency {
    /// The three letters.
    #[must_use]
    pub fn code(self) -> String {
        self.0.iter().map(|byte| char::from(*byte)).collect()
    }
}

/// Currencies whose smallest coin is not a hundredth, by its digits after the point (ISO 4217).
const MINOR_UNITS: [(u32, &str); 3] = [
    (
        0,
        "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    ),
    (3, "BHD IQD JOD KWD LYD OMR TND"),
    (4, "CLF UYW"),
];

impl Currency {
    /// Digits after the point of its smallest coin, by ISO 4217; two for a code that is not in it.
    #[must_use]
    pub fn minor_unit_digits(self) -> u32 {
        let code = self.code();
        let listed = MINOR_UNITS
            .iter()
            .find(|(_, codes)| codes.split(' ').any(|one| one == code));
        listed.map_or(2, |(digits, _)| *digits)
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.code())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Currency({self})")
    }
}

impl FromStr for Currency {
    type Err = MoneyError;

    fn from_str(text: &str) -> Result<Self, MoneyError> {
        match <[u8; 3]>::try_from(text.as_bytes()) {
            Ok(letters) if letters.iter().all(u8::is_ascii_uppercase) => Ok(Self(letters)),
            _ => Err(MoneyError::Currency {
                text: text.chars().take(48).collect(),
            }),
        }
    }
}

/// JSON form: the text as a string.
macro_rules! json_text {
    ($($type:ident),+) => {$(
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                crate::text::deserialize(deserializer)
            }
        }
    )+};
}

json_text!(Amount, UnitPrice, Currency);

#[cfg(test)]
mod tests;
