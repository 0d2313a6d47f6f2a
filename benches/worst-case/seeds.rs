//! Loops that were written to be dear: computing and control. Judges nothing.

use meterbox_benches::loops::{Loop, unrolled};
use meterbox_meter::Tier;

use crate::case::{self, Case};

/// How often a body repeats its pattern.
const TIMES: usize = 64;

const DICE: &str = "(local.set $w9 (i32.add (i32.const 1013904223)
    (i32.mul (local.get $w9) (i32.const 1664525))))";

/// A case in the tier's memory.
pub fn of(tier: Tier, name: &str, items: &str, before: &str, body: &str) -> Case {
    let looped = Loop {
        items: items.to_owned(),
        memory: Some(case::memory(tier).1),
        before: before.to_owned(),
        body: body.to_owned(),
        ..Loop::default()
    };
    Case::new(name, &looped)
}

/// `local` through the pattern again and again, on the stack.
fn dense(tier: Tier, name: &str, local: &str, pattern: &str) -> Case {
    let body = format!(
        "local.get {local}\n{}\nlocal.set {local}",
        unrolled(pattern, TIMES, 1)
    );
    // Operands: a large number to divide, one, and a float too small to be normal.
    let before = "(local.set $l8 (i64.const 0x7ffffffffffffff1))
        (local.set $d8 (f64.div (local.get $d8) (local.get $d8)))
        (local.set $d9 (f64.mul (local.get $d8) (f64.const 1e-310)))";
    let before = match pattern.contains("$d9") {
        true => format!("{before} (local.set {local} (local.get $d9))"),
        false => before.to_owned(),
    };
    of(tier, name, "", &before, &body)
}

/// Chains of arithmetic.
pub fn arithmetic(tier: Tier) -> Vec<Case> {
    [
        ("f64.nearest in turn", "$d0", "f64.nearest"),
        ("i64.popcnt in turn", "$l0", "i64.popcnt"),
        ("i64.clz in turn", "$l0", "i64.clz"),
        ("i64.ctz in turn", "$l0", "i64.ctz"),
        (
            "demote and promote",
            "$d0",
            "f32.demote_f64 f64.promote_f32",
        ),
        (
            "u64 to f64 and back",
            "$d0",
            "i64.trunc_sat_f64_u f64.convert_i64_u",
        ),
        (
            "i64 to f64 and back",
            "$d0",
            "i64.trunc_sat_f64_s f64.convert_i64_s",
        ),
        (
            "u32 to f32 and back",
            "$s0",
            "i32.trunc_sat_f32_u f32.convert_i32_u",
        ),
        (
            "u64 to f32 and back",
            "$s0",
            "i64.trunc_sat_f32_u f32.convert_i64_u",
        ),
        (
            "i32 to f64 and back, checked",
            "$d0",
            "i32.trunc_f64_s f64.convert_i32_s",
        ),
        (
            "u64 to f64 and back, checked",
            "$d0",
            "i64.trunc_f64_u f64.convert_i64_u",
        ),
        (
            "between the register files",
            "$l0",
            "f64.reinterpret_i64 f64.abs i64.reinterpret_f64 i64.popcnt",
        ),
        ("i64.mul in turn", "$l0", "local.get $l1 i64.mul"),
        ("i64 squares", "$l0", "local.tee $l0 local.get $l0 i64.mul"),
        ("i64.rotl in turn", "$l0", "local.get $l0 i64.rotl"),
        ("f64.add in turn", "$d0", "local.get $d1 f64.add"),
        ("f64.mul in turn", "$d0", "local.get $d8 f64.mul"),
        (
            "f64.add too small to be normal",
            "$d0",
            "local.get $d9 f64.add",
        ),
        (
            "f64.mul too small to be normal",
            "$d0",
            "local.get $d9 f64.add local.get $d8 f64.mul",
        ),
        (
            "f64.div too small to be normal",
            "$d0",
            "local.get $d9 f64.add local.get $d8 f64.div",
        ),
        ("f64.min in turn", "$d0", "local.get $d1 f64.min"),
        ("f32.max in turn", "$s0", "local.get $s1 f32.max"),
        (
            "f64.copysign in turn",
            "$d0",
            "local.get $d1 f64.copysign f64.nearest",
        ),
        (
            "f64.lt in turn",
            "$d0",
            "local.get $d1 f64.lt f64.convert_i32_u",
        ),
        (
            "f64.eq in turn",
            "$d0",
            "local.get $d0 f64.eq f64.convert_i32_u",
        ),
        (
            "select on floats",
            "$d0",
            "local.get $d1 local.get $d0 local.get $d1 f64.lt select",
        ),
        ("f64.sqrt in turn", "$d0", "f64.sqrt"),
        ("f32.sqrt in turn", "$s0", "f32.sqrt"),
        ("f64.div in turn", "$d0", "local.get $d1 f64.div"),
        (
            "i64.div_u in turn",
            "$l0",
            "local.set $l0 local.get $l8 local.get $l0 i64.div_u",
        ),
        (
            "i64.div_s in turn",
            "$l0",
            "local.set $l0 local.get $l8 local.get $l0 i64.div_s",
        ),
        (
            "i64.rem_s in turn",
            "$l0",
            "local.get $l8 i64.or local.set $l0 local.get $l8 local.get $l0 i64.rem_s",
        ),
        (
            "i32.rem_u in turn",
            "$w0",
            "i32.const 5 i32.or local.set $w0 local.get $w1 local.get $w0 i32.rem_u",
        ),
        ("f64x2.sqrt in turn", "$v0", "f64x2.sqrt"),
        ("f64x2.div in turn", "$v0", "local.get $v1 f64x2.div"),
        ("f32x4.div in turn", "$v0", "local.get $v1 f32x4.div"),
        ("f64x2.min in turn", "$v0", "local.get $v1 f64x2.min"),
        ("f64x2.add in turn", "$v0", "local.get $v1 f64x2.add"),
        ("f64x2.nearest in turn", "$v0", "f64x2.nearest"),
        ("i64x2.mul in turn", "$v0", "local.get $v1 i64x2.mul"),
        (
            "i8x16.swizzle in turn",
            "$v0",
            "local.get $v1 i8x16.swizzle",
        ),
        (
            "i8x16.shuffle in turn",
            "$v0",
            "local.get $v1 i8x16.shuffle 0 17 2 19 4 21 6 23 8 25 10 27 12 29 14 31",
        ),
        ("i8x16.shl in turn", "$v0", "local.get $w1 i8x16.shl"),
        ("i8x16.shr_s in turn", "$v0", "local.get $w1 i8x16.shr_s"),
        ("i64x2.shr_s in turn", "$v0", "local.get $w1 i64x2.shr_s"),
        ("i8x16.popcnt in turn", "$v0", "i8x16.popcnt"),
        ("bitmask and splat", "$v0", "i8x16.bitmask i8x16.splat"),
        ("all_true and splat", "$v0", "i64x2.all_true i32x4.splat"),
        (
            "lanes out and in",
            "$v0",
            "f64x2.extract_lane 1 f64x2.splat",
        ),
        (
            "i32x4.trunc_sat_f32x4_u in turn",
            "$v0",
            "i32x4.trunc_sat_f32x4_u",
        ),
        (
            "i32x4.trunc_sat_f64x2_u_zero in turn",
            "$v0",
            "i32x4.trunc_sat_f64x2_u_zero",
        ),
        (
            "f32x4.convert_i32x4_u in turn",
            "$v0",
            "f32x4.convert_i32x4_u",
        ),
        (
            "f32x4.demote and promote",
            "$v0",
            "f32x4.demote_f64x2_zero f64x2.promote_low_f32x4",
        ),
        (
            "i64x2.extmul in turn",
            "$v0",
            "local.get $v1 i64x2.extmul_high_i32x4_u",
        ),
        (
            "i32x4.dot in turn",
            "$v0",
            "local.get $v1 i32x4.dot_i16x8_s",
        ),
        (
            "i16x8.q15mulr in turn",
            "$v0",
            "local.get $v1 i16x8.q15mulr_sat_s",
        ),
        ("f64x2.pmin in turn", "$v0", "local.get $v1 f64x2.pmin"),
    ]
    .into_iter()
    .map(|(name, local, pattern)| dense(tier, name, local, pattern))
    .collect()
}

