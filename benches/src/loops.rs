//! Writes modules that do one thing in a loop. Runs nothing.
//!
//! The text of a loop may use these locals without declaring them: `$w0` to `$w9` (i32), `$l0` to
//! `$l9` (i64), `$s0` to `$s9` (f32), `$d0` to `$d9` (f64), `$v0` to `$v9` (v128). They begin with
//! values that a compiler cannot know, and their last values are what the function returns, so that
//! nothing which sets them is dead. `$w9` begins differently in every call, and so does the global
//! `$turn`: for walks through memory that are not to meet in caches what the call before left there.

use std::fmt::Write as _;

/// A module with an export `f`, which takes a number of laps and goes around a loop as often.
#[derive(Debug, Clone, Default)]
pub struct Loop {
    /// Functions, tables, globals and the like beside `f`.
    pub items: String,
    /// Pages that a memory begins with, and its most; without it there is no memory.
    pub memory: Option<(u32, u32)>,
    /// The body of an exported function `setup`, which is called once.
    pub setup: String,
    /// What runs once before the loop.
    pub before: String,
    /// What each lap does.
    pub body: String,
}

const KINDS: [(char, &str); 5] = [
    ('w', "i32"),
    ('l', "i64"),
    ('s', "f32"),
    ('d', "f64"),
    ('v', "v128"),
];

impl Loop {
    /// The module as text.
    #[must_use]
    pub fn module(&self) -> String {
        let mut text = String::from("(module\n(global $turn (mut i32) (i32.const 1))\n");
        if let Some((first, most)) = self.memory {
            let _ = writeln!(text, "(memory (export \"memory\") {first} {most})");
        }
        text.push_str(&self.items);
        if !self.setup.is_empty() {
            let _ = writeln!(text, "(func (export \"setup\")\n{})", self.setup);
        }
        text.push_str(&function("f", &self.before, &self.body));
        text.push_str(")\n");
        text
    }

    /// The module in binary.
    ///
    /// # Panics
    /// If the text is no WebAssembly.
    #[must_use]
    pub fn wasm(&self) -> Vec<u8> {
        binary(&self.module())
    }
}

/// Text in binary.
///
/// # Panics
/// If the text is no WebAssembly.
#[must_use]
pub fn binary(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// An exported function that takes a number of laps and goes around a loop as often.
#[must_use]
pub fn function(name: &str, before: &str, body: &str) -> String {
    let used: Vec<(usize, char, &str)> = KINDS
        .iter()
        .flat_map(|(letter, ty)| (0..10).map(move |number| (number, *letter, *ty)))
        .filter(|(number, letter, _)| {
            let local = format!("${letter}{number}");
            body.contains(&local) || before.contains(&local)
        })
        .collect();
    let mut text = format!("(func (export \"{name}\") (param $laps i32) (result i64)\n");
    for (number, letter, ty) in &used {
        let _ = writeln!(text, "(local ${letter}{number} {ty})");
    }
    text.push_str("(global.set $turn (i32.add (global.get $turn) (i32.const -1640531527)))\n");
    for (number, letter, _) in &used {
        let value = begin(*letter, *number);
        let _ = writeln!(text, "(local.set ${letter}{number} {value})");
    }
    let _ = writeln!(
        text,
        "{before}\n(loop $lap\n{body}\n\
         (br_if $lap (local.tee $laps (i32.sub (local.get $laps) (i32.const 1)))))\n\
         (i64.const 0)"
    );
    for (number, letter, _) in &used {
        let local = format!("(local.get ${letter}{number})");
        let bits = match letter {
            'w' => format!("(i64.extend_i32_u {local})"),
            'l' => local,
            's' => format!("(i64.extend_i32_u (i32.reinterpret_f32 {local}))"),
            'd' => format!("(i64.reinterpret_f64 {local})"),
            _ => format!("(i64x2.extract_lane 0 {local})"),
        };
        let _ = writeln!(text, "{bits} i64.xor");
    }
    text.push_str(")\n");
    text
}

/// A first value that depends on the number of laps, if hardly.
fn begin(letter: char, number: usize) -> String {
    let odd = 1_000_003 * (2 * number + 1);
    let word = format!("(i32.or (i32.const {odd}) (local.get $laps))");
    let small = "(f64.mul (f64.convert_i32_u (local.get $laps)) (f64.const 1e-12))";
    match letter {
        'w' if number == 9 => "(global.get $turn)".to_owned(),
        'w' => word,
        'l' => format!("(i64.extend_i32_u {word})"),
        's' => format!("(f32.demote_f64 (f64.add (f64.const 1.{number}7) {small}))"),
        'd' => format!("(f64.add (f64.const 1.{number}7) {small})"),
        _ => format!("(i64x2.splat (i64.extend_i32_u {word}))"),
    }
}

/// The text of `pattern` so many times, with `@` for the number of a chain, which goes around in
/// `chains`, `#` for the number of the repetition and `%` for that times eight.
#[must_use]
pub fn unrolled(pattern: &str, times: usize, chains: usize) -> String {
    (0..times)
        .map(|index| {
            let text = pattern
                .replace('@', &(index % chains.max(1)).to_string())
                .replace('#', &index.to_string())
                .replace('%', &(index * 8).to_string());
            text + "\n"
        })
        .collect()
}

/// A `setup` that makes a ring of pointers, one in each `stride` bytes of the first `bytes`, in an
/// order that no prefetcher follows. Both are powers of two.
#[must_use]
pub fn ring(bytes: u32, stride: u32) -> String {
    let nodes = bytes / stride;
    format!(
        "(local $i i32)
        (loop $next
            (i32.store (i32.mul (local.get $i) (i32.const {stride}))
                (i32.mul (i32.const {stride}) (i32.and (i32.const {mask})
                    (i32.add (i32.const {add})
                        (i32.mul (local.get $i) (i32.const {factor}))))))
            (br_if $next (i32.lt_u
                (local.tee $i (i32.add (local.get $i) (i32.const 1)))
                (i32.const {nodes}))))",
        mask = nodes - 1,
        // A generator of full period: the factor is 1 modulo 4, the summand odd.
        factor = 1_664_525,
        add = 1_013_904_223,
    )
}

/// Sets `$w0` to a node of such a ring, another in each call.
#[must_use]
pub fn start(bytes: u32, stride: u32) -> String {
    format!(
        "(local.set $w0 (i32.and (global.get $turn) (i32.const {})))",
        bytes - stride
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guest::Laboratory;

    #[test]
    fn a_ring_comes_back_after_all_its_nodes_only() {
        let looped = Loop {
            memory: Some((1, 1)),
            setup: ring(4096, 64),
            before: start(4096, 64),
            body: "(local.set $w0 (i32.load (local.get $w0)))
                (local.set $w1 (i32.add (i32.eqz (local.get $w0)) (local.get $w1)))"
                .to_owned(),
            ..Loop::default()
        };
        let laboratory = Laboratory::new(true);
        let mut guest = laboratory.start(&laboratory.plain(&looped.wasm()));
        guest.set_up();
        assert!(guest.call("f", 64).is_some());
        assert_eq!(unrolled("$l@ # %", 3, 2), "$l0 0 0\n$l1 1 8\n$l0 2 16\n");
    }
}
