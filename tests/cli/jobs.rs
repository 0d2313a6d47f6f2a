//! Components of world `job`, from order to receipt.

use meterbox_tests as guests;

use crate::harness::User;

#[test]
fn a_job_leaves_its_outputs_and_a_bill_that_adds_up() {
    let user = User::new();
    let input = user.file("a.bin", vec![9u8; 200_000]);
    let out = user.path("out");
    let report = user.run(
        guests::echo(),
        &[
            "--input",
            &format!("copies/a={}", input.display()),
            "--out",
            out.to_str().unwrap(),
            "--format",
            "json",
        ],
    );
    assert_eq!((report.ran.exit, report.outcome()), (0, "ok"), "{report:?}");
    assert_eq!(
        std::fs::read(out.join("copies/a")).unwrap(),
        vec![9u8; 200_000]
    );
    assert_eq!(report.json["outputs"][0]["bytes"], "200000");
    assert!(report.used("bytes_in") >= 200_000 && report.used("bytes_out") >= 200_000);
    // The same JSON stands on stdout.
    let printed: serde_json::Value = serde_json::from_slice(&report.ran.stdout).unwrap();
    assert_eq!(printed, report.json);
    // Amounts are decimal texts whose sum is the total.
    let amount = |value: &serde_json::Value| {
        value
            .as_str()
            .unwrap()
            .parse::<meterbox_billing::money::Amount>()
            .unwrap()
    };
    let sum = report.json["bill"]["lines"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| amount(&line["amount"]).units())
        .sum::<u128>();
    assert_eq!(sum, amount(&report.json["bill"]["total"]).units());
    assert!(sum > 0);
}

#[test]
fn two_orders_of_one_job_agree_byte_for_byte_at_every_opt_level_from_any_folder() {
    let (one, two) = (User::new(), User::new());
    let content = b"some bytes that both give".repeat(1000);
    let reports = [
        one.run(
            guests::echo(),
            &[
                "--input",
                &format!("a={}", one.file("x", &content).display()),
                "--opt-level",
                "none",
            ],
        ),
        two.run(
            guests::echo(),
            &[
                "--input",
                &format!("a={}", two.file("deep/er/y", &content).display()),
                "--opt-level",
                "speed",
            ],
        ),
        one.run(guests::echo(), &["--input", "a=x"]),
    ];
    let parts: Vec<Vec<u8>> = reports
        .iter()
        .map(|report| report.reproducible(&one))
        .collect();
    assert_eq!(parts[0], parts[1]);
    assert_eq!(parts[0], parts[2]);
    // The orders differ, so the receipts do.
    assert_ne!(
        std::fs::read(&reports[0].receipt).unwrap(),
        std::fs::read(&reports[2].receipt).unwrap()
    );
}

#[test]
fn endless_recursion_ends_the_same_at_every_opt_level() {
    let user = User::new();
    let parts: Vec<Vec<u8>> = ["none", "speed"]
        .iter()
        .map(|level| {
            let report = user.run(guests::recurses_forever(), &["--opt-level", level]);
            assert_eq!(
                (report.ran.exit, report.json["outcome"]["which"].as_str()),
                (6, Some("stack_units")),
                "{report:?}"
            );
            report.reproducible(&user)
        })
        .collect();
    assert_eq!(parts[0], parts[1]);
}

#[test]
fn file_types_are_recognised_as_in_the_demo() {
    let user = User::new();
    let job = guests::repository().join("examples/file-types");
    let models = guests::repository().join("examples/models");
    let out = user.path("out");
    let report = user.run(
        guests::file_types(),
        &[
            "--input",
            &format!("model={}", models.join("magika.onnx").display()),
            "--input",
            &format!("config={}", models.join("magika.config.json").display()),
            "--input",
            &format!("files/={}", job.join("samples").display()),
            "--out",
            out.to_str().unwrap(),
        ],
    );
    assert_eq!((report.ran.exit, report.outcome()), (0, "ok"), "{report:?}");
    assert!(report.used("inference_ops") > 0);
    let labels: serde_json::Value =
        serde_json::from_slice(&std::fs::read(out.join("labels.json")).unwrap()).unwrap();
    let found: std::collections::BTreeSet<&str> = labels
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["label"].as_str().unwrap())
        .collect();
    for label in [
        "png", "pdf", "zip", "python", "rust", "wav", "sqlite", "empty",
    ] {
        assert!(found.contains(label), "{label} is missing in {found:?}");
    }
    // The job is in the ledger, and its receipt replays, the model recomputed.
    let replayed = user.meterbox([
        "receipt",
        "replay",
        report.receipt.to_str().unwrap(),
        "--opt-level",
        "none",
    ]);
    assert_eq!(replayed.exit, 0, "{replayed:?}");
    assert!(replayed.text().contains("recomputed all"), "{replayed:?}");
}

