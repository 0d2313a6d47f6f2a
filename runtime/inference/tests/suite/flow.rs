//! Checks operators that run graphs within them, and sizes that are known only as upper bounds: their
//! costs by hand, what is refused, and that what a backend returns is held to the bound.

use meterbox_inference::{Breakdown, ElementType, InputShape, Tensor};

use crate::build::{
    BINDING, ELEMENT, F32, I64, LAYOUT, NODE, Onnx, PRODUCT, STEP, int, ints, within,
};

const BOOL: i32 = 9;
const F64: i32 = 11;

fn breakdown(onnx: &Onnx, inputs: &[(&str, &[u32], ElementType)]) -> Result<Breakdown, String> {
    let shapes: Vec<_> = inputs
        .iter()
        .map(|&(name, dimensions, element_type)| InputShape {
            name,
            dimensions,
            element_type,
        })
        .collect();
    let blueprint = onnx.read().map_err(|error| error.to_string())?;
    blueprint
        .breakdown(&shapes)
        .map_err(|error| error.to_string())
}

const X: (&str, &[u32], ElementType) = ("x", &[4], ElementType::F32);
const TEST: (&str, &[u32], ElementType) = ("test", &[1], ElementType::Bool);

fn branch(nodes: &[&str]) -> Onnx {
    let mut graph = Onnx::new();
    let mut value = "x".to_owned();
    for (index, operator) in nodes.iter().enumerate() {
        let next = format!("{}{index}", operator.to_lowercase());
        graph = graph.node(operator, &[&value], &[&next], vec![]);
        value = next;
    }
    graph.output(&value, F32)
}

fn choice(then: Onnx, other: Onnx) -> Onnx {
    Onnx::new()
        .input("x", F32, &[4])
        .input("test", BOOL, &[1])
        .node(
            "If",
            &["test"],
            &["y"],
            vec![within("then_branch", then), within("else_branch", other)],
        )
        .output("y", F32)
}

#[test]
fn if_charges_the_dearer_branch_class_by_class() {
    // Exp: 4 × 32 and its node. Three of Relu: 3 × (4 × 16 and a node), which is more. And the If itself,
    // which gives 4 elements, with the 4 nodes of its branches, in both of which x is of others.
    let onnx = choice(branch(&["Exp"]), branch(&["Relu", "Relu", "Relu"]));
    let cost = breakdown(&onnx, &[X, TEST]).unwrap().cost;
    assert_eq!(
        cost.operations.f32,
        3 * (64 + NODE) + (1 + 4) * NODE + 64 + 2 * BINDING
    );
    // One branch counts 4 × 32 under f64 and under f32, the other under f32 alone: both are charged.
    let wide = Onnx::new()
        .node("Cast", &["x"], &["wide"], vec![int("to", 11)])
        .node("Cast", &["wide"], &["back"], vec![int("to", 1)])
        .output("back", F32);
    let cost = breakdown(&choice(branch(&["Exp"]), wide), &[X, TEST])
        .unwrap()
        .cost;
    assert_eq!(
        cost.operations.f32,
        128 + NODE + (1 + 3) * NODE + 64 + 2 * BINDING
    );
    assert_eq!(cost.operations.f64, 128 + NODE);
}

#[test]
fn if_whose_condition_follows_from_shapes_charges_only_the_branch_that_is_taken() {
    // Its other branch could not even work on these shapes.
    let bad = Onnx::new()
        .node("Add", &["x", "three"], &["bad"], vec![])
        .output("bad", F32);
    let onnx = Onnx::new()
        .input("x", F32, &[-1])
        .weights("three", &[3])
        .integers("one", &[1])
        .node("Shape", &["x"], &["shape"], vec![])
        .node("Equal", &["shape", "one"], &["is_one"], vec![])
        .node(
            "If",
            &["is_one"],
            &["y"],
            vec![
                within("then_branch", bad),
                within("else_branch", branch(&["Exp"])),
            ],
        )
        .output("y", F32);
    let cost = breakdown(&onnx, &[X]).unwrap().cost;
    // Shape and Equal work on i64: a node each, one number and one comparison. One branch reads x and three, the
    // other x.
    assert_eq!(cost.operations.f64, 2 * NODE + 4 + 16);
    assert_eq!(
        cost.operations.f32,
        128 + NODE + (1 + 2) * NODE + 64 + 3 * BINDING
    );
}

