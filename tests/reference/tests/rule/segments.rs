//! M2 to M4: classes, segments and charging.

use meterbox_meter::Class;
use meterbox_reference::{Settings, Tier};

use crate::harness::{SETTINGS, i32, run_with, simple, units, w};

#[test]
fn straight_code_is_charged_by_class() {
    let wat = r#"(module (func (export "f") (param i32) (result i32)
        local.get 0  i32.const 3  i32.mul  i32.const 5  i32.div_u))"#;
    assert_eq!(units(wat, &[i32(10)]), simple(4) + w(Class::Divide));
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
            simple(5),
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
            simple(2) + 3 * w(Class::Reference) + w(Class::Branch),
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
    ] {
        assert_eq!(units(&module(body), &[]), expected, "{body}");
    }
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
    let lap = simple(4) + w(Class::Branch);
    assert_eq!(units(wat, &[i32(0)]), lap);
    assert_eq!(units(wat, &[i32(1)]), 32 * lap);
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
        simple(2) + 3 * lap + 2 * w(Class::Branch)
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
