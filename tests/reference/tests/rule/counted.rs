//! M6: counted loops, and for how many laps they are charged ahead.
//!
//! Each loop runs twice: once with a division by zero in its first lap, which bills what was charged ahead;
//! and once without, where that is short, which bills the laps that there were.

use meterbox_meter::Class;
use meterbox_reference::{Ending, Trap, Value};

use crate::harness::{i32, i64, run, simple, units, w};

/// Operators before the step: a division that traps if the first argument is 0, and a count of laps.
const BEFORE: &str = "i32.const 1 local.get $d i32.div_u drop \
    global.get $n i64.const 1 i64.add global.set $n";

pub fn module(ty: &str, body: &str) -> String {
    format!(
        r#"(module (global $n (export "n") (mut i64) (i64.const 0))
        (memory 1) (table 1 funcref) (data $e "") (func $g)
        (func (export "f") (param $d i32) (param $v {ty}) (param $b {ty}) (param $s {ty})
            loop {BEFORE} {body} br_if 0 end))"#
    )
}

/// What `loop` weighs, which is paid once, where the loop is entered.
pub fn entry() -> i64 {
    w(Class::Branch)
}

/// What a lap weighs, if the body has simple operators only. Those have a dot in their names, and what they
/// are given has none.
pub fn lap(body: &str) -> i64 {
    let operators = body
        .split_whitespace()
        .filter(|word| word.contains('.'))
        .count();
    let before = simple(5) + w(Class::Divide) + 2 * w(Class::Global);
    before + simple(i64::try_from(operators).unwrap()) + w(Class::Branch)
}

/// Checks how many laps are charged ahead at first, and how many there are, if that is few.
pub fn check_module(wat: &str, lap: i64, arguments: [Value; 3], ahead: i64, laps: Option<i64>) {
    let [v, b, s] = arguments;
    let first = run(wat, &[i32(0), v, b, s]);
    assert_eq!(first.ending, Ending::Trapped(Trap::IntegerDivisionByZero));
    assert_eq!(
        first.units(),
        entry() + ahead * lap,
        "ahead: {arguments:?} {wat}"
    );
    if let Some(laps) = laps {
        let all = run(wat, &[i32(1), v, b, s]);
        assert_eq!(all.ending, Ending::Returned(vec![]));
        assert_eq!(all.global("n"), i64(laps), "laps: {arguments:?} {wat}");
        assert_eq!(
            all.units(),
            entry() + laps * lap,
            "in all: {arguments:?} {wat}"
        );
    }
}

/// With v, b and s.
pub fn check32(body: &str, [v, b, s]: [i32; 3], ahead: i64, laps: Option<i64>) {
    check_module(
        &module("i32", body),
        lap(body),
        [i32(v), i32(b), i32(s)],
        ahead,
        laps,
    );
}

pub fn check64(body: &str, [v, b, s]: [i64; 3], ahead: i64, laps: Option<i64>) {
    check_module(
        &module("i64", body),
        lap(body),
        [i64(v), i64(b), i64(s)],
        ahead,
        laps,
    );
}

/// A loop that counts by a constant, with the test as `value bound cmp`.
pub fn by(ty: &str, step: i64, cmp: &str) -> String {
    format!("local.get $v {ty}.const {step} {ty}.add local.tee $v local.get $b {ty}.{cmp}")
}

#[test]
fn every_comparison_counts_up_or_down() {
    for ty in ["i32", "i64"] {
        let check = |body: &str, [v, b]: [i32; 2], laps| {
            let arguments = [v, b, 0];
            match ty {
                "i32" => check32(body, arguments, laps, Some(laps)),
                _ => check64(body, arguments.map(i64::from), laps, Some(laps)),
            }
        };
        check(&by(ty, 1, "ne"), [0, 10], 10);
        check(&by(ty, -1, "ne"), [10, 0], 10);
        check(&by(ty, 3, "ne"), [0, 9], 3);
        check(&by(ty, 3, "ne"), [-5, 4], 3);
        check(&by(ty, -3, "ne"), [4, -5], 3);
        for sign in ["s", "u"] {
            check(&by(ty, 1, &format!("lt_{sign}")), [0, 10], 10);
            check(&by(ty, 1, &format!("le_{sign}")), [0, 10], 11);
            check(&by(ty, 3, &format!("lt_{sign}")), [0, 10], 4);
            check(&by(ty, 3, &format!("lt_{sign}")), [0, 9], 3);
            check(&by(ty, 3, &format!("le_{sign}")), [0, 9], 4);
            check(&by(ty, 3, &format!("le_{sign}")), [0, 10], 4);
            check(&by(ty, -1, &format!("gt_{sign}")), [10, 0], 10);
            check(&by(ty, -3, &format!("gt_{sign}")), [20, 10], 4);
            check(&by(ty, -3, &format!("gt_{sign}")), [19, 10], 3);
            check(&by(ty, -3, &format!("ge_{sign}")), [19, 10], 4);
            check(&by(ty, -3, &format!("ge_{sign}")), [20, 10], 4);
            check(&by(ty, -1, &format!("ge_{sign}")), [10, 1], 10);
        }
        check(&by(ty, 4, "lt_s"), [-10, 10], 5);
        check(&by(ty, -4, "gt_s"), [10, -10], 5);
        check(&by(ty, -1, "ge_s"), [10, 0], 11);
        check(&by(ty, 1, "le_s"), [-10, 0], 11);
    }
}

