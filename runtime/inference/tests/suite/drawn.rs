//! Checks that engines agree on models of many nodes that are drawn by chance: their tests of single operators say nothing
//! about how an engine rewrites a graph. `METERBOX_DRAWN_MODELS` is how many are drawn, `METERBOX_DRAWN_FROM` the first.

use meterbox_inference::{ComputeError, ElementType, Engine, Model, ModelLimits, Tensor};
use tract_onnx::pb;

use crate::at_hand::engines;

mod growing;

use growing::{Chance, drawn};

/// Of the largest element of an output.
const TOLERANCE: f32 = 1e-3;

fn outputs(model: &Model, sizes: &[u32], test: u8) -> Result<Vec<(String, Tensor)>, ComputeError> {
    let mut chance = Chance(7);
    let count: u32 = sizes.iter().product();
    let data: Vec<u8> = (0..count)
        .flat_map(|_| chance.float().to_le_bytes())
        .collect();
    let x = Tensor::new(sizes.to_vec(), ElementType::F32, data).unwrap();
    let test = Tensor::new(vec![1], ElementType::Bool, vec![test]).unwrap();
    let mut inputs = vec![("x".to_owned(), x)];
    if model.inputs().len() > 1 {
        inputs.push(("test".to_owned(), test));
    }
    model.compute(inputs)
}

fn floats(tensor: &Tensor) -> Vec<f32> {
    tensor
        .data()
        .as_chunks()
        .0
        .iter()
        .map(|&bytes| f32::from_le_bytes(bytes))
        .collect()
}

/// The nodes of a graph, for people.
fn described(graph: &pb::GraphProto, depth: usize) -> String {
    let mut text = String::new();
    for node in &graph.node {
        let numbers: Vec<String> = (node.attribute.iter())
            .map(|attribute| format!("{}={}{:?}", attribute.name, attribute.i, attribute.ints))
            .collect();
        let inputs = node.input.iter().map(|name| {
            let constant = graph.initializer.iter().find(|tensor| tensor.name == *name);
            match constant {
                Some(tensor) => format!(
                    "{name}:{:?}{:?}{:?}",
                    tensor.dims, tensor.int64_data, tensor.float_data
                ),
                None => name.clone(),
            }
        });
        let inputs: Vec<String> = inputs.collect();
        let line = format!(
            "{:?} = {}({}) {}\n",
            node.output,
            node.op_type,
            inputs.join(", "),
            numbers.join(" ")
        );
        text += &format!("{}{line}", "    ".repeat(depth));
        for graph in node
            .attribute
            .iter()
            .filter_map(|attribute| attribute.g.as_ref())
        {
            text += &described(graph, depth + 1);
        }
    }
    let names: Vec<&str> = graph
        .output
        .iter()
        .map(|output| output.name.as_str())
        .collect();
    text + &format!("{}gives {}\n", "    ".repeat(depth), names.join(", "))
}

/// What came of a model.
enum Outcome {
    /// All engines give the same.
    Agreed,
    /// One of them cannot compute it, and says so.
    Cannot(String),
    /// Where they differ.
    Differs(String),
}

/// What an engine gives for the test and for its contrary.
fn computed(
    bytes: &[u8],
    sizes: &[u32],
    engine: &Engine,
) -> Result<Vec<Vec<(String, Tensor)>>, String> {
    let of_engine = |error: String| format!("{}: {error}", engine.facts().kind);
    let model = Model::load_on(bytes, &ModelLimits::default(), engine)
        .map_err(|error| of_engine(error.to_string()))?;
    let outputs = [1, 0].map(|test| outputs(&model, sizes, test));
    let outputs: Result<_, ComputeError> = outputs.into_iter().collect();
    outputs.map_err(|error| of_engine(error.to_string()))
}

fn outcome(number: u64, engines: &[Engine]) -> Outcome {
    let (graph, sizes) = drawn(number);
    let bytes = graph.bytes();
    let found: Result<Vec<_>, String> = (engines.iter())
        .map(|engine| computed(&bytes, &sizes, engine))
        .collect();
    let found = match found {
        Ok(found) => found,
        Err(why) => return Outcome::Cannot(why),
    };
    for pair in found.windows(2) {
        for (one, other) in pair[0].iter().flatten().zip(pair[1].iter().flatten()) {
            if let Some(difference) = difference(&one.1, &other.1) {
                let graph = described(&graph.graph, 1);
                return Outcome::Differs(format!("{} {difference}\n{graph}", one.0));
            }
        }
    }
    Outcome::Agreed
}

fn difference(one: &Tensor, other: &Tensor) -> Option<String> {
    if one.dimensions() != other.dimensions() {
        let (one, other) = (one.dimensions(), other.dimensions());
        return Some(format!("is of {one:?} and of {other:?}"));
    }
    let (one, other) = (floats(one), floats(other));
    let largest = other.iter().map(|value| value.abs()).fold(1.0, f32::max);
    let apart = one
        .iter()
        .zip(&other)
        .map(|(one, other)| (one - other).abs());
    // Also where one is no number.
    let is_near = |apart: f32| apart <= TOLERANCE * largest;
    let worst = apart.into_iter().find(|apart| !is_near(*apart))?;
    Some(format!("differs by {worst}, of {largest}"))
}

#[test]
fn engines_agree_on_models_drawn_by_chance() {
    let number = |name: &str, default: u64| {
        std::env::var(name).map_or(default, |value| value.parse().unwrap())
    };
    let first = number("METERBOX_DRAWN_FROM", 1);
    let models = number("METERBOX_DRAWN_MODELS", 400);
    let engines = engines();
    if engines.len() < 2 {
        // It has been said which one is not here.
        return;
    }
    let (mut agreed, mut cannot, mut differing) = (0, Vec::new(), Vec::new());
    for number in first..first + models {
        match outcome(number, &engines) {
            Outcome::Agreed => agreed += 1,
            Outcome::Cannot(why) => cannot.push(format!("model {number}: {why}")),
            Outcome::Differs(why) => differing.push(format!("model {number}: {why}")),
        }
    }
    println!(
        "{agreed} agreed, {} could not be computed:\n{}",
        cannot.len(),
        cannot.join("\n")
    );
    assert!(
        differing.is_empty(),
        "{} differ:\n{}",
        differing.len(),
        differing.join("\n")
    );
    // Else it would say nothing.
    assert!(agreed * 10 >= models * 8);
}