#[test]
fn if_whose_branches_differ_in_size_gives_the_larger_as_a_bound() {
    let slice = Onnx::new()
        .integers("zero", &[0])
        .integers("two", &[2])
        .node("Slice", &["x", "zero", "two"], &["part"], vec![])
        .output("part", F32);
    let found = breakdown(&choice(branch(&["Relu"]), slice), &[X, TEST]).unwrap();
    assert_eq!(found.outputs[0].dimensions, [4]);
    assert_eq!(found.outputs[0].is_bound, [true]);
    let flat = Onnx::new()
        .integers("axes", &[0])
        .node("Unsqueeze", &["x", "axes"], &["row"], vec![])
        .output("row", F32);
    let error = breakdown(&choice(branch(&["Relu"]), flat), &[X, TEST]).unwrap_err();
    assert!(
        error.contains("If_0") && error.contains("number of dimensions"),
        "{error}"
    );
}

/// Adds `x` to a sum in each step, and gives each sum.
fn adding(operator_of_condition: &str) -> Onnx {
    Onnx::new()
        .input("step", I64, &[])
        .input("goes_on", BOOL, &[])
        .input("before", F32, &[4])
        .node(operator_of_condition, &["goes_on"], &["go"], vec![])
        .node("Add", &["before", "x"], &["sum"], vec![])
        .node("Relu", &["sum"], &["each"], vec![])
        .output("go", BOOL)
        .output("sum", F32)
        .output("each", F32)
}

fn looped(trips: &str, body: Onnx) -> Onnx {
    Onnx::new()
        .input("x", F32, &[4])
        .scalar("trips", 5)
        .weights("start", &[4])
        .node(
            "Loop",
            &[trips, "", "start"],
            &["last", "all"],
            vec![within("body", body)],
        )
        .output("last", F32)
        .output("all", F32)
}

#[test]
fn loop_charges_its_body_once_a_trip_and_what_the_trips_make_up() {
    let found = breakdown(&looped("trips", adding("Identity")), &[X]).unwrap();
    // Each trip: itself, Add and Relu on 4 elements, two nodes, and 4 are carried, in one value; x is of others;
    // Identity counts as i8, a view of 1. Then 5 × 4 are put together, and the Loop is a node.
    let cost = found.cost;
    assert_eq!(
        cost.operations.f32,
        5 * (STEP + 2 * BINDING + 2 * (64 + NODE) + 4 * ELEMENT) + 20 * ELEMENT + NODE
    );
    assert_eq!(cost.operations.i8, 5 * (4 + NODE));
    // The Loop reads the trip count and what it starts with, once.
    assert_eq!(cost.weight_bytes, 8 + 16);
    // The condition stays what it was, so all trips are made.
    assert_eq!(found.outputs[0].dimensions, [4]);
    assert_eq!(found.outputs[1].dimensions, [5, 4]);
    assert_eq!(found.outputs[1].is_bound, [false, false]);
    // A condition that may end it makes the trip count an upper bound, at the same cost.
    let maybe = breakdown(&looped("trips", adding("Not")), &[X]).unwrap();
    assert_eq!(maybe.outputs[1].dimensions, [5, 4]);
    assert_eq!(maybe.outputs[1].is_bound, [true, false]);
    assert_eq!(maybe.cost.operations.f32, cost.operations.f32);
}

