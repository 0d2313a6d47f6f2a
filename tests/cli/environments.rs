//! A job comes to the same wherever, whenever and as whomever it is run: outputs and bill, byte for byte.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::{fs, thread};

use meterbox_tests as guests;

use crate::harness::User;

/// What makes one run unlike another.
#[derive(Default)]
struct Circumstances<'c> {
    variables: &'c [(&'c str, &'c str)],
    folder: Option<&'c Path>,
    user: Option<u32>,
    arguments: &'c [&'c str],
}

/// Runs programs that look at everything they can reach, in a home of their own, and gives what their
/// receipts say of each that running them again would show, and what they printed.
fn all_of_it(user: &User, circumstances: &Circumstances<'_>) -> Vec<(Vec<u8>, Vec<u8>)> {
    let programs = [
        guests::files(),
        guests::files_component(),
        guests::clock(),
        guests::clock_component(),
        guests::env_and_args_component(),
    ];
    let seen = programs.iter().enumerate().map(|(number, program)| {
        let receipt = user.path(&format!("receipt-{number}.json"));
        let _ = fs::remove_file(&receipt);
        let mut command = user.command(["run", program.to_str().unwrap(), "--receipt"]);
        command.arg(&receipt).args(circumstances.arguments);
        command.envs(circumstances.variables.iter().copied());
        if let Some(folder) = circumstances.folder {
            command.current_dir(folder);
        }
        if let Some(id) = circumstances.user {
            command.uid(id).gid(id);
        }
        let ran = command.output().unwrap();
        assert!(ran.status.success(), "{ran:?}");
        let shown = user.meterbox([
            "receipt",
            "show",
            receipt.to_str().unwrap(),
            "--format",
            "reproducible",
        ]);
        assert_eq!(shown.exit, 0, "{shown:?}");
        (shown.stdout, ran.stdout)
    });
    seen.collect()
}

#[test]
fn a_job_comes_to_the_same_wherever_whenever_and_as_whomever_it_is_run() {
    let first = User::new();
    let expected = all_of_it(&first, &Circumstances::default());

    let elsewhere = tempfile::tempdir().unwrap();
    let strange = [
        ("TZ", "Pacific/Kiritimati"),
        ("LANG", "tr_TR.UTF-8"),
        ("LC_ALL", "tr_TR.UTF-8"),
        ("HOME", "/nonexistent"),
        ("TMPDIR", elsewhere.path().to_str().unwrap()),
        ("PATH", ""),
        ("SOURCE_DATE_EPOCH", "1"),
        ("RUST_BACKTRACE", "full"),
        ("RAYON_NUM_THREADS", "1"),
    ];
    let check = |what: &str, user: &User, circumstances: Circumstances<'_>| {
        assert!(all_of_it(user, &circumstances) == expected, "{what}");
    };
    check(
        "with another environment and folder",
        &User::new(),
        Circumstances {
            variables: &strange,
            folder: Some(elsewhere.path()),
            ..Circumstances::default()
        },
    );
    check(
        "without workers",
        &User::new(),
        Circumstances {
            arguments: &["--in-process"],
            ..Circumstances::default()
        },
    );
    check(
        "by the other compiler level",
        &User::new(),
        Circumstances {
            arguments: &["--opt-level", "none"],
            ..Circumstances::default()
        },
    );
    // The store and the ledger have the jobs of before.
    let used = User::new();
    used.run(
        guests::echo(),
        &["--input", &format!("a={}", used.file("a", "b").display())],
    );
    check("after other jobs", &used, Circumstances::default());
    check("again", &first, Circumstances::default());
    as_another_user(&expected);

    // With all cores busy.
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..2 * thread::available_parallelism().unwrap().get() {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
            });
        }
        check("under load", &User::new(), Circumstances::default());
        is_over.store(true, Ordering::Relaxed);
    });
}

/// Only root can become somebody else.
fn as_another_user(expected: &[(Vec<u8>, Vec<u8>)]) {
    const NOBODY: u32 = 65_534;
    let can = Command::new("/bin/true").uid(NOBODY).status();
    if !can.is_ok_and(|status| status.success()) {
        println!("skipped: this user cannot become another");
        return;
    }
    let user = User::new();
    // Whoever it is has to reach the folders, and the programs.
    for folder in [user.home(), user.path("")] {
        fs::create_dir_all(&folder).unwrap();
        for path in [folder.parent().unwrap(), &folder] {
            fs::set_permissions(path, fs::Permissions::from_mode(0o777)).unwrap();
        }
    }
    let binary = Command::new(env!("CARGO_BIN_EXE_meterbox"))
        .arg("--version")
        .uid(NOBODY)
        .stdout(Stdio::null())
        .status();
    if !binary.is_ok_and(|status| status.success()) {
        println!("skipped: another user cannot reach the program");
        return;
    }
    let circumstances = Circumstances {
        user: Some(NOBODY),
        ..Circumstances::default()
    };
    assert!(
        all_of_it(&user, &circumstances) == expected,
        "as another user"
    );
}

#[test]
fn an_interrupted_job_has_a_receipt_for_what_it_used() {
    // A terminal's key reaches the whole group of processes, `kill` one.
    interrupted(|process| ["-INT".into(), "--".into(), format!("-{process}")]);
    interrupted(|process| ["-TERM".into(), "--".into(), format!("-{process}")]);
    interrupted(|process| ["-TERM".into(), "--".into(), process.to_string()]);
}

