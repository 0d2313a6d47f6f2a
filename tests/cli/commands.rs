//! WASI commands: streams pass through, the report goes to a file.

use std::io::Write;
use std::process::Stdio;

use meterbox_tests as guests;

use crate::harness::User;

#[test]
fn streams_of_a_command_pass_through_and_are_receipted() {
    let user = User::new();
    let report = user.path("report.json");
    let mut child = user
        .command([
            "run",
            guests::cat().to_str().unwrap(),
            "--report",
            report.to_str().unwrap(),
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(b"to be\0or not\n")
        .unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(output.stdout, b"to be\0or not\n");
    let report: serde_json::Value =
        serde_json::from_slice(&std::fs::read(&report).unwrap()).unwrap();
    assert_eq!(report["outputs"][0]["name"], "stdout");
    assert_eq!(report["outputs"][0]["bytes"], "13");
}

#[test]
fn standard_input_without_end_is_refused_at_the_limit() {
    let user = User::new();
    let endless = std::fs::File::open("/dev/zero").unwrap();
    let output = user
        .command([
            "run",
            guests::cat().to_str().unwrap(),
            "--limit-bytes-in",
            "1MiB",
        ])
        .stdin(endless)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("more than the 1048576 bytes"), "{said}");
    user.meterbox(["run", "/dev/zero"]).refused(3, "more than");
}

#[test]
fn a_commands_own_exit_code_is_in_the_report() {
    let user = User::new();
    for (code, exit) in [("0", 0), ("7", 4)] {
        let report = user.run(guests::exit_code(), &["--", code]);
        assert_eq!(report.ran.exit, exit, "{report:?}");
        if exit == 4 {
            assert_eq!(report.json["outcome"]["code"], 7);
        }
    }
}

#[test]
fn arguments_and_environment_come_from_the_order_alone() {
    let user = User::new();
    let report = user.run(
        guests::env_and_args(),
        &["--env", "KEY=value", "--", "one", "two words"],
    );
    let text = report.ran.text();
    for expected in ["KEY", "value", "one", "two words"] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
    assert!(!text.contains("METERBOX_HOME"), "{text}");
}

/// Skips, and says why, where there is no C compiler for WASI.
fn c_program(name: &str) -> Option<std::path::PathBuf> {
    match guests::c_program(name) {
        Ok(path) => Some(path),
        Err(reason) => {
            eprintln!("skipped: {reason}");
            None
        }
    }
}

#[test]
fn a_plain_c_program_runs_unmodified_and_is_billed() {
    let Some(program) = c_program("plain") else {
        return;
    };
    let user = User::new();
    let input = user.file("numbers.txt", "3\n1\n2\n");
    let report = user.run(
        &program,
        &["--input", &format!("stdin={}", input.display())],
    );
    assert_eq!((report.ran.exit, report.outcome()), (0, "ok"), "{report:?}");
    assert!(!report.ran.stdout.is_empty());
    assert!(report.used("instructions") > 1_000);
}

#[test]
fn a_c_program_that_traps_after_a_loop_is_billed_for_the_loop() {
    let Some(program) = c_program("trap_after_loop") else {
        return;
    };
    let user = User::new();
    let used = |laps: &str| {
        let report = user.run(&program, &["--", laps]);
        assert_eq!(report.ran.exit, 5, "{report:?}");
        assert_eq!(report.json["outcome"]["trap"], "out_of_bounds_memory");
        report.used("instructions")
    };
    let (one, two, three) = (used("1000000"), used("2000000"), used("3000000"));
    assert!(
        two - one >= 1_000_000,
        "a lap costs at least a unit: {one} {two}"
    );
    assert_eq!(two - one, three - two, "each lap costs the same");
}
