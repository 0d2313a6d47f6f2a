//! Owns a provider's prices, as a TOML file states them. Prices nothing itself.

pub mod calibration;
pub mod change;

use std::collections::BTreeMap;

use serde::Serialize;
use toml::{Table, Value};

use crate::canonical::{CanonicalError, to_canonical_json};
use crate::digest::Digest;
use crate::money::{Amount, Currency, MoneyError, UnitPrice};
use crate::text::{Id, quoted};
use crate::timestamp::Timestamp;
use crate::usage::Meter;

/// A card lists fewer than 20 prices; this leaves room for a page of comments on each.
pub const CARD_BYTES_MAX: usize = 64 * 1024;

/// No currency has more digits after its point than an amount keeps.
const MINOR_UNIT_DIGITS_MAX: u32 = 18;

const FIELDS: [&str; 10] = [
    "id",
    "currency",
    "valid_from",
    "valid_until",
    "rounding",
    "minor_unit_digits",
    "fee_per_job",
    "minimum_charge",
    "cancellation_charge",
    "prices",
];

/// Why a text is no rate card.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RateCardError {
    /// More bytes than [`CARD_BYTES_MAX`].
    #[error("a rate card has {bytes} bytes, at most {CARD_BYTES_MAX} are read")]
    TooLarge {
        /// How many it has.
        bytes: usize,
    },
    /// Not TOML.
    #[error("the rate card is no TOML: {reason}")]
    Toml {
        /// What the parser says, with the place.
        reason: String,
    },
    /// A field that no card has.
    #[error("a rate card has no field `{field}`")]
    UnknownField {
        /// Its name.
        field: String,
    },
    /// A price for something that is no meter.
    #[error("the rate card prices `{name}`, which is no meter")]
    UnknownMeter {
        /// Its name.
        name: String,
    },
    /// A field that every card has.
    #[error("the rate card has no `{field}`")]
    Missing {
        /// Its name.
        field: String,
    },
    /// A number where exact text is needed.
    #[error("`{field}` is a number, which cannot be trusted to be exact")]
    NotText {
        /// The field or the meter.
        field: String,
        /// The number as TOML understood it.
        number: String,
    },
    /// A value of another type.
    #[error("`{field}` is {found}, expected {expected}")]
    Type {
        /// The field or the meter.
        field: String,
        /// What it is.
        found: &'static str,
        /// What it should be.
        expected: &'static str,
    },
    /// A price or a charge that is no exact amount.
    #[error("`{field}` is no exact price")]
    Money {
        /// The field or the meter.
        field: String,
        /// Which number, and why.
        #[source]
        source: MoneyError,
    },
    /// An id, a time, a rounding rule or a count of digits that is none.
    #[error("`{field}` is not valid: {reason}")]
    Invalid {
        /// The field.
        field: String,
        /// Why.
        reason: String,
    },
}

impl RateCardError {
    /// What the author of the card can do.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NotText { field, number } => {
                Some(format!("write the price as text: {field} = \"{number}\""))
            }
            Self::UnknownMeter { .. } => {
                let names: Vec<_> = Meter::ALL.iter().map(|meter| meter.name()).collect();
                Some(format!("the meters are {}", names.join(", ")))
            }
            Self::UnknownField { .. } | Self::Missing { .. } => {
                Some(format!("the fields are {}", FIELDS.join(", ")))
            }
            Self::Money {
                source: MoneyError::Inexact { digits, .. },
                ..
            } => Some(format!(
                "round it to {digits} digits after the point yourself"
            )),
            _ => None,
        }
    }
}

/// How a line's exact product becomes an amount.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
pub enum Rounding {
    /// To the nearest unit of 10^-18, ties to the even one.
    #[serde(rename = "half-even")]
    HalfEven,
}

impl Rounding {
    /// Its name in a card's file.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::HalfEven => "half-even",
        }
    }
}

