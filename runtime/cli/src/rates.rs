//! The rate card that a command uses. Prices nothing.

use std::path::Path;

use meterbox_billing::rate_card::{RateCard, default_card};

use crate::exit::Exit;
use crate::failure::Failure;
use crate::program::read_at_most;

/// A rate card's file: a card has a price a meter, and comments.
const CARD_BYTES_MAX: u64 = 1 << 20;

/// The card in this file, else the built-in one.
pub fn card(path: Option<&Path>) -> Result<RateCard, Failure> {
    let Some(path) = path else {
        return default_card().map_err(|error| {
            Failure::caused(Exit::Fault, "the built-in rate card does not hold", &error)
        });
    };
    let bytes = read_at_most(path, CARD_BYTES_MAX)?;
    let text = String::from_utf8(bytes).map_err(|error| Failure::reading(path, &error))?;
    RateCard::from_toml(&text).map_err(|error| {
        let hint = error.hint();
        Failure::caused(
            Exit::Refused,
            format!("the rate card `{}` was refused", path.display()),
            &error,
        )
        .maybe_hint(hint)
    })
}
