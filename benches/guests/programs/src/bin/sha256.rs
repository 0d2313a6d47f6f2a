//! SHA-256: shifts and additions in long straight code.
#![no_main]

use programs::{Random, mix};

/// The first 32 bits of a square or cube root's fraction, for the constants of FIPS 180-4.
fn fraction(root: f64) -> u32 {
    (root.fract() * 4_294_967_296.0) as u32
}

fn primes() -> impl Iterator<Item = u32> {
    (2u32..).filter(|candidate| (2..*candidate).all(|divisor| candidate % divisor != 0))
}

/// The cube root by Newton's method, which converges to what the constants need.
fn cube_root(value: f64) -> f64 {
    (0..60).fold(value / 3.0 + 1.0, |root, _| {
        root - (root * root * root - value) / (3.0 * root * root)
    })
}

struct Sha256 {
    constants: [u32; 64],
    state: [u32; 8],
}

impl Sha256 {
    fn new() -> Self {
        let (mut constants, mut state) = ([0; 64], [0; 8]);
        for (at, prime) in primes().take(64).enumerate() {
            constants[at] = fraction(cube_root(f64::from(prime)));
            if at < 8 {
                state[at] = fraction(f64::from(prime).sqrt());
            }
        }
        Self { constants, state }
    }

    #[inline(never)]
    fn block(&mut self, block: &[u8]) {
        let mut words = [0u32; 64];
        for (word, bytes) in words.iter_mut().zip(block.chunks_exact(4)) {
            *word = u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
        }
        for at in 16..64 {
            let (a, b) = (words[at - 15], words[at - 2]);
            let first = a.rotate_right(7) ^ a.rotate_right(18) ^ (a >> 3);
            let second = b.rotate_right(17) ^ b.rotate_right(19) ^ (b >> 10);
            words[at] = words[at - 16]
                .wrapping_add(first)
                .wrapping_add(words[at - 7])
                .wrapping_add(second);
        }
        let [mut a, mut b, mut c, mut d, mut e, mut f, mut g, mut h] = self.state;
        for (word, constant) in words.iter().zip(&self.constants) {
            let sum = e.rotate_right(6) ^ e.rotate_right(11) ^ e.rotate_right(25);
            let first = h
                .wrapping_add(sum)
                .wrapping_add((e & f) ^ (!e & g))
                .wrapping_add(*constant)
                .wrapping_add(*word);
            let sum = a.rotate_right(2) ^ a.rotate_right(13) ^ a.rotate_right(22);
            let second = sum.wrapping_add((a & b) ^ (a & c) ^ (b & c));
            (h, g, f) = (g, f, e);
            e = d.wrapping_add(first);
            (d, c, b) = (c, b, a);
            a = first.wrapping_add(second);
        }
        for (state, value) in self.state.iter_mut().zip([a, b, c, d, e, f, g, h]) {
            *state = state.wrapping_add(value);
        }
    }

    fn digest(mut self, message: &[u8]) -> [u32; 8] {
        let blocks = message.chunks_exact(64);
        let mut last = blocks.remainder().to_vec();
        blocks.for_each(|block| self.block(block));
        last.push(0x80);
        while last.len() % 64 != 56 {
            last.push(0);
        }
        last.extend_from_slice(&(message.len() as u64 * 8).to_be_bytes());
        last.chunks_exact(64).for_each(|block| self.block(block));
        self.state
    }
}

#[unsafe(no_mangle)]
pub extern "C" fn run(n: u32) -> u64 {
    let known = Sha256::new().digest(b"abc");
    assert_eq!(known[0], 0xba78_16bf, "FIPS 180-4's example");
    let message = Random::new(3).text(100_000);
    (0..n).fold(0, |checksum, round| {
        let digest = Sha256::new().digest(&message[round as usize..]);
        mix(checksum, u64::from(digest[0]))
    })
}
