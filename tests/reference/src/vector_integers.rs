//! What the operators on lanes of integers compute, where the lanes keep their width.

use wasmparser::Operator;

use crate::lanes::{bitmask, i8x16, i16x8, i32x4, i64x2, u8x16, u16x8, u32x4, u64x2};
use crate::operator::{Op, op};

/// An operator on lanes of integers; none if it is another.
pub(crate) fn integers(operator: &Operator<'_>) -> Option<Op> {
    every_i8x16(operator)
        .or_else(|| every_i16x8(operator))
        .or_else(|| every_i32x4(operator))
        .or_else(|| every_i64x2(operator))
        .or_else(|| some_widths(operator))
}

/// The operators that every width has.
macro_rules! every_width {
    ($name:ident, $i:ident, $u:ident, {
        $eq:ident $ne:ident $lt_s:ident $gt_s:ident $le_s:ident $ge_s:ident
        $abs:ident $neg:ident $all_true:ident $bitmask:ident
        $shl:ident $shr_s:ident $shr_u:ident $add:ident $sub:ident
    }) => {
        fn $name(operator: &Operator<'_>) -> Option<Op> {
            Some(match operator {
                Operator::$eq => op!(|a: V128, b: V128| -> V128: $u::compare(a, b, |a, b| a == b)),
                Operator::$ne => op!(|a: V128, b: V128| -> V128: $u::compare(a, b, |a, b| a != b)),
                Operator::$lt_s => op!(|a: V128, b: V128| -> V128: $i::compare(a, b, |a, b| a < b)),
                Operator::$gt_s => op!(|a: V128, b: V128| -> V128: $i::compare(a, b, |a, b| a > b)),
                Operator::$le_s => op!(|a: V128, b: V128| -> V128: $i::compare(a, b, |a, b| a <= b)),
                Operator::$ge_s => op!(|a: V128, b: V128| -> V128: $i::compare(a, b, |a, b| a >= b)),
                Operator::$abs => op!(|a: V128| -> V128: $i::map(a, |a| a.wrapping_abs())),
                Operator::$neg => op!(|a: V128| -> V128: $i::map(a, |a| a.wrapping_neg())),
                Operator::$all_true => op!(|a: V128| -> I32: $u::all_true(a)),
                Operator::$bitmask => op!(|a: V128| -> I32: bitmask($i::split(a).map(|a| a < 0))),
                Operator::$shl => op!(|a: V128, b: I32| -> V128: $u::map(a, |a| a.wrapping_shl(b))),
                Operator::$shr_s => op!(|a: V128, b: I32| -> V128: $i::map(a, |a| a.wrapping_shr(b))),
                Operator::$shr_u => op!(|a: V128, b: I32| -> V128: $u::map(a, |a| a.wrapping_shr(b))),
                Operator::$add => op!(|a: V128, b: V128| -> V128: $u::zip(a, b, |a, b| a.wrapping_add(b))),
                Operator::$sub => op!(|a: V128, b: V128| -> V128: $u::zip(a, b, |a, b| a.wrapping_sub(b))),
                _ => return None,
            })
        }
    };
}

every_width!(every_i8x16, i8x16, u8x16, {
    I8x16Eq I8x16Ne I8x16LtS I8x16GtS I8x16LeS I8x16GeS
    I8x16Abs I8x16Neg I8x16AllTrue I8x16Bitmask
    I8x16Shl I8x16ShrS I8x16ShrU I8x16Add I8x16Sub
});

every_width!(every_i16x8, i16x8, u16x8, {
    I16x8Eq I16x8Ne I16x8LtS I16x8GtS I16x8LeS I16x8GeS
    I16x8Abs I16x8Neg I16x8AllTrue I16x8Bitmask
    I16x8Shl I16x8ShrS I16x8ShrU I16x8Add I16x8Sub
});

every_width!(every_i32x4, i32x4, u32x4, {
    I32x4Eq I32x4Ne I32x4LtS I32x4GtS I32x4LeS I32x4GeS
    I32x4Abs I32x4Neg I32x4AllTrue I32x4Bitmask
    I32x4Shl I32x4ShrS I32x4ShrU I32x4Add I32x4Sub
});

every_width!(every_i64x2, i64x2, u64x2, {
    I64x2Eq I64x2Ne I64x2LtS I64x2GtS I64x2LeS I64x2GeS
    I64x2Abs I64x2Neg I64x2AllTrue I64x2Bitmask
    I64x2Shl I64x2ShrS I64x2ShrU I64x2Add I64x2Sub
});

