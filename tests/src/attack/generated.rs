//! Attacks that would be too long to write down. Each is made here, in the form of the others.

use std::fmt::Write as _;

/// The names and texts of all of them.
pub(super) fn all() -> Vec<(&'static str, String)> {
    let refused = [
        ("compile_many_locals", many_locals()),
        ("compile_many_parameters", many_parameters()),
        ("compile_many_results", many_results()),
        ("compile_wide_branch_table", wide_branch_table()),
        ("compile_many_branch_tables", many_branch_tables()),
        ("compile_many_branches", many_branches()),
        ("compile_many_types", many_types()),
        ("compile_deep_blocks", deep_blocks()),
        ("compile_carried_locals", carried_locals()),
        ("compile_long_function", long_function()),
        ("compile_many_functions", many_functions()),
        ("compile_many_globals", many_globals()),
        ("compile_many_tables", many_tables()),
        ("compile_many_tags", many_tags()),
        ("compile_many_data_segments", many_data_segments()),
        ("compile_many_element_segments", many_element_segments()),
        ("compile_many_modules", many_modules()),
        ("compile_many_instances", many_instances()),
        ("compile_type_of_types", type_of_types()),
        ("compile_components_in_components", nested_components()),
    ];
    let admitted = [
        ("compile_most_locals", most_locals()),
        ("compile_widest_branch_table", widest_branch_table()),
        ("compile_widest_single_table", widest_single_table()),
        ("compile_most_types", most_types()),
        ("compile_deepest_blocks", deepest_blocks()),
        ("compile_most_instances", most_instances()),
        ("exception_with_much_in_it", exception_with_much_in_it()),
        ("exception_kept_in_frames", exception_kept_in_frames()),
        ("stack_of_large_frames", large_frames()),
        ("trap_after_small_functions", small_functions()),
    ];
    refused.into_iter().chain(admitted).collect()
}

/// A program that is refused: what it tries, the words of the reason, and its text.
fn refused(tries: &str, words: &str, text: &str) -> String {
    format!(";; tries: {tries}\n;; expect: refused {words}\n{text}")
}

/// So many of the same.
fn times(text: &str, count: usize) -> String {
    text.repeat(count)
}

fn many_locals() -> String {
    let locals = times(" i32", 50_000);
    refused(
        "a function of 50,000 locals, each of which a compiler follows through all of its code",
        "50000 parameters and locals in one function",
        &format!("(module (func (export \"_start\") (local{locals})))"),
    )
}

fn many_parameters() -> String {
    let parameters = times(" i64", 257);
    refused(
        "a function of 257 parameters, for which each call has to make room",
        "257 parameters",
        &format!("(module (func (param{parameters})) (func (export \"_start\")))"),
    )
}

fn many_results() -> String {
    let results = times(" i64", 257);
    refused(
        "a block type of 257 results, carried over each of its branches",
        "257 results",
        &format!("(module (type (func (result{results}))) (func (export \"_start\")))"),
    )
}

fn wide_branch_table() -> String {
    let targets = times(" 0", 65_521);
    refused(
        "a `br_table` of 65,521 targets",
        "65521 br_table",
        &format!("(module (func (export \"_start\") i32.const 0 br_table{targets} 0))"),
    )
}

fn many_branch_tables() -> String {
    let table = format!("block i32.const 0 br_table{} 0 end ", times(" 0", 1_000));
    refused(
        "a `br_table` of 1,000 targets, 66 times",
        "66000 br_table",
        &format!("(module (func (export \"_start\") {}))", times(&table, 66)),
    )
}

fn many_branches() -> String {
    let branches = times("local.get 0 br_if 0 ", 20_001);
    refused(
        "20,001 branches to one label, which take a compiler time that grows with the square of them",
        "20001 br and br_if",
        &format!("(module (func (export \"_start\") (local i32) {branches}))"),
    )
}

fn many_types() -> String {
    refused(
        "20,001 types, each of which an engine keeps for as long as it lives",
        "20001 types",
        &format!(
            "(module {} (func (export \"_start\")))",
            times("(type (func)) ", 20_001)
        ),
    )
}

fn deep_blocks() -> String {
    let nested = format!("{}{}", times("block ", 1_025), times("end ", 1_025));
    refused(
        "1,025 blocks within blocks, for whatever follows them by recursion",
        "1025 nested blocks",
        &format!("(module (func (export \"_start\") {nested}))"),
    )
}

/// For each `loop`, a compiler brings together each local that is set within.
fn carried_locals() -> String {
    let locals = times(" i32", 1_000);
    let mut sets = String::new();
    for local in 0..1_000 {
        write!(sets, "local.get 0 local.set {local} ").expect("a string can be written");
    }
    let nested = format!("{}{sets}{}", times("loop ", 101), times("end ", 101));
    refused(
        "1,000 locals that are set within 101 loops: small to write down, and slow to compile",
        "101000 carried locals",
        &format!("(module (func (export \"_start\") (local{locals}) {nested}))"),
    )
}

