//! Owns an invoice: which charges and credits it bills, and what they come to in the currency's minor unit, with
//! tax. Writes no document.

use ethnum::I256;
use meterbox_billing::digest::Digest;
use meterbox_billing::key::PublicKey;
use meterbox_billing::money::{Amount, Currency};
use meterbox_billing::rate_card::{RateCard, Rounding};
use meterbox_billing::record::{Record, Rounded, RoundingKind};
use meterbox_billing::text::{Id, Message};
use meterbox_billing::timestamp::Timestamp;

use crate::codes::{CURRENCIES, holds};
use crate::minor::{Minor, apportion};
use crate::period::{Period, day};
use crate::settings::{Buyer, Party, Payment, Settings, Tax, TaxCategory};
use crate::signed::{Signed, SumTooLarge};

mod items;

use items::Items;

/// EN 16931 states amounts with at most two digits after the point.
const MINOR_UNIT_DIGITS_MAX: u32 = 2;
/// Units of [`Amount`] in one, and percents in a whole.
const RATE_DENOMINATOR: u128 = 100_000_000_000_000_000_000;
const DAY_SECONDS: u64 = 86_400;

/// Why there is no invoice.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvoiceError {
    /// The settings name no such buyer.
    #[error("the invoice settings have no buyer with the key {requestor}")]
    NoBuyer {
        /// The key that signed the orders.
        requestor: Box<PublicKey>,
    },
    /// Nothing was charged or given back.
    #[error("nothing was charged to {requestor} from {from} to {to}")]
    Nothing {
        /// The key that signed the orders.
        requestor: Box<PublicKey>,
        /// The period's first moment.
        from: Timestamp,
        /// The first moment after it.
        to: Timestamp,
    },
    /// An invoice has one currency.
    #[error("the period holds charges in {first} and in {second}, an invoice has one currency")]
    Currencies {
        /// One of them.
        first: Currency,
        /// Another.
        second: Currency,
    },
    /// An invoice has one seller.
    #[error("the period holds charges by {first} and by {second}, an invoice has one seller")]
    Providers {
        /// One of them.
        first: Box<PublicKey>,
        /// Another.
        second: Box<PublicKey>,
    },
    /// A charge by a card that was not handed over, so that its rounding rule is unknown.
    #[error("receipt {receipt} was charged by rate card {card}, which is not at hand")]
    UnknownCard {
        /// The receipt's digest.
        receipt: Digest,
        /// The card's.
        card: Digest,
    },
    /// No card in the invoice's currency, so that its rounding rule is unknown.
    #[error("no rate card in {currency} is at hand")]
    NoCard {
        /// The currency.
        currency: Currency,
    },
    /// Cards that name different minor units or rules.
    #[error("the rate cards in {currency} round invoices to {first} and to {second} digits")]
    CardsDisagree {
        /// Their currency.
        currency: Currency,
        /// Digits of one.
        first: u32,
        /// Of another.
        second: u32,
    },
    /// More digits than EN 16931 writes.
    #[error("the rate card rounds invoices to {digits} digits, an EN 16931 invoice has at most 2")]
    MinorUnit {
        /// How many it names.
        digits: u32,
    },
    /// No currency of ISO 4217.
    #[error("{currency} is no currency of ISO 4217, which EN 16931 demands")]
    NotListed {
        /// The currency.
        currency: Currency,
    },
    /// More lines than an invoice can have.
    #[error(
        "the invoice has more than {max} lines: the period has that many different unit prices"
    )]
    TooManyLines {
        /// The most.
        max: usize,
    },
    /// A sum is too large.
    #[error("the invoice cannot be added up")]
    Sum(#[from] SumTooLarge),
    /// A card cannot be named.
    #[error("a rate card has no digest: {reason}")]
    Card {
        /// Why.
        reason: String,
    },
    /// An invoice due after the year 9999.
    #[error("an invoice of {issued_at} is due past the year 9999")]
    Due {
        /// When it is issued.
        issued_at: Timestamp,
    },
}

