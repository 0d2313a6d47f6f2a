//! Owns the cases of more than one node: steps, chains, and getting ready.

use crate::build::{Onnx, int, ints, text, within};
use crate::case::In::{F, Floats, Numbers, T, Weights, Zeros};
use crate::case::{BOOL, Case, F16, FLOAT, I64, In, Recipe, U8, case};

pub fn whole(name: &str, model: Onnx, inputs: &[In]) -> Case {
    Case {
        name: name.to_owned(),
        recipe: None,
        model,
        inputs: inputs
            .iter()
            .filter_map(In::tensor)
            .enumerate()
            .map(|(index, (_, tensor))| (format!("x{index}"), tensor))
            .collect(),
        is_preparation: false,
    }
}

/// So many nodes one after the other, of these operators in turn.
fn chain(name: &str, operators: &[&str], count: usize, dimensions: &[u32]) -> Case {
    let sizes: Vec<i64> = dimensions.iter().map(|&size| size.into()).collect();
    let mut onnx = Onnx::new()
        .input("x0", FLOAT, &sizes)
        .integers("axis", &[0]);
    let mut before = "x0".to_owned();
    for (index, operator) in operators.iter().cycle().take(count).enumerate() {
        let made = if index + 1 == count {
            "y".to_owned()
        } else {
            format!("v{index}")
        };
        onnx = match *operator {
            "Squeeze" | "Unsqueeze" => onnx.node(operator, &[&before, "axis"], &[&made], vec![]),
            "Add" => onnx.node(operator, &[&before, "x0"], &[&made], vec![]),
            _ => onnx.node(operator, &[&before], &[&made], vec![]),
        };
        before = made;
    }
    whole(name, onnx.output("y", FLOAT), &[F(dimensions.to_vec())])
}

pub fn steps() -> Vec<Case> {
    let looped = |name: &str, trips: i64, nodes: usize| {
        let mut body = Onnx::new()
            .input("i", I64, &[])
            .input("c", BOOL, &[])
            .input("v0", FLOAT, &[1]);
        body = body
            .node("Identity", &["c"], &["d"], vec![])
            .output("d", BOOL);
        for index in 0..nodes {
            body = body.node(
                "Add",
                &[&format!("v{index}"), "x0"],
                &[&format!("v{}", index + 1)],
                vec![],
            );
        }
        let body = body.output(&format!("v{nodes}"), FLOAT);
        let onnx = Onnx::new()
            .input("x0", FLOAT, &[1])
            .scalar("trips", trips)
            .node(
                "Loop",
                &["trips", "", "x0"],
                &["y"],
                vec![within("body", body)],
            )
            .output("y", FLOAT);
        whole(name, onnx, &[F(vec![1])])
    };
    let across = || {
        let body = Onnx::new()
            .input("s", FLOAT, &[1])
            .input("e", FLOAT, &[65_536])
            .integers("first", &[0])
            .node("Gather", &["e", "first"], &["t"], vec![])
            .output("s", FLOAT)
            .output("t", FLOAT);
        let attributes = vec![
            int("num_scan_inputs", 1),
            ints("scan_input_axes", &[1]),
            within("body", body),
        ];
        let onnx = Onnx::new()
            .input("x0", FLOAT, &[1])
            .input("x1", FLOAT, &[65_536, 16])
            .node("Scan", &["x0", "x1"], &["y", "z"], attributes)
            .output("y", FLOAT)
            .output("z", FLOAT);
        whole("Scan crosswise", onnx, &[F(vec![1]), F(vec![65_536, 16])])
    };
    let scanned = |name: &str, slices: u32| {
        let body = Onnx::new()
            .input("s", FLOAT, &[1])
            .input("e", FLOAT, &[1])
            .node("Add", &["s", "e"], &["t"], vec![])
            .node("Mul", &["t", "e"], &["u"], vec![])
            .output("t", FLOAT)
            .output("u", FLOAT);
        let onnx = Onnx::new()
            .input("x0", FLOAT, &[1])
            .input("x1", FLOAT, &[slices.into(), 1])
            .node(
                "Scan",
                &["x0", "x1"],
                &["y", "z"],
                vec![int("num_scan_inputs", 1), within("body", body)],
            )
            .output("y", FLOAT)
            .output("z", FLOAT);
        whole(name, onnx, &[F(vec![1]), F(vec![slices, 1])])
    };
    let mut cases: Vec<Case> = small()
        .iter()
        .map(|recipe| recipe.many(&format!("{}, 500 of few elements", recipe.operator), 500))
        .collect();
    cases.extend([
        looped("Loop of one node", 20_000, 1),
        looped("Loop of ten nodes", 5_000, 10),
        scanned("Scan", 20_000),
        across(),
        joined("Sum of 500, 20 times", 20, 500),
        chain("Relu, 1,000 of 1 element", &["Relu"], 1_000, &[1]),
        chain("Add, 1,000 of 1 element", &["Add"], 1_000, &[1]),
        chain(
            "Exp and Abs, 1,000 of 1 element",
            &["Exp", "Abs"],
            1_000,
            &[1],
        ),
        halves("HardSwish f16 after Tanh", false),
        halves("Scan of Tanh and HardSwish f16", true),
        branch_in_loop("Loop with a branch that reads 5,000 names", 5_000),
        carried("Loop that carries 1,000", 1_000),
    ]);
    cases
}

