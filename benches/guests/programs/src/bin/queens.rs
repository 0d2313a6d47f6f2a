//! The queens problem by recursion on bit sets.
#![no_main]

use programs::mix;

#[inline(never)]
fn solutions(columns: u32, left: u32, right: u32, all: u32) -> u64 {
    if columns == all {
        return 1;
    }
    let mut free = all & !(columns | left | right);
    let mut count = 0;
    while free != 0 {
        let queen = free & free.wrapping_neg();
        free ^= queen;
        count += solutions(
            columns | queen,
            (left | queen) << 1,
            (right | queen) >> 1,
            all,
        );
    }
    count
}

#[unsafe(no_mangle)]
pub extern "C" fn run(n: u32) -> u64 {
    (0..n).fold(0, |checksum, round| {
        let size = 8 + round % 2;
        mix(checksum, solutions(0, 0, 0, (1 << size) - 1))
    })
}
