//! Proves that a receipt is in a provider's log, and that the log only grew.
//!
//! Pure: digests and texts in, texts and verdicts out. Nothing here opens a file, reads a clock or draws a random
//! number, so the crate builds for WebAssembly too.
//!
//! The log is the list of a provider's receipts in the order of their numbers; the digest of each receipt's
//! payload is a leaf of a [`tree`] as RFC 6962 defines it. A [`checkpoint`] is a signed [`note`] of the tree's
//! size and root, which witnesses may co-sign. A [`proof`] ties a receipt to a checkpoint, or a checkpoint to an
//! earlier one; a [`proof_file`] carries it to whoever checks it, with [`check`] and without a network. Where
//! only a root is wanted, a [`frontier`] comes to the same one in the memory of 64 digests.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod check;
pub mod checkpoint;
pub mod frontier;
pub mod note;
pub mod proof;
pub mod proof_file;
pub mod prove;
pub mod tree;

#[cfg(test)]
mod fixture;
