//! Owns integers written as decimal strings, since JSON readers round numbers above 2^53.
//! For `#[serde(with = "decimal")]` on unsigned integers, and `decimal::option` on optional ones.

use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use serde::de::Visitor;
use serde::{Deserializer, Serializer};

/// Why a text is no unsigned decimal integer in its one canonical form.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecimalError {
    /// Not only digits, or a leading zero.
    #[error("`{text}` is no whole number in plain digits")]
    Form {
        /// The text, cut to a readable length.
        text: String,
    },
    /// More than the type holds.
    #[error("`{text}` is too large")]
    TooLarge {
        /// The text, cut to a readable length.
        text: String,
    },
}

/// Parses digits without sign, spaces or leading zeros.
pub fn parse<T: FromStr>(text: &str) -> Result<T, DecimalError> {
    let shown = || text.chars().take(48).collect();
    let digits_only = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if !digits_only || (text.len() > 1 && text.starts_with('0')) {
        return Err(DecimalError::Form { text: shown() });
    }
    text.parse()
        .map_err(|_| DecimalError::TooLarge { text: shown() })
}

/// Writes an integer as a decimal string.
pub fn serialize<T: fmt::Display, S: Serializer>(value: &T, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(value)
}

/// Reads an integer from a decimal string; a JSON number is refused.
pub fn deserialize<'de, T: FromStr, D: Deserializer<'de>>(from: D) -> Result<T, D::Error> {
    from.deserialize_str(Digits(PhantomData))
}

struct Digits<T>(PhantomData<T>);

impl<T: FromStr> Visitor<'_> for Digits<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a whole number written as a string")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<T, E> {
        parse(text).map_err(E::custom)
    }
}

/// The same for an `Option`; use with `default` and `skip_serializing_if`.
pub mod option {
    use std::fmt;
    use std::str::FromStr;

    use serde::{Deserializer, Serializer};

    /// Writes the integer as a decimal string, or null.
    pub fn serialize<T: fmt::Display, S: Serializer>(
        value: &Option<T>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        match value {
            Some(value) => to.collect_str(value),
            None => to.serialize_none(),
        }
    }

    /// Reads an integer from a decimal string; null is refused, an absent field means none.
    pub fn deserialize<'de, T: FromStr, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<T>, D::Error> {
        super::deserialize(from).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_canonical_form_is_read() {
        assert_eq!(parse::<u64>("0").unwrap(), 0);
        assert_eq!(parse::<u64>("18446744073709551615").unwrap(), u64::MAX);
        assert!(matches!(
            parse::<u64>("18446744073709551616"),
            Err(DecimalError::TooLarge { .. })
        ));
        for bad in ["", "+1", "-1", "01", "00", "1.0", "1e3", " 1", "1_0", "٣"] {
            assert!(
                matches!(parse::<u64>(bad), Err(DecimalError::Form { .. })),
                "{bad}"
            );
        }
    }
}
