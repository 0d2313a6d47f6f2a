//! M7 and M8: where a budget that is spent ends the run.

use meterbox_meter::Class;
use meterbox_reference::{Ending, Settings, Trap, Value};

use crate::harness::{Run, SETTINGS, i32, run_with, simple, w};

fn with_budget(wat: &str, arguments: &[Value], left: i64) -> Run {
    run_with(wat, arguments, &Settings { left, ..SETTINGS })
}

#[test]
fn a_function_that_is_not_small_is_checked_at_its_entry() {
    let wat = r#"(module (func $g) (func (export "f") call $g i32.const 1 drop))"#;
    let units = w(Class::Call) + simple(2);
    assert_eq!(
        with_budget(wat, &[], units).ending,
        Ending::Returned(vec![])
    );
    let run = with_budget(wat, &[], units - 1);
    assert_eq!(run.ending, Ending::Exhausted);
    assert_eq!(run.reading.left, -1);
    assert_eq!(
        run.reading.stack_left,
        crate::harness::STACK,
        "the frame comes after the check"
    );
}

#[test]
fn a_small_function_is_not_checked_and_its_return_is_recorded() {
    let wat = r#"(module (func $small i32.const 1 drop) (func (export "f") call $small))"#;
    let run = with_budget(wat, &[], w(Class::Call) + 1);
    assert_eq!(run.ending, Ending::Returned(vec![]));
    assert_eq!(run.reading.left, -1, "which is the outcome `limit` by M8");
}

#[test]
fn what_is_called_from_outside_is_checked_however_little_it_does() {
    let exported = r#"(module (func (export "f") i32.const 1 drop))"#;
    // The start function comes first, and leaves nothing for what is called then.
    let start = r#"(module (func $start i32.const 1 drop) (start $start) (func (export "f")))"#;
    // Whoever calls it, it is exported.
    let inside = r#"(module (func $g (export "g")) (func (export "f") call $g i32.const 1 drop))"#;
    for (wat, units) in [
        (exported, simple(2)),
        (start, simple(2)),
        (inside, w(Class::Call) + simple(2)),
    ] {
        let enough = with_budget(wat, &[], units);
        assert_eq!(enough.ending, Ending::Returned(vec![]), "{wat}");
        let short = with_budget(wat, &[], units - 1);
        assert_eq!(short.ending, Ending::Exhausted, "{wat}");
        assert_eq!(short.reading.left, -1, "{wat}");
        assert_eq!(short.instance.is_none(), wat == start);
    }
}

#[test]
fn an_import_that_a_table_holds_is_checked_before_its_frame() {
    let wat = r#"(module (import "host" "trap" (func $trap)) (table funcref (elem $trap))
        (func (export "f") i32.const 1 if i32.const 0 call_indirect end))"#;
    // Neither the budget nor the stack suffices: it is the budget that ends the run.
    let head = simple(1) + w(Class::Branch);
    let units = head + simple(1) + w(Class::CallIndirect);
    let run = |left, stack_units| {
        let settings = Settings {
            left,
            stack_units,
            ..SETTINGS
        };
        run_with(wat, &[], &settings)
    };
    // 1 slot, 6 operators.
    let own = i32::try_from(
        meterbox_meter::FRAME_UNITS
            + meterbox_meter::SLOT_UNITS
            + 6 * meterbox_meter::OPERATOR_STACK_UNITS,
    )
    .unwrap();
    assert_eq!(run(units, own).ending, Ending::StackExhausted);
    assert_eq!(run(units, own).units(), units);
    let neither = run(units - 1, own);
    assert_eq!(neither.ending, Ending::Exhausted);
    assert_eq!(neither.reading.stack_left, 0, "only the caller's frame");
}

#[test]
fn an_endless_loop_is_checked_each_lap() {
    let wat = r#"(module (global $n (export "n") (mut i32) (i32.const 0)) (func (export "f")
        loop global.get $n i32.const 1 i32.add global.set $n br 0 end))"#;
    let lap = 2 * w(Class::Global) + simple(2) + w(Class::Branch);
    let entry = w(Class::Branch);
    let run = with_budget(wat, &[], entry + 10 * lap + lap - 1);
    assert_eq!(run.ending, Ending::Exhausted);
    assert_eq!(run.global("n"), i32(10));
    assert_eq!(run.reading.left, -1);
}

#[test]
fn an_import_is_not_called_with_a_budget_that_is_spent() {
    let wat = r#"(module (import "host" "trap" (func $trap))
        (func (export "f") i32.const 1 if i32.const 1 drop call $trap end))"#;
    let units = simple(1) + w(Class::Branch) + simple(2) + w(Class::Call);
    let called = Ending::Trapped(Trap::Host("trap".to_owned()));
    assert_eq!(with_budget(wat, &[], units).ending, called);
    assert_eq!(with_budget(wat, &[], units - 1).ending, Ending::Exhausted);
}

#[test]
fn a_bulk_operator_does_not_act_with_a_budget_that_is_spent() {
    let wat = r#"(module (memory (export "m") 1) (func (export "f")
        i32.const 0 i32.const 7 i32.const 64 memory.fill))"#;
    let units = simple(3) + w(Class::MemoryFill) + w(Class::MemoryBulk64Bytes);
    let filled = |run: Run| run.instance.unwrap().memory(0)[0];
    assert_eq!(filled(with_budget(wat, &[], units)), 7);
    let run = with_budget(wat, &[], units - 1);
    assert_eq!(run.ending, Ending::Exhausted);
    assert_eq!(run.reading.left, -1);
    assert_eq!(filled(run), 0);
}

#[test]
fn between_checks_the_count_may_be_below_zero() {
    // The division traps before any check sees that the budget is spent; only the entry was recorded.
    let wat = r#"(module (func $g) (func (export "f") call $g i32.const 1
        if i32.const 1 i32.const 0 i32.div_u drop end))"#;
    let entry = w(Class::Call) + simple(1) + w(Class::Branch);
    let run = with_budget(wat, &[], entry);
    assert_eq!(run.ending, Ending::Trapped(Trap::IntegerDivisionByZero));
    assert_eq!(run.reading.left, 0);
}

#[test]
fn a_throw_is_recorded_and_not_checked() {
    let wat = r#"(module (tag $t) (func (export "f") i32.const 1 if throw $t end))"#;
    let entry = simple(1) + w(Class::Branch);
    let run = with_budget(wat, &[], entry);
    assert_eq!(run.ending, Ending::Exception);
    assert_eq!(run.reading.left, -w(Class::Throw));
}

#[test]
fn a_counted_loop_that_cannot_be_paid_ahead_does_not_begin() {
    let wat = r#"(module (global $n (export "n") (mut i32) (i32.const 0)) (func (export "f") (param i32)
        loop i32.const 1 global.set $n
            local.get 0 i32.const 1 i32.sub local.tee 0 br_if 0 end))"#;
    let lap = simple(5) + w(Class::Global) + w(Class::Branch);
    let units = w(Class::Branch) + 10 * lap;
    assert_eq!(
        with_budget(wat, &[i32(10)], units).ending,
        Ending::Returned(vec![])
    );
    let run = with_budget(wat, &[i32(10)], units - 1);
    assert_eq!(run.ending, Ending::Exhausted);
    assert_eq!(run.reading.left, -1);
    assert_eq!(run.global("n"), i32(0));
}
