//! Programs as people write them, by what the fair price of a unit is judged. Judges nothing.

use meterbox_benches::loops::Loop;
use meterbox_meter::Tier;

use crate::case::Case;

/// Every ordinary program, going through so much memory as is usual in the tier.
pub fn programs(tier: Tier) -> Vec<Case> {
    let (bytes, pages) = match tier {
        Tier::Small => (512 << 10, (16, 16)),
        Tier::Medium => (16 << 20, (512, 512)),
        Tier::Large => (256 << 20, (8192, 8192)),
    };
    let of = |name: &str, items: &str, setup: String, body: String| {
        Case::new(
            name,
            &Loop {
                items: items.to_owned(),
                memory: Some(pages),
                setup,
                body,
                ..Loop::default()
            },
        )
    };
    let mask = bytes - 1;
    let onward = |step: u32| {
        format!(
            "(local.set $w0 (i32.and (i32.const {mask}) (i32.add (local.get $w0) (i32.const {step}))))"
        )
    };
    let start = |align: u32| {
        format!(
            "(local.set $w0 (i32.and (i32.const {}) (local.get $w0)))",
            mask & !(align - 1)
        )
    };
    let lines = |inner: &str, step: u32| format!("{}\n{inner}\n{}", start(4096), onward(step));
    vec![
        of("matrix product", "", floats(bytes), lines(GEMM, 4096)),
        of(
            "partition of a sort",
            "",
            words(bytes),
            lines(PARTITION, 2048),
        ),
        of("hash of bytes", "", words(bytes), lines(HASH, 4096)),
        of("search in text", "", words(bytes), lines(SCAN, 4096)),
        of(
            "list walk",
            "",
            list(bytes),
            format!(
                "{}\n{}",
                start(64),
                inner(
                    256,
                    "(local.set $l0 (i64.add (local.get $l0) (i64.load offset=8 (local.get $w0))))
             (local.set $w0 (i32.load (local.get $w0)))"
                )
            ),
        ),
        of(
            "stencil",
            "",
            floats(bytes / 2),
            lines(STENCIL, 4096).replace(
                &format!("(i32.const {mask})"),
                &format!("(i32.const {})", bytes / 2 - 1),
            ),
        ),
        of("parser of numbers", "", digits(bytes), lines(PARSER, 4096)),
        of(
            "recursion",
            FIBONACCI,
            String::new(),
            "(local.set $l0 (i64.add (local.get $l0) (call $fib (i64.const 15))))".to_owned(),
        ),
        of(
            "hash table",
            "",
            words(bytes),
            inner(256, &TABLE.replace("MASK", &(mask - 7).to_string())),
        ),
        of("interpreter", "", code(), lines(INTERPRETER, 0)),
        of("sieve", "", String::new(), lines(SIEVE, 4096)),
        of("bodies in space", "", floats(65_536), BODIES.to_owned()),
    ]
}

/// A loop in the loop; `$w9` counts.
fn inner(times: u32, body: &str) -> String {
    format!(
        "(local.set $w9 (i32.const {times}))
        (loop $inner {body}
            (br_if $inner (local.tee $w9 (i32.sub (local.get $w9) (i32.const 1)))))"
    )
}

fn fill(count: u32, body: &str) -> String {
    format!(
        "(local $i i32) (local $x i32)
        (loop $next {body}
            (local.set $x (i32.add (i32.const 1013904223)
                (i32.mul (local.get $x) (i32.const 1664525))))
            (br_if $next (i32.lt_u
                (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const {count}))))"
    )
}

fn words(bytes: u32) -> String {
    let mixed = "(i32.xor (local.get $x) (i32.shr_u (local.get $x) (i32.const 15)))";
    fill(
        bytes / 4,
        &format!("(i32.store (i32.shl (local.get $i) (i32.const 2)) {mixed})"),
    )
}

fn floats(bytes: u32) -> String {
    let value = "(f64.mul (f64.const 1e-9) (f64.convert_i32_u (local.get $x)))";
    fill(
        bytes / 8,
        &format!("(f64.store (i32.shl (local.get $i) (i32.const 3)) {value})"),
    )
}

fn list(bytes: u32) -> String {
    let address = "(i32.shl (local.get $i) (i32.const 6))";
    let next = format!(
        "(i32.and (i32.const {}) (i32.add (i32.const 64) {address}))",
        bytes - 1
    );
    fill(bytes / 64, &format!("(i32.store {address} {next})"))
}

