//! Takes an order through its life: admitted, metered, run, billed, recorded.
//!
//! [`Provider::run`] is that life, an arrow a line. Knows nothing of the command line: keys, times
//! and folders arrive as arguments.

mod agreement;
mod bundle;
mod error;
mod execution;
mod lifecycle;
mod material;
mod measure;
mod policy;
mod profile;
mod programs;
mod replay;
mod store;
mod transcripts;

pub use agreement::{Disagreement, ElementDifference, Tolerance, disagreement};
pub use bundle::{BundleError, BundleWriter, MAGIC, Recorded, TRANSCRIPT_BYTES_MAX};
pub use error::ProviderError;
pub use lifecycle::{Completed, Host, KeepTranscripts, Provider, Quote};
pub use material::{Material, MaterialError};
pub use measure::options as meter_options;
/// The books that orders and receipts are kept in.
pub use meterbox_ledger as ledger;
pub use policy::Policy;
pub use profile::{Profiled, profile};
pub use replay::{Answers, CallDifference, Recompute, Replay, ReplayError, Verdict, chosen_calls};
pub use store::{Store, StoreError};
pub use transcripts::{KeptTranscript, Transcripts};
