//! Stretches a seed into bytes, the same everywhere. Knows nothing of programs.

/// Bytes that a generated program is written from: more than any uses up.
const LENGTH_BYTES: usize = 3200;

/// The bytes of a seed (splitmix64).
#[must_use]
pub fn bytes(seed: u64) -> Vec<u8> {
    let mut state = seed;
    let words = std::iter::repeat_with(|| next(&mut state).to_le_bytes());
    words.flatten().take(LENGTH_BYTES).collect()
}

fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}
