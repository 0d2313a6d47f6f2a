//! Tells a person what each line of a receipt was for, and how it adds up to the total. Checks nothing: verify the
//! receipt before.

use std::fmt;

use ethnum::U256;
use serde::Serialize;

use crate::bill::{CANCELLATION_CHARGE, JOB_FEE, Line, MINIMUM_CHARGE};
use crate::digest::Digest;
use crate::key::PublicKey;
use crate::model_use::ModelUse;
use crate::money::{Amount, Currency, PRICE_UNITS_PER_AMOUNT_UNIT, UNIT_PRICE_DIGITS, UnitPrice};
use crate::outcome::{Outcome, Stopper};
use crate::receipt::{Receipt, Reproducible};
use crate::text::Id;
use crate::timestamp::Timestamp;
use crate::usage::{Meter, Usage};

/// The version of the explanation's JSON form.
pub const EXPLANATION_SCHEMA: u32 = 1;

/// A receipt in words, from what was ordered to the total.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// [`EXPLANATION_SCHEMA`].
    pub schema: u32,
    /// The digest of the receipt's payload.
    pub receipt: Digest,
    /// The receipt's number among the provider's.
    #[serde(with = "crate::decimal")]
    pub sequence: u64,
    /// The requestor's name for the order.
    pub order_id: Id,
    /// Who wrote the receipt.
    pub provider: PublicKey,
    /// When the job was started.
    pub started_at: Timestamp,
    /// When it had ended.
    pub ended_at: Timestamp,
    /// How the job ended, and which rule of billing follows from it.
    pub outcome: String,
    /// The currency of every amount.
    pub currency: Currency,
    /// The rate card.
    pub rate_card: Digest,
    /// What was charged, in the order of the bill.
    pub lines: Vec<ExplainedLine>,
    /// What was counted and not charged.
    pub free: Vec<FreeCount>,
    /// What of that each model was used for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub models: Vec<ExplainedModel>,
    /// The exact sum of the lines.
    pub total: Amount,
}

/// What a job used of a model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ExplainedModel {
    /// The input that it is, where it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input: Option<String>,
    /// What was used.
    #[serde(flatten)]
    pub used: ModelUse,
}

/// One line of a bill in words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ExplainedLine {
    /// A meter's name or a charge's.
    pub meter: String,
    /// What it is for.
    pub what: String,
    /// What one unit is.
    pub unit: String,
    /// How many.
    #[serde(with = "crate::decimal")]
    pub quantity: u128,
    /// The price of one.
    pub unit_price: UnitPrice,
    /// Quantity times price, with all its digits.
    pub product: String,
    /// What became of the digits beyond 10^-18.
    pub rounding: RoundingStep,
    /// What is charged.
    pub amount: Amount,
}

/// What became of the digits of a product that an amount does not keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RoundingStep {
    /// There were none.
    Exact,
    /// The rest was below half a unit of 10^-18.
    Down,
    /// The rest was above half a unit.
    Up,
    /// The rest was half a unit, and the lower unit is even.
    HalfDown,
    /// The rest was half a unit, and the upper unit is even.
    HalfUp,
}

/// Something that was counted and has no price.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FreeCount {
    /// The meter.
    pub meter: Meter,
    /// How many.
    #[serde(with = "crate::decimal")]
    pub quantity: u128,
    /// What one unit is.
    pub unit: &'static str,
}

/// What each line of a receipt of this digest was for.
#[must_use]
pub fn explain(receipt: &Receipt, digest: Digest) -> Explanation {
    let (part, attested) = (receipt.reproducible(), receipt.attested());
    Explanation {
        schema: EXPLANATION_SCHEMA,
        receipt: digest,
        sequence: attested.sequence,
        order_id: attested.order_id.clone(),
        provider: attested.provider_key,
        started_at: attested.started_at,
        ended_at: attested.ended_at,
        outcome: outcome_in_words(&part.outcome),
        currency: part.currency,
        rate_card: part.rate_card,
        lines: part.lines.iter().map(explain_line).collect(),
        free: free_counts(&part.usage, &part.lines),
        models: part
            .models
            .iter()
            .map(|used| explain_model(part, used))
            .collect(),
        total: part.total,
    }
}

fn explain_model(part: &Reproducible, used: &ModelUse) -> ExplainedModel {
    ExplainedModel {
        input: part.input_of_digest(&used.sha256).map(str::to_owned),
        used: *used,
    }
}

