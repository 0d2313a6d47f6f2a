//! Owns moments: whole seconds of UTC, written as RFC 3339. Reads no clock.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A second in UTC between the years 1970 and 9999, written like `2026-01-31T23:59:59Z`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp {
    seconds: u64,
}

/// Why a text is no [`Timestamp`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TimestampError {
    /// The text has another shape.
    #[error("`{text}` is no time of the form 2026-01-31T23:59:59Z")]
    Shape {
        /// The text, cut to a readable length.
        text: String,
    },
    /// The shape is right, but there is no such second.
    #[error("`{text}` names a time that does not exist, or is before 1970")]
    NoSuchTime {
        /// The text.
        text: String,
    },
    /// The moment is past the year 9999.
    #[error("{seconds} seconds after 1970 is past the year 9999")]
    TooLate {
        /// Seconds since 1970.
        seconds: u64,
    },
}

const DAY_SECONDS: u64 = 86_400;
/// 9999-12-31T23:59:59Z: four digits hold no later year.
const SECONDS_MAX: u64 = 253_402_300_799;

impl Timestamp {
    /// The last second of the year 9999.
    pub const MAX: Self = Self {
        seconds: SECONDS_MAX,
    };

    /// The moment so many seconds after 1970 began, leap seconds not counted.
    pub const fn from_unix_seconds(seconds: u64) -> Result<Self, TimestampError> {
        if seconds > SECONDS_MAX {
            return Err(TimestampError::TooLate { seconds });
        }
        Ok(Self { seconds })
    }

    /// Seconds since 1970 began.
    #[must_use]
    pub const fn unix_seconds(self) -> u64 {
        self.seconds
    }
}

const fn is_leap(year: u64) -> bool {
    (year.is_multiple_of(4) && !year.is_multiple_of(100)) || year.is_multiple_of(400)
}

const fn month_days(year: u64, month: u64) -> u64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

const fn year_days(year: u64) -> u64 {
    if is_leap(year) { 366 } else { 365 }
}

/// Splits `days` since `year` began into whole periods, taken off one by one, and the rest.
fn take_periods(mut days: u64, mut period: u64, length: impl Fn(u64) -> u64) -> (u64, u64) {
    while let Some(rest) = days.checked_sub(length(period)) {
        days = rest;
        period = period.saturating_add(1);
    }
    (period, days)
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, days) = take_periods(self.seconds / DAY_SECONDS, 1970, year_days);
        let (month, days) = take_periods(days, 1, |month| month_days(year, month));
        let second = self.seconds % DAY_SECONDS;
        write!(
            f,
            "{year:04}-{month:02}-{:02}T{:02}:{:02}:{:02}Z",
            days.saturating_add(1),
            second / 3600,
            second / 60 % 60,
            second % 60
        )
    }
}

impl FromStr for Timestamp {
    type Err = TimestampError;

    fn from_str(text: &str) -> Result<Self, TimestampError> {
        let no_such_time = || TimestampError::NoSuchTime {
            text: text.to_owned(),
        };
        let [year, month, day, hour, minute, second] =
            fields(text).ok_or_else(|| TimestampError::Shape {
                text: text.chars().take(40).collect(),
            })?;
        let exists = year >= 1970
            && (1..=12).contains(&month)
            && (1..=month_days(year, month)).contains(&day)
            && hour <= 23
            && minute <= 59
            && second <= 59;
        if !exists {
            return Err(no_such_time());
        }
        let days_before_year = (1970..year).map(year_days).sum::<u64>();
        let days_before_month = (1..month).map(|m| month_days(year, m)).sum::<u64>();
        days_before_year
            .checked_add(days_before_month)
            .and_then(|days| days.checked_add(day.checked_sub(1)?))
            .and_then(|days| days.checked_mul(24)?.checked_add(hour))
            .and_then(|hours| hours.checked_mul(60)?.checked_add(minute))
            .and_then(|minutes| minutes.checked_mul(60)?.checked_add(second))
            .map(|seconds| Self { seconds })
            .ok_or_else(no_such_time)
    }
}

/// The six numbers of a text of exactly the right shape.
fn fields(text: &str) -> Option<[u64; 6]> {
    let shape = "dddd-dd-ddTdd:dd:ddZ";
    let fits = text.len() == shape.len()
        && text
            .bytes()
            .zip(shape.bytes())
            .all(|(found, wanted)| match wanted {
                b'd' => found.is_ascii_digit(),
                _ => found == wanted,
            });
    if !fits {
        return None;
    }
    let number = |from: usize, to: usize| text.get(from..to)?.parse().ok();
    Some([
        number(0, 4)?,
        number(5, 7)?,
        number(8, 10)?,
        number(11, 13)?,
        number(14, 16)?,
        number(17, 19)?,
    ])
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        crate::text::deserialize(deserializer)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn known_moments() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_767_225_599, "2025-12-31T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
            (SECONDS_MAX, "9999-12-31T23:59:59Z"),
        ] {
            assert_eq!(
                Timestamp::from_unix_seconds(seconds).unwrap().to_string(),
                text
            );
            assert_eq!(text.parse::<Timestamp>().unwrap().unix_seconds(), seconds);
        }
        assert!(Timestamp::from_unix_seconds(SECONDS_MAX + 1).is_err());
    }

    #[test]
    fn other_shapes_and_impossible_times_are_refused() {
        for text in [
            "",
            "2026-01-01",
            "2026-01-01T00:00:00+00:00",
            "2026-01-01t00:00:00z",
            "2026-01-01T00:00:00.0Z",
        ] {
            assert!(
                matches!(text.parse::<Timestamp>(), Err(TimestampError::Shape { .. })),
                "{text}"
            );
        }
        for text in [
            "2026-02-29T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-00-01T00:00:00Z",
            "2026-01-00T00:00:00Z",
            "2026-01-01T24:00:00Z",
            "2026-01-01T00:00:60Z",
            "1969-12-31T23:59:59Z",
        ] {
            assert!(
                matches!(
                    text.parse::<Timestamp>(),
                    Err(TimestampError::NoSuchTime { .. })
                ),
                "{text}"
            );
        }
    }

    proptest! {
        #[test]
        fn text_comes_back(seconds in 0..=SECONDS_MAX) {
            let moment = Timestamp::from_unix_seconds(seconds).unwrap();
            prop_assert_eq!(moment.to_string().parse::<Timestamp>().unwrap(), moment);
        }
    }
}