impl InvoiceError {
    /// What whoever asked for the invoice can do.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::NoBuyer { .. } => "add it to the settings under [[buyers]]",
            Self::Nothing { .. } => "choose a longer period, or another requestor",
            Self::Currencies { .. } => "choose one of them, and write an invoice for each",
            Self::UnknownCard { .. } | Self::NoCard { .. } => {
                "hand over the rate cards that were in force, too"
            }
            Self::CardsDisagree { .. } | Self::TooManyLines { .. } => {
                "write an invoice for each card's time"
            }
            Self::MinorUnit { .. } => "set `minor_unit_digits` of the rate card to 2 or fewer",
            Self::NotListed { .. } => "use the report instead, or price in a currency of ISO 4217",
            _ => return None,
        })
    }
}

/// Which invoice to make.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// What was charged when.
    pub period: Period,
    /// To whom.
    pub requestor: PublicKey,
    /// In which currency; that of all charges where absent.
    pub currency: Option<Currency>,
    /// Its number; derived from requestor, period and currency where absent.
    pub number: Option<&'a Id>,
    /// When it is issued.
    pub issued_at: Timestamp,
    /// The rate cards that were in force: they name the rounding.
    pub cards: &'a [RateCard],
}

/// Whether the buyer pays or is paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The buyer pays: document type 380.
    Invoice,
    /// More was given back than charged: document type 381. All amounts are what the buyer gets.
    CreditNote,
}

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// What: a meter's name, or that of a charge or a credit.
    pub name: String,
    /// What one unit is, in words.
    pub unit: String,
    /// That in UN/ECE Recommendation 20.
    pub unit_code: &'static str,
    /// How many units; fewer than none for charges on a credit note.
    pub quantity: I256,
    /// What so many units as `price_quantity` cost, exactly.
    pub price: String,
    /// A power of ten, so that the price is readable.
    pub price_quantity: String,
    /// The exact amount.
    pub exact: Signed,
    /// That in whole minor units. They add up to the sum, rounded once.
    pub net: Minor,
}

/// Something given back, taken off an invoice as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allowance {
    /// Why.
    pub reason: String,
    /// The exact amount.
    pub exact: Signed,
    /// That in whole minor units.
    pub net: Minor,
}

/// What rounding to the minor unit leaves over, to be posted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Posting {
    /// What the ledger posts; the same for the same invoice.
    pub rounded: Rounded,
    /// What was charged less what is invoiced, without tax. Above zero, the provider waives it; below, the
    /// requestor pays that much more than was charged. It is not carried to another invoice.
    pub remainder: Signed,
}

/// An invoice or credit note, ready to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invoice {
    /// Which of both.
    pub kind: Kind,
    /// Its number.
    pub number: String,
    /// The day of its issue.
    pub issued_on: String,
    /// The day by which it is to be paid.
    pub due_on: String,
    /// The time it is about.
    pub period: Period,
    /// The currency of every amount.
    pub currency: Currency,
    /// How many receipts it bills.
    pub receipts: u64,
    /// Who sells.
    pub seller: Party,
    /// Who buys.
    pub buyer: Buyer,
    /// The tax on everything.
    pub tax: Tax,
    /// How to pay.
    pub payment: Payment,
    /// The lines.
    pub lines: Vec<Line>,
    /// What is taken off.
    pub allowances: Vec<Allowance>,
    /// The exact sum of lines less allowances.
    pub exact: Signed,
    /// The lines' sum.
    pub lines_net: Minor,
    /// The allowances' sum.
    pub allowances_net: Minor,
    /// Lines less allowances: the exact sum, rounded once by the card's rule.
    pub net: Minor,
    /// The tax on it.
    pub tax_amount: Minor,
    /// Net and tax.
    pub payable: Minor,
    /// What rounding left over; none where nothing was.
    pub posting: Option<Posting>,
}

