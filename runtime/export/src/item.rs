//! Owns what a bill's line is for: a meter or a fee, and the names that exports give it. Prices nothing.

use std::fmt;

use meterbox_billing::bill::{CANCELLATION_CHARGE, JOB_FEE, MINIMUM_CHARGE};
use meterbox_billing::usage::Meter;

/// What a line is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Item {
    /// Units of a meter.
    Meter(Meter),
    /// The card's fee for a job.
    JobFee,
    /// What was missing to the card's minimum. Its price differs from job to job.
    MinimumCharge,
    /// What a cancelled job costs that had to be killed.
    CancellationCharge,
}

/// A service as buyers see it. Each is of one category.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// Running programs.
    Compute,
    /// Bytes in and out.
    Networking,
    /// Running models.
    Inference,
}

impl Service {
    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Compute => "Meterbox Compute",
            Self::Networking => "Meterbox Networking",
            Self::Inference => "Meterbox Inference",
        }
    }

    /// Its category in FOCUS.
    #[must_use]
    pub const fn category(self) -> &'static str {
        match self {
            Self::Compute => "Compute",
            Self::Networking => "Networking",
            Self::Inference => "AI and Machine Learning",
        }
    }
}

impl Item {
    /// Every item, in the order in which bills list them.
    pub fn all() -> impl Iterator<Item = Self> {
        let meters = Meter::ALL.iter().map(|meter| Self::Meter(*meter));
        meters.chain([Self::JobFee, Self::MinimumCharge, Self::CancellationCharge])
    }

    /// The item of a bill's line.
    #[must_use]
    pub fn of_line(name: &str) -> Option<Self> {
        match name {
            JOB_FEE => Some(Self::JobFee),
            MINIMUM_CHARGE => Some(Self::MinimumCharge),
            CANCELLATION_CHARGE => Some(Self::CancellationCharge),
            meter => meter.parse().ok().map(Self::Meter),
        }
    }

    /// Its name in bills.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Meter(meter) => meter.name(),
            Self::JobFee => JOB_FEE,
            Self::MinimumCharge => MINIMUM_CHARGE,
            Self::CancellationCharge => CANCELLATION_CHARGE,
        }
    }

    /// What one of its units is, in words.
    #[must_use]
    pub const fn unit(self) -> &'static str {
        match self {
            Self::Meter(meter) => meter.unit(),
            _ => "job",
        }
    }

    /// Its unit as FOCUS writes units: capitalised plurals, `B` for bytes, a hyphen in products.
    #[must_use]
    pub const fn focus_unit(self) -> &'static str {
        match self {
            Self::Meter(meter) => match meter {
                Meter::Instructions => "Instructions",
                Meter::MemoryPageInstructions => "Page-Instructions",
                Meter::MemoryPagesPeak => "Pages",
                Meter::HostCalls | Meter::AdmissionUnits => "Units",
                Meter::BytesIn
                | Meter::BytesOut
                | Meter::InferenceWeightBytes
                | Meter::InferenceTensorBytes => "B",
                Meter::InferenceOpsF64
                | Meter::InferenceOpsF32
                | Meter::InferenceOpsF16
                | Meter::InferenceOpsI8
                | Meter::InferenceOpsI4 => "Operations",
                Meter::InferenceModelByteInstructions => "B-Instructions",
                Meter::TokensPrompt | Meter::TokensCached | Meter::TokensOutput => "Tokens",
            },
            _ => "Jobs",
        }
    }

    /// The service that it belongs to.
    #[must_use]
    pub const fn service(self) -> Service {
        match self {
            Self::Meter(meter) => match meter {
                Meter::BytesIn | Meter::BytesOut => Service::Networking,
                Meter::InferenceOpsF64
                | Meter::InferenceOpsF32
                | Meter::InferenceOpsF16
                | Meter::InferenceOpsI8
                | Meter::InferenceOpsI4
                | Meter::InferenceWeightBytes
                | Meter::InferenceTensorBytes
                | Meter::InferenceModelByteInstructions
                | Meter::TokensPrompt
                | Meter::TokensCached
                | Meter::TokensOutput => Service::Inference,
                Meter::Instructions
                | Meter::MemoryPageInstructions
                | Meter::MemoryPagesPeak
                | Meter::HostCalls
                | Meter::AdmissionUnits => Service::Compute,
            },
            _ => Service::Compute,
        }
    }

    /// Whether a quantity of it has one price by the card. What is missing to a minimum has none.
    #[must_use]
    pub const fn has_unit_price(self) -> bool {
        !matches!(self, Self::MinimumCharge)
    }
}

impl fmt::Display for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_item_is_found_by_its_name_and_nothing_else_is() {
        assert_eq!(Item::all().count(), Meter::ALL.len() + 3);
        for item in Item::all() {
            assert_eq!(Item::of_line(item.name()), Some(item));
        }
        assert_eq!(Item::of_line("wall_time"), None);
    }
}