fn long_function() -> String {
    refused(
        "a function of more than 1 MiB, for compilers whose work grows with the square of it",
        "bytes in one function",
        &format!(
            "(module (func (export \"_start\") {}))",
            times("i32.const 1 drop ", 350_000)
        ),
    )
}

fn many_functions() -> String {
    refused(
        "200,001 functions, each of which costs its engine far more than its two bytes",
        "200001 functions",
        &format!(
            "(module {} (func (export \"_start\")))",
            times("(func) ", 200_000)
        ),
    )
}

fn many_globals() -> String {
    let globals = times("(global i32 (i32.const 0)) ", 10_001);
    refused(
        "10,001 globals",
        "10001 globals",
        &format!("(module {globals} (func (export \"_start\")))"),
    )
}

fn many_tables() -> String {
    refused(
        "101 tables",
        "tables count exceeds limit of 100",
        &format!(
            "(module {} (func (export \"_start\")))",
            times("(table 0 funcref) ", 101)
        ),
    )
}

fn many_tags() -> String {
    refused(
        "10,001 exception tags",
        "10001 tags",
        &format!(
            "(module {} (func (export \"_start\")))",
            times("(tag) ", 10_001)
        ),
    )
}

fn many_data_segments() -> String {
    refused(
        "100,001 empty data segments, each of which an engine keeps",
        "data segments count exceeds limit of 100000",
        &format!(
            "(module (memory 1) {} (func (export \"_start\")))",
            times("(data \"\") ", 100_001)
        ),
    )
}

fn many_element_segments() -> String {
    refused(
        "10,001 empty element segments",
        "10001 element segments",
        &format!(
            "(module {} (func (export \"_start\")))",
            times("(elem func) ", 10_001)
        ),
    )
}

fn many_modules() -> String {
    refused(
        "a component of 101 core modules",
        "101 core modules",
        &format!("(component {})", times("(core module) ", 101)),
    )
}

fn many_instances() -> String {
    refused(
        "501 instances of one module: a few bytes each, and whatever the module declares",
        "501 core instances",
        &format!(
            "(component (core module $m) {})",
            times("(core instance (instantiate $m)) ", 501)
        ),
    )
}

/// A type whose size doubles with each line.
fn type_of_types() -> String {
    let mut types = String::from("(type $t0 (tuple u8 u8)) ");
    for index in 1..64 {
        let before = index - 1;
        write!(types, "(type $t{index} (tuple $t{before} $t{before})) ")
            .expect("a string can be written");
    }
    refused(
        "a type of 2^64 fields in 64 lines, for whoever lays it out",
        "effective type size exceeds",
        &format!("(component {types})"),
    )
}

/// In the binary form, which nests deeper than the text form may.
fn nested_components() -> String {
    const EMPTY: &[u8] = b"\0asm\x0d\0\x01\0";
    const COMPONENT_SECTION: u8 = 4;
    let mut nested = EMPTY.to_vec();
    for _ in 0..500 {
        let mut outer = EMPTY.to_vec();
        outer.push(COMPONENT_SECTION);
        let mut size = nested.len();
        while size >= 0x80 {
            outer.push(u8::try_from(size & 0x7f).expect("seven bits") | 0x80);
            size >>= 7;
        }
        outer.push(u8::try_from(size).expect("seven bits"));
        outer.append(&mut nested);
        nested = outer;
    }
    let mut bytes = String::new();
    for byte in nested {
        write!(bytes, "\\{byte:02x}").expect("a string can be written");
    }
    refused(
        "components within components, 500 deep, for whatever follows them by recursion",
        "components within components",
        &format!("(component binary \"{bytes}\")"),
    )
}