#[test]
fn loops_that_nothing_bounds_are_refused_at_their_node() {
    let error = breakdown(&looped("", adding("Identity")), &[X]).unwrap_err();
    assert!(
        error.contains("Loop_0") && error.contains("no trip count"),
        "{error}"
    );
    let mut computed = looped("trips", adding("Identity"));
    computed.graph.initializer.remove(0);
    let computed = computed.input("trips", I64, &[]);
    let trips = ("trips", &[][..], ElementType::I64);
    let error = breakdown(&computed, &[X, trips]).unwrap_err();
    assert!(
        error.contains("Loop_0") && error.contains("depends on data"),
        "{error}"
    );
    let growing = Onnx::new()
        .input("step", I64, &[])
        .input("goes_on", BOOL, &[])
        .input("before", F32, &[4])
        .node("Concat", &["before", "x"], &["sum"], vec![int("axis", 0)])
        .node("Identity", &["x"], &["each"], vec![])
        .output("goes_on", BOOL)
        .output("sum", F32)
        .output("each", F32);
    let error = breakdown(&looped("trips", growing), &[X]).unwrap_err();
    assert!(
        error.contains("Loop_0") && error.contains("begins as f32 [4] and becomes f32 [8]"),
        "{error}"
    );
}

#[test]
fn scan_charges_its_body_once_a_slice() {
    let body = Onnx::new()
        .input("state", F32, &[2])
        .input("slice", F32, &[2])
        .node("Add", &["state", "slice"], &["next"], vec![])
        .node("Exp", &["next"], &["each"], vec![])
        .output("next", F32)
        .output("each", F32);
    let scan = |axis: i64| {
        Onnx::new()
            .input("x", F32, &[-1, -2])
            .weights("start", &[2])
            .node(
                "Scan",
                &["start", "x"],
                &["last", "all"],
                vec![
                    within("body", body.clone()),
                    int("num_scan_inputs", 1),
                    ints("scan_input_axes", &[axis]),
                    ints("scan_output_axes", &[1]),
                ],
            )
            .output("last", F32)
            .output("all", F32)
    };
    // 3 slices of 2: each step itself, Add 2 × 16, Exp 2 × 32, two nodes, 2 carried and 2 scanned, a value each; 2 × 3 are
    // put together.
    let dimensions: &[u32] = &[3, 2];
    let found = breakdown(&scan(0), &[("x", dimensions, ElementType::F32)]).unwrap();
    assert_eq!(
        found.cost.operations.f32,
        3 * (STEP + 2 * BINDING + 32 + 64 + 2 * NODE + 4 * ELEMENT) + 6 * ELEMENT + NODE
    );
    assert_eq!(found.outputs[1].dimensions, [2, 3]);
    // Along the other axis, slices have 3 elements, which do not fit the state.
    let error = breakdown(&scan(1), &[("x", dimensions, ElementType::F32)]).unwrap_err();
    assert!(error.contains("do not broadcast"), "{error}");
}

/// The places of what is not 0 in `x`, and what a node makes of them.
fn places(operator: &str, inputs: &[&str], output: i32) -> Onnx {
    Onnx::new()
        .input("x", F32, &[-1])
        .integers("open", &[-1])
        .integers("fixed", &[2, 2])
        .weights("w", &[1, 3])
        .node("NonZero", &["x"], &["at"], vec![])
        .node("Transpose", &["at"], &["rows"], vec![])
        .node("Cast", &["rows"], &["floats"], vec![int("to", 1)])
        .node(operator, inputs, &["y"], vec![])
        .output("y", output)
}

#[test]
fn what_follows_from_a_bound_is_a_bound_and_what_needs_the_size_is_refused_at_its_node() {
    let told = |onnx: &Onnx| {
        breakdown(onnx, &[X]).map(|found| {
            let output = found.outputs[0].clone();
            (output.dimensions, output.is_bound)
        })
    };
    // At most 4 rows of 1 index. Times 1 × 3; picked from x; laid out anew; their greatest.
    let product = places("MatMul", &["floats", "w"], F32);
    assert_eq!(told(&product), Ok((vec![4, 3], vec![true, false])));
    let picked = places("GatherND", &["x", "rows"], F32);
    assert_eq!(told(&picked), Ok((vec![4], vec![true])));
    let flat = places("Reshape", &["rows", "open"], I64);
    assert_eq!(told(&flat), Ok((vec![4], vec![true])));
    let greatest = places("ReduceMax", &["floats"], F32);
    assert_eq!(told(&greatest), Ok((vec![1, 1], vec![false, false])));
    // A product with a bounded inner length, a fixed shape, and the number of rows itself.
    let inner = told(&places("MatMul", &["w", "floats"], F32)).unwrap_err();
    assert!(inner.contains("MatMul_3"), "{inner}");
    let fixed = told(&places("Reshape", &["rows", "fixed"], I64)).unwrap_err();
    assert!(
        fixed.contains("Reshape_3") && fixed.contains("upper bound"),
        "{fixed}"
    );
    let tiled = told(&places("Tile", &["rows", "fixed"], I64)).unwrap_err();
    assert!(
        tiled.contains("Tile_3") && tiled.contains("exact sizes"),
        "{tiled}"
    );
}

