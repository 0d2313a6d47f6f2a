//! Checks that engines rewrite no graph into one that computes something else, on what was once got wrong.

use meterbox_inference::{ElementType, Model, ModelLimits, Tensor};

use crate::at_hand::engines;
use crate::build::{F32, Onnx, int, ints};

/// What a model of `x` gives on every engine.
fn gives(onnx: &Onnx, sizes: &[u32], x: &[f32], expected: &[f32]) {
    let bytes = |values: &[f32]| -> Vec<u8> {
        values
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect()
    };
    for engine in engines() {
        let model = Model::load_on(&onnx.bytes(), &ModelLimits::default(), &engine).unwrap();
        let x = Tensor::new(sizes.to_vec(), ElementType::F32, bytes(x)).unwrap();
        let outputs = model.compute(vec![("x".to_owned(), x)]).unwrap();
        assert_eq!(outputs[0].1.data(), bytes(expected), "{engine:?}");
    }
}

/// Each second element of `from`, along the last of two axes.
fn each_second(onnx: Onnx, from: &str) -> Onnx {
    onnx.integers("zero", &[0])
        .integers("end", &[i64::MAX])
        .integers("axis", &[1])
        .integers("two", &[2])
        .node(
            "Slice",
            &[from, "zero", "end", "axis", "two"],
            &["y"],
            vec![],
        )
        .output("y", F32)
}

#[test]
fn parts_are_taken_of_what_was_made_of_all() {
    let onnx = Onnx::new().input("x", F32, &[1, 4]).node(
        "Softmax",
        &["x"],
        &["shares"],
        vec![int("axis", 1)],
    );
    gives(
        &each_second(onnx, "shares"),
        &[1, 4],
        &[0.0; 4],
        &[0.25, 0.25],
    );
}

#[test]
fn what_is_repeated_is_summed_as_often() {
    for operator in ["Expand", "Tile"] {
        let onnx = Onnx::new()
            .input("x", F32, &[3, 1])
            .integers(
                "by",
                match operator {
                    "Expand" => &[3, 2],
                    _ => &[1, 2],
                },
            )
            // 0 and 1/8, 2/8 and 3/8.
            .weights("columns", &[2, 2])
            .node(operator, &["x", "by"], &["twice"], vec![])
            .node("MatMul", &["twice", "columns"], &["y"], vec![])
            .output("y", F32);
        let expected = [1.0, 2.0, 2.0, 4.0, 3.0, 6.0];
        gives(&onnx, &[3, 1], &[4.0, 8.0, 12.0], &expected);
    }
}

#[test]
fn results_of_a_convolution_are_taken_from_a_constant_and_divide_it() {
    for (operator, expected) in [("Sub", [6.0, 10.0, 4.0]), ("Div", [4.0, -4.0, 2.0])] {
        let onnx = Onnx::new()
            .input("x", F32, &[1, 1, 4])
            .floats("eight", &[8.0])
            // 0 and 1/8: an eighth of the next.
            .weights("kernel", &[1, 1, 2])
            .node("Conv", &["x", "kernel"], &["eighths"], vec![])
            .node(operator, &["eight", "eighths"], &["y"], vec![])
            .output("y", F32);
        gives(&onnx, &[1, 1, 4], &[0.0, 16.0, -16.0, 32.0], &expected);
    }
}

#[test]
fn an_axis_of_one_that_is_padded_to_three_stays() {
    let onnx = Onnx::new()
        .input("x", F32, &[1, 1, 2, 2])
        // 0 and 1/8: an eighth of the right, then of the lower.
        .weights("column", &[2, 1])
        .weights("kernel", &[1, 1, 2, 1])
        // 0, 1/8 and 2/8: an eighth of that in the middle.
        .weights("columns", &[3, 1])
        .node("MatMul", &["x", "column"], &["right"], vec![])
        .node("Relu", &["right"], &["above"], vec![])
        .node(
            "Conv",
            &["above", "kernel"],
            &["padded"],
            vec![ints("pads", &[0, 1, 0, 1])],
        )
        .node("MatMul", &["padded", "columns"], &["y"], vec![])
        .output("y", F32);
    gives(&onnx, &[1, 1, 2, 2], &[0.0, 512.0, 0.0, 1024.0], &[2.0]);
}
