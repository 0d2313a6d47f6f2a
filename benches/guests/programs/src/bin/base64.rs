//! Base64 there and back: tables of bytes.
#![no_main]

use programs::{Random, mix};

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

fn encode(bytes: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(bytes.len().div_ceil(3) * 4);
    for piece in bytes.chunks(3) {
        let byte = |at: usize| u32::from(piece.get(at).copied().unwrap_or(0));
        let word = byte(0) << 16 | byte(1) << 8 | byte(2);
        for place in 0..4 {
            if place > piece.len() {
                text.push(b'=');
            } else {
                text.push(ALPHABET[(word >> (18 - 6 * place) & 63) as usize]);
            }
        }
    }
    text
}

fn decode(text: &[u8], values: &[u8; 256]) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut word, mut bits) = (0u32, 0);
    for character in text.iter().take_while(|character| **character != b'=') {
        let value = values[usize::from(*character)];
        if value == 0xff {
            return None;
        }
        word = word << 6 | u32::from(value);
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push((word >> bits) as u8);
        }
    }
    Some(bytes)
}

#[unsafe(no_mangle)]
pub extern "C" fn run(n: u32) -> u64 {
    let mut values = [0xff; 256];
    for (value, character) in ALPHABET.iter().enumerate() {
        values[usize::from(*character)] = value as u8;
    }
    let mut random = Random::new(5);
    let bytes: Vec<u8> = (0..100_000).map(|_| random.next() as u8).collect();
    let mut checksum = 0;
    for round in 0..n {
        let bytes = &bytes[round as usize..];
        let text = encode(bytes);
        let decoded = decode(&text, &values).expect("only characters of the alphabet");
        assert!(decoded == bytes, "what was encoded comes back");
        checksum = mix(checksum, u64::from(text[text.len() / 2]));
    }
    checksum
}
