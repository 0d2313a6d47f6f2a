//! Says how two rate cards differ: each price and charge, before and after, and by which factor. Judges neither.

use std::fmt;

use ethnum::U256;
use serde::Serialize;

use super::RateCard;
use crate::canonical::CanonicalError;
use crate::digest::Digest;
use crate::money::UnitPrice;
use crate::usage::Meter;

/// Digits after the point of a factor; what comes after them is told by an ellipsis.
const FACTOR_DIGITS: usize = 6;

/// A field other than a price that changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FieldChange {
    /// Its name.
    pub field: &'static str,
    /// What it was.
    pub old: String,
    /// What it is.
    pub new: String,
}

/// A meter whose price changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PriceChange {
    /// The meter.
    pub meter: Meter,
    /// What a unit cost, 0 where it was free.
    pub old: UnitPrice,
    /// What a unit costs.
    pub new: UnitPrice,
    /// New by old; none where the old price is 0 or in another currency.
    pub ratio: Option<Ratio>,
}

/// A new price by the old one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Ratio {
    /// The quotient as a decimal; cut, and marked by an ellipsis, where it has more than six digits.
    pub factor: String,
    /// The change in percent, with its sign, cut likewise.
    pub percent: String,
}

/// How a card differs from another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CardChange {
    /// The digest of the older card.
    pub old: Digest,
    /// The digest of the newer one.
    pub new: Digest,
    /// What changed besides prices.
    pub fields: Vec<FieldChange>,
    /// The prices that changed, in the order of [`Meter::ALL`].
    pub prices: Vec<PriceChange>,
}

/// How `new` differs from `old`.
pub fn change(old: &RateCard, new: &RateCard) -> Result<CardChange, CanonicalError> {
    let (before, after) = (fields(old), fields(new));
    let fields = before.into_iter().zip(after);
    let comparable = old.currency == new.currency;
    Ok(CardChange {
        old: old.digest()?,
        new: new.digest()?,
        fields: fields
            .filter(|((_, old), (_, new))| old != new)
            .map(|((field, old), (_, new))| FieldChange { field, old, new })
            .collect(),
        prices: Meter::ALL
            .iter()
            .filter_map(|meter| price_change(*meter, old, new, comparable))
            .collect(),
    })
}

fn fields(card: &RateCard) -> [(&'static str, String); 9] {
    [
        ("id", card.id.to_string()),
        ("currency", card.currency.to_string()),
        ("valid_from", card.valid_from.to_string()),
        ("valid_until", card.valid_until.to_string()),
        ("rounding", card.rounding.name().to_owned()),
        ("minor_unit_digits", card.minor_unit_digits.to_string()),
        ("fee_per_job", card.fee_per_job.to_string()),
        ("minimum_charge", card.minimum_charge.to_string()),
        ("cancellation_charge", card.cancellation_charge.to_string()),
    ]
}

fn price_change(
    meter: Meter,
    old: &RateCard,
    new: &RateCard,
    comparable: bool,
) -> Option<PriceChange> {
    let (old, new) = (old.price(meter), new.price(meter));
    // The same number in another currency is another price.
    if old == new && (comparable || old.is_zero()) {
        return None;
    }
    Some(PriceChange {
        meter,
        old,
        new,
        ratio: (comparable && !old.is_zero()).then(|| ratio(old, new)),
    })
}

/// `old` is not 0.
fn ratio(old: UnitPrice, new: UnitPrice) -> Ratio {
    let (old, new) = (U256::from(old.units()), U256::from(new.units()));
    let (sign, difference) = match new >= old {
        true => ("+", new - old),
        false => ("-", old - new),
    };
    Ratio {
        factor: quotient(new, old),
        percent: format!("{sign}{}%", quotient(difference * 100, old)),
    }
}

/// A quotient of numbers below 2^136, cut to [`FACTOR_DIGITS`] digits.
fn quotient(numerator: U256, denominator: U256) -> String {
    let mut rest = numerator % denominator;
    let mut text = (numerator / denominator).to_string();
    let mut fraction = String::new();
    while rest > 0 && fraction.len() < FACTOR_DIGITS {
        rest *= 10;
        fraction.push_str(&(rest / denominator).to_string());
        rest %= denominator;
    }
    if !fraction.is_empty() {
        text = format!("{text}.{fraction}");
    }
    if rest > 0 {
        text.push('…');
    }
    text
}

/// A line for each change.
impl fmt::Display for CardChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.fields.is_empty() && self.prices.is_empty() {
            return writeln!(f, "the cards are the same");
        }
        for FieldChange { field, old, new } in &self.fields {
            writeln!(f, "{field}: {old} → {new}")?;
        }
        for change in &self.prices {
            let PriceChange {
                meter, old, new, ..
            } = change;
            write!(f, "{meter}: {old} → {new}")?;
            match &change.ratio {
                Some(ratio) => writeln!(f, " (× {}, {})", ratio.factor, ratio.percent)?,
                None => writeln!(f)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::card_with;

    fn told(old: &str, new: &str) -> String {
        let price = |price: &str| card_with("", &format!("instructions = \"{price}\""));
        change(&price(old), &price(new)).unwrap().to_string()
    }

    #[test]
    fn equal_cards_are_the_same_however_they_are_written() {
        assert_eq!(told("0.50", "0.5"), "the cards are the same\n");
    }

    #[test]
    fn prices_are_told_with_factor_and_percent() {
        assert_eq!(told("2", "3"), "instructions: 2 → 3 (× 1.5, +50%)\n");
        assert_eq!(
            told("3", "4"),
            "instructions: 3 → 4 (× 1.333333…, +33.333333…%)\n"
        );
        assert_eq!(told("4", "1"), "instructions: 4 → 1 (× 0.25, -75%)\n");
        assert_eq!(told("1", "0"), "instructions: 1 → 0 (× 0, -100%)\n");
        assert_eq!(told("0", "1"), "instructions: 0 → 1\n");
        let least = "0.000000000000000000000000001";
        let most = "340282366920";
        let largest = told(least, most);
        assert!(
            largest.contains("× 340282366920000000000000000000000000000,"),
            "{largest}"
        );
        assert!(told(most, least).contains("× 0.000000…, -99.999999…%"));
    }

    #[test]
    fn charges_and_currencies_are_told_and_currencies_are_not_compared() {
        let old = card_with("fee_per_job = \"1\"", "bytes_in = \"2\"\nbytes_out = \"1\"");
        let mut new = old.clone();
        new.currency = "EUR".parse().unwrap();
        new.fee_per_job = "2".parse().unwrap();
        new.prices.remove(&Meter::BytesOut);
        let found = change(&old, &new).unwrap();
        let fields: Vec<_> = found.fields.iter().map(|field| field.field).collect();
        assert_eq!(fields, ["currency", "fee_per_job"]);
        assert_eq!(found.prices.len(), 2);
        assert!(found.prices.iter().all(|price| price.ratio.is_none()));
        let json = serde_json::to_value(&found).unwrap();
        assert_eq!(json["prices"][1]["meter"], "bytes_out");
        assert_eq!(json["prices"][1]["new"], "0");
    }
}
