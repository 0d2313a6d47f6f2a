//! Profiles: their sum is what a receipt bills, whatever the job is and however it ends.

use std::path::Path;

use meterbox_tests as guests;
use serde_json::Value;

use crate::harness::User;

/// Profiles a job, and checks its sum against a bill of the same job.
fn check(user: &User, program: &Path, arguments: &[&str]) -> Value {
    let billed = user.run(program, arguments);
    let mut all = vec!["profile", program.to_str().unwrap(), "--format", "json"];
    all.extend(arguments);
    let ran = user.meterbox(all);
    assert_eq!(ran.exit, billed.ran.exit, "{ran:?}");
    let profile: Value = serde_json::from_slice(&ran.stdout).unwrap();
    let number = |value: &Value| value.as_str().unwrap().parse::<u128>().unwrap();
    assert_eq!(
        number(&profile["instructions"]),
        billed.used("instructions")
    );
    let mut quote = vec!["quote", program.to_str().unwrap(), "--format", "json"];
    quote.extend(arguments);
    let quote: Value = serde_json::from_slice(&user.meterbox(quote).stdout).unwrap();
    assert_eq!(
        number(&profile["declared"]),
        number(&quote["declared"]["instructions"])
    );
    let functions = profile["functions"].as_array().unwrap();
    let units = functions.iter().map(|function| number(&function["self"]));
    let sum = units.sum::<u128>() + number(&profile["declared"]);
    assert_eq!(sum, billed.used("instructions"));
    assert!(!functions.is_empty());
    profile
}

fn function<'p>(profile: &'p Value, name: &str) -> &'p Value {
    let functions = profile["functions"].as_array().unwrap();
    let found = functions.iter().find(|function| function["name"] == name);
    found.unwrap_or_else(|| panic!("no {name} in {profile:#}"))
}

const COMMAND: &str = r#"(module
    (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
    (memory (export "memory") 1)
    (type $one (func (param i32) (result i32)))
    (table 3 funcref)
    (elem (i32.const 0) $fibonacci $proc_exit $fd_write)
    (func $fibonacci (param $n i32) (result i32)
        (if (result i32) (i32.lt_s (local.get $n) (i32.const 2))
            (then (local.get $n))
            (else (i32.add
                (call $fibonacci (i32.sub (local.get $n) (i32.const 1)))
                (call $fibonacci (i32.sub (local.get $n) (i32.const 2)))))))
    (func $inner (param $n i32) (result i32) (i32.mul (local.get $n) (local.get $n)))
    (func $outer (param $n i32) (result i32) (call $inner (local.get $n)))
    (func $last (param $n i32) (result i32)
        (return_call_indirect (type $one) (local.get $n) (i32.const 0)))
    (func $main (export "_start") (local $n i32)
        (loop $again
            (drop (call $outer (local.get $n)))
            (drop (call $last (i32.const 3)))
            (br_if $again (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 9))))
        (drop (call_indirect (type $one) (i32.const 10) (i32.const 0)))
        (drop (call_indirect (param i32 i32 i32 i32) (result i32)
            (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 8) (i32.const 2)))
        (call_indirect (param i32) (i32.const 0) (i32.const 1))))"#;

#[test]
fn a_command_is_profiled_to_the_last_unit() {
    let user = User::new();
    let program = user.file("command.wat", COMMAND);
    let profile = check(&user, &program, &[]);
    // 177 calls for the tenth number, 5 for the third.
    let fibonacci = function(&profile, "fibonacci");
    assert_eq!(fibonacci["calls"], (177 + 9 * 5).to_string());
    assert_eq!(function(&profile, "inner")["calls"], "9");
    let main = function(&profile, "main");
    let total: u128 = main["with_callees"].as_str().unwrap().parse().unwrap();
    let all: u128 = profile["instructions"].as_str().unwrap().parse().unwrap();
    let declared: u128 = profile["declared"].as_str().unwrap().parse().unwrap();
    assert_eq!(total, all - declared);
    // A tail call is called by the caller's caller.
    let folded = user.path("folded.txt");
    let ran = user.meterbox([
        "profile",
        program.to_str().unwrap(),
        "--folded",
        folded.to_str().unwrap(),
    ]);
    assert!(ran.text().contains("fibonacci"), "{ran:?}");
    let folded = std::fs::read_to_string(folded).unwrap();
    let mut stacks: Vec<&str> = folded
        .lines()
        .map(|line| line.rsplit_once(' ').unwrap().0)
        .collect();
    stacks.sort_unstable();
    assert_eq!(
        stacks,
        [
            "main",
            "main;fibonacci",
            "main;last",
            "main;outer",
            "main;outer;inner"
        ]
    );
}

#[test]
fn components_are_profiled_to_the_last_unit() {
    let user = User::new();
    let input = user.file("a.bin", vec![9u8; 100_000]);
    let input = format!("copies/a={}", input.display());
    check(&user, guests::echo(), &["--input", &input]);
    check(&user, guests::hello(), &[]);
    check(&user, guests::fails(), &[]);
}

