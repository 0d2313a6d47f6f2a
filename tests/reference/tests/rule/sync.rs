//! M5: what a run that traps is billed. Each program traps, and what comes after the last sync point is not
//! billed.

use meterbox_meter::Class;
use meterbox_reference::{Ending, Trap};

use crate::harness::{i32, run, simple, trapped, units, w};

const DIVISION: &str = "i32.const 1 i32.const 0 i32.div_u drop";

#[test]
fn a_small_function_records_nothing_at_its_entry() {
    let wat = format!(r#"(module (func $small {DIVISION}) (func (export "f") call $small))"#);
    assert_eq!(
        trapped(&wat, &[], &Trap::IntegerDivisionByZero),
        w(Class::Call)
    );
    // A table is not an export.
    let wat = format!(
        r#"(module (func $small {DIVISION}) (table (export "t") funcref (elem $small))
        (func (export "f") i32.const 0 call_indirect))"#
    );
    assert_eq!(
        trapped(&wat, &[], &Trap::IntegerDivisionByZero),
        simple(1) + w(Class::CallIndirect)
    );
}

#[test]
fn what_is_called_from_outside_records_its_first_segment_however_little_it_does() {
    let first = simple(2) + w(Class::Divide) + simple(1);
    let exported = format!(r#"(module (func (export "f") {DIVISION}))"#);
    assert_eq!(trapped(&exported, &[], &Trap::IntegerDivisionByZero), first);
    let start = format!(r#"(module (func $start {DIVISION}) (start $start) (func (export "f")))"#);
    assert_eq!(trapped(&start, &[], &Trap::IntegerDivisionByZero), first);
    let inside =
        format!(r#"(module (func $g (export "g") {DIVISION}) (func (export "f") call $g))"#);
    assert_eq!(
        trapped(&inside, &[], &Trap::IntegerDivisionByZero),
        w(Class::Call) + first
    );
}

#[test]
fn a_function_that_is_not_small_records_its_first_segment() {
    // A call of any kind makes it large, whether or not it runs.
    let wat =
        format!(r#"(module (func $g) (func (export "f") {DIVISION} i32.const 0 if call $g end))"#);
    let first = simple(2) + w(Class::Divide) + simple(2) + w(Class::Branch);
    assert_eq!(trapped(&wat, &[], &Trap::IntegerDivisionByZero), first);
}

#[test]
fn functions_are_small_up_to_their_bounds() {
    let first = simple(3) + w(Class::Divide);
    let caller = simple(1) + w(Class::Call);
    let body = |locals: usize, nops: usize, more: &str| {
        format!(
            r#"(module (memory 1) (tag $t) (table 1 funcref) (data $d "") (func $g)
            (func $s (param i32) (local {}) {DIVISION} {} {more})
            (func (export "f") (param i32) local.get 0 call $s))"#,
            "i64 ".repeat(locals),
            "nop ".repeat(nops)
        )
    };
    // Parameters and locals together, and operators, the four of the division and `end` included.
    for (locals, nops, more, billed) in [
        (15, 0, "", 0),
        (16, 0, "", first),
        (0, 59, "", 0),
        (0, 60, "", first),
        (0, 0, "block i32.const 0 if else end end", 0),
        (0, 0, "data.drop $d", 0),
        (0, 0, "loop end", first),
        (0, 0, "i32.const 0 memory.grow drop", first),
        (
            0,
            0,
            "i32.const 0 i32.const 0 i32.const 0 memory.fill",
            first,
        ),
        (0, 0, "try_table end", first),
        (0, 0, "throw $t", first),
        (0, 0, "ref.null exn throw_ref", first),
        (0, 0, "call $g", first),
        (0, 0, "i32.const 0 call_indirect", first),
        (0, 0, "return_call $g", first),
        (0, 0, "i32.const 0 return_call_indirect", first),
    ] {
        let wat = body(locals, nops, more);
        let billed_now = trapped(&wat, &[i32(0)], &Trap::IntegerDivisionByZero) - caller;
        // What else the first segment holds is not of interest here.
        assert_eq!(billed_now > 0, billed > 0, "{locals} {nops} {more}");
        assert!(billed_now >= billed, "{locals} {nops} {more}");
    }
}

#[test]
fn what_small_functions_charge_is_recorded_by_the_next_sync_point() {
    let wat = format!(
        r#"(module
        (func $small (result i32) i32.const 1)
        (func $large (result i32) call $small)
        (func (export "f") call $small drop call $large drop {DIVISION}))"#
    );
    // The entry of f, of $small which records nothing, of $large which does, and of $small again.
    let f = 2 * w(Class::Call) + simple(2) + simple(3) + w(Class::Divide);
    let recorded = f + simple(1) + w(Class::Call);
    assert_eq!(trapped(&wat, &[], &Trap::IntegerDivisionByZero), recorded);
}

#[test]
fn a_trap_after_a_loop_bills_the_loop() {
    // Not counted: the step is a multiplication. Each lap is recorded, what follows is not.
    let wat = format!(
        r#"(module (func (export "f") (param i32)
        loop local.get 0 i32.const 2 i32.mul local.tee 0 br_if 0 end {DIVISION}))"#
    );
    let entry = w(Class::Branch);
    let lap = simple(3) + w(Class::Multiply) + w(Class::Branch);
    assert_eq!(
        trapped(&wat, &[i32(1)], &Trap::IntegerDivisionByZero),
        entry + 32 * lap
    );
}

