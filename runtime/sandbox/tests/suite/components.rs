//! What becomes of each guest that is a component, and what it is billed.

use std::fs;
use std::time::{Duration, Instant};

use meterbox_tests as guests;
use sha2::{Digest, Sha256};

use crate::job::Job;

const MIB: u64 = 1 << 20;

/// Bytes that do not repeat in step with any buffer.
fn bytes(count: usize) -> Vec<u8> {
    (0..count)
        .map(|at| u8::try_from(at % 251).unwrap())
        .collect()
}

fn model(name: &str) -> Vec<u8> {
    fs::read(guests::repository().join("examples/models").join(name)).unwrap()
}

#[test]
fn hello_leaves_its_output_and_pays_for_its_calls() {
    let done = Job::guest(guests::hello()).run();
    done.is_ok();
    assert_eq!(done.output("hello.txt"), b"hello\n");
    assert_eq!(done.measured.bytes_out, 9 + 6);
    assert_eq!(done.measured.bytes_in, 0);
    // Creating, looking its name up, writing and ending the output.
    assert_eq!(done.measured.host_calls, 1_500 + 100 + 1_000 + 500);
    assert!(done.units_run() > 100);
}

#[test]
fn echo_gives_back_empty_small_and_large_inputs() {
    let large = bytes(5 << 20);
    let done = Job::guest(guests::echo())
        .input("empty", [])
        .input("one", [7])
        .input("large", large.clone())
        .run();
    done.is_ok();
    assert_eq!(done.output("empty"), b"");
    assert_eq!(done.output("one"), [7]);
    assert!(done.output("large") == large);
    let names = 5 + 3 + 5;
    assert_eq!(done.measured.bytes_in, names + 5 * MIB + 1);
    assert_eq!(done.measured.bytes_out, 2 * names + 5 * MIB + 1);
}

#[test]
fn echo_of_nothing_is_ok() {
    let done = Job::guest(guests::echo()).run();
    done.is_ok();
    assert!(done.outputs.is_empty());
}

#[test]
fn sum_reads_backwards_through_seeks() {
    for size in [0, 1, 9_999, 10_000, 123_457] {
        let data = bytes(size);
        let sum: u64 = data.iter().map(|byte| u64::from(*byte)).sum();
        let done = Job::guest(guests::sum()).input("data", data).run();
        assert_eq!(done.is_ok().output_text("sum.txt"), format!("{sum}\n"));
    }
}

#[test]
fn a_job_that_fails_says_why_and_keeps_what_it_wrote() {
    let done = Job::guest(guests::fails()).run();
    assert_eq!(done.has_failed(None), "the measurements have no date");
    assert_eq!(done.output("before.txt"), b"written before the failure\n");
    assert!(done.units_run() > 0);
}

#[test]
fn a_panic_is_a_trap_with_its_message_on_standard_error() {
    let done = Job::guest(guests::panics()).run();
    done.is_trapped("unreachable");
    assert!(
        done.output_text("stderr")
            .contains("this guest panics on purpose")
    );
}

#[test]
fn trapped_job_is_billed_for_what_it_did_before() {
    let unreachable = Job::guest(guests::traps()).run();
    unreachable.is_trapped("unreachable");
    let beyond = Job::guest(guests::traps()).argument("out-of-bounds").run();
    beyond.is_trapped("out_of_bounds_memory");
    let neither = Job::guest(guests::traps()).argument("politely").run();
    assert!(neither.has_failed(None).contains("politely"));
    for done in [&unreachable, &beyond, &neither] {
        // A million laps of a multiplication, an addition, and a look at memory.
        assert!(
            (10_000_000..150_000_000).contains(&done.units()),
            "{}",
            done.units()
        );
        assert!(
            done.heard[0].starts_with("Info: worked up to"),
            "{:?}",
            done.heard
        );
    }
    // They differ in what follows the work only.
    assert!(unreachable.units().abs_diff(neither.units()) < 100_000);
}

#[test]
fn an_endless_loop_is_billed_its_whole_budget_and_no_more() {
    for budget in [10_000_000, 10_000_001, 30_000_000] {
        let done = Job::guest(guests::loops_forever())
            .limit(|limits| limits.instructions = budget)
            .run();
        done.is_limited("instructions");
        assert_eq!(done.units(), budget);
    }
}

