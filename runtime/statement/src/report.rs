//! Owns what a report says of a period: sums by time, meter, job, requestor, program and model, credits and
//! disputes, and what stands out. Reads records once and holds a bounded part of them; writes no page.

use std::collections::BTreeMap;

use ethnum::I256;
use meterbox_billing::digest::Digest;
use meterbox_billing::key::PublicKey;
use meterbox_billing::money::Currency;
use meterbox_billing::record::{Charge, Credited, Disputed, Record, RoundingKind};

use crate::anomaly::{ANOMALIES_MAX, Anomaly, Jobs, Whose, no_result};
use crate::by_model::{ByModel, Models};
use crate::period::{Period, Step};
use crate::signed::{Signed, SumTooLarge};
use crate::tally::{Ranking, Sum, Tally};
use crate::timeline::{Point, Timeline, TimelineError};

/// Providers price in one currency, seldom in two.
const CURRENCIES_MAX: usize = 8;
/// Requestors, and programs, of which each has a history of its own, of at most a hundred pieces.
const HISTORIES_MAX: usize = 300;
/// Credits and disputes that are listed one by one.
pub const LISTED_MAX: usize = 50;
/// A bill has a line for each meter and three charges; other names are no lines of Meterbox.
const METERS_MAX: usize = 64;

/// Why there is no report.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReportError {
    /// A sum is too large.
    #[error("the report cannot be added up")]
    Sum(#[from] SumTooLarge),
    /// The time cannot be cut into pieces.
    #[error("the report's time cannot be shown")]
    Time(#[from] TimelineError),
    /// More currencies than a report holds.
    #[error("the records are in more than {CURRENCIES_MAX} currencies; the next is {currency}")]
    Currencies {
        /// The first too many.
        currency: Currency,
    },
    /// More meters than exist.
    #[error("the records name more than {METERS_MAX} meters; the next is `{meter}`")]
    Meters {
        /// The first too many.
        meter: String,
    },
}

/// What a report is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scope {
    /// What was charged when.
    pub period: Period,
    /// To whom; to everyone where absent.
    pub requestor: Option<PublicKey>,
}

/// A report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// What it is about.
    pub scope: Scope,
    /// One part for each currency.
    pub parts: Vec<Part>,
}

/// What was used of a meter, and what it cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MeterSum {
    /// How many units.
    pub quantity: I256,
    /// What they cost.
    pub charged: Signed,
}

/// The first of a list, and how many there were.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed<T> {
    /// At most [`LISTED_MAX`] of them.
    pub first: Vec<T>,
    /// How many there were.
    pub count: u64,
    /// What all come to.
    pub sum: Signed,
}

/// A report's part in one currency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// The currency.
    pub currency: Currency,
    /// All charges.
    pub sum: Sum,
    /// Charges less credits.
    pub net: Signed,
    /// Into what its time is cut.
    pub step: Step,
    /// By time.
    pub points: Vec<Point>,
    /// By meter and charge, the dearest first.
    pub meters: Vec<(String, MeterSum)>,
    /// By job.
    pub jobs: Ranking<Digest>,
    /// By requestor.
    pub requestors: Ranking<Name>,
    /// By program.
    pub programs: Ranking<Digest>,
    /// By model.
    pub models: ByModel,
    /// By how the job ended.
    pub outcomes: Ranking<String>,
    /// What was given back.
    pub credits: Listed<Credited>,
    /// What is disputed.
    pub disputes: Listed<Disputed>,
    /// By how much invoices were rounded: above nothing where they come to more than was charged.
    pub rounded: Signed,
    /// How many invoices.
    pub rounded_invoices: u64,
    /// What stands out, what most is at stake in first; at most [`ANOMALIES_MAX`].
    pub anomalies: Vec<Anomaly>,
    /// How many more do.
    pub more_anomalies: usize,
}

/// A requestor's key, by whose bytes requestors have an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Name(pub PublicKey);

impl PartialOrd for Name {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Name {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.as_bytes().cmp(other.0.as_bytes())
    }
}

