//! Eratosthenes' sieve: a tight loop with a variable step.
#![no_main]

use programs::mix;

const LIMIT: usize = 200_000;

#[inline(never)]
fn sieve(composite: &mut [u8], salt: usize) -> u64 {
    composite.fill(0);
    let limit = composite.len() - salt;
    let mut primes = 0;
    for candidate in 2..limit {
        if composite[candidate] == 0 {
            primes += 1;
            let mut multiple = candidate * 2;
            while multiple < limit {
                composite[multiple] = 1;
                multiple += candidate;
            }
        }
    }
    primes
}

#[unsafe(no_mangle)]
pub extern "C" fn run(n: u32) -> u64 {
    let mut composite = vec![0; LIMIT];
    (0..n).fold(0, |checksum, round| {
        mix(checksum, sieve(&mut composite, round as usize % 7))
    })
}
