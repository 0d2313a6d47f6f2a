//! Turns measured usage into a priced bill. Never measures, never stores.

use ethnum::U256;
use serde::{Deserialize, Serialize};

use crate::limits::Limits;
use crate::money::{Amount, Currency, MoneyError, PRICE_UNITS_PER_AMOUNT_UNIT, UnitPrice};
use crate::outcome::{Outcome, Stopper};
use crate::rate_card::RateCard;
use crate::usage::{Meter, Usage};

/// The line of a card's fee per job.
pub const JOB_FEE: &str = "job_fee";
/// The line that lifts a bill to the card's minimum.
pub const MINIMUM_CHARGE: &str = "minimum_charge";
/// The only line of a cancelled job that had to be killed.
pub const CANCELLATION_CHARGE: &str = "cancellation_charge";

/// Why a usage has no price.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PriceError {
    /// One line does not fit an amount.
    #[error("cannot price {quantity} of `{meter}`")]
    Line {
        /// The line.
        meter: String,
        /// How much of it.
        quantity: u128,
        /// Why.
        #[source]
        source: MoneyError,
    },
    /// The lines do, and their sum does not.
    #[error("cannot add up the bill")]
    Total(#[source] MoneyError),
}

/// One line: a quantity at a price.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// A meter's name, or [`JOB_FEE`], [`MINIMUM_CHARGE`], [`CANCELLATION_CHARGE`].
    pub meter: String,
    /// How many units; 1 for a charge.
    #[serde(with = "crate::decimal")]
    pub quantity: u128,
    /// The price of one.
    pub unit_price: UnitPrice,
    /// The product, rounded once, half to even, to 10^-18.
    pub amount: Amount,
}

/// What a job costs. The total is the exact sum of the lines.
///
/// There is a line for every meter whose count and price are both above zero, in the order of
/// [`Meter::ALL`], even where its amount rounds to nothing; then the fee per job, where the card has
/// one; then what is missing to the minimum charge, where something is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bill {
    /// The currency of every amount.
    pub currency: Currency,
    /// The lines.
    pub lines: Vec<Line>,
    /// Their sum.
    pub total: Amount,
}

impl Line {
    fn new(meter: &str, quantity: u128, unit_price: UnitPrice) -> Result<Self, PriceError> {
        let amount = unit_price
            .times(quantity)
            .map_err(|source| PriceError::Line {
                meter: meter.to_owned(),
                quantity,
                source,
            })?;
        Ok(Self {
            meter: meter.to_owned(),
            quantity,
            unit_price,
            amount,
        })
    }

    fn charge(name: &str, amount: Amount) -> Result<Self, PriceError> {
        let unit_price = UnitPrice::from_amount(amount).map_err(|source| PriceError::Line {
            meter: name.to_owned(),
            quantity: 1,
            source,
        })?;
        Self::new(name, 1, unit_price)
    }
}

impl Bill {
    fn of(currency: Currency, lines: Vec<Line>) -> Result<Self, PriceError> {
        let total = Amount::sum(lines.iter().map(|line| line.amount)).map_err(PriceError::Total)?;
        Ok(Self {
            currency,
            lines,
            total,
        })
    }
}

/// The bill for a job that used so much.
pub fn price(usage: &Usage, card: &RateCard) -> Result<Bill, PriceError> {
    let mut lines = Vec::new();
    for (meter, quantity) in usage.iter() {
        let unit_price = card.price(meter);
        if quantity > 0 && !unit_price.is_zero() {
            lines.push(Line::new(meter.name(), quantity, unit_price)?);
        }
    }
    if !card.fee_per_job().is_zero() {
        lines.push(Line::charge(JOB_FEE, card.fee_per_job())?);
    }
    let bill = Bill::of(card.currency(), lines)?;
    match card.minimum_charge().checked_sub(bill.total) {
        None | Some(Amount::ZERO) => Ok(bill),
        Some(missing) => {
            let mut lines = bill.lines;
            lines.push(Line::charge(MINIMUM_CHARGE, missing)?);
            Bill::of(bill.currency, lines)
        }
    }
}

