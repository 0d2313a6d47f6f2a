//! Owns what its user may choose about an export. Reads no arguments and no files.

use std::collections::BTreeMap;
use std::str::FromStr;

use meterbox_billing::key::PublicKey;
use meterbox_billing::record::Record;
use meterbox_billing::text::Id;
use meterbox_billing::timestamp::Timestamp;

use crate::error::ExportError;
use crate::linear_model::LinearModel;

/// A name that fits a table's cell and a journal's line.
const NAME_BYTES_MAX: usize = 200;

/// How much one row stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Grain {
    /// All receipts of an hour that share requestor, item, rate card and unit price.
    #[default]
    Hour,
    /// One receipt.
    Receipt,
}

/// What happens at the end of the records to the hours that are still open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Ending {
    /// They are written: the export is of a period that is over, or of all there is.
    #[default]
    Write,
    /// They are held back: more records will follow, and what was written must never change.
    Withhold,
}

/// Which version of FOCUS a table follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FocusVersion {
    /// 1.2, with `ProviderName` and `PublisherName`.
    #[default]
    V1_2,
    /// 1.4, with `ServiceProviderName` and `HostProviderName` in their place.
    V1_4,
}

/// What its user may choose about an export.
#[derive(Debug, Clone)]
pub struct Options {
    /// The first moment whose records count.
    pub from: Option<Timestamp>,
    /// The first moment whose records no longer count.
    pub to: Option<Timestamp>,
    /// The only requestor whose records count.
    pub requestor: Option<PublicKey>,
    /// How much one row stands for.
    pub grain: Grain,
    /// What happens to open hours at the end.
    pub ending: Ending,
    /// The version of FOCUS.
    pub focus: FocusVersion,
    /// The provider's name, as buyers know it.
    pub provider_name: String,
    /// The invoice that all of it is on, where there is one.
    pub invoice_id: Option<Id>,
    /// Where events come from: the `source` of a CloudEvent, a URI reference.
    pub event_source: String,
    /// The receiver's ids of requestors, by key in hexadecimal.
    pub customers: BTreeMap<String, String>,
    /// The payment model by which Golem's amounts are computed; without one they are the receipts' own.
    pub linear_model: Option<LinearModel>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            from: None,
            to: None,
            requestor: None,
            grain: Grain::default(),
            ending: Ending::default(),
            focus: FocusVersion::default(),
            provider_name: "Meterbox".to_owned(),
            invoice_id: None,
            event_source: "meterbox".to_owned(),
            customers: BTreeMap::new(),
            linear_model: None,
        }
    }
}

impl Options {
    /// Whether they make sense together.
    pub fn check(&self) -> Result<(), ExportError> {
        let bad = |option, reason: String| Err(ExportError::Option { option, reason });
        if let (Some(from), Some(to)) = (self.from, self.to)
            && to <= from
        {
            return bad("to", format!("{to} is not after `from`, {from}"));
        }
        for (option, name) in [
            ("provider_name", &self.provider_name),
            ("event_source", &self.event_source),
        ] {
            check_name(option, name)?;
        }
        for id in self.customers.values() {
            check_name("customers", id)?;
        }
        Ok(())
    }

    /// Whether a record counts.
    #[must_use]
    pub fn take(&self, record: &Record) -> bool {
        let at = record.at();
        self.from.is_none_or(|from| from <= at)
            && self.to.is_none_or(|to| at < to)
            && self
                .requestor
                .is_none_or(|requestor| requestor == *record.requestor())
    }
}

fn check_name(option: &'static str, name: &str) -> Result<(), ExportError> {
    let reason = if name.trim().is_empty() {
        "it is empty".to_owned()
    } else if name.len() > NAME_BYTES_MAX {
        format!("it has more than {NAME_BYTES_MAX} bytes")
    } else if name.chars().any(char::is_control) {
        "it holds a control character".to_owned()
    } else {
        return Ok(());
    };
    Err(ExportError::Option { option, reason })
}

/// A text that names no choice.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no {what} `{text}`: {choices}")]
pub struct UnknownChoice {
    what: &'static str,
    text: String,
    choices: &'static str,
}

impl FromStr for Grain {
    type Err = UnknownChoice;

    fn from_str(text: &str) -> Result<Self, UnknownChoice> {
        match text {
            "hour" => Ok(Self::Hour),
            "receipt" => Ok(Self::Receipt),
            _ => Err(UnknownChoice {
                what: "grain",
                text: text.chars().take(48).collect(),
                choices: "a row is of an `hour` or of a `receipt`",
            }),
        }
    }
}

impl FromStr for FocusVersion {
    type Err = UnknownChoice;

    fn from_str(text: &str) -> Result<Self, UnknownChoice> {
        match text {
            "1.2" => Ok(Self::V1_2),
            "1.4" => Ok(Self::V1_4),
            _ => Err(UnknownChoice {
                what: "version of FOCUS",
                text: text.chars().take(48).collect(),
                choices: "`1.2` and `1.4` are written",
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(change: impl FnOnce(&mut Options)) -> String {
        let mut options = Options::default();
        options.check().unwrap();
        change(&mut options);
        options.check().unwrap_err().to_string()
    }

    #[test]
    fn senseless_options_are_refused_by_name() {
        let day = |text: &str| Some(text.parse().unwrap());
        let text = refused(|options| {
            options.from = day("2026-12-01T00:00:00Z");
            options.to = day("2026-12-01T00:00:00Z");
        });
        assert_eq!(
            text,
            "`to` cannot be used: 2026-12-01T00:00:00Z is not after `from`, 2026-12-01T00:00:00Z"
        );
        assert!(refused(|options| options.provider_name = " ".into()).contains("provider_name"));
        assert!(refused(|options| options.provider_name = "a\nb".into()).contains("control"));
        assert!(refused(|options| options.provider_name = "x".repeat(201)).contains("200"));
        let customer = ("key".to_owned(), String::new());
        assert!(refused(|options| options.customers = [customer].into()).contains("customers"));
    }

    #[test]
    fn unknown_choices_are_refused_with_the_known_ones() {
        assert_eq!("receipt".parse(), Ok(Grain::Receipt));
        assert_eq!("1.4".parse(), Ok(FocusVersion::V1_4));
        let error = "day".parse::<Grain>().unwrap_err().to_string();
        assert_eq!(
            error,
            "there is no grain `day`: a row is of an `hour` or of a `receipt`"
        );
        assert!("1.3".parse::<FocusVersion>().is_err());
    }
}