fn explain_line(line: &Line) -> ExplainedLine {
    let (what, unit) = match line.meter.parse::<Meter>() {
        Ok(meter) => (meaning(meter), meter.unit()),
        Err(_) => charge_in_words(&line.meter),
    };
    let product = U256::from(line.quantity) * U256::from(line.unit_price.units());
    ExplainedLine {
        meter: line.meter.clone(),
        what: what.to_owned(),
        unit: unit.to_owned(),
        quantity: line.quantity,
        unit_price: line.unit_price,
        product: decimal(product),
        rounding: rounding_step(product),
        amount: line.amount,
    }
}

fn free_counts(usage: &Usage, lines: &[Line]) -> Vec<FreeCount> {
    let charged = |meter: Meter| lines.iter().any(|line| line.meter == meter.name());
    usage
        .iter()
        .filter(|(meter, quantity)| *quantity > 0 && !charged(*meter))
        .map(|(meter, quantity)| FreeCount {
            meter,
            quantity,
            unit: meter.unit(),
        })
        .collect()
}

/// A product in units of 10^-27 as a plain decimal.
fn decimal(product: U256) -> String {
    let digits = format!("{product:0>width$}", width = UNIT_PRICE_DIGITS + 1);
    let (whole, fraction) = digits.split_at(digits.len() - UNIT_PRICE_DIGITS);
    match fraction.trim_end_matches('0') {
        "" => whole.to_owned(),
        fraction => format!("{whole}.{fraction}"),
    }
}

fn rounding_step(product: U256) -> RoundingStep {
    let unit = U256::from(PRICE_UNITS_PER_AMOUNT_UNIT);
    let (quotient, rest) = (product / unit, product % unit);
    let half = unit / 2;
    match rest.cmp(&half) {
        _ if rest == 0 => RoundingStep::Exact,
        std::cmp::Ordering::Less => RoundingStep::Down,
        std::cmp::Ordering::Greater => RoundingStep::Up,
        std::cmp::Ordering::Equal if quotient % 2 == 0 => RoundingStep::HalfDown,
        std::cmp::Ordering::Equal => RoundingStep::HalfUp,
    }
}

impl RoundingStep {
    /// What happened, in words; none where nothing did.
    #[must_use]
    pub const fn in_words(self) -> Option<&'static str> {
        match self {
            Self::Exact => None,
            Self::Down => Some("rounded down to 18 digits: the rest is below half a unit"),
            Self::Up => Some("rounded up to 18 digits: the rest is above half a unit"),
            Self::HalfDown => Some("rounded down to 18 digits: half a unit goes to the even digit"),
            Self::HalfUp => Some("rounded up to 18 digits: half a unit goes to the even digit"),
        }
    }
}

/// How a job ended, and the rule of billing that follows. The guest's own words are quoted, so that no control
/// character of theirs reaches a terminal.
fn outcome_in_words(outcome: &Outcome) -> String {
    const AS_USED: &str = "what it used is charged";
    match outcome {
        Outcome::Ok {} => format!("the job did what it was to do; {AS_USED}"),
        Outcome::Failed { message, code } => {
            let code = code.map_or(String::new(), |code| format!(" with exit code {code}"));
            let said = message.as_str();
            format!("the program said that it failed{code}: {said:?}; {AS_USED}")
        }
        Outcome::Trapped { trap } => {
            format!("the program broke a rule of WebAssembly, `{trap}`; {AS_USED}")
        }
        Outcome::Limit { which } => {
            format!("the job reached its limit `{which}`; {AS_USED} up to there")
        }
        Outcome::Stopped {
            by: Stopper::Requestor,
            killed: false,
        } => format!("the requestor cancelled the job; {AS_USED} up to there"),
        Outcome::Stopped {
            by: Stopper::Requestor,
            killed: true,
        } => "the requestor cancelled the job, and it had to be killed, so that nothing could be counted; the \
              card's cancellation charge is due in place of the usage"
            .to_owned(),
        Outcome::Stopped {
            by: Stopper::Provider,
            ..
        } => "the provider stopped the job; what it had used at the last checkpoint that the requestor \
              acknowledged is charged, and nothing if there was none"
            .to_owned(),
    }
}

