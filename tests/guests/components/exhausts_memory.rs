//! Takes and touches memory until there is no more, which ends it.

use std::hint::black_box;

use meterbox_guest::Job;

const BLOCK_BYTES: usize = 1024 * 1024;

#[meterbox_guest::job]
fn main(_job: Job) {
    let mut blocks = Vec::new();
    loop {
        blocks.push(black_box(vec![1_u8; BLOCK_BYTES]));
    }
}
