//! Owns what a provider says that it will do, and for how much. Binds nobody until ordered.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::envelope::{Document, OFFER_TYPE};
use crate::key::PublicKey;
use crate::limits::Limits;
use crate::timestamp::Timestamp;

/// The version of the offer's form.
pub const OFFER_SCHEMA: u32 = 1;

/// The number format of a model's arithmetic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Precision {
    /// 64-bit floats.
    F64,
    /// 32-bit floats.
    F32,
    /// 16-bit floats of either kind.
    F16,
    /// 8-bit integers.
    I8,
    /// 4-bit integers.
    I4,
}

/// What keeps the provider itself from reading a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Confidentiality {
    /// Nothing: whoever owns the machine can read everything.
    None,
    /// An attested trusted execution environment.
    Attested,
}

/// What models compute on.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Device {
    /// The processor.
    #[default]
    Cpu,
    /// A graphics processor.
    Gpu,
}

/// What a provider can run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Capabilities {
    /// The kinds of programs, such as `meterbox:job@0.1.0` or `wasi:cli@0.1`.
    pub worlds: BTreeSet<String>,
    /// The WebAssembly features that modules may use.
    pub wasm_features: BTreeSet<String>,
    /// The version of the meter.
    pub meter_version: String,
    /// The number formats that models run in, as they were written.
    pub precisions: BTreeSet<Precision>,
    /// What protects a job from the provider.
    pub confidentiality: BTreeSet<Confidentiality>,
    /// What models can be computed on.
    pub devices: BTreeSet<Device>,
}

/// What a provider says that it will do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Offer {
    /// [`OFFER_SCHEMA`].
    pub schema: u32,
    /// The key that signs this offer and every receipt under it.
    pub provider_key: PublicKey,
    /// The rate card of every order that answers it.
    pub rate_card: Digest,
    /// The most that an order may ask for.
    pub limits: Limits,
    /// What it can run.
    pub capabilities: Capabilities,
    /// The first moment at which it can no longer be ordered from.
    pub expires_at: Timestamp,
}

impl Document for Offer {
    const PAYLOAD_TYPE: &'static str = OFFER_TYPE;
}
