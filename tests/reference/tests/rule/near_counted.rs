//! M6: loops that look like counted ones and are not. They are charged a lap at a time, however many there
//! are.

use meterbox_meter::Class;

use crate::counted::{check_module, check32, check64, entry, lap, module};
use crate::harness::{i32, simple, w};

const STEP: &str = "local.get $v i32.const 1 i32.add local.tee $v";

#[test]
fn a_local_that_is_set_twice_is_not_counted() {
    let twice = format!("local.get $v local.set $v {STEP} local.get $b i32.lt_s");
    check32(&twice, [0, 10, 0], 1, Some(10));
    let bound = format!("local.get $b local.set $b {STEP} local.get $b i32.lt_s");
    check32(&bound, [0, 10, 0], 1, Some(10));
    let step = "local.get $s local.set $s local.get $v local.get $s i32.add local.tee $v local.get $b i32.lt_s";
    check32(step, [0, 10, 1], 1, Some(10));
    let tee = format!("local.get $b local.tee $b local.set $d {STEP} local.get $b i32.lt_s");
    check32(&tee, [0, 10, 0], 1, Some(10));
    // Setting another local is nobody's business.
    let other = format!("local.get $s local.set $s {STEP} local.get $b i32.lt_s");
    check32(&other, [0, 10, 0], 10, Some(10));
}

#[test]
fn a_step_is_these_four_operators_in_this_order() {
    for step in [
        "i32.const 1 local.get $v i32.add local.tee $v",
        "local.get $v i32.const 1 i32.const 0 i32.add i32.add local.tee $v",
        "local.get $v i32.const 1 nop i32.add local.tee $v",
        "local.get $v i32.const 1 i32.add nop local.tee $v",
        "local.get $v i32.const 0 i32.const 1 i32.sub i32.sub local.tee $v",
        "local.get $s local.get $v i32.add local.tee $v",
        "local.get $v i32.const 1 i32.xor i32.const 1 i32.xor local.get $s i32.add local.tee $v",
    ] {
        check32(
            &format!("{step} local.get $b i32.lt_s"),
            [0, 10, 1],
            1,
            Some(10),
        );
    }
    // The step is of V itself.
    check32(
        "local.get $v i32.const 1 i32.add local.set $s local.get $s local.tee $v local.get $b i32.lt_s",
        [0, 10, 0],
        1,
        Some(10),
    );
    // V is its own step, or its own bound.
    check32(
        "local.get $v local.get $v i32.add local.tee $v local.get $b i32.lt_s",
        [1, 16, 0],
        1,
        Some(4),
    );
    check32(
        &format!("{STEP} local.get $v i32.ne"),
        [0, 0, 0],
        1,
        Some(1),
    );
}

#[test]
fn a_test_is_these_operators_right_before_the_branch() {
    check32(
        &format!("{STEP} nop local.get $b i32.lt_s"),
        [0, 10, 0],
        1,
        Some(10),
    );
    check32(
        &format!("{STEP} local.get $b nop i32.lt_s"),
        [0, 10, 0],
        1,
        Some(10),
    );
    check32(
        &format!("{STEP} local.get $b i32.lt_s nop"),
        [0, 10, 0],
        1,
        Some(10),
    );
    check32(
        &format!("{STEP} local.get $b i32.lt_s i32.eqz i32.eqz"),
        [0, 10, 0],
        1,
        Some(10),
    );
    check32(&format!("{STEP} i32.eqz i32.eqz"), [-10, 0, 0], 1, Some(10));
    check32(
        &format!("{STEP} local.get $b i32.sub"),
        [0, 10, 0],
        1,
        Some(10),
    );
    check32(
        &format!("{STEP} local.get $b i32.const 0 i32.add i32.lt_s"),
        [0, 10, 0],
        1,
        Some(10),
    );
    check32(&format!("{STEP} local.get $b i32.eq"), [9, 10, 0], 1, None);
    // The value is the one before the step.
    check32(
        "local.get $v local.get $v i32.const 1 i32.add local.set $v local.get $b i32.lt_s",
        [0, 10, 0],
        1,
        Some(11),
    );
}

#[test]
fn a_step_must_fit_its_comparison() {
    let by = |step: i64, cmp: &str| {
        format!("local.get $v i32.const {step} i32.add local.tee $v local.get $b i32.{cmp}")
    };
    // `ne` asks for a constant, neither 0 nor the smallest number.
    let local = "local.get $v local.get $s i32.add local.tee $v local.get $b i32.ne";
    check32(local, [0, 10, 1], 1, Some(10));
    check32(&by(0, "ne"), [0, 10, 0], 1, None);
    check32(&by(-0x8000_0000, "ne"), [0, i32::MIN, 0], 1, Some(1));
    // Up with `gt`, down with `lt`: true until it goes around, or false at once.
    check32(&by(0x1000_0000, "gt_s"), [0, -1, 0], 1, Some(8));
    check32(&by(-0x1000_0000, "lt_s"), [0, 0, 0], 1, Some(9));
    // Such loops are charged the same a lap at a time; the rule for `lt` would have charged more.
    check32(&by(0x1000_0000, "ge_u"), [0, 1, 0], 1, Some(16));
}

