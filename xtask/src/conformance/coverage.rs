//! Says of each function of WASI which languages' libraries call it, as counted while their programs run in
//! the sandbox; and holds what fewer than two call against the list of what is tested by hand.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail, ensure};

use super::LIMIT;
use super::alone::{ALONE, Alone, Why};
use super::programs::{Program, remake};
use crate::meterbox::Meterbox;
use crate::project::Project;

/// Rust's programs, and the arguments that make them do all they can.
const RUST: [(&str, &[&str]); 5] = [
    ("cat", &[]),
    ("clock", &[]),
    ("env_and_args", &["one", "two"]),
    ("exit_code", &["3"]),
    ("files", &[]),
];

/// Where Rust's programs are, by what they speak to the sandbox.
const RUST_TARGETS: [(&str, &str); 2] = [("0.1", "wasm32-wasip1"), ("0.2", "wasm32-wasip2")];

/// A program that is run to see what it calls.
struct Watched<'p> {
    language: &'static str,
    wasi: &'static str,
    guest: PathBuf,
    arguments: &'p [&'p str],
}

/// How often each function was called, by language.
type Calls = BTreeMap<String, BTreeMap<&'static str, u64>>;

/// Prints which languages use each function, and gives what is wrong with the list of the others.
pub fn coverage(
    project: &Project,
    meterbox: &Meterbox,
    home: &Path,
    folder: &Path,
    programs: &[&Program],
) -> Result<Vec<String>> {
    let mut watched: Vec<Watched<'_>> = programs
        .iter()
        .map(|program| Watched {
            language: program.language,
            wasi: program.wasi,
            guest: program.guest.clone(),
            arguments: &[],
        })
        .collect();
    for (wasi, target) in RUST_TARGETS {
        let built = project
            .target
            .join("guests/tests")
            .join(target)
            .join("release");
        watched.extend(RUST.iter().map(|(name, arguments)| Watched {
            language: "Rust",
            wasi,
            guest: built.join(format!("{name}.wasm")),
            arguments,
        }));
    }
    let mut calls = Calls::new();
    for program in &watched {
        count(project, meterbox, home, folder, program, &mut calls)
            .with_context(|| format!("{} cannot be watched", program.guest.display()))?;
    }
    let all = functions(project)?;
    let mut faults: Vec<String> = calls
        .keys()
        .filter(|name| !all.contains(*name))
        .map(|name| format!("{name} is called, and docs/wasi.md does not have it"))
        .collect();
    for (version, is_of) in [
        ("0.1", of_0_1 as fn(&str) -> bool),
        ("0.2", |name| !of_0_1(name)),
    ] {
        let of_version: Vec<&String> = all.iter().filter(|name| is_of(name)).collect();
        let mut by_two = 0;
        for name in &of_version {
            let users: BTreeSet<&str> = calls
                .get(*name)
                .into_iter()
                .flat_map(|users| users.keys().copied())
                .collect();
            let users: Vec<&str> = users.into_iter().collect();
            if !users.is_empty() {
                println!("  {name}: {}", users.join(", "));
            }
            by_two += usize::from(users.len() >= 2);
            faults.extend(wrong(name, &users));
        }
        println!(
            "{by_two} of {} functions of WASI {version} are used by the libraries of two languages or more, \
             the others by tests",
            of_version.len()
        );
    }
    faults.extend(ALONE.iter().filter_map(|alone| untested(project, alone)));
    let listed = ALONE.iter().flat_map(Alone::names);
    faults.extend(
        listed
            .filter(|name| !all.contains(name))
            .map(|name| format!("{name} is listed, and docs/wasi.md does not have it")),
    );
    Ok(faults)
}

/// Whether a name is one that a program was given for a function of WASI: not of inference, which no standard
/// library has, and not of what a program exports.
fn is_function(name: &str) -> bool {
    let is_other = |prefix: &&str| name.starts_with(*prefix);
    let others = ["wasi_ephemeral_nn#", "wasi:nn/", "wasi:cli/run@"];
    name.starts_with("wasi") && name.contains('#') && !others.iter().any(is_other)
}

fn of_0_1(name: &str) -> bool {
    name.starts_with("wasi_snapshot_preview1#")
}

