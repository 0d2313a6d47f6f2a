//! What validating, rewriting and compiling take, by what a module holds. Knows no weights.

use std::fmt::Write as _;
use std::time::Instant;

use meterbox_benches::guest::{Laboratory, float};
use meterbox_benches::loops::binary;
use meterbox_meter::{Admission, Class, meter};

/// What a shape of module costs beyond what it holds of the quantities before.
pub struct Quantity {
    pub class: Class,
    pub name: &'static str,
    pub ns: f64,
}

const FUNCTIONS: usize = 100;

fn functions(locals: &str, body: &str) -> String {
    let mut text = String::from("(module (memory 16)");
    for _ in 0..FUNCTIONS {
        let _ = write!(
            text,
            "(func (param $a i64) (param $b i64) (param $c i32) (result i64)
                {locals} {body} (local.get $a))"
        );
    }
    text.push(')');
    text
}

/// A module of so many types that differ, of so many parameters each.
fn types(count: usize, parameters: usize) -> String {
    let mut text = String::from("(module");
    for number in 0..count {
        text.push_str("(type (func (param");
        for bit in 0..parameters {
            // Two bits of the number a parameter, again and again.
            let ty = ["i32", "i64", "f32", "f64"][number >> (bit % 5 * 2) & 3];
            let _ = write!(text, " {ty}");
        }
        text.push_str(")))");
    }
    text.push(')');
    text
}

/// A module of functions, the first of which are in a table.
fn referred(count: usize) -> String {
    let mut text = String::from("(module (table 500 funcref)");
    text.push_str(&"(func)".repeat(500));
    text.push_str("(elem (i32.const 0)");
    for number in 0..count {
        let _ = write!(text, " {number}");
    }
    text.push_str("))");
    text
}

/// The quantities in an order in which each is varied together with those before it only.
pub fn measure(laboratory: &Laboratory, rounds: usize) -> Vec<Quantity> {
    let step = "(local.set $a (i64.add (i64.mul (local.get $a) (local.get $b)) (i64.const 77)))";
    let access = "(i64.store offset=8 (local.get $c) (i64.load (local.get $c)))";
    let float = "(local.set $a (i64.trunc_sat_f64_u (f64.min (f64.convert_i64_u (local.get $a)) (f64.const 1e9))))";
    let block =
        "(block (br_if 0 (local.get $c)) (local.set $a (i64.mul (local.get $a) (local.get $b))))";
    let choice = "(if (local.get $c) (then (local.set $a (local.get $b))) (else (local.set $b (i64.const 1))))";
    let looped = "(loop (br_if 0 (local.tee $c (i32.sub (local.get $c) (i32.const 1)))))";
    let call = "(local.set $a (call 0 (local.get $a) (local.get $b) (local.get $c)))";
    let data = |bytes: usize| {
        format!(
            "(module (memory 100) (data (i32.const 0) \"{}\"))",
            "x".repeat(bytes)
        )
    };
    let locals = |count: usize| "(local i64)".repeat(count);
    let carried = |count: usize, times: usize| {
        let mut declared = String::new();
        let (mut first, mut inner, mut last) = (String::new(), String::new(), String::new());
        for number in 0..count {
            let _ = write!(declared, "(local $x{number} i64)");
            let _ = write!(
                first,
                "(local.set $x{number} (i64.load offset={number} (local.get $c)))"
            );
            let _ = write!(
                inner,
                "(local.set $x{number} (i64.add (local.get $x{number}) (local.get $b)))"
            );
            let _ = write!(
                last,
                "(local.set $a (i64.xor (local.get $a) (local.get $x{number})))"
            );
        }
        let inner = format!("(if (local.get $c) (then {inner}))").repeat(times);
        functions(&declared, &format!("{first}{inner}{last}"))
    };
    let table = |entries: usize| {
        let targets: String = (0..entries)
            .map(|entry| if entry % 2 == 0 { "$x " } else { "$y " })
            .collect();
        functions(
            "",
            &format!(
                "(block $x (block $y (br_table {targets} $x (local.get $c))) (local.set $a (i64.const 5)))"
            ),
        )
    };
    let shape = |pattern: &str, times: usize| functions("", &pattern.repeat(times));
    let mut known = Vec::new();
    let empty = shape("", 0);
    let plan: Vec<(Class, &'static str, String, String)> = vec![
        (
            Class::AdmitByte,
            "a byte of data",
            data(1 << 20),
            data(5 << 20),
        ),
        (
            Class::AdmitOperator,
            "an operator, arithmetic",
            empty.clone(),
            shape(step, 200),
        ),
        (
            Class::AdmitOperator,
            "the same, 10 times as many in a function",
            empty.clone(),
            shape(step, 2000),
        ),
        (
            Class::AdmitOperator,
            "an operator, memory",
            empty.clone(),
            shape(access, 200),
        ),
        (
            Class::AdmitOperator,
            "an operator, conversions",
            empty.clone(),
            shape(float, 200),
        ),
        (
            Class::AdmitOperator,
            "an operator, calls",
            empty.clone(),
            shape(call, 100),
        ),
        (
            Class::AdmitBlock,
            "a block with br_if",
            empty.clone(),
            shape(block, 200),
        ),
        (
            Class::AdmitBlock,
            "the same, a tenth as many",
            empty.clone(),
            shape(block, 20),
        ),
        (
            Class::AdmitBlock,
            "an if with else",
            empty.clone(),
            shape(choice, 200),
        ),
        (
            Class::AdmitBlock,
            "a loop",
            empty.clone(),
            shape(looped, 100),
        ),
        (
            Class::AdmitBlock,
            "an empty function",
            String::from("(module)"),
            empty.clone(),
        ),
        (
            Class::AdmitLocal,
            "a local of 100",
            empty.clone(),
            functions(&locals(100), ""),
        ),
        (
            Class::AdmitLocal,
            "a local of 2000",
            empty.clone(),
            functions(&locals(2000), ""),
        ),
        (
            Class::AdmitCarriedLocal,
            "10 locals, 20 times",
            carried(10, 0),
            carried(10, 20),
        ),
        (
            Class::AdmitCarriedLocal,
            "100 locals, 20 times",
            carried(100, 0),
            carried(100, 20),
        ),
        (
            Class::AdmitBranchTarget,
            "an entry of 600",
            table(1),
            table(600),
        ),
        (
            Class::AdmitTrampoline,
            "a type of 5 parameters",
            types(0, 5),
            types(500, 5),
        ),
        (
            Class::AdmitTrampoline,
            "a function in a table",
            referred(0),
            referred(500),
        ),
        (
            Class::AdmitTrampolineValue,
            "a parameter of 100",
            types(500, 5),
            types(500, 100),
        ),
    ];
    for (class, name, less, more) in plan {
        known.push(quantity(
            laboratory,
            &known,
            (class, name),
            (&less, &more),
            rounds,
        ));
    }
    known
}

