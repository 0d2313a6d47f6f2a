//! M13: which NaN an operator gives.

use meterbox_reference::Value;

use crate::harness::results;

const CANONICAL_F32: u32 = 0x7fc0_0000;
const CANONICAL_F64: u64 = 0x7ff8_0000_0000_0000;

fn f32_of(body: &str) -> u32 {
    let wat = format!(r#"(module (func (export "f") (result f32) {body}))"#);
    match results(&wat, &[])[..] {
        [Value::F32(bits)] => bits,
        ref other => panic!("{other:?}"),
    }
}

fn f64_of(body: &str) -> u64 {
    let wat = format!(r#"(module (func (export "f") (result f64) {body}))"#);
    match results(&wat, &[])[..] {
        [Value::F64(bits)] => bits,
        ref other => panic!("{other:?}"),
    }
}

fn v128_of(body: &str) -> u128 {
    let wat = format!(r#"(module (func (export "f") (result v128) {body}))"#);
    match results(&wat, &[])[..] {
        [Value::V128(bits)] => bits,
        ref other => panic!("{other:?}"),
    }
}

#[test]
fn arithmetic_gives_the_canonical_nan() {
    for nan in ["nan", "-nan", "nan:0x1", "-nan:0x200001"] {
        for op in ["add", "sub", "mul", "div", "min", "max"] {
            assert_eq!(
                f32_of(&format!("f32.const {nan} f32.const 1 f32.{op}")),
                CANONICAL_F32
            );
            assert_eq!(
                f32_of(&format!("f32.const 1 f32.const {nan} f32.{op}")),
                CANONICAL_F32
            );
            assert_eq!(
                f64_of(&format!("f64.const {nan} f64.const 1 f64.{op}")),
                CANONICAL_F64
            );
        }
        for op in ["sqrt", "ceil", "floor", "trunc", "nearest"] {
            assert_eq!(f32_of(&format!("f32.const {nan} f32.{op}")), CANONICAL_F32);
            assert_eq!(f64_of(&format!("f64.const {nan} f64.{op}")), CANONICAL_F64);
        }
        assert_eq!(
            f64_of(&format!("f32.const {nan} f64.promote_f32")),
            CANONICAL_F64
        );
        assert_eq!(
            f32_of(&format!("f64.const {nan} f32.demote_f64")),
            CANONICAL_F32
        );
    }
    assert_eq!(f32_of("f32.const 0 f32.const 0 f32.div"), CANONICAL_F32);
    assert_eq!(f64_of("f64.const inf f64.const inf f64.sub"), CANONICAL_F64);
    assert_eq!(f64_of("f64.const -1 f64.sqrt"), CANONICAL_F64);
}

#[test]
fn lanes_give_the_canonical_nan() {
    let lanes = |a: u32, b: u32| u128::from(a) | u128::from(b) << 32;
    let one = 1.0_f32.to_bits();
    for op in ["add", "mul", "div", "min", "max"] {
        let body = format!(
            "v128.const f32x4 -nan:0x1 1 0 0 v128.const f32x4 1 1 1 1 f32x4.{op}
            v128.const i32x4 -1 -1 0 0 v128.and"
        );
        let other = if op == "add" { 2.0_f32.to_bits() } else { one };
        assert_eq!(v128_of(&body), lanes(CANONICAL_F32, other), "{op}");
    }
    let canonical = u128::from(CANONICAL_F64) | u128::from(CANONICAL_F64) << 64;
    for op in ["sqrt", "ceil", "floor", "trunc", "nearest"] {
        let body = format!("v128.const f64x2 -nan nan:0x1 f64x2.{op}");
        assert_eq!(v128_of(&body), canonical, "{op}");
    }
    let body = "v128.const f32x4 -nan nan:0x1 0 0 f64x2.promote_low_f32x4";
    assert_eq!(v128_of(body), canonical);
    let body = "v128.const f64x2 -nan nan:0x1 f32x4.demote_f64x2_zero";
    assert_eq!(v128_of(body), lanes(CANONICAL_F32, CANONICAL_F32));
}

#[test]
fn all_other_operators_pass_bits_as_they_are() {
    assert_eq!(f32_of("f32.const nan:0x1"), 0x7f80_0001);
    assert_eq!(f32_of("f32.const nan:0x1 f32.neg"), 0xff80_0001);
    assert_eq!(f32_of("f32.const -nan:0x1 f32.abs"), 0x7f80_0001);
    assert_eq!(
        f32_of("f32.const nan:0x1 f32.const -1 f32.copysign"),
        0xff80_0001
    );
    assert_eq!(
        f32_of("i32.const 0x7f800001 f32.reinterpret_i32"),
        0x7f80_0001
    );
    assert_eq!(
        f32_of("f32.const nan:0x1 f32.const 0 i32.const 1 select"),
        0x7f80_0001
    );
    assert_eq!(
        v128_of("v128.const f64x2 -nan:0x1 0 v128.const f64x2 1 0 f64x2.pmin"),
        0xfff0_0000_0000_0001
    );
    assert_eq!(
        v128_of("v128.const f64x2 nan:0x1 0 f64x2.neg") & u128::from(u64::MAX),
        0xfff0_0000_0000_0001
    );
}