/// What is wrong with how a function is listed that these languages use.
fn wrong(name: &str, users: &[&str]) -> Option<String> {
    let mut listed = ALONE
        .iter()
        .filter(|alone| alone.names().any(|of| of == name));
    match (users.len(), listed.next(), listed.next()) {
        (_, Some(_), Some(_)) => Some(format!("{name} is listed twice")),
        (0 | 1, None, _) => Some(format!(
            "{name} is used by {}, and is not listed as tested by hand",
            users.first().unwrap_or(&"no language")
        )),
        (2.., Some(_), None) => Some(format!(
            "{name} is used by {}, and is listed as if it were not",
            users.join(" and ")
        )),
        (0 | 1, Some(alone), None) if alone.why.user() != users.first().copied() => Some(format!(
            "{name} is used by {}, and is listed as used by {}",
            users.first().unwrap_or(&"no language"),
            alone.why.user().unwrap_or("no language")
        )),
        _ => None,
    }
}

/// Runs a program in which each host function has a name, and adds what it called.
fn count(
    project: &Project,
    meterbox: &Meterbox,
    home: &Path,
    folder: &Path,
    program: &Watched<'_>,
    calls: &mut Calls,
) -> Result<()> {
    let named = folder.join("named.wasm");
    remake(project, "named", &program.guest, &named)?;
    let one = folder.join("one.txt");
    fs::write(&one, "first")?;
    let output = Command::new(meterbox.program())
        .arg("profile")
        .arg(&named)
        .args([LIMIT, "--format", "json"])
        .arg(format!("--input=notes/one.txt={}", one.display()))
        .arg(format!("--input=stdin={}", one.display()))
        .args(["--env", "WATCHED=1", "--"])
        .args(program.arguments)
        .env("METERBOX_HOME", home)
        .stdin(Stdio::null())
        .output()?;
    let Ok(facts) = serde_json::from_slice::<serde_json::Value>(&output.stdout) else {
        bail!("{}", String::from_utf8_lossy(&output.stderr));
    };
    let outcome = facts["outcome"].as_str().unwrap_or_default();
    ensure!(
        outcome == "ok" || outcome.starts_with("failed: the program exited with code"),
        "it ended otherwise than by itself: {outcome}"
    );
    for function in facts["functions"].as_array().into_iter().flatten() {
        let name = function["name"].as_str().unwrap_or_default();
        // Within a component, a module may speak WASI 0.1 to an adapter, which is not the sandbox.
        if is_function(name) && of_0_1(name) == (program.wasi == "0.1") {
            let count: u64 = function["calls"].as_str().unwrap_or_default().parse()?;
            let users = calls.entry(name.to_owned()).or_default();
            *users.entry(program.language).or_default() += count;
        }
    }
    Ok(())
}

/// All functions, as `interface#function`: those that docs/wasi.md lists, which a test holds against the
/// linker.
fn functions(project: &Project) -> Result<BTreeSet<String>> {
    let table = fs::read_to_string(project.root.join("docs/wasi.md"))?;
    let mut all = BTreeSet::new();
    for row in table.lines().filter(|row| row.starts_with("| `wasi")) {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let [_, interface, functions, ..] = cells.as_slice() else {
            bail!("a row of docs/wasi.md is cut off: {row}");
        };
        for function in functions.split(", ") {
            let (interface, function) = (interface.trim_matches('`'), function.trim_matches('`'));
            let name = format!("{interface}#{function}");
            if is_function(&name) {
                all.insert(name);
            }
        }
    }
    Ok(all)
}

/// What is wrong with the test that a list of functions names: it has to be there, and its file to name each,
/// unless it tries all that take a handle which is never given.
fn untested(project: &Project, alone: &Alone) -> Option<String> {
    let (file, test) = alone.test;
    let path = project.root.join("runtime/sandbox/tests/suite").join(file);
    let Ok(source) = fs::read_to_string(&path) else {
        return Some(format!("there is no {}", project.shown(&path)));
    };
    if !source.contains(&format!("#[test]\nfn {test}() {{")) {
        return Some(format!("{} has no test `{test}`", project.shown(&path)));
    }
    let silent: Vec<&str> = alone
        .functions
        .iter()
        .copied()
        .filter(|function| alone.why != Why::NeverGiven && !source.contains(function))
        .collect();
    (!silent.is_empty()).then(|| format!("{file} does not call {}", silent.join(", ")))
}
