//! Attacks: each is refused, or billed what the specification makes of it, at any budget. What an
//! attack is, and what must become of it, its own text says.

mod sum;

use std::collections::{BTreeMap, BTreeSet};
use std::panic;

use meterbox_meter::{Class, FRAME_UNITS, OPERATOR_STACK_UNITS, SLOT_UNITS, Tier};
use meterbox_sandbox::host_calls::{INTERFACES, PATH_STEP_UNITS};
use meterbox_sandbox::{Limits, Outcome};
use meterbox_tests::{Attack, Expected, Sum, attacks};

use crate::job::{Done, Job, LIMITS};

/// The groups of attacks, each of which has a test.
const GROUPS: [&str; 18] = [
    "advisory",
    "bulk",
    "compile",
    "component",
    "dead",
    "exception",
    "file",
    "growth",
    "host",
    "loop",
    "memory",
    "meter",
    "nan",
    "stack",
    "start",
    "tail",
    "trap",
    "world",
];

#[test]
fn what_advisories_told_of_other_hosts_does_not_happen_here() {
    check_group("advisory");
}

#[test]
fn bulk_operators_of_any_length_are_billed_before_they_act() {
    check_group("bulk");
}

#[test]
fn programs_that_would_be_dear_to_compile_are_refused_or_charged_for_it() {
    check_group("compile");
}

#[test]
fn components_cannot_hide_work_from_the_meter() {
    check_group("component");
}

#[test]
fn code_that_is_never_reached_costs_nothing_and_hides_nothing() {
    check_group("dead");
}

#[test]
fn exceptions_are_billed_and_hold_no_memory_that_nobody_counts() {
    check_group("exception");
}

#[test]
fn growth_is_billed_whether_or_not_it_succeeds() {
    check_group("growth");
}

#[test]
fn storms_of_host_calls_end_at_their_limits() {
    check_group("host");
}

#[test]
fn loops_of_any_shape_are_billed_the_laps_they_run() {
    check_group("loop");
}

#[test]
fn memories_of_any_number_and_width_are_counted() {
    check_group("memory");
}

#[test]
fn no_guest_can_name_or_alias_the_meter() {
    check_group("meter");
}

#[test]
fn no_guest_learns_the_engine_from_a_nan() {
    check_group("nan");
}

#[test]
fn recursion_of_any_kind_ends_at_the_stack_limit() {
    check_group("stack");
}

#[test]
fn start_functions_are_billed_and_bounded() {
    check_group("start");
}

#[test]
fn tail_calls_are_billed_and_take_one_frame() {
    check_group("tail");
}

#[test]
fn work_before_a_trap_is_billed() {
    check_group("trap");
}

#[test]
fn no_file_leads_out_of_the_job_or_holds_more_than_is_paid() {
    check_group("file");
}

#[test]
fn no_guest_learns_when_or_where_it_runs() {
    check_group("world");
}

#[test]
fn every_attack_is_in_a_group_that_is_tested() {
    let all = attacks();
    let found: BTreeSet<&str> = all.iter().map(Attack::group).collect();
    assert_eq!(found, BTreeSet::from(GROUPS));
}

/// Checks them all, so that the first that fails does not hide the others.
fn check_group(group: &str) {
    let failed: Vec<String> = attacks()
        .into_iter()
        .filter(|attack| attack.group() == group)
        .filter(|attack| {
            let is_held = panic::catch_unwind(|| check(attack)).is_ok();
            is_held != attack.finding.is_none()
        })
        .map(|attack| attack.name)
        .collect();
    assert!(
        failed.is_empty(),
        "not as they say, or mended and still marked as a finding: {failed:?}"
    );
}

fn check(attack: &Attack) {
    let name = &attack.name;
    let program = wat::parse_str(&attack.text).unwrap_or_else(|error| panic!("{name}: {error}"));
    match &attack.expected {
        Expected::Refused(words) => {
            let no_names = BTreeMap::new();
            let limits = limits(attack, &no_names);
            let said = Job::program(program).limit(|all| *all = limits).refusal();
            assert!(said.contains(words), "{name}: {said}");
        }
        Expected::Ends(ends) => check_run(attack, program, ends),
    }
}

fn check_run(attack: &Attack, program: Vec<u8>, ends: &str) {
    let name = &attack.name;
    let metered = meterbox_meter::meter(&program).unwrap_or_else(|error| panic!("{name}: {error}"));
    let mut names = schedule(metered.tier);
    names.insert("bytes".to_owned(), program.len() as u128);
    for sum in &attack.names {
        let value = value(sum, &names);
        names.insert(sum.name.clone(), value);
    }
    let limits = limits(attack, &names);
    names.insert("budget".to_owned(), limits.instructions.into());
    let expected = |count: &str| attack.count(count).map(|sum| value(sum, &names));

    let job = Job::program(program).limit(|all| *all = limits);
    let done = job.run();
    assert_eq!(outcome(&done), ends, "{name}: {:?}", done.heard);
    let declares = names["declares"];
    assert_eq!(u128::from(done.declared_units), declares, "{name} declares");
    for (count, found) in counts(&done) {
        if let Some(expected) = expected(count) {
            assert_eq!(found, expected, "{name}: {count}");
        }
    }
    if let Some(expected) = expected("admission") {
        assert_eq!(u128::from(metered.admission.units()), expected, "{name}");
    }
    assert_eq!(job.run(), done, "{name}: a second run is the same");

    let bill = done.units();
    for budget in budgets(bill, done.declared_units) {
        check_cut(attack, &job, &done, budget);
    }
    if ends != "limit instructions" {
        let whole = job.limit(|limits| limits.instructions = bill).run();
        assert_eq!(whole, done, "{name}: its bill is budget enough");
    }
}