#[test]
fn a_budget_below_what_is_declared_is_billed_and_nothing_runs() {
    let declared = Job::guest(guests::hello()).run().declared_units;
    let done = Job::guest(guests::hello())
        .limit(|limits| limits.instructions = declared - 1)
        .run();
    done.is_limited("instructions");
    assert_eq!(done.units(), declared - 1);
    assert_eq!((done.measured.host_calls, done.outputs.len()), (0, 0));
    let done = Job::guest(guests::hello())
        .limit(|limits| limits.instructions = declared)
        .run();
    done.is_limited("instructions");
    assert_eq!(done.units(), declared);
}

#[test]
fn endless_recursion_ends_at_the_stack_limit() {
    let done = Job::guest(guests::recurses_forever()).run();
    done.is_limited("stack_units");
    assert!(done.units() < 10_000_000);
    let half = Job::guest(guests::recurses_forever())
        .limit(|limits| limits.stack_units /= 2)
        .run();
    half.is_limited("stack_units");
    assert!(half.units_run() < done.units_run());
}

#[test]
fn memory_ends_at_its_limit_and_the_guest_is_told() {
    let done = Job::guest(guests::exhausts_memory())
        .limit(|limits| limits.memory_bytes = 16 * MIB)
        .run();
    done.is_trapped("unreachable");
    assert!(done.memory_refusals > 0);
    let peak = done.measured.spent.memory_pages_peak * 65_536;
    assert!((15 * MIB..=16 * MIB).contains(&peak), "{peak}");
    assert!(done.measured.spent.memory_page_instructions > u128::from(done.units()));
}

#[test]
fn output_ends_at_its_limit() {
    let name = "flood.bin".len() as u64;
    for (limit, written) in [(name + 3 * MIB, 3 * MIB), (name + 3 * MIB - 1, 2 * MIB)] {
        let done = Job::guest(guests::floods_output())
            .limit(|limits| limits.bytes_out = limit)
            .run();
        done.is_limited("bytes_out");
        assert_eq!(done.measured.bytes_out, name + written);
        assert_eq!(done.output("flood.bin").len() as u64, written);
    }
}

#[test]
fn a_log_ends_at_the_limit_of_bytes_or_of_calls() {
    let done = Job::guest(guests::floods_log())
        .limit(|limits| limits.bytes_out = 100_000)
        .run();
    done.is_limited("bytes_out");
    assert!(done.measured.bytes_out > 95_000);
    assert_eq!(
        done.heard
            .iter()
            .map(|said| said.len() - "Info: ".len())
            .sum::<usize>() as u64,
        done.measured.bytes_out
    );
    let done = Job::guest(guests::floods_log())
        .limit(|limits| limits.host_calls = 100_999)
        .run();
    done.is_limited("host_calls");
    assert_eq!((done.measured.host_calls, done.heard.len()), (100_000, 100));
}

#[test]
fn bad_names_for_outputs_are_errors_that_the_guest_sees() {
    let done = Job::guest(guests::bad_output_names()).run();
    let names = done.is_ok().output_text("names.json");
    let count = |outcome: &str| names.matches(&format!("\"{outcome}\"")).count();
    assert_eq!(count("created"), 5, "{names}");
    assert_eq!(count("already-exists"), 1, "{names}");
    assert_eq!(count("invalid-name"), 15, "{names}");
    assert_eq!(done.outputs.len(), 5 + 1);
}

#[test]
fn outputs_end_at_their_limit_with_an_error_that_the_guest_sees() {
    let done = Job::guest(guests::bad_output_names())
        .argument("many")
        .limit(|limits| limits.outputs = 7)
        .run();
    assert!(
        done.has_failed(None).contains("many/7"),
        "{:?}",
        done.outcome
    );
    assert_eq!(done.outputs.len(), 7);
}

#[test]
fn a_missing_input_is_an_error_that_names_it() {
    let done = Job::guest(guests::missing_input()).input("other", []).run();
    let message = done.has_failed(None);
    assert!(
        message.contains("no-such-input") && message.contains("other"),
        "{message}"
    );
}

