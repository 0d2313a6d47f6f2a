//! Workers that misbehave, and what becomes of it. See `../attacker` for how they do.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![allow(
    clippy::print_stdout,
    reason = "a test that is skipped says why, and the table is worth reading"
)]

mod attacks;
mod channel;
mod fixture;
mod life;
mod reports;