/// The invoice of these records. Records of others, or of another time, are passed over, so all may be given.
pub fn invoice(
    records: impl IntoIterator<Item = Record>,
    request: &Request<'_>,
    settings: &Settings,
) -> Result<Invoice, InvoiceError> {
    let (period, requestor) = (request.period, request.requestor);
    let buyer = settings
        .buyer(&requestor)
        .ok_or_else(|| InvoiceError::NoBuyer {
            requestor: Box::new(requestor),
        })?;
    let items = Items::gather(records, request)?;
    let nothing = || InvoiceError::Nothing {
        requestor: Box::new(requestor),
        from: period.from(),
        to: period.to(),
    };
    let (Some(currency), Some(provider)) = (items.currency(), items.provider()) else {
        return Err(nothing());
    };
    if !holds(CURRENCIES, &currency.code()) {
        return Err(InvoiceError::NotListed { currency });
    }
    let (digits, rounding) = rounding(request.cards, currency)?;
    let number = match request.number {
        Some(number) => number.to_string(),
        None => derived_number(&settings.number_prefix, request, currency),
    };
    let body = Body::of(items, digits, rounding)?;
    if body.lines.is_empty() {
        return Err(nothing());
    }
    let (rate, whole) = (settings.tax.rate.units(), I256::from(RATE_DENOMINATOR));
    let tax_amount = match settings.tax.category {
        TaxCategory::S => body.net.share(I256::from(rate), whole)?,
        _ => Minor::from_units(I256::ZERO, digits),
    };
    let posting = posting(&body, &number, request, (provider, currency))?;
    Ok(Invoice {
        kind: body.kind,
        issued_on: day(request.issued_at),
        due_on: due_on(request.issued_at, settings.payment.days)?,
        number,
        period,
        currency,
        receipts: body.receipts,
        seller: settings.seller.clone(),
        buyer: buyer.clone(),
        tax: settings.tax.clone(),
        payment: settings.payment.clone(),
        lines_net: total(body.lines.iter().map(|line| line.net), digits)?,
        allowances_net: total(
            body.allowances.iter().map(|allowance| allowance.net),
            digits,
        )?,
        lines: body.lines,
        allowances: body.allowances,
        exact: body.exact,
        net: body.net,
        tax_amount,
        payable: body.net.plus(tax_amount)?,
        posting,
    })
}

/// What an invoice bills, rounded.
struct Body {
    kind: Kind,
    receipts: u64,
    lines: Vec<Line>,
    allowances: Vec<Allowance>,
    exact: Signed,
    net: Minor,
}

impl Body {
    /// Rounds charges and credits together, so that they add up. Where more was given back than charged, all
    /// signs turn: credits become the lines, and charges lines of fewer than none.
    fn of(items: Items, digits: u32, rounding: Rounding) -> Result<Self, InvoiceError> {
        let receipts = items.receipts();
        let (mut charges, mut credits) = items.into_lines(digits)?;
        for credit in &mut credits {
            credit.exact = Signed::ZERO.minus(credit.exact)?;
        }
        let both = || charges.iter().chain(&credits).map(|line| line.exact);
        let kind = match Signed::sum(both())?.is_negative() {
            true => Kind::CreditNote,
            false => Kind::Invoice,
        };
        if kind == Kind::CreditNote {
            for line in charges.iter_mut().chain(&mut credits) {
                line.exact = Signed::ZERO.minus(line.exact)?;
            }
            for charge in &mut charges {
                charge.quantity = charge.quantity.wrapping_neg();
            }
        }
        let exact: Vec<_> = charges
            .iter()
            .chain(&credits)
            .map(|line| line.exact)
            .collect();
        let rounded = apportion(&exact, digits, rounding)?;
        for (line, net) in charges.iter_mut().chain(&mut credits).zip(rounded.parts) {
            line.net = net;
        }
        let (lines, allowances) = match kind {
            Kind::Invoice => (
                charges,
                credits
                    .into_iter()
                    .map(Allowance::of)
                    .collect::<Result<_, _>>()?,
            ),
            Kind::CreditNote => (credits.into_iter().chain(charges).collect(), Vec::new()),
        };
        let exact = Signed::sum(exact)?;
        Ok(Self {
            kind,
            receipts,
            lines,
            allowances,
            exact,
            net: rounded.total,
        })
    }
}

