//! The meter's rules, on programs small enough to count by hand. Each expectation is written as the sum that
//! the specification gives, in the weights of the schedule.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod bulk;
mod checks;
mod counted;
mod counted_wide;
mod exceptions;
mod floats;
mod harness;
mod near_counted;
mod segments;
mod stack;
mod sync;
