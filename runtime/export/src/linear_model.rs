//! Owns Golem's linear payment model: a coefficient a counter, and a constant, read as decimal text and never
//! as floats. Measures nothing.

use ethnum::U256;
use meterbox_billing::money::{AMOUNT_DIGITS, Amount, MoneyError, UNIT_PRICE_DIGITS, UnitPrice};
use meterbox_billing::record::Charge;
use meterbox_billing::usage::Meter;
use serde::Deserialize;
use serde_json::value::RawValue;

/// The only kind of model that is read.
const KIND: &str = "linear";
/// The counter of whole seconds from a job's start to its end.
const DURATION: &str = "golem.usage.duration_sec";
/// Units of 10^-27 in one of 10^-18.
const UNITS_PER_AMOUNT_UNIT: u64 = 10_u64.pow(9);
/// A model has a counter for each meter at most, and the duration.
const COUNTERS_MAX: usize = 64;
/// Longer texts than any coefficient needs.
const COEFFICIENT_BYTES_MAX: usize = 128;

/// Why a text is no payment model.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ModelError {
    /// Not JSON of the right form.
    #[error("the payment model is not valid: {reason}")]
    Json {
        /// What the parser says.
        reason: String,
    },
    /// Another kind of model.
    #[error("the payment model is `{found}`, expected `{KIND}`")]
    Kind {
        /// What it is.
        found: String,
    },
    /// Not one coefficient for each counter and one more.
    #[error("{coefficients} coefficients do not fit {counters} counters: the last is the constant")]
    Count {
        /// How many coefficients there are.
        coefficients: usize,
        /// How many counters.
        counters: usize,
    },
    /// A counter that receipts do not have.
    #[error("receipts have no counter `{name}`")]
    Counter {
        /// Its name.
        name: String,
    },
    /// A coefficient that is no exact price.
    #[error("the coefficient `{text}` is no exact price")]
    Coefficient {
        /// Its text.
        text: String,
        /// Why.
        #[source]
        source: MoneyError,
    },
}

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Counter {
    Duration,
    Meter(Meter),
}

/// A linear payment model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinearModel {
    terms: Vec<(Counter, UnitPrice)>,
    constant: UnitPrice,
}

#[derive(Deserialize)]
struct Properties<'a> {
    #[serde(rename = "golem.com.pricing.model")]
    kind: String,
    #[serde(rename = "golem.com.pricing.model.linear.coeffs", borrow)]
    coefficients: Vec<&'a RawValue>,
    #[serde(rename = "golem.com.usage.vector")]
    counters: Vec<String>,
}

impl LinearModel {
    /// Reads a model from an offer's properties: `golem.com.pricing.model`,
    /// `golem.com.pricing.model.linear.coeffs` and `golem.com.usage.vector`. Counters are
    /// `golem.usage.duration_sec` and names that end in a meter's, such as `golem.usage.custom.instructions`.
    pub fn from_json(text: &str) -> Result<Self, ModelError> {
        let properties: Properties<'_> =
            serde_json::from_str(text).map_err(|error| ModelError::Json {
                reason: error.to_string(),
            })?;
        if properties.kind != KIND {
            return Err(ModelError::Kind {
                found: properties.kind,
            });
        }
        let (coefficients, counters) = (properties.coefficients, properties.counters);
        let count = ModelError::Count {
            coefficients: coefficients.len(),
            counters: counters.len(),
        };
        if counters.len() > COUNTERS_MAX || coefficients.len() != counters.len().saturating_add(1) {
            return Err(count);
        }
        let mut prices = coefficients.into_iter().map(|raw| coefficient(raw.get()));
        let terms = counters
            .iter()
            .zip(&mut prices)
            .map(|(name, price)| Ok((counter(name)?, price?)));
        let terms = terms.collect::<Result<_, _>>()?;
        let constant = prices.next().ok_or(count)??;
        Ok(Self { terms, constant })
    }

    /// What the counters show after a job.
    #[must_use]
    pub fn usage(&self, charge: &Charge) -> Vec<u128> {
        let counters = self.terms.iter();
        counters.map(|(counter, _)| counter.of(charge)).collect()
    }

    /// What a job costs by this model: the exact sum, rounded once, half to even, to 10^-18.
    pub fn amount(&self, charge: &Charge) -> Result<Amount, MoneyError> {
        let overflow = || MoneyError::Overflow;
        let mut sum = U256::from(self.constant.units());
        for (counter, price) in &self.terms {
            let product = U256::from(price.units())
                .checked_mul(U256::from(counter.of(charge)))
                .ok_or_else(overflow)?;
            sum = sum.checked_add(product).ok_or_else(overflow)?;
        }
        let divisor = U256::from(UNITS_PER_AMOUNT_UNIT);
        let half = U256::from(UNITS_PER_AMOUNT_UNIT / 2);
        let units = u128::try_from(sum / divisor).map_err(|_| overflow())?;
        let rest = sum % divisor;
        let up = rest > half || (rest == half && !units.is_multiple_of(2));
        let units = units.checked_add(u128::from(up)).ok_or_else(overflow)?;
        Ok(Amount::from_units(units))
    }
}

impl Counter {
    fn of(self, charge: &Charge) -> u128 {
        match self {
            Self::Duration => {
                let seconds = charge.ended_at.unix_seconds();
                u128::from(seconds.saturating_sub(charge.started_at.unix_seconds()))
            }
            Self::Meter(meter) => quantity(charge, meter),
        }
    }
}

