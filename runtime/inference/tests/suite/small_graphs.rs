//! Checks the count of each kind of operator on graphs small enough to count by hand, and that the
//! backend computes the shapes that were charged for.

use meterbox_inference::{Cost, ElementType, Model, Tensor};

use crate::build::{
    ELEMENT, F32, GROUP, I64, LAYOUT, NODE, Onnx, PRODUCT, ROW, STEP, cost_f32, int, ints, text,
};

/// Loads, compares the f32 operations (the nodes' fixed charge apart), runs on zeros, gives the cost.
fn check(onnx: Onnx, inputs: &[(&str, &[u32])], operations: u64) -> Cost {
    let model = onnx.load().unwrap();
    let cost = cost_f32(&model, inputs);
    assert_eq!(cost.operations.f32 - NODE * model.nodes(), operations);
    assert_eq!(cost.operations.total(), Some(cost.operations.f32));
    run(&model, inputs);
    cost
}

fn run(model: &Model, inputs: &[(&str, &[u32])]) -> Vec<(String, Tensor)> {
    let tensors = inputs.iter().map(|&(name, dimensions)| {
        let bytes = usize::try_from(dimensions.iter().product::<u32>()).unwrap() * 4;
        let zeros = Tensor::new(dimensions.to_vec(), ElementType::F32, vec![0; bytes]).unwrap();
        (name.to_owned(), zeros)
    });
    model
        .compute(tensors.collect())
        .unwrap_or_else(|error| panic!("{model:?}: {error}"))
}

#[test]
fn matrix_product_counts_rows_times_inner_times_columns() {
    let onnx = Onnx::new()
        .input("x", F32, &[-1, 3, 5])
        .weights("w", &[5, 7])
        .node("MatMul", &["x", "w"], &["y"], vec![])
        .output("y", F32);
    // 2 × 15 elements are read, 2 × 21 are written, in 2 products; the weights have a count of their own.
    let each = 3 * 5 * 7 + 15 * LAYOUT + 21 * ELEMENT + PRODUCT;
    let cost = check(onnx.clone(), &[("x", &[2, 3, 5])], 2 * each);
    assert_eq!(cost.weight_bytes, 4 * 5 * 7);
    assert_eq!(cost.tensor_bytes, 4 * (2 * 3 * 5 + 2 * 3 * 7));
    check(onnx, &[("x", &[20, 3, 5])], 20 * each);
}

#[test]
fn transposed_gemm_counts_its_inner_length() {
    // A is 6 × 4 read as 4 × 6, B is 5 × 6 read as 6 × 5, with a bias of 5 or without. 24 elements
    // are read, 20 are written.
    let gemm = |inputs: &[&str]| {
        Onnx::new()
            .input("a", F32, &[6, 4])
            .weights("b", &[5, 6])
            .weights("c", &[5])
            .node(
                "Gemm",
                inputs,
                &["y"],
                vec![int("transA", 1), int("transB", 1)],
            )
            .output("y", F32)
    };
    let expected = 4 * 6 * 5 + 24 * LAYOUT + 20 * ELEMENT + PRODUCT;
    check(gemm(&["a", "b"]), &[("a", &[6, 4])], expected);
    // The bias has 5 more, of one dimension.
    let expected = expected + 5 * LAYOUT;
    check(gemm(&["a", "b", "c"]), &[("a", &[6, 4])], expected);
}

