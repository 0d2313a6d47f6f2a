//! A compressor in the manner of LZ77 with a hash of three bytes, and back.
#![no_main]

use programs::{Random, mix};

const WINDOW: usize = 1 << 13;
const MATCH_MIN: usize = 4;
const MATCH_MAX: usize = 130;

fn hash(bytes: &[u8]) -> usize {
    let word = u32::from(bytes[0]) | u32::from(bytes[1]) << 8 | u32::from(bytes[2]) << 16;
    (word.wrapping_mul(506_832_829) >> 19) as usize
}

fn literals(packed: &mut Vec<u8>, bytes: &[u8]) {
    for piece in bytes.chunks(127) {
        packed.push(piece.len() as u8);
        packed.extend_from_slice(piece);
    }
}

fn compress(bytes: &[u8]) -> Vec<u8> {
    let mut heads = vec![usize::MAX; 1 << 13];
    let mut packed = Vec::with_capacity(bytes.len());
    let (mut at, mut literal) = (0, 0);
    while at + MATCH_MIN <= bytes.len() {
        let slot = hash(&bytes[at..]);
        let candidate = heads[slot];
        heads[slot] = at;
        let mut length = 0;
        if candidate != usize::MAX && at - candidate <= WINDOW {
            let most = MATCH_MAX.min(bytes.len() - at);
            while length < most && bytes[candidate + length] == bytes[at + length] {
                length += 1;
            }
        }
        if length < MATCH_MIN {
            at += 1;
            continue;
        }
        literals(&mut packed, &bytes[literal..at]);
        packed.push(0x80 | (length - MATCH_MIN) as u8);
        packed.extend_from_slice(&((at - candidate) as u16).to_le_bytes());
        at += length;
        literal = at;
    }
    literals(&mut packed, &bytes[literal..]);
    packed
}

fn expand(packed: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut at = 0;
    while at < packed.len() {
        let head = packed[at];
        if head & 0x80 == 0 {
            let length = usize::from(head);
            bytes.extend_from_slice(&packed[at + 1..at + 1 + length]);
            at += 1 + length;
        } else {
            let length = usize::from(head & 0x7f) + MATCH_MIN;
            let distance = usize::from(u16::from_le_bytes([packed[at + 1], packed[at + 2]]));
            for _ in 0..length {
                bytes.push(bytes[bytes.len() - distance]);
            }
            at += 3;
        }
    }
    bytes
}

#[unsafe(no_mangle)]
pub extern "C" fn run(n: u32) -> u64 {
    let mut checksum = 0;
    for round in 0..n {
        let text = Random::new(round + 1).text(120_000);
        let packed = compress(&text);
        assert!(expand(&packed) == text, "what was packed comes back");
        checksum = mix(checksum, packed.len() as u64);
    }
    checksum
}
