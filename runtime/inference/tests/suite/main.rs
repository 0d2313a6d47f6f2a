//! Checks of the crate from outside, in one program: costs against hand counts, refusals, computing.

#![allow(
    clippy::unwrap_used,
    reason = "a failed expectation of a test's own helper is a failed test"
)]

mod at_hand;
mod build;
mod costs;
mod drawn;
mod engines;
mod flow;
mod fuzzed;
mod hostile;
mod magika;
mod refusals;
mod rewriting;
mod seeds;
mod silero;
mod small_graphs;
mod within;
