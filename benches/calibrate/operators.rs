//! The operators that are timed, and the class of each. Times nothing.

use meterbox_benches::loops::Loop;
use meterbox_meter::Class;

/// An operator that is timed twice: many at once that do not wait for each other, and each waiting
/// for the one before (or, of branches, predicted and not).
pub struct Operator {
    pub class: Class,
    pub name: &'static str,
    pub frame: Loop,
    /// How many operators of the class a pattern has.
    pub parts: f64,
    /// Pattern and base of the first.
    pub throughput: (String, String),
    /// Pattern and base of the second.
    pub latency: (String, String),
}

/// A pseudo-random number in `$w9`, a bit of which decides; both loops compute it.
const DICE: &str = "(local.set $w9 (i32.add (i32.const 1013904223)
    (i32.mul (local.get $w9) (i32.const 1664525))))";
const DICE_BITS: &str = "(i32.shr_u (local.get $w9) (i32.const 29))";

fn operator(class: Class, name: &'static str, items: &str, pattern: &str, base: &str) -> Operator {
    let chained = |text: &str| (text.to_owned(), base.to_owned());
    Operator {
        class,
        name,
        parts: 1.0,
        frame: Loop {
            items: items.to_owned(),
            memory: Some((16, 4096)),
            ..Loop::default()
        },
        throughput: chained(pattern),
        latency: chained(&pattern.replace('@', "0")),
    }
}

/// `(set x (op x k))` for an operator of two operands of one type.
fn binary(class: Class, name: &'static str) -> Operator {
    let letter = letter(name);
    let pattern =
        format!("(local.set ${letter}@ ({name} (local.get ${letter}@) (local.get ${letter}8)))");
    operator(class, name, "", &pattern, "")
}

/// `(set x (op k x))`: so that quotients do not become zero.
fn quotient(name: &'static str, before: &str) -> Operator {
    let letter = letter(name);
    let pattern =
        format!("(local.set ${letter}@ ({name} (local.get ${letter}8) (local.get ${letter}@)))");
    let mut of = operator(Class::Divide, name, "", &pattern, "");
    of.frame.before = before.to_owned();
    of
}

/// `(set x (op x))`.
fn unary(class: Class, name: &'static str) -> Operator {
    let letter = letter(name);
    let pattern = format!("(local.set ${letter}@ ({name} (local.get ${letter}@)))");
    operator(class, name, "", &pattern, "")
}

/// `(set x (back (op x)))`: two operators that undo each other.
fn there_and_back(name: &'static str, letter: char, there: &str, back: &str) -> Operator {
    let pattern = format!("(local.set ${letter}@ ({back} ({there} (local.get ${letter}@))))");
    let mut of = operator(Class::Convert, name, "", &pattern, "");
    of.parts = 2.0;
    of
}

fn letter(name: &str) -> char {
    match name.split('.').next() {
        Some("i32") => 'w',
        Some("i64") => 'l',
        Some("f32") => 's',
        Some("f64") => 'd',
        _ => 'v',
    }
}

/// Scalar arithmetic without division.
pub fn scalar() -> Vec<Operator> {
    use Class::{Float, Multiply, Simple};
    let mut all: Vec<Operator> = [
        (Simple, "i32.add"),
        (Simple, "i64.sub"),
        (Multiply, "i64.mul"),
        (Float, "f32.add"),
        (Float, "f64.add"),
        (Float, "f64.mul"),
        (Float, "f64.min"),
        (Float, "f32.max"),
        (Float, "f64.copysign"),
    ]
    .into_iter()
    .map(|(class, name)| binary(class, name))
    .collect();
    all.extend(
        [
            (Multiply, "i64.popcnt"),
            (Multiply, "i64.clz"),
            (Float, "f64.floor"),
            (Float, "f32.nearest"),
        ]
        .into_iter()
        .map(|(class, name)| unary(class, name)),
    );
    let of = |class, name, pattern| operator(class, name, "", pattern, "");
    all.extend([
        of(
            Simple,
            "i64.rotl",
            "(local.set $l@ (i64.rotl (local.get $l@) (local.get $l@)))",
        ),
        of(
            Simple,
            "i64.lt_s and extend",
            "(local.set $l@ (i64.extend_i32_u (i64.lt_s (local.get $l@) (local.get $l8))))",
        ),
        of(
            Float,
            "f64.lt and select",
            "(local.set $d@ (select (local.get $d@) (local.get $d8)
                (f64.lt (local.get $d@) (local.get $d9))))",
        ),
        there_and_back(
            "i64.trunc_sat_f64_s",
            'd',
            "i64.trunc_sat_f64_s",
            "f64.convert_i64_s",
        ),
        there_and_back(
            "i64.trunc_sat_f64_u",
            'd',
            "i64.trunc_sat_f64_u",
            "f64.convert_i64_u",
        ),
        there_and_back(
            "i32.trunc_f64_s",
            'd',
            "i32.trunc_f64_s",
            "f64.convert_i32_s",
        ),
        there_and_back("f32.demote_f64", 'd', "f32.demote_f64", "f64.promote_f32"),
        of(
            Class::Convert,
            "f64.reinterpret_i64, i64.reinterpret_f64",
            "(local.set $d@ (f64.reinterpret_i64 (i64.add (local.get $l8)
                (i64.reinterpret_f64 (local.get $d@)))))",
        ),
    ]);
    all
}

