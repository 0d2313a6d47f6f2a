//! Endless recursion ends at the counted stack, at the same depth whatever the compiler does with
//! the frames, and never at the native one.

use std::fmt::Write as _;

use meterbox_sandbox::{Limits, STACK_UNITS_MAX};

use crate::job::{Done, Job, LIMITS};

fn command(functions: &str, start: &str) -> String {
    format!(
        "(module (memory (export \"memory\") 1) {functions} (func (export \"_start\") {start}))"
    )
}

fn repeat(count: usize, one: impl Fn(usize) -> String) -> String {
    (0..count).map(one).collect::<Vec<_>>().join(" ")
}

/// Calls itself, and does nothing else: the least frame.
fn least() -> String {
    command("(func $f call $f nop)", "call $f")
}

/// Each local holds a value of its own, needed after the call.
fn locals(count: usize, ty: &str, make: impl Fn(usize) -> String, fold: &str, end: &str) -> String {
    let sets = repeat(count, |at| format!("{} local.set {}", make(at), at + 1));
    let folds = repeat(count, |at| format!("local.get {} {fold}", at + 1));
    command(
        &format!(
            "(func $f (param i64) (local {}) {sets} local.get 0 i64.const 1 i64.add call $f local.get 1 {folds} {end})",
            repeat(count, |_| ty.into())
        ),
        "i64.const 0 call $f",
    )
}

fn f64_locals() -> String {
    let make = |at: usize| format!("local.get 0 f64.convert_i64_s f64.const {at} f64.add");
    locals(500, "f64", make, "f64.mul", "drop")
}

fn v128_locals() -> String {
    let make = |at: usize| format!("local.get 0 i64x2.splat v128.const i64x2 {at} 3 i64x2.add");
    locals(300, "v128", make, "i64x2.add", "drop")
}

/// Values wait on the operand stack while the call runs.
fn operands(count: usize, one: &str, fold: &str, ty: &str) -> String {
    command(
        &format!(
            "(func $f (param i64) (result {ty}) {} local.get 0 i64.const 1 i64.add call $f {})",
            repeat(count, |at| format!(
                "local.get 0 i64.const {at} i64.xor {one}"
            )),
            repeat(count, |_| fold.into())
        ),
        "i64.const 0 call $f drop",
    )
}

fn parameters(ty: &str, zero: &str) -> String {
    let all = 200;
    command(
        &format!(
            "(func $f (param {}) (result {ty}) {} call $f local.get 199 drop)",
            repeat(all, |_| ty.into()),
            repeat(all, |at| format!("local.get {}", all - 1 - at)),
        ),
        &format!("{} call $f drop", repeat(all, |_| zero.into())),
    )
}

fn results() -> String {
    let all = 200;
    let types = repeat(all, |_| "i64".into());
    command(
        &format!("(func $f (param i64) (result {types}) local.get 0 i64.const 1 i64.add call $f)"),
        &format!("i64.const 0 call $f {}", repeat(all, |_| "drop".into())),
    )
}

fn indirect() -> String {
    command(
        "(type $t (func (param i64) (result i64))) (table funcref (elem $f $g))
        (func $f (type $t) local.get 0 i64.const 1 i64.add local.get 0 i32.wrap_i64 i32.const 1 i32.and
            call_indirect (type $t) local.get 0 i64.xor)
        (func $g (type $t) (local f64 f64 f64 f64 f64) local.get 0 f64.convert_i64_s local.set 1
            local.get 0 i64.const 3 i64.add local.get 0 i32.wrap_i64 i32.const 1 i32.and i32.eqz
            call_indirect (type $t) local.get 1 i64.reinterpret_f64 i64.xor)",
        "i64.const 0 call $f drop",
    )
}

fn mutual() -> String {
    let waiting = repeat(40, |at| format!("local.get 0 i64.const {at} i64.mul"));
    let folds = repeat(40, |_| "i64.add".into());
    command(
        &format!(
            "(func $f (param i64) (result i64) local.get 0 i64.const 1 i64.add call $g local.get 0 i64.xor)
            (func $g (param i64) (result i64) {waiting} local.get 0 call $f {folds})"
        ),
        "i64.const 0 call $f drop",
    )
}

/// Very many values, each alive across a few calls only: the compiler has to share its slots.
fn short_lives() -> String {
    let mut body = String::new();
    for at in 0..3_000 {
        let local = 1 + at % 12;
        write!(
            body,
            "local.get {} call $leaf local.get 0 i64.add local.set {local} ",
            1 + (at * 7) % 12
        )
        .unwrap();
    }
    command(
        &format!(
            "(func $leaf (param i64) (result i64) local.get 0 i64.const 5 i64.rotl)
            (func $f (param i64) (result i64) (local {})
                local.get 0 i64.const 1 i64.and i64.eqz if {body} end
                local.get 0 i64.const 1 i64.or call $f {} )",
            repeat(12, |_| "i64".into()),
            repeat(12, |at| format!("local.get {} i64.xor", at + 1)),
        ),
        "i64.const 0 call $f drop",
    )
}