#[test]
fn what_is_no_model_is_refused_with_a_code() {
    let load = |job: Job| job.run().has_failed(None).to_string();
    let guest = || Job::guest(guests::not_a_model());
    assert_eq!(load(guest()), "not-found");
    assert_eq!(load(guest().input("model", [])), "invalid-encoding");
    assert_eq!(
        load(guest().input("model", *b"no model at all")),
        "invalid-encoding"
    );
    let magika = model("magika.onnx");
    assert_eq!(
        load(guest().input("model", &magika[..magika.len() / 2])),
        "invalid-encoding"
    );
    guest().input("model", magika).run().is_ok();
}

#[test]
fn a_model_over_its_limit_is_not_read() {
    let magika = model("magika.onnx");
    let size = magika.len() as u64;
    let run = |limit: u64| {
        Job::guest(guests::not_a_model())
            .input("model", magika.clone())
            .limit(|limits| limits.model_bytes = limit)
            .run()
    };
    assert_eq!(run(size).is_ok().measured.model_bytes, size);
    let done = run(size - 1);
    done.is_limited("model_bytes");
    assert_eq!(done.measured.model_bytes, 0);
    assert_eq!(done.measured.inference.operations.total(), Some(0));
}

#[test]
fn handles_end_at_their_limit() {
    let run = |count: u32| {
        Job::guest(guests::many_handles())
            .input("data", [])
            .argument(&count.to_string())
            .limit(|limits| limits.handles = 100)
            .run()
    };
    // The output takes one.
    assert_eq!(run(99).is_ok().output("opened.txt"), b"99\n");
    run(100).is_limited("handles");
    run(100_000).is_limited("handles");
}

#[test]
fn more_handles_than_the_engine_gives_by_itself_can_be_allowed() {
    let done = Job::guest(guests::many_handles())
        .input("data", [])
        .argument("150000")
        .limit(|limits| limits.handles = 200_000)
        .run();
    assert_eq!(done.is_ok().output("opened.txt"), b"150000\n");
}

