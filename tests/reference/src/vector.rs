//! What the operators on whole vectors and on single lanes compute, and those that change the width of
//! lanes or what they are. Arithmetic on lanes has files of its own.

use wasmparser::Operator;

use crate::conversion::{self as convert, wide};
use crate::lanes::{
    i8x16, i16x8, i32x4, i64x2, low8, low16, low32, low64, u8x16, u16x8, u32x4, u64x2,
};
use crate::operator::{Op, op};
use crate::value::Value;

/// An operator on vectors of this file; none if it is another.
pub(crate) fn vector(operator: &Operator<'_>) -> Option<Op> {
    bits(operator)
        .or_else(|| lane(operator))
        .or_else(|| widened(operator))
        .or_else(|| narrowed(operator))
        .or_else(|| converted(operator))
}

fn bits(operator: &Operator<'_>) -> Option<Op> {
    use Operator as O;
    Some(match operator {
        O::V128Not => op!(|a: V128| -> V128: !a),
        O::V128And => op!(|a: V128, b: V128| -> V128: a & b),
        O::V128AndNot => op!(|a: V128, b: V128| -> V128: a & !b),
        O::V128Or => op!(|a: V128, b: V128| -> V128: a | b),
        O::V128Xor => op!(|a: V128, b: V128| -> V128: a ^ b),
        O::V128Bitselect => Op::Bitselect,
        O::V128AnyTrue => op!(|a: V128| -> I32: u32::from(a != 0)),
        O::I8x16Shuffle { lanes } => Op::Shuffle(*lanes),
        O::I8x16Swizzle => op!(|a: V128, b: V128| -> V128: {
            u8x16::map(b, |at| u8x16::split(a).get(usize::from(at)).copied().unwrap_or(0))
        }),
        _ => return None,
    })
}

/// Of 32 lanes, those of `a` before those of `b`, the ones that are named.
pub(crate) fn shuffle(lanes: &[u8; 16], a: u128, b: u128) -> u128 {
    let (a, b) = (u8x16::split(a), u8x16::split(b));
    u8x16::join(lanes.map(|at| {
        let at = usize::from(at);
        if at < 16 { a[at] } else { b[at - 16] }
    }))
}

fn lane(operator: &Operator<'_>) -> Option<Op> {
    use Operator as O;
    use Value::{F32, F64, I32, I64};
    let extract = |function: fn(u128, u8) -> Value, lane: &u8| Op::ExtractLane(function, *lane);
    let replace =
        |function: fn(u128, u8, Value) -> u128, lane: &u8| Op::ReplaceLane(function, *lane);
    Some(match operator {
        O::I8x16ExtractLaneS { lane } => extract(
            |v, at| I32(i32::from(i8x16::split(v)[usize::from(at)]).cast_unsigned()),
            lane,
        ),
        O::I8x16ExtractLaneU { lane } => {
            extract(|v, at| I32(u8x16::split(v)[usize::from(at)].into()), lane)
        }
        O::I16x8ExtractLaneS { lane } => extract(
            |v, at| I32(i32::from(i16x8::split(v)[usize::from(at)]).cast_unsigned()),
            lane,
        ),
        O::I16x8ExtractLaneU { lane } => {
            extract(|v, at| I32(u16x8::split(v)[usize::from(at)].into()), lane)
        }
        O::I32x4ExtractLane { lane } => {
            extract(|v, at| I32(u32x4::split(v)[usize::from(at)]), lane)
        }
        O::I64x2ExtractLane { lane } => {
            extract(|v, at| I64(u64x2::split(v)[usize::from(at)]), lane)
        }
        O::F32x4ExtractLane { lane } => {
            extract(|v, at| F32(u32x4::split(v)[usize::from(at)]), lane)
        }
        O::F64x2ExtractLane { lane } => {
            extract(|v, at| F64(u64x2::split(v)[usize::from(at)]), lane)
        }
        O::I8x16ReplaceLane { lane } => {
            replace(|v, at, x| u8x16::replace(v, at, low8(x.bits())), lane)
        }
        O::I16x8ReplaceLane { lane } => {
            replace(|v, at, x| u16x8::replace(v, at, low16(x.bits())), lane)
        }
        O::I32x4ReplaceLane { lane } => {
            replace(|v, at, x| u32x4::replace(v, at, low32(x.bits())), lane)
        }
        O::I64x2ReplaceLane { lane } => {
            replace(|v, at, x| u64x2::replace(v, at, low64(x.bits())), lane)
        }
        O::F32x4ReplaceLane { lane } => {
            replace(|v, at, x| u32x4::replace(v, at, low32(x.bits())), lane)
        }
        O::F64x2ReplaceLane { lane } => {
            replace(|v, at, x| u64x2::replace(v, at, low64(x.bits())), lane)
        }
        O::I8x16Splat => op!(|a: I32| -> V128: u8x16::splat(low8(a.into()))),
        O::I16x8Splat => op!(|a: I32| -> V128: u16x8::splat(low16(a.into()))),
        O::I32x4Splat => op!(|a: I32| -> V128: u32x4::splat(a)),
        O::I64x2Splat => op!(|a: I64| -> V128: u64x2::splat(a)),
        O::F32x4Splat => op!(|a: F32| -> V128: u32x4::splat(a)),
        O::F64x2Splat => op!(|a: F64| -> V128: u64x2::splat(a)),
        _ => return None,
    })
}