/// What a meter's line is for.
const fn meaning(meter: Meter) -> &'static str {
    match meter {
        Meter::Instructions => {
            "computing: the WebAssembly instructions that the program executed, by their weights"
        }
        Meter::MemoryPageInstructions => "keeping memory: the pages held while instructions ran",
        Meter::MemoryPagesPeak => "memory: the most pages held at once",
        Meter::HostCalls => "calls of the host's functions, by their weights",
        Meter::BytesIn => "bytes that the program read from its inputs and other host calls",
        Meter::BytesOut => "bytes that the program wrote to outputs, logs and checkpoints",
        Meter::InferenceOpsF64 => "arithmetic of models on 64-bit floats",
        Meter::InferenceOpsF32 => "arithmetic of models on 32-bit floats",
        Meter::InferenceOpsF16 => "arithmetic of models on 16-bit floats",
        Meter::InferenceOpsI8 => "arithmetic of models on 8-bit integers",
        Meter::InferenceOpsI4 => "arithmetic of models on 4-bit integers",
        Meter::InferenceWeightBytes => "weights of models that were read",
        Meter::InferenceTensorBytes => "tensors that went into and came out of models",
        Meter::InferenceModelByteInstructions => {
            "keeping models loaded: their bytes while instructions ran"
        }
        Meter::TokensPrompt => "tokens of prompts that were computed",
        Meter::TokensCached => "tokens of prompts whose state was reused",
        Meter::TokensOutput => "tokens that models generated",
        Meter::AdmissionUnits => "checking and compiling the program, cached or not",
    }
}

/// What a charge is for, and its unit.
fn charge_in_words(name: &str) -> (&'static str, &'static str) {
    match name {
        JOB_FEE => ("the card's fee for every job", "job"),
        MINIMUM_CHARGE => (
            "what the lines above are short of the card's minimum charge",
            "job",
        ),
        CANCELLATION_CHARGE => (
            "the card's charge for a cancelled job that had to be killed",
            "job",
        ),
        _ => ("nothing that Meterbox charges for", "unit"),
    }
}

/// Digits in groups of three, for people.
fn grouped(number: u128) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// The text for a terminal.
impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let currency = self.currency;
        writeln!(f, "receipt {} (number {})", self.receipt, self.sequence)?;
        writeln!(f, "  order `{}`, run by {}", self.order_id, self.provider)?;
        writeln!(f, "  from {} to {}", self.started_at, self.ended_at)?;
        writeln!(f, "  {}", self.outcome)?;
        writeln!(f, "  prices by the rate card {}", self.rate_card)?;
        for line in &self.lines {
            write!(f, "\n{line}")?;
            writeln!(f, "  charged: {} {currency}", line.amount)?;
        }
        let sum = match self.lines.len() {
            0 => "nothing was charged".to_owned(),
            1 => "the only line".to_owned(),
            count => format!("the exact sum of the {count} lines"),
        };
        writeln!(f, "\ntotal: {} {currency}, {sum}", self.total)?;
        if !self.free.is_empty() {
            writeln!(f, "\ncounted and not charged:")?;
        }
        for free in &self.free {
            let quantity = grouped(free.quantity);
            writeln!(f, "  {} × {}: {}", quantity, free.unit, free.meter)?;
        }
        if !self.models.is_empty() {
            writeln!(f, "\nof that, by model:")?;
        }
        for model in &self.models {
            write!(f, "{model}")?;
        }
        Ok(())
    }
}

impl fmt::Display for ExplainedModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (used, calls) = (&self.used, grouped(self.used.calls.into()));
        match &self.input {
            Some(input) => writeln!(f, "  `{input}`, {}, {calls} calls", used.sha256)?,
            None => writeln!(f, "  {}, {calls} calls", used.sha256)?,
        }
        let meters = ModelUse::METERS
            .iter()
            .map(|meter| (meter, used.get(*meter)));
        for (meter, quantity) in meters.filter(|(_, quantity)| *quantity > 0) {
            writeln!(f, "    {} × {}: {meter}", grouped(quantity), meter.unit())?;
        }
        Ok(())
    }
}

impl fmt::Display for ExplainedLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: {}", self.meter, self.what)?;
        let (quantity, price) = (grouped(self.quantity), self.unit_price);
        write!(f, "  {quantity} × {} at {price} each", self.unit)?;
        match self.rounding.in_words() {
            None => writeln!(f, " = {}", self.product),
            Some(rounding) => writeln!(f, " = {}, {rounding}", self.product),
        }
    }
}

#[cfg(test)]
mod tests;
