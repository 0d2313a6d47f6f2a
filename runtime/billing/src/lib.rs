//! Prices usage, and signs and checks what was agreed.
//!
//! Pure: bytes in, values out. Times, nonces and secret keys arrive as arguments; nothing here
//! opens a file, reads a clock or draws a random number, so the crate builds for WebAssembly too.
//!
//! The way of a bill: [`usage`] × [`rate_card`] → [`bill`], which a [`receipt`] carries inside an
//! [`envelope`], and which [`verify`] checks without trusting whoever signed it.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod acceptance;
pub mod agreement;
pub mod audit;
pub mod bill;
pub mod canonical;
pub mod credit;
pub mod decimal;
pub mod digest;
pub mod draft;
pub mod envelope;
pub mod explain;
pub mod hex;
pub mod inspection;
pub mod job;
pub mod key;
pub mod limits;
pub mod model_use;
pub mod money;
pub mod offer;
pub mod order;
pub mod outcome;
pub mod rate_card;
pub mod receipt;
pub mod record;
pub mod schema;
pub mod slices;
pub mod text;
pub mod timestamp;
pub mod transcript;
pub mod usage;
pub mod verify;

#[cfg(test)]
mod fixture;
