//! Owns which models are outside the bit-exact class, whatever the process. Computes nothing.

use tract_onnx::pb;

use crate::element::ElementType;

/// Levels of subgraphs that are looked through; the parser's own limit is lower.
const DEPTH_MAX: u32 = 64;

/// Operators that tract computes with functions of the system's mathematical library, `cosf` for
/// instance, also in f32. Its own kernels serve `Exp`, `Log`, `Tanh`, `Sigmoid`, `Erf` and `Softmax`
/// there, and what is made of those.
const BY_LIBRARY: &[&str] = &[
    "Acos",
    "Acosh",
    "Asin",
    "Asinh",
    "Atan",
    "Atanh",
    "BlackmanWindow",
    "Cos",
    "Cosh",
    "DFT",
    "Gelu",
    "GlobalLpPool",
    "HammingWindow",
    "HannWindow",
    "LRN",
    "LogSoftmax",
    "LpNormalization",
    "LpPool",
    "MelWeightMatrix",
    "Pow",
    "STFT",
    "Sin",
    "Sinh",
    "SoftmaxCrossEntropyLoss",
    "Tan",
];

/// Why a model's results may differ between processes of the class; none when it is in it.
pub(crate) fn obstacle(model: &pb::ModelProto) -> Option<String> {
    in_graph(model.graph.as_ref()?, 0)
}

fn in_graph(graph: &pb::GraphProto, depth: u32) -> Option<String> {
    let ports = graph.input.iter().filter_map(|input| {
        let pb::type_proto::Value::TensorType(tensor) = input.r#type.as_ref()?.value.as_ref()?;
        Some(tensor.elem_type)
    });
    let constants = graph.initializer.iter().map(|tensor| tensor.data_type);
    let others = ports.chain(constants).find_map(other_float);
    if let Some(element_type) = others {
        return Some(format!("it computes in {element_type}"));
    }
    for node in &graph.node {
        if BY_LIBRARY.contains(&node.op_type.as_str()) && !is_exact_power(node, graph) {
            return Some(format!(
                "{} is left to the system's mathematical library",
                node.op_type
            ));
        }
        let target = node
            .attribute
            .iter()
            .find(|attribute| attribute.name == "to");
        let target = target.and_then(|to| other_float(i32::try_from(to.i).ok()?));
        if let Some(element_type) = target {
            return Some(format!("it computes in {element_type}"));
        }
        let graphs = node.attribute.iter();
        for subgraph in graphs.flat_map(|attribute| attribute.g.iter().chain(&attribute.graphs)) {
            if depth < DEPTH_MAX
                && let Some(found) = in_graph(subgraph, depth.saturating_add(1))
            {
                return Some(found);
            }
        }
    }
    None
}

/// Whether it is a square or a square root, by a constant of the same graph: tract has those for itself.
fn is_exact_power(node: &pb::NodeProto, graph: &pb::GraphProto) -> bool {
    let Some(exponent) = node.input.get(1).filter(|_| node.op_type == "Pow") else {
        return false;
    };
    let made = graph
        .node
        .iter()
        .filter(|node| node.op_type == "Constant" && node.output.first() == Some(exponent));
    let made = made.flat_map(|node| node.attribute.iter().filter_map(|value| value.t.as_ref()));
    let mut constants = graph
        .initializer
        .iter()
        .filter(|tensor| tensor.name == *exponent)
        .chain(made);
    constants.any(|tensor| {
        let raw = tensor
            .raw_data
            .as_slice()
            .try_into()
            .map(f32::from_le_bytes);
        let value = match tensor.float_data.as_slice() {
            [value] => Some(*value),
            _ => raw.ok(),
        };
        tensor.data_type == 1
            && value
                .is_some_and(|value| [2.0_f32, 0.5].map(f32::to_bits).contains(&value.to_bits()))
    })
}

/// A type of floats other than f32: their kernels end in the system's library for most functions.
fn other_float(number: i32) -> Option<ElementType> {
    ElementType::from_onnx(number).filter(|found| found.is_float() && *found != ElementType::F32)
}
