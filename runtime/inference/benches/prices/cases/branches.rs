//! Owns the cases of graphs within nodes: what engines make of an operator that is not of the model's own graph.

use super::graphs::whole;
use crate::build::{Onnx, int, within};
use crate::case::In::{F, Ones};
use crate::case::{BOOL, Case, F16, FLOAT};

/// Reads `x0` of so many rows, of numbers, and a test that is true.
fn tested(rows: i64, columns: i64) -> Onnx {
    Onnx::new()
        .input("x0", FLOAT, &[rows, columns])
        .input("x1", BOOL, &[1])
}

fn choice(onnx: Onnx, output: &str, then: Onnx) -> Onnx {
    let otherwise = Onnx::new()
        .node("Neg", &["x0"], &["n"], vec![])
        .output("n", FLOAT);
    onnx.node(
        "If",
        &["x1"],
        &[output],
        vec![
            within("then_branch", then),
            within("else_branch", otherwise),
        ],
    )
}

/// What `x` becomes by kernels of wide vectors and what is computed element by element after them, named `f`.
fn mixed(onnx: Onnx, x: &str, operator: &str) -> Onnx {
    onnx.node("MatMul", &[x, "square"], &["m"], vec![])
        .node("Cast", &["m"], &["h"], vec![int("to", F16.into())])
        .node(operator, &["h"], &["s"], vec![])
        .node("Cast", &["s"], &["f"], vec![int("to", FLOAT.into())])
}

/// So many nodes one after the other, of which the first has `x0`.
fn chain(mut onnx: Onnx, count: usize, output: &str) -> Onnx {
    let mut before = "x0".to_owned();
    for index in 1..=count {
        let made = match index == count {
            true => output.to_owned(),
            false => format!("{output}{index}"),
        };
        onnx = onnx.node("Add", &[&before, "x0"], &[&made], vec![]);
        before = made;
    }
    onnx
}

/// Ifs one within the other, each of which adds so many times before.
fn nested(name: &str, depth: usize, nodes: usize) -> Case {
    let mut inner = chain(Onnx::new(), nodes, "y").output("y", FLOAT);
    for level in 1..depth {
        let added = chain(Onnx::new(), nodes, &format!("a{level}_"));
        let last = format!("c{level}");
        let sum = format!("a{level}_");
        inner = choice(added, &last, inner)
            .node("Add", &[&last, &sum], &[&format!("d{level}")], vec![])
            .output(&format!("d{level}"), FLOAT);
    }
    let onnx = choice(tested(1, 1), "y0", inner).output("y0", FLOAT);
    whole(name, onnx, &[F(vec![1, 1]), Ones(BOOL, vec![1])])
}

/// Ifs one after the other, each with so many nodes.
fn row(name: &str, count: usize, nodes: usize) -> Case {
    let mut onnx = tested(1, 1);
    let mut sums = Vec::new();
    for index in 0..count {
        let then = chain(Onnx::new(), nodes, "t").output("t", FLOAT);
        onnx = choice(onnx, &format!("c{index}"), then);
        sums.push(format!("c{index}"));
    }
    let sums: Vec<&str> = sums.iter().map(String::as_str).collect();
    let onnx = onnx.node("Sum", &sums, &["y"], vec![]).output("y", FLOAT);
    whole(name, onnx, &[F(vec![1, 1]), Ones(BOOL, vec![1])])
}

pub fn branches() -> Vec<Case> {
    let product = |count: usize| {
        let mut then = Onnx::new();
        let mut before = "x0".to_owned();
        for index in 0..count {
            let made = format!("p{index}");
            then = then.node("MatMul", &[&before, "x0"], &[&made], vec![]);
            before = made;
        }
        let onnx = choice(tested(512, 512), "y", then.output(&before, FLOAT)).output("y", FLOAT);
        let given = [F(vec![512, 512]), Ones(BOOL, vec![1])];
        whole("If, a product in its branch", onnx, &given)
    };
    let by_element = |operator: &str| {
        let onnx = tested(2048, 32).weights("square", &[32, 32]);
        let then = mixed(Onnx::new(), "x0", operator).output("f", FLOAT);
        let name = format!("If, {operator} f16 after a product");
        let given = [F(vec![2048, 32]), Ones(BOOL, vec![1])];
        whole(&name, choice(onnx, "y", then).output("y", FLOAT), &given)
    };
    let in_steps = |operator: &str| {
        let onnx = Onnx::new()
            .input("x0", FLOAT, &[16, 128, 32])
            .weights("square", &[32, 32]);
        let body = Onnx::new().input("e", FLOAT, &[128, 32]);
        let body = mixed(body, "e", operator).output("f", FLOAT);
        let attributes = vec![int("num_scan_inputs", 1), within("body", body)];
        let onnx = onnx.node("Scan", &["x0"], &["y"], attributes);
        let name = format!("Scan, {operator} f16 after a product");
        whole(&name, onnx.output("y", FLOAT), &[F(vec![16, 128, 32])])
    };
    let mut cases = vec![
        product(1),
        nested("If, 8 deep, of 1,500 nodes each", 8, 1_500),
        nested("If, 8 deep, of few nodes", 8, 2),
        row("If, 300 of 2 nodes", 300, 2),
        row("If, 20 of 100 nodes", 20, 100),
    ];
    for operator in ["HardSwish", "Exp", "Sqrt", "Erf"] {
        cases.push(by_element(operator));
        cases.push(in_steps(operator));
    }
    cases
}

/// What getting ready takes.
pub fn preparations() -> Vec<Case> {
    let mut cases = vec![
        nested("prepare If, 8 deep, of 300 nodes each", 8, 300),
        nested("prepare If, 8 deep, of few nodes", 8, 2),
        row("prepare If, 300 of 2 nodes", 300, 2),
        row("prepare If, 20 of 100 nodes", 20, 100),
    ];
    for case in &mut cases {
        case.is_preparation = true;
    }
    cases
}