/// One large body between the entry and the call, with a branch for each of its parts.
fn branches() -> String {
    let parts = repeat(1_000, |at| {
        format!(
            "local.get 0 i64.const {at} i64.eq if local.get 1 f64.const {at} f64.div local.set 1 end"
        )
    });
    command(
        &format!(
            "(func $f (param i64) (result f64) (local f64 f64) {parts} local.get 0 i64.const 1 i64.add call $f
                local.get 1 f64.add)"
        ),
        "i64.const 0 call $f drop",
    )
}

/// The same values before the call and after it, which a compiler computes once and keeps meanwhile,
/// although no local and no operand holds them.
fn common(count: usize, one: impl Fn(usize) -> String, fold: &str, ty: &str, zero: &str) -> String {
    let all = repeat(count, |at| format!("{} {fold}", one(at)));
    command(
        &format!(
            "(global $g (mut {ty}) ({zero})) (func $f (param i64)
                {zero} {all} global.set $g
                local.get 0 call $f
                {zero} {all} global.set $g)"
        ),
        "i64.const 1 call $f",
    )
}

/// Values that a loop computes the same in each lap, which a compiler moves before the loop.
fn invariant(count: usize) -> String {
    let all = repeat(count, |at| {
        format!("local.get 0 i64.const {at} i64.mul local.get 0 i64.xor i64.add")
    });
    command(
        &format!(
            "(global $g (mut i64) (i64.const 0)) (func $f (param i64)
                loop global.get $g {all} global.set $g local.get 0 call $f
                    global.get $g i64.const 3 i64.ne br_if 0 end)"
        ),
        "i64.const 1 call $f",
    )
}

fn common_i64() -> String {
    let one = |at| {
        format!(
            "local.get 0 local.get 0 i64.const {} i64.xor i64.mul",
            1_000_003 + 2 * at
        )
    };
    common(3_000, one, "i64.xor", "i64", "i64.const 0")
}

fn common_f64() -> String {
    let one = |at| format!("local.get 0 f64.convert_i64_s f64.const {at} f64.div");
    common(3_000, one, "f64.add", "f64", "f64.const 0")
}

fn common_v128() -> String {
    let one = |at| format!("local.get 0 i64x2.splat v128.const i64x2 {at} 7 i64x2.add");
    common(3_000, one, "v128.xor", "v128", "v128.const i64x2 0 0")
}

fn check(text: &str) {
    let run = |change: fn(&mut Limits)| -> Done { Job::text(text).limit(change).run() };
    let usual = run(|_| {});
    usual.is_limited("stack_units");
    let most = run(|limits| limits.stack_units = STACK_UNITS_MAX);
    most.is_limited("stack_units");
    let least = run(|limits| limits.stack_units = 10_000);
    least.is_limited("stack_units");
    assert!(most.units_run() > usual.units_run() && usual.units_run() > least.units_run());
    assert_eq!(LIMITS.stack_units, 1 << 20);
}

macro_rules! shapes {
    ($($name:ident: $text:expr;)*) => { $(
        #[test]
        fn $name() {
            check(&$text);
        }
    )* };
}

shapes! {
    least_frames_end_at_the_counted_stack: least();
    frames_of_f64_locals_end_at_the_counted_stack: f64_locals();
    frames_of_v128_locals_end_at_the_counted_stack: v128_locals();
    frames_of_i64_operands_end_at_the_counted_stack: operands(300, "", "i64.add", "i64");
    frames_of_f64_operands_end_at_the_counted_stack: operands(300, "f64.convert_i64_s", "f64.add", "f64");
    frames_of_v128_operands_end_at_the_counted_stack: operands(300, "i64x2.splat", "i64x2.add", "v128");
    frames_of_f64_parameters_end_at_the_counted_stack: parameters("f64", "f64.const 0");
    frames_of_v128_parameters_end_at_the_counted_stack: parameters("v128", "v128.const i64x2 0 0");
    frames_of_many_results_end_at_the_counted_stack: results();
    indirect_calls_end_at_the_counted_stack: indirect();
    mutual_recursion_ends_at_the_counted_stack: mutual();
    frames_of_short_lived_values_end_at_the_counted_stack: short_lives();
    frames_of_many_branches_end_at_the_counted_stack: branches();
    frames_of_common_integers_end_at_the_counted_stack: common_i64();
    frames_of_common_floats_end_at_the_counted_stack: common_f64();
    frames_of_common_vectors_end_at_the_counted_stack: common_v128();
    frames_of_loop_invariants_end_at_the_counted_stack: invariant(3_000);
}

#[test]
fn a_stack_limit_over_the_largest_is_the_largest() {
    let run = |units| {
        Job::text(&least())
            .limit(|limits| limits.stack_units = units)
            .run()
    };
    assert_eq!(run(STACK_UNITS_MAX), run(STACK_UNITS_MAX + 1));
    assert_eq!(run(STACK_UNITS_MAX), run(u64::MAX));
}