/// Prices in force for a time. Read from TOML only, so that every card has been checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RateCard {
    id: Id,
    currency: Currency,
    valid_from: Timestamp,
    valid_until: Timestamp,
    rounding: Rounding,
    minor_unit_digits: u32,
    fee_per_job: Amount,
    minimum_charge: Amount,
    cancellation_charge: Amount,
    /// Meters that cost nothing are left out, so that a card has one form.
    prices: BTreeMap<Meter, UnitPrice>,
}

impl RateCard {
    /// Reads a card. Unknown fields and meters, numbers in place of text, signs, and prices that do
    /// not fit 10^-27 are refused; nothing is ever rounded.
    pub fn from_toml(text: &str) -> Result<Self, RateCardError> {
        if text.len() > CARD_BYTES_MAX {
            return Err(RateCardError::TooLarge { bytes: text.len() });
        }
        let table: Table = toml::from_str(text).map_err(|error| RateCardError::Toml {
            reason: error.to_string().trim_end().to_owned(),
        })?;
        if let Some(field) = table.keys().find(|key| !FIELDS.contains(&key.as_str())) {
            return Err(RateCardError::UnknownField {
                field: quoted(field),
            });
        }
        let card = Self {
            id: parsed(&table, "id")?,
            currency: parsed(&table, "currency")?,
            valid_from: parsed(&table, "valid_from")?,
            valid_until: parsed(&table, "valid_until")?,
            rounding: rounding(&table)?,
            minor_unit_digits: minor_unit_digits(&table)?,
            fee_per_job: charge(&table, "fee_per_job")?,
            minimum_charge: charge(&table, "minimum_charge")?,
            cancellation_charge: charge(&table, "cancellation_charge")?,
            prices: prices(&table)?,
        };
        if card.valid_until <= card.valid_from {
            return Err(RateCardError::Invalid {
                field: "valid_until".to_owned(),
                reason: format!("it is not after `valid_from`, {}", card.valid_from),
            });
        }
        Ok(card)
    }

    /// The id that its author gave it.
    #[must_use]
    pub const fn id(&self) -> &Id {
        &self.id
    }

    /// The currency of every amount.
    #[must_use]
    pub const fn currency(&self) -> Currency {
        self.currency
    }

    /// The first moment at which orders may use it.
    #[must_use]
    pub const fn valid_from(&self) -> Timestamp {
        self.valid_from
    }

    /// The first moment at which orders may no longer use it.
    #[must_use]
    pub const fn valid_until(&self) -> Timestamp {
        self.valid_until
    }

    /// Whether an order may use it at this moment.
    #[must_use]
    pub fn is_valid_at(&self, now: Timestamp) -> bool {
        self.valid_from <= now && now < self.valid_until
    }

    /// How lines are rounded.
    #[must_use]
    pub const fn rounding(&self) -> Rounding {
        self.rounding
    }

    /// Digits after the point on invoices.
    #[must_use]
    pub const fn minor_unit_digits(&self) -> u32 {
        self.minor_unit_digits
    }

    /// Charged once for every billed job.
    #[must_use]
    pub const fn fee_per_job(&self) -> Amount {
        self.fee_per_job
    }

    /// What a billed job costs at least.
    #[must_use]
    pub const fn minimum_charge(&self) -> Amount {
        self.minimum_charge
    }

    /// What a cancelled job costs that had to be killed.
    #[must_use]
    pub const fn cancellation_charge(&self) -> Amount {
        self.cancellation_charge
    }

    /// The price of one unit of `meter`; nothing when the card does not list it.
    #[must_use]
    pub fn price(&self, meter: Meter) -> UnitPrice {
        self.prices.get(&meter).copied().unwrap_or_default()
    }

    /// The digest of the card's content. Comments, order, needless zeros and listed zero prices do
    /// not change it.
    pub fn digest(&self) -> Result<Digest, CanonicalError> {
        to_canonical_json(self).map(|bytes| Digest::of(&bytes))
    }
}