fn most_locals() -> String {
    let locals = times(" i32", 4_096);
    format!(
        ";; tries: as many locals as a function may have
;; expect: ok
;; where: declares = instance
;; bill: declares
;; admission: bytes*admit_byte + admit_operator + admit_block + 4096*admit_local + 2*admit_trampoline
(module (func (export \"_start\") (local{locals})))"
    )
}

fn widest_branch_table() -> String {
    let targets = times(" 0", 40_000);
    let others = times(" 0", 25_520);
    format!(
        ";; tries: as many targets as the `br_table`s of a function may have, and an index beyond them
;; expect: ok
;; where: declares = instance
;; bill: declares + simple + branch_table + simple + branch_table
;; admission: bytes*admit_byte + 9*admit_operator + 3*admit_block + 65_520*admit_branch_target
;;   + 2*admit_trampoline
(module (func (export \"_start\")
    block i32.const -1 br_table{targets} 0 end
    block i32.const 0 br_table{others} 0 end))"
    )
}

fn widest_single_table() -> String {
    let targets = times(" 0", 65_520);
    format!(
        ";; tries: all of a function's targets in one `br_table`
;; expect: ok
;; where: declares = instance
;; bill: declares + simple + branch_table
(module (func (export \"_start\") i32.const -1 br_table{targets} 0))"
    )
}

fn most_types() -> String {
    let types = times("(type (func (param i32 i64) (result f64))) ", 19_999);
    format!(
        ";; tries: as many types as a module may have, for each of which a compiler writes code
;; expect: ok
;; where: declares = instance
;; bill: declares
;; admission: bytes*admit_byte + admit_operator + admit_block + 20_001*admit_trampoline
;;   + 19_999*3*admit_trampoline_value
(module {types} (func (export \"_start\")))"
    )
}

fn deepest_blocks() -> String {
    let nested = format!("{}br 1023 {}", times("loop ", 1_024), times("end ", 1_024));
    format!(
        ";; tries: as many loops within loops as a function may have, and a branch over all of them
;; expect: limit instructions
;; limit: instructions = 10_000_000
;; where: declares = instance
;; bill: budget
;; admission: bytes*admit_byte + (2*1024 + 2)*admit_operator + 1025*admit_block + admit_branch_target + 2*admit_trampoline
(module (func (export \"_start\") {nested}))"
    )
}

fn most_instances() -> String {
    format!(
        ";; tries: as many instances as a component may have, each of which declares a memory
;; expect: ok
;; where: declares = 500*instance + 500*memory_page
;; bill: declares + simple
;; peak: 500
;; integral: 500*(declares + simple)
(component
  (core module $m
    (memory (export \"memory\") 1 1)
    (func (export \"run\") (result i32)
      i32.const 0))
  {}
  (core instance $m (instantiate $m))
  (func (export \"run\") (result (result (error string)))
    (canon lift (core func $m \"run\") (memory $m \"memory\"))))",
        times("(core instance (instantiate $m)) ", 499)
    )
}

fn exception_with_much_in_it() -> String {
    let parameters = times(" i64", 200);
    let values = times("i64.const 7 ", 200);
    format!(
        ";; tries: 20,000 exceptions of 1,600 bytes, each of which is garbage at once
;; expect: refused exceptions
(module
  (tag $t (param{parameters}))
  (func (export \"_start\") (local $laps i32)
    i32.const 20000
    local.set $laps
    loop
      block $caught
        try_table (catch_all $caught)
          {values}
          throw $t
        end
        unreachable
      end
      local.get $laps
      i32.const 1
      i32.sub
      local.tee $laps
      br_if 0
    end))"
    )
}

/// Each frame holds one exception of 1,600 bytes until it returns.
fn exception_kept_in_frames() -> String {
    let parameters = times(" i64", 200);
    let values = times("i64.const 7 ", 200);
    format!(
        ";; tries: 1,000 exceptions of 1,600 bytes, all of which are held at once by frames
;; expect: refused exceptions
(module
  (tag $t (param{parameters}))
  (func $keep (param $frames i32) (local $kept exnref)
    local.get $frames
    i32.eqz
    if
      return
    end
    block $caught (result exnref)
      try_table (catch_all_ref $caught)
        {values}
        throw $t
      end
      unreachable
    end
    local.set $kept
    local.get $frames
    i32.const 1
    i32.sub
    call $keep
    local.get $kept
    ref.is_null
    drop)
  (func (export \"_start\")
    i32.const 1000
    call $keep))"
    )
}

fn large_frames() -> String {
    let locals = times(" i64", 4_000);
    format!(
        ";; tries: recursion by a function of 4,000 locals, to be through the host's stack after few calls
;; expect: limit stack_units
;; where: declares = instance
;; where: frame = frame_units + 4000*slot_units + 2*operator_stack_units
;; limit: stack_units = 16*frame
;; bill: declares + 17*call
(module
  (func $deeper (export \"_start\") (local{locals})
    call $deeper))"
    )
}

fn small_functions() -> String {
    let calls = times("call $small ", 10_000);
    format!(
        ";; tries: to trap behind 10,000 calls in a row of a function that records nothing: the calls are
;;   billed with the segment that they are in, and what they did is not (M5)
;; expect: trapped unreachable
;; where: declares = instance
;; bill: declares + 10_000*call + branch
(module
  (func $small
    i64.const 1
    i64.const 3
    i64.div_u
    drop)
  (func (export \"_start\")
    {calls}
    unreachable))"
    )
}