fn some_widths(operator: &Operator<'_>) -> Option<Op> {
    use Operator as O;
    macro_rules! zip {
        ($lanes:ident, |$a:ident, $b:ident| $result:expr) => {
            op!(|a: V128, b: V128| -> V128: $lanes::zip(a, b, |$a, $b| $result))
        };
    }
    macro_rules! compare {
        ($lanes:ident, |$a:ident, $b:ident| $result:expr) => {
            op!(|a: V128, b: V128| -> V128: $lanes::compare(a, b, |$a, $b| $result))
        };
    }
    Some(match operator {
        O::I8x16LtU => compare!(u8x16, |a, b| a < b),
        O::I8x16GtU => compare!(u8x16, |a, b| a > b),
        O::I8x16LeU => compare!(u8x16, |a, b| a <= b),
        O::I8x16GeU => compare!(u8x16, |a, b| a >= b),
        O::I8x16MinS => zip!(i8x16, |a, b| a.min(b)),
        O::I8x16MinU => zip!(u8x16, |a, b| a.min(b)),
        O::I8x16MaxS => zip!(i8x16, |a, b| a.max(b)),
        O::I8x16MaxU => zip!(u8x16, |a, b| a.max(b)),
        O::I8x16AddSatS => zip!(i8x16, |a, b| a.saturating_add(b)),
        O::I8x16AddSatU => zip!(u8x16, |a, b| a.saturating_add(b)),
        O::I8x16SubSatS => zip!(i8x16, |a, b| a.saturating_sub(b)),
        O::I8x16SubSatU => zip!(u8x16, |a, b| a.saturating_sub(b)),
        // The average, rounded up, is a - (a - b) / 2 for the larger one, a.
        O::I8x16AvgrU => zip!(u8x16, |a, b| a.max(b) - (a.max(b) - a.min(b)) / 2),
        O::I16x8LtU => compare!(u16x8, |a, b| a < b),
        O::I16x8GtU => compare!(u16x8, |a, b| a > b),
        O::I16x8LeU => compare!(u16x8, |a, b| a <= b),
        O::I16x8GeU => compare!(u16x8, |a, b| a >= b),
        O::I16x8MinS => zip!(i16x8, |a, b| a.min(b)),
        O::I16x8MinU => zip!(u16x8, |a, b| a.min(b)),
        O::I16x8MaxS => zip!(i16x8, |a, b| a.max(b)),
        O::I16x8MaxU => zip!(u16x8, |a, b| a.max(b)),
        O::I16x8AddSatS => zip!(i16x8, |a, b| a.saturating_add(b)),
        O::I16x8AddSatU => zip!(u16x8, |a, b| a.saturating_add(b)),
        O::I16x8SubSatS => zip!(i16x8, |a, b| a.saturating_sub(b)),
        O::I16x8SubSatU => zip!(u16x8, |a, b| a.saturating_sub(b)),
        O::I16x8AvgrU => zip!(u16x8, |a, b| a.max(b) - (a.max(b) - a.min(b)) / 2),
        O::I32x4LtU => compare!(u32x4, |a, b| a < b),
        O::I32x4GtU => compare!(u32x4, |a, b| a > b),
        O::I32x4LeU => compare!(u32x4, |a, b| a <= b),
        O::I32x4GeU => compare!(u32x4, |a, b| a >= b),
        O::I32x4MinS => zip!(i32x4, |a, b| a.min(b)),
        O::I32x4MinU => zip!(u32x4, |a, b| a.min(b)),
        O::I32x4MaxS => zip!(i32x4, |a, b| a.max(b)),
        O::I32x4MaxU => zip!(u32x4, |a, b| a.max(b)),
        O::I16x8Mul => zip!(u16x8, |a, b| a.wrapping_mul(b)),
        O::I32x4Mul => zip!(u32x4, |a, b| a.wrapping_mul(b)),
        O::I64x2Mul => zip!(u64x2, |a, b| a.wrapping_mul(b)),
        // Only −1 × −1 does not fit.
        O::I16x8Q15MulrSatS => zip!(i16x8, |a, b| {
            let product = (i32::from(a) * i32::from(b) + 0x4000) >> 15;
            i16::try_from(product).unwrap_or(i16::MAX)
        }),
        O::I8x16Popcnt => op!(|a: V128| -> V128: u8x16::map(a, |a| {
            u8::try_from(a.count_ones()).expect("at most 8")
        })),
        _ => return None,
    })
}
