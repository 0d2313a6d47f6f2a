//! Arguments and expected results, as the suite writes them. A NaN of arithmetic must be canonical (M13),
//! which is stricter than the suite; it may have a sign, since `neg` and the like pass bits as they are.

use meterbox_reference::{Trap, Value};
use wast::core::{AbstractHeapType, HeapType, NanPattern, V128Pattern, WastArgCore, WastRetCore};
use wast::{WastArg, WastRet};

const CANONICAL_F32: u32 = 0x7fc0_0000;
const CANONICAL_F64: u64 = 0x7ff8_0000_0000_0000;

/// The arguments; none if one cannot be made.
pub fn arguments(arguments: &[WastArg<'_>]) -> Option<Vec<Value>> {
    arguments
        .iter()
        .map(|argument| match argument {
            WastArg::Core(argument) => value(argument),
            _ => None,
        })
        .collect()
}

fn value(argument: &WastArgCore<'_>) -> Option<Value> {
    Some(match argument {
        WastArgCore::I32(value) => Value::I32(value.cast_unsigned()),
        WastArgCore::I64(value) => Value::I64(value.cast_unsigned()),
        WastArgCore::F32(value) => Value::F32(value.bits),
        WastArgCore::F64(value) => Value::F64(value.bits),
        WastArgCore::V128(value) => Value::V128(u128::from_le_bytes(value.to_le_bytes())),
        WastArgCore::RefExtern(value) => Value::Extern(Some(*value)),
        WastArgCore::RefNull(HeapType::Abstract { ty, shared: false }) => match ty {
            AbstractHeapType::Func => Value::Func(None),
            AbstractHeapType::Extern => Value::Extern(None),
            AbstractHeapType::Exn => Value::Exn(None),
            _ => return None,
        },
        _ => return None,
    })
}

/// Whether these are the results; none if one of them cannot be compared.
pub fn are(results: &[Value], expected: &[WastRet<'_>]) -> Option<bool> {
    if results.len() != expected.len() {
        return Some(false);
    }
    let mut all = true;
    for (result, expected) in results.iter().zip(expected) {
        match expected {
            WastRet::Core(expected) => all &= is(*result, expected)?,
            _ => return None,
        }
    }
    Some(all)
}

fn is(result: Value, expected: &WastRetCore<'_>) -> Option<bool> {
    Some(match (expected, result) {
        (WastRetCore::I32(expected), Value::I32(value)) => expected.cast_unsigned() == value,
        (WastRetCore::I64(expected), Value::I64(value)) => expected.cast_unsigned() == value,
        (WastRetCore::F32(expected), Value::F32(value)) => is_f32(value, expected),
        (WastRetCore::F64(expected), Value::F64(value)) => is_f64(value, expected),
        (WastRetCore::V128(expected), Value::V128(value)) => is_v128(value, expected),
        (WastRetCore::RefNull(_), value) => {
            matches!(
                value,
                Value::Func(None) | Value::Extern(None) | Value::Exn(None)
            )
        }
        (WastRetCore::RefExtern(Some(expected)), value) => value == Value::Extern(Some(*expected)),
        (WastRetCore::RefExtern(None), value) => matches!(value, Value::Extern(Some(_))),
        (WastRetCore::RefFunc(None), value) => matches!(value, Value::Func(Some(_))),
        (WastRetCore::Either(cases), value) => {
            let mut any = false;
            for case in cases {
                any |= is(value, case)?;
            }
            any
        }
        (
            WastRetCore::I32(_)
            | WastRetCore::I64(_)
            | WastRetCore::F32(_)
            | WastRetCore::F64(_)
            | WastRetCore::V128(_),
            _,
        ) => false,
        _ => return None,
    })
}

fn is_f32(value: u32, expected: &NanPattern<wast::token::F32>) -> bool {
    match expected {
        NanPattern::CanonicalNan | NanPattern::ArithmeticNan => value & !(1 << 31) == CANONICAL_F32,
        NanPattern::Value(expected) => value == expected.bits,
    }
}

fn is_f64(value: u64, expected: &NanPattern<wast::token::F64>) -> bool {
    match expected {
        NanPattern::CanonicalNan | NanPattern::ArithmeticNan => value & !(1 << 63) == CANONICAL_F64,
        NanPattern::Value(expected) => value == expected.bits,
    }
}

fn is_v128(value: u128, expected: &V128Pattern) -> bool {
    let bytes = value.to_le_bytes();
    let (fours, _) = bytes.as_chunks::<4>();
    let (eights, _) = bytes.as_chunks::<8>();
    match expected {
        V128Pattern::I8x16(lanes) => bytes == lanes.map(i8::cast_unsigned),
        V128Pattern::I16x8(lanes) => bytes.as_chunks::<2>().0 == lanes.map(i16::to_le_bytes),
        V128Pattern::I32x4(lanes) => fours == lanes.map(i32::to_le_bytes),
        V128Pattern::I64x2(lanes) => eights == lanes.map(i64::to_le_bytes),
        V128Pattern::F32x4(lanes) => fours
            .iter()
            .zip(lanes)
            .all(|(lane, expected)| is_f32(u32::from_le_bytes(*lane), expected)),
        V128Pattern::F64x2(lanes) => eights
            .iter()
            .zip(lanes)
            .all(|(lane, expected)| is_f64(u64::from_le_bytes(*lane), expected)),
    }
}

/// Whether the suite's words are for this trap.
pub fn is_trap(trap: &Trap, words: &str) -> bool {
    let own = match trap {
        Trap::Unreachable => &["unreachable"][..],
        Trap::MemoryOutOfBounds => &["out of bounds memory access"],
        Trap::TableOutOfBounds => &["out of bounds table access", "undefined element"],
        Trap::IndirectCallToNull => &["uninitialized element"],
        Trap::BadSignature => &["indirect call type mismatch"],
        Trap::IntegerOverflow => &["integer overflow"],
        Trap::IntegerDivisionByZero => &["integer divide by zero"],
        Trap::BadConversionToInteger => &["invalid conversion to integer"],
        Trap::NullReference => &["null exception reference", "null reference"],
        Trap::Link(_) | Trap::Host(_) => &[],
    };
    own.iter()
        .any(|own| words.starts_with(own) || own.starts_with(words))
}
