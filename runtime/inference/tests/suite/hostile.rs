//! Checks that models made to take time or memory are refused, or walked through quickly.

use std::time::{Duration, Instant};

use meterbox_inference::{Blueprint, ElementType, InputShape, ModelError, ModelLimits};
use tract_onnx::pb;

use crate::build::{BINDING, F32, I64, NODE, Onnx, STEP, int, ints, text, within};

const BOOL: i32 = 9;

/// Longer than any of these takes on a slow and busy machine, and much shorter than without a bound.
const PATIENCE: Duration = Duration::from_secs(30);

fn cost(onnx: &Onnx) -> Result<meterbox_inference::Cost, String> {
    let begun = Instant::now();
    let x = InputShape {
        name: "x",
        dimensions: &[4],
        element_type: ElementType::F32,
    };
    let blueprint = onnx.read().map_err(|error| error.to_string());
    let cost = blueprint.and_then(|blueprint| blueprint.cost(&[x]).map_err(|e| e.to_string()));
    assert!(begun.elapsed() < PATIENCE, "it took {:?}", begun.elapsed());
    cost
}

/// A loop of so many trips around a body, which lies `depth` loops deep and works on `x`.
fn nested(trips: i64, depth: usize) -> Onnx {
    let name = |what: &str| format!("{what}{depth}");
    let (step, goes_on, inner, sum) = (name("step"), name("on"), name("inner"), name("sum"));
    let mut body = Onnx::new()
        .input(&step, I64, &[])
        .input(&goes_on, BOOL, &[])
        .input(&name("before"), F32, &[4]);
    body = if depth == 0 {
        body.node("Relu", &["x"], &[&inner], vec![])
    } else {
        let below = nested(trips, depth - 1);
        body.graph.initializer.extend(below.graph.initializer);
        body.graph.node.extend(below.graph.node);
        body.node(
            "Identity",
            &[&format!("last{}", depth - 1)],
            &[&inner],
            vec![],
        )
    };
    body = body
        .node("Add", &[&name("before"), &inner], &[&sum], vec![])
        .output(&goes_on, BOOL)
        .output(&sum, F32);
    Onnx::new()
        .scalar(&name("trips"), trips)
        .weights(&name("start"), &[4])
        .node(
            "Loop",
            &[&name("trips"), "", &name("start")],
            &[&name("last")],
            vec![within("body", body)],
        )
}

fn around(mut nested: Onnx, depth: usize) -> Onnx {
    nested = nested.input("x", F32, &[4]);
    nested.output(&format!("last{depth}"), F32)
}

#[test]
fn graphs_within_graphs_end_at_their_limit() {
    let most = usize::try_from(ModelLimits::default().depth_max).unwrap();
    // The innermost body of `nested(_, n)` lies n + 1 graphs deep.
    assert!(cost(&around(nested(1, most - 1), most - 1)).is_ok());
    let error = cost(&around(nested(1, most), most)).unwrap_err();
    assert!(error.contains("graphs within graphs"), "{error}");
    // Far beyond what a stack could hold.
    let mut bytes = Vec::new();
    for _ in 0..20_000 {
        // An attribute's graph, in a node's attribute, in a graph's node.
        for tag in [0x32, 0x2a, 0x0a] {
            let mut outer = vec![tag];
            let mut length = bytes.len();
            while length >= 0x80 {
                outer.push(u8::try_from(length & 0x7f).unwrap() | 0x80);
                length >>= 7;
            }
            outer.push(u8::try_from(length).unwrap());
            if outer.len() + bytes.len() > 200_000 {
                break;
            }
            outer.append(&mut bytes);
            bytes = outer;
        }
    }
    let read = Blueprint::read(&bytes, &ModelLimits::default());
    assert!(matches!(read, Err(ModelError::Malformed(_))), "{read:?}");
}

#[test]
fn loops_in_loops_are_walked_once_and_their_trips_multiplied() {
    // 3 loops of 1000: the innermost Relu on 4 elements and its node run 10^9 times.
    let cost_of = cost(&around(nested(1000, 2), 2)).unwrap();
    // Each step is charged itself, a value that is carried, and x, which is of others.
    let (node, step) = (NODE, STEP + 2 * BINDING);
    // From the inside: Relu, Add and 4 carried; the loop below, Identity as a view,
    // Add and 4 carried; the same again; the outermost.
    let innermost = step + 2 * (64 + node) + 64;
    let middle = 1000 * innermost + step + node + (16 + node) + (64 + node) + 64;
    let outer = 1000 * middle + step + node + (16 + node) + (64 + node) + 64;
    assert_eq!(cost_of.operations.f32, 1000 * outer + node);
    // A billion times a billion times a billion does not fit, and is not tried.
    let error = cost(&around(nested(1_000_000_000, 2), 2)).unwrap_err();
    assert!(error.contains("overflow"), "{error}");
}

