//! The rules that hold for every job: what is billed when something ends early, and where limits lie.

use std::thread;

use meterbox_meter::{Class, Tier};
use meterbox_sandbox::{Limits, OptLevel, Outcome, Sandbox};
use meterbox_tests as guests;

use crate::job::{Done, Job, LIMITS, sandboxes};

/// A loop of so many laps, and what one lap costs: four simple operators and a branch.
const LAPS: u64 = 100_000;
const LAP_UNITS: u64 = 4 * weight(Class::Simple) + weight(Class::Branch);

const fn weight(class: Class) -> u64 {
    #[allow(clippy::cast_lossless, reason = "`from` is not for constants yet")]
    let weight = class.weight(Tier::Large) as u64;
    weight
}

fn work() -> String {
    format!(
        "i32.const {LAPS} local.set $laps
        loop local.get $laps i32.const 1 i32.sub local.tee $laps br_if 0 end"
    )
}

/// A component whose only module has these declarations, and a `run` of this body, which returns
/// where its result lies.
fn component(declarations: &str, body: &str) -> String {
    format!(
        r#"(component
        (core module $m (memory (export "memory") 1) {declarations}
            (func (export "run") (result i32) (local $laps i32) {body}))
        (core instance $m (instantiate $m))
        (func (export "run") (result (result (error string)))
            (canon lift (core func $m "run") (memory $m "memory"))))"#
    )
}

fn is_billed_for_the_work(done: &Done) {
    let units = done.units_run();
    assert!(
        (LAPS * LAP_UNITS..LAPS * LAP_UNITS + 1_000).contains(&units),
        "{units}"
    );
}

#[test]
fn two_runs_at_once_use_the_same() {
    let [_, sandbox] = sandboxes();
    let job = Job::guest(guests::traps());
    let program = job.compile_in(&sandbox).unwrap();
    let alone = job.run_program(&sandbox, &program).unwrap();
    thread::scope(|scope| {
        let run = || job.run_program(&sandbox, &program).unwrap();
        let runs: Vec<_> = (0..4).map(|_| scope.spawn(run)).collect();
        for run in runs {
            assert_eq!(run.join().unwrap(), alone);
        }
    });
}

#[test]
fn another_sandbox_measures_the_same() {
    let job = Job::guest(guests::hello());
    let again = Sandbox::new(OptLevel::Speed).unwrap();
    assert_eq!(job.run(), job.run_in(&again).unwrap());
}