fn quantity(
    laboratory: &Laboratory,
    known: &[Quantity],
    (class, name): (Class, &'static str),
    (less, more): (&str, &str),
    rounds: usize,
) -> Quantity {
    let (less, more) = (binary(less), binary(more));
    let (mut ns_less, mut ns_more) = (f64::MAX, f64::MAX);
    for _ in 0..rounds.div_ceil(2) {
        ns_less = ns_less.min(admitted(laboratory, &less));
        ns_more = ns_more.min(admitted(laboratory, &more));
    }
    let held = |wasm: &[u8]| meter(wasm).expect("it is admitted").admission;
    let (held_less, held_more) = (held(&less), held(&more));
    let more_of = |class: Class| float(count(&held_more, class)) - float(count(&held_less, class));
    // What of the difference the quantities before explain: the first of each class is the usual one.
    let mut explained = 0.0;
    let mut seen = Vec::new();
    for before in known {
        if before.class != class && !seen.contains(&before.class) {
            seen.push(before.class);
            explained += before.ns * more_of(before.class);
        }
    }
    Quantity {
        class,
        name,
        ns: ((ns_more - ns_less - explained) / more_of(class)).max(0.0),
    }
}

fn count(admission: &Admission, class: Class) -> u64 {
    match class {
        Class::AdmitByte => admission.bytes,
        Class::AdmitOperator => admission.operators,
        Class::AdmitBlock => admission.blocks,
        Class::AdmitLocal => admission.locals,
        Class::AdmitCarriedLocal => admission.carried_locals,
        Class::AdmitTrampoline => admission.trampolines,
        Class::AdmitTrampolineValue => admission.trampoline_values,
        _ => admission.branch_targets,
    }
}

/// Nanoseconds to validate, rewrite and compile.
fn admitted(laboratory: &Laboratory, wasm: &[u8]) -> f64 {
    let began = Instant::now();
    let program = laboratory.metered(wasm).expect("it is admitted");
    let ns = began.elapsed().as_secs_f64() * 1e9;
    drop(program);
    ns
}