#[test]
fn the_world_is_the_same_in_every_run_and_an_hour_of_sleep_takes_none() {
    let start = Instant::now();
    let job = Job::guest(guests::clock_and_random())
        .argument("a")
        .variable("TZ", "UTC");
    let first = job.run();
    assert_eq!(first, job.run());
    assert!(
        start.elapsed() < Duration::from_secs(600),
        "an hour's sleep takes no time"
    );
    let world = first.is_ok().output_text("world.txt");
    assert!(world.contains(r#"arguments ["job", "a"]"#), "{world}");
    assert!(world.contains(r#"environment [("TZ", "UTC")]"#), "{world}");
    assert!(world.contains("wall clock 17000000"), "{world}");
    assert!(world.contains("after an hour 3600."), "{world}");
    let other = job.seed(2).run();
    let random = |world: &str| world.lines().last().unwrap().to_string();
    assert_ne!(
        random(world),
        random(other.is_ok().output_text("world.txt"))
    );
}

#[test]
fn bad_calls_of_a_model_get_codes_and_never_trap() {
    let done = Job::guest(guests::nn_bad_calls())
        .input("model", model("magika.onnx"))
        .run();
    let codes = done.is_ok().output_text("codes.txt");
    let expected = "\
load: no such name: not-found
load: an empty name: not-found
load: no parts: invalid-argument
load: an empty part: invalid-encoding
load: no model: invalid-encoding
load: encoding openvino: invalid-encoding
load: encoding tensorflow: invalid-encoding
load: encoding pytorch: invalid-encoding
load: encoding tensorflowlite: invalid-encoding
load: encoding ggml: invalid-encoding
load: target tpu: unsupported-operation
run: as it should be: ok
run: no tensors: invalid-argument
run: another name: invalid-argument
run: the name twice: invalid-argument
run: one tensor more: invalid-argument
run: of f32: invalid-argument
run: of i64: invalid-argument
run: of f16: invalid-argument
run: of bf16: invalid-argument
run: too short a row: invalid-argument
run: no rows: ok
run: one dimension: invalid-argument
run: no dimensions: invalid-argument
run: a byte too few: invalid-argument
run: a byte too many: invalid-argument
run: no bytes: invalid-argument
run: a product past 64 bits: invalid-argument
run: a product that wraps to 0: invalid-argument
run: a result of bool: unsupported-operation
";
    assert_eq!(codes, expected);
    assert_eq!(
        done.transcript.len(),
        2,
        "only what was computed is in the transcript: one row, and none"
    );
}

/// A file that is plainly of one type.
const RUST: &str = include_str!("components.rs");

fn classify() -> Job {
    Job::guest(guests::classify())
        .input("bytes.bin", RUST)
        .input("model", model("magika.onnx"))
}

#[test]
fn classify_recognises_a_file_and_its_inference_is_recorded() {
    let done = classify().run();
    let scores: Vec<f32> = done
        .is_ok()
        .output("scores.bin")
        .chunks_exact(4)
        .map(|score| f32::from_le_bytes(score.try_into().unwrap()))
        .collect();
    let best = (0..scores.len())
        .max_by(|a, b| scores[*a].total_cmp(&scores[*b]))
        .unwrap();
    let config: serde_json::Value = serde_json::from_slice(&model("magika.config.json")).unwrap();
    assert_eq!(config["target_labels_space"][best], "rust");
    assert!(scores[best] > 0.9);

    let [call] = &done.transcript[..] else {
        panic!("{:?}", done.transcript);
    };
    assert_eq!(
        call.model,
        <[u8; 32]>::from(Sha256::digest(model("magika.onnx")))
    );
    assert_eq!(call.inputs[0].0, "bytes");
    assert_eq!(call.outputs[0].0, "target_label");
    assert_eq!(done.measured.model_bytes, model("magika.onnx").len() as u64);
    assert_eq!(done.measured.inference.tensor_bytes, call.cost.tensor_bytes);
    assert_eq!(call.cost.tensor_bytes, 4 * (2_048 + 214));
}

#[test]
fn inference_over_its_limit_ends_the_job_and_nothing_is_computed() {
    let whole = classify().run().measured.inference;
    let operations = whole.operations.total().unwrap();
    classify()
        .limit(|limits| limits.inference_ops = operations)
        .run()
        .is_ok();
    classify()
        .limit(|limits| limits.inference_weight_bytes = whole.weight_bytes)
        .run()
        .is_ok();
    classify()
        .limit(|limits| limits.inference_tensor_bytes = whole.tensor_bytes)
        .run()
        .is_ok();
    for (which, done) in [
        (
            "inference_ops",
            classify()
                .limit(|limits| limits.inference_ops = operations - 1)
                .run(),
        ),
        (
            "inference_weight_bytes",
            classify()
                .limit(|limits| limits.inference_weight_bytes = whole.weight_bytes - 1)
                .run(),
        ),
        (
            "inference_tensor_bytes",
            classify()
                .limit(|limits| limits.inference_tensor_bytes = whole.tensor_bytes - 1)
                .run(),
        ),
    ] {
        done.is_limited(which);
        assert!(done.transcript.is_empty() && done.outputs.is_empty());
        // Loading was charged before, and stays.
        assert_eq!(done.measured.inference.tensor_bytes, 0);
        let loading = done.measured.inference.operations.total().unwrap();
        assert!((1..operations).contains(&loading));
    }
}

#[test]
fn each_inference_of_the_same_shape_costs_the_same() {
    let [one, two, three] = ["1", "2", "3"].map(|runs| classify().argument(runs).run());
    assert_eq!(three.transcript.len(), 3);
    let operations = |done: &crate::job::Done| done.measured.inference.operations.total().unwrap();
    assert_eq!(
        operations(&three) - operations(&two),
        operations(&two) - operations(&one)
    );
    assert_eq!(three.transcript[0], three.transcript[2]);
    assert_eq!(three.output("scores.bin"), one.output("scores.bin"));
}

#[test]
fn silero_runs_window_by_window() {
    let done = Job::guest(guests::silero())
        .input("model", model("silero-vad.onnx"))
        .run();
    let speech = done.is_ok().output_text("speech.txt");
    assert_eq!(speech.lines().count(), 8);
    for line in speech.lines() {
        assert!(
            (0.0..=1.0).contains(&line.parse::<f64>().unwrap()),
            "{line}"
        );
    }
    assert_eq!(done.transcript.len(), 8);
    assert!(
        done.transcript
            .iter()
            .all(|call| call.cost == done.transcript[0].cost)
    );
}

#[test]
fn a_storage_that_fails_is_a_fault_of_the_host() {
    let said = Job::guest(guests::echo())
        .unreadable_input("data")
        .fault()
        .to_string();
    assert!(
        said.contains("data") && said.contains("the disk is gone"),
        "{said}"
    );
}
