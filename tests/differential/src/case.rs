//! What is run, and what came of it, in terms that every engine shares. Runs nothing.

/// A value, as the bits that it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bits {
    /// An i32.
    I32(u32),
    /// An i64.
    I64(u64),
    /// An f32, its NaNs as they are.
    F32(u32),
    /// An f64, its NaNs as they are.
    F64(u64),
    /// A vector, its first lane in the lowest bits.
    V128(u128),
    /// A reference: whether it is null.
    Ref(bool),
}

/// One call of one export.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The name of an exported function.
    pub export: String,
    /// One for each of its parameters, of its type.
    pub arguments: Vec<Bits>,
    /// Units left before the instance is made; its declarations (M12) are not charged.
    pub left: i64,
    /// Stack units left before the instance is made.
    pub stack_units: i32,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// The function returned these results.
    Returned(Vec<Bits>),
    /// A trap of the program's own, by the name that the specification's suite gives it.
    Trapped(String),
    /// An exception that nobody caught.
    Exception,
    /// The meter ended it.
    Limited,
}

/// All that a run can be seen to have done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Done {
    /// How it ended: in the start function, or in the call.
    pub ending: Ending,
    /// Units left, as they were recorded last (M5). Below zero after a run that was ended by its budget.
    pub left: i64,
    /// Whether a frame did not fit (M10).
    pub stack_exhausted: bool,
    /// Pages that `memory.grow` brought (M11).
    pub pages_grown: u64,
    /// Σ pages × the low 32 bits of the units left at each successful growth.
    pub grown_low: u64,
    /// Σ pages × the high 32 bits of the units left at each successful growth.
    pub grown_high: u64,
    /// Exported globals, in the order of the exports. None if there is no instance.
    pub globals: Vec<Bits>,
    /// Of each exported memory: its number of bytes and a hash of them. None if there is no instance.
    pub memories: Vec<(usize, u64)>,
}

impl Done {
    /// A run that ended so, of which nothing else is seen.
    #[must_use]
    pub fn ended(ending: Ending) -> Done {
        Done {
            ending,
            left: 0,
            stack_exhausted: false,
            pages_grown: 0,
            grown_low: 0,
            grown_high: 0,
            globals: Vec::new(),
            memories: Vec::new(),
        }
    }
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
