//! Which programs are measured, and with which argument. A guest that is not in the table fails the
//! benchmark, so that none is forgotten.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

/// What a program's time goes into.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Group {
    /// Arithmetic on floats, in loops.
    Floats,
    /// Calls, branches, bytes, allocation, interpretation.
    Others,
}

impl Group {
    pub const ALL: [Self; 2] = [Self::Floats, Self::Others];

    pub fn title(self) -> &'static str {
        match self {
            Self::Floats => "Float kernels",
            Self::Others => "Calls, branches, bytes, allocation, interpreters",
        }
    }
}

/// A module's export, and what it is called with.
#[derive(Debug, Clone, Copy)]
pub struct Program {
    pub name: &'static str,
    pub group: Group,
    pub module: &'static str,
    pub export: &'static str,
    /// Chosen for some 25 ms without a meter on the machine that the documents speak of.
    pub argument: u32,
}

/// The module that is much larger than the others.
pub const JAVASCRIPT: &str = "javascript";

const FLOATS: [(&str, u32); 28] = [
    ("adi", 93),
    ("atax", 600),
    ("bicg", 760),
    ("cholesky", 120),
    ("correlation", 165),
    ("deriche", 170),
    ("doitgen", 60),
    ("durbin", 540),
    ("fdtd_2d", 140),
    ("floyd_warshall", 45),
    ("gemm", 60),
    ("gemm_simd", 100),
    ("gesummv", 920),
    ("gramschmidt", 68),
    ("heat_3d", 79),
    ("jacobi_1d", 410),
    ("jacobi_2d", 100),
    ("lu", 100),
    ("mandelbrot", 120),
    ("mvt", 400),
    ("nbody", 270_000),
    ("seidel_2d", 80),
    ("symm", 83),
    ("syrk", 36),
    ("three_mm", 52),
    ("trisolv", 1_700),
    ("trmm", 75),
    ("two_mm", 50),
];

const OTHERS: [(&str, u32); 22] = [
    ("ackermann", 65),
    ("base64", 51),
    ("brainfuck", 4),
    ("bytecode", 6_000),
    ("crc32", 110),
    ("dyn_dispatch", 120_000),
    ("fib", 35),
    ("formatter", 240),
    ("hash_map", 76),
    ("heapsort", 71),
    ("image_filter", 30),
    ("json", 130),
    ("levenshtein", 20),
    ("lisp", 150),
    ("lz", 22),
    ("queens", 1_500),
    ("quicksort", 50),
    ("regex", 20),
    ("sha256", 50),
    ("sieve", 50),
    ("tokenizer", 140),
    ("tree", 120),
];

const SCRIPTS: [(&str, &str, u32); 3] = [
    ("javascript: numbers", "numbers", 20),
    ("javascript: objects", "objects", 800),
    ("javascript: text", "text", 1_700),
];

/// The programs whose names contain one of these; all without any.
///
/// # Panics
/// If a guest is not in the table.
pub fn selected(filters: &[String]) -> Vec<Program> {
    let is_wanted = |program: &Program| {
        filters.is_empty() || filters.iter().any(|filter| program.name.contains(filter))
    };
    all().into_iter().filter(is_wanted).collect()
}

/// Checks that the table lists all guests.
pub fn check(guests: &BTreeMap<String, Vec<u8>>) {
    let listed: BTreeSet<&str> = all().iter().map(|program| program.module).collect();
    for name in guests.keys() {
        assert!(
            listed.contains(name.as_str()),
            "the guest `{name}` is in no table"
        );
    }
}

fn all() -> Vec<Program> {
    let of = |group, (name, argument): (&'static str, u32)| Program {
        name,
        group,
        module: name,
        export: "run",
        argument,
    };
    let floats = FLOATS.into_iter().map(|entry| of(Group::Floats, entry));
    let others = OTHERS.into_iter().map(|entry| of(Group::Others, entry));
    let scripts = SCRIPTS.into_iter().map(|(name, export, argument)| Program {
        name,
        group: Group::Others,
        module: JAVASCRIPT,
        export,
        argument,
    });
    floats.chain(others).chain(scripts).collect()
}