#[test]
fn a_step_of_0_or_of_the_smallest_number_is_none() {
    // Such loops would be charged ahead for one lap each time: what is seen is that they are charged a lap
    // at a time, whatever the comparison.
    for cmp in [
        "ne", "lt_s", "lt_u", "le_s", "le_u", "gt_s", "gt_u", "ge_s", "ge_u",
    ] {
        for operator in ["add", "sub"] {
            let by = |ty: &str, step: i64| {
                crate::counted::by(ty, step, cmp)
                    .replace(&format!("{ty}.add"), &format!("{ty}.{operator}"))
            };
            for v in [0, 7, i32::MIN, i32::MAX] {
                for b in [0, 7, -7, i32::MIN, i32::MAX] {
                    check32(&by("i32", 0), [v, b, 0], 1, None);
                    check32(&by("i32", i32::MIN.into()), [v, b, 0], 1, None);
                    let wide = [i64::from(v) << 32, i64::from(b) << 32, 0];
                    check64(&by("i64", 0), wide, 1, None);
                    check64(&by("i64", i64::MIN), wide, 1, None);
                }
            }
        }
    }
    // From the smallest number and back.
    let back = crate::counted::by("i32", i32::MIN.into(), "ne");
    check32(&back, [0, 0, 0], 1, Some(2));
    check32(&back, [i32::MIN, 0, 0], 1, Some(1));
}

#[test]
fn the_body_must_end_with_the_branch_and_hold_no_other_control() {
    let plain = format!("{STEP} local.get $b i32.lt_s");
    let arguments = [i32(0), i32(10), i32(0)];
    for (control, weight) in [
        ("block end", 0),
        ("i32.const 0 if end", simple(1) + w(Class::Branch)),
        ("loop end", w(Class::Branch)),
        ("try_table end", 0),
        ("call $g", w(Class::Call)),
        (
            "i32.const 0 memory.grow drop",
            simple(2) + w(Class::MemoryGrow),
        ),
        (
            "i32.const 0 i32.const 0 i32.const 0 memory.fill",
            simple(3) + w(Class::MemoryFill),
        ),
        ("i32.const 0 br_if 1", simple(1) + w(Class::Branch)),
    ] {
        // The division comes first, in the segment that is charged at the head.
        let wat = module("i32", &format!("{control} {plain}"));
        let first = crate::harness::run(&wat, &[i32(0), arguments[0], arguments[1], arguments[2]]);
        let lap = lap(&plain) + weight;
        assert!(first.units() <= entry() + lap, "{control}");
        let all = crate::harness::run(&wat, &[i32(1), arguments[0], arguments[1], arguments[2]]);
        assert_eq!(all.units(), entry() + 10 * lap, "{control}");
    }
}

#[test]
fn operators_after_the_branch_make_a_loop_uncounted() {
    let body = format!("{STEP} local.get $b i32.lt_s");
    let wat = module("i32", &body).replace("br_if 0 end", "br_if 0 nop end");
    check_module(&wat, lap(&body), [i32(0), i32(10), i32(0)], 1, Some(10));
}

#[test]
fn a_loop_with_a_result_or_a_parameter_is_not_counted() {
    let body = format!("{STEP} local.get $b i32.lt_s");
    let arguments = [i32(0), i32(10), i32(0)];
    let with_result = module("i32", &body)
        .replace("loop ", "loop (result i32) i32.const 7 drop ")
        .replace("br_if 0 end", "br_if 0 i32.const 1 end drop");
    let first = crate::harness::run(
        &with_result,
        &[i32(0), arguments[0], arguments[1], arguments[2]],
    );
    assert_eq!(first.units(), entry() + simple(2) + lap(&body));
    let with_parameter = module("i32", &body)
        .replace("loop ", "i32.const 7 loop (param i32) (result i32) ")
        .replace("br_if 0 end", "br_if 0 end drop");
    let first = crate::harness::run(
        &with_parameter,
        &[i32(0), arguments[0], arguments[1], arguments[2]],
    );
    assert_eq!(first.units(), simple(1) + entry() + lap(&body));
}

#[test]
fn a_branch_to_another_block_makes_a_loop_uncounted() {
    let body = format!("{STEP} local.get $b i32.ge_s");
    let wat = module("i32", &body)
        .replace("loop ", "block loop ")
        .replace("br_if 0 end", "br_if 1 br 0 end end");
    let arguments = [i32(0), i32(10), i32(0)];
    let first = crate::harness::run(&wat, &[i32(0), arguments[0], arguments[1], arguments[2]]);
    assert_eq!(first.units(), entry() + lap(&body));
}
