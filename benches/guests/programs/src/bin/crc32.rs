//! CRC-32 by a table: a load that depends on the load before.
#![no_main]

use programs::{Random, mix};

fn table() -> [u32; 256] {
    let mut table = [0; 256];
    for (at, entry) in (0u32..).zip(&mut table) {
        *entry = (0..8).fold(at, |value, _| (value >> 1) ^ (0xedb8_8320 * (value & 1)));
    }
    table
}

#[inline(never)]
fn crc32(bytes: &[u8], table: &[u32; 256]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (crc >> 8) ^ table[usize::from(*byte ^ crc as u8)]
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn run(n: u32) -> u64 {
    let table = table();
    assert_eq!(crc32(b"123456789", &table), 0xcbf4_3926, "the usual check");
    let text = Random::new(31).text(100_000);
    (0..n).fold(0, |checksum, round| {
        mix(checksum, u64::from(crc32(&text[round as usize..], &table)))
    })
}