#[test]
fn speech_is_found_where_it_is_and_what_the_model_saw_is_kept() {
    let user = User::new();
    let examples = guests::repository().join("examples");
    let job = examples.join("speech");
    let out = user.path("out");
    let report = user.run(
        guests::speech(),
        &[
            "--input",
            &format!(
                "model={}",
                examples.join("models/silero-vad.onnx").display()
            ),
            "--input",
            &format!("sound={}", job.join("samples/ferry.wav").display()),
            "--out",
            out.to_str().unwrap(),
            "--",
            "--keep-tensors",
        ],
    );
    assert_eq!((report.ran.exit, report.outcome()), (0, "ok"), "{report:?}");
    let read = |path: std::path::PathBuf| std::fs::read(path).unwrap();
    for name in ["segments.json", "segments.txt"] {
        let [found, expected] = [out.join(name), job.join("expected").join(name)].map(read);
        assert_eq!(
            String::from_utf8(found).unwrap(),
            String::from_utf8(expected).unwrap()
        );
    }
    // 149,750 samples are 293 windows; each call has two tensors in and two out.
    let lines = String::from_utf8(read(out.join("calls.tsv"))).unwrap();
    assert_eq!(lines.lines().count(), 293 * 4);
    assert!(lines.starts_with("1\tmodel\tin\tinput\n1\tmodel\tin\tstate\n"));
    // Headers of 64 or 128 bytes, and 576 + 256 + 1 + 256 floats a call.
    let arrays = read(out.join("calls.npy"));
    assert!(arrays.starts_with(b"\x93NUMPY\x01\x00"));
    assert_eq!((arrays.len() - 293 * 4 * (576 + 256 + 1 + 256)) % 64, 0);
}

#[test]
fn a_missing_input_is_an_error_that_names_what_brings_it() {
    let user = User::new();
    let program = user.path("echo.wasm");
    std::fs::copy(guests::echo(), &program).unwrap();
    let write = |more: &str| {
        let text = format!(
            "name = \"copying\"\nprogram = \"echo.wasm\"\n{more}[inputs]\ndata = \"data.bin\"\n"
        );
        user.file("job.toml", text)
    };
    let job = write("brought_by = \"make data\"\n");
    let run = ["run", job.to_str().unwrap()];
    let failed = user.meterbox(run);
    assert_ne!(failed.exit, 0);
    let said = &failed.stderr;
    assert!(
        said.contains("data.bin") && said.contains("`make data`"),
        "{said}"
    );
    // It is named for what is missing, and only if the job file does.
    write("");
    assert!(!user.meterbox(run).stderr.contains("make data"));
    write("brought_by = \"make data\"\n");
    user.file("data.bin", [1u8; 64]);
    assert_eq!(user.meterbox(run).exit, 0);
}

#[test]
fn a_job_file_says_all_that_flags_can_say() {
    let user = User::new();
    user.file("data.bin", [1u8; 64]);
    let program = user.path("echo.wasm");
    std::fs::copy(guests::echo(), &program).unwrap();
    let job = user.file(
        "job.toml",
        r#"
            name = "copying"
            program = "echo.wasm"
            arguments = ["one"]
            max_price = "1"
            [environment]
            KEY = "value"
            [inputs]
            data = "data.bin"
            [limits]
            instructions = "20M"
            memory_bytes = "64MiB"
        "#,
    );
    let report = user.run(&job, &[]);
    assert_eq!(report.outcome(), "ok", "{report:?}");
    assert!(report.json["outputs"][0]["name"] == "data");
    let listed = user.meterbox(["ledger", "list"]);
    assert!(listed.text().starts_with("copying-"), "{listed:?}");
    let quoted = user.meterbox(["quote", job.to_str().unwrap(), "--format", "json"]);
    let quote: serde_json::Value = serde_json::from_slice(&quoted.stdout).unwrap();
    assert_eq!(quote["limits"]["instructions"], "20000000");
    assert_eq!(quote["limits"]["memory_bytes"], "67108864");
}

