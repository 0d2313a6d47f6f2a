//! Owns the names of the formats. Writes none.

use std::fmt;
use std::str::FromStr;

/// A form in which records can be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// FOCUS, as CSV.
    FocusCsv,
    /// FOCUS, as Parquet.
    FocusParquet,
    /// FOCUS, as Parquet in a folder for each month.
    FocusPartitions,
    /// Every line of every receipt, as CSV.
    Csv,
    /// Every record, as JSON Lines.
    JsonLines,
    /// Every line of every receipt, as Parquet.
    Parquet,
    /// Every line of every receipt, as Parquet in a folder for each month.
    Partitions,
    /// A journal for hledger.
    Hledger,
    /// A journal for beancount.
    Beancount,
    /// A journal for ledger.
    Ledger,
    /// CloudEvents 1.0, one a line, as OpenMeter reads them.
    CloudEvents,
    /// Lago's usage events, one a line.
    Lago,
    /// Stripe's meter events, one a line.
    Stripe,
    /// Golem's debit notes and invoices, one a line.
    Golem,
    /// Totals for Prometheus' text files.
    Prometheus,
    /// Totals as OpenMetrics.
    OpenMetrics,
}

/// A text that names no format.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no format `{name}`")]
pub struct UnknownFormat {
    name: String,
}

impl UnknownFormat {
    /// What there is.
    #[must_use]
    pub fn hint(&self) -> String {
        let names: Vec<_> = Format::ALL.iter().map(|format| format.name()).collect();
        format!("the formats are {}", names.join(", "))
    }
}

impl Format {
    /// Every format.
    pub const ALL: &'static [Self] = &[
        Self::FocusCsv,
        Self::FocusParquet,
        Self::FocusPartitions,
        Self::Csv,
        Self::JsonLines,
        Self::Parquet,
        Self::Partitions,
        Self::Hledger,
        Self::Beancount,
        Self::Ledger,
        Self::CloudEvents,
        Self::Lago,
        Self::Stripe,
        Self::Golem,
        Self::Prometheus,
        Self::OpenMetrics,
    ];

    /// Its name on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::FocusCsv => "focus-csv",
            Self::FocusParquet => "focus-parquet",
            Self::FocusPartitions => "focus-partitions",
            Self::Csv => "csv",
            Self::JsonLines => "jsonl",
            Self::Parquet => "parquet",
            Self::Partitions => "partitions",
            Self::Hledger => "hledger",
            Self::Beancount => "beancount",
            Self::Ledger => "ledger",
            Self::CloudEvents => "cloudevents",
            Self::Lago => "lago",
            Self::Stripe => "stripe",
            Self::Golem => "golem",
            Self::Prometheus => "prometheus",
            Self::OpenMetrics => "openmetrics",
        }
    }

    /// Whether it is a folder rather than a file.
    #[must_use]
    pub const fn is_folder(self) -> bool {
        matches!(self, Self::FocusPartitions | Self::Partitions)
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(name: &str) -> Result<Self, UnknownFormat> {
        let found = Self::ALL.iter().find(|format| format.name() == name);
        found.copied().ok_or_else(|| UnknownFormat {
            name: name.chars().take(48).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_format_is_found_by_its_name() {
        for format in Format::ALL {
            assert_eq!(format.to_string().parse(), Ok(*format));
        }
        let error = "xlsx".parse::<Format>().unwrap_err();
        assert_eq!(error.to_string(), "there is no format `xlsx`");
        assert!(
            error
                .hint()
                .starts_with("the formats are focus-csv, focus-parquet")
        );
    }
}
