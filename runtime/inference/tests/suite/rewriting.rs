//! Checks that engines rewrite no graph into one that computes something else, on what was once got wrong.

use meterbox_inference::{ElementType, Model, ModelLimits, Tensor};

use tract_onnx::pb;

use crate::at_hand::engines;
use crate::build::{F32, I64, Onnx, int, ints};

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

#[test]
fn padding_of_a_node_before_a_convolution_stays_too() {
    let onnx = Onnx::new()
        .input("x", F32, &[1, 1, 2, 2])
        .weights("column", &[2, 1])
        .integers("pads", &[0, 0, 0, 1, 0, 0, 0, 1])
        .weights("kernel", &[1, 1, 2, 1])
        .weights("columns", &[3, 1])
        .node("MatMul", &["x", "column"], &["right"], vec![])
        .node("Pad", &["right", "pads"], &["wide"], vec![])
        .node("Conv", &["wide", "kernel"], &["lower"], vec![])
        .node("MatMul", &["lower", "columns"], &["y"], vec![])
        .output("y", F32);
    gives(&onnx, &[1, 1, 2, 2], &[0.0, 512.0, 0.0, 1024.0], &[2.0]);
}

#[test]
fn padding_before_a_quantised_convolution_is_not_its_zero_point() {
    const U8: i32 = 2;
    let mut onnx = Onnx::new()
        .input("x", F32, &[1, 1, 2])
        .integers("pads", &[0, 0, 0, 0, 0, 1])
        .node("Cast", &["x"], &["whole"], vec![int("to", U8.into())])
        .node("Pad", &["whole", "pads"], &["wide"], vec![])
        .node(
            "ConvInteger",
            &["wide", "kernel", "zero"],
            &["sums"],
            vec![],
        )
        .node("Cast", &["sums"], &["y"], vec![int("to", F32.into())])
        .output("y", F32);
    // Each sum is of two that are 7 less.
    for (name, dims, values) in [
        ("kernel", vec![1, 1, 2], vec![1, 1]),
        ("zero", vec![], vec![7]),
    ] {
        onnx.graph.initializer.push(pb::TensorProto {
            name: name.into(),
            dims,
            data_type: U8,
            raw_data: values,
            ..Default::default()
        });
    }
    gives(&onnx, &[1, 1, 2], &[8.0, 9.0], &[3.0, -5.0]);
}

#[test]
fn one_number_has_remainders_by_several() {
    let onnx = Onnx::new()
        .input("x", F32, &[3])
        .floats("seven", &[7.0])
        .node("Mod", &["seven", "x"], &["y"], vec![int("fmod", 1)])
        .output("y", F32);
    gives(&onnx, &[3], &[3.0, 4.0, 5.0], &[1.0, 3.0, 2.0]);
}

#[test]
fn whole_numbers_beyond_32_bits_stay_what_they_are() {
    let onnx = Onnx::new()
        .input("x", F32, &[2])
        .integers("axis", &[0])
        .node("Cast", &["x"], &["whole"], vec![int("to", I64.into())])
        .node("ReduceSum", &["whole", "axis"], &["sum"], vec![])
        .node("Cast", &["sum"], &["y"], vec![int("to", F32.into())])
        .output("y", F32);
    gives(&onnx, &[2], &[3e9, 3e9], &[6e9]);
}

#[test]
fn what_is_no_number_stays_none() {
    let no_number = |onnx: Onnx| {
        onnx.node("IsNaN", &["made"], &["is_none"], vec![])
            .node("Cast", &["is_none"], &["y"], vec![int("to", F32.into())])
            .output("y", F32)
    };
    let squared = Onnx::new()
        .input("x", F32, &[2])
        .node("Sqrt", &["x"], &["root"], vec![])
        .node("Mul", &["root", "root"], &["made"], vec![]);
    gives(&no_number(squared), &[2], &[-4.0, 4.0], &[1.0, 0.0]);
    let by_nothing = Onnx::new()
        .input("x", F32, &[2])
        .floats("nothing", &[0.0])
        .node("Mul", &["x", "nothing"], &["made"], vec![]);
    gives(
        &no_number(by_nothing),
        &[2],
        &[f32::INFINITY, 4.0],
        &[1.0, 0.0],
    );
}