#[test]
fn convolution_counts_only_the_channels_of_a_group() {
    let conv = |kernel: &[i64], group: i64| {
        Onnx::new()
            .input("x", F32, &[1, 4, 9, 9])
            .weights("w", kernel)
            .node(
                "Conv",
                &["x", "w"],
                &["y"],
                vec![
                    int("group", group),
                    ints("strides", &[2, 2]),
                    ints("pads", &[1, 1, 1, 1]),
                ],
            )
            .output("y", F32)
    };
    // (9 + 2 − 3) ÷ 2 + 1 = 5 positions along each side, of which (9 − 3) ÷ 2 + 1 = 4 are inside: 9 of 25
    // positions are planned for each of 9 elements. Each output is written, each group is begun, 324 elements are read.
    let once = 9 * 9 * ELEMENT + 324 * LAYOUT;
    check(
        conv(&[6, 4, 3, 3], 1),
        &[("x", &[1, 4, 9, 9])],
        6 * 5 * 5 * (4 * 9 + ELEMENT) + GROUP + once,
    );
    check(
        conv(&[6, 2, 3, 3], 2),
        &[("x", &[1, 4, 9, 9])],
        6 * 5 * 5 * (2 * 9 + ELEMENT) + 2 * GROUP + once,
    );
    check(
        conv(&[4, 1, 3, 3], 4),
        &[("x", &[1, 4, 9, 9])],
        4 * 5 * 5 * (9 + ELEMENT) + 4 * GROUP + once,
    );
}

#[test]
fn transposed_convolution_counts_each_input_once_per_kernel_element() {
    let onnx = Onnx::new()
        .input("x", F32, &[1, 3, 4, 4])
        .weights("w", &[3, 2, 3, 3])
        .node(
            "ConvTranspose",
            &["x", "w"],
            &["y"],
            vec![ints("strides", &[2, 2])],
        )
        .output("y", F32);
    // 4 × 4 windows of 2 × 9 elements are added up to 2 × 9 × 9 outputs; 48 elements are read.
    let moved = 4 * 4 * 2 * 9 + 2 * 9 * 9;
    check(
        onnx,
        &[("x", &[1, 3, 4, 4])],
        3 * 4 * 4 * 2 * 9 + moved * ELEMENT + 48 * LAYOUT + GROUP,
    );
}

#[test]
fn recurrent_operators_count_steps_gates_and_directions() {
    // 6 steps, batch 2, 3 features, 5 cells; or a batch of 6 and 2 steps.
    let (features, cells) = (3, 5);
    for (operator, gates) in [("LSTM", 4_u64), ("GRU", 3), ("RNN", 1)] {
        for (direction, directions) in [("forward", 1_u64), ("bidirectional", 2)] {
            let rows = i64::try_from(gates * cells).unwrap();
            let sides = i64::try_from(directions).unwrap();
            let onnx = Onnx::new()
                .input("x", F32, &[6, 2, 3])
                .weights("w", &[sides, rows, 3])
                .weights("r", &[sides, rows, 5])
                .node(
                    operator,
                    &["x", "w", "r"],
                    &["y"],
                    vec![int("hidden_size", 5), text("direction", direction)],
                )
                .output("y", F32);
            let expected = |steps: u64, batch: u64| {
                let each = features + cells + 64;
                // And 36 elements are read.
                steps * directions * (batch * gates * cells * each + STEP) + 36 * LAYOUT
            };
            check(onnx.clone(), &[("x", &[6, 2, 3])], expected(6, 2));
            // Which one engine does not compute, and another does.
            let mut by_batch = onnx;
            by_batch.graph.node[0].attribute.push(int("layout", 1));
            let model = by_batch.load().unwrap();
            let cost = cost_f32(&model, &[("x", &[6, 2, 3])]);
            assert_eq!(cost.operations.f32, expected(2, 6) + NODE);
        }
    }
}

#[test]
fn broadcasting_addition_counts_output_elements() {
    let onnx = Onnx::new()
        .input("a", F32, &[-1, 1, 4])
        .input("b", F32, &[3, 1])
        .node("Add", &["a", "b"], &["y"], vec![])
        .output("y", F32);
    check(onnx, &[("b", &[3, 1]), ("a", &[2, 1, 4])], 2 * 3 * 4 * 16);
}

