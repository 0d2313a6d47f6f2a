//! Inspecting: what a program is, without running it.

use serde_json::Value;

use crate::harness::User;

const PROGRAM: &str = r#"(module
    (import "wasi_snapshot_preview1" "sched_yield" (func $yield (result i32)))
    (memory (export "memory") 2 2)
    (table 3 funcref)
    (func $small (param i32) (result i32) (i32.add (local.get 0) (i32.const 1)))
    (func $main (export "_start") (local $i i32)
        (loop $counted
            (local.set $i (i32.add (local.get $i) (i32.const 1)))
            (br_if $counted (i32.lt_u (local.get $i) (i32.const 9))))
        (loop $plain
            (drop (call $yield))
            (br_if $plain (call $small (local.get $i))))))"#;

#[test]
fn a_program_is_told_by_its_modules_functions_and_loops() {
    let user = User::new();
    let program = user.file("program.wat", PROGRAM);
    let ran = user.meterbox(["inspect", program.to_str().unwrap(), "--format", "json"]);
    assert_eq!(ran.exit, 0, "{ran:?}");
    let told: Value = serde_json::from_slice(&ran.stdout).unwrap();
    assert_eq!(told["memory_tier"], "small");
    assert_eq!(told["declared"]["memory_pages"], "2");
    assert_eq!(told["declared"]["table_elements"], "3");
    assert_eq!(told["admission"]["branch_targets"], "2");
    let quote = user.meterbox(["quote", program.to_str().unwrap(), "--format", "json"]);
    let quote: Value = serde_json::from_slice(&quote.stdout).unwrap();
    assert_eq!(
        told["declared"]["instructions"],
        quote["declared"]["instructions"]
    );
    let functions = told["modules"][0]["functions"].as_array().unwrap();
    let main = functions.iter().find(|function| function["name"] == "main");
    let main = main.unwrap();
    assert_eq!(
        (&main["loops"], &main["counted_loops"]),
        (&2.into(), &1.into())
    );
    let small = functions
        .iter()
        .find(|function| function["name"] == "small");
    assert_eq!(small.unwrap()["small"], true);
    let text = user.meterbox(["inspect", program.to_str().unwrap()]).text();
    assert!(
        text.contains("imports wasi_snapshot_preview1 sched_yield"),
        "{text}"
    );
    assert!(text.contains("2 loops, 1 counted"), "{text}");
}

#[test]
fn names_that_would_write_on_the_terminal_are_escaped() {
    let user = User::new();
    let program = user.file(
        "escape.wat",
        r#"(module (memory (export "memory") 1)
            (func (export "_start"))
            (func (export "\1b[2J\0a  exports forged")))"#,
    );
    let ran = user.meterbox(["inspect", program.to_str().unwrap()]);
    assert_eq!(ran.exit, 0, "{ran:?}");
    let text = ran.text();
    assert!(
        !text.contains('\u{1b}') && !text.contains("\n  exports forged"),
        "{text}"
    );
    assert!(text.contains("forged"), "{text}");
}
