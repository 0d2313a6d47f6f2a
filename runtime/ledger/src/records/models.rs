//! Owns how a record keeps what a charge used of models: as canonical JSON, since most used none.

use meterbox_billing::canonical::{from_json_strict, to_canonical_json};
use meterbox_billing::record::ChargedModel;

use crate::LedgerError;

/// The text of a row.
pub(super) fn write(models: &[ChargedModel]) -> Result<String, LedgerError> {
    let bytes = to_canonical_json(models).map_err(|error| unreadable(&error))?;
    String::from_utf8(bytes).map_err(|error| unreadable(&error))
}

/// What a row's text says.
pub(super) fn read(text: Option<&str>) -> Result<Vec<ChargedModel>, LedgerError> {
    match text {
        None => Ok(Vec::new()),
        Some(text) => from_json_strict(text.as_bytes()).map_err(|error| unreadable(&error)),
    }
}

fn unreadable(error: &dyn std::fmt::Display) -> LedgerError {
    LedgerError::Corrupt {
        reason: format!("`records.models`: {error}"),
    }
}
