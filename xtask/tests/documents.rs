//! The documents say what the code says: their tables are made from it, the tests that they name
//! exist, and their links lead somewhere. With `METERBOX_WRITE_DOCUMENTS` set, the tables are written
//! anew instead, which is what `cargo xtask spec` does.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use meterbox_billing::limits::Limits;
use meterbox_billing::usage::Meter;
use meterbox_inference::{ModelLimits, cost_table_digest, cost_table_text};
use meterbox_meter::{
    Class, FEATURE_NAMES, FRAME_UNITS, OPERATOR_STACK_UNITS, SLOT_UNITS, Tier, admission,
    schedule_digest,
};
use meterbox_sandbox::host_calls::{INTERFACES, host_call_table_digest};
use meterbox_tests::{Attack, Expected, Sum, attacks};

const DOCUMENTS: [&str; 5] = [
    "README.md",
    "ARCHITECTURE.md",
    "SPECIFICATION.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .to_path_buf()
}

/// The documents at the root, and all in `docs/`.
fn documents() -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = DOCUMENTS.iter().map(|name| root().join(name)).collect();
    for entry in fs::read_dir(root().join("docs")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "md") {
            paths.push(path);
        }
    }
    paths
}

/// The table of this name.
fn table(name: &str) -> Option<String> {
    Some(match name {
        "features" => features(),
        "cost-schedule" => cost_schedule(),
        "admission-limits" => admission_limits(),
        "host-calls" => host_calls(),
        "inference-costs" => inference_costs(),
        "model-limits" => model_limits(),
        "limits" => limits(),
        "meters" => meters(),
        "exit-codes" => exit_codes(),
        "attacks" => attack_table(),
        _ => return None,
    })
}

