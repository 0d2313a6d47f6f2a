//! The `meterbox` command as a user meets it: real processes, real files, exit codes.
#![allow(clippy::print_stdout, reason = "a test that is skipped says why")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod bad_input;
mod billing;
mod commands;
mod environments;
mod harness;
mod inspect;
mod jobs;
mod ledger;
mod models;
mod profile;
mod receipts;
mod slices;
mod statements;
mod transcripts;
