//! Takes an order through its life: admitted, metered, run, billed, recorded.
//!
//! [`Provider::run`] is that life, an arrow a line. Knows nothing of the command line: keys, times
//! and folders arrive as arguments.

mod error;
pub mod ledger;
mod lifecycle;
mod material;
mod measure;
mod profile;
mod programs;
mod replay;
mod store;

pub use error::ProviderError;
pub use lifecycle::{Completed, Host, Policy, Provider, Quote};
pub use material::{Material, MaterialError};
pub use measure::options as meter_options;
pub use profile::{Profiled, profile};
pub use replay::{ReplayError, Verdict, replay};
pub use store::{Store, StoreError};
