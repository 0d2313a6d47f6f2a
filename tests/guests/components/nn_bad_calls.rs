//! Calls the Magika model `model` wrongly in every way that it knows, past the SDK's checks, and
//! leaves in `codes.txt` the code that each call got. Each line is written before the next call,
//! so that a call that traps is the one after the last line.

use std::io::Write;

use meterbox_guest::bindings::wasi::nn::errors::Error as NnError;
use meterbox_guest::bindings::wasi::nn::graph::{self, ExecutionTarget, Graph, GraphEncoding};
use meterbox_guest::bindings::wasi::nn::tensor::{Tensor, TensorType};
use meterbox_guest::{Job, Output};

/// The tokens of one file, as bytes.
const FILE_BYTES: usize = 2048 * 4;

#[meterbox_guest::job]
fn main(job: Job) -> Result<(), String> {
    let mut codes = job.output("codes.txt").map_err(|error| error.to_string())?;
    loads(&mut codes);
    let graph = graph::load_by_name("model").map_err(|error| error.code().name().to_string())?;
    runs(&mut codes, &graph);
    unnamed(&mut codes);
    Ok(())
}

fn loads(codes: &mut Output) {
    let onnx = |parts: &[Vec<u8>]| graph::load(parts, GraphEncoding::Onnx, ExecutionTarget::Cpu);
    note(
        codes,
        "load: no such name",
        graph::load_by_name("no-such-model"),
    );
    note(codes, "load: an empty name", graph::load_by_name(""));
    note(codes, "load: no parts", onnx(&[]));
    note(codes, "load: an empty part", onnx(&[Vec::new()]));
    note(
        codes,
        "load: no model",
        onnx(&[b"no model at all".to_vec()]),
    );
    for (name, encoding) in [
        ("openvino", GraphEncoding::Openvino),
        ("tensorflow", GraphEncoding::Tensorflow),
        ("pytorch", GraphEncoding::Pytorch),
        ("tensorflowlite", GraphEncoding::Tensorflowlite),
        ("ggml", GraphEncoding::Ggml),
    ] {
        let loaded = graph::load(&[vec![0; 16]], encoding, ExecutionTarget::Cpu);
        note(codes, &format!("load: encoding {name}"), loaded);
    }
    let loaded = graph::load(&[vec![0; 16]], GraphEncoding::Onnx, ExecutionTarget::Tpu);
    note(codes, "load: target tpu", loaded);
}

fn runs(codes: &mut Output, graph: &Graph) {
    let mut run = |what: &str, inputs: Vec<(&str, Tensor)>| {
        let inputs = inputs
            .into_iter()
            .map(|(name, tensor)| (name.to_string(), tensor))
            .collect();
        let result = graph
            .init_execution_context()
            .and_then(|context| context.compute(inputs));
        note(codes, &format!("run: {what}"), result);
    };
    let tensor = |shape: &[u32], ty, bytes| Tensor::new(shape, ty, &vec![0; bytes]);
    let good = || tensor(&[1, 2048], TensorType::I32, FILE_BYTES);

    run("as it should be", vec![("bytes", good())]);
    run("no tensors", vec![]);
    run("another name", vec![("octets", good())]);
    run("the name twice", vec![("bytes", good()), ("bytes", good())]);
    run("one tensor more", vec![("bytes", good()), ("more", good())]);
    run(
        "of f32",
        vec![("bytes", tensor(&[1, 2048], TensorType::Fp32, FILE_BYTES))],
    );
    run(
        "of i64",
        vec![("bytes", tensor(&[1, 2048], TensorType::I64, 2 * FILE_BYTES))],
    );
    run(
        "of f16",
        vec![(
            "bytes",
            tensor(&[1, 2048], TensorType::Fp16, FILE_BYTES / 2),
        )],
    );
    run(
        "of bf16",
        vec![(
            "bytes",
            tensor(&[1, 2048], TensorType::Bf16, FILE_BYTES / 2),
        )],
    );
    run(
        "too short a row",
        vec![("bytes", tensor(&[1, 2047], TensorType::I32, FILE_BYTES - 4))],
    );
    run(
        "no rows",
        vec![("bytes", tensor(&[0, 2048], TensorType::I32, 0))],
    );
    run(
        "one dimension",
        vec![("bytes", tensor(&[2048], TensorType::I32, FILE_BYTES))],
    );
    run(
        "no dimensions",
        vec![("bytes", tensor(&[], TensorType::I32, 4))],
    );
    run(
        "a byte too few",
        vec![("bytes", tensor(&[1, 2048], TensorType::I32, FILE_BYTES - 1))],
    );
    run(
        "a byte too many",
        vec![("bytes", tensor(&[1, 2048], TensorType::I32, FILE_BYTES + 1))],
    );
    run(
        "no bytes",
        vec![("bytes", tensor(&[1, 2048], TensorType::I32, 0))],
    );
    let huge = [u32::MAX; 8];
    run(
        "a product past 64 bits",
        vec![("bytes", tensor(&huge, TensorType::I64, 8))],
    );
    let wrapping = [0x8000_0000, 2, 0x8000_0000, 2];
    run(
        "a product that wraps to 0",
        vec![("bytes", tensor(&wrapping, TensorType::U8, 0))],
    );
}

/// A model of one node: whether an f32 is greater than itself. The interface has no name for truth.
const GREATER: &[u8] =
    b"\x08\x08:9\n\x12\n\x01x\n\x01x\x12\x01y\"\x07Greater\x12\x01gZ\x0f\n\x01x\x12\n\n\x08\x08\
\x01\x12\x04\n\x02\x08\x01b\x0f\n\x01y\x12\n\n\x08\x08\t\x12\x04\n\x02\x08\x01B\x04\n\x00\x10\x11";

fn unnamed(codes: &mut Output) {
    let parts = [GREATER.to_vec()];
    let result = graph::load(&parts, GraphEncoding::Onnx, ExecutionTarget::Cpu)
        .and_then(|graph| graph.init_execution_context())
        .and_then(|context| {
            let one = Tensor::new(&[1], TensorType::Fp32, &[0; 4]);
            context.compute(vec![("x".to_string(), one)])
        });
    note(codes, "run: a result of bool", result);
}

fn note<T>(codes: &mut Output, what: &str, result: Result<T, NnError>) {
    let code = result.map_or_else(|error| error.code().name(), |_| "ok");
    codes.append(format!("{what}: {code}\n").as_bytes());
    // Cannot fail: an output that is too long ends the job.
    let _ = codes.flush();
}