impl Allowance {
    /// A credit whose sign says that it is taken off.
    fn of(line: Line) -> Result<Self, SumTooLarge> {
        Ok(Self {
            reason: line.name,
            exact: Signed::ZERO.minus(line.exact)?,
            net: line.net.negated(),
        })
    }
}

fn total(parts: impl Iterator<Item = Minor>, digits: u32) -> Result<Minor, SumTooLarge> {
    let mut parts = parts;
    parts.try_fold(Minor::from_units(I256::ZERO, digits), Minor::plus)
}

/// The minor unit and the rule that all cards of a currency name.
fn rounding(cards: &[RateCard], currency: Currency) -> Result<(u32, Rounding), InvoiceError> {
    let mut rules = cards
        .iter()
        .filter(|card| card.currency() == currency)
        .map(|card| (card.minor_unit_digits(), card.rounding()));
    let first = rules.next().ok_or(InvoiceError::NoCard { currency })?;
    if let Some(second) = rules.find(|rule| *rule != first) {
        return Err(InvoiceError::CardsDisagree {
            currency,
            first: first.0,
            second: second.0,
        });
    }
    match first {
        (digits, _) if digits > MINOR_UNIT_DIGITS_MAX => Err(InvoiceError::MinorUnit { digits }),
        rule => Ok(rule),
    }
}

/// The same for the same requestor, period and currency, and another for any other.
fn derived_number(prefix: &str, request: &Request<'_>, currency: Currency) -> String {
    let (from, to) = (request.period.from(), request.period.to());
    let name = format!("{}/{from}/{to}/{currency}", request.requestor);
    let digest: String = Digest::of(name.as_bytes())
        .to_string()
        .chars()
        .take(10)
        .collect();
    format!(
        "{prefix}{}-{digest}",
        request.period.first_day().replace('-', "")
    )
}

fn due_on(issued_at: Timestamp, days: u16) -> Result<String, InvoiceError> {
    let later = DAY_SECONDS.saturating_mul(days.into());
    let due = issued_at.unix_seconds().saturating_add(later);
    let due = Timestamp::from_unix_seconds(due);
    due.map(day).map_err(|_| InvoiceError::Due { issued_at })
}

/// What was charged less what is invoiced, whichever way the document is signed.
fn posting(
    body: &Body,
    number: &str,
    request: &Request<'_>,
    (provider, currency): (PublicKey, Currency),
) -> Result<Option<Posting>, InvoiceError> {
    let left = body.exact.minus(body.net.exact()?)?;
    let remainder = match body.kind {
        Kind::Invoice => left,
        Kind::CreditNote => Signed::ZERO.minus(left)?,
    };
    if remainder.is_zero() {
        return Ok(None);
    }
    let units = u128::try_from(remainder.units().unsigned_abs()).map_err(|_| SumTooLarge)?;
    Ok(Some(Posting {
        rounded: Rounded {
            invoice: Message::cut(number),
            requestor: request.requestor,
            provider,
            currency,
            minor_unit_digits: body.net.digits(),
            rounding: if remainder.is_negative() {
                RoundingKind::Added
            } else {
                RoundingKind::Waived
            },
            amount: Amount::from_units(units),
            from: request.period.from(),
            at: request.period.last_second(),
        },
        remainder,
    }))
}

#[cfg(test)]
mod tests;
