//! Loops that were written to be dear: memory, tables, instances and stacks. Judges nothing.

use meterbox_benches::loops::{self, Loop, ring, unrolled};
use meterbox_meter::Tier;

use crate::case::{self, Case, Span};
use crate::seeds::of;

/// Loads, stores and bulk operators.
pub fn memory(tier: Tier) -> Vec<Case> {
    let (bytes, pages) = case::memory(tier);
    let chase = |name: &str, stride: u32, pattern: &str| {
        Case::new(
            name,
            &Loop {
                memory: Some(pages),
                setup: ring(bytes, stride),
                before: loops::start(bytes, stride),
                body: pattern.to_owned(),
                ..Loop::default()
            },
        )
    };
    let pointer =
        |pattern: &str| format!("local.get $w0 {} local.set $w0", unrolled(pattern, 64, 1));
    let far = |index: usize| scattered(index, bytes);
    let offsets = |pattern: &str| -> String {
        (0..64)
            .map(|index| pattern.replace("FAR", &far(index)))
            .collect()
    };
    let onward = format!(
        "(local.set $w0 (i32.and (i32.const {}) (i32.add (local.get $w0) (i32.const 4160))))",
        bytes / 2 - 1
    );
    let start = "(local.set $w0 (i32.const 0))";
    let loops =
        |name: &str, before: &str, body: &str| of(tier, name, "(data $d \"x\")", before, body);
    let copies = |name: &str, to: &str, length: u32, step: u32| {
        let next = format!(
            "(local.set $w0 (i32.and (i32.const {}) (i32.add (local.get $w0) (i32.const {step}))))",
            bytes / 2 - 1
        );
        let act = format!("(memory.copy {to} (local.get $w0) (i32.const {length}))");
        loops(name, start, &format!("{next}{act}"))
    };
    let half = format!("(i32.add (local.get $w0) (i32.const {}))", bytes / 2);
    let ahead = "(i32.add (local.get $w0) (i32.const 1))";
    vec![
        chase("a chase, a line each", 64, &pointer("i32.load")).chasing(),
        chase("a chase, a page each", 4096, &pointer("i32.load")).chasing(),
        chase("a chase that stores", 64, &pointer(
            "local.tee $w0 local.get $w1 i32.store offset=4 local.get $w0 i32.load")).chasing(),
        chase("a chase of vectors", 64, &pointer("v128.load i32x4.extract_lane 0")).chasing(),
        chase("loads far apart", 4096, &format!("{onward} {}", offsets("(local.set $l0 (i64.xor (local.get $l0) (i64.load offset=FAR (local.get $w0))))"))),
        chase("stores far apart", 4096, &format!("{onward} {}", offsets("(i64.store offset=FAR (local.get $w0) (local.get $l0))"))),
        chase("byte stores far apart", 4096, &format!("{onward} {}", offsets("(i32.store8 offset=FAR (local.get $w0) (local.get $w1))"))),
        chase("vector stores far apart", 4096, &format!("{onward} {}", offsets("(v128.store offset=FAR (local.get $w0) (local.get $v0))"))),
        chase("stores over the edges of pages", 4096, &format!("{onward} {}", offsets("(i64.store offset=FAR (i32.or (i32.const 4093) (local.get $w0)) (local.get $l0))"))),
        chase("copies of a line, far apart", 4096, &unrolled(&format!(
            "(local.set $w9 (i32.add (i32.const 1013904223) (i32.mul (local.get $w9) (i32.const 1664525))))
            (memory.copy (i32.and (i32.const {mask}) (local.get $w9))
                (i32.and (i32.const {mask}) (i32.shr_u (local.get $w9) (i32.const 3))) (i32.const 64))",
            mask = bytes - 64), 16, 1)),
        loops("store then load, wider", start, &unrolled(
            "(i32.store8 offset=3 (local.get $w0) (local.get $w1))
             (local.set $w1 (i32.load (local.get $w0)))", 64, 1)),
        loops("store then load, wider, over an edge", "(local.set $w0 (i32.const 4092))", &unrolled(
            "(i32.store8 offset=5 (local.get $w0) (i32.wrap_i64 (local.get $l1)))
             (local.set $l1 (i64.load offset=1 (local.get $w0)))", 64, 1)),
        loops("store then load, 4 KiB apart", start, &unrolled(
            "(i64.store (local.get $w0) (local.get $l1))
             (local.set $l1 (i64.add (local.get $l1) (i64.load offset=4096 (local.get $w0))))", 64, 1)),
        loops("loads over the edge of a page", "(local.set $w0 (i32.const 4093))", &unrolled(
            "(local.set $l@ (i64.add (local.get $l@) (i64.load offset=4096 (local.get $w0))))", 64, 8)),
        loops("a chain through one word", start, &unrolled("(local.get $w0) (i64.load (local.get $w0)) i64.store", 64, 1)),
        loops("memory.fill of 0", "", &unrolled("(memory.fill (i32.const 0) (i32.const 0) (i32.const 0))", 16, 1)),
        loops("memory.fill of 1", "", &unrolled("(memory.fill (i32.const 0) (i32.const 0) (i32.const 1))", 16, 1)),
        loops("memory.fill of 200", "", &unrolled("(memory.fill (i32.const 3) (i32.const 0) (i32.const 200))", 16, 1)),
        loops("memory.fill of 4000", "", &unrolled("(memory.fill (i32.const 3) (i32.const 0) (i32.const 4000))", 16, 1)),
        loops("memory.copy of 0", "", &unrolled("(memory.copy (i32.const 0) (i32.const 9) (i32.const 0))", 16, 1)),
        loops("memory.copy of 63", "", &unrolled("(memory.copy (i32.const 1) (i32.const 99) (i32.const 63))", 16, 1)),
        loops("memory.init of 0", "", &unrolled("(memory.init $d (i32.const 0) (i32.const 0) (i32.const 0))", 16, 1)),
        loops("data.drop", "", &unrolled("(data.drop $d)", 16, 1)),
        loops("memory.size", "", &unrolled("(local.set $w0 (i32.add (local.get $w0) (memory.size)))", 16, 1)),
        loops("memory.grow by 0", "", &unrolled("(drop (memory.grow (i32.const 0)))", 16, 1)),
        loops("memory.grow that fails", "", &unrolled("(drop (memory.grow (i32.const 1)))", 16, 1)),
        copies("long copies", &half, 65_536, 65_536),
        copies("long copies, overlapping", ahead, 262_144, 65_536),
        copies("copies of 4 KiB, 4 KiB apart", "(i32.add (local.get $w0) (i32.const 4096))", 4096, 4160),
        copies("copies of 100, overlapping", ahead, 100, 64),
    ]
}

/// An offset that is far from the next.
fn scattered(index: usize, bytes: u32) -> String {
    let index = u32::try_from(index).unwrap_or(0);
    let far = index.wrapping_mul(2_654_435_761) % (bytes / 2 - 4096);
    (far & !7).to_string()
}

/// Tables and references.
pub fn tables(tier: Tier) -> Vec<Case> {
    let items = "(type $n (func)) (func $a) (func $b)
        (table $t 64 64 funcref) (table $s 64 64 funcref) (table $g 0 funcref)
        (elem (table $t) (i32.const 0) func $a $b $a $b $a $b $a $b) (elem $e func $a $b)";
    [
        ("ref.func", "(drop (ref.is_null (ref.func $a)))"),
        ("ref.func to a table", "(table.set $t (i32.const 3) (ref.func $a))"),
        ("table.get", "(local.set $w0 (i32.and (i32.const 7) (i32.add (local.get $w0) (ref.is_null (table.get $t (local.get $w0))))))"),
        ("table.get to table.set", "(table.set $t (i32.const 3) (table.get $t (i32.const 2)))"),
        ("table.size", "(local.set $w0 (i32.add (local.get $w0) (table.size $g)))"),
        ("table.fill of 0", "(table.fill $t (i32.const 0) (ref.null func) (i32.const 0))"),
        ("table.fill of 32", "(table.fill $t (i32.const 0) (ref.func $a) (i32.const 32))"),
        ("table.copy of 0", "(table.copy $t $s (i32.const 0) (i32.const 0) (i32.const 0))"),
        ("table.copy of 32", "(table.copy $t $s (i32.const 0) (i32.const 0) (i32.const 32))"),
        ("table.copy of 2, lazy", "(table.copy $s $t (i32.const 0) (i32.const 0) (i32.const 2))"),
        ("table.init of 0", "(table.init $t $e (i32.const 0) (i32.const 0) (i32.const 0))"),
        ("table.init of 2", "(table.init $t $e (i32.const 0) (i32.const 0) (i32.const 2))"),
        ("table.grow by 0", "(drop (table.grow $t (ref.null func) (i32.const 0)))"),
        ("table.grow that fails", "(drop (table.grow $t (ref.null func) (i32.const 1)))"),
        ("elem.drop", "(elem.drop $e)"),
    ]
    .into_iter()
    .map(|(name, pattern)| {
        of(tier, name, items, "(local.set $w0 (i32.const 0))", &unrolled(pattern, 16, 1))
    })
    .chain([
        of(tier, "table.grow by 1", items, "", "(drop (table.grow $g (ref.null func) (i32.const 1)))")
            .life(10_000),
        lazy_elements(tier),
    ])
    .collect()
}

/// Each element of a table called once: the engine fills elements in when they are first used.
fn lazy_elements(tier: Tier) -> Case {
    let names = "$a ".repeat(10_000);
    let items = format!(
        "(type $n (func)) (func $a) (table 10000 10000 funcref) (elem (i32.const 0) func {names})"
    );
    of(
        tier,
        "elements called once",
        &items,
        "",
        "(call_indirect (type $n) (i32.sub (local.get $laps) (i32.const 1)))",
    )
    .life(10_000)
}

/// Memory and stacks that are touched for the first time, and instances that do nothing.
pub fn firsts(tier: Tier) -> Vec<Case> {
    let (bytes, (first, _)) = case::memory(tier);
    let (bytes, first) = (bytes.min(64 << 20), first.min(1024));
    let most = match tier {
        Tier::Small => 16,
        Tier::Medium => 512,
        Tier::Large => 65_536,
    };
    let with = |name: &str, memory: Option<(u32, u32)>, items: &str, before: &str, body: &str| {
        Case::new(
            name,
            &Loop {
                items: items.to_owned(),
                memory,
                before: before.to_owned(),
                body: body.to_owned(),
                ..Loop::default()
            },
        )
    };
    let steps = bytes / 4096;
    let touch = "(i32.store8 (i32.shl (i32.sub (local.get $laps) (i32.const 1)) (i32.const 12)) (i32.const 1))";
    let empty = "(func (export \"f\") (param i32) (result i64) (i64.const 0))";
    let life = |name: &str, items: String| Case {
        name: name.to_owned(),
        text: format!("(module {items} {empty})"),
        span: Span::Life(1),
        chases: false,
    };
    let mut all = vec![
        with("declared pages touched", Some((first, most)), "", "", touch).life(steps),
        with("declared pages read", Some((first, most)), "", "",
            "(local.set $w0 (i32.load8_u (i32.shl (i32.sub (local.get $laps) (i32.const 1)) (i32.const 12))))").life(steps),
        with("grown pages touched", Some((0, most)), "", &format!("(drop (memory.grow (i32.const {first})))"), touch).life(steps),
        with("memory.grow by 1, untouched", Some((0, most)), "", "", "(drop (memory.grow (i32.const 1)))").life(first),
        with("deep recursion, small frames", Some((0, most)), DEEP, "",
            "(drop (call $deep (i32.const 20000)))").fresh_stack(1),
        with("deep recursion, large frames", Some((0, most)), &large_frames(), "",
            "(drop (call $wide (i32.const 1000)))").fresh_stack(1),
    ];
    if tier == Tier::Small {
        all.extend([
            life("an instance with nothing", String::new()),
            life("an instance with a memory", "(memory 1 1)".to_owned()),
            life("an instance with a table", "(table 1 1 funcref)".to_owned()),
            life(
                "an instance with 100 tables",
                "(table 1 1 funcref)".repeat(100),
            ),
            life(
                "10,000 globals",
                "(global (mut i64) (i64.const 1))".repeat(10_000),
            ),
            life("10,000 passive data segments", "(data \"\")".repeat(10_000)),
            life(
                "10,000 active data segments",
                format!(
                    "(memory 1 1) {}",
                    "(data (i32.const 0) \"x\")".repeat(10_000)
                ),
            ),
            life(
                "1,000 element segments",
                format!(
                    "(table 10 10 funcref) (func $a) {}",
                    "(elem (table 0) (i32.const 0) func $a)".repeat(1000)
                ),
            ),
            life(
                "a table of 1,000,000",
                "(table 1000000 1000000 funcref)".to_owned(),
            ),
        ]);
    }
    all
}

const DEEP: &str = "(func $deep (param i32) (result i32)
    (if (result i32) (local.get 0)
        (then (i32.add (i32.const 1) (call $deep (i32.sub (local.get 0) (i32.const 1)))))
        (else (i32.const 0))))";

/// A function whose frame holds many values across its call of itself.
fn large_frames() -> String {
    let kept: String = (0..150)
        .map(|k| format!("(i32.add (local.get 0) (i32.const {k}))"))
        .collect();
    let sum = "i32.xor ".repeat(150);
    format!(
        "(func $wide (param i32) (result i32)
        (if (result i32) (local.get 0)
            (then {kept} (call $wide (i32.sub (local.get 0) (i32.const 1))) {sum})
            (else (i32.const 0))))"
    )
}
