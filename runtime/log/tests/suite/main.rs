//! What crosses crates: whatever bytes come as a document, and what was kept of those that were drawn.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod fuzzed;
mod seeds;
