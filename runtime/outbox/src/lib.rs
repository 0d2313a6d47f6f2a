//! Delivers events to an HTTP endpoint, and remembers what was acknowledged.
//!
//! An event is sent at least once, always under the same id, so that a receiver that drops what it has already
//! makes it exactly once. What was acknowledged is on disk before the next request goes out: after a `kill -9`
//! at any moment the next run sends again what was not, and skips nothing.
//!
//! The events come in order from whoever can make them again; nothing of them is kept but ids and digests, and
//! the reason where a receiver refused one. Clock, sleep and randomness arrive as arguments.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod answer;
pub mod backoff;
pub mod batch;
pub mod endpoint;
pub mod event;
pub mod http;
mod lock;
pub mod push;
pub mod store;
pub mod surroundings;