#[test]
fn a_component_that_traps_is_billed_for_its_work() {
    for (body, trap) in [
        ("unreachable", "unreachable"),
        (
            "(i32.div_s (i32.const 1) (i32.const 0))",
            "division_by_zero",
        ),
        (
            "(i32.div_s (i32.const 0x80000000) (i32.const -1))",
            "integer_overflow",
        ),
        (
            "(i32.trunc_f64_s (f64.const nan))",
            "bad_conversion_to_integer",
        ),
        ("(i32.load (i32.const 65533))", "out_of_bounds_memory"),
        (
            "(memory.fill (i32.const 65535) (i32.const 0) (i32.const 2)) i32.const 0",
            "out_of_bounds_memory",
        ),
        (
            "(call_indirect (i32.const 5)) i32.const 0",
            "out_of_bounds_table",
        ),
        ("(call_indirect (i32.const 1)) i32.const 0", "null_function"),
        (
            "(call_indirect (param i64) (i64.const 0) (i32.const 0)) i32.const 0",
            "wrong_function_type",
        ),
        (
            "(table.get (i32.const 2)) drop i32.const 0",
            "out_of_bounds_table",
        ),
    ] {
        let declarations = "(table 2 funcref) (func $f) (elem (i32.const 0) $f)";
        let done = Job::text(&component(declarations, &format!("{} {body}", work()))).run();
        is_billed_for_the_work(done.is_trapped(trap));
        let command = format!(
            "(module (memory (export \"memory\") 1) {declarations}
            (func (export \"_start\") (local $laps i32) {} {body} {}))",
            work(),
            if body == "unreachable" { "" } else { "drop" }
        );
        is_billed_for_the_work(Job::text(&command).run().is_trapped(trap));
    }
}

#[test]
fn a_start_function_that_traps_is_billed_for_its_work() {
    let start = format!(
        "(func $start (local $laps i32) {} unreachable) (start $start)",
        work()
    );
    let done = Job::text(&component(&start, "i32.const 0")).run();
    is_billed_for_the_work(done.is_trapped("unreachable"));
}

#[test]
fn a_start_function_that_breaks_the_component_models_rules_is_billed_for_its_work() {
    let text = format!(
        r#"(component
            (import "wasi:io/poll@0.2.0" (instance $poll (export "pollable" (type (sub resource)))))
            (alias export $poll "pollable" (type $pollable))
            (core func $drop (canon resource.drop $pollable))
            (core module $m
                (import "host" "drop" (func $drop (param i32)))
                (memory (export "memory") 1)
                (func $start (local $laps i32) {} i32.const 99 call $drop)
                (start $start)
                (func (export "run") (result i32) i32.const 0))
            (core instance $i (instantiate $m (with "host" (instance (export "drop" (func $drop))))))
            (func (export "run") (result (result (error string)))
                (canon lift (core func $i "run") (memory $i "memory"))))"#,
        work()
    );
    let done = Job::text(&text).run();
    is_billed_for_the_work(done.is_trapped("canonical_abi"));
}

#[test]
fn a_start_function_without_end_is_billed_its_budget() {
    let start = "(func $start loop br 0 end) (start $start)";
    let done = Job::text(&component(start, "i32.const 0"))
        .limit(|limits| limits.instructions = 1_000_000)
        .run();
    done.is_limited("instructions");
    assert_eq!(done.units(), 1_000_000);
}

#[test]
fn a_result_that_is_invalid_is_a_trap_and_billed() {
    // The result is an error whose text lies outside of memory, is not UTF-8, or has no address;
    // or the result is neither.
    for data in [
        r"\01\00\00\00\00\00\01\00\10\00\00\00",
        r"\01\00\00\00\4c\00\00\00\01\00\00\00\ff",
        r"\01\00\00\00\00\00\00\00\ff\ff\ff\ff",
        r"\02\00\00\00\00\00\00\00\00\00\00\00",
    ] {
        let declarations = format!("(data (i32.const 64) \"{data}\")");
        let done = Job::text(&component(
            &declarations,
            &format!("{} i32.const 64", work()),
        ))
        .run();
        is_billed_for_the_work(done.is_trapped("canonical_abi"));
    }
    for address in ["65536", "65", "-4"] {
        let done = Job::text(&component("", &format!("{} i32.const {address}", work()))).run();
        is_billed_for_the_work(done.is_trapped("canonical_abi"));
    }
}

#[test]
fn what_runs_after_the_result_is_taken_is_billed() {
    let text = |after: &str| {
        format!(
            r#"(component
            (core module $m (memory (export "memory") 1)
                (func (export "run") (result i32) i32.const 0)
                (func (export "after") (param i32) (local $laps i32) {after}))
            (core instance $m (instantiate $m))
            (func (export "run") (result (result (error string)))
                (canon lift (core func $m "run") (memory $m "memory") (post-return (func $m "after")))))"#
        )
    };
    is_billed_for_the_work(Job::text(&text(&work())).run().is_ok());
    let done = Job::text(&text(&format!("{} unreachable", work()))).run();
    is_billed_for_the_work(done.is_trapped("unreachable"));
}

#[test]
fn a_segment_out_of_bounds_is_a_trap_and_what_ran_before_is_billed() {
    // Alone: nothing has run, and what is declared is billed.
    for (segment, trap) in [
        ("(data (i32.const 65535) \"ab\")", "out_of_bounds_memory"),
        (
            "(table 1 funcref) (func $f) (elem (i32.const 1) $f)",
            "out_of_bounds_table",
        ),
    ] {
        let command =
            format!("(module (memory (export \"memory\") 1) {segment} (func (export \"_start\")))");
        for text in [command, component(segment, "i32.const 0")] {
            let done = Job::text(&text).run();
            assert_eq!(done.outcome, Outcome::Trapped { trap });
            assert_eq!(done.units_run(), 0);
            assert!(done.declared_units > 0);
        }
        // After the start function of another module.
        let text = format!(
            r#"(component
            (core module $first (func $start (local $laps i32) {}) (start $start))
            (core instance (instantiate $first))
            (core module $m (memory (export "memory") 1) {segment}
                (func (export "run") (result i32) i32.const 0))
            (core instance $m (instantiate $m))
            (func (export "run") (result (result (error string)))
                (canon lift (core func $m "run") (memory $m "memory"))))"#,
            work()
        );
        let done = Job::text(&text).run();
        is_billed_for_the_work(done.is_trapped(trap));
    }
}

