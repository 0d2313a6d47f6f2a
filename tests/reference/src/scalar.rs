//! What the operators on numbers compute, one row each. Floats and conversions have files of their own.

use wasmparser::Operator;

use crate::conversion::{self as convert, wide};
use crate::ending::Trap;
use crate::float::{f32x, f64x};
use crate::lanes::{low8, low16, low32};
use crate::operator::{Op, op};

/// An operator on numbers; none if it is another.
pub(crate) fn scalar(operator: &Operator<'_>) -> Option<Op> {
    i32_operator(operator)
        .or_else(|| i64_operator(operator))
        .or_else(|| f32_operator(operator))
        .or_else(|| f64_operator(operator))
        .or_else(|| conversion(operator))
}

macro_rules! integers {
    ($name:ident, $t:ident, $bits:ident, {
        $eqz:ident $eq:ident $ne:ident $lt_s:ident $lt_u:ident $gt_s:ident $gt_u:ident $le_s:ident $le_u:ident
        $ge_s:ident $ge_u:ident $clz:ident $ctz:ident $popcnt:ident $add:ident $sub:ident $mul:ident
        $div_s:ident $div_u:ident $rem_s:ident $rem_u:ident $and:ident $or:ident $xor:ident
        $shl:ident $shr_s:ident $shr_u:ident $rotl:ident $rotr:ident
    }) => {
        fn $name(operator: &Operator<'_>) -> Option<Op> {
            Some(match operator {
                Operator::$eqz => op!(|a: $t| -> I32: u32::from(a == 0)),
                Operator::$eq => op!(|a: $t, b: $t| -> I32: u32::from(a == b)),
                Operator::$ne => op!(|a: $t, b: $t| -> I32: u32::from(a != b)),
                Operator::$lt_s => op!(|a: $t, b: $t| -> I32: u32::from(a.cast_signed() < b.cast_signed())),
                Operator::$lt_u => op!(|a: $t, b: $t| -> I32: u32::from(a < b)),
                Operator::$gt_s => op!(|a: $t, b: $t| -> I32: u32::from(a.cast_signed() > b.cast_signed())),
                Operator::$gt_u => op!(|a: $t, b: $t| -> I32: u32::from(a > b)),
                Operator::$le_s => op!(|a: $t, b: $t| -> I32: u32::from(a.cast_signed() <= b.cast_signed())),
                Operator::$le_u => op!(|a: $t, b: $t| -> I32: u32::from(a <= b)),
                Operator::$ge_s => op!(|a: $t, b: $t| -> I32: u32::from(a.cast_signed() >= b.cast_signed())),
                Operator::$ge_u => op!(|a: $t, b: $t| -> I32: u32::from(a >= b)),
                Operator::$clz => op!(|a: $t| -> $t: $bits::from(a.leading_zeros())),
                Operator::$ctz => op!(|a: $t| -> $t: $bits::from(a.trailing_zeros())),
                Operator::$popcnt => op!(|a: $t| -> $t: $bits::from(a.count_ones())),
                Operator::$add => op!(|a: $t, b: $t| -> $t: a.wrapping_add(b)),
                Operator::$sub => op!(|a: $t, b: $t| -> $t: a.wrapping_sub(b)),
                Operator::$mul => op!(|a: $t, b: $t| -> $t: a.wrapping_mul(b)),
                Operator::$div_s => op!(|a: $t, b: $t| -> $t or trap: {
                    if b == 0 {
                        Err(Trap::IntegerDivisionByZero)
                    } else {
                        let quotient = a.cast_signed().checked_div(b.cast_signed());
                        quotient.map(|q| q.cast_unsigned()).ok_or(Trap::IntegerOverflow)
                    }
                }),
                Operator::$div_u => op!(|a: $t, b: $t| -> $t or trap: {
                    a.checked_div(b).ok_or(Trap::IntegerDivisionByZero)
                }),
                Operator::$rem_s => op!(|a: $t, b: $t| -> $t or trap: {
                    if b == 0 {
                        Err(Trap::IntegerDivisionByZero)
                    } else {
                        Ok(a.cast_signed().wrapping_rem(b.cast_signed()).cast_unsigned())
                    }
                }),
                Operator::$rem_u => op!(|a: $t, b: $t| -> $t or trap: {
                    a.checked_rem(b).ok_or(Trap::IntegerDivisionByZero)
                }),
                Operator::$and => op!(|a: $t, b: $t| -> $t: a & b),
                Operator::$or => op!(|a: $t, b: $t| -> $t: a | b),
                Operator::$xor => op!(|a: $t, b: $t| -> $t: a ^ b),
                Operator::$shl => op!(|a: $t, b: $t| -> $t: a.wrapping_shl(low32(b.into()))),
                Operator::$shr_s => op!(|a: $t, b: $t| -> $t: {
                    a.cast_signed().wrapping_shr(low32(b.into())).cast_unsigned()
                }),
                Operator::$shr_u => op!(|a: $t, b: $t| -> $t: a.wrapping_shr(low32(b.into()))),
                Operator::$rotl => op!(|a: $t, b: $t| -> $t: a.rotate_left(low32(b.into()) % $bits::BITS)),
                Operator::$rotr => op!(|a: $t, b: $t| -> $t: a.rotate_right(low32(b.into()) % $bits::BITS)),
                _ => return None,
            })
        }
    };
}

