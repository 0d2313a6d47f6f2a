//! Owns sums by piece of time, and which of them stand out. Knows nothing of who or what.

use std::collections::BTreeMap;

use meterbox_billing::timestamp::{Timestamp, TimestampError};

use crate::period::{PIECES_MAX, Period, Step};
use crate::signed::{Signed, SumTooLarge};

/// Fewer pieces with anything in them are no history.
const HISTORY_PIECES_MIN: usize = 8;
/// How many times the usual distance from the usual cost stands out.
const DISTANCES_MIN: u64 = 8;
/// How many times the usual cost stands out.
const USUAL_COSTS_MIN: u64 = 3;

/// Why a timeline cannot be drawn.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TimelineError {
    /// A sum is too large.
    #[error(transparent)]
    Sum(#[from] SumTooLarge),
    /// A piece has no beginning or end.
    #[error(transparent)]
    Time(#[from] TimestampError),
    /// More years than fit a plot.
    #[error(
        "the records span the years {first} to {last}, at most {PIECES_MAX} years fit a report"
    )]
    Span {
        /// The first.
        first: String,
        /// The last.
        last: String,
    },
}

/// What happened in one piece of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Point {
    /// Its first moment.
    pub start: Timestamp,
    /// What was charged.
    pub charged: Signed,
    /// What was given back.
    pub credited: Signed,
    /// How many receipts.
    pub receipts: u64,
}

/// A piece that stands out from the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peak {
    /// Its first moment.
    pub start: Timestamp,
    /// What was charged.
    pub charged: Signed,
    /// The median of all pieces in which anything was.
    pub usual: Signed,
}

/// Sums by piece of time. Holds a piece for every one in which something happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timeline {
    step: Step,
    points: BTreeMap<Timestamp, Point>,
}

impl Timeline {
    /// Nothing yet, cut by `step`.
    #[must_use]
    pub const fn new(step: Step) -> Self {
        Self {
            step,
            points: BTreeMap::new(),
        }
    }

    /// Into what it is cut.
    #[must_use]
    pub const fn step(&self) -> Step {
        self.step
    }

    fn at(&mut self, at: Timestamp) -> Result<&mut Point, TimelineError> {
        let start = self.step.start(at)?;
        Ok(self.points.entry(start).or_insert(Point {
            start,
            charged: Signed::ZERO,
            credited: Signed::ZERO,
            receipts: 0,
        }))
    }

    /// Adds what a receipt charged.
    pub fn charge(&mut self, at: Timestamp, amount: Signed) -> Result<(), TimelineError> {
        let point = self.at(at)?;
        point.charged = point.charged.plus(amount)?;
        point.receipts = point.receipts.saturating_add(1);
        Ok(())
    }

    /// Adds what was given back.
    pub fn credit(&mut self, at: Timestamp, amount: Signed) -> Result<(), TimelineError> {
        let point = self.at(at)?;
        point.credited = point.credited.plus(amount)?;
        Ok(())
    }

    /// Every piece of a period in order, those in which nothing was as well. Of a period too long for that,
    /// those from the first in which something was to the last.
    pub fn points(&self, period: &Period) -> Result<Vec<Point>, TimelineError> {
        let (Some(first), Some(last)) = (self.points.keys().next(), self.points.keys().last())
        else {
            return Ok(Vec::new());
        };
        let whole = self.between(self.step.start(period.from())?, period.to())?;
        let cut = match whole {
            Some(points) => Some(points),
            None => self.between(*first, self.step.next(*last).unwrap_or(Timestamp::MAX))?,
        };
        cut.ok_or_else(|| TimelineError::Span {
            first: self.step.label(*first),
            last: self.step.label(*last),
        })
    }

    /// Every piece that begins before `end`; none if they are too many.
    fn between(
        &self,
        first: Timestamp,
        end: Timestamp,
    ) -> Result<Option<Vec<Point>>, TimelineError> {
        let mut points = Vec::new();
        let mut start = Some(first);
        while let Some(at) = start.filter(|at| *at < end) {
            if points.len() >= PIECES_MAX {
                return Ok(None);
            }
            let (charged, credited) = (Signed::ZERO, Signed::ZERO);
            let none = Point {
                start: at,
                charged,
                credited,
                receipts: 0,
            };
            points.push(self.points.get(&at).copied().unwrap_or(none));
            start = self.step.next(at).ok();
        }
        Ok(Some(points))
    }