/// Operators whose result has half as many lanes, of twice the width. A product of two lanes or a sum of
/// products always fits, but for the one that WebAssembly lets wrap around.
fn widened(operator: &Operator<'_>) -> Option<Op> {
    use Operator as O;
    macro_rules! extend {
        ($wide:ident, $narrow:ident, $first:expr) => {
            op!(|a: V128| -> V128: $wide::make(|at| $narrow::split(a)[$first + at].into()))
        };
    }
    macro_rules! multiply {
        ($wide:ident, $lane:ident, $narrow:ident, $first:expr) => {
            op!(|a: V128, b: V128| -> V128: $wide::make(|at| {
                let (a, b) = ($narrow::split(a)[$first + at], $narrow::split(b)[$first + at]);
                $lane::from(a) * $lane::from(b)
            }))
        };
    }
    macro_rules! add_pairs {
        ($wide:ident, $lane:ident, $narrow:ident) => {
            op!(|a: V128| -> V128: $wide::make(|at| {
                let lanes = $narrow::split(a);
                $lane::from(lanes[2 * at]) + $lane::from(lanes[2 * at + 1])
            }))
        };
    }
    Some(match operator {
        O::I16x8ExtendLowI8x16S => extend!(i16x8, i8x16, 0),
        O::I16x8ExtendLowI8x16U => extend!(u16x8, u8x16, 0),
        O::I16x8ExtendHighI8x16S => extend!(i16x8, i8x16, 8),
        O::I16x8ExtendHighI8x16U => extend!(u16x8, u8x16, 8),
        O::I16x8ExtMulLowI8x16S => multiply!(i16x8, i16, i8x16, 0),
        O::I16x8ExtMulLowI8x16U => multiply!(u16x8, u16, u8x16, 0),
        O::I16x8ExtMulHighI8x16S => multiply!(i16x8, i16, i8x16, 8),
        O::I16x8ExtMulHighI8x16U => multiply!(u16x8, u16, u8x16, 8),
        O::I16x8ExtAddPairwiseI8x16S => add_pairs!(i16x8, i16, i8x16),
        O::I16x8ExtAddPairwiseI8x16U => add_pairs!(u16x8, u16, u8x16),
        O::I32x4ExtendLowI16x8S => extend!(i32x4, i16x8, 0),
        O::I32x4ExtendLowI16x8U => extend!(u32x4, u16x8, 0),
        O::I32x4ExtendHighI16x8S => extend!(i32x4, i16x8, 4),
        O::I32x4ExtendHighI16x8U => extend!(u32x4, u16x8, 4),
        O::I32x4ExtMulLowI16x8S => multiply!(i32x4, i32, i16x8, 0),
        O::I32x4ExtMulLowI16x8U => multiply!(u32x4, u32, u16x8, 0),
        O::I32x4ExtMulHighI16x8S => multiply!(i32x4, i32, i16x8, 4),
        O::I32x4ExtMulHighI16x8U => multiply!(u32x4, u32, u16x8, 4),
        O::I32x4ExtAddPairwiseI16x8S => add_pairs!(i32x4, i32, i16x8),
        O::I32x4ExtAddPairwiseI16x8U => add_pairs!(u32x4, u32, u16x8),
        O::I64x2ExtendLowI32x4S => extend!(i64x2, i32x4, 0),
        O::I64x2ExtendLowI32x4U => extend!(u64x2, u32x4, 0),
        O::I64x2ExtendHighI32x4S => extend!(i64x2, i32x4, 2),
        O::I64x2ExtendHighI32x4U => extend!(u64x2, u32x4, 2),
        O::I64x2ExtMulLowI32x4S => multiply!(i64x2, i64, i32x4, 0),
        O::I64x2ExtMulLowI32x4U => multiply!(u64x2, u64, u32x4, 0),
        O::I64x2ExtMulHighI32x4S => multiply!(i64x2, i64, i32x4, 2),
        O::I64x2ExtMulHighI32x4U => multiply!(u64x2, u64, u32x4, 2),
        O::I32x4DotI16x8S => op!(|a: V128, b: V128| -> V128: i32x4::make(|at| {
            let (a, b) = (i16x8::split(a).map(i32::from), i16x8::split(b).map(i32::from));
            (a[2 * at] * b[2 * at]).wrapping_add(a[2 * at + 1] * b[2 * at + 1])
        })),
        _ => return None,
    })
}