/// The report of these records. Those of another time, or of another requestor, are passed over.
pub fn report(
    records: impl IntoIterator<Item = Record>,
    scope: &Scope,
) -> Result<Report, ReportError> {
    let step = Step::fitting(&scope.period);
    let mut parts: BTreeMap<Currency, Gathered> = BTreeMap::new();
    let is_meant = |record: &Record| {
        let wanted = scope
            .requestor
            .is_none_or(|requestor| requestor == *record.requestor());
        wanted && scope.period.contains(record.at())
    };
    for record in records.into_iter().filter(is_meant) {
        let currency = match &record {
            Record::Charge(charge) => charge.currency,
            Record::Credit(credit) => credit.currency,
            Record::Dispute(dispute) => dispute.currency,
            Record::Rounding(rounded) => rounded.currency,
        };
        if parts.len() >= CURRENCIES_MAX && !parts.contains_key(&currency) {
            return Err(ReportError::Currencies { currency });
        }
        parts
            .entry(currency)
            .or_insert_with(|| Gathered::new(step))
            .add(record)?;
    }
    let finish = |(currency, part): (Currency, Gathered)| part.finish(currency, scope);
    Ok(Report {
        scope: *scope,
        parts: parts.into_iter().map(finish).collect::<Result<_, _>>()?,
    })
}

/// What is held of the records of one currency while they are read.
struct Gathered {
    sum: Sum,
    timeline: Timeline,
    meters: BTreeMap<String, MeterSum>,
    jobs: Tally<Digest>,
    requestors: Tally<Name>,
    programs: Tally<Digest>,
    models: Models,
    outcomes: Tally<String>,
    job_costs: Jobs,
    requestor_times: BTreeMap<Name, Timeline>,
    program_times: BTreeMap<Digest, Timeline>,
    credits: Listed<Credited>,
    disputes: Listed<Disputed>,
    rounded: Signed,
    rounded_invoices: u64,
}

impl<T> Listed<T> {
    const fn none() -> Self {
        Self {
            first: Vec::new(),
            count: 0,
            sum: Signed::ZERO,
        }
    }

    fn add(&mut self, item: T, amount: Signed) -> Result<(), SumTooLarge> {
        self.sum = self.sum.plus(amount)?;
        self.count = self.count.saturating_add(1);
        if self.first.len() < LISTED_MAX {
            self.first.push(item);
        }
        Ok(())
    }
}

impl Gathered {
    fn new(step: Step) -> Self {
        Self {
            sum: Sum::default(),
            timeline: Timeline::new(step),
            meters: BTreeMap::new(),
            jobs: Tally::new(),
            requestors: Tally::new(),
            programs: Tally::new(),
            models: Models::new(),
            outcomes: Tally::new(),
            job_costs: Jobs::default(),
            requestor_times: BTreeMap::new(),
            program_times: BTreeMap::new(),
            credits: Listed::none(),
            disputes: Listed::none(),
            rounded: Signed::ZERO,
            rounded_invoices: 0,
        }
    }

    fn add(&mut self, record: Record) -> Result<(), ReportError> {
        match record {
            Record::Charge(charge) => self.charge(charge)?,
            Record::Credit(credit) => {
                let amount = credit.amount.into();
                self.timeline.credit(credit.at, amount)?;
                self.credits.add(credit, amount)?;
            }
            Record::Dispute(dispute) => {
                let amount = dispute.total.into();
                self.disputes.add(dispute, amount)?;
            }
            Record::Rounding(rounded) => {
                let amount = rounded.amount.into();
                self.rounded = match rounded.rounding {
                    RoundingKind::Added => self.rounded.plus(amount)?,
                    RoundingKind::Waived => self.rounded.minus(amount)?,
                };
                self.rounded_invoices = self.rounded_invoices.saturating_add(1);
            }
        }
        Ok(())
    }

