//! Expressions: operators that leave one value of a type. Knows nothing of statements but calls.

use arbitrary::{Result, Unstructured};
use wasm_encoder::{BlockType, Ieee32, Ieee64, ValType};

use super::Body;

impl Body<'_> {
    /// Writes an expression of a type, so many operators deep at the most. Within a straight loop it has
    /// no blocks and calls.
    pub(super) fn expression(
        &mut self,
        u: &mut Unstructured<'_>,
        ty: ValType,
        depth: u32,
    ) -> Result<()> {
        if depth == 0 || u.is_empty() {
            return self.leaf(u, ty);
        }
        let depth = depth - 1;
        match u.int_in_range(0..=15)? {
            0..=2 => self.leaf(u, ty),
            3 => {
                self.expression(u, ty, depth)?;
                self.expression(u, ty, depth)?;
                self.expression(u, ValType::I32, depth)?;
                if ty == ValType::V128 || u.arbitrary()? {
                    self.code.instructions().typed_select(ty);
                } else {
                    self.code.instructions().select();
                }
                Ok(())
            }
            4 => self.load(u, ty),
            5 if !self.straight => self.choice(u, ty, depth),
            6 if !self.straight => {
                let gives = |at: &usize| self.world.functions[*at].results == [ty];
                let functions: Vec<usize> = (0..self.world.functions.len()).filter(gives).collect();
                match functions.is_empty() {
                    true => self.leaf(u, ty),
                    false => {
                        let function = *u.choose(&functions)?;
                        self.call(u, function).map(|_| ())
                    }
                }
            }
            7 => {
                let local = self.settable(u)?;
                if self.local_type(local) != ty {
                    return self.leaf(u, ty);
                }
                self.expression(u, ty, depth)?;
                self.code.instructions().local_tee(local);
                Ok(())
            }
            _ => match ty {
                ValType::I32 => self.i32(u, depth),
                ValType::I64 => self.i64(u, depth),
                ValType::F32 => self.f32(u, depth),
                ValType::F64 => self.f64(u, depth),
                _ => self.v128(u, depth),
            },
        }
    }

    fn leaf(&mut self, u: &mut Unstructured<'_>, ty: ValType) -> Result<()> {
        let of_type = |types: &[ValType]| -> Vec<u32> {
            let found = (0u32..).zip(types).filter(|(_, found)| **found == ty);
            found.map(|(at, _)| at).collect()
        };
        let locals = of_type(&self.locals);
        let globals = of_type(&self.world.globals);
        match u.int_in_range(0..=4)? {
            0 | 1 if !locals.is_empty() => {
                let local = *u.choose(&locals)?;
                self.code.instructions().local_get(local);
            }
            2 if !globals.is_empty() => {
                let global = *u.choose(&globals)?;
                self.code.instructions().global_get(global);
            }
            _ => self.constant(u, ty)?,
        }
        Ok(())
    }

    fn constant(&mut self, u: &mut Unstructured<'_>, ty: ValType) -> Result<()> {
        const F64: [u64; 8] = [
            0,
            0x3ff0_0000_0000_0000,
            0x7ff8_0000_0000_0000,
            0x7ff0_0000_0000_0001,
            0xfff8_1234_0000_0000,
            0x7ff0_0000_0000_0000,
            0x8000_0000_0000_0000,
            0x000f_ffff_ffff_ffff,
        ];
        const F32: [u32; 7] = [
            0,
            0x3f80_0000,
            0x7fc0_0000,
            0x7f80_0001,
            0xffc1_2345,
            0xff80_0000,
            0x0000_0001,
        ];
        let small = u.int_in_range(-8..=260i32)?;
        match ty {
            ValType::I32 => {
                let value = if u.ratio(1, 6)? {
                    u.arbitrary()?
                } else {
                    small
                };
                self.code.instructions().i32_const(value);
            }
            ValType::I64 => {
                let value = if u.ratio(1, 6)? {
                    u.arbitrary()?
                } else {
                    small.into()
                };
                self.code.instructions().i64_const(value);
            }
            ValType::F32 => {
                let value = *u.choose(&F32)?;
                self.code.instructions().f32_const(Ieee32::new(value));
            }
            ValType::F64 => {
                let value = *u.choose(&F64)?;
                self.code.instructions().f64_const(Ieee64::new(value));
            }
            _ => {
                let (low, high) = (*u.choose(&F64)?, *u.choose(&F64)?);
                let value = (u128::from(high) << 64 | u128::from(low)).cast_signed();
                self.code.instructions().v128_const(value);
            }
        }
        Ok(())
    }

    fn load(&mut self, u: &mut Unstructured<'_>, ty: ValType) -> Result<()> {
        let memory = self.memory(u)?;
        let at = self.address(u, memory)?;
        let mut code = self.code.instructions();
        match ty {
            ValType::I32 => code.i32_load16_s(at),
            ValType::I64 => code.i64_load(at),
            ValType::F32 => code.f32_load(at),
            ValType::F64 => code.f64_load(at),
            _ => code.v128_load(at),
        };
        Ok(())
    }

    /// A block or an `if` that has a result.
    fn choice(&mut self, u: &mut Unstructured<'_>, ty: ValType, depth: u32) -> Result<()> {
        if u.arbitrary()? {
            self.expression(u, ValType::I32, depth)?;
            self.code.instructions().if_(BlockType::Result(ty));
            self.labels.push(vec![ty]);
            self.expression(u, ty, depth)?;
            self.code.instructions().else_();
            self.expression(u, ty, depth)?;
        } else {
            self.code.instructions().block(BlockType::Result(ty));
            self.labels.push(vec![ty]);
            self.expression(u, ty, depth)?;
            self.expression(u, ValType::I32, depth)?;
            self.code.instructions().br_if(0);
        }
        self.close();
        Ok(())
    }

    fn two(&mut self, u: &mut Unstructured<'_>, ty: ValType, depth: u32) -> Result<()> {
        self.expression(u, ty, depth)?;
        self.expression(u, ty, depth)
    }

    fn i32(&mut self, u: &mut Unstructured<'_>, depth: u32) -> Result<()> {
        let which = u.int_in_range(0..=17)?;
        match which {
            0..=8 => self.two(u, ValType::I32, depth)?,
            9 | 10 => self.two(u, ValType::F64, depth)?,
            11 => self.expression(u, ValType::F32, depth)?,
            12 => self.expression(u, ValType::F64, depth)?,
            13 => self.expression(u, ValType::I64, depth)?,
            14 => self.two(u, ValType::I64, depth)?,
            15 => self.expression(u, ValType::F32, depth)?,
            16 => self.expression(u, ValType::V128, depth)?,
            _ => {}
        }
        let mut code = self.code.instructions();
        match which {
            0 | 1 => code.i32_add(),
            2 => code.i32_sub(),
            3 => code.i32_mul(),
            4 => code.i32_div_s(),
            5 => code.i32_rem_u(),
            6 => code.i32_xor(),
            7 => code.i32_lt_s(),
            8 => code.i32_shr_u(),
            9 => code.f64_lt(),
            10 => code.f64_eq(),
            11 => code.i32_trunc_f32_s(),
            12 => code.i32_trunc_sat_f64_u(),
            13 => code.i32_wrap_i64(),
            14 => code.i64_lt_u(),
            15 => code.i32_reinterpret_f32(),
            16 => code.i32x4_extract_lane(1),
            _ => code.memory_size(0),
        };
        Ok(())
    }

    fn i64(&mut self, u: &mut Unstructured<'_>, depth: u32) -> Result<()> {
        let which = u.int_in_range(0..=9)?;
        match which {
            0..=5 => self.two(u, ValType::I64, depth)?,
            6 => self.expression(u, ValType::I32, depth)?,
            7 => self.expression(u, ValType::F64, depth)?,
            8 => self.expression(u, ValType::V128, depth)?,
            _ => self.expression(u, ValType::F64, depth)?,
        }
        let mut code = self.code.instructions();
        match which {
            0 | 1 => code.i64_add(),
            2 => code.i64_mul(),
            3 => code.i64_rem_s(),
            4 => code.i64_rotl(),
            5 => code.i64_and(),
            6 => code.i64_extend_i32_s(),
            7 => code.i64_reinterpret_f64(),
            8 => code.i64x2_extract_lane(0),
            _ => code.i64_trunc_sat_f64_s(),
        };
        Ok(())
    }

    fn f64(&mut self, u: &mut Unstructured<'_>, depth: u32) -> Result<()> {
        let which = u.int_in_range(0..=15)?;
        match which {
            0..=7 => self.two(u, ValType::F64, depth)?,
            8..=11 => self.expression(u, ValType::F64, depth)?,
            12 => self.expression(u, ValType::F32, depth)?,
            13 => self.expression(u, ValType::I32, depth)?,
            14 => self.expression(u, ValType::I64, depth)?,
            _ => self.expression(u, ValType::V128, depth)?,
        }
        let mut code = self.code.instructions();
        match which {
            0 | 1 => code.f64_add(),
            2 => code.f64_sub(),
            3 => code.f64_mul(),
            4 => code.f64_div(),
            5 => code.f64_min(),
            6 => code.f64_max(),
            7 => code.f64_copysign(),
            8 => code.f64_sqrt(),
            9 => code.f64_neg(),
            10 => code.f64_abs(),
            11 => code.f64_nearest(),
            12 => code.f64_promote_f32(),
            13 => code.f64_convert_i32_s(),
            14 => code.f64_reinterpret_i64(),
            _ => code.f64x2_extract_lane(1),
        };
        Ok(())
    }

    fn f32(&mut self, u: &mut Unstructured<'_>, depth: u32) -> Result<()> {
        let which = u.int_in_range(0..=11)?;
        match which {
            0..=4 => self.two(u, ValType::F32, depth)?,
            5..=8 => self.expression(u, ValType::F32, depth)?,
            9 => self.expression(u, ValType::F64, depth)?,
            10 => self.expression(u, ValType::I32, depth)?,
            _ => self.expression(u, ValType::V128, depth)?,
        }
        let mut code = self.code.instructions();
        match which {
            0 => code.f32_add(),
            1 => code.f32_mul(),
            2 => code.f32_div(),
            3 => code.f32_copysign(),
            4 => code.f32_min(),
            5 => code.f32_sqrt(),
            6 => code.f32_neg(),
            7 => code.f32_abs(),
            8 => code.f32_trunc(),
            9 => code.f32_demote_f64(),
            10 => code.f32_reinterpret_i32(),
            _ => code.f32x4_extract_lane(2),
        };
        Ok(())
    }

    fn v128(&mut self, u: &mut Unstructured<'_>, depth: u32) -> Result<()> {
        let which = u.int_in_range(0..=23)?;
        match which {
            0..=12 => self.two(u, ValType::V128, depth)?,
            13 => {
                self.two(u, ValType::V128, depth)?;
                self.expression(u, ValType::V128, depth)?;
            }
            14 | 15 => self.expression(u, ValType::F64, depth)?,
            16 => self.expression(u, ValType::F32, depth)?,
            17 => {
                self.expression(u, ValType::V128, depth)?;
                self.expression(u, ValType::F64, depth)?;
            }
            18 => self.expression(u, ValType::I32, depth)?,
            _ => self.expression(u, ValType::V128, depth)?,
        }
        let mut code = self.code.instructions();
        match which {
            0 | 1 => code.f64x2_add(),
            2 => code.f64x2_mul(),
            3 => code.f64x2_div(),
            4 => code.f32x4_add(),
            5 => code.f32x4_sub(),
            6 => code.f32x4_max(),
            7 => code.f64x2_pmin(),
            8 => code.f32x4_pmax(),
            9 => code.i32x4_add(),
            10 => code.v128_xor(),
            11 => code.f64x2_lt(),
            12 => code.i8x16_shuffle([0, 17, 2, 19, 4, 21, 6, 23, 8, 25, 10, 27, 12, 29, 14, 31]),
            13 => code.v128_bitselect(),
            14 | 15 => code.f64x2_splat(),
            16 => code.f32x4_splat(),
            17 => code.f64x2_replace_lane(1),
            18 => code.i32x4_splat(),
            19 => code.f64x2_sqrt(),
            20 => code.f32x4_neg(),
            21 => code.f64x2_abs(),
            22 => code.f64x2_promote_low_f32x4(),
            _ => code.f32x4_demote_f64x2_zero(),
        };
        Ok(())
    }
}