#[test]
fn scales_are_applied_where_the_model_has_them() {
    let power = |exponent: i32| 2.0_f32.powi(exponent);
    let twice = Onnx::new()
        .input("x", F32, &[1])
        .floats("scale", &[power(90)])
        .node("Mul", &["x", "scale"], &["once"], vec![])
        .node("Mul", &["once", "scale"], &["y"], vec![])
        .output("y", F32);
    gives(&twice, &[1], &[power(-100)], &[power(80)]);
    let before_the_sum = Onnx::new()
        .input("x", F32, &[64])
        .floats("scale", &[power(-6)])
        .integers("axis", &[0])
        .node("Mul", &["x", "scale"], &["parts"], vec![])
        .node("ReduceSum", &["parts", "axis"], &["y"], vec![])
        .output("y", F32);
    gives(&before_the_sum, &[64], &[power(125); 64], &[power(125)]);
    // Near to a millionth, and not it.
    let after_the_sum = Onnx::new()
        .input("x", F32, &[1_000_000])
        .floats("scale", &[power(-20)])
        .integers("axis", &[0])
        .node("Mul", &["x", "x"], &["squares"], vec![])
        .node("ReduceSum", &["squares", "axis"], &["sum"], vec![])
        .node("Mul", &["sum", "scale"], &["y"], vec![])
        .output("y", F32);
    gives(
        &after_the_sum,
        &[1_000_000],
        &[1.0; 1_000_000],
        &[1e6 * power(-20)],
    );
}

#[test]
fn scales_of_f64_may_be_smaller_than_numbers_of_f32() {
    const F64: i32 = 11;
    let mut onnx = Onnx::new()
        .input("x", F32, &[3])
        .node("Cast", &["x"], &["wide"], vec![int("to", F64.into())])
        .node("Mul", &["wide", "small"], &["less"], vec![])
        .node("Mul", &["less", "large"], &["same"], vec![])
        .node("Cast", &["same"], &["y"], vec![int("to", F32.into())])
        .output("y", F32);
    for (name, exponent) in [("small", -200), ("large", 200)] {
        onnx.graph.initializer.push(pb::TensorProto {
            name: name.into(),
            data_type: F64,
            double_data: vec![2.0_f64.powi(exponent)],
            ..Default::default()
        });
    }
    gives(&onnx, &[3], &[1.0, 2.0, 3.0], &[1.0, 2.0, 3.0]);
}

#[test]
fn axes_put_together_are_multiplied_by_one_matrix() {
    let onnx = Onnx::new()
        .input("x", F32, &[2, 2, 1, 2])
        .integers("shape", &[4, 1, 2])
        // 0 and 1/8: an eighth of the second.
        .weights("matrix", &[1, 2, 1])
        .node("Reshape", &["x", "shape"], &["flat"], vec![])
        .node("MatMul", &["flat", "matrix"], &["y"], vec![])
        .output("y", F32);
    let x = [0.0, 8.0, 0.0, 16.0, 0.0, 24.0, 0.0, 32.0];
    gives(&onnx, &[2, 2, 1, 2], &x, &[1.0, 2.0, 3.0, 4.0]);
}

#[test]
fn slices_by_steps_take_what_onnx_says() {
    let x: [f32; 5] = [10.0, 11.0, 12.0, 13.0, 14.0];
    for begin in 0..5_i64 {
        for end in (i64::from(begin == 0) - 1..=5).chain([i64::MIN]) {
            for step in [-3, -2, -1, 1, 2, 3] {
                let mut expected = Vec::new();
                let mut at = begin;
                while (0..5).contains(&at) && if step > 0 { at < end } else { at > end } {
                    expected.push(x[usize::try_from(at).unwrap()]);
                    at += step;
                }
                if expected.is_empty() || end == -1 {
                    continue;
                }
                let onnx = Onnx::new()
                    .input("x", F32, &[5])
                    .integers("begin", &[begin])
                    .integers("end", &[end])
                    .integers("axes", &[0])
                    .integers("step", &[step])
                    .node(
                        "Slice",
                        &["x", "begin", "end", "axes", "step"],
                        &["y"],
                        vec![],
                    )
                    .output("y", F32);
                gives(&onnx, &[5], &x, &expected);
            }
        }
    }
}