/// Division, vectors, globals and branches.
pub fn arithmetic() -> Vec<Operator> {
    let big =
        "(local.set $l8 (i64.const 0x7fffffffffffffff))(local.set $w8 (i32.const 0x7fffffff))";
    let mut all: Vec<Operator> = ["i32.div_u", "i64.div_u", "i64.div_s", "f32.div", "f64.div"]
        .into_iter()
        .map(|name| quotient(name, big))
        .collect();
    all.extend([
        operator(
            Class::Divide,
            "i64.rem_u",
            "",
            "(local.set $l@ (i64.sub (local.get $l8) (i64.rem_u (local.get $l8) (local.get $l@))))",
            "",
        ),
        unary(Class::Divide, "f64.sqrt"),
        binary(Class::Divide, "f64x2.div"),
        unary(Class::Divide, "f64x2.sqrt"),
    ]);
    all.extend(
        [
            "i32x4.add",
            "i64x2.mul",
            "f64x2.add",
            "f64x2.min",
            "i8x16.swizzle",
            "i8x16.shl",
            "i32x4.dot_i16x8_s",
        ]
        .into_iter()
        .map(|name| match name {
            "i8x16.shl" => operator(
                Class::Vector,
                name,
                "",
                "(local.set $v@ (i8x16.shl (local.get $v@) (local.get $w8)))",
                "",
            ),
            _ => binary(Class::Vector, name),
        }),
    );
    all.extend([
        unary(Class::Vector, "i8x16.popcnt"),
        operator(
            Class::Convert,
            "i64x2.all_true + splat",
            "",
            "(local.set $v@ (i32x4.splat (i64x2.all_true (local.get $v@))))",
            "",
        ),
        unary(Class::Convert, "i32x4.trunc_sat_f32x4_u"),
    ]);
    all.push(globals());
    all.extend(branches());
    all
}

fn globals() -> Operator {
    let items: String = (0..8)
        .map(|number| format!("(global $g{number} (mut i64) (i64.const 1))\n"))
        .collect();
    let pattern = "(global.set $g@ (i64.add (local.get $l8) (global.get $g@)))";
    let mut of = operator(Class::Global, "global.set + get", &items, pattern, "");
    // Two globals by turns, so that no value stays in a register.
    of.latency.0 = "(global.set $g0 (i64.add (local.get $l8) (global.get $g1)))
        (call $nothing)
        (global.set $g1 (i64.add (local.get $l8) (global.get $g0)))"
        .to_owned();
    of.latency.1 = "(call $nothing)".to_owned();
    of.frame.items.push_str("(func $nothing)");
    of
}

fn branches() -> Vec<Operator> {
    let decided = |name, pattern: &str| {
        let mut of = operator(Class::Branch, name, "", pattern, DICE);
        let with_dice = |text: &str| format!("{DICE}\n{text}");
        of.throughput.0 = with_dice(&pattern.replace("BITS", "(local.get $w8)"));
        of.latency.0 = with_dice(&pattern.replace("BITS", DICE_BITS));
        of
    };
    let bit = "(i32.and (i32.const 1) BITS)";
    let mut table = decided(
        "br_table of 8",
        "(block $out (block $7 (block $6 (block $5 (block $4 (block $3 (block $2 (block $1
            (block $0 (br_table $0 $1 $2 $3 $4 $5 $6 $7 BITS))
            (local.set $w0 (i32.add (local.get $w0) (local.get $w1))) (br $out))
            (local.set $w1 (i32.add (local.get $w1) (local.get $w2))) (br $out))
            (local.set $w2 (i32.add (local.get $w2) (local.get $w3))) (br $out))
            (local.set $w3 (i32.add (local.get $w3) (local.get $w4))) (br $out))
            (local.set $w4 (i32.add (local.get $w4) (local.get $w5))) (br $out))
            (local.set $w5 (i32.add (local.get $w5) (local.get $w6))) (br $out))
            (local.set $w6 (i32.add (local.get $w6) (local.get $w7))) (br $out))
            (local.set $w7 (i32.add (local.get $w7) (local.get $w0))))",
    );
    table.class = Class::BranchTable;
    table.throughput.0 = table
        .throughput
        .0
        .replace("(local.get $w8)", "(i32.and (local.get $w8) (i32.const 7))");
    vec![
        decided(
            "if (predicted; not)",
            &format!("(if {bit} (then (local.set $w0 (i32.mul (local.get $w0) (local.get $w1)))))"),
        ),
        decided(
            "select",
            &format!("(local.set $w@ (select (local.get $w@) (local.get $w8) {bit}))"),
        ),
        table,
    ]
}