fn hex(digest: [u8; 32]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn features() -> String {
    format!("`{}`\n", FEATURE_NAMES.join("`, `"))
}

fn cost_schedule() -> String {
    let mut text = "| class | units (small / medium / large memory) |\n|---|---:|\n".to_owned();
    for class in Class::ALL {
        let weight = |tier| class.weight(tier).to_string();
        let weight = match class.has_tiers() {
            true => Tier::ALL.map(weight).join(" / "),
            false => weight(Tier::Small),
        };
        writeln!(text, "| `{}` | {weight} |", class.name()).unwrap();
    }
    writeln!(text, "| `frame_units` (stack units) | {FRAME_UNITS} |").unwrap();
    writeln!(text, "| `slot_units` (stack units) | {SLOT_UNITS} |").unwrap();
    writeln!(
        text,
        "| `operator_stack_units` (stack units) | {OPERATOR_STACK_UNITS} |"
    )
    .unwrap();
    writeln!(text, "\nDigest: `{}`", hex(schedule_digest())).unwrap();
    text
}

fn admission_limits() -> String {
    let mut text = "| of | at most |\n|---|---:|\n".to_owned();
    for (what, max) in [
        ("a program: bytes", admission::PROGRAM_BYTES_MAX),
        ("a function: bytes", admission::FUNCTION_BYTES_MAX),
        (
            "a function: parameters and locals",
            admission::FUNCTION_LOCALS_MAX,
        ),
        (
            "a function: parameters; and results",
            admission::FUNCTION_PARAMETERS_MAX,
        ),
        (
            "a function: blocks within blocks",
            admission::FUNCTION_NESTING_MAX,
        ),
        (
            "a function: entries of its `br_table`s",
            admission::FUNCTION_BRANCH_TABLE_ENTRIES_MAX,
        ),
        (
            "a function: its `br`s and `br_if`s",
            admission::FUNCTION_BRANCHES_MAX,
        ),
        (
            "a function: carried locals",
            admission::FUNCTION_CARRIED_LOCALS_MAX,
        ),
        ("a module: functions", admission::FUNCTIONS_MAX),
        ("a module: types", admission::TYPES_MAX),
        ("a module: globals", admission::GLOBALS_MAX),
        ("a module: exception tags", admission::TAGS_MAX),
        (
            "a component: components within components",
            admission::NESTED_COMPONENTS_MAX,
        ),
        (
            "a component: types within types",
            admission::NESTED_TYPES_MAX,
        ),
        ("a module: tables", admission::TABLES_MAX),
        ("a module: data segments", admission::DATA_SEGMENTS_MAX),
        (
            "a module: element segments",
            admission::ELEMENT_SEGMENTS_MAX,
        ),
        ("a component: core modules", admission::CORE_MODULES_MAX),
        ("a component: core instances", admission::CORE_INSTANCES_MAX),
    ] {
        writeln!(text, "| {what} | {} |", grouped(max)).unwrap();
    }
    text
}

fn host_calls() -> String {
    let mut text =
        "| interface | version | functions with their units |\n|---|---|---|\n".to_owned();
    for interface in INTERFACES {
        let functions: Vec<String> = interface
            .functions
            .iter()
            .map(|(name, weight)| format!("`{name}` {weight}"))
            .collect();
        let version = interface.version.unwrap_or("");
        writeln!(
            text,
            "| `{}` | {version} | {} |",
            interface.name,
            functions.join(", ")
        )
        .unwrap();
    }
    writeln!(text, "\nDigest: `{}`", hex(host_call_table_digest())).unwrap();
    text
}

fn inference_costs() -> String {
    format!(
        "```text\n{}```\n\nDigest: `{}`\n",
        cost_table_text(),
        hex(cost_table_digest())
    )
}

fn model_limits() -> String {
    let ModelLimits {
        bytes_max,
        nodes_max,
        depth_max,
        fields_max,
        declaration_bytes_max,
        ports_max,
        name_bytes_max,
        working_bytes_max,
        followed_max,
        plans_max: _, // a cache's size: never visible in a result or a bill
    } = ModelLimits::default();
    let mut text = "| of a model | at most |\n|---|---:|\n".to_owned();
    for (what, max) in [
        ("bytes", bytes_max),
        ("nodes", nodes_max),
        ("graphs within graphs", depth_max),
        ("encoded fields outside packed data", fields_max),
        (
            "bytes of declarations of inputs, outputs and values",
            declaration_bytes_max,
        ),
        ("inputs; and outputs", ports_max),
        (
            "bytes of the name of an input or output",
            u64::try_from(name_bytes_max).unwrap(),
        ),
        (
            "bytes of all values that one call computes",
            working_bytes_max,
        ),
        (
            "numbers that one call follows through the graph",
            followed_max,
        ),
    ] {
        writeln!(text, "| {what} | {} |", grouped(max)).unwrap();
    }
    text
}

fn limits() -> String {
    let defaults = Limits::default();
    let mut text = "| limit | default | what it bounds |\n|---|---:|---|\n".to_owned();
    for field in Limits::FIELDS {
        let about = Limits::about(field).unwrap().split_whitespace();
        let about: Vec<&str> = about.collect();
        let default = grouped(defaults.get(field).unwrap());
        writeln!(text, "| `{field}` | {default} | {} |", about.join(" ")).unwrap();
    }
    text
}

fn meters() -> String {
    let mut text = "| meter | a unit is a |\n|---|---|\n".to_owned();
    for meter in Meter::ALL {
        writeln!(text, "| `{}` | {} |", meter.name(), meter.unit()).unwrap();
    }
    text
}

/// From the text that the program's own help shows.
fn exit_codes() -> String {
    let source = fs::read_to_string(root().join("runtime/cli/src/exit.rs")).unwrap();
    let (_, list) = source.split_once("\"Exit codes:\n").unwrap();
    let (list, _) = list.split_once("\n\n").unwrap();
    let mut text = "| code | meaning |\n|---:|---|\n".to_owned();
    for line in list.lines() {
        let (code, meaning) = line.trim().split_once("  ").unwrap();
        writeln!(text, "| {code} | {meaning} |").unwrap();
    }
    text
}

/// From what each attack says of itself.
fn attack_table() -> String {
    let mut text =
        "| attack | it tries | its requestor sees | and is billed |\n|---|---|---|---|\n"
            .to_owned();
    for attack in attacks() {
        let name = match attack.is_generated {
            true => format!("`{}`", attack.name),
            false => format!("[`{0}`](../tests/attacks/{0}.wat)", attack.name),
        };
        let (sees, bill) = match &attack.expected {
            Expected::Refused(words) => (format!("refused: {words}"), "nothing".to_owned()),
            Expected::Ends(ends) => (ends.clone(), bill(&attack)),
        };
        let finding = match &attack.finding {
            Some(finding) => format!(" — **not yet**: {finding}"),
            None => String::new(),
        };
        writeln!(
            text,
            "| {name} | {} | {sees}{finding} | {bill} |",
            attack.tries
        )
        .unwrap();
    }
    text
}

/// A bill, and what the names in it stand for.
fn bill(attack: &Attack) -> String {
    let Some(bill) = attack.count("bill") else {
        return String::new();
    };
    let mut text = format!("`{}`", bill.text);
    let mut said = vec![bill];
    let named = |sum: &&Sum| said.iter().any(|by| uses(&by.text, &sum.name));
    let mut names: Vec<&Sum> = attack.names.iter().filter(named).collect();
    said.extend(&names);
    let named = |sum: &&Sum| said[1..].iter().any(|by| uses(&by.text, &sum.name));
    names.extend(attack.names.iter().filter(named));
    for sum in attack.names.iter().filter(|sum| names.contains(sum)) {
        write!(text, "; `{} = {}`", sum.name, sum.text).unwrap();
    }
    for limit in &attack.limits {
        let name = match limit.name.as_str() {
            "instructions" => "budget",
            name => name,
        };
        write!(text, "; `{name} = {}`", limit.text).unwrap();
    }
    text
}

/// Whether a sum names another.
fn uses(text: &str, name: &str) -> bool {
    text.split(|part: char| !part.is_ascii_alphanumeric() && part != '_')
        .any(|word| word == name)
}

/// Digits in groups of three, for people.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[test]
fn every_function_of_wasi_is_explained() {
    let text = fs::read_to_string(root().join("docs/wasi.md")).unwrap();
    for interface in INTERFACES {
        if interface.name.starts_with("meterbox:") || interface.name.starts_with("wasi:nn/") {
            continue;
        }
        let start = format!("| `{}` |", interface.name);
        let rows: Vec<&str> = text.lines().filter(|row| row.starts_with(&start)).collect();
        for (function, _) in interface.functions {
            let name = format!("`{function}`");
            let explained = rows.iter().filter(|row| row.contains(&name)).count();
            assert_eq!(explained, 1, "{} {function}", interface.name);
        }
        let named: usize = rows
            .iter()
            .map(|row| row.split('|').nth(2).unwrap().split(", ").count())
            .sum();
        assert_eq!(named, interface.functions.len(), "{}", interface.name);
    }
}

/// The document with each of its tables as the code says: what stands between
/// `<!-- table: NAME -->` and `<!-- end -->`.
fn with_tables(document: &str) -> String {
    let mut text = String::new();
    let mut rest = document;
    while let Some((before, after)) = rest.split_once("<!-- table: ") {
        let (name, after) = after.split_once(" -->\n").expect("a table's name ends");
        let (_, after) = after.split_once("<!-- end -->").expect("a table ends");
        let table = table(name).unwrap_or_else(|| panic!("there is no table `{name}`"));
        write!(
            text,
            "{before}<!-- table: {name} -->\n\n{table}\n<!-- end -->"
        )
        .unwrap();
        rest = after;
    }
    text + rest
}

#[test]
fn tables_are_as_the_code_says() {
    for path in documents() {
        let found = fs::read_to_string(&path).unwrap();
        let expected = with_tables(&found);
        if found == expected {
            continue;
        }
        assert!(
            std::env::var_os("METERBOX_WRITE_DOCUMENTS").is_some(),
            "the tables in {} are not what the code says\nhint: `cargo xtask spec` writes them anew",
            path.display()
        );
        fs::write(&path, expected).unwrap();
    }
}

/// The names of all tests in the repository, by the attribute before them.
fn tests_of(folder: &Path, names: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            if !path.ends_with("target") {
                tests_of(&path, names);
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            for part in text.split("#[test]").skip(1) {
                let name = part
                    .split_once("fn ")
                    .and_then(|(_, name)| name.split_once('('));
                names.extend(name.map(|(name, _)| name.trim().to_owned()));
            }
        }
    }
}

