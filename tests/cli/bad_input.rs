//! What is wrong with a job is said plainly, with its own exit code, and a receipt where the guest is
//! at fault.

use std::path::Path;

use meterbox_tests as guests;

use crate::harness::User;

fn repository(path: &str) -> String {
    guests::repository().join(path).display().to_string()
}

#[test]
fn what_is_no_program_is_refused() {
    let user = User::new();
    user.file("text.wasm", "hello, world");
    user.file("empty.wasm", "");
    user.file("bad.wat", "(module (func");
    let whole = std::fs::read(guests::hello()).unwrap();
    user.file("truncated.wasm", &whole[..whole.len() / 2]);
    user.file(
        "flipped.wasm",
        whole
            .iter()
            .enumerate()
            .map(|(at, byte)| {
                if at == whole.len() / 2 {
                    byte ^ 0xff
                } else {
                    *byte
                }
            })
            .collect::<Vec<u8>>(),
    );
    for (name, exit, says) in [
        ("text.wasm", 3, "not WebAssembly"),
        ("empty.wasm", 3, "not WebAssembly"),
        ("bad.wat", 3, "no WebAssembly text"),
        ("truncated.wasm", 3, "truncated"),
        ("missing.wasm", 1, "missing.wasm"),
        (".", 1, "cannot be read"),
    ] {
        user.meterbox(["run", name]).refused(exit, says);
    }
    let flipped = user.meterbox(["run", "flipped.wasm"]);
    assert!([0, 3, 4, 5, 6].contains(&flipped.exit), "{flipped:?}");
    assert!(
        !user.home().join("ledger.sqlite").exists() || user.meterbox(["ledger", "list"]).exit == 0
    );
}

#[test]
fn refused_features_and_unknown_imports_are_named() {
    let user = User::new();
    for (program, says) in [
        (guests::threads_wat(), "threads"),
        (guests::gc_wat(), "gc"),
        (
            guests::nested_component_wat(),
            "nested component with core code",
        ),
        (guests::unknown_import_wat(), "harbour"),
        (guests::huge_memory_wat(), "its memories begin with"),
    ] {
        user.meterbox(["run".as_ref(), program.as_os_str()])
            .refused(3, says);
    }
}

#[test]
fn guests_at_fault_get_a_receipt_that_verifies() {
    let user = User::new();
    for (program, exit, field, value) in [
        (
            guests::fails(),
            4,
            "message",
            "the measurements have no date",
        ),
        (guests::panics(), 5, "trap", "unreachable"),
        (guests::traps(), 5, "trap", "unreachable"),
        (guests::unreachable_wat(), 5, "trap", "unreachable"),
        (guests::start_traps_wat(), 5, "trap", "division_by_zero"),
        (guests::recursion_wat(), 6, "which", "stack_units"),
        (guests::missing_input(), 4, "", ""),
    ] {
        let report = user.run(program, &[]);
        assert_eq!(report.ran.exit, exit, "{report:?}");
        if !field.is_empty() {
            assert_eq!(report.json["outcome"][field], value, "{report:?}");
        }
        let key = user.meterbox(["key", "show"]).text();
        let verified = user.meterbox([
            "receipt",
            "verify",
            report.receipt.to_str().unwrap(),
            "--key",
            key.trim(),
            "--rate-card",
            "default",
        ]);
        assert_eq!(verified.exit, 0, "{verified:?}");
    }
}

#[test]
fn a_guest_that_takes_too_much_ends_at_its_limit_and_is_billed_at_most_that() {
    let user = User::new();
    for (program, arguments, which) in [
        (
            guests::loops_forever(),
            vec!["--limit-instructions", "50M"],
            "instructions",
        ),
        (
            guests::spin_wat(),
            vec!["--limit-instructions", "1000000"],
            "instructions",
        ),
        (
            guests::floods_output(),
            vec!["--limit-bytes-out", "10MiB"],
            "bytes_out",
        ),
        (
            guests::floods_log(),
            vec!["--limit-bytes-out", "1MiB"],
            "bytes_out",
        ),
    ] {
        let report = user.run(program, &arguments);
        assert_eq!(
            (report.ran.exit, report.json["outcome"]["which"].as_str()),
            (6, Some(which)),
            "{report:?}"
        );
        assert!(
            report
                .ran
                .stderr
                .contains("hint: raise the limit with --limit-"),
            "{report:?}"
        );
        if which == "instructions" {
            let limit = if arguments[1] == "50M" {
                50_000_000
            } else {
                1_000_000
            };
            assert_eq!(report.used("instructions"), limit);
        }
    }
    let hungry = user.run(guests::exhausts_memory(), &["--limit-memory", "16MiB"]);
    assert!(matches!(hungry.ran.exit, 4 | 5), "{hungry:?}");
    assert!(hungry.used("memory_pages_peak") <= 256, "{hungry:?}");
    assert!(hungry.ran.stderr.contains("--limit-memory"), "{hungry:?}");
}