#[test]
fn names_of_the_meter_in_a_guest_do_not_confuse_the_reading() {
    let globals = r#"
        (global (export "left") (mut i64) (i64.const 9000000000))
        (global (export "stack-left") (mut i32) (i32.const -5))
        (global (export "pages-grown") (mut i64) (i64.const 77))
        (global (export "grown-low") (mut i64) (i64.const 88))
        (global (export "grown-high") (mut i64) (i64.const 99))
        (func (export "read") (param i32) (result i64) i64.const 1)
        (func (export "meterbox-meter-read") (param i32) (result i64) i64.const 1)"#;
    let plain = "(global i64 (i64.const 0)) ".repeat(5);
    for end in ["unreachable", "i32.const 0"] {
        let body = format!("{} {end}", work());
        let spoofed = Job::text(&component(globals, &body)).run();
        let honest = Job::text(&component(&plain, &body)).run();
        is_billed_for_the_work(&spoofed);
        assert_eq!(spoofed.measured, honest.measured);
        assert_eq!(spoofed.outcome, honest.outcome);
    }
}

#[test]
fn a_run_of_another_type_is_refused() {
    let text = r#"(component
        (core module $m (func (export "run") (result i32) i32.const 0))
        (core instance $m (instantiate $m))
        (func (export "run") (result u32) (canon lift (core func $m "run"))))"#;
    let said = Job::text(text).refusal();
    assert!(said.contains("run"), "{said}");
    let text = r#"(module (memory (export "memory") 1) (func (export "_start") (param i32)))"#;
    assert!(Job::text(text).refusal().contains("nothing to run"));
}

#[test]
fn a_misuse_of_a_host_function_is_a_trap_and_billed() {
    let text = format!(
        r#"(component
        (import "wasi:io/poll@0.2.12" (instance $poll
            (export "pollable" (type $pollable (sub resource)))
            (export "poll" (func (param "in" (list (borrow $pollable))) (result (list u32))))))
        (core module $memory (memory (export "memory") 1)
            (func (export "realloc") (param i32 i32 i32 i32) (result i32) i32.const 1024))
        (core instance $memory (instantiate $memory))
        (core func $poll (canon lower (func $poll "poll")
            (memory $memory "memory") (realloc (func $memory "realloc"))))
        (core module $m (import "" "poll" (func $poll (param i32 i32 i32)))
            (func (export "run") (result i32) (local $laps i32) {}
                (call $poll (i32.const 0) (i32.const 0) (i32.const 64)) i32.const 0))
        (core instance $m (instantiate $m (with "" (instance (export "poll" (func $poll))))))
        (func (export "run") (result (result (error string)))
            (canon lift (core func $m "run") (memory $memory "memory"))))"#,
        work()
    );
    let done = Job::text(&text).run();
    is_billed_for_the_work(done.is_trapped("host_call_misused"));
    assert_eq!(done.measured.host_calls, 1_500);
}

/// A component that gets random bytes into its memory, at a place that `realloc` of this body gives.
fn random(realloc: &str) -> Job {
    Job::text(&format!(
        r#"(component
        (import "wasi:random/random@0.2.12" (instance $random
            (export "get-random-bytes" (func (param "len" u64) (result (list u8))))))
        (core module $memory (memory (export "memory") 1)
            (func (export "realloc") (param i32 i32 i32 i32) (result i32) (local $laps i32) {realloc}))
        (core instance $memory (instantiate $memory))
        (core func $random (canon lower (func $random "get-random-bytes")
            (memory $memory "memory") (realloc (func $memory "realloc"))))
        (core module $m (import "" "random" (func $random (param i64 i32)))
            (func (export "run") (result i32) (call $random (i64.const 100) (i32.const 64)) i32.const 0))
        (core instance $m (instantiate $m (with "" (instance (export "random" (func $random))))))
        (func (export "run") (result (result (error string)))
            (canon lift (core func $m "run") (memory $memory "memory"))))"#
    ))
}