/// The card of a provider that brings none of its own.
///
/// # Errors
/// None in practice: the file is part of the crate, and a test reads it.
pub fn default_card() -> Result<RateCard, RateCardError> {
    RateCard::from_toml(DEFAULT_CARD)
}

/// The TOML text of [`default_card`], as a start for one's own.
pub const DEFAULT_CARD: &str = include_str!("../rate-cards/default.toml");

fn text(field: &str, value: &Value) -> Result<String, RateCardError> {
    match value {
        Value::String(text) => Ok(text.clone()),
        // A TOML time without quotes means the same.
        Value::Datetime(time) => Ok(time.to_string()),
        Value::Integer(_) | Value::Float(_) => Err(RateCardError::NotText {
            field: field.to_owned(),
            number: value.to_string(),
        }),
        other => Err(RateCardError::Type {
            field: field.to_owned(),
            found: other.type_str(),
            expected: "text",
        }),
    }
}

fn required(table: &Table, field: &str) -> Result<String, RateCardError> {
    let value = table.get(field).ok_or_else(|| RateCardError::Missing {
        field: field.to_owned(),
    })?;
    text(field, value)
}

fn parsed<T>(table: &Table, field: &str) -> Result<T, RateCardError>
where
    T: std::str::FromStr<Err: std::fmt::Display>,
{
    required(table, field)?
        .parse()
        .map_err(|error: T::Err| RateCardError::Invalid {
            field: field.to_owned(),
            reason: error.to_string(),
        })
}

fn rounding(table: &Table) -> Result<Rounding, RateCardError> {
    match required(table, "rounding")?.as_str() {
        "half-even" => Ok(Rounding::HalfEven),
        other => Err(RateCardError::Invalid {
            field: "rounding".to_owned(),
            reason: format!("`{other}` is no rounding rule; `half-even` is"),
        }),
    }
}

fn minor_unit_digits(table: &Table) -> Result<u32, RateCardError> {
    let field = "minor_unit_digits";
    let value = table.get(field).ok_or_else(|| RateCardError::Missing {
        field: field.to_owned(),
    })?;
    let Value::Integer(digits) = value else {
        return Err(RateCardError::Type {
            field: field.to_owned(),
            found: value.type_str(),
            expected: "a whole number",
        });
    };
    match u32::try_from(*digits) {
        Ok(digits) if digits <= MINOR_UNIT_DIGITS_MAX => Ok(digits),
        _ => Err(RateCardError::Invalid {
            field: field.to_owned(),
            reason: format!("{digits} is outside 0 to {MINOR_UNIT_DIGITS_MAX}"),
        }),
    }
}

/// A charge that is due at once; absent means none. It must also fit a line's unit price.
fn charge(table: &Table, field: &str) -> Result<Amount, RateCardError> {
    let Some(value) = table.get(field) else {
        return Ok(Amount::ZERO);
    };
    let money = |source| RateCardError::Money {
        field: field.to_owned(),
        source,
    };
    let amount: Amount = text(field, value)?.parse().map_err(money)?;
    UnitPrice::from_amount(amount).map_err(money)?;
    Ok(amount)
}

fn prices(table: &Table) -> Result<BTreeMap<Meter, UnitPrice>, RateCardError> {
    let listed = match table.get("prices") {
        Some(Value::Table(listed)) => listed,
        Some(other) => {
            return Err(RateCardError::Type {
                field: "prices".to_owned(),
                found: other.type_str(),
                expected: "a table",
            });
        }
        None => {
            return Err(RateCardError::Missing {
                field: "prices".to_owned(),
            });
        }
    };
    let mut prices = BTreeMap::new();
    for (name, value) in listed {
        let meter: Meter = name
            .parse()
            .map_err(|_| RateCardError::UnknownMeter { name: quoted(name) })?;
        let price: UnitPrice =
            text(name, value)?
                .parse()
                .map_err(|source| RateCardError::Money {
                    field: name.clone(),
                    source,
                })?;
        if !price.is_zero() {
            prices.insert(meter, price);
        }
    }
    Ok(prices)
}

#[cfg(test)]
mod tests;
