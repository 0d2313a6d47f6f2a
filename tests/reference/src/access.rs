//! Loads and stores: how many bytes, and how they become a value or come from one. Touches no memory.

use wasmparser::{MemArg, Operator};

use crate::lanes::{
    i8x16, i16x8, i32x4, i64x2, low8, low16, low32, low64, u8x16, u16x8, u32x4, u64x2,
};
use crate::operator::{Op, Place, index};
use crate::value::Value;

fn place(memarg: &MemArg, bytes: u8) -> Place {
    Place {
        memory: index(memarg.memory),
        offset: memarg.offset,
        bytes,
    }
}

/// A load or a store; none if it is another operator.
pub(crate) fn access(operator: &Operator<'_>) -> Option<Op> {
    load(operator)
        .or_else(|| vector_load(operator))
        .or_else(|| store(operator))
        .or_else(|| lane(operator))
}

/// The bytes that were loaded come as a number, little-endian and without a sign.
fn load(operator: &Operator<'_>) -> Option<Op> {
    use Operator as O;
    use Value::{F32, F64, I32, I64};
    let (memarg, bytes, make): (_, _, fn(u128) -> Value) = match operator {
        O::I32Load { memarg } => (memarg, 4, |x| I32(low32(x))),
        O::I64Load { memarg } => (memarg, 8, |x| I64(low64(x))),
        O::F32Load { memarg } => (memarg, 4, |x| F32(low32(x))),
        O::F64Load { memarg } => (memarg, 8, |x| F64(low64(x))),
        O::I32Load8S { memarg } => (memarg, 1, |x| {
            I32(i32::from(low8(x).cast_signed()).cast_unsigned())
        }),
        O::I32Load8U { memarg } => (memarg, 1, |x| I32(low32(x))),
        O::I32Load16S { memarg } => (memarg, 2, |x| {
            I32(i32::from(low16(x).cast_signed()).cast_unsigned())
        }),
        O::I32Load16U { memarg } => (memarg, 2, |x| I32(low32(x))),
        O::I64Load8S { memarg } => (memarg, 1, |x| {
            I64(i64::from(low8(x).cast_signed()).cast_unsigned())
        }),
        O::I64Load8U { memarg } => (memarg, 1, |x| I64(low64(x))),
        O::I64Load16S { memarg } => (memarg, 2, |x| {
            I64(i64::from(low16(x).cast_signed()).cast_unsigned())
        }),
        O::I64Load16U { memarg } => (memarg, 2, |x| I64(low64(x))),
        O::I64Load32S { memarg } => (memarg, 4, |x| {
            I64(i64::from(low32(x).cast_signed()).cast_unsigned())
        }),
        O::I64Load32U { memarg } => (memarg, 4, |x| I64(low64(x))),
        _ => return None,
    };
    Some(Op::Load(place(memarg, bytes), make))
}

fn vector_load(operator: &Operator<'_>) -> Option<Op> {
    use Operator as O;
    use Value::V128;
    let (memarg, bytes, make): (_, _, fn(u128) -> Value) = match operator {
        O::V128Load { memarg } => (memarg, 16, V128),
        O::V128Load8x8S { memarg } => (memarg, 8, |x| {
            V128(i16x8::make(|at| i8x16::split(x)[at].into()))
        }),
        O::V128Load8x8U { memarg } => (memarg, 8, |x| {
            V128(u16x8::make(|at| u8x16::split(x)[at].into()))
        }),
        O::V128Load16x4S { memarg } => (memarg, 8, |x| {
            V128(i32x4::make(|at| i16x8::split(x)[at].into()))
        }),
        O::V128Load16x4U { memarg } => (memarg, 8, |x| {
            V128(u32x4::make(|at| u16x8::split(x)[at].into()))
        }),
        O::V128Load32x2S { memarg } => (memarg, 8, |x| {
            V128(i64x2::make(|at| i32x4::split(x)[at].into()))
        }),
        O::V128Load32x2U { memarg } => (memarg, 8, |x| {
            V128(u64x2::make(|at| u32x4::split(x)[at].into()))
        }),
        O::V128Load8Splat { memarg } => (memarg, 1, |x| V128(u8x16::splat(low8(x)))),
        O::V128Load16Splat { memarg } => (memarg, 2, |x| V128(u16x8::splat(low16(x)))),
        O::V128Load32Splat { memarg } => (memarg, 4, |x| V128(u32x4::splat(low32(x)))),
        O::V128Load64Splat { memarg } => (memarg, 8, |x| V128(u64x2::splat(low64(x)))),
        O::V128Load32Zero { memarg } => (memarg, 4, V128),
        O::V128Load64Zero { memarg } => (memarg, 8, V128),
        _ => return None,
    };
    Some(Op::Load(place(memarg, bytes), make))
}

/// Of the number, the lowest bytes are stored.
fn store(operator: &Operator<'_>) -> Option<Op> {
    use Operator as O;
    let (memarg, bytes) = match operator {
        O::I32Store8 { memarg } | O::I64Store8 { memarg } => (memarg, 1),
        O::I32Store16 { memarg } | O::I64Store16 { memarg } => (memarg, 2),
        O::I32Store { memarg } | O::F32Store { memarg } | O::I64Store32 { memarg } => (memarg, 4),
        O::I64Store { memarg } | O::F64Store { memarg } => (memarg, 8),
        O::V128Store { memarg } => (memarg, 16),
        _ => return None,
    };
    Some(Op::Store(place(memarg, bytes)))
}

fn lane(operator: &Operator<'_>) -> Option<Op> {
    use Operator as O;
    Some(match operator {
        O::V128Load8Lane { memarg, lane } => Op::LoadLane(place(memarg, 1), *lane),
        O::V128Load16Lane { memarg, lane } => Op::LoadLane(place(memarg, 2), *lane),
        O::V128Load32Lane { memarg, lane } => Op::LoadLane(place(memarg, 4), *lane),
        O::V128Load64Lane { memarg, lane } => Op::LoadLane(place(memarg, 8), *lane),
        O::V128Store8Lane { memarg, lane } => Op::StoreLane(place(memarg, 1), *lane),
        O::V128Store16Lane { memarg, lane } => Op::StoreLane(place(memarg, 2), *lane),
        O::V128Store32Lane { memarg, lane } => Op::StoreLane(place(memarg, 4), *lane),
        O::V128Store64Lane { memarg, lane } => Op::StoreLane(place(memarg, 8), *lane),
        _ => return None,
    })
}