    fn charge(&mut self, charge: Charge) -> Result<(), ReportError> {
        let (at, amount) = (charge.ended_at, Signed::from(charge.total));
        let sum = Sum::of(amount, charge.outcome == "ok");
        self.sum = self.sum.plus(sum)?;
        self.timeline.charge(at, amount)?;
        self.job_costs.charge(&charge);
        self.models.add(&charge)?;
        let requestor = Name(charge.requestor);
        history(
            &mut self.requestor_times,
            requestor,
            &charge,
            self.timeline.step(),
        )?;
        history(
            &mut self.program_times,
            charge.module,
            &charge,
            self.timeline.step(),
        )?;
        for line in charge.lines {
            if self.meters.len() >= METERS_MAX && !self.meters.contains_key(&line.meter) {
                return Err(ReportError::Meters { meter: line.meter });
            }
            let meter = self.meters.entry(line.meter).or_default();
            let quantity = meter.quantity.checked_add(I256::from(line.quantity));
            meter.quantity = quantity.ok_or(SumTooLarge)?;
            meter.charged = meter.charged.plus(line.amount.into())?;
        }
        self.jobs.add(charge.job, sum)?;
        self.requestors.add(requestor, sum)?;
        self.programs.add(charge.module, sum)?;
        self.outcomes.add(charge.outcome, sum)?;
        Ok(())
    }

    fn peaks(whose: Whose, time: &Timeline) -> Result<Vec<Anomaly>, TimelineError> {
        let peaks = time.peaks()?.into_iter();
        Ok(peaks.map(|peak| Anomaly::Peak { whose, peak }).collect())
    }

    fn anomalies(&self) -> Result<Vec<Anomaly>, ReportError> {
        let mut all: Vec<_> = self.job_costs.anomalies().collect();
        all.extend(no_result(Whose::Everyone, &self.sum));
        all.extend(Self::peaks(Whose::Everyone, &self.timeline)?);
        // Of one alone, everyone's charges have said it already.
        if self.requestor_times.len() > 1 {
            let sums = self.requestors.iter();
            all.extend(sums.filter_map(|(name, sum)| no_result(Whose::Requestor(name.0), sum)));
            for (name, time) in &self.requestor_times {
                all.extend(Self::peaks(Whose::Requestor(name.0), time)?);
            }
        }
        if self.program_times.len() > 1 {
            let sums = self.programs.iter();
            all.extend(sums.filter_map(|(name, sum)| no_result(Whose::Program(*name), sum)));
            for (name, time) in &self.program_times {
                all.extend(Self::peaks(Whose::Program(*name), time)?);
            }
        }
        all.sort_by_key(|anomaly| std::cmp::Reverse(anomaly.stake()));
        Ok(all)
    }

    fn finish(self, currency: Currency, scope: &Scope) -> Result<Part, ReportError> {
        let mut anomalies = self.anomalies()?;
        let more_anomalies = anomalies.len().saturating_sub(ANOMALIES_MAX);
        anomalies.truncate(ANOMALIES_MAX);
        let mut meters: Vec<_> = self.meters.into_iter().collect();
        meters.sort_by(|a, b| b.1.charged.cmp(&a.1.charged).then_with(|| a.0.cmp(&b.0)));
        Ok(Part {
            currency,
            net: self.sum.charged.minus(self.credits.sum)?,
            sum: self.sum,
            step: self.timeline.step(),
            points: self.timeline.points(&scope.period)?,
            meters,
            jobs: self.jobs.ranking()?,
            requestors: self.requestors.ranking()?,
            programs: self.programs.ranking()?,
            models: self.models.finish()?,
            outcomes: self.outcomes.ranking()?,
            credits: self.credits,
            disputes: self.disputes,
            rounded: self.rounded,
            rounded_invoices: self.rounded_invoices,
            anomalies,
            more_anomalies,
        })
    }
}

/// Adds a charge to the history of a name, if there is room for it.
fn history<K: Ord>(
    all: &mut BTreeMap<K, Timeline>,
    name: K,
    charge: &Charge,
    step: Step,
) -> Result<(), TimelineError> {
    if all.len() >= HISTORIES_MAX && !all.contains_key(&name) {
        return Ok(());
    }
    let timeline = all.entry(name).or_insert_with(|| Timeline::new(step));
    timeline.charge(charge.ended_at, charge.total.into())
}

#[cfg(test)]
mod tests;