/// A kernel of wide vectors, and then what is computed element by element; the same for each of some slices.
fn halves(name: &str, is_repeated: bool) -> Case {
    let dimensions = vec![16, 65_536];
    let within_or_not = |onnx: Onnx, x: &str| {
        onnx.node("Tanh", &[x], &["t"], vec![])
            .node("Cast", &["t"], &["h"], vec![int("to", F16.into())])
            .node("HardSwish", &["h"], &["s"], vec![])
            .node("Cast", &["s"], &["f"], vec![int("to", FLOAT.into())])
    };
    let onnx = Onnx::new().input("x0", FLOAT, &[16, 65_536]);
    let onnx = match is_repeated {
        false => within_or_not(onnx, "x0").node("Relu", &["f"], &["y"], vec![]),
        true => {
            let body = Onnx::new().input("e", FLOAT, &[65_536]);
            let body = within_or_not(body, "e").output("f", FLOAT);
            let attributes = vec![int("num_scan_inputs", 1), within("body", body)];
            onnx.node("Scan", &["x0"], &["y"], attributes)
        }
    };
    whole(name, onnx.output("y", FLOAT), &[F(dimensions)])
}

/// A loop with a branch in it that is never taken, and reads so many names of the graph around the loop.
fn branch_in_loop(name: &str, names: usize) -> Case {
    const SUMMED: usize = 1_000;
    let named: Vec<String> = (0..names).map(|index| format!("k{index}")).collect();
    let mut onnx = Onnx::new()
        .input("x0", FLOAT, &[1])
        .scalar("trips", 500)
        .zeros("never", BOOL, &[], 1);
    let mut dear = Onnx::new();
    for (index, parts) in named.chunks(SUMMED).enumerate() {
        for part in parts {
            onnx = onnx.floats(part, &[0.5]);
        }
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        dear = dear.node("Sum", &parts, &[&format!("s{index}")], vec![]);
    }
    let sums: Vec<String> = (0..names.div_ceil(SUMMED))
        .map(|index| format!("s{index}"))
        .collect();
    let sums: Vec<&str> = sums.iter().map(String::as_str).collect();
    let dear = dear.node("Sum", &sums, &["t"], vec![]).output("t", FLOAT);
    let cheap = Onnx::new()
        .node("Identity", &["v"], &["u"], vec![])
        .output("u", FLOAT);
    let body = Onnx::new()
        .input("i", I64, &[])
        .input("c", BOOL, &[])
        .input("v", FLOAT, &[1])
        .node("Identity", &["c"], &["d"], vec![])
        .node(
            "If",
            &["never"],
            &["w"],
            vec![within("then_branch", dear), within("else_branch", cheap)],
        )
        .output("d", BOOL)
        .output("w", FLOAT);
    let onnx = onnx
        .node(
            "Loop",
            &["trips", "", "x0"],
            &["y"],
            vec![within("body", body)],
        )
        .output("y", FLOAT);
    whole(name, onnx, &[F(vec![1])])
}

/// A loop that does nothing but carry so many values from step to step.
fn carried(name: &str, values: usize) -> Case {
    let mut body = Onnx::new().input("i", I64, &[]).input("c", BOOL, &[]);
    body = body
        .node("Identity", &["c"], &["d"], vec![])
        .output("d", BOOL);
    let mut inputs = vec!["trips".to_owned(), String::new()];
    let mut outputs = Vec::new();
    for index in 0..values {
        body = body
            .input(&format!("v{index}"), FLOAT, &[1])
            .node(
                "Identity",
                &[&format!("v{index}")],
                &[&format!("w{index}")],
                vec![],
            )
            .output(&format!("w{index}"), FLOAT);
        inputs.push("x0".to_owned());
        outputs.push(format!("y{index}"));
    }
    let [inputs, outputs] =
        [&inputs, &outputs].map(|all| all.iter().map(String::as_str).collect::<Vec<_>>());
    let onnx = Onnx::new()
        .input("x0", FLOAT, &[1])
        .scalar("trips", 200)
        .node("Loop", &inputs, &outputs, vec![within("body", body)])
        .output("y0", FLOAT);
    whole(name, onnx, &[F(vec![1])])
}

