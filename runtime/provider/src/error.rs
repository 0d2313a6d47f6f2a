//! Why an order comes to no receipt.

use meterbox_billing::bill::PriceError;
use meterbox_billing::canonical::CanonicalError;
use meterbox_billing::digest::Digest;
use meterbox_billing::envelope::EnvelopeError;
use meterbox_billing::key::KeyError;
use meterbox_billing::order::OrderError;
use meterbox_billing::rate_card::RateCardError;
use meterbox_meter::MeterError;
use meterbox_sandbox::{Fault, Refusal, RunError};

use crate::bundle::BundleError;
use crate::ledger::LedgerError;
use crate::material::MaterialError;
use crate::store::StoreError;

/// Why an order comes to no receipt. Nobody is billed.
#[derive(Debug, thiserror::Error)]
pub enum ProviderError {
    /// The order's envelope does not hold.
    #[error("the order's signature does not hold")]
    Signature(#[source] EnvelopeError),
    /// The order does not fit the offer, the card or the time.
    #[error("the order was refused")]
    Order(#[from] OrderError),
    /// The program cannot be metered.
    #[error("the program was refused")]
    Meter(#[from] MeterError),
    /// The program cannot be run here.
    #[error("the program was refused")]
    Program(#[from] Refusal),
    /// What came with the order is not what it names.
    #[error("what came with the order is not what it names")]
    Material(#[from] MaterialError),
    /// The host failed while the job ran. The order's hold is released.
    #[error("the provider failed, and the job is not billed")]
    Fault(#[from] Fault),
    /// The transcript could not be kept. The order's hold is released.
    #[error("the provider failed to keep the transcript, and the job is not billed")]
    Transcript(#[from] BundleError),
    /// What the job left could not be kept. The order's hold is released.
    #[error("the provider failed to keep what the job left, and it is not billed")]
    Outputs(#[from] StoreError),
    /// The ledger refused.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The usage cannot be priced.
    #[error("the usage cannot be priced")]
    Price(#[from] PriceError),
    /// The rate card does not hold.
    #[error("the rate card does not hold")]
    RateCard(#[from] RateCardError),
    /// A document cannot be written.
    #[error("a document cannot be written")]
    Canonical(#[from] CanonicalError),
    /// A document cannot be sealed or opened.
    #[error("a document cannot be sealed or opened")]
    Envelope(#[from] EnvelopeError),
    /// A key cannot be used.
    #[error("a key cannot be used")]
    Key(#[from] KeyError),
    /// A name that the sandbox gave cannot stand in a receipt. A fault of ours.
    #[error("the sandbox named `{0}`, which cannot stand in a receipt")]
    Name(String),
    /// The order is for another job than the one given.
    #[error("the receipt of the order {0} is for another order")]
    OtherOrder(Digest),
}

impl ProviderError {
    /// Whether the order, or what came with it, is to blame.
    #[must_use]
    pub fn is_refusal(&self) -> bool {
        matches!(
            self,
            Self::Signature(_)
                | Self::Order(_)
                | Self::Meter(_)
                | Self::Program(_)
                | Self::Material(_)
        )
    }

    /// What the person who reads the error can do.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Order(error) => error.hint(),
            Self::Ledger(error) => error.hint().map(|hint| hint.to_string()),
            Self::RateCard(error) => error.hint().map(|hint| hint.to_string()),
            Self::Program(Refusal::Memory { .. }) => Some("raise the limit `memory_bytes`".into()),
            Self::Program(Refusal::Tables { .. }) => Some("raise the limit `table_elements`".into()),
            Self::Program(Refusal::UnknownImport { .. }) => Some(
                "a job can import WASI 0.1, or the interfaces of world `meterbox:job/job`, and nothing else".into(),
            ),
            Self::Program(Refusal::NothingToRun) => Some(
                "build a WASI command, or a component of world `meterbox:job/job` with the guest SDK".into(),
            ),
            Self::Meter(MeterError::NotWasm) => {
                Some("give a .wasm file (a module or a component), a .wat file or a job.toml".into())
            }
            Self::Fault(_) => Some("the order can be handed in again".into()),
            _ => None,
        }
    }
}

impl From<RunError> for ProviderError {
    fn from(error: RunError) -> ProviderError {
        match error {
            RunError::Refusal(refusal) => ProviderError::Program(refusal),
            RunError::Fault(fault) => ProviderError::Fault(fault),
        }
    }
}