integers!(i32_operator, I32, u32, {
    I32Eqz I32Eq I32Ne I32LtS I32LtU I32GtS I32GtU I32LeS I32LeU I32GeS I32GeU
    I32Clz I32Ctz I32Popcnt I32Add I32Sub I32Mul I32DivS I32DivU I32RemS I32RemU
    I32And I32Or I32Xor I32Shl I32ShrS I32ShrU I32Rotl I32Rotr
});

integers!(i64_operator, I64, u64, {
    I64Eqz I64Eq I64Ne I64LtS I64LtU I64GtS I64GtU I64LeS I64LeU I64GeS I64GeU
    I64Clz I64Ctz I64Popcnt I64Add I64Sub I64Mul I64DivS I64DivU I64RemS I64RemU
    I64And I64Or I64Xor I64Shl I64ShrS I64ShrU I64Rotl I64Rotr
});

macro_rules! floats {
    ($name:ident, $t:ident, $f:ident, {
        $eq:ident $ne:ident $lt:ident $gt:ident $le:ident $ge:ident $abs:ident $neg:ident $ceil:ident $floor:ident
        $trunc:ident $nearest:ident $sqrt:ident $add:ident $sub:ident $mul:ident $div:ident $min:ident $max:ident
        $copysign:ident
    }) => {
        fn $name(operator: &Operator<'_>) -> Option<Op> {
            Some(match operator {
                Operator::$eq => op!(|a: $t, b: $t| -> I32: u32::from($f::eq(a, b))),
                Operator::$ne => op!(|a: $t, b: $t| -> I32: u32::from($f::ne(a, b))),
                Operator::$lt => op!(|a: $t, b: $t| -> I32: u32::from($f::lt(a, b))),
                Operator::$gt => op!(|a: $t, b: $t| -> I32: u32::from($f::gt(a, b))),
                Operator::$le => op!(|a: $t, b: $t| -> I32: u32::from($f::le(a, b))),
                Operator::$ge => op!(|a: $t, b: $t| -> I32: u32::from($f::ge(a, b))),
                Operator::$abs => op!(|a: $t| -> $t: $f::abs(a)),
                Operator::$neg => op!(|a: $t| -> $t: $f::neg(a)),
                Operator::$ceil => op!(|a: $t| -> $t: $f::ceil(a)),
                Operator::$floor => op!(|a: $t| -> $t: $f::floor(a)),
                Operator::$trunc => op!(|a: $t| -> $t: $f::trunc(a)),
                Operator::$nearest => op!(|a: $t| -> $t: $f::nearest(a)),
                Operator::$sqrt => op!(|a: $t| -> $t: $f::sqrt(a)),
                Operator::$add => op!(|a: $t, b: $t| -> $t: $f::add(a, b)),
                Operator::$sub => op!(|a: $t, b: $t| -> $t: $f::sub(a, b)),
                Operator::$mul => op!(|a: $t, b: $t| -> $t: $f::mul(a, b)),
                Operator::$div => op!(|a: $t, b: $t| -> $t: $f::div(a, b)),
                Operator::$min => op!(|a: $t, b: $t| -> $t: $f::min(a, b)),
                Operator::$max => op!(|a: $t, b: $t| -> $t: $f::max(a, b)),
                Operator::$copysign => op!(|a: $t, b: $t| -> $t: $f::copysign(a, b)),
                _ => return None,
            })
        }
    };
}

floats!(f32_operator, F32, f32x, {
    F32Eq F32Ne F32Lt F32Gt F32Le F32Ge F32Abs F32Neg F32Ceil F32Floor
    F32Trunc F32Nearest F32Sqrt F32Add F32Sub F32Mul F32Div F32Min F32Max F32Copysign
});

floats!(f64_operator, F64, f64x, {
    F64Eq F64Ne F64Lt F64Gt F64Le F64Ge F64Abs F64Neg F64Ceil F64Floor
    F64Trunc F64Nearest F64Sqrt F64Add F64Sub F64Mul F64Div F64Min F64Max F64Copysign
});

