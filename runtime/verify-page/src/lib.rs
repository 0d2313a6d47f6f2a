//! Verifies a receipt in a browser, from one file that needs no network.
//!
//! [`answer()`] does the work: a request as JSON in, what is to be shown as JSON out. The same code as
//! `meterbox receipt verify`, compiled to WebAssembly; [`page()`](page::page) puts that into an HTML file, and the
//! private module `abi` is how the file's script calls it.
#![cfg_attr(test, allow(clippy::unwrap_used))]

#[cfg(target_family = "wasm")]
mod abi;
mod answer;
pub mod page;

pub use answer::answer;

/// The sample documents of the unit tests of billing, which name its modules as their crate's.
#[cfg(test)]
#[path = "../../billing/src/fixture.rs"]
#[allow(dead_code)]
mod fixture;
#[cfg(test)]
use meterbox_billing::{
    bill, digest, envelope, job, key, limits, model_use, money, offer, order, outcome, rate_card,
    receipt, timestamp, transcript, usage,
};
