//! Turns what the meter's globals hold at the end of a run into usage. Never runs anything.

use crate::Metered;

/// The meter's globals as they stand when a run has ended, in the order of
/// [`METER_GLOBALS`](crate::METER_GLOBALS).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    /// Units left: below zero when the budget was exhausted.
    pub left: i64,
    /// Stack units left: below zero when the stack was exhausted.
    pub stack_left: i32,
    /// Pages by which memories grew.
    pub pages_grown: u64,
    /// Sum over growths of pages × the low 32 bits of the units left then.
    pub grown_low: u64,
    /// Sum over growths of pages × the high 32 bits of the units left then.
    pub grown_high: u64,
}

/// Which of the meter's budgets ended a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exhausted {
    /// The budget of units.
    Instructions,
    /// The stack.
    Stack,
}

/// What a run used, by the meter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spent {
    /// Units, the ones for creating instances included; never more than the budget.
    pub instructions: u64,
    /// Pages of 64 KiB, each times the units spent while it was there.
    pub memory_page_instructions: u128,
    /// Pages at the most, which is at the end, since memories never shrink.
    pub memory_pages_peak: u64,
    /// The budget that ended the run, if one did.
    pub exhausted: Option<Exhausted>,
}

/// The largest budget: units left must stay clear of the sign bit, and of what one segment takes.
pub const BUDGET_MAX: u64 = 1 << 62;

/// The units that a run has left when the guest's first operator runs, or `None` if creating its
/// instances alone takes more than `budget`.
#[must_use]
pub fn left_at_start(metered: &Metered, budget: u64) -> Option<i64> {
    budget
        .min(BUDGET_MAX)
        .checked_sub(metered.declared.units)
        .and_then(|left| i64::try_from(left).ok())
}

/// What a run used that was refused before it began, because creating its instances takes more than
/// its budget: the whole budget, and no memory.
#[must_use]
pub fn spent_before_start(budget: u64) -> Spent {
    Spent {
        instructions: budget.min(BUDGET_MAX),
        memory_page_instructions: 0,
        memory_pages_peak: 0,
        exhausted: Some(Exhausted::Instructions),
    }
}

/// What a run used that began with `budget` and ended with `reading`.
#[must_use]
pub fn spent(metered: &Metered, budget: u64, reading: &Reading) -> Spent {
    let left = u64::try_from(reading.left).unwrap_or(0);
    let instructions = budget.min(BUDGET_MAX).saturating_sub(left);
    let exhausted = if reading.left < 0 {
        Some(Exhausted::Instructions)
    } else if reading.stack_left < 0 {
        Some(Exhausted::Stack)
    } else {
        None
    };
    // A page that came when `then` units were left was there for `then - left` units.
    let declared = u128::from(metered.declared.memory_pages) * u128::from(instructions);
    let then = u128::from(reading.grown_low) + (u128::from(reading.grown_high) << 32);
    let grown = then.saturating_sub(u128::from(reading.pages_grown) * u128::from(left));
    Spent {
        instructions,
        memory_page_instructions: declared + grown,
        memory_pages_peak: metered
            .declared
            .memory_pages
            .saturating_add(reading.pages_grown),
        exhausted,
    }
}
