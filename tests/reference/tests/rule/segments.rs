//! M2 to M4: classes, segments and charging.

use meterbox_meter::Class;
use meterbox_reference::{Settings, Tier};

use crate::harness::{SETTINGS, i32, run_with, simple, units, w};

#[test]
fn straight_code_is_charged_by_class() {
    let wat = r#"(module (func (export "f") (param i32) (result i32)
        local.get 0  i32.const 3  i32.mul  i32.const 5  i32.div_u))"#;
    assert_eq!(
        units(wat, &[i32(10)]),
        simple(3) + w(Class::Multiply) + w(Class::Divide)
    );
}

#[test]
fn every_class_has_its_operators() {
    let module = |body: &str| {
        format!(
            r#"(module (memory 1) (table 1 funcref) (global $g (mut i32) (i32.const 0)) (data $d "")
            (elem $e func) (func $h) (elem declare func $h) (func (export "f") {body}))"#
        )
    };
    for (body, expected) in [
        ("block nop end", 0),
        (
            "i64.const 1 i64.extend8_s f64.convert_i64_s i32.trunc_sat_f64_s drop",
            simple(3) + 2 * w(Class::Convert),
        ),
        (
            "i64.const 1 i64.const 1 i64.mul i64.ctz i32.wrap_i64 i32.popcnt drop",
            simple(4) + 3 * w(Class::Multiply),
        ),
        (
            "f32.const 1 f32.const 1 f32.mul f32.neg f32.trunc f32.const 1 f32.lt drop",
            simple(4) + 4 * w(Class::Float),
        ),
        (
            "f32.const 1 f32.const 1 f32.div f32.sqrt drop",
            simple(3) + 2 * w(Class::Divide),
        ),
        ("global.get $g global.set $g", 2 * w(Class::Global)),
        ("i32.const 0 i64.load32_u drop", simple(2) + w(Class::Load)),
        (
            "i32.const 0 i32.const 0 i32.store16",
            simple(2) + w(Class::Store),
        ),
        (
            "i32.const 0 i32.const 0 i32.const 0 select drop",
            simple(4) + w(Class::Branch),
        ),
        (
            "ref.func $h ref.null func i32.const 0 select (result funcref) ref.is_null drop",
            simple(2) + w(Class::ReferenceFunction) + 2 * w(Class::Reference) + w(Class::Branch),
        ),
        (
            "i32.const 0 i32.const 0 table.get 0 table.set 0 table.size 0 drop",
            simple(3) + 3 * w(Class::TableAccess),
        ),
        ("memory.size drop", simple(1) + w(Class::MemorySize)),
        (
            "data.drop $d elem.drop $e",
            w(Class::MemoryBulk) + w(Class::TableBulk),
        ),
        (
            "i32.const 0 i32.const 0 i32.const 0 memory.fill",
            simple(3) + w(Class::MemoryFill),
        ),
        (
            "i32.const 0 i32.const 0 i32.const 0 memory.copy
            i32.const 0 i32.const 0 i32.const 0 memory.init $d",
            2 * simple(3) + 2 * w(Class::MemoryBulk),
        ),
        (
            "i32.const 0 v128.load8_splat f32x4.sqrt i8x16.extract_lane_u 0 drop",
            simple(2) + w(Class::VectorMemory) + w(Class::Divide) + w(Class::Vector),
        ),
        (
            "i32.const 0 v128.const i32x4 0 0 0 0 v128.store8_lane 0",
            simple(1) + w(Class::Vector) + w(Class::VectorMemory),
        ),
        (
            "block i32.const 0 br_table 0 0 end",
            simple(1) + w(Class::BranchTable),
        ),
        ("i32.const 0 if end", simple(1) + w(Class::Branch)),
        ("loop end", w(Class::Branch)),
        ("block loop br 1 end end", 2 * w(Class::Branch)),
    ] {
        assert_eq!(units(&module(body), &[]), expected, "{body}");
    }
}

