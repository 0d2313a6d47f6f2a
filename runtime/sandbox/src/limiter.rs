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
}

impl MemoryLimiter {
    pub(crate) fn new(limits: &Limits) -> MemoryLimiter {
        MemoryLimiter {
            memory_bytes: 0,
            memory_bytes_max: limits.memory_bytes,
            table_elements: 0,
            table_elements_max: limits.table_elements,
            refusals: 0,
        }
    }

    /// Bytes of all memories, as approved. What the meter counted must be the same: less means that
    /// the machine did not give what was approved.
    pub(crate) fn memory_bytes(&self) -> u64 {
        self.memory_bytes
    }

    pub(crate) fn refusals(&self) -> u64 {
        self.refusals
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
        let approved = approve(
            &mut self.memory_bytes,
            self.memory_bytes_max,
            current,
            desired,
        );
        self.refusals = self.refusals.saturating_add(u64::from(!approved));
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
        Ok(approve(
            &mut self.table_elements,
            self.table_elements_max,
            current,
            desired,
        ))
    }
}