/// Runs a job until it has told something, and stops it by `kill` with these arguments.
fn interrupted(kill: impl FnOnce(u32) -> [String; 3]) {
    let user = User::new();
    let program = user.file(
        "yields.wat",
        r#"(module
        (import "wasi_snapshot_preview1" "sched_yield" (func $yield (result i32)))
        (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
        (memory (export "memory") 1)
        (data (i32.const 0) "\08\00\00\00\01\00\00\00.")
        (func (export "_start")
            (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 16)))
            (loop (drop (call $yield)) (br 0))))"#,
    );
    let receipt = user.path("receipt.json");
    let mut command = user.command([
        "run".as_ref(),
        program.as_os_str(),
        "--limit-instructions=1000000000000000".as_ref(),
        "--limit-host-calls=1000000000000000000".as_ref(),
        "--receipt".as_ref(),
        receipt.as_os_str(),
    ]);
    command
        .process_group(0)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut running = command.spawn().unwrap();
    let mut dot = [0];
    std::io::Read::read_exact(running.stdout.as_mut().unwrap(), &mut dot).unwrap();
    let sent = Command::new("kill").args(kill(running.id())).status();
    assert!(sent.unwrap().success());
    let ended = running.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(12), "{ended:?}");
    let shown = user.meterbox([
        "receipt",
        "show",
        receipt.to_str().unwrap(),
        "--format",
        "json",
    ]);
    assert_eq!(shown.exit, 0, "{shown:?}");
    let text = shown.text();
    assert!(
        text.contains("\"stopped\"") && text.contains("\"requestor\""),
        "{text}"
    );
    // Where it was stopped nobody can show again.
    let replayed = user.meterbox(["receipt", "replay", receipt.to_str().unwrap()]);
    replayed.refused(3, "was stopped");
}

#[test]
fn an_order_whose_run_was_killed_can_be_handed_in_again() {
    let user = User::new();
    let program = user.file(
        "yields.wat",
        r#"(module
        (import "wasi_snapshot_preview1" "sched_yield" (func $yield (result i32)))
        (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
        (memory (export "memory") 1)
        (data (i32.const 0) "\08\00\00\00\01\00\00\00.")
        (func (export "_start")
            (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 16)))
            (loop (drop (call $yield)) (br 0))))"#,
    );
    let begun = || {
        let mut command = user.command([
            "run".as_ref(),
            program.as_os_str(),
            "--limit-instructions=1000000000000000".as_ref(),
            "--limit-host-calls=1000000000000000000".as_ref(),
            "--order-id=again".as_ref(),
        ]);
        command.process_group(0).stdout(Stdio::piped());
        let mut running = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut dot = [0];
        let read = std::io::Read::read_exact(running.stdout.as_mut().unwrap(), &mut dot);
        (running, read)
    };
    let (mut killed, read) = begun();
    read.unwrap();
    killed.kill().unwrap();
    killed.wait().unwrap();
    // Offers are told apart by the second in which they are made.
    std::thread::sleep(std::time::Duration::from_millis(1_100));
    // It runs: the same order, not refused for its offer.
    let (mut again, read) = begun();
    again.kill().unwrap();
    let said = again.wait_with_output().unwrap();
    assert!(read.is_ok(), "{said:?}");
}

#[test]
fn the_doctor_names_every_layer_and_finds_none_that_does_not_hold() {
    let user = User::new();
    let text = user.meterbox(["doctor"]);
    assert_eq!(text.exit, 0, "{text:?}");
    let text = text.text();
    for layer in [
        "seccomp",
        "landlock",
        "no new privileges",
        "network namespace",
    ] {
        assert_eq!(text.matches(&format!("  {layer} ")).count(), 3, "{text}");
    }
    assert!(text.ends_with("Guests can be run.\n"), "{text}");
    let json = user.meterbox(["doctor", "--format", "json"]);
    let json: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    let workers = json["workers"].as_array().unwrap();
    assert_eq!(workers.len(), 3);
    for worker in workers {
        let layers = worker["layers"].as_array().unwrap();
        assert!(layers.len() >= 15);
        let seccomp = layers.iter().find(|layer| layer["layer"] == "seccomp");
        assert_eq!(seccomp.unwrap()["standing"], "active");
        assert_eq!(seccomp.unwrap()["seen"], "confirmed");
    }
}

#[test]
fn the_doctor_lists_what_computes_models_and_why_something_does_not() {
    let user = User::new();
    let missing = ["--onnxruntime", "/nonexistent/libonnxruntime.so"];
    let text = user.meterbox(["doctor"].into_iter().chain(missing));
    assert_eq!(text.exit, 0, "{text:?}");
    let text = text.text();
    assert!(text.contains("  tract 0."), "{text}");
    assert!(text.contains("/nonexistent/libonnxruntime.so"), "{text}");
    let json = user.meterbox(["doctor", "--format", "json"].into_iter().chain(missing));
    let json: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    let engines = json["inference"]["engines"].as_array().unwrap();
    let named = |name: &str| {
        engines
            .iter()
            .find(|engine| engine["engine"] == name)
            .unwrap()
    };
    assert_eq!(engines.len(), 3);
    assert_eq!(named("tract")["processor"], true);
    assert_eq!(named("tract")["gpu"], false);
    assert_eq!(named("onnxruntime")["processor"], false);
    let why = named("onnxruntime")["not_on_processor"].as_str().unwrap();
    assert!(why.contains("/nonexistent/libonnxruntime.so"), "{why}");
    assert!(json["inference"]["nvidia_driver"].is_object());
    assert!(json["inference"]["bit_exact"].is_boolean());
}