#[test]
fn tests_that_the_specification_names_exist() {
    let mut names = BTreeSet::new();
    for folder in ["runtime", "guest-sdk", "tests", "xtask"] {
        tests_of(&root().join(folder), &mut names);
    }
    let text = fs::read_to_string(root().join("SPECIFICATION.md")).unwrap();
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut named = 0;
    // A rule ends with its tests in brackets: [`first`, `second`].
    for list in text.split("[`").skip(1) {
        let Some((list, after)) = list.split_once("`]") else {
            continue;
        };
        if after.starts_with('(') {
            continue; // a link
        }
        for name in list.split("`, `") {
            assert!(names.contains(name), "there is no test `{name}`");
            named += 1;
        }
    }
    assert!(named > 50, "the specification names {named} tests only");
}

#[test]
fn links_lead_to_files_that_exist() {
    for path in documents() {
        let text = fs::read_to_string(&path).unwrap();
        for link in text.split("](").skip(1) {
            let Some((link, _)) = link.split_once(')') else {
                continue;
            };
            let file = link.split('#').next().unwrap_or_default();
            if file.is_empty() || file.contains("://") {
                continue;
            }
            assert!(
                path.parent().unwrap().join(file).exists(),
                "{} links to {file}, which does not exist",
                path.display()
            );
        }
    }
}

/// The SDK compiles its example as a test of its own; README shows the very same.
#[test]
fn the_job_in_the_readme_is_the_one_that_the_sdk_compiles() {
    let sdk = fs::read_to_string(root().join("guest-sdk/src/lib.rs")).unwrap();
    let sdk: Vec<&str> = sdk
        .lines()
        .filter_map(|line| line.strip_prefix("//!"))
        .map(|line| line.strip_prefix(' ').unwrap_or(line))
        .collect();
    let sdk = sdk.join("\n");
    let (_, example) = sdk.split_once("```no_run\n").unwrap();
    let (example, _) = example.split_once("```").unwrap();
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let (_, shown) = readme.split_once("```rust\n").unwrap();
    let (shown, _) = shown.split_once("```").unwrap();
    assert_eq!(shown, example);
}
