//! Owns how records become an invoice's lines: usage by meter and price, other charges by kind, credits one by
//! one. Rounds nothing.

use std::collections::{BTreeMap, BTreeSet};

use ethnum::I256;
use meterbox_billing::bill::{CANCELLATION_CHARGE, JOB_FEE, MINIMUM_CHARGE};
use meterbox_billing::digest::Digest;
use meterbox_billing::key::PublicKey;
use meterbox_billing::money::{Currency, UNIT_PRICE_DIGITS, UnitPrice};
use meterbox_billing::record::{Charge, Credited, Record};
use meterbox_billing::usage::Meter;

use super::{InvoiceError, Line, Request};
use crate::minor::Minor;
use crate::signed::{Signed, SumTooLarge};

/// Meters times the cards of a long period; more is no invoice that a person reads.
const LINES_MAX: usize = 1_000;
/// More credits are summed up in one.
const CREDITS_MAX: usize = 100;
/// A reason on an invoice is a line, not a page.
const REASON_CHARS_MAX: usize = 200;
/// Prices are stated for so many units that they are at least a hundredth.
const READABLE_PRICE_UNITS: u128 = 10_000_000_000_000_000_000_000_000;

/// Everything that was charged or given back, in the order in which bills list it.
pub(super) struct Items {
    currency: Option<Currency>,
    provider: Option<PublicKey>,
    receipts: u64,
    charges: BTreeMap<Place, Sum>,
    credits: Vec<(String, Signed)>,
    /// How many credits were summed up in the last.
    more_credits: u64,
}

/// What becomes one line: a meter at a price. Charges that lift a bill to its minimum differ by receipt, so they
/// are one line whatever their price.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    rank: usize,
    name: String,
    price: Option<UnitPrice>,
}

#[derive(Default)]
struct Sum {
    quantity: I256,
    exact: Signed,
}

impl Items {
    pub(super) fn gather(
        records: impl IntoIterator<Item = Record>,
        request: &Request<'_>,
    ) -> Result<Self, InvoiceError> {
        let mut cards = BTreeSet::new();
        for card in request.cards {
            let digest = card.digest();
            cards.insert(digest.map_err(|error| InvoiceError::Card {
                reason: error.to_string(),
            })?);
        }
        let mut items = Self {
            currency: None,
            provider: None,
            receipts: 0,
            charges: BTreeMap::new(),
            credits: Vec::new(),
            more_credits: 0,
        };
        let is_meant = |record: &Record| {
            request.period.contains(record.at()) && *record.requestor() == request.requestor
        };
        for record in records.into_iter().filter(is_meant) {
            match record {
                Record::Charge(charge) if is_wanted(request, charge.currency) => {
                    items.charge(&charge, &cards)?;
                }
                Record::Credit(credit) if is_wanted(request, credit.currency) => {
                    items.credit(&credit)?
                }
                _ => {}
            }
        }
        Ok(items)
    }

    pub(super) const fn currency(&self) -> Option<Currency> {
        self.currency
    }

    /// Who charged it, where anything was charged or given back.
    pub(super) const fn provider(&self) -> Option<PublicKey> {
        self.provider
    }

    pub(super) const fn receipts(&self) -> u64 {
        self.receipts
    }

    fn charge(&mut self, charge: &Charge, cards: &BTreeSet<Digest>) -> Result<(), InvoiceError> {
        self.agree(charge.currency, charge.provider)?;
        if !cards.contains(&charge.rate_card) {
            let (receipt, card) = (charge.receipt, charge.rate_card);
            return Err(InvoiceError::UnknownCard { receipt, card });
        }
        self.receipts = self.receipts.saturating_add(1);
        for line in &charge.lines {
            let price = (line.meter != MINIMUM_CHARGE).then_some(line.unit_price);
            let place = Place {
                rank: rank(&line.meter),
                name: line.meter.clone(),
                price,
            };
            let sum = self.charges.entry(place).or_default();
            let quantity = sum.quantity.checked_add(I256::from(line.quantity));
            sum.quantity = quantity.ok_or(SumTooLarge)?;
            sum.exact = sum.exact.plus(line.amount.into())?;
        }
        if self.charges.len() > LINES_MAX {
            return Err(InvoiceError::TooManyLines { max: LINES_MAX });
        }
        Ok(())
    }

    fn credit(&mut self, credit: &Credited) -> Result<(), InvoiceError> {
        self.agree(credit.currency, credit.provider)?;
        let amount = Signed::from(credit.amount);
        if self.credits.len() < CREDITS_MAX {
            let reason = format!("Credit {}: {}", credit.id, one_line(credit.reason.as_str()));
            self.credits.push((reason, amount));
        } else if let Some((reason, sum)) = self.credits.last_mut() {
            self.more_credits = self.more_credits.saturating_add(1);
            *sum = sum.plus(amount)?;
            *reason = format!("{} further credits", self.more_credits.saturating_add(1));
        }
        Ok(())
    }