#[test]
fn reductions_count_what_they_read_and_pools_their_windows() {
    let reduce = Onnx::new()
        .input("x", F32, &[8, 16])
        .node("ReduceMax", &["x"], &["y"], vec![ints("axes", &[1])])
        .output("y", F32);
    check(reduce, &[("x", &[8, 16])], 8 * 16 * 16 + 8 * ROW);
    let pool = Onnx::new()
        .input("x", F32, &[1, 2, 8, 8])
        .node(
            "MaxPool",
            &["x"],
            &["y"],
            vec![ints("kernel_shape", &[2, 2]), ints("strides", &[2, 2])],
        )
        .output("y", F32);
    check(pool, &[("x", &[1, 2, 8, 8])], 2 * 4 * 4 * (16 + 4 * 4));
}

#[test]
fn shapes_computed_inside_the_model_are_followed() {
    // Flattens all but the first dimension by asking for the shape: 3 × (4 × 5).
    let onnx = Onnx::new()
        .input("x", F32, &[-1, 4, 5])
        .integers("first", &[0])
        .integers("open", &[-1])
        .node("Shape", &["x"], &["shape"], vec![])
        .node("Gather", &["shape", "first"], &["batch"], vec![])
        .node(
            "Concat",
            &["batch", "open"],
            &["target"],
            vec![int("axis", 0)],
        )
        .node("Reshape", &["x", "target"], &["flat"], vec![])
        .node("Softmax", &["flat"], &["y"], vec![])
        .output("y", F32);
    let model = onnx.load().unwrap();
    let cost = cost_f32(&model, &[("x", &[3, 4, 5])]);
    // Reshape is a view of 60 elements; Softmax has 3 rows.
    assert_eq!(cost.operations.f32, 3 * 20 * (4 + 64) + 3 * ROW + 2 * NODE);
    // Shape tells 3 numbers, Gather and Concat write 1 and 2.
    assert_eq!(cost.operations.f64, 3 * 4 + 3 * 16 + 3 * NODE);
    let outputs = run(&model, &[("x", &[3, 4, 5])]);
    assert_eq!(outputs[0].1.dimensions(), [3, 20]);
}

#[test]
fn weights_count_once_for_each_node_that_reads_them() {
    let onnx = Onnx::new()
        .input("x", F32, &[4, 4])
        .weights("w", &[4, 4])
        .weights("unused", &[100, 100])
        .node("MatMul", &["x", "w"], &["once"], vec![])
        .node("MatMul", &["once", "w"], &["y"], vec![])
        .output("y", F32);
    let each = 4 * 4 * 4 + 16 * LAYOUT + 16 * ELEMENT + PRODUCT;
    let cost = check(onnx, &[("x", &[4, 4])], 2 * each);
    assert_eq!(cost.weight_bytes, 2 * 4 * 16);
}

/// Operators of the table that take one tensor and need nothing else.
const UNARY: &[&str] = &[
    "Abs",
    "Acos",
    "Acosh",
    "Asin",
    "Asinh",
    "Atan",
    "Atanh",
    "Ceil",
    "Clip",
    "Cos",
    "Cosh",
    "Dropout",
    "Elu",
    "Erf",
    "Exp",
    "Flatten",
    "Floor",
    "GlobalAveragePool",
    "GlobalMaxPool",
    "HardSigmoid",
    "HardSwish",
    "Identity",
    "LeakyRelu",
    "Log",
    "LogSoftmax",
    "Neg",
    "Reciprocal",
    "ReduceL1",
    "ReduceL2",
    "ReduceMax",
    "ReduceMean",
    "ReduceMin",
    "ReduceProd",
    "ReduceSum",
    "ReduceSumSquare",
    "Relu",
    "Round",
    "Selu",
    "Sigmoid",
    "Sign",
    "Sin",
    "Sinh",
    "Softmax",
    "Softplus",
    "Softsign",
    "Sqrt",
    "Squeeze",
    "Tan",
    "Tanh",
    "ThresholdedRelu",
    "Transpose",
];

/// Operators of the table that take two tensors of one type and give one of it.
const BINARY: &[&str] = &[
    "Add", "Div", "Max", "Min", "Mod", "Mul", "PRelu", "Pow", "Sub",
];

