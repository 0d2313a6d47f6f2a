//! What instances, pages, tables and globals take to come and go. Knows no weights.

use std::time::Instant;

use meterbox_benches::guest::{Laboratory, Program};
use meterbox_benches::loops::binary;
use meterbox_meter::Class;

/// Nanoseconds of one of a class: the class, what it was, the number.
pub type Creation = (Class, &'static str, f64);

pub fn measure(laboratory: &Laboratory, rounds: usize) -> Vec<Creation> {
    let f =
        |body: &str| format!("(func (export \"f\") (param i32) (result i64) {body} (i64.const 0))");
    let program = |items: &str, body: &str| {
        laboratory.plain(&binary(&format!("(module {items} {})", f(body))))
    };
    let touch = "(loop (i32.store8 (i32.shl (i32.sub (local.get 0) (i32.const 1)) (i32.const 12)) (i32.const 1))
        (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))";
    let grow = "(loop (drop (memory.grow (i32.const 1)))
        (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))";
    let slots = "(loop (call_indirect (type $n) (i32.sub (local.get 0) (i32.const 1)))
        (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))";
    let globals: String = (0..1000)
        .map(|_| "(global (mut i64) (i64.const 1))")
        .collect();
    let functions: String = (0..1000).map(|_| "$n ").collect();
    let table = "(type $n (func)) (func $n) (table 1000 1000 funcref)";
    let filled = format!("{table} (elem (i32.const 0) func {functions})");

    let empty = program("", "");
    let memory = program("(memory 1024)", "");
    let touched = program("(memory 1024)", touch);
    let growing = program("(memory 0)", grow);
    let grown_and_touched = program(
        "(memory 0)",
        &format!("{grow} (local.set 0 (i32.const 4096)) {touch}"),
    );
    let base = life(laboratory, &empty, 1, rounds);
    let each = |program: &Program, laps: u32, count: f64| {
        (life(laboratory, program, laps, rounds) - base) / count
    };
    let pages = |program: &Program, laps| each(program, laps, 1024.0);
    vec![
        (Class::Instance, "an instance with nothing", base),
        (
            Class::Instance,
            "an instance with a memory",
            base + each(&memory, 1, 1.0),
        ),
        (
            Class::GlobalDeclared,
            "a global of 1000",
            each(&program(&globals, ""), 1, 1000.0),
        ),
        (
            Class::TableElement,
            "an element of a table of 1000",
            each(&program(table, ""), 1, 1000.0),
        ),
        (
            Class::TableElement,
            "the same with a segment",
            each(&program(&filled, ""), 1, 1000.0),
        ),
        (
            Class::TableElement,
            "the same, called once",
            each(&program(&filled, slots), 1000, 1000.0),
        ),
        (
            Class::MemoryPage,
            "a declared page, one byte in it touched",
            pages(&touched, 1024),
        ),
        (
            Class::MemoryPage,
            "a declared page, all of it touched",
            pages(&touched, 16 * 1024),
        ),
        (
            Class::MemoryGrow,
            "memory.grow by 1, untouched",
            each(&growing, 256, 256.0),
        ),
        (
            Class::MemoryGrow,
            "memory.grow by 1, touched",
            each(&grown_and_touched, 256, 256.0),
        ),
    ]
}

/// Nanoseconds from nothing through a call to nothing again.
fn life(laboratory: &Laboratory, program: &Program, laps: u32, rounds: usize) -> f64 {
    let once = || {
        let began = Instant::now();
        let mut guest = laboratory.start(program);
        guest.call("f", laps).expect("it does not trap");
        drop(guest);
        began.elapsed().as_secs_f64() * 1e9
    };
    (0..rounds * 4).map(|_| once()).fold(f64::MAX, f64::min)
}
