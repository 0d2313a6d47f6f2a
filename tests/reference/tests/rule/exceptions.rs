//! What exceptions cost, and where they go.

use meterbox_meter::Class;
use meterbox_reference::{Ending, Trap, Value};

use crate::harness::{i32, results, run, simple, trapped, units, w};

#[test]
fn a_try_table_begins_no_segment_and_weighs_nothing() {
    let wat = r#"(module (func (export "f") i32.const 1 drop try_table i32.const 2 drop end i32.const 3 drop))"#;
    assert_eq!(units(wat, &[]), simple(2) + simple(2) + simple(2));
}

#[test]
fn what_is_caught_is_charged_where_it_goes_on() {
    let wat = r#"(module (tag $t (param i32)) (func (export "f") (result i32)
        block $caught (result i32)
            try_table (catch $t $caught) i32.const 7 throw $t i32.const 8 drop end
            i32.const 9
        end
        i32.const 1 i32.add))"#;
    assert_eq!(units(wat, &[]), simple(1) + w(Class::Throw) + simple(2));
    assert_eq!(results(wat, &[]), [i32(8)]);
}

#[test]
fn a_throw_is_a_sync_point() {
    let wat = r#"(module (tag $t) (func (export "f")
        i32.const 1 if
            block $caught try_table (catch_all $caught) i32.const 1 if throw $t end end end
            i32.const 1 i32.const 0 i32.div_u drop
        end))"#;
    let recorded = simple(1) + w(Class::Branch) + simple(1) + w(Class::Branch) + w(Class::Throw);
    assert_eq!(trapped(wat, &[], &Trap::IntegerDivisionByZero), recorded);
}

#[test]
fn an_exception_that_nobody_catches_is_billed() {
    let wat =
        r#"(module (tag $t) (func $g throw $t) (func (export "f") call $g i32.const 1 drop))"#;
    let run = run(wat, &[]);
    assert_eq!(run.ending, Ending::Exception);
    assert_eq!(run.units(), w(Class::Call) + simple(2) + w(Class::Throw));
}

#[test]
fn a_reference_is_thrown_again() {
    let wat = r#"(module (tag $t (param i32)) (func (export "f") (result i32)
        block $second (result i32)
            try_table (catch $t $second)
                block $first (result i32 exnref)
                    try_table (catch_ref $t $first) i32.const 7 throw $t end
                    unreachable
                end
                throw_ref
            end
            unreachable
        end))"#;
    assert_eq!(units(wat, &[]), simple(1) + 2 * w(Class::Throw));
    assert_eq!(results(wat, &[]), [i32(7)]);
}

#[test]
fn a_null_reference_is_a_trap_that_is_recorded() {
    let wat = r#"(module (func (export "f") i32.const 1 if ref.null exn throw_ref end))"#;
    assert_eq!(
        trapped(wat, &[], &Trap::NullReference),
        simple(1) + w(Class::Branch) + w(Class::Reference) + w(Class::Throw)
    );
}

#[test]
fn a_loop_is_a_target_of_exceptions() {
    let wat = r#"(module (tag $t) (func $throws throw $t) (func (export "f") (param i32)
        loop $l
            local.get 0 i32.const 1 i32.sub local.tee 0
            if try_table (catch $t $l) call $throws end end
        end))"#;
    // `loop` is paid where it is entered, and not by an exception that goes to it.
    let entry = w(Class::Branch);
    let lap = simple(4) + w(Class::Branch);
    let throws = w(Class::Call) + w(Class::Throw);
    assert_eq!(units(wat, &[i32(3)]), entry + 3 * lap + 2 * throws);
}

#[test]
fn operands_below_a_handler_are_kept() {
    let wat = r#"(module (tag $t (param i64)) (func (export "f") (result i32 i64)
        i32.const 5
        block $caught (result i64)
            try_table (catch $t $caught) i32.const 1 i32.const 2 i64.const 3 throw $t end
            unreachable
        end))"#;
    assert_eq!(results(wat, &[]), [i32(5), Value::I64(3)]);
}

#[test]
fn what_a_last_call_of_an_import_throws_is_not_caught_by_the_caller() {
    for last in [
        "return_call $call",
        "i32.const 0 return_call_indirect (param i32) (result i32)",
    ] {
        let wat = format!(
            r#"(module (import "host" "call" (func $call (param i32) (result i32)))
            (tag $t) (table funcref (elem $call)) (func (export "g") (param i32) (result i32) throw $t)
            (func $last (result i32)
                block $caught try_table (catch $t $caught) i32.const 7 {last} end unreachable end i32.const 1)
            (func (export "f") (result i32)
                block $caught try_table (catch $t $caught) call $last return end unreachable end i32.const 2))"#
        );
        assert_eq!(results(&wat, &[]), [i32(2)], "{last}");
    }
}
