//! Numbers by chance, the same for the same seed. Knows nothing else.

/// A generator: SplitMix64.
pub struct Chance {
    state: u64,
    /// Whether what is chosen by chance may load a pointer by a pointer.
    pub chases: bool,
}

impl Chance {
    pub fn new(seed: u64, chases: bool) -> Chance {
        Chance {
            state: seed,
            chases,
        }
    }

    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`, which is above zero.
    pub fn below(&mut self, bound: usize) -> usize {
        let bound = u64::try_from(bound).unwrap_or(u64::MAX);
        usize::try_from(self.next() % bound).unwrap_or(0)
    }
}