#[test]
fn guest_code_within_a_host_call_is_billed() {
    let done = random(&format!("{} i32.const 1024", work())).run();
    is_billed_for_the_work(done.is_ok());
    assert_eq!(done.measured.bytes_in, 100);
    let done = random(&format!("{} unreachable", work())).run();
    is_billed_for_the_work(done.is_trapped("unreachable"));
    // A place that is not in its memory.
    let done = random(&format!("{} i32.const 65500", work())).run();
    is_billed_for_the_work(done.is_trapped("canonical_abi"));
    let done = random("loop br 0 end unreachable")
        .limit(|limits| limits.instructions = 1_000_000)
        .run();
    done.is_limited("instructions");
    assert_eq!(done.units(), 1_000_000);
}

#[test]
fn one_call_hands_over_a_bounded_number_of_bytes() {
    let most = 128 << 20;
    let log = |bytes: u64| {
        let text = format!(
            r#"(component
            (type $level (enum "trace" "debug" "info" "warn" "error"))
            (import "meterbox:job/log@0.1.0" (instance $log
                (alias outer 1 $level (type $of))
                (export "level" (type $level (eq $of)))
                (export "log" (func (param "level" $level) (param "message" string)))))
            (core module $memory (memory (export "memory") 2049))
            (core instance $memory (instantiate $memory))
            (core func $log (canon lower (func $log "log") (memory $memory "memory")))
            (core module $m (import "" "log" (func $log (param i32 i32 i32)))
                (func (export "run") (result i32)
                    (call $log (i32.const 2) (i32.const 0) (i32.const {bytes})) i32.const 0))
            (core instance $m (instantiate $m (with "" (instance (export "log" (func $log))))))
            (func (export "run") (result (result (error string)))
                (canon lift (core func $m "run") (memory $memory "memory"))))"#
        );
        Job::text(&text)
            .limit(|limits| limits.bytes_out = 1_000)
            .run()
    };
    assert_eq!(log(1_000).is_ok().measured.bytes_out, 1_000);
    log(1_001).is_limited("bytes_out");
    log(most).is_limited("bytes_out");
    log(most + 1).is_trapped("canonical_abi");
}

#[test]
fn instances_that_find_no_memory_left_end_the_job_as_limit_and_billed() {
    // The first instance grows as far as it can, and leaves too little for the second.
    let text = |first: &str, grow: &str, second: &str| {
        format!(
            r#"(component
            (core module $first {first} (func $start (local $laps i32) {} {grow}) (start $start))
            (core instance (instantiate $first))
            (core module $m {second} (memory (export "memory") 1)
                (func (export "run") (result i32) i32.const 0))
            (core instance $m (instantiate $m))
            (func (export "run") (result (result (error string)))
                (canon lift (core func $m "run") (memory $m "memory"))))"#,
            work()
        )
    };
    let grow = "(drop (memory.grow (i32.const 8)))";
    let memory = text("(memory 1)", grow, "");
    let run = |pages: u64| {
        Job::text(&memory)
            .limit(|limits| limits.memory_bytes = pages << 16)
            .run()
    };
    run(10).is_ok();
    let done = run(9);
    done.is_limited("memory_bytes");
    assert!(done.units_run() > LAPS * LAP_UNITS + 8 * weight(Class::MemoryPage));
    // One of the ten pages was never there.
    assert_eq!(done.measured.spent.memory_pages_peak, 9);
    assert!(done.measured.spent.memory_page_instructions <= 9 * u128::from(done.units()));
    // Growth that fails leaves enough.
    run(8).is_ok();

    let grow = "(drop (table.grow (ref.null func) (i32.const 8)))";
    let table = text("(table 1 funcref)", grow, "(table 1 funcref)");
    let run = |elements: u64| {
        Job::text(&table)
            .limit(|limits| limits.table_elements = elements)
            .run()
    };
    run(10).is_ok();
    let done = run(9);
    done.is_limited("table_elements");
    assert!(done.units_run() > LAPS * LAP_UNITS);
}

/// Sets one limit.
type Set = fn(&mut Limits, u64);