/// Operators on as few elements as they take, whose output is of their first input's shape.
fn small() -> Vec<Recipe> {
    let of = |operator: &str, opset: i64, inputs: &[In], attributes: &[_]| Recipe {
        operator: operator.to_owned(),
        opset,
        inputs: inputs.to_vec(),
        attributes: attributes.to_vec(),
        outputs: vec![match inputs.first() {
            Some(T(element_type, ..)) => *element_type,
            _ => FLOAT,
        }],
    };
    let one = || F(vec![1]);
    let image = || F(vec![1, 1, 1, 1]);
    let half = || Floats(vec![0.5]);
    let nought = || Zeros(U8, vec![], 1);
    let scale = || Zeros(FLOAT, vec![], 4);
    vec![
        of("Softmax", 17, &[F(vec![1, 1])], &[]),
        of("MatMul", 17, &[F(vec![1, 1]), Weights(vec![1, 1])], &[]),
        of(
            "Gemm",
            17,
            &[F(vec![1, 1]), Weights(vec![1, 1]), half()],
            &[],
        ),
        of("Conv", 17, &[image(), Weights(vec![1, 1, 1, 1])], &[]),
        of(
            "ConvTranspose",
            17,
            &[image(), Weights(vec![1, 1, 1, 1])],
            &[],
        ),
        of("MaxPool", 17, &[image()], &[ints("kernel_shape", &[1, 1])]),
        of(
            "Einsum",
            17,
            &[F(vec![1, 1]), Weights(vec![1, 1])],
            &[text("equation", "ij,jk->ik")],
        ),
        of(
            "Einsum",
            17,
            &[F(vec![1, 1])],
            &[text("equation", "ij->ji")],
        ),
        of(
            "BatchNormalization",
            17,
            &[image(), half(), half(), half(), half()],
            &[],
        ),
        of(
            "GroupNormalization",
            21,
            &[F(vec![1, 2, 1]), Floats(vec![0.5; 2]), Floats(vec![0.5; 2])],
            &[int("num_groups", 1)],
        ),
        of(
            "InstanceNormalization",
            17,
            &[F(vec![1, 1, 1]), half(), half()],
            &[],
        ),
        of("LayerNormalization", 17, &[one(), half()], &[]),
        of("LpNormalization", 17, &[one()], &[]),
        of("LRN", 17, &[image()], &[int("size", 1)]),
        of("MeanVarianceNormalization", 17, &[image()], &[]),
        of("RMSNormalization", 23, &[one(), half()], &[]),
        of(
            "RotaryEmbedding",
            23,
            &[
                F(vec![1, 1, 1, 2]),
                Weights(vec![1, 1, 1]),
                Weights(vec![1, 1, 1]),
            ],
            &[],
        ),
        of("DepthToSpace", 17, &[image()], &[int("blocksize", 1)]),
        of("SpaceToDepth", 17, &[image()], &[int("blocksize", 1)]),
        of("CenterCropPad", 18, &[one(), Numbers(vec![1])], &[]),
        of("Reshape", 17, &[one(), Numbers(vec![1])], &[]),
        of(
            "Slice",
            17,
            &[F(vec![2]), Numbers(vec![0]), Numbers(vec![2])],
            &[],
        ),
        of("Gather", 17, &[one(), Numbers(vec![0])], &[]),
        of("GatherElements", 17, &[one(), Numbers(vec![0])], &[]),
        of(
            "ScatterElements",
            17,
            &[one(), Numbers(vec![0]), half()],
            &[],
        ),
        of("Transpose", 17, &[F(vec![1, 1])], &[]),
        of("Pad", 17, &[one(), Numbers(vec![0, 0])], &[]),
        of("CumSum", 17, &[one(), In::Number(0)], &[]),
        of("ReduceSum", 17, &[one()], &[]),
        of(
            "Attention",
            23,
            &[
                F(vec![1, 1, 1, 1]),
                Weights(vec![1, 1, 1, 1]),
                Weights(vec![1, 1, 1, 1]),
            ],
            &[],
        ),
        of("Mish", 18, &[one()], &[]),
        of("Gelu", 20, &[one()], &[]),
        of("Celu", 17, &[one()], &[]),
        of(
            "QLinearMatMul",
            17,
            &[
                T(U8, vec![1, 1], 9),
                scale(),
                nought(),
                Zeros(U8, vec![1, 1], 1),
                scale(),
                nought(),
                scale(),
                nought(),
            ],
            &[],
        ),
        of(
            "QLinearConv",
            17,
            &[
                T(U8, vec![1, 1, 1, 1], 9),
                scale(),
                nought(),
                Zeros(U8, vec![1, 1, 1, 1], 1),
                scale(),
                nought(),
                scale(),
                nought(),
            ],
            &[],
        ),
    ]
}