    /// The pieces that cost strongly more than usual: more than three times the median of the pieces in which
    /// anything was charged, and further above it than eight times the median distance. The middle one of an
    /// even number is the upper.
    pub fn peaks(&self) -> Result<Vec<Peak>, TimelineError> {
        let active = || self.points.values().filter(|point| point.receipts > 0);
        if active().count() < HISTORY_PIECES_MIN {
            return Ok(Vec::new());
        }
        let usual = median(active().map(|point| point.charged).collect());
        let distances: Result<Vec<_>, _> = active()
            .map(|point| point.charged.minus(usual).map(absolute))
            .collect();
        let far = usual.plus(median(distances?).times(DISTANCES_MIN)?)?;
        let much = usual.times(USUAL_COSTS_MIN)?;
        let stands_out = |point: &&Point| point.charged > far && point.charged > much;
        Ok(active()
            .filter(stands_out)
            .map(|point| Peak {
                start: point.start,
                charged: point.charged,
                usual,
            })
            .collect())
    }
}

fn absolute(amount: Signed) -> Signed {
    Signed::from_units(amount.units().abs())
}

fn median(mut all: Vec<Signed>) -> Signed {
    all.sort_unstable();
    all.get(all.len() / 2).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{at, january};
    use ethnum::I256;

    fn signed(units: i64) -> Signed {
        Signed::from_units(I256::from(units))
    }

    fn of(step: Step, charges: &[(&str, i64)]) -> Timeline {
        let mut timeline = Timeline::new(step);
        for (when, amount) in charges {
            timeline.charge(at(when), signed(*amount)).unwrap();
        }
        timeline
    }

    #[test]
    fn days_without_charges_are_points_too() {
        let mut timeline = of(
            Step::Day,
            &[("2026-01-02T10:00:00Z", 3), ("2026-01-02T23:59:59Z", 4)],
        );
        timeline
            .credit(at("2026-01-03T00:00:00Z"), signed(2))
            .unwrap();
        let points = timeline.points(&january()).unwrap();
        assert_eq!(points.len(), 31);
        let charged: Vec<_> = points.iter().take(3).map(|point| point.charged).collect();
        assert_eq!(charged, [signed(0), signed(7), signed(0)]);
        assert_eq!(points.iter().map(|point| point.receipts).sum::<u64>(), 2);
        assert_eq!(points.get(2).unwrap().credited, signed(2));
    }

    #[test]
    fn centuries_are_cut_to_the_years_in_which_anything_was() {
        let ever = Period::new(at("1970-01-01T00:00:00Z"), Timestamp::MAX).unwrap();
        let few = of(
            Step::Year,
            &[("2024-05-01T00:00:00Z", 1), ("2026-05-01T00:00:00Z", 1)],
        );
        assert_eq!(few.points(&ever).unwrap().len(), 3);
        let many = of(
            Step::Year,
            &[("2024-05-01T00:00:00Z", 1), ("9999-05-01T00:00:00Z", 1)],
        );
        let error = many.points(&ever).unwrap_err().to_string();
        assert!(error.contains("2024 to 9999"), "{error}");
        assert!(Timeline::new(Step::Year).points(&ever).unwrap().is_empty());
    }

    #[test]
    fn an_hour_far_above_the_others_stands_out_and_a_steady_rise_does_not() {
        let hours: Vec<_> = (0..20)
            .map(|hour| format!("2026-01-01T{hour:02}:30:00Z"))
            .collect();
        let steady: Vec<_> = hours.iter().map(String::as_str).zip(100..).collect();
        assert_eq!(of(Step::Hour, &steady).peaks().unwrap(), []);
        let mut with_peak = steady.clone();
        with_peak.push(("2026-01-01T07:00:00Z", 400));
        let peaks = of(Step::Hour, &with_peak).peaks().unwrap();
        assert_eq!(peaks.len(), 1);
        let peak = peaks.first().unwrap();
        assert_eq!(
            (peak.start, peak.charged),
            (at("2026-01-01T07:00:00Z"), signed(507))
        );
        assert_eq!(peak.usual, signed(111));
    }

    #[test]
    fn seven_hours_are_no_history() {
        let mut few: Vec<_> = (0..6)
            .map(|hour| (format!("2026-01-01T{hour:02}:00:00Z"), 1))
            .collect();
        few.push(("2026-01-01T07:00:00Z".to_owned(), 1_000_000));
        let few: Vec<_> = few
            .iter()
            .map(|(when, amount)| (when.as_str(), *amount))
            .collect();
        assert_eq!(of(Step::Hour, &few).peaks().unwrap(), []);
        let mut enough = few.clone();
        enough.push(("2026-01-01T08:00:00Z", 1));
        assert_eq!(of(Step::Hour, &enough).peaks().unwrap().len(), 1);
    }
}
