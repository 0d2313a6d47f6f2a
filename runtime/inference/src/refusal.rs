//! Owns how a backend's list of what it must not compute is applied to a model. The lists themselves
//! lie with their backends.

use std::collections::HashMap;

use tract_onnx::pb;

use crate::element::ElementType;
use crate::engine::EngineKind;
use crate::load::ModelError;

/// Levels of subgraphs that are looked through; the parser's own limit is lower.
const DEPTH_MAX: u32 = 64;

/// Bytes of a constant that is looked through for infinities: masks have at most some hundred elements.
const SMALL_BYTES_MAX: usize = 8192;

/// A node as a list of refusals looks at it.
pub(crate) struct Looked<'a> {
    pub(crate) node: &'a pb::NodeProto,
    /// ONNX's numbers of the element types that the file states: of inputs, constants and outputs.
    types: &'a HashMap<&'a str, i32>,
    /// The operator that makes each value of the graph.
    producers: &'a HashMap<&'a str, &'a str>,
    /// Whether a small constant of the model holds an infinity.
    has_infinity: bool,
}

impl Looked<'_> {
    /// An attribute of this name; none when the node leaves it out.
    pub(crate) fn attribute(&self, name: &str) -> Option<&pb::AttributeProto> {
        self.node
            .attribute
            .iter()
            .find(|attribute| attribute.name == name)
    }

    /// An integer attribute, or ONNX's default for it.
    pub(crate) fn integer(&self, name: &str, default: i64) -> i64 {
        self.attribute(name)
            .map_or(default, |attribute| attribute.i)
    }

    /// A float attribute, or ONNX's default for it.
    pub(crate) fn float(&self, name: &str, default: f32) -> f32 {
        self.attribute(name)
            .map_or(default, |attribute| attribute.f)
    }

    /// A text attribute; empty when the node leaves it out.
    pub(crate) fn text(&self, name: &str) -> &[u8] {
        self.attribute(name)
            .map_or(b"", |attribute| attribute.s.as_slice())
    }

    /// Whether the node has an input at this place.
    pub(crate) fn has_input(&self, index: usize) -> bool {
        self.node
            .input
            .get(index)
            .is_some_and(|name| !name.is_empty())
    }

    /// Whether the node gives an output at this place.
    pub(crate) fn has_output(&self, index: usize) -> bool {
        self.node
            .output
            .get(index)
            .is_some_and(|name| !name.is_empty())
    }

    /// ONNX's number of an input's element type where the file states it.
    pub(crate) fn input_type(&self, index: usize) -> Option<i32> {
        let name = self.node.input.get(index)?;
        self.types.get(name.as_str()).copied()
    }

    /// The operator that makes an input; none for inputs of the graph, constants and outer values.
    pub(crate) fn producer(&self, index: usize) -> Option<&str> {
        let name = self.node.input.get(index)?;
        self.producers.get(name.as_str()).copied()
    }

    /// Whether the model has an infinity among its constants: masks are made of them.
    pub(crate) fn is_beside_infinity(&self) -> bool {
        self.has_infinity
    }
}

/// One line of a backend's list: an operator of ONNX that the backend computes otherwise than ONNX
/// defines it, in the cases that `when` holds for.
pub(crate) struct Refusal {
    pub(crate) operator: &'static str,
    pub(crate) when: fn(&Looked<'_>) -> bool,
    /// For people: completes the sentence "`operator` is refused because …".
    pub(crate) reason: &'static str,
}

/// What no backend computes as ONNX's reference does.
pub(crate) const CUBIC_AT_BORDERS: Refusal = Refusal {
    operator: "GridSample",
    when: |node| {
        matches!(node.text("mode"), b"cubic" | b"bicubic") && node.text("padding_mode") == b"border"
    },
    reason: "of cubic curves that begin beyond a border it takes other elements",
};

/// Looks at every node, those of subgraphs too.
///
/// # Errors
/// At the first node that is on the list.
pub(crate) fn check(
    model: &pb::ModelProto,
    engine: EngineKind,
    refusals: &[Refusal],
) -> Result<(), ModelError> {
    let Some(graph) = &model.graph else {
        return Ok(());
    };
    let check = Check {
        engine,
        refusals,
        has_infinity: has_infinity(graph, 0),
    };
    check_graph(graph, &HashMap::new(), &check, 0)
}

/// What stays the same from graph to graph.
struct Check<'a> {
    engine: EngineKind,
    refusals: &'a [Refusal],
    has_infinity: bool,
}