/// How much of a meter a receipt charges.
pub(crate) fn quantity(charge: &Charge, meter: Meter) -> u128 {
    let line = charge.lines.iter().find(|line| line.meter == meter.name());
    line.map_or(0, |line| line.quantity)
}

fn counter(name: &str) -> Result<Counter, ModelError> {
    if name == DURATION {
        return Ok(Counter::Duration);
    }
    let last = name.rsplit('.').next().unwrap_or(name);
    last.parse()
        .map(Counter::Meter)
        .map_err(|_| ModelError::Counter {
            name: name.chars().take(96).collect(),
        })
}

/// A JSON number or a string of one, exactly: `0.1`, `"0.1"`, `1e-7`.
fn coefficient(raw: &str) -> Result<UnitPrice, ModelError> {
    let text = raw.trim_matches('"');
    let plain = plain_decimal(text).unwrap_or_else(|| text.to_owned());
    plain.parse().map_err(|source| ModelError::Coefficient {
        text: text.chars().take(48).collect(),
        source,
    })
}

/// Moves the point as a number's exponent says; none where there is no exponent, or one that no price has.
fn plain_decimal(text: &str) -> Option<String> {
    if text.len() > COEFFICIENT_BYTES_MAX {
        return None;
    }
    let (mantissa, exponent) = text.split_once(['e', 'E'])?;
    let exponent: i32 = exponent.parse().ok()?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    let point = i32::try_from(whole.len()).ok()?.checked_add(exponent)?;
    let bound = i32::try_from(UNIT_PRICE_DIGITS.saturating_add(AMOUNT_DIGITS)).ok()?;
    if digits.is_empty() || point.checked_abs()? > bound {
        return None;
    }
    let (whole, fraction) = match usize::try_from(point) {
        Ok(point) => {
            let zeros = "0".repeat(point.saturating_sub(digits.len()));
            let digits = format!("{digits}{zeros}");
            let (whole, fraction) = digits.split_at_checked(point)?;
            (whole.to_owned(), fraction.to_owned())
        }
        Err(_) => {
            let zeros = "0".repeat(usize::try_from(point.unsigned_abs()).ok()?);
            (String::new(), format!("{zeros}{digits}"))
        }
    };
    let whole = match whole.trim_start_matches('0') {
        "" => "0",
        whole => whole,
    };
    match fraction.trim_end_matches('0') {
        "" => Some(whole.to_owned()),
        fraction => Some(format!("{whole}.{fraction}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    fn model(coefficients: &str, counters: &str) -> Result<LinearModel, ModelError> {
        LinearModel::from_json(&format!(
            r#"{{"golem.com.pricing.model": "linear", "golem.com.usage.vector": [{counters}],
                "golem.com.pricing.model.linear.coeffs": [{coefficients}]}}"#
        ))
    }

    #[test]
    fn coefficients_are_read_exactly_in_every_notation() {
        for (text, plain) in [
            ("0.1", "0.1"),
            ("\"0.1\"", "0.1"),
            ("1e-7", "0.0000001"),
            ("1.25E-2", "0.0125"),
            ("12.5e1", "125"),
            ("1e3", "1000"),
            ("0e0", "0"),
            ("5e-27", "0.000000000000000000000000005"),
        ] {
            assert_eq!(coefficient(text).unwrap(), plain.parse().unwrap(), "{text}");
        }
        for text in ["1e-28", "-1", "-1e-3", "1e99", "null", "[]", "\"\"", "1e"] {
            assert!(
                matches!(coefficient(text), Err(ModelError::Coefficient { .. })),
                "{text}"
            );
        }
    }

    #[test]
    fn amounts_are_exact_sums_rounded_once() {
        let charge = fixture::charge(0);
        let seconds = charge.ended_at.unix_seconds() - charge.started_at.unix_seconds();
        let instructions = quantity(&charge, Meter::Instructions);
        let linear = model(
            "0.1, 1e-18, 0.25",
            r#""golem.usage.duration_sec", "golem.usage.custom.instructions""#,
        )
        .unwrap();
        assert_eq!(linear.usage(&charge), [u128::from(seconds), instructions]);
        let tenth = 10_u128.pow(17);
        let units = u128::from(seconds) * tenth + instructions + 25 * 10_u128.pow(16);
        assert_eq!(linear.amount(&charge).unwrap(), Amount::from_units(units));
        let half = model("5e-19", "").unwrap();
        assert_eq!(half.amount(&charge).unwrap(), Amount::ZERO);
        let more = model("1.5e-18", "").unwrap();
        assert_eq!(more.amount(&charge).unwrap(), Amount::from_units(2));
    }

    #[test]
    fn other_models_are_refused_by_what_is_wrong() {
        assert!(matches!(
            model("1", "\"golem.usage.cpu_sec\""),
            Err(ModelError::Count { .. })
        ));
        let counter = model("1, 1", "\"golem.usage.cpu_sec\"").unwrap_err();
        assert_eq!(
            counter.to_string(),
            "receipts have no counter `golem.usage.cpu_sec`"
        );
        assert!(matches!(
            LinearModel::from_json("{}"),
            Err(ModelError::Json { .. })
        ));
        let kind = LinearModel::from_json(
            r#"{"golem.com.pricing.model": "other", "golem.com.usage.vector": [],
                "golem.com.pricing.model.linear.coeffs": [1]}"#,
        );
        assert!(matches!(kind, Err(ModelError::Kind { .. })));
    }
}
