//! Runs programs on the meter's two implementations, and compares all that they did: results, traps,
//! counts, memories and globals. Knows no files, and no randomness but what it is given.

#![allow(
    clippy::unwrap_used,
    reason = "a check that cannot go on fails, with where it did"
)]

pub mod case;
pub mod compare;
pub mod engine;
pub mod generator;
pub mod host;
pub mod reference;
pub mod seed;
pub mod targets;
