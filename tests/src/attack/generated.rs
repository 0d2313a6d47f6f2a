//! Attacks that would be too long to write down. Each is made here, in the form of the others.

use std::fmt::Write as _;

/// The names and texts of all of them.
pub(super) fn all() -> Vec<(&'static str, String)> {
    Vec::new()
}
