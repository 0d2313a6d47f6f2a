//! What is run, and what came of it, in terms that every engine shares. Runs nothing.

/// A value, as the bits that it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bits {
    I32(u32),
    I64(u64),
    F32(u32),
    F64(u64),
    V128(u128),
    /// A reference: whether it is null.
    Ref(bool),
}

/// One call of one export.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    pub export: String,
    pub arguments: Vec<Bits>,
    /// Units left when the instance is there.
    pub left: i64,
    pub stack_units: i32,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    Returned(Vec<Bits>),
    /// A trap of the program's own, by the name that the specification's suite gives it.
    Trapped(String),
    Exception,
    /// The meter ended it.
    Limited,
}

/// All that a run can be seen to have done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Done {
    pub ending: Ending,
    pub left: i64,
    /// Below zero if the stack was exhausted; else no matter.
    pub stack_exhausted: bool,
    pub pages_grown: u64,
    pub grown_low: u64,
    pub grown_high: u64,
    /// Exported globals, in the order of the exports.
    pub globals: Vec<Bits>,
    /// Of each exported memory: its bytes, as a number of bytes and a hash of them.
    pub memories: Vec<(usize, u64)>,
}

/// A hash of bytes (FNV-1a, by words of eight bytes): for telling runs apart, not against anybody.
#[must_use]
pub fn hash(bytes: &[u8]) -> u64 {
    bytes.chunks(8).fold(0xcbf2_9ce4_8422_2325, |hash, chunk| {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        (hash ^ u64::from_le_bytes(word)).wrapping_mul(0x0100_0000_01b3)
    })
}
