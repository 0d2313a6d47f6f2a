//! The counts of a run, and the rules that move them: charging, records and checks (M4, M5, M7), the
//! stack (M10), and grown pages (M11). Knows no operators.

use meterbox_meter::{Class, Tier};

use crate::ending::Stop;

/// A limit of stack units above this one counts as this one (M10).
const STACK_UNITS_MAX: i32 = 4_194_304;

/// Under which limits an instance runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// The units left once the declarations are paid for (M12).
    pub left: i64,
    /// The limit of stack units.
    pub stack_units: i32,
    /// Which weights operators have that reach memory (M2).
    pub tier: Tier,
    /// The pages that all memories may have together: growth beyond them fails.
    pub pages_max: u64,
    /// The elements that all tables may have together: growth beyond them fails.
    pub table_elements_max: u64,
}

/// What the meter's globals show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    /// The units left that the last sync point recorded (M5).
    pub left: i64,
    /// The stack units left; negative if, and only if, a frame that did not fit ended the run.
    pub stack_left: i32,
    /// Pages that growth brought.
    pub pages_grown: u64,
    /// Σ pages × the low 32 bits of the units left at each successful growth.
    pub grown_low: u64,
    /// Σ pages × the high 32 bits of the units left at each successful growth.
    pub grown_high: u64,
}

#[derive(Debug)]
pub(crate) struct Meter {
    /// The units left. Between checks they may be below zero.
    left: i64,
    recorded: i64,
    tier: Tier,
    stack_left: i64,
    pages_grown: u64,
    grown_low: u64,
    grown_high: u64,
}

impl Meter {
    pub(crate) fn new(settings: &Settings) -> Meter {
        Meter {
            left: settings.left,
            recorded: settings.left,
            tier: settings.tier,
            stack_left: i64::from(settings.stack_units.min(STACK_UNITS_MAX)),
            pages_grown: 0,
            grown_low: 0,
            grown_high: 0,
        }
    }

    pub(crate) fn reading(&self) -> Reading {
        Reading {
            left: self.recorded,
            stack_left: i32::try_from(self.stack_left).unwrap_or(i32::MIN),
            pages_grown: self.pages_grown,
            grown_low: self.grown_low,
            grown_high: self.grown_high,
        }
    }

    /// What a class weighs in this run.
    pub(crate) fn weight(&self, class: Class) -> u64 {
        u64::from(class.weight(self.tier))
    }

    /// Subtracts units from those left (M4).
    pub(crate) fn charge(&mut self, units: u64) {
        self.left = self.left.saturating_sub_unsigned(units);
    }

    /// Records the units left (M5).
    pub(crate) fn record(&mut self) {
        self.recorded = self.left;
    }

    /// Ends the run if the count is below zero (M7).
    pub(crate) fn check(&self) -> Result<(), Stop> {
        if self.left < 0 {
            return Err(Stop::Exhausted);
        }
        Ok(())
    }

    /// Takes a frame at function entry (M10).
    pub(crate) fn take_frame(&mut self, units: u32) -> Result<(), Stop> {
        self.stack_left -= i64::from(units);
        if self.stack_left < 0 {
            return Err(Stop::StackExhausted);
        }
        Ok(())
    }

    /// Takes a frame that was given back, and is there still.
    pub(crate) fn take_frame_again(&mut self, units: u32) {
        self.stack_left -= i64::from(units);
    }

    /// Gives a frame back (M10).
    pub(crate) fn give_back_frame(&mut self, units: u32) {
        self.stack_left += i64::from(units);
    }

    /// Notes a growth that succeeded (M11).
    pub(crate) fn grown(&mut self, pages: u64) {
        let left = self.left.cast_unsigned();
        self.pages_grown = self.pages_grown.wrapping_add(pages);
        let low = pages.wrapping_mul(left & 0xffff_ffff);
        self.grown_low = self.grown_low.wrapping_add(low);
        let high = pages.wrapping_mul(left >> 32);
        self.grown_high = self.grown_high.wrapping_add(high);
    }
}
