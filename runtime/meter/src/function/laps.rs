//! Writes the code that counts the laps of a counted loop (SPECIFICATION, M6). Knows nothing of the
//! loop's body.

use wasm_encoder::InstructionSink;

use super::counted::{Bound, Comparison, Counted, LAPS_MAX, RANGE, Stride};

/// Where the code finds the guest's locals, and its own.
pub(super) struct LapLocals<'a> {
    /// Where a local of the guest's is now.
    pub guest: &'a dyn Fn(u32) -> u32,
    /// The laps, an i64.
    pub laps: u32,
    /// Two more i64s.
    pub distance: u32,
    pub stride: u32,
}

/// Writes code that leaves the number of laps in `locals.laps`.
pub(super) fn count(code: &mut InstructionSink<'_>, counted: &Counted, locals: &LapLocals<'_>) {
    let mut writer = Writer {
        code,
        counted,
        locals,
    };
    match (counted.comparison, counted.stride) {
        (Comparison::Ne, Stride::Constant(stride)) => writer.until_equal(stride),
        (_, Stride::Constant(stride)) => writer.until_past(Some(stride.unsigned_abs())),
        (_, Stride::Local { .. }) => writer.until_past(None),
    }
}

struct Writer<'w, 'c, 'l> {
    code: &'w mut InstructionSink<'c>,
    counted: &'w Counted,
    locals: &'w LapLocals<'l>,
}

impl Writer<'_, '_, '_> {
    /// Pushes a local of the guest's as it is.
    fn local(&mut self, local: u32) {
        self.code.local_get((self.locals.guest)(local));
    }

    /// Pushes the bound as it is.
    fn bound(&mut self) {
        match self.counted.bound {
            Bound::Local(local) => self.local(local),
            Bound::Constant(value) if self.counted.wide => {
                self.code.i64_const(value);
            }
            Bound::Constant(value) => {
                self.code.i32_const(i32::try_from(value).unwrap_or(0));
            }
        }
    }

    /// Makes what is on the stack an i64 of the same number.
    fn widen(&mut self, signed: bool) {
        if self.counted.wide {
            return;
        }
        if signed {
            self.code.i64_extend_i32_s();
        } else {
            self.code.i64_extend_i32_u();
        }
    }

    /// Pushes the variable as an i64.
    fn variable_wide(&mut self) {
        self.local(self.counted.variable);
        self.widen(self.counted.signed);
    }

    fn bound_wide(&mut self) {
        self.bound();
        self.widen(self.counted.signed);
    }

    /// A loop that ends when the variable is equal to the bound.
    fn until_equal(&mut self, stride: i64) {
        let LapLocals { laps, distance, .. } = *self.locals;
        let up = stride > 0;
        // The distance, as an unsigned number.
        if up {
            self.bound();
            self.local(self.counted.variable);
        } else {
            self.local(self.counted.variable);
            self.bound();
        }
        if self.counted.wide {
            self.code.i64_sub();
        } else {
            self.code.i32_sub().i64_extend_i32_u();
        }
        let stride = stride.unsigned_abs().cast_signed();
        if stride == 1 {
            self.code
                .local_tee(laps)
                .i64_const(1)
                .local_get(laps)
                .i64_const(0)
                .i64_ne()
                .select()
                .local_set(laps);
        } else {
            // Laps if the stride divides the distance, and there is one; else a single lap.
            self.code
                .local_tee(distance)
                .i64_const(stride)
                .i64_div_u()
                .local_tee(laps)
                .i64_const(1)
                .local_get(laps)
                .i64_const(stride)
                .i64_mul()
                .local_get(distance)
                .i64_eq()
                .local_get(distance)
                .i64_const(0)
                .i64_ne()
                .i32_and()
                .select()
                .local_set(laps);
        }
        if self.counted.wide {
            self.at_most_laps_max();
        }
    }

    /// A loop that ends when the variable is past the bound. A constant stride's size is given.
    fn until_past(&mut self, stride: Option<u64>) {
        let counted = self.counted;
        let LapLocals {
            laps,
            distance,
            stride: stride_local,
            ..
        } = *self.locals;
        let up = matches!(counted.comparison, Comparison::Lt | Comparison::Le);
        let reaches = matches!(counted.comparison, Comparison::Le | Comparison::Ge);
        let constant = stride.map(u64::cast_signed);
        let bound_in_range = match counted.bound {
            Bound::Constant(value) => in_range(value, counted.signed),
            Bound::Local(_) => true,
        };
        if counted.wide && !(bound_in_range && constant.is_none_or(|s| in_range(s, true))) {
            self.code.i64_const(1).local_set(laps);
            return;
        }
        // How far it is, in numbers that cannot overflow.
        if up {
            self.bound_wide();
            self.variable_wide();
        } else {
            self.variable_wide();
            self.bound_wide();
        }
        self.code.i64_sub();
        if reaches {
            self.code.i64_const(1).i64_add();
        }
        self.code.local_set(distance);
        // The stride as a number above zero: one that is not makes a single lap.
        if let Stride::Local { index, subtract } = counted.stride {
            self.local(index);
            self.widen(true);
            if subtract == up {
                self.code
                    .local_set(stride_local)
                    .i64_const(0)
                    .local_get(stride_local)
                    .i64_sub();
            }
            self.code.local_set(stride_local);
            self.code
                .local_get(stride_local)
                .i64_const(1)
                .local_get(stride_local)
                .i64_const(0)
                .i64_gt_s()
                .select()
                .local_set(laps);
        }
        // ⌈distance ÷ stride⌉
        match constant {
            Some(1) => {
                self.code.local_get(distance).local_set(laps);
            }
            Some(stride) => {
                self.code
                    .local_get(distance)
                    .i64_const(stride - 1)
                    .i64_add()
                    .i64_const(stride)
                    .i64_div_u()
                    .local_set(laps);
            }
            None => {
                self.code
                    .local_get(distance)
                    .local_get(laps)
                    .i64_add()
                    .i64_const(1)
                    .i64_sub()
                    .local_get(laps)
                    .i64_div_u()
                    .local_set(laps);
            }
        }
        self.code.local_get(laps).i64_const(1);
        self.code.local_get(distance).i64_const(0).i64_gt_s();
        if constant.is_none() {
            let stride = stride_local;
            self.code
                .local_get(stride)
                .i64_const(0)
                .i64_gt_s()
                .i32_and();
        }
        self.no_wrap(constant, up, reaches);
        self.ranges();
        self.code.select().local_set(laps);
        if counted.wide {
            self.at_most_laps_max();
        }
    }

    /// Adds to the condition on the stack that the variable does not leave its type's numbers.
    fn no_wrap(&mut self, constant: Option<i64>, up: bool, reaches: bool) {
        let counted = self.counted;
        // A stride of one stops at the bound itself.
        if constant == Some(1) && !reaches {
            return;
        }
        let (least, most) = match (counted.wide, counted.signed) {
            (false, true) => (i64::from(i32::MIN), i64::from(i32::MAX)),
            (false, false) => (0, i64::from(u32::MAX)),
            // In the range that is accepted, only going down below zero is left.
            (true, true) => return,
            (true, false) if up => return,
            (true, false) => (0, i64::MAX),
        };
        if let (Bound::Constant(bound), Some(stride), false) =
            (counted.bound, constant, counted.wide)
        {
            let bound = match counted.signed {
                true => bound,
                false => bound & i64::from(u32::MAX),
            };
            let past = stride - 1 + i64::from(reaches);
            let stays = match up {
                true => bound + past <= most,
                false => bound - past >= least,
            };
            if stays {
                return;
            }
        }
        self.variable_wide();
        self.code.local_get(self.locals.laps);
        match constant {
            Some(stride) => self.code.i64_const(stride),
            None => self.code.local_get(self.locals.stride),
        };
        self.code.i64_mul();
        if up {
            self.code.i64_add().i64_const(most).i64_le_s().i32_and();
        } else {
            self.code.i64_sub().i64_const(least).i64_ge_s().i32_and();
        }
    }

    /// Adds to the condition on the stack that 64-bit numbers are in the range where no sum overflows.
    fn ranges(&mut self) {
        if !self.counted.wide {
            return;
        }
        let signed = self.counted.signed;
        self.local(self.counted.variable);
        self.is_in_range(signed);
        if let Bound::Local(local) = self.counted.bound {
            self.local(local);
            self.is_in_range(signed);
        }
        if let Stride::Local { index, .. } = self.counted.stride {
            self.local(index);
            self.is_in_range(true);
        }
    }

    fn is_in_range(&mut self, signed: bool) {
        if signed {
            self.code
                .i64_const(RANGE - 1)
                .i64_add()
                .i64_const(2 * RANGE - 1);
        } else {
            self.code.i64_const(RANGE);
        }
        self.code.i64_lt_u().i32_and();
    }

    fn at_most_laps_max(&mut self) {
        let laps = self.locals.laps;
        self.code
            .local_get(laps)
            .i64_const(LAPS_MAX)
            .local_get(laps)
            .i64_const(LAPS_MAX)
            .i64_lt_u()
            .select()
            .local_set(laps);
    }
}

