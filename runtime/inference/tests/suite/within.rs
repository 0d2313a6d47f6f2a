//! Checks what engines make of graphs within nodes: that of an If nothing is taken for known before its test is, and that
//! repeated graphs begin anew where they are within others.

use meterbox_inference::{ElementType, Model, ModelLimits, Tensor};

use crate::at_hand::engines;
use crate::build::{F32, Onnx, int, within};

const BOOL: i32 = 9;

fn floats(values: &[f32]) -> Tensor {
    let count = u32::try_from(values.len()).unwrap();
    let bytes: Vec<u8> = values
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect();
    Tensor::new(vec![count], ElementType::F32, bytes).unwrap()
}

/// What a model of `x` and `test` gives on every engine, for either test.
fn both(onnx: &Onnx, x: &[f32], when_true: &[f32], when_false: &[f32]) {
    for engine in engines() {
        let model = Model::load_on(&onnx.bytes(), &ModelLimits::default(), &engine).unwrap();
        for (test, expected) in [(1, when_true), (0, when_false), (1, when_true)] {
            let test = Tensor::new(vec![1], ElementType::Bool, vec![test]).unwrap();
            let inputs = vec![("x".to_owned(), floats(x)), ("test".to_owned(), test)];
            let outputs = model.compute(inputs).unwrap();
            assert_eq!(outputs[0].1, floats(expected), "{engine:?}");
        }
    }
}

fn of_x_and_test() -> Onnx {
    Onnx::new().input("x", F32, &[4]).input("test", BOOL, &[1])
}

#[test]
fn constants_of_branches_are_not_taken_before_the_test_is_known() {
    let constant = |values: &[f32]| Onnx::new().floats("c", values).output("c", F32);
    let branches = vec![
        within("then_branch", constant(&[1.0; 4])),
        within("else_branch", constant(&[2.0; 4])),
    ];
    let negated = of_x_and_test()
        .node("If", &["test"], &["chosen"], branches.clone())
        .node("Neg", &["chosen"], &["y"], vec![])
        .output("y", F32);
    both(&negated, &[0.0; 4], &[-1.0; 4], &[-2.0; 4]);
    let multiplied = of_x_and_test()
        .node("If", &["test"], &["chosen"], branches)
        .node("Mul", &["x", "chosen"], &["y"], vec![])
        .output("y", F32);
    both(&multiplied, &[3.0; 4], &[3.0; 4], &[6.0; 4]);
}

#[test]
fn sizes_that_a_branch_gives_are_not_taken_before_the_test_is_known() {
    let constant = |value| Onnx::new().integers("c", &[value]).output("c", 7);
    let onnx = of_x_and_test()
        .integers("zero", &[0])
        .node(
            "If",
            &["test"],
            &["axis"],
            vec![
                within("then_branch", constant(1)),
                within("else_branch", constant(3)),
            ],
        )
        .node("Gather", &["x", "axis"], &["y"], vec![])
        .output("y", F32);
    both(&onnx, &[10.0, 11.0, 12.0, 13.0], &[11.0], &[13.0]);
}

/// Adds up the columns of `e`, a row after the other, and gives all sums.
fn summing(onnx: Onnx, e: &str, start: &str) -> Onnx {
    let body = Onnx::new()
        .input("before", F32, &[1])
        .input("row", F32, &[1])
        .node("Add", &["before", "row"], &["sum"], vec![])
        .node("Identity", &["sum"], &["each"], vec![])
        .output("sum", F32)
        .output("each", F32);
    onnx.node(
        "Scan",
        &[start, e],
        &["last", "sums"],
        vec![within("body", body), int("num_scan_inputs", 1)],
    )
}

/// Where the second half of `x` is as the first, what every engine makes of it is so, too.
fn repeats(onnx: &Onnx, sizes: &[u32]) {
    for engine in engines() {
        let model = Model::load_on(&onnx.bytes(), &ModelLimits::default(), &engine).unwrap();
        let count: u32 = sizes.iter().product();
        let half = (0..count / 2).flat_map(|n| (0.25 + n as f32 / 8.0).to_le_bytes());
        let data: Vec<u8> = half.collect::<Vec<_>>().repeat(2);
        let x = Tensor::new(sizes.to_vec(), ElementType::F32, data).unwrap();
        let outputs = model.compute(vec![("x".to_owned(), x)]).unwrap();
        let (one, other) = outputs[0].1.data().split_at(outputs[0].1.data().len() / 2);
        assert_eq!(one, other, "{engine:?}");
    }
}

/// A model that does the same for each slice of `x`.
fn each_slice(body: Onnx, onnx: Onnx) -> Onnx {
    let attributes = vec![int("num_scan_inputs", 1), within("body", body)];
    onnx.node("Scan", &["x"], &["y"], attributes)
        .output("y", F32)
}

#[test]
fn steps_within_steps_begin_with_what_they_are_given_each_time() {
    let body = Onnx::new().input("e", F32, &[3, 1]).floats("start", &[0.5]);
    let body = summing(body, "e", "start")
        .node("Neg", &["sums"], &["less"], vec![])
        .node("Add", &["less", "e"], &["y"], vec![])
        .output("y", F32);
    let onnx = Onnx::new().input("x", F32, &[2, 3, 1]);
    repeats(&each_slice(body, onnx), &[2, 3, 1]);
}

#[test]
fn recurrences_within_steps_begin_with_nothing_each_time() {
    for (operator, gates) in [("RNN", 1), ("GRU", 3), ("LSTM", 4)] {
        let body = Onnx::new()
            .input("e", F32, &[3, 1, 2])
            .weights("w", &[1, gates * 2, 2])
            .node(
                operator,
                &["e", "w", "w"],
                &["h"],
                vec![int("hidden_size", 2)],
            )
            .integers("one", &[1])
            .node("Squeeze", &["h", "one"], &["flat"], vec![])
            .node("Add", &["flat", "e"], &["y"], vec![])
            .output("y", F32);
        let onnx = Onnx::new().input("x", F32, &[2, 3, 1, 2]);
        repeats(&each_slice(body, onnx), &[2, 3, 1, 2]);
    }
}