#[test]
fn nodes_of_graphs_within_nodes_count_towards_the_limit() {
    let mut body = Onnx::new();
    for index in 0..60 {
        body = body.node("Relu", &["x"], &[&format!("r{index}")], vec![]);
    }
    let body = body.output("r0", F32);
    let onnx = Onnx::new()
        .input("x", F32, &[4])
        .input("test", BOOL, &[1])
        .node(
            "If",
            &["test"],
            &["y"],
            vec![
                within("then_branch", body.clone()),
                within("else_branch", body),
            ],
        )
        .output("y", F32);
    let with = |nodes_max| {
        let limits = ModelLimits {
            nodes_max,
            ..Default::default()
        };
        Blueprint::read(&onnx.bytes(), &limits)
    };
    assert_eq!(with(121).unwrap().nodes(), 121);
    assert!(matches!(with(120), Err(ModelError::TooManyNodes { .. })));
}

#[test]
fn a_hundred_thousand_nodes_are_refused_before_they_are_read() {
    let mut onnx = Onnx::new().input("x", F32, &[4]);
    let relu = onnx.clone().node("Relu", &["x"], &["y"], vec![]).graph.node[0].clone();
    for index in 0..100_000 {
        let mut node = relu.clone();
        node.output = vec![format!("y{index}")];
        onnx.graph.node.push(node);
    }
    let error = cost(&onnx.output("y0", F32)).unwrap_err();
    assert!(error.contains("100000 nodes"), "{error}");
}

#[test]
fn numbers_are_followed_up_to_their_limit() {
    // Each Add follows 1,000 numbers.
    let numbers: Vec<i64> = (0..1000).collect();
    let adding = |nodes: usize| {
        let mut onnx = Onnx::new().input("x", F32, &[4]).integers("n0", &numbers);
        for index in 0..nodes {
            let (from, to) = (format!("n{index}"), format!("n{}", index + 1));
            onnx = onnx.node("Add", &[&from, &from], &[&to], vec![]);
        }
        onnx.node("Relu", &["x"], &["y"], vec![]).output("y", F32)
    };
    let read = |nodes: usize, followed_max: u64| {
        let limits = ModelLimits {
            followed_max,
            ..Default::default()
        };
        let x = InputShape {
            name: "x",
            dimensions: &[4],
            element_type: ElementType::F32,
        };
        let blueprint = Blueprint::read(&adding(nodes).bytes(), &limits).unwrap();
        blueprint.cost(&[x]).map_err(|error| error.to_string())
    };
    assert!(read(10, 10_000).is_ok());
    let error = read(10, 9_999).unwrap_err();
    assert!(error.contains("Add_9") && error.contains("9999"), "{error}");
    // Doubled 63 times, they no longer fit, and are given up: nothing is followed any more.
    assert!(cost(&adding(2_000)).is_ok());
}

#[test]
fn lists_of_axes_and_long_equations_are_refused_quickly() {
    let axes = vec![0; 1000];
    let mut onnx = Onnx::new().input("x", F32, &[4]).integers("axes", &axes);
    for index in 0..2000 {
        onnx = onnx.node("Unsqueeze", &["x", "axes"], &[&format!("y{index}")], vec![]);
    }
    let error = cost(&onnx.output("y0", F32)).unwrap_err();
    assert!(error.contains("more than 8 dimensions"), "{error}");
    let with = |operator: &str, inputs: &[&str], attribute: pb::AttributeProto| {
        let onnx = Onnx::new()
            .input("x", F32, &[4])
            .node(operator, inputs, &["y"], vec![attribute])
            .output("y", F32);
        cost(&onnx).unwrap_err()
    };
    let many = vec![0; 1 << 20];
    for operator in [
        "Transpose",
        "Squeeze",
        "ReduceMax",
        "Resize",
        "CenterCropPad",
    ] {
        let list = if operator == "Transpose" {
            "perm"
        } else {
            "axes"
        };
        let onnx = Onnx::new()
            .opset(if operator == "Squeeze" { 11 } else { 17 })
            .input("x", F32, &[4])
            .node(operator, &["x"], &["y"], vec![ints(list, &many)])
            .output("y", F32);
        let _ = cost(&onnx);
    }
    let equation = "a,".repeat(1 << 20);
    let error = with("Einsum", &["x"], text("equation", &equation));
    assert!(error.contains("Einsum_0"), "{error}");
    let error = with("Einsum", &["x"], text("equation", &"a".repeat(1 << 20)));
    assert!(error.contains("Einsum_0"), "{error}");
    // As many inputs as a node may have, and one more.
    let with_inputs = |count: usize| {
        let names = vec!["x"; count];
        Onnx::new()
            .input("x", F32, &[4])
            .node("Sum", &names, &["y"], vec![])
            .node("Concat", &names, &["z"], vec![int("axis", 0)])
            .output("y", F32)
    };
    assert!(cost(&with_inputs(1_024)).is_ok());
    let error = cost(&with_inputs(1_025)).unwrap_err();
    assert!(error.contains("more than 1024 inputs"), "{error}");
    let names = vec!["x"; 1_024];
    let _ = with("Einsum", &names, text("equation", &"a,".repeat(1_024)));
}

