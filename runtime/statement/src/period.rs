//! Owns the time that a statement is about, and how it is cut into hours, days, months or years. Sums nothing.

use meterbox_billing::timestamp::{Timestamp, TimestampError};

/// Bars of a plot that a phone still shows one by one.
pub const PIECES_MAX: usize = 100;

/// Why two moments are no period.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PeriodError {
    /// It ends before it begins, or is empty.
    #[error("a period from {from} to {to} is empty: `to` is the first moment after it")]
    Empty {
        /// The first moment.
        from: Timestamp,
        /// The first moment after it.
        to: Timestamp,
    },
}

/// Every moment from one on, up to another that is no part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Period {
    from: Timestamp,
    to: Timestamp,
}

impl Period {
    /// From `from` on, up to the last moment before `to`.
    pub fn new(from: Timestamp, to: Timestamp) -> Result<Self, PeriodError> {
        if to <= from {
            return Err(PeriodError::Empty { from, to });
        }
        Ok(Self { from, to })
    }

    /// The first moment.
    #[must_use]
    pub const fn from(&self) -> Timestamp {
        self.from
    }

    /// The first moment that is no part of it.
    #[must_use]
    pub const fn to(&self) -> Timestamp {
        self.to
    }

    /// Whether a moment is part of it.
    #[must_use]
    pub fn contains(&self, at: Timestamp) -> bool {
        self.from <= at && at < self.to
    }

    /// The shortest that holds all these moments; none of no moments.
    pub fn spanning(moments: impl IntoIterator<Item = Timestamp>) -> Option<Self> {
        let both = moments
            .into_iter()
            .fold(None, |both: Option<(Timestamp, Timestamp)>, at| {
                Some(both.map_or((at, at), |(first, last)| (first.min(at), last.max(at))))
            });
        let (from, last) = both?;
        let after = last.unix_seconds().saturating_add(1);
        let to = Timestamp::from_unix_seconds(after).unwrap_or(Timestamp::MAX);
        Self::new(from, to).ok()
    }

    /// The day of its first moment, like `2026-01-31`.
    #[must_use]
    pub fn first_day(&self) -> String {
        day(self.from)
    }

    /// Its last second.
    #[must_use]
    pub fn last_second(&self) -> Timestamp {
        let last = self.to.unix_seconds().saturating_sub(1);
        Timestamp::from_unix_seconds(last).unwrap_or(self.to)
    }

    /// The day of its last moment.
    #[must_use]
    pub fn last_day(&self) -> String {
        day(self.last_second())
    }
}

/// A moment's day, like `2026-01-31`.
#[must_use]
pub fn day(at: Timestamp) -> String {
    at.to_string().chars().take(10).collect()
}

/// The pieces into which time is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// Hours of UTC.
    Hour,
    /// Days of UTC.
    Day,
    /// Months of the calendar.
    Month,
    /// Years of the calendar.
    Year,
}

impl Step {
    /// Every step, the shortest first.
    pub const ALL: [Self; 4] = [Self::Hour, Self::Day, Self::Month, Self::Year];

    /// The shortest that cuts a period into at most [`PIECES_MAX`]; years where none does.
    #[must_use]
    pub fn fitting(period: &Period) -> Self {
        let fits = |step: &Self| step.count(period) <= PIECES_MAX;
        Self::ALL.into_iter().find(fits).unwrap_or(Self::Year)
    }

    /// Into how many pieces it cuts a period, counted no further than one more than [`PIECES_MAX`].
    fn count(self, period: &Period) -> usize {
        let mut start = self.start(period.from()).ok();
        let mut count = 0_usize;
        while let Some(at) = start.filter(|at| *at < period.to() && count <= PIECES_MAX) {
            count = count.saturating_add(1);
            start = self.next(at).ok();
        }
        count
    }

