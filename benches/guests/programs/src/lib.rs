//! What the programs share: matrices, their contents, and numbers that look random. Computes nothing
//! that is measured.

/// A matrix whose size the compiler knows, as PolyBench's are.
pub type Matrix<const ROWS: usize, const COLUMNS: usize> = [[f64; COLUMNS]; ROWS];

/// Values on the heap, where a large array belongs.
///
/// # Panics
/// Never: the length is the type's.
#[must_use]
pub fn boxed<T: Clone, const LENGTH: usize>(value: T) -> Box<[T; LENGTH]> {
    vec![value; LENGTH]
        .into_boxed_slice()
        .try_into()
        .ok()
        .expect("as long as it was made")
}

/// A matrix of zeros.
#[must_use]
pub fn zeros<const ROWS: usize, const COLUMNS: usize>() -> Box<Matrix<ROWS, COLUMNS>> {
    boxed([0.0; COLUMNS])
}

/// Fills a matrix with values in 0..1 that differ between rounds.
pub fn fill<const COLUMNS: usize>(matrix: &mut [[f64; COLUMNS]], round: u32) {
    for (row, values) in matrix.iter_mut().enumerate() {
        for (column, value) in values.iter_mut().enumerate() {
            *value = entry(row, column, round);
        }
    }
}

/// Fills a vector with values in 0..1 that differ between rounds.
pub fn fill_vector(vector: &mut [f64], round: u32) {
    for (at, value) in vector.iter_mut().enumerate() {
        *value = entry(at, at * 3, round);
    }
}

fn entry(row: usize, column: usize, round: u32) -> f64 {
    let mixed = (row * 7 + column * 13 + round as usize * 31 + row * column) % 1021;
    mixed as f64 / 1021.0
}

/// Sums a matrix, for a checksum.
#[must_use]
pub fn sum<const COLUMNS: usize>(matrix: &[[f64; COLUMNS]]) -> f64 {
    matrix.iter().flatten().sum()
}

/// A xorshift generator.
pub struct Random(u32);

impl Random {
    /// One that gives the same numbers whenever it is made from the same seed.
    #[must_use]
    pub fn new(seed: u32) -> Self {
        Self(seed.wrapping_mul(2_654_435_769) | 1)
    }

    /// The next number.
    #[allow(clippy::should_implement_trait, reason = "it never ends")]
    pub fn next(&mut self) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        self.0
    }

    /// The next number below `bound`.
    pub fn below(&mut self, bound: u32) -> u32 {
        self.next() % bound
    }

    /// Text of words from a small vocabulary.
    #[must_use]
    pub fn text(&mut self, bytes: usize) -> Vec<u8> {
        const WORDS: [&str; 12] = [
            "meter", "box", "the", "of", "loop", "wasm", "engine", "count", "a", "every", "block",
            "receipt",
        ];
        let mut text = Vec::with_capacity(bytes + 16);
        while text.len() < bytes {
            text.extend_from_slice(WORDS[self.below(12) as usize].as_bytes());
            text.push(if self.below(9) == 0 { b'\n' } else { b' ' });
        }
        text.truncate(bytes);
        text
    }
}

/// Adds a value to a checksum.
#[must_use]
pub fn mix(checksum: u64, value: u64) -> u64 {
    (checksum ^ value)
        .wrapping_mul(0x0100_0000_01b3)
        .rotate_left(23)
}