#[test]
fn no_job_costs_more_than_its_ceiling_and_one_that_could_is_refused() {
    let user = User::new();
    let program = guests::hello().to_str().unwrap();
    let quoted = user.meterbox(["quote", program, "--format", "json"]);
    let quote: serde_json::Value = serde_json::from_slice(&quoted.stdout).unwrap();
    let ceiling = quote["ceiling"].as_str().unwrap();
    let report = user.run(guests::hello(), &["--max-price", ceiling]);
    assert_eq!(report.outcome(), "ok");
    let amount = |text: &str| text.parse::<meterbox_billing::money::Amount>().unwrap();
    assert!(amount(report.json["bill"]["total"].as_str().unwrap()) <= amount(ceiling));
    let refused = user.meterbox(["run", program, "--max-price", "0.000000000000000001"]);
    refused.refused(3, "could cost");
    assert!(
        refused.stderr.contains("hint: raise the maximum price"),
        "{refused:?}"
    );
    let listed = user.meterbox(["ledger", "list"]);
    assert_eq!(
        listed.text().lines().count(),
        1,
        "nothing was spent: {listed:?}"
    );
}

#[test]
fn an_order_repeated_under_its_id_gets_its_receipt_again_and_another_is_refused() {
    let user = User::new();
    let first = user.run(guests::hello(), &["--order-id", "once"]);
    let again = user.run(guests::hello(), &["--order-id", "once"]);
    assert_eq!(
        (again.ran.exit, &again.json["repeat"]),
        (0, &true.into()),
        "{again:?}"
    );
    let bytes = |report: &crate::harness::Report| std::fs::read(&report.receipt).unwrap();
    assert_eq!(bytes(&first), bytes(&again));
    assert_eq!(
        user.meterbox(["ledger", "receipt", "once"]).stdout,
        bytes(&first)
    );
    let program = guests::hello().to_str().unwrap();
    let other = ["run", program, "--order-id", "once", "--seed", "1"];
    user.meterbox(other).refused(3, "once");
    assert_eq!(user.meterbox(["ledger", "list"]).text().lines().count(), 1);
    user.meterbox(["ledger", "receipt", "never"])
        .refused(1, "never");
}

#[test]
fn what_cannot_be_written_is_said_and_nothing_else_is_lost() {
    let user = User::new();
    let out = user.path("out");
    let program = guests::hello().to_str().unwrap();
    let arguments = [
        "run",
        program,
        "--out",
        "out",
        "--receipt",
        "no/such/folder/receipt.json",
    ];
    let ran = user.meterbox(arguments);
    ran.refused(1, "receipt.json");
    assert!(
        ran.stderr.contains("hint: the job is billed all the same"),
        "{ran:?}"
    );
    assert!(ran.text().starts_with("outcome  ok"), "{ran:?}");
    assert!(out.join("hello.txt").exists());
    // A folder that cannot be made is found before the job runs.
    user.file("file", "");
    user.meterbox(["run", program, "--out", "file/out"])
        .refused(1, "file/out");
    let full = std::fs::OpenOptions::new()
        .write(true)
        .open("/dev/full")
        .unwrap();
    let status = user
        .command(["ledger", "list"])
        .stdout(full)
        .stderr(std::process::Stdio::null())
        .status()
        .unwrap();
    assert_eq!(status.code(), Some(1));
}

#[test]
fn that_nobody_hears_what_is_said_on_stderr_ends_nothing() {
    let user = User::new();
    let unheard = |arguments: &[&str]| {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full");
        let mut command = user.command(arguments);
        let command = command.stdout(std::process::Stdio::null());
        command.stderr(full.unwrap()).status().unwrap().code()
    };
    // It logs, and traps.
    let program = guests::traps().to_str().unwrap();
    let heard = user.meterbox(["run", program]);
    let run = ["run", program, "--receipt", "receipt.json"];
    assert_eq!(unheard(&run), Some(heard.exit));
    assert!(user.path("receipt.json").exists());
    assert_eq!(unheard(&["ledger", "receipt", "never"]), Some(1));
}

#[test]
fn a_store_file_that_was_altered_is_put_right_by_the_next_run() {
    let user = User::new();
    user.file("data", "the real content");
    let first = user.run(guests::echo(), &["--input", "data=data"]);
    let digest = first.json["outputs"][0]["sha256"]
        .as_str()
        .unwrap()
        .to_string();
    std::fs::write(user.home().join("store").join(&digest), "a forged content").unwrap();
    // A replay from the store says that it is not what the job names.
    user.meterbox(["receipt", "replay", first.receipt.to_str().unwrap()])
        .refused(3, "data");
    let second = user.run(guests::echo(), &["--input", "data=data", "--out", "out"]);
    assert_eq!(second.outcome(), "ok");
    assert_eq!(
        std::fs::read(user.path("out/data")).unwrap(),
        b"the real content"
    );
    assert_eq!(first.reproducible(&user), second.reproducible(&user));
}
