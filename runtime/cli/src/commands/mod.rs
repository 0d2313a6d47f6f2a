//! The commands, one file each.

pub mod audit;
pub mod billing;
pub mod doctor;
pub mod inspect;
pub mod key;
pub mod ledger;
pub mod log;
pub mod meter;
pub mod model;
pub mod profile;
pub mod quote;
pub mod rates;
pub mod receipt;
pub mod run;
pub mod transcript;

use clap::ValueEnum;
use meterbox_sandbox::OptLevel;

/// How hard the compiler tries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OptLevelFlag {
    /// Compile fast.
    None,
    /// Run fast.
    Speed,
}

impl From<OptLevelFlag> for OptLevel {
    fn from(flag: OptLevelFlag) -> OptLevel {
        match flag {
            OptLevelFlag::None => OptLevel::None,
            OptLevelFlag::Speed => OptLevel::Speed,
        }
    }
}

/// How results are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Text,
    /// For programs.
    Json,
}
