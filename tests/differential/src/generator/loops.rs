//! Loops: counted ones in all forms that the rule knows, ones that miss it by a little, and others.

use arbitrary::{Result, Unstructured};
use wasm_encoder::{BlockType, ValType};

use super::Body;

/// Where bounds and starts are likely to go wrong.
const EDGES: [i64; 12] = [
    0,
    1,
    7,
    24,
    100,
    -1,
    -20,
    0x7fff_ffff,
    -0x8000_0000,
    0x7fff_fff0,
    1 << 61,
    i64::MAX - 5,
];

impl Body<'_> {
    fn integer_local(&self, u: &mut Unstructured<'_>, ty: ValType) -> Result<Option<u32>> {
        let locals = (0u32..).zip(&self.locals);
        let fits: Vec<u32> = locals
            .filter(|(local, found)| **found == ty && !self.kept.contains(local))
            .map(|(local, _)| local)
            .collect();
        match fits.is_empty() {
            true => Ok(None),
            false => u.choose(&fits).map(|local| Some(*local)),
        }
    }

    fn number(&mut self, ty: ValType, value: i64) {
        let low = u32::try_from(value & 0xffff_ffff).unwrap().cast_signed();
        let mut code = self.code.instructions();
        match ty {
            ValType::I64 => code.i64_const(value),
            _ => code.i32_const(low),
        };
    }

    /// A loop with a step and a test, as compilers write them, and sometimes not quite.
    pub(super) fn counted(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        let ty = if u.ratio(1, 3)? {
            ValType::I64
        } else {
            ValType::I32
        };
        let Some(variable) = self.integer_local(u, ty)? else {
            return Ok(());
        };
        self.kept.push(variable);
        let bound_local = if u.arbitrary()? {
            self.integer_local(u, ty)?
        } else {
            None
        };
        let stride_local = if u.ratio(1, 4)? {
            self.integer_local(u, ty)?
        } else {
            None
        };
        let kept = self.kept.len();
        // Most of the time laps are few: the start is near the bound.
        let bound = if u.ratio(1, 3)? {
            *u.choose(&EDGES)?
        } else {
            u.int_in_range(-40..=40)?
        };
        let stride = *u.choose(&[1, 1, 1, -1, 2, 3, 4, 8, 24, -3, -8, 0, 0x8000_0000])?;
        let near = stride * u.int_in_range(0..=30)?;
        let start = match u.int_in_range(0..=5)? {
            0 => *u.choose(&EDGES)?,
            1 => bound.wrapping_sub(near).wrapping_add(1),
            2 => bound,
            _ => bound.wrapping_sub(near),
        };
        self.number(ty, start);
        self.code.instructions().local_set(variable);
        if let Some(local) = bound_local {
            self.number(ty, bound);
            self.code.instructions().local_set(local);
        }
        if let Some(local) = stride_local {
            self.number(ty, stride);
            self.code.instructions().local_set(local);
        }
        let miss = u.int_in_range(0..=11)?;
        if miss != 0 {
            self.kept.extend(bound_local);
            self.kept.extend(stride_local);
        }
        self.code.instructions().loop_(BlockType::Empty);
        self.labels.push(Vec::new());
        self.work(u, miss == 1)?;
        let subtract = u.ratio(1, 4)?;
        let early = u.ratio(1, 3)?;
        let turned = u.ratio(1, 4)?;
        let alone = ty == ValType::I32 && u.ratio(1, 6)?;
        let form = Form {
            ty,
            variable,
            stride,
            stride_local,
            subtract,
        };
        if early {
            self.step(&form);
            self.code.instructions().local_set(variable);
            self.work(u, miss == 2)?;
        }
        if turned && !alone {
            self.bound(ty, bound, bound_local);
        }
        if early {
            self.code.instructions().local_get(variable);
        } else {
            self.step(&form);
            self.code.instructions().local_tee(variable);
        }
        if !alone {
            if !turned {
                self.bound(ty, bound, bound_local);
            }
            self.comparison(u, ty)?;
        }
        if miss == 3 {
            self.code.instructions().i32_const(1).i32_and();
        }
        self.code.instructions().br_if(0);
        self.close();
        self.kept.truncate(kept - 1);
        Ok(())
    }

    /// What a loop does each lap: straight, or with a statement that may branch.
    fn work(&mut self, u: &mut Unstructured<'_>, any: bool) -> Result<()> {
        if any {
            return self.statements(u, 2);
        }
        for _ in 0..u.int_in_range(0..=2)? {
            let local = self.settable(u)?;
            self.straight = true;
            let done = self.expression(u, self.local_type(local), 3);
            self.straight = false;
            done?;
            self.code.instructions().local_set(local);
        }
        Ok(())
    }

    fn step(&mut self, form: &Form) {
        self.code.instructions().local_get(form.variable);
        match form.stride_local {
            Some(local) => {
                self.code.instructions().local_get(local);
            }
            None if form.subtract => self.number(form.ty, form.stride.wrapping_neg()),
            None => self.number(form.ty, form.stride),
        }
        let mut code = self.code.instructions();
        match (form.ty, form.subtract) {
            (ValType::I64, false) => code.i64_add(),
            (ValType::I64, true) => code.i64_sub(),
            (_, false) => code.i32_add(),
            (_, true) => code.i32_sub(),
        };
    }

    fn bound(&mut self, ty: ValType, bound: i64, local: Option<u32>) {
        match local {
            Some(local) => {
                self.code.instructions().local_get(local);
            }
            None => self.number(ty, bound),
        }
    }

    fn comparison(&mut self, u: &mut Unstructured<'_>, ty: ValType) -> Result<()> {
        let which = u.int_in_range(0..=11)?;
        let mut code = self.code.instructions();
        match (ty, which) {
            (ValType::I64, 0) => code.i64_lt_s(),
            (ValType::I64, 1) => code.i64_lt_u(),
            (ValType::I64, 2) => code.i64_le_s(),
            (ValType::I64, 3) => code.i64_le_u(),
            (ValType::I64, 4) => code.i64_gt_s(),
            (ValType::I64, 5) => code.i64_gt_u(),
            (ValType::I64, 6) => code.i64_ge_s(),
            (ValType::I64, 7) => code.i64_ge_u(),
            (ValType::I64, _) => code.i64_ne(),
            (_, 0) => code.i32_lt_s(),
            (_, 1) => code.i32_lt_u(),
            (_, 2) => code.i32_le_s(),
            (_, 3) => code.i32_le_u(),
            (_, 4) => code.i32_gt_s(),
            (_, 5) => code.i32_gt_u(),
            (_, 6) => code.i32_ge_s(),
            (_, 7) => code.i32_ge_u(),
            (_, _) => code.i32_ne(),
        };
        Ok(())
    }

    /// A loop whose laps nothing says beforehand: with parameters and results, with several ways back.
    pub(super) fn other_loop(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        self.code.instructions().loop_(BlockType::Empty);
        self.labels.push(Vec::new());
        self.statements(u, 4)?;
        self.expression(u, ValType::I32, 3)?;
        // Even odds, so that most such loops end.
        self.code.instructions().i32_const(1).i32_and().br_if(0);
        self.close();
        Ok(())
    }
}

struct Form {
    ty: ValType,
    variable: u32,
    stride: i64,
    stride_local: Option<u32>,
    subtract: bool,
}
