//! How many values a compiler has to bring together where control flow meets. Never rewrites
//! anything.

/// Counts for each block, loop and `if` the different locals that are set within it: values that a
/// compiler has to bring together where control flow meets.
pub(super) struct CarriedLocals {
    /// Bits of the locals set so far, for each open block.
    open: Vec<Vec<u64>>,
    words: usize,
    sum: u64,
}

impl CarriedLocals {
    pub(super) fn new(locals: usize) -> CarriedLocals {
        let words = locals.div_ceil(64);
        CarriedLocals {
            open: Vec::new(),
            words,
            sum: 0,
        }
    }

    pub(super) fn open(&mut self) {
        self.open.push(vec![0; self.words]);
    }

    pub(super) fn set(&mut self, local: u32) {
        let word = usize::try_from(local / 64).unwrap_or(usize::MAX);
        let set = self.open.last_mut().and_then(|open| open.get_mut(word));
        if let Some(bits) = set {
            *bits |= 1 << (local % 64);
        }
    }

    /// Ends the innermost block. What was set in it was set in the one around it, too.
    pub(super) fn close(&mut self) {
        let Some(closed) = self.open.pop() else {
            return; // the function's own end
        };
        let different: u64 = closed.iter().map(|bits| u64::from(bits.count_ones())).sum();
        self.sum = self.sum.saturating_add(different);
        if let Some(around) = self.open.last_mut() {
            around
                .iter_mut()
                .zip(closed)
                .for_each(|(bits, more)| *bits |= more);
        }
    }

    /// The sum over all blocks that were closed.
    pub(super) fn sum(&self) -> u64 {
        self.sum
    }
}