/// Operators that put the lanes of two vectors into one, each as near as it can be.
fn narrowed(operator: &Operator<'_>) -> Option<Op> {
    use Operator as O;
    macro_rules! narrow {
        ($narrow:ident, $lane:ident, $wide:ident, $count:literal) => {
            op!(|a: V128, b: V128| -> V128: {
                let (a, b) = ($wide::split(a), $wide::split(b));
                $narrow::make(|at| {
                    let number = if at < $count { a[at] } else { b[at - $count] };
                    let nearest = number.clamp($lane::MIN.into(), $lane::MAX.into());
                    $lane::try_from(nearest).expect("within its bounds")
                })
            })
        };
    }
    Some(match operator {
        O::I8x16NarrowI16x8S => narrow!(i8x16, i8, i16x8, 8),
        O::I8x16NarrowI16x8U => narrow!(u8x16, u8, i16x8, 8),
        O::I16x8NarrowI32x4S => narrow!(i16x8, i16, i32x4, 4),
        O::I16x8NarrowI32x4U => narrow!(u16x8, u16, i32x4, 4),
        _ => return None,
    })
}

fn converted(operator: &Operator<'_>) -> Option<Op> {
    use Operator as O;
    /// Two lanes, and two lanes of zero.
    fn two(lane: impl Fn(usize) -> u32) -> u128 {
        u32x4::join([lane(0), lane(1), 0, 0])
    }
    Some(match operator {
        O::I32x4TruncSatF32x4S => {
            op!(|a: V128| -> V128: u32x4::map(a, |lane| convert::sat_i32(wide(lane))))
        }
        O::I32x4TruncSatF32x4U => {
            op!(|a: V128| -> V128: u32x4::map(a, |lane| convert::sat_u32(wide(lane))))
        }
        O::I32x4TruncSatF64x2SZero => op!(|a: V128| -> V128: {
            two(|at| convert::sat_i32(f64::from_bits(u64x2::split(a)[at])))
        }),
        O::I32x4TruncSatF64x2UZero => op!(|a: V128| -> V128: {
            two(|at| convert::sat_u32(f64::from_bits(u64x2::split(a)[at])))
        }),
        O::F32x4ConvertI32x4S => op!(|a: V128| -> V128: u32x4::map(a, convert::f32_from_i32)),
        O::F32x4ConvertI32x4U => op!(|a: V128| -> V128: u32x4::map(a, convert::f32_from_u32)),
        O::F64x2ConvertLowI32x4S => op!(|a: V128| -> V128: {
            u64x2::make(|at| convert::f64_from_i32(u32x4::split(a)[at]))
        }),
        O::F64x2ConvertLowI32x4U => op!(|a: V128| -> V128: {
            u64x2::make(|at| convert::f64_from_u32(u32x4::split(a)[at]))
        }),
        O::F32x4DemoteF64x2Zero => op!(|a: V128| -> V128: {
            two(|at| convert::demote(u64x2::split(a)[at]))
        }),
        O::F64x2PromoteLowF32x4 => op!(|a: V128| -> V128: {
            u64x2::make(|at| convert::promote(u32x4::split(a)[at]))
        }),
        _ => return None,
    })
}