fn conversion(operator: &Operator<'_>) -> Option<Op> {
    use Operator as O;
    Some(match operator {
        O::I32WrapI64 => op!(|a: I64| -> I32: low32(a.into())),
        O::I64ExtendI32S => op!(|a: I32| -> I64: i64::from(a.cast_signed()).cast_unsigned()),
        O::I64ExtendI32U => op!(|a: I32| -> I64: u64::from(a)),

        O::I32Extend8S => {
            op!(|a: I32| -> I32: i32::from(low8(a.into()).cast_signed()).cast_unsigned())
        }
        O::I32Extend16S => {
            op!(|a: I32| -> I32: i32::from(low16(a.into()).cast_signed()).cast_unsigned())
        }
        O::I64Extend8S => {
            op!(|a: I64| -> I64: i64::from(low8(a.into()).cast_signed()).cast_unsigned())
        }
        O::I64Extend16S => {
            op!(|a: I64| -> I64: i64::from(low16(a.into()).cast_signed()).cast_unsigned())
        }
        O::I64Extend32S => {
            op!(|a: I64| -> I64: i64::from(low32(a.into()).cast_signed()).cast_unsigned())
        }

        O::I32TruncF32S => op!(|a: F32| -> I32 or trap: convert::trunc_i32(wide(a))),
        O::I32TruncF32U => op!(|a: F32| -> I32 or trap: convert::trunc_u32(wide(a))),
        O::I32TruncF64S => op!(|a: F64| -> I32 or trap: convert::trunc_i32(f64::from_bits(a))),
        O::I32TruncF64U => op!(|a: F64| -> I32 or trap: convert::trunc_u32(f64::from_bits(a))),
        O::I64TruncF32S => op!(|a: F32| -> I64 or trap: convert::trunc_i64(wide(a))),
        O::I64TruncF32U => op!(|a: F32| -> I64 or trap: convert::trunc_u64(wide(a))),
        O::I64TruncF64S => op!(|a: F64| -> I64 or trap: convert::trunc_i64(f64::from_bits(a))),
        O::I64TruncF64U => op!(|a: F64| -> I64 or trap: convert::trunc_u64(f64::from_bits(a))),

        O::I32TruncSatF32S => op!(|a: F32| -> I32: convert::sat_i32(wide(a))),
        O::I32TruncSatF32U => op!(|a: F32| -> I32: convert::sat_u32(wide(a))),
        O::I32TruncSatF64S => op!(|a: F64| -> I32: convert::sat_i32(f64::from_bits(a))),
        O::I32TruncSatF64U => op!(|a: F64| -> I32: convert::sat_u32(f64::from_bits(a))),
        O::I64TruncSatF32S => op!(|a: F32| -> I64: convert::sat_i64(wide(a))),
        O::I64TruncSatF32U => op!(|a: F32| -> I64: convert::sat_u64(wide(a))),
        O::I64TruncSatF64S => op!(|a: F64| -> I64: convert::sat_i64(f64::from_bits(a))),
        O::I64TruncSatF64U => op!(|a: F64| -> I64: convert::sat_u64(f64::from_bits(a))),

        O::F32ConvertI32S => op!(|a: I32| -> F32: convert::f32_from_i32(a)),
        O::F32ConvertI32U => op!(|a: I32| -> F32: convert::f32_from_u32(a)),
        O::F32ConvertI64S => op!(|a: I64| -> F32: convert::f32_from_i64(a)),
        O::F32ConvertI64U => op!(|a: I64| -> F32: convert::f32_from_u64(a)),
        O::F64ConvertI32S => op!(|a: I32| -> F64: convert::f64_from_i32(a)),
        O::F64ConvertI32U => op!(|a: I32| -> F64: convert::f64_from_u32(a)),
        O::F64ConvertI64S => op!(|a: I64| -> F64: convert::f64_from_i64(a)),
        O::F64ConvertI64U => op!(|a: I64| -> F64: convert::f64_from_u64(a)),
        O::F32DemoteF64 => op!(|a: F64| -> F32: convert::demote(a)),
        O::F64PromoteF32 => op!(|a: F32| -> F64: convert::promote(a)),

        O::I32ReinterpretF32 => op!(|a: F32| -> I32: a),
        O::I64ReinterpretF64 => op!(|a: F64| -> I64: a),
        O::F32ReinterpretI32 => op!(|a: I32| -> F32: a),
        O::F64ReinterpretI64 => op!(|a: I64| -> F64: a),
        _ => return None,
    })
}
