//! The sandbox as its users see it: a program and a job go in, an outcome and its usage come out.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![allow(clippy::print_stdout, reason = "a test that is skipped says why")]

mod attacks;
mod by_hand;
mod calls;
mod charges;
mod commands;
mod components;
mod files;
mod job;
mod kept;
mod linker;
mod models;
mod nn;
mod recursion;
mod rules;
mod streams;
mod workers;