#[test]
fn jobs_that_end_badly_are_profiled_to_the_last_unit() {
    let user = User::new();
    check(&user, guests::traps(), &[]);
    check(&user, guests::panics(), &[]);
    check(&user, guests::unreachable_wat(), &[]);
    check(&user, guests::recursion_wat(), &[]);
    check(&user, guests::recurses_forever(), &[]);
    check(
        &user,
        guests::spin_wat(),
        &["--limit-instructions", "1234567"],
    );
    let small = user.file(
        "small.wat",
        r#"(module (memory (export "memory") 1)
            (func $fine (param i32) (result i32) (i32.mul (local.get 0) (i32.const 3)))
            (func $bad (param i32) (result i32) (i32.div_u (i32.const 1) (local.get 0)))
            (func $main (export "_start")
                (drop (call $fine (call $fine (i32.const 1))))
                (drop (call $bad (i32.const 0)))))"#,
    );
    let profile = check(&user, &small, &[]);
    assert_eq!(profile["outcome"], "trapped: division_by_zero");
}

#[test]
fn a_flame_graph_is_well_formed_and_names_functions() {
    let user = User::new();
    let program = user.file("command.wat", COMMAND);
    let out = user.path("flame.svg");
    let ran = user.meterbox([
        "profile",
        program.to_str().unwrap(),
        "--out",
        out.to_str().unwrap(),
    ]);
    assert_eq!(ran.exit, 0, "{ran:?}");
    let svg = std::fs::read_to_string(out).unwrap();
    assert!(svg.contains("fibonacci"));
    let mut reader = quick_xml::Reader::from_str(&svg);
    let mut open = 0;
    loop {
        match reader.read_event().unwrap() {
            quick_xml::events::Event::Start(_) => open += 1,
            quick_xml::events::Event::End(_) => open -= 1,
            quick_xml::events::Event::Eof => break,
            _ => {}
        }
    }
    assert_eq!(open, 0);
}

/// Every stack of a profile, with its units, and the graph of it.
fn drawn(user: &User, wat: &str) -> (Vec<String>, String) {
    let program = user.file("drawn.wat", wat);
    let (folded, out) = (user.path("folded.txt"), user.path("flame.svg"));
    let ran = user.meterbox([
        "profile",
        program.to_str().unwrap(),
        "--folded",
        folded.to_str().unwrap(),
        "--out",
        out.to_str().unwrap(),
    ]);
    assert_eq!(ran.exit, 0, "{ran:?}");
    let folded = std::fs::read_to_string(folded).unwrap();
    let stacks = folded.lines().map(|line| line.rsplit_once(' ').unwrap().0);
    (
        stacks.map(str::to_owned).collect(),
        std::fs::read_to_string(out).unwrap(),
    )
}

#[test]
fn functions_whose_names_are_none_or_end_in_a_number_are_told_apart() {
    let user = User::new();
    let (mut stacks, svg) = drawn(
        &user,
        r#"(module (memory (export "memory") 1)
            (func (param i32) (result i32) (i32.mul (local.get 0) (i32.const 3)))
            (func (@name "all 7") (param i32) (result i32) (i32.div_u (local.get 0) (i32.const 3)))
            (func (export "_start") (drop (call 1 (call 0 (i32.const 1))))))"#,
    );
    stacks.sort_unstable();
    assert_eq!(
        stacks,
        [
            "function[2]",
            "function[2];all\u{a0}7",
            "function[2];function[0]"
        ]
    );
    for name in ["function[0]", "function[2]", "all\u{a0}7"] {
        assert!(svg.contains(name), "{name} is not in {svg}");
    }
}

#[test]
fn a_job_that_spends_nothing_has_an_empty_graph() {
    let user = User::new();
    let (stacks, svg) = drawn(
        &user,
        r#"(module (memory (export "memory") 1) (func (export "_start")))"#,
    );
    assert!(stacks.is_empty());
    assert!(svg.contains("no instructions were spent"));
}

#[test]
fn more_call_paths_than_a_profile_holds_are_an_error() {
    let user = User::new();
    // Two functions that call each other, each twice a level: twice as many paths with each.
    let program = user.file(
        "paths.wat",
        r#"(module (memory (export "memory") 1)
            (func $a (param i32)
                (if (local.get 0) (then
                    (call $a (i32.sub (local.get 0) (i32.const 1)))
                    (call $b (i32.sub (local.get 0) (i32.const 1))))))
            (func $b (param i32)
                (if (local.get 0) (then
                    (call $a (i32.sub (local.get 0) (i32.const 1)))
                    (call $b (i32.sub (local.get 0) (i32.const 1))))))
            (func (export "_start") (call $a (i32.const 21))))"#,
    );
    user.meterbox(["profile", program.to_str().unwrap()])
        .refused(7, "more than 1048576 ways");
}
