//! Text made by `format!`: integers, floats, padding, hexadecimal, joined.
#![no_main]

use programs::{Random, mix};

use std::fmt::Write as _;

#[unsafe(no_mangle)]
pub extern "C" fn run(n: u32) -> u64 {
    let mut random = Random::new(19);
    let mut checksum = 0;
    for round in 0..n {
        let mut text = String::new();
        for line in 0..200 {
            let (a, b) = (random.next(), random.below(1_000));
            let ratio = f64::from(b) / 37.0;
            writeln!(
                text,
                "{line:>5} {a:#010x} {b:<6}|{ratio:8.3}|{:?}",
                (a % 100, "ok")
            )
            .expect("a string can be written");
        }
        let joined = text.lines().rev().collect::<Vec<_>>().join(";");
        let bytes = joined.bytes().fold(u64::from(round), |sum, byte| {
            sum.wrapping_mul(31).wrapping_add(u64::from(byte))
        });
        checksum = mix(checksum, bytes);
    }
    checksum
}
