//! Calls itself for ever; each call is needed after the next returns, so none is a loop.

use std::hint::black_box;

use meterbox_guest::Job;

#[meterbox_guest::job]
fn main(_job: Job) -> Result<(), String> {
    Err(format!("the recursion came back, with {}", deeper(1)))
}

#[inline(never)]
#[allow(unconditional_recursion)] // on purpose
fn deeper(depth: u64) -> u64 {
    let below = black_box(deeper as fn(u64) -> u64)(black_box(depth + 1));
    black_box(below) ^ depth
}
