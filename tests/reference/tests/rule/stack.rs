//! M10: frames, and where they do not fit.

use meterbox_meter::{Class, FRAME_UNITS, OPERATOR_STACK_UNITS, SLOT_UNITS};
use meterbox_reference::{Ending, Settings, Value};

use crate::harness::{Run, SETTINGS, i32, run_with, simple, w};

/// A frame with so many slots and operators.
fn frame(slots: u32, operators: u32) -> i32 {
    let units = FRAME_UNITS + SLOT_UNITS * slots + OPERATOR_STACK_UNITS * operators;
    i32::try_from(units).unwrap()
}

fn with_stack(wat: &str, arguments: &[Value], stack_units: i32) -> Run {
    run_with(
        wat,
        arguments,
        &Settings {
            stack_units,
            ..SETTINGS
        },
    )
}

/// Checks that a run takes as much stack as this and no more.
fn takes(wat: &str, arguments: &[Value], units: i32) {
    let enough = with_stack(wat, arguments, units);
    assert!(
        matches!(enough.ending, Ending::Returned(_)),
        "{:?}: {wat}",
        enough.ending
    );
    assert_eq!(enough.reading.stack_left, units, "{wat}");
    let short = with_stack(wat, arguments, units - 1);
    assert_eq!(short.ending, Ending::StackExhausted, "{wat}");
    assert_eq!(short.reading.stack_left, -1, "{wat}");
}

/// Checks that a run takes no stack at all.
fn takes_none(wat: &str) {
    let run = with_stack(wat, &[], 0);
    assert_eq!(run.ending, Ending::Returned(vec![]), "{wat}");
    assert_eq!(run.reading.stack_left, 0, "{wat}");
}

/// A body without a call, of so many operators, `end` included, whose stack is 300 values at its highest.
fn high(operators: usize) -> String {
    format!(
        "{} return block (result {}) unreachable end unreachable",
        "nop ".repeat(operators - 6),
        "i32 ".repeat(300)
    )
}

#[test]
fn a_frame_is_its_slots_and_operators() {
    // 1 parameter, 2 locals, 1 result, 3 values at the highest; 7 operators.
    let wat = r#"(module (func $g) (func (export "f") (param i32) (result i64) (local i32 f64)
        call $g i64.const 1 i64.const 2 i64.const 3 i64.add i64.add))"#;
    takes(wat, &[i32(0)], frame(1 + 2 + 1 + 3, 7));
}

#[test]
fn heights_are_those_of_validation_in_unreachable_code_too() {
    let wat = r#"(module (func $g) (func (export "f")
        call $g return i32.const 1 i32.const 2 i32.const 3 i32.const 4 drop drop drop drop))"#;
    takes(wat, &[], frame(4, 11));
    // After `unreachable` there are as many values as at the beginning of the block.
    let wat = r#"(module (func $g) (func (export "f")
        i32.const 1 i32.const 2 block br 0 i32.const 3 i32.add drop end drop drop call $g))"#;
    takes(wat, &[], frame(3, 12));
}

#[test]
fn small_functions_take_none() {
    let wat = r#"(module (func $g) (func (export "f") call $g))"#;
    takes(wat, &[], frame(0, 2));
    let wat = r#"(module (table funcref (elem $g))
        (func $g (param i64) (result i64) (local v128 f64) local.get 0 i64.const 1 i64.add)
        (func (export "f") (result i64) i64.const 7 call $g i32.const 0 call_indirect (param i64) (result i64)))"#;
    takes(wat, &[], frame(1 + 2, 5));
}

