//! Bounds memories and tables, all of a run together. Never charges for them.

use wasmtime::ResourceLimiter;

use crate::limits::Limits;

/// Approves growth while the sum stays within the limits.
#[derive(Debug)]
pub(crate) struct MemoryLimiter {
    memory_bytes: u64,
    memory_bytes_max: u64,
    table_elements: u64,
    table_elements_max: u64,
    refusals: u64,
    refused_last: Option<&'static str>,
    /// The meter has a memory of its own, which comes first and is nobody's to pay.
    skips_first: bool,
}

impl MemoryLimiter {
    pub(crate) fn new(limits: &Limits) -> MemoryLimiter {
        MemoryLimiter {
            memory_bytes: 0,
            memory_bytes_max: limits.memory_bytes,
            table_elements: 0,
            table_elements_max: limits.table_elements,
            refusals: 0,
            refused_last: None,
            skips_first: false,
        }
    }

    /// Leaves the first memory out: it is the meter's own.
    pub(crate) fn skip_first(&mut self) {
        self.skips_first = true;
    }

    /// Bytes of all memories, as approved. What the meter counted must be the same: less means that
    /// the machine did not give what was approved.
    pub(crate) fn memory_bytes(&self) -> u64 {
        self.memory_bytes
    }

    pub(crate) fn refusals(&self) -> u64 {
        self.refusals
    }

    /// The limit that refused the last growth or creation, if it was refused.
    pub(crate) fn refused_last(&self) -> Option<&'static str> {
        self.refused_last
    }
}

/// Adds `desired - current` to `sum` if it stays within `max`.
fn approve(sum: &mut u64, max: u64, current: usize, desired: usize) -> bool {
    let more = u64::try_from(desired.saturating_sub(current)).unwrap_or(u64::MAX);
    match sum.checked_add(more) {
        Some(after) if after <= max => {
            *sum = after;
            true
        }
        _ => false,
    }
}

impl ResourceLimiter for MemoryLimiter {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        if std::mem::take(&mut self.skips_first) {
            return Ok(true);
        }
        let approved = approve(
            &mut self.memory_bytes,
            self.memory_bytes_max,
            current,
            desired,
        );
        self.refusals = self.refusals.saturating_add(u64::from(!approved));
        self.refused_last = (!approved).then_some("memory_bytes");
        Ok(approved)
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        let approved = approve(
            &mut self.table_elements,
            self.table_elements_max,
            current,
            desired,
        );
        self.refused_last = (!approved).then_some("table_elements");
        Ok(approved)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limiter() -> MemoryLimiter {
        MemoryLimiter::new(&Limits {
            memory_bytes: 100,
            table_elements: 5,
            ..Limits::NOTHING
        })
    }

    #[test]
    fn all_memories_share_one_limit() {
        let mut limiter = limiter();
        assert!(limiter.memory_growing(0, 60, None).unwrap());
        assert!(limiter.memory_growing(0, 30, None).unwrap());
        assert!(!limiter.memory_growing(60, 71, None).unwrap());
        assert!(limiter.memory_growing(60, 70, None).unwrap());
        assert_eq!((limiter.memory_bytes(), limiter.refusals()), (100, 1));
        assert!(!limiter.memory_growing(0, usize::MAX, None).unwrap());
        assert_eq!(limiter.refused_last(), Some("memory_bytes"));
    }

    #[test]
    fn growth_beyond_a_memorys_own_maximum_takes_nothing() {
        let mut limiter = limiter();
        assert!(!limiter.memory_growing(0, 60, Some(50)).unwrap());
        assert_eq!((limiter.memory_bytes(), limiter.refusals()), (0, 0));
        assert!(!limiter.table_growing(0, 3, Some(2)).unwrap());
        assert!(limiter.table_growing(0, 5, None).unwrap());
        assert!(!limiter.table_growing(5, 6, None).unwrap());
        assert_eq!(limiter.refused_last(), Some("table_elements"));
    }
}
