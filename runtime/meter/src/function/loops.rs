//! Writes counted loops: laps are charged ahead, then run without a look at the meter.

use wasm_encoder::{BlockType, InstructionSink};
use wasmparser::Operator;

use super::Emitter;
use super::counted::{Bound, Comparison, Counted};
use super::laps::{self, LapLocals};
use super::locals::{Purpose, Width};
use crate::MeterError;

impl Emitter<'_, '_, '_> {
    /// Writes the counted loop that begins at a step, and returns the step to go on with.
    ///
    /// Its test becomes a comparison with where the variable will be after the laps that were
    /// charged; then the loop's own test decides whether there are more.
    pub(super) fn counted_loop(
        &mut self,
        at: usize,
        counted: &Counted,
    ) -> Result<usize, MeterError> {
        let body = self.body;
        let end = body.steps[at].block.as_ref().map_or(at, |note| note.end);
        let weight = body.steps.get(at + 1).and_then(|first| first.segment);
        let weight = weight.map_or(0, |weight| i64::try_from(weight).unwrap_or(i64::MAX));
        let variable = self.locals.guest(counted.variable);
        let width = Width::of(counted.wide);
        let laps = self.locals.own(Purpose::Laps);
        let distance = self.locals.own(Purpose::Distance);
        let stride = self.locals.own(Purpose::Stride);
        let stop = self.locals.own(Purpose::End(width));
        let left = self.locals.left();

        self.code().loop_(BlockType::Empty);
        let parameters = self.locals.left();
        let guest = move |local: u32| if local < parameters { local } else { local + 2 };
        let lap_locals = LapLocals {
            guest: &guest,
            laps,
            distance,
            stride,
        };
        laps::count(&mut self.code(), counted, &lap_locals);
        self.code()
            .local_get(left)
            .local_get(laps)
            .i64_const(weight)
            .i64_mul()
            .i64_sub()
            .local_set(left);
        self.record();
        self.check();
        laps::end(&mut self.code(), counted, &lap_locals);
        self.code().local_set(stop).loop_(BlockType::Empty);

        for work in at + 1..at + counted.work_end {
            self.plain(work)?;
            self.fix_top(work);
        }
        if let Some(step) = counted.step_in_test {
            for own in at + step..at + step + 3 {
                self.plain(own)?;
            }
            self.code().local_set(variable);
        }
        self.fix_locals(end - 1);
        self.code().local_get(variable).local_get(stop);
        match width {
            Width::I32 => self.code().i32_ne(),
            Width::I64 => self.code().i64_ne(),
        };
        self.code().br_if(0).end();

        self.code().local_get(variable);
        match counted.bound {
            Bound::Local(local) => {
                let local = self.locals.guest(local);
                self.code().local_get(local);
            }
            Bound::Constant(value) if counted.wide => {
                self.code().i64_const(value);
            }
            Bound::Constant(value) => {
                self.code().i32_const(i32::try_from(value).unwrap_or(0));
            }
        }
        compare(&mut self.code(), counted);
        self.code().br_if(0).end();
        debug_assert!(matches!(body.steps[end].op, Operator::End));
        Ok(end + 1)
    }
}

/// Writes the loop's own comparison.
fn compare(code: &mut InstructionSink<'_>, counted: &Counted) {
    match (counted.comparison, counted.wide, counted.signed) {
        (Comparison::Ne, false, _) => code.i32_ne(),
        (Comparison::Lt, false, true) => code.i32_lt_s(),
        (Comparison::Lt, false, false) => code.i32_lt_u(),
        (Comparison::Le, false, true) => code.i32_le_s(),
        (Comparison::Le, false, false) => code.i32_le_u(),
        (Comparison::Gt, false, true) => code.i32_gt_s(),
        (Comparison::Gt, false, false) => code.i32_gt_u(),
        (Comparison::Ge, false, true) => code.i32_ge_s(),
        (Comparison::Ge, false, false) => code.i32_ge_u(),
        (Comparison::Ne, true, _) => code.i64_ne(),
        (Comparison::Lt, true, true) => code.i64_lt_s(),
        (Comparison::Lt, true, false) => code.i64_lt_u(),
        (Comparison::Le, true, true) => code.i64_le_s(),
        (Comparison::Le, true, false) => code.i64_le_u(),
        (Comparison::Gt, true, true) => code.i64_gt_s(),
        (Comparison::Gt, true, false) => code.i64_gt_u(),
        (Comparison::Ge, true, true) => code.i64_ge_s(),
        (Comparison::Ge, true, false) => code.i64_ge_u(),
    };
}
