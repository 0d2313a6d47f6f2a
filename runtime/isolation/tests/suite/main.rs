//! Workers that misbehave, and what becomes of it. See `../attacker` for how they do.

mod attacks;
mod channel;
mod fixture;
mod life;
mod reports;