/// Numbers of random digits with a comma after about each sixth.
fn digits(bytes: u32) -> String {
    let digit = "(i32.add (i32.const 48) (i32.rem_u (i32.shr_u (local.get $x) (i32.const 16)) (i32.const 10)))";
    let comma = "(i32.lt_u (i32.shr_u (local.get $x) (i32.const 24)) (i32.const 43))";
    fill(
        bytes,
        &format!("(i32.store8 (local.get $i) (select (i32.const 44) {digit} {comma}))"),
    )
}

/// A program of the interpreter: operations that repeat after 61, with some chance in them.
fn code() -> String {
    let operation = "(i32.and (i32.const 7) (i32.shr_u
        (i32.mul (i32.rem_u (local.get $i) (i32.const 61)) (i32.const 40503)) (i32.const 7)))";
    fill(1024, &format!("(i32.store8 (local.get $i) {operation})"))
}

/// A row of a product: c[j] += a × b[j].
const GEMM: &str = "(local.set $w1 (i32.const 0))
    (loop $j
        (local.set $w2 (i32.add (local.get $w0) (local.get $w1)))
        (f64.store (local.get $w2) (f64.add (f64.load (local.get $w2))
            (f64.mul (local.get $d0) (f64.load (local.get $w1)))))
        (br_if $j (i32.lt_u (local.tee $w1 (i32.add (local.get $w1) (i32.const 8))) (i32.const 4096))))";

/// Words below a pivot change places with the first that are not.
const PARTITION: &str = "(local.set $w1 (local.get $w0))
    (local.set $w2 (local.get $w0))
    (local.set $w3 (i32.load (local.get $w0)))
    (loop $next
        (local.set $w4 (i32.load (local.get $w1)))
        (if (i32.lt_u (local.get $w4) (local.get $w3)) (then
            (i32.store (local.get $w1) (i32.load (local.get $w2)))
            (i32.store (local.get $w2) (local.get $w4))
            (local.set $w2 (i32.add (local.get $w2) (i32.const 4)))))
        (local.set $w1 (i32.add (local.get $w1) (i32.const 4)))
        (br_if $next (i32.lt_u (local.get $w1) (i32.add (local.get $w0) (i32.const 2048)))))
    (local.set $w0 (i32.add (local.get $w0) (i32.const 2048)))";

const HASH: &str = "(local.set $w1 (local.get $w0))
    (loop $next
        (local.set $w2 (i32.mul (i32.const 16777619)
            (i32.xor (local.get $w2) (i32.load8_u (local.get $w1)))))
        (br_if $next (i32.ne (local.tee $w1 (i32.add (local.get $w1) (i32.const 1)))
            (i32.add (local.get $w0) (i32.const 4096)))))";

const SCAN: &str = "(local.set $w1 (local.get $w0))
    (local.set $w3 (i32.add (local.get $w0) (i32.const 4000)))
    (loop $next
        (if (i32.eq (i32.load8_u (local.get $w1)) (i32.const 110)) (then
            (if (i32.eq (i32.load16_u offset=1 (local.get $w1)) (i32.const 25964)) (then
                (local.set $w2 (i32.add (local.get $w2) (i32.const 1)))))))
        (local.set $w1 (i32.add (local.get $w1) (i32.const 1)))
        (br_if $next (i32.lt_u (local.get $w1) (local.get $w3))))";

const STENCIL: &str = "(local.set $w1 (i32.add (local.get $w0) (i32.const 4096)))
    (local.set $w2 (i32.add (local.get $w1) (i32.const 4080)))
    (loop $next
        (f64.store (local.get $w1) (f64.mul (f64.const 0.2) (f64.add (f64.load (local.get $w1))
            (f64.add (f64.add (f64.load offset=8 (local.get $w1))
                    (f64.load (i32.sub (local.get $w1) (i32.const 8))))
                (f64.add (f64.load offset=4096 (local.get $w1)) (f64.load (local.get $w0)))))))
        (local.set $w0 (i32.add (local.get $w0) (i32.const 8)))
        (br_if $next (i32.lt_u (local.tee $w1 (i32.add (local.get $w1) (i32.const 8)))
            (local.get $w2))))";

