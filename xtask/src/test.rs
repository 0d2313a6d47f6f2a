//! Every check of the project, in the order in which they fail fastest.

use std::path::PathBuf;
use std::process::{Command, ExitCode};

use anyhow::Result;

use crate::checks::Checks;
use crate::lints;
use crate::packages;
use crate::project::Project;
use crate::setup::{self, BARE_TARGET, GUEST_TARGETS};

#[derive(clap::Args)]
pub struct Arguments {
    /// Leave out what needs a tool that is not Rust's.
    #[arg(long)]
    no_foreign: bool,
}

/// The workspaces of guests: where they are, what builds them, and for which target.
const GUESTS: [(&str, &str, &[&str]); 4] = [
    ("examples", "wasm32-wasip2", &["--workspace", "--lib"]),
    (
        "tests/guests",
        "wasm32-wasip2",
        &["-p", "components", "--examples"],
    ),
    (
        "tests/guests",
        "wasm32-wasip1",
        &["-p", "commands", "--bins"],
    ),
    // Not the JavaScript engine, which takes minutes.
    ("benches/guests", BARE_TARGET, &["-p", "programs", "--bins"]),
];

pub fn run(project: &Project, arguments: &Arguments) -> Result<ExitCode> {
    let mut needed = GUEST_TARGETS.to_vec();
    needed.push(BARE_TARGET);
    setup::targets(project, &needed)?;

    let mut checks = Checks::default();
    formatting(project, &mut checks);
    let python = checks.attempt("C compiler for guests", || match arguments.no_foreign {
        true => Err("left out by --no-foreign".to_owned()),
        false => setup::python(project),
    });
    let onnxruntime = checks.attempt("ONNX Runtime", || match arguments.no_foreign {
        true => Err("left out by --no-foreign".to_owned()),
        false => packages::onnxruntime(project)
            .map_err(|error| format!("it cannot be brought: {error:#}")),
    });
    checks.require("lints", || {
        lints::compile(&mut project.cargo_workspace("build"))
    });
    let mut tests = tests(project, python);
    if let Some(library) = onnxruntime {
        tests.env("METERBOX_ONNXRUNTIME", library);
    }
    checks.run("tests", &mut tests);
    guest_lints(project, &mut checks);
    checks.run(
        "the examples' own tests",
        guest_cargo(project, &["test", "--locked", "--quiet"], "examples")
            .arg("--target-dir")
            .arg(project.target.join("guests/examples")),
    );
    checks.run(
        "billing and the log build without an operating system",
        &mut project.cargo(&[
            "build",
            "-p",
            "meterbox-billing",
            "-p",
            "meterbox-log",
            "--target",
            BARE_TARGET,
        ]),
    );
    licences(project, &mut checks);
    Ok(checks.finish())
}

fn formatting(project: &Project, checks: &mut Checks) {
    checks.run(
        "formatting",
        &mut project.cargo(&["fmt", "--all", "--check"]),
    );
    for folder in ["examples", "tests/guests", "benches/guests", "fuzz"] {
        checks.run(
            &format!("formatting of {folder}"),
            &mut guest_cargo(project, &["fmt", "--all", "--check"], folder),
        );
    }
}

/// Documentation examples included.
fn tests(project: &Project, python: Option<PathBuf>) -> Command {
    let mut cargo = project.cargo_workspace("test");
    if let Some(python) = python {
        cargo.env("METERBOX_PYTHON", python);
    }
    cargo
}

fn guest_lints(project: &Project, checks: &mut Checks) {
    for (folder, target, selection) in GUESTS {
        checks.run(
            &format!("lints of {folder} for {target}"),
            guest_cargo(project, &["clippy", "--locked", "--quiet"], folder)
                .args(selection)
                .args(["--target", target, "--target-dir"])
                .arg(project.target.join("guests").join("lints"))
                .args(["--", "-D", "warnings"]),
        );
    }
}

/// A cargo command on a workspace of guests, without flags that are meant for the host.
fn guest_cargo(project: &Project, arguments: &[&str], folder: &str) -> Command {
    let mut cargo = project.cargo(arguments);
    cargo
        .arg("--manifest-path")
        .arg(project.root.join(folder).join("Cargo.toml"))
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS");
    cargo
}

fn licences(project: &Project, checks: &mut Checks) {
    let (rules, advisories) = (
        "licences, bans and sources of dependencies",
        "advisories on dependencies",
    );
    let found = project.cargo(&["deny", "--version"]).output();
    if !found.is_ok_and(|output| output.status.success()) {
        let reason = "cargo-deny is not installed: `cargo install cargo-deny --locked`";
        for name in [rules, advisories] {
            checks.attempt::<()>(name, || Err(reason.to_owned()));
        }
        return;
    }
    checks.run(
        rules,
        &mut project.cargo(&[
            "deny",
            "--log-level",
            "error",
            "check",
            "--hide-inclusion-graph",
            "licenses",
            "bans",
            "sources",
        ]),
    );
    // The database comes over the network: a check that cannot be made is not one that failed.
    let fetched = checks.attempt("database of advisories", || {
        let output = project.cargo(&["deny", "fetch", "db"]).output();
        match output.is_ok_and(|output| output.status.success()) {
            true => Ok(()),
            false => Err("it cannot be fetched here".to_owned()),
        }
    });
    if fetched.is_some() {
        checks.run(
            advisories,
            &mut project.cargo(&["deny", "check", "--disable-fetch", "advisories"]),
        );
    }
}