/// Checks the class of operators that take so many operands, each given by one operator, and give a result.
fn check_operators(class: Class, operand: &str, count: i64, operators: &str) {
    let constant = match operand.split_whitespace().next() {
        Some("v128.const") => Class::Vector,
        _ => Class::Simple,
    };
    let operands = format!("{operand} ").repeat(usize::try_from(count).unwrap());
    for operator in operators.split_whitespace() {
        let wat = format!(r#"(module (func (export "f") {operands} {operator} drop))"#);
        assert_eq!(
            units(&wat, &[]),
            count * w(constant) + w(class) + simple(1),
            "{operator}"
        );
    }
}

#[test]
fn operators_of_integers_have_the_classes_of_the_text() {
    for ty in ["i32", "i64"] {
        let operand = format!("{ty}.const 1");
        let check = |class, count, operators: &str| {
            check_operators(class, &operand, count, &operators.replace('T', ty));
        };
        check(Class::Multiply, 2, "T.mul");
        check(Class::Multiply, 1, "T.clz T.ctz T.popcnt");
        check(Class::Divide, 2, "T.div_s T.div_u T.rem_s T.rem_u");
        check(Class::Simple, 2, "T.add T.sub T.and T.or T.xor T.eq T.ge_u");
        check(Class::Simple, 2, "T.shl T.shr_s T.shr_u T.rotl T.rotr");
        check(Class::Simple, 1, "T.eqz T.extend8_s T.extend16_s");
        let convert = "f32.convert_T_s f32.convert_T_u f64.convert_T_s f64.convert_T_u";
        check(Class::Convert, 1, convert);
    }
    check_operators(Class::Convert, "i32.const 1", 1, "f32.reinterpret_i32");
    check_operators(Class::Convert, "i64.const 1", 1, "f64.reinterpret_i64");
    // Between integers no operator is a conversion of the class.
    let extend = "i64.extend_i32_s i64.extend_i32_u";
    check_operators(Class::Simple, "i32.const 1", 1, extend);
    let narrow = "i32.wrap_i64 i64.extend32_s";
    check_operators(Class::Simple, "i64.const 1", 1, narrow);
}

#[test]
fn operators_of_floats_have_the_classes_of_the_text() {
    for ty in ["f32", "f64"] {
        let operand = format!("{ty}.const 1");
        let check = |class, count, operators: &str| {
            check_operators(class, &operand, count, &operators.replace('T', ty));
        };
        check(Class::Float, 2, "T.add T.sub T.mul T.min T.max T.copysign");
        check(Class::Float, 2, "T.eq T.ne T.lt T.gt T.le T.ge");
        check(Class::Float, 1, "T.abs T.neg");
        check(Class::Float, 1, "T.ceil T.floor T.trunc T.nearest");
        check(Class::Divide, 2, "T.div");
        check(Class::Divide, 1, "T.sqrt");
        let trunc = "i32.trunc_T_s i32.trunc_T_u i64.trunc_T_s i64.trunc_T_u";
        check(Class::Convert, 1, trunc);
        check(Class::Convert, 1, &trunc.replace("trunc", "trunc_sat"));
    }
    let narrow = "f64.promote_f32 i32.reinterpret_f32";
    check_operators(Class::Convert, "f32.const 1", 1, narrow);
    let wide = "f32.demote_f64 i64.reinterpret_f64";
    check_operators(Class::Convert, "f64.const 1", 1, wide);
}

#[test]
fn operators_of_vectors_have_the_classes_of_the_text() {
    let check = |class, count, operators: &str| {
        check_operators(class, "v128.const i64x2 1 1", count, operators);
    };
    for lanes in ["i8x16", "i16x8", "i32x4", "i64x2"] {
        check(
            Class::Convert,
            1,
            &"T.all_true T.bitmask".replace('T', lanes),
        );
        check(Class::Vector, 2, &"T.add T.eq".replace('T', lanes));
    }
    check(Class::Convert, 1, "v128.any_true");
    for lanes in ["f32x4", "f64x2"] {
        check(Class::Divide, 2, &"T.div".replace('T', lanes));
        check(Class::Divide, 1, &"T.sqrt".replace('T', lanes));
        // What is a class of its own for scalars is not so for vectors: arithmetic, rounding, signs.
        let others = "T.ceil T.floor T.trunc T.nearest T.neg";
        check(Class::Vector, 1, &others.replace('T', lanes));
        check(Class::Vector, 2, &"T.add T.mul T.lt".replace('T', lanes));
    }
    check(Class::Vector, 1, "i8x16.popcnt");
    check(Class::Vector, 2, "i16x8.mul i32x4.mul i64x2.mul");
    for sign in ["s", "u"] {
        let convert = "f32x4.convert_i32x4_S f64x2.convert_low_i32x4_S \
            i32x4.trunc_sat_f32x4_S i32x4.trunc_sat_f64x2_S_zero";
        check(Class::Convert, 1, &convert.replace('S', sign));
        // Between integers no operator is a conversion of the class.
        let extend = "i16x8.extend_low_i8x16_S i64x2.extend_high_i32x4_S";
        check(Class::Vector, 1, &extend.replace('S', sign));
        check(Class::Vector, 2, &"i8x16.narrow_i16x8_S".replace('S', sign));
    }
    check(
        Class::Convert,
        1,
        "f32x4.demote_f64x2_zero f64x2.promote_low_f32x4",
    );
}

#[test]
fn weights_are_those_of_the_tier() {
    let wat = r#"(module (memory 1) (func (export "f") i32.const 0 i64.load drop))"#;
    for tier in Tier::ALL {
        let run = run_with(wat, &[], &Settings { tier, ..SETTINGS });
        assert_eq!(run.units(), simple(2) + i64::from(Class::Load.weight(tier)));
    }
}

#[test]
fn only_the_arm_that_runs_is_charged() {
    let wat = r#"(module (func (export "f") (param i32) (result i32)
        local.get 0
        if (result i32) i32.const 1 else i32.const 2 i32.const 3 i32.add i32.const 4 i32.add end))"#;
    let head = simple(1) + w(Class::Branch);
    assert_eq!(units(wat, &[i32(1)]), head + simple(1));
    assert_eq!(units(wat, &[i32(0)]), head + simple(5));
}