#[test]
fn inputs_may_be_missing_empty_or_huge() {
    let user = User::new();
    user.meterbox([
        "run",
        guests::echo().to_str().unwrap(),
        "--input",
        "a=nowhere.bin",
    ])
    .refused(1, "nowhere.bin");
    user.meterbox(["run", guests::echo().to_str().unwrap(), "--input", "../a=x"])
        .refused(1, "x");
    user.file("x", "x");
    user.meterbox(["run", guests::echo().to_str().unwrap(), "--input", "../a=x"])
        .refused(2, "../a");
    user.meterbox(["run", guests::echo().to_str().unwrap(), "--input", "=x"])
        .refused(2, "NAME=PATH");

    // What gives bytes without end is no input; what ends at once is an empty one.
    user.meterbox([
        "run",
        guests::echo().to_str().unwrap(),
        "--input",
        "a=/dev/zero",
    ])
    .refused(1, "a device that gives more than 1 GiB");
    assert_eq!(
        user.run(guests::echo(), &["--input", "a=/dev/null"])
            .outcome(),
        "ok"
    );

    user.file("empty", "");
    let out = user.path("out");
    let report = user.run(
        guests::echo(),
        &["--input", "a=empty", "--out", out.to_str().unwrap()],
    );
    assert_eq!(report.outcome(), "ok");
    assert_eq!(std::fs::read(out.join("a")).unwrap(), b"");

    // A gigabyte goes through a guest of a few megabytes: read in pieces, never held.
    let huge = std::fs::File::create(user.path("huge")).unwrap();
    huge.set_len(1 << 30).unwrap();
    let report = user.run(
        guests::echo(),
        &[
            "--input",
            "data=huge",
            "--limit-memory",
            "16MiB",
            "--limit-bytes-out",
            "2GiB",
        ],
    );
    assert_eq!((report.ran.exit, report.outcome()), (0, "ok"), "{report:?}");
    assert!(report.used("bytes_in") >= 1 << 30);
    assert_eq!(report.json["outputs"][0]["bytes"], (1u64 << 30).to_string());
    let limited = user.run(
        guests::sum(),
        &["--input", "data=huge", "--limit-bytes-in", "1MiB"],
    );
    assert_eq!(limited.json["outcome"]["which"], "bytes_in", "{limited:?}");
}

#[test]
fn a_model_that_is_none_is_the_guests_to_handle_and_the_reason_is_told() {
    let user = User::new();
    user.file("no.onnx", "this is no model");
    let report = user.run(guests::not_a_model(), &["--input", "model=no.onnx"]);
    assert_eq!(report.ran.exit, 4, "{report:?}");
    assert!(
        report.json["outcome"]["message"]
            .as_str()
            .unwrap()
            .contains("invalid"),
        "{report:?}"
    );
    assert!(
        report
            .ran
            .stderr
            .contains("note: the model `model` was refused"),
        "{report:?}"
    );
}

#[test]
fn inference_over_its_limit_ends_the_job_before_it_runs() {
    let user = User::new();
    user.file(
        "bytes.bin",
        b"fn main() { println!(\"hello\"); }".repeat(70),
    );
    let model = format!("model={}", repository("examples/models/magika.onnx"));
    let arguments = ["--input", &model, "--input", "bytes.bin=bytes.bin"];
    let report = user.run(guests::classify(), &arguments);
    assert_eq!(report.outcome(), "ok", "{report:?}");
    let used = report.used("inference_ops");
    let limit = (used - 1).to_string();
    let limited = user.run(
        guests::classify(),
        &[arguments.as_slice(), &["--limit-inference-ops", &limit]].concat(),
    );
    assert_eq!(
        limited.json["outcome"]["which"], "inference_ops",
        "{limited:?}"
    );
    assert!(limited.used("inference_ops") < used);
}