/// So many sums, each of so many times the same.
fn joined(name: &str, nodes: usize, inputs: usize) -> Case {
    let mut onnx = Onnx::new().input("x0", FLOAT, &[1]);
    let mut before = "x0".to_owned();
    for index in 0..nodes {
        let made = if index + 1 == nodes {
            "y".to_owned()
        } else {
            format!("v{index}")
        };
        onnx = onnx.node("Sum", &vec![before.as_str(); inputs], &[&made], vec![]);
        before = made;
    }
    whole(name, onnx.output("y", FLOAT), &[F(vec![1])])
}

/// A sequence that so many recurrent operators go through, one after the other.
fn recurrent_chain(name: &str, operator: &str, gates: i64, count: usize) -> Case {
    let mut onnx = Onnx::new()
        .input("x0", FLOAT, &[2, 1, 1])
        .weights("w", &[1, gates, 1])
        .weights("r", &[1, gates, 1])
        .integers("axis", &[1]);
    let mut before = "x0".to_owned();
    for index in 0..count {
        let (made, flat) = (format!("v{index}"), format!("f{index}"));
        let hidden = vec![int("hidden_size", 1)];
        onnx = onnx.node(operator, &[&before, "w", "r"], &[&made], hidden);
        onnx = onnx.node("Squeeze", &[&made, "axis"], &[&flat], vec![]);
        before = flat;
    }
    let onnx = onnx
        .node("Relu", &[&before], &["y"], vec![])
        .output("y", FLOAT);
    whole(name, onnx, &[F(vec![2, 1, 1])])
}

/// What nobody reads beside one node.
fn unread(name: &str, count: usize) -> Case {
    let mut onnx = Onnx::new().input("x0", FLOAT, &[1]);
    for index in 0..count {
        onnx = onnx.floats(&format!("unread{index}"), &[0.5]);
    }
    let onnx = onnx
        .node("Relu", &["x0"], &["y"], vec![])
        .output("y", FLOAT);
    whole(name, onnx, &[F(vec![1])])
}

/// What getting ready takes, before the first call is computed.
pub fn preparations() -> Vec<Case> {
    let mut cases = vec![
        chain("prepare 300 of Add", &["Add"], 300, &[1]),
        joined("prepare 20 of Sum of 500", 20, 500),
        recurrent_chain("prepare 100 of GRU", "GRU", 3, 100),
        recurrent_chain("prepare 100 of LSTM", "LSTM", 4, 100),
        unread("prepare 30,000 constants that nobody reads", 30_000),
        case(
            "Conv whose window is the image, padded",
            17,
            &[F(vec![1, 1, 64, 64]), Weights(vec![1, 1, 64, 64])],
            vec![ints("pads", &[60; 4])],
            &[FLOAT],
        ),
        case(
            "MaxPool whose window is the image, padded",
            17,
            &[F(vec![1, 1, 64, 64])],
            vec![ints("kernel_shape", &[64, 64]), ints("pads", &[60; 4])],
            &[FLOAT],
        ),
        chain("prepare 3,000 of Relu", &["Relu"], 3_000, &[1]),
        chain("prepare 3,000 of Add", &["Add"], 3_000, &[1]),
        chain(
            "prepare 300 of Squeeze and Unsqueeze",
            &["Unsqueeze", "Squeeze"],
            300,
            &[2],
        ),
        chain(
            "prepare 3,000 of Squeeze and Unsqueeze",
            &["Unsqueeze", "Squeeze"],
            3_000,
            &[2],
        ),
        chain(
            "prepare 8,000 of Squeeze and Unsqueeze",
            &["Unsqueeze", "Squeeze"],
            8_000,
            &[2],
        ),
    ];
    for recipe in small() {
        // Engines go through a graph of these many times.
        let count = match recipe.operator.starts_with("QLinear") {
            true => 200,
            false => 500,
        };
        cases.push(recipe.many(&format!("prepare {count} of {}", recipe.operator), count));
    }
    for case in &mut cases {
        case.is_preparation = true;
    }
    cases
}