    fn agree(&mut self, currency: Currency, provider: PublicKey) -> Result<(), InvoiceError> {
        let first = *self.currency.get_or_insert(currency);
        if first != currency {
            return Err(InvoiceError::Currencies {
                first,
                second: currency,
            });
        }
        let first = *self.provider.get_or_insert(provider);
        if first != provider {
            return Err(InvoiceError::Providers {
                first: Box::new(first),
                second: Box::new(provider),
            });
        }
        Ok(())
    }

    /// Lines of charges, and of credits; with no minor amounts yet.
    pub(super) fn into_lines(self, digits: u32) -> Result<(Vec<Line>, Vec<Line>), SumTooLarge> {
        let net = Minor::from_units(I256::ZERO, digits);
        let charges = self.charges.into_iter().map(|(place, sum)| {
            let (unit, unit_code) = unit(&place.name);
            let (quantity, (price, price_quantity)) = match place.price {
                Some(price) => (sum.quantity, readable(price)),
                None => (I256::ONE, (sum.exact.to_string(), "1".to_owned())),
            };
            let name = title(&place.name);
            Line {
                name,
                unit,
                unit_code,
                quantity,
                price,
                price_quantity,
                exact: sum.exact,
                net,
            }
        });
        let credits = self.credits.into_iter().map(|(name, exact)| Line {
            name,
            unit: "credit".to_owned(),
            unit_code: "C62",
            quantity: I256::ONE,
            price: exact.to_string(),
            price_quantity: "1".to_owned(),
            exact,
            net,
        });
        Ok((charges.collect(), credits.collect()))
    }
}

fn is_wanted(request: &Request<'_>, currency: Currency) -> bool {
    request.currency.is_none_or(|wanted| wanted == currency)
}

/// The place of a line on a bill: meters in their order, then the charges.
fn rank(name: &str) -> usize {
    let meters = Meter::ALL.iter().map(|meter| meter.name());
    let mut all = meters.chain([JOB_FEE, MINIMUM_CHARGE, CANCELLATION_CHARGE]);
    all.position(|listed| listed == name).unwrap_or(usize::MAX)
}

/// What people read of a line's name.
fn title(name: &str) -> String {
    match name {
        JOB_FEE => "Fee per job".to_owned(),
        MINIMUM_CHARGE => "Minimum charges".to_owned(),
        CANCELLATION_CHARGE => "Cancellation charge".to_owned(),
        name => name.to_owned(),
    }
}

/// What one unit of a line is, and its code in UN/ECE Recommendation 20: bytes have one, most are pieces.
fn unit(name: &str) -> (String, &'static str) {
    let meter: Option<Meter> = name.parse().ok();
    match meter.map(Meter::unit) {
        Some("byte") => ("byte".to_owned(), "AD"),
        Some(unit) => (unit.to_owned(), "C62"),
        None => ("charge".to_owned(), "C62"),
    }
}

/// A price for so many units that it is readable: 0.22 for 10^15 units rather than 0.00000000000000022 for one.
fn readable(price: UnitPrice) -> (String, String) {
    let mut units = price.units();
    let mut zeros = 0_usize;
    while !price.is_zero() && units < READABLE_PRICE_UNITS && zeros < UNIT_PRICE_DIGITS {
        units = units.saturating_mul(1_000);
        zeros = zeros.saturating_add(3);
    }
    (
        UnitPrice::from_units(units).to_string(),
        format!("1{}", "0".repeat(zeros)),
    )
}

/// A reason without line breaks or what no XML holds, cut to a line.
fn one_line(text: &str) -> String {
    let plain = |c: char| match c {
        '\u{fffe}' | '\u{ffff}' => ' ',
        c if c.is_control() => ' ',
        c => c,
    };
    let mut chars = text.chars().map(plain);
    let line: String = chars.by_ref().take(REASON_CHARS_MAX).collect();
    let end = if chars.next().is_some() { "…" } else { "" };
    format!("{}{end}", line.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_price_is_stated_for_a_readable_number_of_units() {
        for (price, text, quantity) in [
            ("0", "0", "1"),
            ("2", "2", "1"),
            ("0.01", "0.01", "1"),
            ("0.00000000000000022", "0.22", "1000000000000000"),
            (
                "0.000000000000000000000000012",
                "0.012",
                "1000000000000000000000000",
            ),
            (
                "0.000000000000000000000000001",
                "1",
                "1000000000000000000000000000",
            ),
            (
                "123.000000000000000000000000001",
                "123.000000000000000000000000001",
                "1",
            ),
        ] {
            let found = readable(price.parse().unwrap());
            assert_eq!(found, (text.to_owned(), quantity.to_owned()), "{price}");
        }
    }

    #[test]
    fn a_reason_becomes_one_line_that_xml_holds() {
        assert_eq!(one_line("a\nb\u{0}c\u{ffff}"), "a b c");
        assert_eq!(one_line(&"x".repeat(201)).chars().count(), 201);
        assert!(one_line(&"x".repeat(201)).ends_with('…'));
    }
}