#[test]
fn an_if_without_else_is_passed_by() {
    let wat = r#"(module (func (export "f") (param i32)
        local.get 0 if i32.const 1 drop end i32.const 2 drop))"#;
    let head = simple(1) + w(Class::Branch);
    assert_eq!(units(wat, &[i32(1)]), head + simple(2) + simple(2));
    assert_eq!(units(wat, &[i32(0)]), head + simple(2));
}

#[test]
fn what_follows_a_conditional_branch_is_charged_if_it_runs() {
    let wat = r#"(module (func (export "f") (param i32)
        block local.get 0 br_if 0 i32.const 1 drop end i32.const 2 drop))"#;
    let head = simple(1) + w(Class::Branch);
    assert_eq!(units(wat, &[i32(1)]), head + simple(2));
    assert_eq!(units(wat, &[i32(0)]), head + simple(2) + simple(2));
}

#[test]
fn a_block_does_not_begin_a_segment_and_its_end_does() {
    // `i32.const`, `block` and what is inside are one segment, of which all is charged before it runs.
    let wat = r#"(module (func (export "f")
        i32.const 1 drop block i32.const 2 drop i32.const 0 br_table 0 i32.const 3 drop end i32.const 4 drop))"#;
    assert_eq!(
        units(wat, &[]),
        simple(2) + simple(3) + w(Class::BranchTable) + simple(2)
    );
}

#[test]
fn operators_after_a_branch_out_are_not_charged() {
    for (leaves, weight) in [
        ("br 0", w(Class::Branch)),
        ("return", w(Class::Branch)),
        (
            "i32.const 0 br_table 0 0",
            simple(1) + w(Class::BranchTable),
        ),
        ("return_call $g", w(Class::Call) + simple(1)),
        (
            "i32.const 0 return_call_indirect (result i32)",
            simple(1) + w(Class::CallIndirect) + simple(1),
        ),
    ] {
        let wat = format!(
            r#"(module (table funcref (elem $g)) (func $g (result i32) i32.const 7)
            (func (export "f") (result i32)
                block (result i32) i32.const 7 {leaves} i32.const 8 drop i32.const 9 drop drop i32.const 1 end))"#
        );
        assert_eq!(units(&wat, &[]), simple(1) + weight, "{leaves}");
    }
}

#[test]
fn a_segment_goes_on_after_a_call() {
    // All of the caller's segment is charged before the callee is entered.
    let wat = r#"(module
        (func $g (result i32) i32.const 40)
        (func (export "f") (result i32) call $g i32.const 2 i32.add))"#;
    assert_eq!(units(wat, &[]), w(Class::Call) + simple(2) + simple(1));
}

#[test]
fn a_loop_is_charged_per_lap() {
    // Not counted: the step is a multiplication.
    let wat = r#"(module (func (export "f") (param i32)
        loop local.get 0 i32.const 2 i32.mul local.tee 0 br_if 0 end))"#;
    // `loop` belongs to the segment before it: it is paid once.
    let entry = w(Class::Branch);
    let lap = simple(3) + w(Class::Multiply) + w(Class::Branch);
    assert_eq!(units(wat, &[i32(0)]), entry + lap);
    assert_eq!(units(wat, &[i32(1)]), entry + 32 * lap);
}

#[test]
fn a_branch_to_a_loop_charges_what_follows_it_and_not_what_is_before() {
    let wat = r#"(module (func (export "f") (param i32)
        i32.const 5 drop
        loop $l
            local.get 0 i32.const 1 i32.sub local.tee 0
            if br $l end
        end))"#;
    let lap = simple(4) + w(Class::Branch);
    assert_eq!(
        units(wat, &[i32(3)]),
        simple(2) + w(Class::Branch) + 3 * lap + 2 * w(Class::Branch)
    );
}

#[test]
fn tail_calls_are_charged_as_calls() {
    let wat = r#"(module (func $g (export "f") (param i32)
        local.get 0 i32.eqz if return end
        local.get 0 i32.const 1 i32.sub return_call $g))"#;
    let head = simple(2) + w(Class::Branch);
    let again = simple(3) + w(Class::Call);
    assert_eq!(
        units(wat, &[i32(100)]),
        100 * (head + again) + head + w(Class::Branch)
    );
}