#[test]
fn sizes_beyond_all_memory_are_refused_at_their_node() {
    let huge = i64::MAX;
    for (operator, inputs, attributes) in [
        ("Tile", vec!["x", "huge"], vec![]),
        ("Pad", vec!["x", "pads"], vec![]),
        ("OneHot", vec!["picks", "one_huge", "x"], vec![]),
        ("ConstantOfShape", vec!["shape"], vec![]),
        ("Resize", vec!["x", "", "factor"], vec![]),
        ("Range", vec!["zero", "one_huge", "one"], vec![]),
        ("HannWindow", vec!["one_huge"], vec![]),
        ("EyeLike", vec!["x"], vec![]),
        ("DepthToSpace", vec!["x"], vec![int("blocksize", huge)]),
        ("LRN", vec!["x"], vec![int("size", huge)]),
        (
            "MaxPool",
            vec!["x"],
            vec![ints("kernel_shape", &[huge, huge])],
        ),
    ] {
        let onnx = Onnx::new()
            .input("x", F32, &[4])
            .integers("huge", &[huge])
            .integers("shape", &[huge, huge, huge])
            .integers("pads", &[huge, huge])
            .integers("picks", &[0, 1])
            .scalar("one_huge", huge)
            .scalar("zero", 0)
            .scalar("one", 1)
            .floats("factor", &[f32::MAX])
            .node(operator, &inputs, &["y"], attributes)
            .output("y", F32);
        let error = cost(&onnx).unwrap_err();
        assert!(
            error.contains(&format!("{operator}_0")),
            "{operator}: {error}"
        );
    }
}

#[test]
fn names_that_hide_those_of_the_graph_around_are_refused() {
    let hiding = Onnx::new()
        .node("Relu", &["x"], &["h"], vec![])
        .output("h", F32);
    let onnx = Onnx::new()
        .input("x", F32, &[4])
        .input("test", BOOL, &[1])
        .node("Exp", &["x"], &["h"], vec![])
        .node(
            "If",
            &["test"],
            &["y"],
            vec![
                within("then_branch", hiding.clone()),
                within("else_branch", hiding),
            ],
        )
        .output("y", F32);
    let error = onnx.read().unwrap_err().to_string();
    assert!(
        error.contains("`h`") && error.contains("defined twice"),
        "{error}"
    );
    // Nor may a constant or an input within hide one, whatever graph it lies in.
    let outer = Onnx::new()
        .input("x", F32, &[4])
        .weights("k", &[4])
        .integers("steps", &[1]);
    let body = || Onnx::new().node("Add", &["x", "k"], &["a"], vec![]);
    let branch = || body().output("a", F32);
    for model in [
        outer.clone().input("test", BOOL, &[1]).node(
            "If",
            &["test"],
            &["y"],
            vec![
                within("then_branch", branch().weights("k", &[4])),
                within("else_branch", branch()),
            ],
        ),
        outer.clone().node(
            "Loop",
            &["steps", ""],
            &["y"],
            vec![within(
                "body",
                body()
                    .weights("k", &[4])
                    .input("i", I64, &[])
                    .input("c", BOOL, &[])
                    .node("Identity", &["c"], &["d"], vec![])
                    .output("d", BOOL)
                    .output("a", F32),
            )],
        ),
        outer.node(
            "Scan",
            &["x"],
            &["y"],
            vec![
                within(
                    "body",
                    Onnx::new()
                        .input("k", F32, &[])
                        .node("Relu", &["k"], &["a"], vec![])
                        .output("a", F32),
                ),
                int("num_scan_inputs", 1),
            ],
        ),
    ] {
        let error = model.output("y", F32).read().unwrap_err().to_string();
        assert!(
            error.contains("`k`") && error.contains("defined twice"),
            "{error}"
        );
    }
    // A value of one branch is not there for the other, nor outside.
    let onnx = Onnx::new()
        .input("x", F32, &[4])
        .input("test", BOOL, &[1])
        .node(
            "If",
            &["test"],
            &["y"],
            vec![
                within(
                    "then_branch",
                    Onnx::new()
                        .node("Relu", &["x"], &["a"], vec![])
                        .output("a", F32),
                ),
                within(
                    "else_branch",
                    Onnx::new()
                        .node("Relu", &["a"], &["b"], vec![])
                        .output("b", F32),
                ),
            ],
        )
        .output("y", F32);
    let error = onnx.read().unwrap_err().to_string();
    assert!(
        error.contains("`a`") && error.contains("not defined"),
        "{error}"
    );
}

#[test]
fn functions_of_a_models_own_are_refused_by_name() {
    use prost::Message as _;
    let onnx = Onnx::new()
        .input("x", F32, &[4])
        .node("Relu", &["x"], &["y"], vec![])
        .output("y", F32);
    let mut model = pb::ModelProto::decode(onnx.bytes().as_slice()).unwrap();
    model.functions.push(pb::FunctionProto {
        name: Some("twice".into()),
        ..Default::default()
    });
    let error = Blueprint::read(&model.encode_to_vec(), &ModelLimits::default());
    assert!(error.unwrap_err().to_string().contains("`twice`"));
}
