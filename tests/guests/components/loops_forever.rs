//! Computes for ever, without a call to the host.

use std::hint::black_box;

use meterbox_guest::Job;

#[meterbox_guest::job]
fn main(_job: Job) {
    let mut state = 1_u64;
    while black_box(state) != 0 {
        // Odd times odd stays odd, so it is never 0.
        state = state.wrapping_mul(6_364_136_223_846_793_005);
    }
}