/// The bill for a job that ended like this.
///
/// A job that its requestor cancelled and that had to be killed costs the card's cancellation
/// charge. One that the provider stopped costs what it had used at the last checkpoint that the
/// requestor acknowledged, and nothing at all where there was none. Every other job costs what it
/// used.
pub fn price_job(outcome: &Outcome, usage: &Usage, card: &RateCard) -> Result<Bill, PriceError> {
    match outcome {
        Outcome::Stopped {
            by: Stopper::Requestor,
            killed: true,
        } => {
            let charge = card.cancellation_charge();
            let lines = match charge {
                Amount::ZERO => Vec::new(),
                charge => vec![Line::charge(CANCELLATION_CHARGE, charge)?],
            };
            Bill::of(card.currency(), lines)
        }
        Outcome::Stopped {
            by: Stopper::Provider,
            ..
        } if *usage == Usage::default() => Bill::of(card.currency(), Vec::new()),
        _ => price(usage, card),
    }
}

/// The most that a job within `limits` can cost, known before it runs.
///
/// `admission_units` is the module's exact count. No job costs more:
/// - rounding never reorders, so a line of at most the limit costs at most the limit's line;
/// - where several meters share a limit, each rounds by at most half a unit, and their sum is a
///   whole number of units: at most the dearest price times the limit plus half a unit for each
///   priced meter, cut to whole units;
/// - the minimum charge and the cancellation charge come in place of a smaller sum, never on top.
pub fn ceiling(
    limits: &Limits,
    card: &RateCard,
    admission_units: u128,
) -> Result<Amount, PriceError> {
    let single = [
        (Meter::Instructions, limits.instructions.into()),
        (
            Meter::MemoryPageInstructions,
            limits.memory_page_instructions(),
        ),
        (Meter::MemoryPagesPeak, limits.memory_pages().into()),
        (Meter::HostCalls, limits.host_calls.into()),
        (Meter::BytesIn, limits.bytes_in.into()),
        (Meter::BytesOut, limits.bytes_out.into()),
        (
            Meter::InferenceWeightBytes,
            limits.inference_weight_bytes.into(),
        ),
        (
            Meter::InferenceTensorBytes,
            limits.inference_tensor_bytes.into(),
        ),
        (
            Meter::InferenceModelByteInstructions,
            limits.inference_model_byte_instructions(),
        ),
        (Meter::AdmissionUnits, admission_units),
    ];
    let mut most = card.fee_per_job();
    for (meter, quantity) in single {
        let line = Line::new(meter.name(), quantity, card.price(meter))?;
        most = most.checked_add(line.amount).map_err(PriceError::Total)?;
    }
    for (name, meters, limit) in [
        ("inference_ops", Meter::INFERENCE_OPS, limits.inference_ops),
        ("tokens", Meter::TOKENS, limits.tokens),
    ] {
        let shared = shared_ceiling(meters, limit, card).ok_or_else(|| PriceError::Line {
            meter: name.to_owned(),
            quantity: limit.into(),
            source: MoneyError::Overflow,
        })?;
        most = most.checked_add(shared).map_err(PriceError::Total)?;
    }
    Ok(most
        .max(card.minimum_charge())
        .max(card.cancellation_charge()))
}

/// The most that several meters cost whose counts add up to at most `limit`.
fn shared_ceiling(meters: &[Meter], limit: u64, card: &RateCard) -> Option<Amount> {
    let prices = || {
        let all = meters.iter().map(|meter| card.price(*meter));
        all.filter(|price| !price.is_zero())
    };
    let dearest = prices().max().unwrap_or_default();
    let half_unit = U256::from(PRICE_UNITS_PER_AMOUNT_UNIT / 2);
    let slack = half_unit.checked_mul(U256::from(u64::try_from(prices().count()).ok()?))?;
    let exact = U256::from(dearest.units()).checked_mul(U256::from(limit))?;
    let units = exact.checked_add(slack)? / U256::from(PRICE_UNITS_PER_AMOUNT_UNIT);
    u128::try_from(units).ok().map(Amount::from_units)
}

#[cfg(test)]
mod tests;