#[test]
fn a_lap_is_recorded_with_the_segment_that_follows_the_loop_only() {
    let wat = format!(
        r#"(module (func (export "f") (param i32)
        i32.const 1 drop
        loop local.get 0 if {DIVISION} end i32.const 1 local.set 0 br 0 end))"#
    );
    let entry = simple(2) + w(Class::Branch);
    let head = simple(1) + w(Class::Branch);
    let rest = simple(2) + w(Class::Branch);
    assert_eq!(
        trapped(&wat, &[i32(0)], &Trap::IntegerDivisionByZero),
        entry + 2 * head + rest
    );
}

#[test]
fn imports_are_sync_points_however_they_are_called() {
    for (body, calls) in [
        ("call $trap", w(Class::Call)),
        ("return_call $trap", w(Class::Call)),
        (
            "i32.const 0 call_indirect",
            simple(1) + w(Class::CallIndirect),
        ),
        (
            "i32.const 0 return_call_indirect",
            simple(1) + w(Class::CallIndirect),
        ),
    ] {
        let wat = format!(
            r#"(module (import "host" "trap" (func $trap)) (table funcref (elem $trap))
            (func (export "f") i32.const 1 if nop i32.const 1 drop {body} end))"#
        );
        assert_eq!(
            trapped(&wat, &[], &Trap::Host("trap".to_owned())),
            simple(1) + w(Class::Branch) + simple(2) + calls,
            "{body}"
        );
    }
}

#[test]
fn what_the_host_calls_back_is_called_from_outside() {
    // What it does last is recorded when it returns, and nothing after that.
    let wat = r#"(module (import "host" "call" (func $call (param i32) (result i32)))
        (func (export "g") (param i32) (result i32) local.get 0 if i32.const 1 drop end i32.const 5)
        (func (export "f") i32.const 7 call $call if i32.const 1 drop unreachable end))"#;
    let before = simple(1) + w(Class::Call) + w(Class::Branch);
    assert_eq!(
        trapped(wat, &[], &Trap::Unreachable),
        before + simple(1) + w(Class::Branch) + simple(2) + simple(1)
    );
}

#[test]
fn a_call_through_a_table_that_traps_records_nothing() {
    let wat = r#"(module (table 1 funcref)
        (func (export "f") i32.const 1 if i32.const 1 drop i32.const 0 call_indirect end))"#;
    assert_eq!(
        trapped(wat, &[], &Trap::IndirectCallToNull),
        simple(1) + w(Class::Branch)
    );
}

#[test]
fn a_return_to_the_outside_is_recorded_whoever_returns() {
    assert_eq!(
        units(r#"(module (func (export "f") i32.const 1 drop))"#, &[]),
        simple(2)
    );
    let tail = r#"(module (func $g i32.const 1 drop) (func (export "f") return_call $g))"#;
    assert_eq!(units(tail, &[]), w(Class::Call) + simple(2));
    let host = r#"(module (import "host" "id" (func $id (param i32) (result i32)))
        (func (export "f") (result i32) i32.const 1 return_call $id))"#;
    assert_eq!(units(host, &[]), simple(1) + w(Class::Call));
}

#[test]
fn the_return_of_a_start_function_is_recorded_too() {
    // Nothing is called after it.
    let wat = r#"(module (func $small i32.const 1 drop) (func $start call $small) (start $start))"#;
    let run = run(wat, &[]);
    assert!(run.instance.is_some());
    assert_eq!(run.units(), w(Class::Call) + simple(2));
}

#[test]
fn a_start_function_that_traps_is_billed_for_its_work() {
    let wat = r#"(module (func $g) (func $start call $g unreachable) (start $start) (func (export "f")))"#;
    let run = run(wat, &[]);
    assert!(run.instance.is_none());
    assert_eq!(run.ending, Ending::Trapped(Trap::Unreachable));
    assert_eq!(run.units(), w(Class::Call) + w(Class::Branch));
}

#[test]
fn a_segment_that_does_not_fit_its_memory_ends_the_run() {
    let wat = r#"(module (memory 1) (data (i32.const 65535) "ab") (func (export "f")))"#;
    assert_eq!(
        run(wat, &[]).ending,
        Ending::Trapped(Trap::MemoryOutOfBounds)
    );
    assert_eq!(run(wat, &[]).units(), 0);
}