#[test]
fn a_test_that_fails_at_once_is_one_lap() {
    check32(&by("i32", 1, "lt_s"), [10, 10, 0], 1, Some(1));
    check32(&by("i32", 1, "lt_s"), [20, 10, 0], 1, Some(1));
    check32(&by("i32", 1, "lt_s"), [9, 10, 0], 1, Some(1));
    check32(&by("i32", 1, "le_s"), [10, 10, 0], 1, Some(1));
    check32(&by("i32", -1, "gt_s"), [0, 10, 0], 1, Some(1));
    check32(&by("i32", 1, "ne"), [9, 10, 0], 1, Some(1));
    // Signed and unsigned see another number.
    check32(&by("i32", 1, "lt_u"), [-10, 10, 0], 1, Some(1));
    check32(&by("i32", 1, "lt_s"), [-10, 10, 0], 20, Some(20));
    check32(&by("i32", -1, "gt_u"), [10, -10, 0], 1, Some(1));
    check32(&by("i32", -1, "gt_s"), [10, -10, 0], 20, Some(20));
}

#[test]
fn steps_are_added_and_subtracted_constants_and_locals() {
    let step =
        |step: &str, cmp: &str| format!("local.get $v {step} local.tee $v local.get $b i32.{cmp}");
    check32(&step("i32.const 3 i32.sub", "gt_s"), [10, 0, 0], 4, Some(4));
    check32(
        &step("i32.const -3 i32.sub", "lt_s"),
        [0, 10, 0],
        4,
        Some(4),
    );
    check32(&step("i32.const 2 i32.sub", "ne"), [10, 0, 0], 5, Some(5));
    check32(&step("i32.const -2 i32.sub", "ne"), [0, 10, 0], 5, Some(5));
    check32(
        &step("local.get $s i32.add", "lt_s"),
        [0, 10, 3],
        4,
        Some(4),
    );
    check32(
        &step("local.get $s i32.add", "gt_s"),
        [10, 0, -3],
        4,
        Some(4),
    );
    check32(
        &step("local.get $s i32.sub", "gt_u"),
        [20, 10, 3],
        4,
        Some(4),
    );
    check32(
        &step("local.get $s i32.sub", "le_s"),
        [0, 10, -5],
        3,
        Some(3),
    );
    // A local step that goes the other way, or nowhere: a lap at a time.
    check32(&step("local.get $s i32.add", "lt_s"), [0, 10, 0], 1, None);
    check32(&step("local.get $s i32.add", "lt_s"), [0, 10, -1], 1, None);
    check32(&step("local.get $s i32.sub", "gt_s"), [10, 0, -1], 1, None);
    check32(
        &step("local.get $s i32.sub", "lt_s"),
        [0, 10, i32::MIN],
        1,
        None,
    );
    check32(
        &step("local.get $s i32.sub", "gt_u"),
        [-1, 10, i32::MIN],
        1,
        None,
    );
    check32(
        &step("local.get $s i32.add", "ge_s"),
        [i32::MIN + 1, 0, i32::MIN],
        1,
        None,
    );
}

