//! Attacks that would be too long to write down. Each is made here, in the form of the others.

use std::fmt::Write as _;

/// The names and texts of all of them.
pub(super) fn all() -> Vec<(&'static str, String)> {
    vec![
        ("compile_blocks_too_deep", blocks(1_025, REFUSED_BLOCKS)),
        ("compile_branch_table_too_long", branch_table()),
        ("compile_carried_locals", carried_locals(101, 1_000)),
        ("compile_blocks_deep", blocks(1_024, ADMITTED_BLOCKS)),
        ("compile_locals_too_many", locals()),
    ]
}

const REFUSED_BLOCKS: &str = "\
;; tries: blocks within blocks, one deeper than there may be
;; expect: refused nested blocks in one function
";

// Bytes and operators as they are in the binary form: a `block` of no type, and its `end`.
const ADMITTED_BLOCKS: &str = "\
;; tries: blocks within blocks, as deep as there may be: nothing to run, and all to compile
;; expect: ok
;; where: declares = instance
;; bill: declares
;; admission: bytes*admit_byte + (1024 + 1024 + 1)*admit_operator + (1 + 1024)*admit_block
";

/// A function of blocks within blocks, and nothing in the innermost.
fn blocks(depth: usize, header: &str) -> String {
    let body = "block ".repeat(depth) + &"end ".repeat(depth);
    format!("{header}(module (func (export \"_start\") {body}))")
}

/// One entry more than a function may have, and the default, which is none.
fn branch_table() -> String {
    let entries = "0 ".repeat(65_537 + 1);
    format!(
        ";; tries: a table of branches that all go the same way
;; expect: refused br_table entries in one function
(module (func (export \"_start\") i32.const 0 br_table {entries}))"
    )
}

/// Blocks within blocks, the innermost of which sets many locals: each is carried by all of them.
fn carried_locals(depth: usize, locals: usize) -> String {
    let mut body = "block ".repeat(depth);
    for local in 0..locals {
        write!(body, "i32.const 0 local.set {local} ").expect("a string takes all");
    }
    body += &"end ".repeat(depth);
    let declared = "i32 ".repeat(locals);
    format!(
        ";; tries: locals that are set within many blocks, to keep the compiler busy for each pair
;; expect: refused carried locals in one function
(module (func (export \"_start\") (local {declared}) {body}))"
    )
}

/// One local more than a function may have.
fn locals() -> String {
    let declared = "i32 ".repeat(4_097);
    format!(
        ";; tries: locals that are never used, for the compiler to find registers for
;; expect: refused locals in one function
(module (func (export \"_start\") (local {declared})))"
    )
}
