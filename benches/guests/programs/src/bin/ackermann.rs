//! Ackermann's function: calls that nest deeply.
#![no_main]

use programs::mix;

#[inline(never)]
fn ackermann(m: u32, n: u32) -> u32 {
    if m == 0 {
        n + 1
    } else if n == 0 {
        ackermann(m - 1, 1)
    } else {
        let inner = ackermann(m, n - 1);
        ackermann(m - 1, inner)
    }
}

#[unsafe(no_mangle)]
pub extern "C" fn run(n: u32) -> u64 {
    (0..n).fold(0, |sum, round| {
        mix(sum, u64::from(ackermann(2 + round % 2, 7)))
    })
}