#[test]
fn bounds_are_constants_and_locals_on_either_side() {
    let up = "local.get $v i32.const 1 i32.add";
    check32(
        &format!("{up} local.tee $v i32.const 10 i32.lt_s"),
        [0, 0, 0],
        10,
        Some(10),
    );
    check32(
        &format!("i32.const 10 {up} local.tee $v i32.gt_s"),
        [0, 0, 0],
        10,
        Some(10),
    );
    check32(
        &format!("local.get $b {up} local.tee $v i32.ge_u"),
        [0, 10, 0],
        11,
        Some(11),
    );
    check32(
        &format!("local.get $b {up} local.tee $v i32.ne"),
        [0, 10, 0],
        10,
        Some(10),
    );
    check32(
        &format!("{up} local.set $v local.get $v local.get $b i32.lt_u"),
        [0, 10, 0],
        10,
        Some(10),
    );
    check32(
        &format!("{up} local.set $v local.get $b local.get $v i32.gt_u"),
        [0, 10, 0],
        10,
        Some(10),
    );
    check32(
        &format!("{up} local.set $v i32.const 10 local.get $v i32.ge_s"),
        [0, 0, 0],
        11,
        Some(11),
    );
    check32(
        &format!("{up} local.set $v local.get $v i32.const 10 i32.le_s"),
        [0, 0, 0],
        11,
        Some(11),
    );
    let down = "local.get $v i32.const 1 i32.sub";
    check32(
        &format!("local.get $b {down} local.tee $v i32.lt_s"),
        [10, 0, 0],
        10,
        Some(10),
    );
    check32(
        &format!("{down} local.set $v i32.const 5 local.get $v i32.le_u"),
        [10, 0, 0],
        6,
        Some(6),
    );
}

#[test]
fn a_value_alone_counts_to_zero() {
    let down = "local.get $v i32.const 1 i32.sub";
    check32(&format!("{down} local.tee $v"), [10, 0, 0], 10, Some(10));
    check32(
        &format!("{down} local.set $v local.get $v"),
        [10, 0, 0],
        10,
        Some(10),
    );
    check32(
        "local.get $v i32.const -2 i32.add local.tee $v",
        [10, 0, 0],
        5,
        Some(5),
    );
    check32(
        "local.get $v i32.const 3 i32.add local.tee $v",
        [-9, 0, 0],
        3,
        Some(3),
    );
    check32(
        &format!("{down} local.tee $v"),
        [-1, 0, 0],
        (1 << 32) - 1,
        None,
    );
    check32(&format!("{down} local.tee $v"), [0, 0, 0], 1, None);
    check32(
        "local.get $v i32.const -2 i32.add local.tee $v",
        [9, 0, 0],
        1,
        None,
    );
    // Other operators may stand between the step and the test.
    check32(
        &format!("{down} local.set $v local.get $b i32.const 5 i32.add local.set $b local.get $v"),
        [10, 0, 0],
        10,
        Some(10),
    );
}

#[test]
fn ne_goes_around_and_must_meet_its_bound() {
    check32(&by("i32", 1, "ne"), [-3, 4, 0], 7, Some(7));
    check32(&by("i32", 1, "ne"), [i32::MAX, i32::MIN + 4, 0], 5, Some(5));
    check32(&by("i32", -1, "ne"), [3, -4, 0], 7, Some(7));
    check32(&by("i32", 1, "ne"), [10, 0, 0], (1 << 32) - 10, None);
    check32(&by("i32", 1, "ne"), [5, 5, 0], 1, None);
    check32(&by("i32", 3, "ne"), [0, 10, 0], 1, None);
    check32(&by("i32", 4, "ne"), [0, 2, 0], 1, None);
    check32(&by("i32", -3, "ne"), [10, 0, 0], 1, None);
    // Misaligned at first; after a lap, what is left is a multiple.
    check32(
        &by("i32", 0x6000_0000, "ne"),
        [0, 0x2000_0000, 0],
        1,
        Some(3),
    );
    check64(
        &by("i64", 0x6000_0000_0000_0000, "ne"),
        [0, 0x2000_0000_0000_0000, 0],
        1,
        Some(3),
    );
    check64(
        &by("i64", 2, "ne"),
        [i64::MAX - 1, i64::MIN + 4, 0],
        3,
        Some(3),
    );
}

