//! What models cost a job beside their calls: being loaded, being prepared for shapes, and being too large.

use meterbox_inference::{ElementType, InputShape, Model, ModelLimits};
use meterbox_scripts::Arg;
use meterbox_scripts::onnx::{self, Type};

use sha2::{Digest as _, Sha256};

use crate::calls::{Calls, F32, INVALID_ENCODING, TOO_LARGE, floats};

/// Operations that loading is charged for each byte and each element of a constant, for each node, and for the
/// square of their number.
const PER_BYTE: u64 = 64;
const PER_ELEMENT: u64 = 64;
const PER_NODE: u64 = 500_000;
const PER_NODE_SQUARED: u64 = 128;

fn preparation(model: &[u8], elements: u64, nodes: u64) -> u64 {
    let of_bytes = PER_BYTE * u64::try_from(model.len()).unwrap();
    of_bytes + PER_ELEMENT * elements + (PER_NODE + PER_NODE_SQUARED * nodes) * nodes
}

/// What a call on one input of this size costs by itself.
fn of_call(model: &[u8], size: u32) -> u64 {
    let model = Model::load(model, &ModelLimits::default()).unwrap();
    let shape = InputShape {
        name: "x",
        dimensions: &[size],
        element_type: ElementType::F32,
    };
    model.cost(&[shape]).unwrap().operations.f32
}

#[test]
fn loading_is_charged_by_bytes_constants_and_nodes_each_time() {
    for (model, elements) in [(onnx::same(Type::F32), 0), (onnx::repeated(3), 1)] {
        for times in [1, 2] {
            let mut calls = Calls::new();
            for _ in 0..times {
                calls.by_name("model");
            }
            let done = calls.run(&[("model", model.clone())]);
            let operations = done.measured.inference.operations.f32;
            assert_eq!(operations, times * preparation(&model, elements, 1));
            let bytes = u64::try_from(model.len()).unwrap();
            assert_eq!(done.measured.model_bytes, times * bytes);
        }
    }
}

#[test]
fn what_is_charged_for_models_is_told_by_model_and_comes_to_all_of_it() {
    let (first, second) = (onnx::same(Type::F32), onnx::repeated(3));
    let garbage = vec![7; 1_000];
    let mut calls = Calls::new();
    calls.by_name("second");
    let graph = calls.by_name("first");
    let context = calls.context(graph);
    for _ in 0..2 {
        let x = calls.tensor(&[4], F32, &floats(&[1.0; 4]));
        calls.gives(0, "set_input", [context, 0.into(), Arg::Is(x)]);
        calls.gives(0, "compute", [context]);
    }
    let (at, to) = (calls.script.data(b"garbage"), calls.place());
    calls.gives(
        INVALID_ENCODING,
        "load_by_name",
        [at.into(), 7.into(), to.into()],
    );
    let inputs = [
        ("first", first.clone()),
        ("second", second.clone()),
        ("garbage", garbage.clone()),
    ];
    let measured = calls.run(&inputs).measured;
    assert!(measured.models_add_up());
    let of = |bytes: &[u8]| {
        let sha256: [u8; 32] = Sha256::digest(bytes).into();
        let found = measured.models.iter().find(|model| model.sha256 == sha256);
        let found = found.expect("each of the three was charged");
        (found.bytes, found.cost.operations.f32)
    };
    let bytes = |model: &[u8]| u64::try_from(model.len()).unwrap();
    let called = preparation(&first, 0, 1) + 2 * of_call(&first, 4);
    assert_eq!(of(&first), (bytes(&first), called));
    assert_eq!(of(&second), (bytes(&second), preparation(&second, 1, 1)));
    assert_eq!(of(&garbage), (1_000, preparation(&garbage, 0, 0)));
    assert_eq!(measured.models.len(), 3);
}

#[test]
fn bytes_that_are_no_model_are_charged_before_they_are_looked_at() {
    let garbage = [7; 1_000];
    let mut calls = Calls::new();
    let (at, to) = (calls.script.data(b"model"), calls.place());
    calls.gives(3, "load_by_name", [at.into(), 5.into(), to.into()]);
    let done = calls.job().input("model", garbage).run();
    let operations = done.is_ok().measured.inference.operations.f32;
    assert_eq!(operations, preparation(&garbage, 0, 0));
}

#[test]
fn each_further_combination_of_shapes_is_charged_and_so_is_one_that_was_forgotten() {
    let model = onnx::same(Type::F32);
    let operations = |sizes: &[u32]| {
        let mut calls = Calls::new();
        let graph = calls.by_name("model");
        let context = calls.context(graph);
        for size in sizes {
            let values = vec![1.0; usize::try_from(*size).unwrap()];
            let x = calls.tensor(&[*size], F32, &floats(&values));
            calls.gives(0, "set_input", [context, 0.into(), Arg::Is(x)]);
            calls.gives(0, "compute", [context]);
        }
        let done = calls.run(&[("model", model.clone())]);
        let of_calls: u64 = sizes.iter().map(|size| of_call(&model, *size)).sum();
        let prepared = done.measured.inference.operations.f32 - of_calls;
        assert_eq!(prepared % preparation(&model, 0, 1), 0, "{sizes:?}");
        prepared / preparation(&model, 0, 1)
    };
    // Loading pays for the first.
    assert_eq!(operations(&[1]), 1);
    assert_eq!(operations(&[1, 1, 1]), 1);
    assert_eq!(operations(&[1, 2]), 2);
    assert_eq!(operations(&[1, 2, 1, 2]), 2);
    // Eight are remembered, the one that was used last the longest.
    assert_eq!(operations(&[1, 2, 3, 4, 5, 6, 7, 8, 1]), 8);
    assert_eq!(operations(&[1, 2, 3, 4, 5, 6, 7, 8, 1, 9, 1]), 9);
    assert_eq!(operations(&[1, 2, 3, 4, 5, 6, 7, 8, 1, 9, 2]), 10);
}

#[test]
fn a_call_whose_tensors_do_not_pass_is_refused_before_it_is_charged() {
    // A little more than 2 GiB of output.
    let model = onnx::repeated((1 << 29) + 1);
    let mut calls = Calls::new();
    let graph = calls.by_name("model");
    let context = calls.context(graph);
    let x = calls.tensor(&[1], F32, &floats(&[1.0]));
    calls.gives(0, "set_input", [context, 0.into(), Arg::Is(x)]);
    calls.gives(TOO_LARGE, "compute", [context]);
    let done = calls.run(&[("model", model.clone())]);
    assert!(done.transcript.is_empty());
    let operations = done.measured.inference.operations.f32;
    assert_eq!(operations, preparation(&model, 1, 1));
}