#[test]
fn every_counted_limit_holds_at_its_value_and_ends_the_job_one_below() {
    let magika = std::fs::read(guests::repository().join("examples/models/magika.onnx")).unwrap();
    let job = Job::guest(guests::classify())
        .input("bytes.bin", *b"#!/bin/sh\n")
        .input("model", magika);
    let whole = job.run();
    whole.is_ok();
    let used = &whole.measured;
    let limits: [(&'static str, u64, Set); 8] = [
        ("instructions", used.spent.instructions, |limits, to| {
            limits.instructions = to
        }),
        ("host_calls", used.host_calls, |limits, to| {
            limits.host_calls = to
        }),
        ("bytes_in", used.bytes_in, |limits, to| limits.bytes_in = to),
        ("bytes_out", used.bytes_out, |limits, to| {
            limits.bytes_out = to
        }),
        ("model_bytes", used.model_bytes, |limits, to| {
            limits.model_bytes = to
        }),
        (
            "inference_ops",
            used.inference.operations.total().unwrap(),
            |limits, to| limits.inference_ops = to,
        ),
        (
            "inference_weight_bytes",
            used.inference.weight_bytes,
            |limits, to| limits.inference_weight_bytes = to,
        ),
        (
            "inference_tensor_bytes",
            used.inference.tensor_bytes,
            |limits, to| limits.inference_tensor_bytes = to,
        ),
    ];
    for (which, used, set) in limits {
        assert!(used > 0, "{which}");
        let at = job.clone().limit(|limits| set(limits, used)).run();
        assert_eq!(at, whole, "{which}");
        let below = job.clone().limit(|limits| set(limits, used - 1)).run();
        below.is_limited(which);
        assert!(below.measured.spent.instructions <= LIMITS.instructions);
        job.clone()
            .limit(|limits| set(limits, 0))
            .run()
            .is_limited(which);
    }
}

#[test]
fn memories_and_tables_may_begin_at_their_limit_and_not_above() {
    let text =
        r#"(module (memory (export "memory") 3) (table 7 funcref) (func (export "_start")))"#;
    Job::text(text)
        .limit(|limits| limits.memory_bytes = 3 << 16)
        .run()
        .is_ok();
    let said = Job::text(text)
        .limit(|limits| limits.memory_bytes = (3 << 16) - 1)
        .refusal();
    assert!(said.contains("196608 bytes"), "{said}");
    Job::text(text)
        .limit(|limits| limits.table_elements = 7)
        .run()
        .is_ok();
    let said = Job::text(text)
        .limit(|limits| limits.table_elements = 6)
        .refusal();
    assert!(said.contains("7 elements"), "{said}");
}

#[test]
fn growth_that_a_type_forbids_fails_without_a_fault() {
    // By its own maximum, by what an address can reach, and by the limit.
    for (memory, pages) in [("1 2", 2), ("1", 65_536), ("1", -1), ("1", 5_000)] {
        let text = format!(
            r#"(module (memory (export "memory") {memory}) (func (export "_start")
            (if (i32.ne (memory.grow (i32.const {pages})) (i32.const -1)) (then unreachable))
            (if (i32.ne (memory.size) (i32.const 1)) (then unreachable))))"#
        );
        let done = Job::text(&text)
            .limit(|limits| limits.instructions = u64::MAX)
            .run();
        done.is_ok();
        assert_eq!(done.measured.spent.memory_pages_peak, 1);
    }
    let text = r#"(module (memory (export "memory") 1) (table $t 1 5 funcref) (table $u 1 funcref)
        (func (export "_start")
            (if (i32.ne (table.grow $t (ref.null func) (i32.const 5)) (i32.const -1)) (then unreachable))
            (if (i32.ne (table.grow $u (ref.null func) (i32.const -1)) (i32.const -1)) (then unreachable))
            (if (i32.ne (table.grow $u (ref.null func) (i32.const 99998)) (i32.const 1)) (then unreachable))
            (if (i32.ne (table.grow $u (ref.null func) (i32.const 1)) (i32.const -1)) (then unreachable))))"#;
    Job::text(text)
        .limit(|limits| limits.instructions = u64::MAX)
        .run()
        .is_ok();
}

#[test]
fn a_command_without_a_memory_cannot_call_the_host() {
    let text = r#"(module
        (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
        (func (export "_start") (drop (call $random (i32.const 0) (i32.const 4)))))"#;
    Job::text(text).run().is_trapped("host_call_misused");
}