#[test]
fn rate_cards_that_are_not_exact_are_refused() {
    let user = User::new();
    let card =
        std::fs::read_to_string(repository("runtime/billing/rate-cards/default.toml")).unwrap();
    let program = guests::hello().to_str().unwrap();
    user.file("good.toml", &card);
    assert_eq!(
        user.meterbox(["run", program, "--rate-card", "good.toml"])
            .exit,
        0
    );
    let line = card
        .lines()
        .find(|line| line.trim_start().starts_with("instructions"))
        .unwrap();
    for (to, says) in [
        (
            "instructions = \"0.0000000000000000000000000001\"",
            "instructions",
        ),
        ("instructions = 0.1", "text"),
        ("instructions = \"-1\"", "-1"),
        ("instructions = \"1e-9\"", "instructions"),
        ("no_such_meter = \"1\"", "no_such_meter"),
    ] {
        user.file("bad.toml", card.replace(line, to));
        user.meterbox(["run", program, "--rate-card", "bad.toml"])
            .refused(3, says);
    }
    user.file("bad.toml", "this is no card");
    user.meterbox(["run", program, "--rate-card", "bad.toml"])
        .refused(3, "bad.toml");
    user.meterbox(["run", program, "--rate-card", "nowhere.toml"])
        .refused(1, "nowhere.toml");
}

#[test]
fn a_wrong_command_line_is_a_usage_error() {
    let user = User::new();
    let program = guests::hello().to_str().unwrap();
    for arguments in [
        vec!["run"],
        vec!["run", program, "--limit-memory", "much"],
        vec!["run", program, "--no-such-flag"],
        vec!["run", program, "--opt-level", "fastest"],
        vec!["run", program, "--max-price", "1e3"],
        vec!["no-such-command"],
    ] {
        let ran = user.meterbox(&arguments);
        assert_eq!(ran.exit, 2, "{arguments:?}: {ran:?}");
    }
    user.file(
        "job.toml",
        "name = \"x\"\nprogram = \"p.wasm\"\nunknown = 1\n",
    );
    user.meterbox(["run", "job.toml"]).refused(2, "unknown");
    user.file(
        "job.toml",
        format!("name = \"x\"\nprogram = {program:?}\n[limits]\nspeed = 1\n"),
    );
    user.meterbox(["run", "job.toml"]).refused(2, "speed");
    assert!(Path::new(program).exists());
}

#[test]
fn metering_writes_a_program_and_refuses_to_meter_twice() {
    let user = User::new();
    let metered = user.meterbox([
        "meter",
        guests::hello().to_str().unwrap(),
        "-o",
        "metered.wasm",
    ]);
    assert_eq!(metered.exit, 0, "{metered:?}");
    assert!(metered.text().starts_with("component:"), "{metered:?}");
    user.meterbox(["meter", "metered.wasm", "-o", "twice.wasm"])
        .refused(3, "belongs to the meter");
    assert!(!user.path("twice.wasm").exists());
    user.meterbox([
        "meter",
        guests::hello().to_str().unwrap(),
        "-o",
        "no/such/folder/x.wasm",
    ])
    .refused(1, "x.wasm");
}

#[test]
fn an_engine_that_is_not_there_is_an_error_before_anything_runs() {
    let user = User::new();
    let hello = guests::hello().to_str().unwrap();
    let missing = [
        "run",
        hello,
        "--engine",
        "onnxruntime",
        "--onnxruntime",
        "nowhere/libonnxruntime.so",
    ];
    let refused = user.meterbox(missing);
    assert_eq!(refused.exit, 7, "{refused:?}");
    let said = &refused.stderr;
    assert!(said.contains("nowhere/libonnxruntime.so"), "{said}");
    assert!(said.contains("hint: `meterbox doctor`"), "{said}");
    // What is built in has no GPU, and within the process there is nothing else.
    // This machine has no GPU of that number, wherever the library lies.
    let gpu = ["run", hello, "--engine", "onnxruntime", "--gpu", "97"];
    user.meterbox(gpu)
        .refused(3, "cannot be computed with here");
    user.meterbox(["run", hello, "--gpu"])
        .refused(2, "computes on the processor only");
    user.meterbox(["run", hello, "--model-threads", "0"])
        .refused(2, "a number from 1 to 65535");
    user.meterbox(["run", hello, "--cuda-libraries", "nowhere"])
        .refused(2, "--gpu");
    user.meterbox(["run", hello, "--engine", "onnxruntime", "--in-process"])
        .refused(2, "with --in-process");
}