#[test]
fn backend_agrees_on_the_output_of_simple_operators() {
    let dimensions: &[u32] = &[2, 3, 4];
    let sizes: &[i64] = &[2, 3, 4];
    for operator in UNARY {
        let onnx = Onnx::new()
            .input("x", F32, sizes)
            .node(operator, &["x"], &["y"], vec![]);
        run(&onnx.output("y", F32).load().unwrap(), &[("x", dimensions)]);
    }
    for operator in BINARY {
        let attributes = if *operator == "Mod" {
            vec![int("fmod", 1)]
        } else {
            vec![]
        };
        let onnx = Onnx::new()
            .input("x", F32, sizes)
            .weights("w", &[3, 1])
            .node(operator, &["x", "w"], &["y"], attributes)
            .output("y", F32);
        run(&onnx.load().unwrap(), &[("x", dimensions)]);
    }
    for operator in ["Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual"] {
        let onnx = Onnx::new()
            .input("x", F32, sizes)
            .weights("w", &[3, 1])
            .node(operator, &["x", "w"], &["test"], vec![])
            .node("Not", &["test"], &["not"], vec![])
            .node("Where", &["not", "x", "w"], &["y"], vec![])
            .output("y", F32);
        run(&onnx.load().unwrap(), &[("x", dimensions)]);
    }
}

#[test]
fn backend_agrees_on_the_output_of_moving_operators() {
    let cases: Vec<(&str, Vec<&str>, Vec<tract_onnx::pb::AttributeProto>)> = vec![
        ("ArgMax", vec!["x"], vec![int("axis", 2)]),
        (
            "ArgMin",
            vec!["x"],
            vec![int("axis", 1), int("keepdims", 0)],
        ),
        ("Concat", vec!["x", "x"], vec![int("axis", -1)]),
        ("CumSum", vec!["x", "one"], vec![]),
        ("DepthToSpace", vec!["x"], vec![int("blocksize", 2)]),
        ("Expand", vec!["x", "wide"], vec![]),
        ("Gather", vec!["x", "picks"], vec![int("axis", 2)]),
        ("Pad", vec!["x", "pads"], vec![]),
        (
            "Slice",
            vec!["x", "starts", "ends", "axes", "steps"],
            vec![],
        ),
        ("SpaceToDepth", vec!["x"], vec![int("blocksize", 2)]),
        ("Tile", vec!["x", "wide"], vec![]),
        ("Unsqueeze", vec!["x", "axes"], vec![]),
        (
            "AveragePool",
            vec!["x"],
            vec![ints("kernel_shape", &[2, 2])],
        ),
        (
            "MaxPool",
            vec!["x"],
            vec![
                ints("kernel_shape", &[3, 3]),
                text("auto_pad", "SAME_UPPER"),
            ],
        ),
        ("BatchNormalization", vec!["x", "w", "w", "w", "w"], vec![]),
        ("InstanceNormalization", vec!["x", "w", "w"], vec![]),
        ("LayerNormalization", vec!["x", "last"], vec![]),
        ("Size", vec!["x"], vec![]),
    ];
    for (operator, inputs, attributes) in cases {
        let whole = matches!(operator, "ArgMax" | "ArgMin" | "Size");
        let onnx = Onnx::new()
            .input("x", F32, &[1, 4, 4, 6])
            .weights("w", &[4])
            .weights("last", &[6])
            .scalar("one", 1)
            .integers("wide", &[1, 1, 1, 1])
            .integers("picks", &[0, -1, 2])
            .integers("pads", &[0, 0, 1, 2, 0, 0, 0, 3])
            .integers("starts", &[-1, 1])
            .integers("ends", &[i64::MIN + 1, i64::MAX])
            .integers("axes", &[3, 1])
            .integers("steps", &[-2, 1])
            .node(operator, &inputs, &["y"], attributes)
            .output("y", if whole { I64 } else { F32 });
        let model = onnx
            .load()
            .unwrap_or_else(|error| panic!("{operator}: {error}"));
        run(&model, &[("x", &[1, 4, 4, 6])]);
    }
}