fn check_graph<'a>(
    graph: &'a pb::GraphProto,
    outer: &HashMap<&'a str, i32>,
    check: &Check<'_>,
    depth: u32,
) -> Result<(), ModelError> {
    if depth > DEPTH_MAX {
        return Err(ModelError::Malformed("subgraphs are nested too deeply"));
    }
    let mut types = outer.clone();
    let declared = graph
        .input
        .iter()
        .chain(&graph.value_info)
        .chain(&graph.output);
    types.extend(declared.filter_map(|value| {
        let pb::type_proto::Value::TensorType(tensor) = value.r#type.as_ref()?.value.as_ref()?;
        Some((value.name.as_str(), tensor.elem_type))
    }));
    let constants = graph.initializer.iter();
    types.extend(constants.map(|tensor| (tensor.name.as_str(), tensor.data_type)));
    let producers = graph
        .node
        .iter()
        .flat_map(|node| {
            let operator = node.op_type.as_str();
            node.output
                .iter()
                .map(move |name| (name.as_str(), operator))
        })
        .collect();
    for node in &graph.node {
        let looked = Looked {
            node,
            types: &types,
            producers: &producers,
            has_infinity: check.has_infinity,
        };
        let found = check
            .refusals
            .iter()
            .find(|refusal| refusal.operator == node.op_type && (refusal.when)(&looked));
        if let Some(refusal) = found {
            return Err(ModelError::RefusedByEngine {
                engine: check.engine,
                operator: node.op_type.clone(),
                node: node.output.first().cloned().unwrap_or_default(),
                reason: refusal.reason,
            });
        }
        for subgraph in subgraphs(node) {
            check_graph(subgraph, &types, check, depth.saturating_add(1))?;
        }
    }
    Ok(())
}

fn subgraphs(node: &pb::NodeProto) -> impl Iterator<Item = &pb::GraphProto> {
    let attributes = node.attribute.iter();
    attributes.flat_map(|attribute| attribute.g.iter().chain(&attribute.graphs))
}

fn has_infinity(graph: &pb::GraphProto, depth: u32) -> bool {
    let attributes = graph.node.iter().flat_map(|node| &node.attribute);
    let in_attributes = attributes.clone().flat_map(|attribute| &attribute.t);
    let mut constants = graph.initializer.iter().chain(in_attributes);
    constants.any(is_infinite)
        || attributes.clone().any(|attribute| {
            attribute.f.is_infinite() || attribute.floats.iter().any(|float| float.is_infinite())
        })
        || (depth < DEPTH_MAX
            && graph
                .node
                .iter()
                .flat_map(subgraphs)
                .any(|subgraph| has_infinity(subgraph, depth.saturating_add(1))))
}

/// Whether a small constant of f32, f64 or f16 holds an infinity. Weights are large, and hold none.
fn is_infinite(tensor: &pb::TensorProto) -> bool {
    if tensor.raw_data.len() > SMALL_BYTES_MAX {
        return false;
    }
    let raw = tensor.raw_data.as_slice();
    let in_raw = match ElementType::from_onnx(tensor.data_type) {
        Some(ElementType::F32) => raw
            .as_chunks()
            .0
            .iter()
            .any(|&bytes| f32::from_le_bytes(bytes).is_infinite()),
        Some(ElementType::F64) => raw
            .as_chunks()
            .0
            .iter()
            .any(|&bytes| f64::from_le_bytes(bytes).is_infinite()),
        // All five bits of the exponent set, and none of the fraction.
        Some(ElementType::F16) => raw
            .as_chunks()
            .0
            .iter()
            .any(|&bytes| u16::from_le_bytes(bytes) & 0x7fff == 0x7c00),
        _ => false,
    };
    let floats = tensor.float_data.iter().take(SMALL_BYTES_MAX);
    let doubles = tensor.double_data.iter().take(SMALL_BYTES_MAX);
    in_raw
        || floats.clone().any(|float| float.is_infinite())
        || doubles.clone().any(|double| double.is_infinite())
}
