//! Owns hours and months of UTC, by which exports are grouped. Reads no clock.

use meterbox_billing::timestamp::{Timestamp, TimestampError};

/// Seconds of an hour, leap seconds not counted.
const HOUR_SECONDS: u64 = 3600;

/// A whole hour of UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hour {
    number: u64,
}

/// A calendar month of UTC.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Month {
    year: u64,
    /// 1 to 12.
    month: u64,
}

impl Hour {
    /// The hour that a moment is in.
    #[must_use]
    pub const fn of(moment: Timestamp) -> Self {
        Self {
            number: moment.unix_seconds() / HOUR_SECONDS,
        }
    }

    /// Its first second.
    pub fn start(self) -> Result<Timestamp, TimestampError> {
        Timestamp::from_unix_seconds(self.number.saturating_mul(HOUR_SECONDS))
    }

    /// The first second after it.
    pub fn end(self) -> Result<Timestamp, TimestampError> {
        Timestamp::from_unix_seconds(self.number.saturating_add(1).saturating_mul(HOUR_SECONDS))
    }

    /// The month that it is in.
    pub fn month(self) -> Result<Month, TimestampError> {
        Ok(Month::of(self.start()?))
    }
}

impl Month {
    /// The month that a moment is in.
    #[must_use]
    pub fn of(moment: Timestamp) -> Self {
        let text = moment.to_string();
        let number = |from: usize, to: usize| text.get(from..to).and_then(|s| s.parse().ok());
        Self {
            year: number(0, 4).expect("a moment's text begins with four digits"),
            month: number(5, 7).expect("and has two digits for the month"),
        }
    }

    /// Its first second.
    pub fn start(&self) -> Result<Timestamp, TimestampError> {
        format!("{:04}-{:02}-01T00:00:00Z", self.year, self.month).parse()
    }

    /// The first second after it.
    pub fn end(&self) -> Result<Timestamp, TimestampError> {
        self.next().start()
    }

    fn next(&self) -> Self {
        if self.month == 12 {
            Self {
                year: self.year.saturating_add(1),
                month: 1,
            }
        } else {
            Self {
                year: self.year,
                month: self.month.saturating_add(1),
            }
        }
    }
}

impl std::fmt::Display for Month {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:04}-{:02}", self.year, self.month)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_and_months_have_their_bounds() {
        let hour = Hour::of("2027-12-31T23:59:59Z".parse().unwrap());
        assert_eq!(hour.start().unwrap().to_string(), "2027-12-31T23:00:00Z");
        assert_eq!(hour.end().unwrap().to_string(), "2028-01-01T00:00:00Z");
        let month = hour.month().unwrap();
        assert_eq!(month.to_string(), "2027-12");
        assert_eq!(month.start().unwrap().to_string(), "2027-12-01T00:00:00Z");
        assert_eq!(month.end().unwrap().to_string(), "2028-01-01T00:00:00Z");
        let february = Month::of("2028-02-29T12:00:00Z".parse().unwrap());
        assert_eq!(february.end().unwrap().to_string(), "2028-03-01T00:00:00Z");
    }

    #[test]
    fn an_hour_that_ends_after_the_year_9999_is_an_error() {
        assert!(Hour::of(Timestamp::MAX).start().is_ok());
        assert!(Hour::of(Timestamp::MAX).end().is_err());
        assert!(Month::of(Timestamp::MAX).end().is_err());
    }
}