    /// Its name, in the singular.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Month => "month",
            Self::Year => "year",
        }
    }

    /// Its name at the head of a column.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Hour => "Hour",
            Self::Day => "Day",
            Self::Month => "Month",
            Self::Year => "Year",
        }
    }

    /// How much of a moment's text names the piece that it is in, and what completes it to the first moment.
    const fn form(self) -> (usize, &'static str) {
        match self {
            Self::Hour => (13, ":00:00Z"),
            Self::Day => (10, "T00:00:00Z"),
            Self::Month => (7, "-01T00:00:00Z"),
            Self::Year => (4, "-01-01T00:00:00Z"),
        }
    }

    /// The first moment of the piece that `at` is in.
    pub fn start(self, at: Timestamp) -> Result<Timestamp, TimestampError> {
        let (length, rest) = self.form();
        let text: String = at.to_string().chars().take(length).collect();
        format!("{text}{rest}").parse()
    }

    /// The first moment of the piece after the one that begins at `start`.
    pub fn next(self, start: Timestamp) -> Result<Timestamp, TimestampError> {
        let seconds_to_the_next = match self {
            Self::Hour => 3_600,
            Self::Day => 86_400,
            Self::Month => 32 * 86_400,
            Self::Year => 366 * 86_400,
        };
        let later = start.unix_seconds().saturating_add(seconds_to_the_next);
        self.start(Timestamp::from_unix_seconds(later)?)
    }

    /// What people read of a piece that begins at `start`.
    #[must_use]
    pub fn label(self, start: Timestamp) -> String {
        let text = start.to_string();
        match self {
            Self::Hour => text
                .chars()
                .take(16)
                .map(|c| if c == 'T' { ' ' } else { c })
                .collect(),
            _ => text.chars().take(self.form().0).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_period_holds_its_first_moment_and_not_its_end() {
        let period = Period::new(at("2026-01-01T00:00:00Z"), at("2026-02-01T00:00:00Z")).unwrap();
        assert!(period.contains(at("2026-01-01T00:00:00Z")));
        assert!(period.contains(at("2026-01-31T23:59:59Z")));
        assert!(!period.contains(at("2026-02-01T00:00:00Z")));
        assert!(!period.contains(at("2025-12-31T23:59:59Z")));
        assert_eq!(
            (period.first_day(), period.last_day()),
            ("2026-01-01".into(), "2026-01-31".into())
        );
    }

    #[test]
    fn a_period_that_ends_before_it_begins_is_refused() {
        let (from, to) = (at("2026-02-01T00:00:00Z"), at("2026-01-01T00:00:00Z"));
        assert_eq!(Period::new(from, to), Err(PeriodError::Empty { from, to }));
        let error = Period::new(from, from).unwrap_err().to_string();
        assert!(error.contains("is empty"), "{error}");
    }

    #[test]
    fn pieces_begin_where_the_calendar_says() {
        let moment = at("2024-02-29T13:59:59Z");
        for (step, start, next, label) in [
            (
                Step::Hour,
                "2024-02-29T13:00:00Z",
                "2024-02-29T14:00:00Z",
                "2024-02-29 13:00",
            ),
            (
                Step::Day,
                "2024-02-29T00:00:00Z",
                "2024-03-01T00:00:00Z",
                "2024-02-29",
            ),
            (
                Step::Month,
                "2024-02-01T00:00:00Z",
                "2024-03-01T00:00:00Z",
                "2024-02",
            ),
            (
                Step::Year,
                "2024-01-01T00:00:00Z",
                "2025-01-01T00:00:00Z",
                "2024",
            ),
        ] {
            let found = step.start(moment).unwrap();
            assert_eq!(found, at(start));
            assert_eq!(step.next(found).unwrap(), at(next));
            assert_eq!(step.label(found), label);
        }
    }

    #[test]
    fn a_period_is_cut_into_pieces_that_fit_it() {
        for (from, to, step) in [
            ("2026-01-01T00:00:00Z", "2026-01-01T00:00:01Z", Step::Hour),
            ("2026-01-01T00:00:00Z", "2026-01-05T04:00:00Z", Step::Hour),
            ("2026-01-01T00:00:00Z", "2026-01-05T04:00:01Z", Step::Day),
            ("2026-01-01T00:00:00Z", "2026-04-11T00:00:00Z", Step::Day),
            ("2026-01-01T00:00:00Z", "2026-04-11T00:00:01Z", Step::Month),
            ("2026-01-01T00:00:00Z", "2034-05-01T00:00:00Z", Step::Month),
            ("2026-01-01T00:00:00Z", "2034-05-01T00:00:01Z", Step::Year),
            ("1970-01-01T00:00:00Z", "9999-12-31T23:59:59Z", Step::Year),
        ] {
            assert_eq!(
                Step::fitting(&Period::new(at(from), at(to)).unwrap()),
                step,
                "{to}"
            );
        }
    }

    #[test]
    fn a_period_spans_what_it_is_made_of() {
        let moments = [
            "2026-02-03T00:00:00Z",
            "2026-01-01T10:00:00Z",
            "2026-01-31T00:00:00Z",
        ]
        .map(at);
        let period = Period::spanning(moments).unwrap();
        assert!(moments.iter().all(|moment| period.contains(*moment)));
        assert_eq!(
            (period.from(), period.to()),
            (at("2026-01-01T10:00:00Z"), at("2026-02-03T00:00:01Z"))
        );
        assert_eq!(Period::spanning([]), None);
    }

    proptest! {
        #[test]
        fn every_moment_is_in_exactly_one_piece(seconds in 0..253_000_000_000_u64) {
            let moment = Timestamp::from_unix_seconds(seconds).unwrap();
            for step in Step::ALL {
                let start = step.start(moment).unwrap();
                let next = step.next(start).unwrap();
                prop_assert!(start <= moment && moment < next);
                prop_assert_eq!(step.start(next).unwrap(), next);
            }
        }
    }
}