/// Branches and calls that nobody can predict, and calls that do nothing.
pub fn control(tier: Tier) -> Vec<Case> {
    let bits = |count: u32| format!("(i32.shr_u (local.get $w9) (i32.const {}))", 32 - count);
    let repeated = |name: &str, items: &str, pattern: &str| {
        of(tier, name, items, "", &unrolled(pattern, 16, 8))
    };
    let table = |count: u32, bits: &str| {
        let (mut open, mut arms, mut labels) = (String::new(), String::new(), String::new());
        for arm in (0..count).rev() {
            open.push_str(&format!("(block $a{arm} "));
        }
        for arm in 0..count {
            labels.push_str(&format!("$a{arm} "));
            arms.push_str(&format!(
                ") (local.set $w{} (i32.add (local.get $w{}) (i32.const {arm}))) (br $out)",
                arm % 8,
                (arm + 1) % 8
            ));
        }
        format!("(block $out {open} (br_table {labels} {bits}) {arms})")
    };
    let functions: String = (0..64)
        .map(|number| {
            format!("(func $f{number} (type $t) (i64.add (local.get 0) (i64.const {number})))\n")
        })
        .collect();
    let names: String = (0..64).map(|number| format!("$f{number} ")).collect();
    let polymorphic = format!(
        "(type $t (func (param i64) (result i64))) {functions}
        (table $table 64 64 funcref) (elem (table $table) (i32.const 0) func {names})"
    );
    let nothing = "(func $nothing) (func $many
        (param i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64))
        (type $n (func)) (table 1 1 funcref) (elem (i32.const 0) func $nothing)
        (func $results (result i64 i64 i64 i64 i64 i64 i64 i64) (i64.const 1) (i64.const 2)
            (i64.const 3) (i64.const 4) (i64.const 5) (i64.const 6) (i64.const 7) (i64.const 8))
        (func $tail (param i32) (if (local.get 0) (then
            (return_call $tail (i32.sub (local.get 0) (i32.const 1))))))";
    vec![
        repeated("br_if at random", "", &format!(
            "{DICE} (if {} (then (local.set $w0 (i32.mul (local.get $w0) (local.get $w9)))))", bits(1))),
        repeated("br_if at random, little more", "", &format!(
            "{DICE} (block (br_if 0 (i32.lt_s (local.get $w9) (i32.const 0))) (local.set $w0 (local.get $w9)))")),
        repeated("br_table of 8 at random", "", &format!("{DICE} {}", table(8, &bits(3)))),
        repeated("br_table of 64 at random", "", &format!("{DICE} {}", table(64, &bits(6)))),
        repeated("call_indirect of 64 at random", &polymorphic, &format!(
            "{DICE} (local.set $l0 (call_indirect (type $t) (local.get $l0) {}))", bits(6))),
        repeated("call_indirect of 2 at random", &polymorphic, &format!(
            "{DICE} (local.set $l0 (call_indirect (type $t) (local.get $l0) {}))", bits(1))),
        repeated("select at random", "", &format!(
            "{DICE} (local.set $w0 (select (local.get $w0) (local.get $w1) {}))", bits(1))),
        repeated("calls of nothing", nothing, "(call $nothing)"),
        repeated("indirect calls of nothing", nothing, "(call_indirect (type $n) (i32.const 0))"),
        repeated("calls with many parameters", nothing,
            &format!("(call $many {})", "(local.get $l0)".repeat(16))),
        repeated("calls with many results", nothing,
            "(call $results) local.set $l0 local.set $l1 local.set $l2 local.set $l3
            local.set $l4 local.set $l5 local.set $l6 local.set $l7"),
        repeated("tail calls", nothing, "(call $tail (i32.const 8))"),
        repeated("loops of random length", "", &format!("{DICE} (local.set $w0 {})
            (loop (br_if 0 (i32.ge_s (local.tee $w0 (i32.sub (local.get $w0) (i32.const 1))) (i32.const 0))))",
            bits(2))),
        repeated("loops of one lap", "", &"(loop)".repeat(16)),
        repeated("loops of one lap with br_if", "", "(loop (br_if 0 (local.get $w9)))")
            .with_before_zero(),
        repeated("globals by turns", "(global $a (mut i64) (i64.const 1)) (global $b (mut i64) (i64.const 2)) (func $nothing)",
            "(global.set $a (i64.mul (global.get $b) (global.get $a)))
             (global.set $b (global.get $a))"),
        repeated("globals as a chain", "(global $a (mut f64) (f64.const 1)) (func $touch (global.set $a (f64.sqrt (global.get $a))))",
            "(call $touch)"),
        repeated("locals that change places", "", "(local.get $l0) (local.get $l1) (local.get $l2)
            (local.get $l3) (local.get $l4) (local.get $l5) (local.get $l6) (local.get $l7)
            (local.set $l0) (local.set $l7) (local.set $l1) (local.set $l6)
            (local.set $l2) (local.set $l5) (local.set $l3) (local.set $l4) (call $nothing)")
            .with_items("(func $nothing)"),
    ]
}

/// A loop around code that hardly runs, with calls in it and `count` locals that it would set: a
/// compiler may move them all where the paths meet.
pub fn many_locals(tier: Tier, count: usize) -> Case {
    let (mut declared, mut cold, mut first, mut last) =
        (String::new(), String::new(), String::new(), String::new());
    for number in 0..count {
        declared.push_str("(local f64)");
        let local = number + 1;
        first.push_str(&format!(
            "(local.set {local} (f64.convert_i32_u (local.get 0)))"
        ));
        cold.push_str(&format!(
            "(local.set {local} (f64.sqrt (local.get {local}))) (call $nothing)"
        ));
        last.push_str(&format!(
            "(i64.xor (i64.reinterpret_f64 (local.get {local})))"
        ));
    }
    let (_, (least, most)) = case::memory(tier);
    let text = format!(
        "(module (memory {least} {most}) (func $nothing)
        (func (export \"f\") (param i32) (result i64) {declared} {first}
            (loop (block (br_if 0 (i32.gt_s (local.get 0) (i32.const -1))) {cold})
                (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
            (i64.const 0) {last}))"
    );
    Case {
        text,
        ..of(
            tier,
            &format!("{count} locals that code which never runs would set"),
            "",
            "",
            "",
        )
    }
}

impl Case {
    /// With `$w9` zero before the loop.
    fn with_before_zero(mut self) -> Case {
        self.text = self
            .text
            .replacen("(loop $lap", "(local.set $w9 (i32.const 0)) (loop $lap", 1);
        self
    }

    fn with_items(mut self, items: &str) -> Case {
        self.text = self
            .text
            .replacen("(func (export", &format!("{items} (func (export"), 1);
        self
    }
}