/// Calls, references, tables and memories.
pub fn calls() -> Vec<Operator> {
    let tiny = "(type $t (func (param i64) (result i64)))
        (func $tiny (type $t) (i64.add (local.get 0) (i64.const 3)))
        (func $tiny1 (type $t) (i64.add (local.get 0) (i64.const 5)))
        (func $tiny2 (type $t) (i64.add (local.get 0) (i64.const 7)))
        (func $tiny3 (type $t) (i64.add (local.get 0) (i64.const 9)))
        (table $functions 8 8 funcref)
        (elem (table $functions) (i32.const 0) func
            $tiny $tiny1 $tiny2 $tiny3 $tiny $tiny2 $tiny1 $tiny3)
        (table $t 64 64 funcref)
        (elem $some funcref (ref.func $tiny) (ref.func $tiny1) (ref.func $tiny2))
        (data $data \"some bytes\")";
    let of = |class, name, pattern| operator(class, name, tiny, pattern, "");
    let mut indirect = operator(
        Class::CallIndirect,
        "call_indirect (predicted; not)",
        tiny,
        "",
        DICE,
    );
    let to = |which: &str| {
        format!(
            "{DICE}\n(local.set $l0 (call_indirect $functions (type $t) (local.get $l0) {which}))"
        )
    };
    indirect.throughput.0 = to("(i32.const 1)");
    indirect.latency.0 = to(DICE_BITS);
    vec![
        of(Class::Call, "call", "(local.set $l@ (call $tiny (local.get $l@)))"),
        indirect,
        of(Class::Reference, "ref.is_null", "(local.set $w@ (i32.add (local.get $w@) (ref.is_null (table.get $t (i32.const 5)))))"),
        of(Class::ReferenceFunction, "ref.func", "(table.set $t (i32.const 5) (ref.func $tiny))"),
        of(Class::TableAccess, "table.get", "(local.set $w@ (i32.add (local.get $w@) (ref.is_null (table.get $t (i32.and (i32.const 7) (local.get $w@))))))"),
        of(Class::TableAccess, "table.set", "(table.set $t (i32.and (i32.const 7) (local.get $w@)) (ref.null func))"),
        of(Class::TableAccess, "table.size", "(local.set $w@ (i32.add (local.get $w@) (table.size $t)))"),
        of(Class::MemorySize, "memory.size", "(local.set $w@ (i32.add (local.get $w@) (memory.size)))"),
        of(Class::MemoryGrow, "memory.grow by 0", "(drop (memory.grow (i32.const 0)))"),
        of(Class::MemoryGrow, "memory.grow that fails", "(drop (memory.grow (i32.const 65000)))"),
        of(Class::MemoryFill, "memory.fill of 0", "(memory.fill (i32.const 64) (i32.const 1) (local.get $w9))"),
        of(Class::MemoryBulk, "memory.copy of 0", "(memory.copy (i32.const 64) (i32.const 0) (local.get $w9))"),
        of(Class::MemoryBulk, "memory.copy of 1", "(memory.copy (i32.const 64) (i32.const 0) (local.get $w8))"),
        of(Class::MemoryBulk, "memory.init of 0", "(memory.init $data (i32.const 64) (i32.const 0) (local.get $w9))"),
        of(Class::MemoryBulk, "data.drop", "(data.drop $data)"),
        of(Class::TableBulk, "table.fill of 0", "(table.fill $t (i32.const 4) (ref.null func) (local.get $w9))"),
        of(Class::TableBulk, "table.copy of 0", "(table.copy $t $t (i32.const 4) (i32.const 0) (local.get $w9))"),
        of(Class::TableBulk, "table.copy of 1", "(table.copy $t $t (i32.const 4) (i32.const 0) (local.get $w8))"),
        of(Class::TableBulk, "table.init of 0", "(table.init $t $some (i32.const 4) (i32.const 0) (local.get $w9))"),
        of(Class::TableBulk, "table.grow by 0", "(drop (table.grow $t (ref.null func) (local.get $w9)))"),
        of(Class::TableBulk, "elem.drop", "(elem.drop $some)"),
    ]
    .into_iter()
    .map(|mut operator| {
        // Lengths that a compiler does not know: none, and one.
        operator.frame.before = "(local.set $w9 (i32.shr_u (local.get $laps) (i32.const 31)))
            (local.set $w8 (i32.or (i32.const 1) (local.get $w9)))"
            .to_owned();
        operator
    })
    .collect()
}

/// Exceptions: thrown and caught in one function, and through a call.
pub fn exceptions() -> Vec<Operator> {
    let items = "(tag $e (param i64)) (func $thrower (param i64) (throw $e (local.get 0)))";
    let caught = |act: &str| {
        format!(
            "(local.set $l0 (block $caught (result i64)
                (try_table (catch $e $caught) {act}) (i64.const 1)))"
        )
    };
    let mut of = operator(Class::Throw, "throw + catch (in a callee)", items, "", "");
    of.throughput.0 = caught("(throw $e (local.get $l0))");
    of.latency.0 = caught("(call $thrower (local.get $l0))");
    vec![of]
}