#[test]
fn a_function_without_a_call_takes_none_up_to_4096_units_whoever_calls_it() {
    // 64 for the frame and 16 for each of 251 locals, which are more than a small function has: 16 operators
    // make it 4,096.
    let body = |operators: usize| {
        format!(
            "(local {}) {}",
            "i64 ".repeat(251),
            "nop ".repeat(operators - 1)
        )
    };
    assert_eq!(frame(251, 16), 4096);
    let exported = |operators| format!(r#"(module (func (export "f") {}))"#, body(operators));
    takes_none(&exported(16));
    takes(&exported(17), &[], 4097);
    let called = |operators| {
        let body = body(operators);
        format!(r#"(module (func $g {body}) (func (export "f") call $g))"#)
    };
    takes(&called(16), &[], frame(0, 2));
    takes(&called(17), &[], frame(0, 2) + 4097);
    let start = |operators| {
        let body = body(operators);
        format!(r#"(module (func $start {body}) (start $start) (func (export "f")))"#)
    };
    takes_none(&start(16));
    takes(&start(17), &[], 4097);
    // Parameters, results and values on the stack count as locals do.
    let others = |operators: usize| {
        let (numbers, values) = ("i32 ".repeat(100), "i64.const 0 ".repeat(51));
        // 51 constants, 50 additions and `end`.
        let nops = "nop ".repeat(operators - 102);
        format!(
            r#"(module (func (export "f") (param {numbers}) (result i64) {values} {} {nops}))"#,
            "i64.add ".repeat(50)
        )
    };
    assert_eq!(frame(100 + 1 + 51, 1600), 4096);
    let arguments = [i32(0); 100];
    let run = with_stack(&others(1600), &arguments, 0);
    assert!(matches!(run.ending, Ending::Returned(_)));
    assert_eq!(run.reading.stack_left, 0);
    takes(&others(1601), &arguments, 4097);
}

#[test]
fn a_function_with_a_call_takes_a_frame_however_little_it_is() {
    // Whether or not the call runs.
    for (call, slots, operators) in [
        ("call $g", 0, 3),
        ("return_call $g", 0, 3),
        ("i32.const 0 call_indirect", 1, 4),
        ("i32.const 0 return_call_indirect", 1, 4),
    ] {
        let wat = format!(
            r#"(module (table funcref (elem $g)) (func $g) (func (export "f") return {call}))"#
        );
        takes(&wat, &[], frame(slots, operators));
    }
    // A bulk operator, a loop, a `try_table` and a `throw` keep a function from being small, and are no calls.
    for body in [
        "i32.const 0 i32.const 0 i32.const 0 memory.fill",
        "i32.const 0 memory.grow drop",
        "loop end",
        "block try_table (catch_all 0) throw $t end end",
    ] {
        let wat = format!(r#"(module (memory 1) (tag $t) (func (export "f") {body}))"#);
        takes_none(&wat);
    }
}

#[test]
fn exported_functions_and_the_start_function_are_not_small() {
    // A small function takes none, however large its frame would be.
    let body = high(64);
    let large = frame(300, 64);
    assert!(large > 4096);
    let inside = format!(r#"(module (func $g {body}) (func (export "f") call $g))"#);
    takes(&inside, &[], frame(0, 2));
    let exported = format!(r#"(module (func (export "f") {body}))"#);
    takes(&exported, &[], large);
    let called = format!(r#"(module (func $g (export "g") {body}) (func (export "f") call $g))"#);
    takes(&called, &[], frame(0, 2) + large);
    let start = format!(r#"(module (func $start {body}) (start $start) (func (export "f")))"#);
    takes(&start, &[], large);
    let exported_elsewhere =
        format!(r#"(module (func $g {body}) (export "g" (func $g)) (func (export "f") call $g))"#);
    takes(&exported_elsewhere, &[], frame(0, 2) + large);
    // Nor is a function of more operators.
    let longer = format!(
        r#"(module (func $g {}) (func (export "f") call $g))"#,
        high(65)
    );
    takes(&longer, &[], frame(0, 2) + frame(300, 65));
}

#[test]
fn an_import_that_is_called_through_a_table_takes_a_bare_frame_while_it_runs() {
    let through = |call: &str| {
        format!(
            r#"(module (import "host" "id" (func $id (param i32) (result i32)))
            (table funcref (elem $id)) (type $t (func (param i32) (result i32)))
            (func (export "f") (result i32) i32.const 7 {call}))"#
        )
    };
    let bare = frame(0, 0);
    takes(
        &through("i32.const 0 call_indirect (type $t)"),
        &[],
        frame(1 + 2, 4) + bare,
    );
    // The caller's frame is larger, and is given back before.
    takes(
        &through("i32.const 0 return_call_indirect (type $t)"),
        &[],
        frame(1 + 2, 4),
    );
    takes(&through("call $id"), &[], frame(1 + 1, 3));
    takes(
        &through("i32.const 0 call_indirect (type $t) i32.const 0 call_indirect (type $t)"),
        &[],
        frame(1 + 2, 6) + bare,
    );
}

#[test]
fn frames_add_up_and_are_given_back() {
    let wat = r#"(module
        (func $g call $h) (func $h call $i) (func $i call $leaf) (func $leaf loop end)
        (func (export "f") call $g call $h))"#;
    // The deepest has no call, and takes none.
    takes(
        wat,
        &[],
        frame(0, 3) + frame(0, 2) + frame(0, 2) + frame(0, 2),
    );
}

#[test]
fn a_frame_that_does_not_fit_comes_after_its_first_segment_is_charged_and_recorded() {
    let wat = r#"(module (func $g (export "f") i32.const 1 drop call $g))"#;
    let run = with_stack(wat, &[], 10 * frame(1, 4));
    assert_eq!(run.ending, Ending::StackExhausted);
    assert_eq!(run.units(), 11 * (simple(2) + w(Class::Call)));
    assert_eq!(run.reading.stack_left, -frame(1, 4));
}

#[test]
fn a_check_of_units_comes_before_the_frame() {
    let wat = r#"(module (func $g) (func (export "f") call $g))"#;
    let settings = Settings {
        left: 0,
        stack_units: 0,
        ..SETTINGS
    };
    assert_eq!(run_with(wat, &[], &settings).ending, Ending::Exhausted);
}

#[test]
fn tail_calls_give_back_the_frame() {
    let wat = r#"(module (table funcref (elem $g)) (func $g (export "f") (param i32)
        local.get 0 if
            local.get 0 i32.const 1 i32.sub local.get 0 i32.const 1 i32.and
            if (param i32) return_call $g
            else i32.const 0 return_call_indirect (param i32) end
        end))"#;
    takes(wat, &[i32(100_000)], frame(1 + 3, 16));
}

#[test]
fn a_tail_call_of_an_import_is_a_call_and_a_return() {
    let wat = r#"(module (import "host" "id" (func $id (param i32) (result i32)))
        (func (export "f") (result i32) i32.const 7 return_call $id))"#;
    takes(wat, &[], frame(2, 3));
}

#[test]
fn what_the_host_calls_back_has_its_frame_on_top_of_those_that_wait() {
    for (body, waiting) in [
        ("call $call", frame(2, 3)),
        ("return_call $call", frame(2, 3)),
        (
            "i32.const 0 call_indirect (param i32) (result i32)",
            frame(3, 4) + frame(0, 0),
        ),
        (
            "i32.const 0 return_call_indirect (param i32) (result i32)",
            // Its own frame is given back before.
            frame(0, 0),
        ),
    ] {
        let wat = format!(
            r#"(module (import "host" "call" (func $call (param i32) (result i32)))
            (table funcref (elem $call)) (func $none)
            (func (export "g") (param i32) (result i32) call $none local.get 0)
            (func (export "f") (result i32) i32.const 7 {body}))"#
        );
        takes(&wat, &[], waiting + frame(3, 3));
    }
}

#[test]
fn exceptions_give_back_the_bare_frame_of_an_import() {
    let wat = r#"(module (import "host" "call" (func $call (param i32) (result i32)))
        (tag $t) (table funcref (elem $call)) (func (export "g") (param i32) (result i32) throw $t)
        (func (export "f") block $caught try_table (catch $t $caught)
            i32.const 7 i32.const 0 call_indirect (param i32) (result i32) drop end end))"#;
    takes(wat, &[], frame(2, 9) + frame(0, 0));
}

#[test]
fn exceptions_give_back_the_frames_that_they_leave() {
    // What throws has a frame if it calls something too.
    for (throws, units) in [("throw $t", 0), ("call $none throw $t", frame(0, 3))] {
        let wat = format!(
            r#"(module (tag $t) (func $none) (func $throws {throws}) (func $between call $throws)
            (func (export "f") (param i32)
                loop $l
                    block $caught try_table (catch $t $caught) call $between end end
                    local.get 0 i32.const 1 i32.sub local.tee 0 br_if $l
                end))"#
        );
        takes(&wat, &[i32(1000)], frame(1 + 2, 13) + frame(0, 2) + units);
    }
}

#[test]
fn the_largest_limit_is_4194304() {
    let wat = r#"(module (func $g (export "f") call $g))"#;
    let largest = with_stack(wat, &[], 4_194_304);
    let larger = with_stack(wat, &[], i32::MAX);
    assert_eq!(largest.ending, Ending::StackExhausted);
    assert_eq!(largest.reading, larger.reading);
    let depth = 4_194_304 / i64::from(frame(0, 2));
    assert_eq!(largest.units(), (depth + 1) * w(Class::Call));
}

#[test]
fn values_below_a_frame_are_left_alone() {
    let wat = r#"(module
        (func $pick (param i32) (result i32 i32)
            i32.const 90 i32.const 91 block i32.const 92 i32.const 93 return end unreachable)
        (func (export "f") (result i32 i32 i32 i32)
            i32.const 1 i32.const 1 call $pick i32.const 2))"#;
    let results = with_stack(wat, &[], crate::harness::STACK).ending;
    assert_eq!(
        results,
        Ending::Returned(vec![i32(1), i32(92), i32(93), i32(2)])
    );
}