#[test]
fn a_count_that_would_leave_the_type_is_charged_a_lap_at_a_time() {
    check32(
        &by("i32", 3, "lt_s"),
        [0x7fff_fffe, 0x7fff_ffff, 0],
        1,
        None,
    );
    check32(&by("i32", 1, "le_s"), [0, i32::MAX, 0], 1, None);
    check32(&by("i32", 1, "le_u"), [0, -1, 0], 1, None);
    check32(&by("i32", -1, "ge_u"), [10, 0, 0], 1, None);
    check32(&by("i32", -3, "gt_u"), [10, 0, 0], 1, None);
    check32(&by("i32", -3, "gt_s"), [i32::MIN + 1, i32::MIN, 0], 1, None);
    check32(&by("i32", 0x1000_0000, "lt_u"), [0, -0x10, 0], 1, None);
    check32(
        &by("i32", 0x1000_0000, "lt_u"),
        [0, -0x1000_0000, 0],
        15,
        Some(15),
    );
    check32(
        &by("i32", 1, "lt_s"),
        [i32::MAX - 5, i32::MAX, 0],
        5,
        Some(5),
    );
    check32(
        &by("i32", -1, "gt_s"),
        [i32::MIN + 5, i32::MIN, 0],
        5,
        Some(5),
    );
    check32(&by("i32", -1, "gt_u"), [5, 0, 0], 5, Some(5));
    check32(&by("i32", 1, "lt_u"), [-6, -1, 0], 5, Some(5));
}

#[test]
fn what_is_no_control_may_be_in_the_body() {
    let step = "local.get $v i32.const 1 i32.sub local.tee $v";
    for (operators, weight) in [
        ("i32.const 0 i32.load drop", simple(2) + w(Class::Load)),
        (
            "i32.const 0 i32.const 0 i32.const 0 select drop",
            simple(4) + w(Class::Branch),
        ),
        ("memory.size drop", simple(1) + w(Class::MemorySize)),
        (
            "i32.const 0 table.get 0 drop",
            simple(2) + w(Class::TableAccess),
        ),
        ("data.drop $e", w(Class::MemoryBulk)),
        ("nop", 0),
    ] {
        let wat = module("i32", &format!("{operators} {step}"));
        check_module(
            &wat,
            lap(step) + weight,
            [i32(10), i32(0), i32(0)],
            10,
            Some(10),
        );
    }
}

#[test]
fn a_step_may_leave_its_value_for_others() {
    let step = "local.get $v i32.const 1 i32.add local.tee $v";
    let used = format!("{step} local.set $s local.get $v local.get $b i32.lt_s");
    check32(&used, [0, 10, 0], 10, Some(10));
    let as_address = format!("{step} i32.load8_u local.set $s local.get $v local.get $b i32.lt_s");
    let lap = lap(&as_address) - simple(1) + w(Class::Load);
    let arguments = [i32(0), i32(10), i32(0)];
    check_module(&module("i32", &as_address), lap, arguments, 10, Some(10));
    // The test's outcome, kept and looked at later, is no test.
    let later = format!("{step} local.get $b i32.lt_s local.set $s local.get $s");
    check32(&later, [0, 10, 0], 1, Some(10));
}

#[test]
fn a_counted_loop_within_another_loop_is_charged_each_time() {
    let wat = r#"(module (func (export "f") (param $n i32) (param $m i32) (local $i i32)
        loop $outer
            local.get $m local.set $i
            loop $inner local.get $i i32.const 1 i32.sub local.tee $i br_if $inner end
            local.get $n i32.const 1 i32.sub local.tee $n br_if $outer
        end))"#;
    let inner = simple(4) + w(Class::Branch);
    // The inner loop is entered in each lap of the outer one.
    let outer = simple(2) + entry() + simple(4) + w(Class::Branch);
    assert_eq!(
        units(wat, &[i32(3), i32(7)]),
        entry() + 3 * outer + 3 * 7 * inner
    );
}

#[test]
fn what_follows_a_counted_loop_is_charged_when_it_is_left() {
    let wat = r#"(module (func (export "f") (param i32) (result i32)
        i32.const 3
        loop local.get 0 i32.const 1 i32.sub local.tee 0 br_if 0 end
        i32.const 4 i32.add))"#;
    let lap = simple(4) + w(Class::Branch);
    assert_eq!(
        units(wat, &[i32(5)]),
        simple(1) + entry() + 5 * lap + simple(2)
    );
}

#[test]
fn operators_beyond_the_body_are_not_part_of_the_test() {
    // The bound is pushed before the loop, so that the body begins with the step: `value` alone.
    let wat = r#"(module (func (export "f") (param i32) (result i32)
        local.get 0
        loop local.get 0 i32.const 1 i32.sub local.tee 0 br_if 0 end))"#;
    let lap = simple(4) + w(Class::Branch);
    assert_eq!(units(wat, &[i32(5)]), simple(1) + entry() + 5 * lap);
}