/// Whether a 64-bit constant is in the range where no sum overflows.
fn in_range(value: i64, signed: bool) -> bool {
    let least = if signed { 1 - RANGE } else { 0 };
    (least..RANGE).contains(&value)
}

/// Writes code that leaves on the stack where the variable will be after the laps.
pub(super) fn end(code: &mut InstructionSink<'_>, counted: &Counted, locals: &LapLocals<'_>) {
    code.local_get((locals.guest)(counted.variable))
        .local_get(locals.laps);
    if !counted.wide {
        code.i32_wrap_i64();
    }
    let mut subtract = false;
    match counted.stride {
        Stride::Constant(stride) if counted.wide => code.i64_const(stride),
        // What is left of the number in 32 bits is what counts.
        Stride::Constant(stride) => code.i32_const(low(stride)),
        Stride::Local {
            index,
            subtract: down,
        } => {
            subtract = down;
            code.local_get((locals.guest)(index))
        }
    };
    match (counted.wide, subtract) {
        (true, false) => code.i64_mul().i64_add(),
        (true, true) => code.i64_mul().i64_sub(),
        (false, false) => code.i32_mul().i32_add(),
        (false, true) => code.i32_mul().i32_sub(),
    };
}

/// The low 32 bits of a number, as a signed number.
fn low(number: i64) -> i32 {
    let bits = u32::try_from(number & i64::from(u32::MAX)).unwrap_or(0);
    bits.cast_signed()
}