const PARSER: &str = "(local.set $w1 (local.get $w0))
    (loop $next
        (local.set $w2 (i32.load8_u (local.get $w1)))
        (if (i32.lt_u (i32.sub (local.get $w2) (i32.const 48)) (i32.const 10))
            (then (local.set $w3 (i32.add (i32.mul (local.get $w3) (i32.const 10))
                (i32.sub (local.get $w2) (i32.const 48)))))
            (else (if (i32.eq (local.get $w2) (i32.const 44)) (then
                (local.set $l0 (i64.add (local.get $l0) (i64.extend_i32_u (local.get $w3))))
                (local.set $w3 (i32.const 0))))))
        (br_if $next (i32.ne (local.tee $w1 (i32.add (local.get $w1) (i32.const 1)))
            (i32.add (local.get $w0) (i32.const 4096)))))";

const FIBONACCI: &str = "(func $fib (param i64) (result i64)
    (if (result i64) (i64.lt_s (local.get 0) (i64.const 2))
        (then (local.get 0))
        (else (i64.add (call $fib (i64.sub (local.get 0) (i64.const 1)))
            (call $fib (i64.sub (local.get 0) (i64.const 2)))))))";

const TABLE: &str = "(local.set $w1 (i32.add (i32.const 1013904223)
        (i32.mul (local.get $w1) (i32.const 1664525))))
    (local.set $w2 (i32.and (i32.const MASK)
        (i32.mul (i32.xor (local.get $w1) (i32.shr_u (local.get $w1) (i32.const 15)))
            (i32.const -1640531535))))
    (if (i32.eq (i32.load (local.get $w2)) (local.get $w1))
        (then (local.set $l0 (i64.add (local.get $l0) (i64.const 1))))
        (else (i32.store offset=4 (local.get $w2) (local.get $w1))))";

const SIEVE: &str = "(local.set $w1 (local.get $w0))
    (local.set $w2 (i32.add (local.get $w0) (i32.const 4096)))
    (loop $next
        (i32.store8 (local.get $w1) (i32.const 1))
        (br_if $next (i32.lt_u (local.tee $w1 (i32.add (local.get $w1) (i32.const 7)))
            (local.get $w2))))";

const INTERPRETER: &str = "(local.set $w1 (i32.const 0))
    (loop $next
        (block $out (block $a (block $b (block $c (block $d (block $e (block $f (block $g
        (br_table $a $b $c $d $e $f $g $out (i32.load8_u (local.get $w1))))
            (local.set $l0 (i64.add (local.get $l0) (local.get $l1))) (br $out))
            (local.set $l1 (i64.xor (local.get $l1) (local.get $l0))) (br $out))
            (local.set $l0 (i64.mul (local.get $l0) (i64.const 31))) (br $out))
            (i64.store offset=2048 (local.get $w1) (local.get $l0)) (br $out))
            (local.set $l1 (i64.load offset=2048 (local.get $w1))) (br $out))
            (if (i64.lt_s (local.get $l0) (local.get $l1)) (then
                (local.set $l0 (local.get $l1)))) (br $out))
            (local.set $l0 (i64.shr_u (local.get $l0) (i64.const 3))))
        (br_if $next (i32.lt_u (local.tee $w1 (i32.add (local.get $w1) (i32.const 1)))
            (i32.const 1000))))";

const BODIES: &str = "(local.set $w1 (i32.const 0))
    (loop $next
        (local.set $d1 (f64.sub (f64.load (local.get $w1)) (local.get $d0)))
        (local.set $d2 (f64.sub (f64.load offset=8 (local.get $w1)) (local.get $d0)))
        (local.set $d3 (f64.sub (f64.load offset=16 (local.get $w1)) (local.get $d0)))
        (local.set $d4 (f64.add (f64.const 0.01) (f64.add (f64.mul (local.get $d1) (local.get $d1))
            (f64.add (f64.mul (local.get $d2) (local.get $d2))
                (f64.mul (local.get $d3) (local.get $d3))))))
        (local.set $d5 (f64.div (f64.const 0.001) (f64.mul (local.get $d4) (f64.sqrt (local.get $d4)))))
        (f64.store offset=24 (local.get $w1) (f64.add (f64.load offset=24 (local.get $w1))
            (f64.mul (local.get $d1) (local.get $d5))))
        (f64.store offset=32 (local.get $w1) (f64.add (f64.load offset=32 (local.get $w1))
            (f64.mul (local.get $d2) (local.get $d5))))
        (br_if $next (i32.lt_u (local.tee $w1 (i32.add (local.get $w1) (i32.const 48)))
            (i32.const 16384))))";