/// Budgets below the bill, in all parts of the run.
fn budgets(bill: u64, declared: u64) -> BTreeSet<u64> {
    let run = bill - declared;
    [
        declared.saturating_sub(1),
        declared,
        declared + 1,
        declared + run / 4,
        declared + run / 2,
        declared + run / 4 * 3,
        bill.saturating_sub(1),
    ]
    .into_iter()
    .filter(|budget| *budget < bill)
    .collect()
}

/// A run under a budget below its bill is billed the budget.
fn check_cut(attack: &Attack, job: &Job, whole: &Done, budget: u64) {
    let name = &attack.name;
    let cut = job.clone().limit(|limits| limits.instructions = budget);
    let done = cut.run();
    assert_eq!(outcome(&done), "limit instructions", "{name} at {budget}");
    assert_eq!(done.units(), budget, "{name} at {budget}");
    for ((count, found), (_, most)) in counts(&done).into_iter().zip(counts(whole)) {
        assert!(found <= most, "{name} at {budget}: {count} is {found}");
    }
    if attack.cut_delivers_nothing {
        assert_eq!(done.measured.bytes_out, 0, "{name} at {budget}");
        assert!(done.outputs.is_empty(), "{name} at {budget}");
    }
    assert_eq!(
        cut.run(),
        done,
        "{name} at {budget}: a second run is the same"
    );
}

fn outcome(done: &Done) -> String {
    match &done.outcome {
        Outcome::Ok => "ok".to_owned(),
        Outcome::Failed { code, .. } => {
            format!(
                "failed {}",
                code.map_or("".to_owned(), |code| code.to_string())
            )
        }
        Outcome::Trapped { trap } => format!("trapped {trap}"),
        Outcome::Limit { which } => format!("limit {which}"),
        Outcome::Stopped { .. } => panic!("nobody stops an attack: {done:?}"),
    }
}

/// All that an attack can expect a sum of.
fn counts(done: &Done) -> [(&'static str, u128); 6] {
    let measured = &done.measured;
    [
        ("bill", measured.spent.instructions.into()),
        ("peak", measured.spent.memory_pages_peak.into()),
        ("integral", measured.spent.memory_page_instructions),
        ("host_calls", measured.host_calls.into()),
        ("bytes_in", measured.bytes_in.into()),
        ("bytes_out", measured.bytes_out.into()),
    ]
}

/// What the names of the cost schedule stand for in a program of this tier, and the host functions'.
fn schedule(tier: Tier) -> BTreeMap<String, u128> {
    let mut names: BTreeMap<String, u128> = Class::ALL
        .iter()
        .map(|class| (class.name().to_owned(), class.weight(tier).into()))
        .collect();
    assert_eq!(names["structure"], 0, "no attack's bill counts structure");
    for (name, units) in [
        ("frame_units", FRAME_UNITS),
        ("slot_units", SLOT_UNITS),
        ("operator_stack_units", OPERATOR_STACK_UNITS),
    ] {
        names.insert(name.to_owned(), units.into());
    }
    names.insert("path_step".to_owned(), PATH_STEP_UNITS.into());
    for interface in INTERFACES {
        for (function, units) in interface.functions {
            let name = format!("host.{}", function.replace('-', "_"));
            names.insert(name, (*units).into());
        }
    }
    names
}

fn value(sum: &Sum, names: &BTreeMap<String, u128>) -> u128 {
    sum::value(&sum.text, &|name| names.get(name).copied())
}

fn limits(attack: &Attack, names: &BTreeMap<String, u128>) -> Limits {
    let mut limits = LIMITS;
    for sum in &attack.limits {
        let most = u64::try_from(value(sum, names)).unwrap();
        let limit = match sum.name.as_str() {
            "instructions" => &mut limits.instructions,
            "memory_bytes" => &mut limits.memory_bytes,
            "stack_units" => &mut limits.stack_units,
            "table_elements" => &mut limits.table_elements,
            "host_calls" => &mut limits.host_calls,
            "bytes_in" => &mut limits.bytes_in,
            "bytes_out" => &mut limits.bytes_out,
            "outputs" => &mut limits.outputs,
            "files" => &mut limits.files,
            "file_bytes" => &mut limits.file_bytes,
            "folder_depth" => &mut limits.folder_depth,
            "handles" => &mut limits.handles,
            other => panic!("{}: no attack has the limit `{other}`", attack.name),
        };
        *limit = most;
    }
    limits
}
