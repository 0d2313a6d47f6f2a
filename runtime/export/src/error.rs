//! Owns why an export cannot be written, and what its user can do about it.

use std::error::Error;
use std::io;
use std::path::PathBuf;

use meterbox_billing::money::MoneyError;
use meterbox_billing::timestamp::TimestampError;

/// Why an export cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// Whoever hands out the records could not.
    #[error("cannot read the records")]
    Records(#[source] Box<dyn Error + Send + Sync>),
    /// What was asked for makes no sense.
    #[error("`{option}` cannot be used: {reason}")]
    Option {
        /// Its name.
        option: &'static str,
        /// Why.
        reason: String,
    },
    /// A receipt has a line that is neither a meter nor a fee.
    #[error("receipt {sequence} has a line `{line}`, which is neither a meter nor a fee")]
    Line {
        /// The receipt's number.
        sequence: u64,
        /// The line's name.
        line: String,
    },
    /// A sum is more than 128 bits hold.
    #[error("the sum of {what} is too large to be written down")]
    Overflow {
        /// What was added up.
        what: String,
    },
    /// A price times a quantity is no amount.
    #[error("cannot price the sum of an hour")]
    Money(#[from] MoneyError),
    /// A column of 38 decimal digits cannot hold a number.
    #[error("{number} does not fit the column `{column}`, which holds 38 digits")]
    Digits {
        /// The column.
        column: &'static str,
        /// The number's units, without its point.
        number: u128,
    },
    /// An hour or a month ends after the year 9999.
    #[error("the period of a record ends later than can be written down")]
    Time(#[from] TimestampError),
    /// The receiver knows its customers by ids of its own, and one is missing.
    #[error("the requestor {requestor} has no customer id for `{format}`")]
    Customer {
        /// Whose id is missing.
        requestor: String,
        /// The format that needs it.
        format: &'static str,
    },
    /// More of something than is held in memory.
    #[error("there are more than {max} {what}")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many are held.
        max: usize,
    },
    /// The format is a folder, or is none, and the other was asked for.
    #[error("the format `{format}` is written to a {kind}")]
    Kind {
        /// The format.
        format: &'static str,
        /// What it is written to.
        kind: &'static str,
    },
    /// Something is there already.
    #[error("`{}` exists already", .path.display())]
    Exists {
        /// Where.
        path: PathBuf,
    },
    /// Nothing can be written there.
    #[error("cannot write `{}`", .path.display())]
    File {
        /// Where.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Nothing can be written where the caller said.
    #[error("cannot write the export")]
    Write(#[from] io::Error),
    /// The Parquet writer cannot go on.
    #[error("cannot write Parquet")]
    Parquet(#[source] parquet::errors::ParquetError),
    /// A value has no JSON form.
    #[error("cannot write JSON")]
    Json(#[source] serde_json::Error),
}

impl ExportError {
    /// What its user can do.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Exists { .. } => {
                Some("choose another path, or say that what is there may be overwritten".to_owned())
            }
            Self::TooMany { .. } => {
                Some("ask for one requestor, or for a shorter period".to_owned())
            }
            Self::Customer { .. } => {
                Some("give the receiver's id of every requestor that has been charged".to_owned())
            }
            Self::Digits { .. } => {
                Some("write it as CSV or JSON Lines, which hold any number".to_owned())
            }
            Self::Kind { kind, .. } => Some(format!("give the path of a {kind}")),
            Self::File { source, .. } | Self::Write(source)
                if source.kind() == io::ErrorKind::StorageFull =>
            {
                Some("make room on the disk, or write to another; nothing was left behind".into())
            }
            _ => None,
        }
    }
}

impl From<csv::Error> for ExportError {
    fn from(error: csv::Error) -> Self {
        match error.into_kind() {
            csv::ErrorKind::Io(error) => Self::Write(error),
            other => Self::Write(io::Error::other(format!("{other:?}"))),
        }
    }
}

impl From<serde_json::Error> for ExportError {
    fn from(error: serde_json::Error) -> Self {
        if error.is_io() {
            Self::Write(error.into())
        } else {
            Self::Json(error)
        }
    }
}

impl From<parquet::errors::ParquetError> for ExportError {
    fn from(error: parquet::errors::ParquetError) -> Self {
        use parquet::errors::ParquetError;
        match error {
            ParquetError::External(inner) => match inner.downcast::<io::Error>() {
                Ok(error) => Self::Write(*error),
                Err(inner) => Self::Parquet(ParquetError::External(inner)),
            },
            other => Self::Parquet(other),
        }
    }
}
