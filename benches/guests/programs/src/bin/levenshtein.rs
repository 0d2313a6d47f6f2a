//! The edit distance of two texts: minima over two rows.
#![no_main]

use programs::{Random, mix};

fn distance(left: &[u8], right: &[u8]) -> u32 {
    let mut row: Vec<u32> = (0..).take(right.len() + 1).collect();
    for (above, a) in (1u32..).zip(left) {
        let mut diagonal = row[0];
        row[0] = above;
        for (at, b) in right.iter().enumerate() {
            let replaced = diagonal + u32::from(a != b);
            diagonal = row[at + 1];
            row[at + 1] = replaced.min(row[at] + 1).min(diagonal + 1);
        }
    }
    row[right.len()]
}

#[unsafe(no_mangle)]
pub extern "C" fn run(n: u32) -> u64 {
    (0..n).fold(0, |checksum, round| {
        let left = Random::new(round + 1).text(1_000);
        let right = Random::new(round + 77).text(1_100);
        mix(checksum, u64::from(distance(&left, &right)))
    })
}
