//! Values of scripts: arguments, and whether results are what a script expects.

use wasmtime::{ExternRef, Store, Val};
use wast::core::{HeapType, NanPattern, V128Pattern, WastArgCore, WastRetCore};
use wast::{WastArg, WastRet};

/// An argument as the engine takes it.
pub fn argument(store: &mut Store<()>, argument: &WastArg<'_>) -> Val {
    let WastArg::Core(argument) = argument else {
        panic!("{argument:?}");
    };
    match argument {
        WastArgCore::I32(value) => Val::I32(*value),
        WastArgCore::I64(value) => Val::I64(*value),
        WastArgCore::F32(value) => Val::F32(value.bits),
        WastArgCore::F64(value) => Val::F64(value.bits),
        WastArgCore::V128(value) => Val::V128(u128::from_le_bytes(value.to_le_bytes()).into()),
        WastArgCore::RefNull(HeapType::Abstract { ty, .. }) => match ty {
            wast::core::AbstractHeapType::Extern => Val::ExternRef(None),
            wast::core::AbstractHeapType::Exn => Val::ExnRef(None),
            _ => Val::FuncRef(None),
        },
        WastArgCore::RefNull(_) => Val::FuncRef(None),
        WastArgCore::RefExtern(value) | WastArgCore::RefHost(value) => {
            Val::ExternRef(Some(ExternRef::new(&mut *store, *value).unwrap()))
        }
    }
}

/// Whether all results are what is expected; of a function that `negates`, a NaN's sign may be set.
pub fn all_match(
    store: &mut Store<()>,
    values: &[Val],
    expected: &[WastRet<'_>],
    negates: bool,
) -> bool {
    values.len() == expected.len()
        && values.iter().zip(expected).all(|(value, expected)| {
            let WastRet::Core(expected) = expected else {
                panic!("{expected:?}");
            };
            matches(store, value, expected, negates)
        })
}

fn matches(store: &mut Store<()>, value: &Val, expected: &WastRetCore<'_>, negates: bool) -> bool {
    match (expected, value) {
        (WastRetCore::I32(expected), Val::I32(value)) => expected == value,
        (WastRetCore::I64(expected), Val::I64(value)) => expected == value,
        (WastRetCore::F32(expected), Val::F32(bits)) => float(
            u64::from(*bits),
            pattern(expected, |value| value.bits.into()),
            F32,
            negates,
        ),
        (WastRetCore::F64(expected), Val::F64(bits)) => {
            float(*bits, pattern(expected, |value| value.bits), F64, negates)
        }
        (WastRetCore::V128(expected), Val::V128(bits)) => vector(bits.as_u128(), expected, negates),
        (WastRetCore::RefNull(_), value) => value.ref_().is_some_and(|value| value.is_null()),
        (WastRetCore::RefExtern(Some(expected)), Val::ExternRef(Some(value))) => {
            let data = value.data(&*store).unwrap();
            data.and_then(|data| data.downcast_ref::<u32>()) == Some(expected)
        }
        (WastRetCore::RefExtern(None), Val::ExternRef(value)) => value.is_some(),
        (WastRetCore::RefFunc(_), Val::FuncRef(value)) => value.is_some(),
        (WastRetCore::Either(several), value) => several
            .iter()
            .any(|expected| matches(store, value, expected, negates)),
        _ => false,
    }
}

/// What is expected of a float: one of the NaNs, or these bits.
enum Expected {
    Nan,
    Bits(u64),
}

/// The canonical NaN of a width.
const F32: u64 = 0x7fc0_0000;
const F64: u64 = 0x7ff8_0000_0000_0000;

fn pattern<T>(pattern: &NanPattern<T>, bits: impl Fn(&T) -> u64) -> Expected {
    match pattern {
        NanPattern::CanonicalNan | NanPattern::ArithmeticNan => Expected::Nan,
        NanPattern::Value(value) => Expected::Bits(bits(value)),
    }
}

/// Where the suite allows several NaNs, the meter allows one: the canonical one, sign clear.
fn float(bits: u64, expected: Expected, canonical: u64, negates: bool) -> bool {
    match expected {
        Expected::Nan => bits == canonical || negates && bits == canonical | sign(canonical),
        Expected::Bits(expected) => bits == expected,
    }
}

fn vector(bits: u128, expected: &V128Pattern, negates: bool) -> bool {
    let bytes = bits.to_le_bytes();
    let lane = |width: usize, lane: usize| {
        let mut value = [0; 8];
        value[..width].copy_from_slice(&bytes[lane * width..(lane + 1) * width]);
        u64::from_le_bytes(value)
    };
    let low = |value: i64, width: u32| value.cast_unsigned() & (u64::MAX >> (64 - 8 * width));
    match expected {
        V128Pattern::I8x16(lanes) => (0..16).all(|at| lane(1, at) == low(lanes[at].into(), 1)),
        V128Pattern::I16x8(lanes) => (0..8).all(|at| lane(2, at) == low(lanes[at].into(), 2)),
        V128Pattern::I32x4(lanes) => (0..4).all(|at| lane(4, at) == low(lanes[at].into(), 4)),
        V128Pattern::I64x2(lanes) => (0..2).all(|at| lane(8, at) == low(lanes[at], 8)),
        V128Pattern::F32x4(lanes) => (0..4).all(|at| {
            float(
                lane(4, at),
                pattern(&lanes[at], |value| value.bits.into()),
                F32,
                negates,
            )
        }),
        V128Pattern::F64x2(lanes) => (0..2).all(|at| {
            float(
                lane(8, at),
                pattern(&lanes[at], |value| value.bits),
                F64,
                negates,
            )
        }),
    }
}

/// The sign bit of floats that are as wide as this NaN.
fn sign(canonical: u64) -> u64 {
    if canonical == F32 { 1 << 31 } else { 1 << 63 }
}