#[test]
fn what_comes_back_may_be_smaller_than_its_bound_and_the_charge_stays() {
    let model = places("Identity", &["rows"], I64).load().unwrap();
    let shape = InputShape {
        name: "x",
        dimensions: &[4],
        element_type: ElementType::F32,
    };
    let before = model.cost(&[shape]).unwrap();
    // 4 floats in, at most 4 indices of 8 bytes out.
    assert_eq!(before.tensor_bytes, 16 + 32);
    let bytes = [0.0_f32, 2.0, 0.0, 3.0].map(f32::to_le_bytes).concat();
    let x = Tensor::new(vec![4], ElementType::F32, bytes).unwrap();
    let outputs = model.compute(vec![("x".into(), x)]).unwrap();
    assert_eq!(outputs[0].1.dimensions(), [2, 1]);
    let indices = [1_i64, 3].map(i64::to_le_bytes).concat();
    assert_eq!(outputs[0].1.data(), indices);
    assert_eq!(model.cost(&[shape]).unwrap(), before);
}

#[test]
fn layers_add_up_to_the_call_and_name_their_products() {
    let onnx = Onnx::new()
        .input("x", F32, &[2, 3])
        .weights("w", &[3, 5])
        .weights("b", &[5])
        .node("Gemm", &["x", "w", "b"], &["h"], vec![])
        .node("Cast", &["h"], &["d"], vec![int("to", 11)])
        .node("Exp", &["d"], &["y"], vec![])
        .output("y", F64);
    let found = breakdown(&onnx, &[("x", &[2, 3], ElementType::F32)]).unwrap();
    let names: Vec<_> = found.layers.iter().map(|layer| layer.operator).collect();
    assert_eq!(names, ["Gemm", "Cast", "Exp"]);
    // 2 × 3 × 5; with the 6 elements that are read, 5 of the bias, and the 10 that are written, it is charged more.
    assert_eq!(found.layers[0].multiply_accumulates, 30);
    assert_eq!(
        found.layers[0].cost.operations.f32,
        30 + (6 + 5) * LAYOUT + 10 * ELEMENT + PRODUCT + NODE
    );
    assert_eq!(found.layers[0].cost.weight_bytes, 4 * 15 + 4 * 5);
    let sum = found
        .layers
        .iter()
        .try_fold(meterbox_inference::Cost::default(), |sum, layer| {
            sum.checked_add(&layer.cost)
        })
        .unwrap();
    assert_eq!(sum.operations, found.cost.operations);
    assert_eq!(sum.weight_bytes, found.cost.weight_bytes);
    assert_eq!(found.cost.tensor_bytes, 4 * 6 + 8 * 10);
    // 10 floats of 4 bytes, and two times of 8.
    assert_eq!(found.working_bytes, 40 + 80 + 80);
}

#[test]
fn a_call_holds_all_values_and_the_most_that_one_node_rearranges() {
    let onnx = Onnx::new()
        .input("x", F32, &[1, 1, 3, 3])
        .weights("w", &[1, 1, 2, 2])
        .weights("v", &[1, 1, 1, 1])
        .node("Conv", &["x", "w"], &["a"], vec![])
        .node("Conv", &["a", "v"], &["y"], vec![])
        .output("y", F32);
    let found = breakdown(&onnx, &[("x", &[1, 1, 3, 3], ElementType::F32)]).unwrap();
    // Two values of 2 × 2 floats; 4 positions × a window of 4 floats, and later of 1.
    assert_eq!(found.working_bytes, 16 + 16 + 64);
}
