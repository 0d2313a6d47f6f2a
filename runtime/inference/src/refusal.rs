//! Owns how a backend's list of what it must not compute is applied to a model. The lists themselves
//! lie with their backends.

use std::collections::HashMap;

use tract_onnx::pb;

use crate::engine::EngineKind;
use crate::load::ModelError;

/// Levels of subgraphs that are looked through; the parser's own limit is lower.
const DEPTH_MAX: u32 = 64;

/// A node as a list of refusals looks at it.
pub(crate) struct Looked<'a> {
    pub(crate) node: &'a pb::NodeProto,
    /// The version of ONNX's operators that the model names.
    pub(crate) version: i64,
    /// ONNX's numbers of the element types that the file states: of inputs, constants and outputs.
    types: &'a HashMap<&'a str, i32>,
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

    /// ONNX's number of an output's element type where the file states it.
    pub(crate) fn output_type(&self, index: usize) -> Option<i32> {
        let name = self.node.output.get(index)?;
        self.types.get(name.as_str()).copied()
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

/// Looks at every node, those of subgraphs too.
///
/// # Errors
/// At the first node that is on the list.
pub(crate) fn check(
    model: &pb::ModelProto,
    engine: EngineKind,
    refusals: &[Refusal],
) -> Result<(), ModelError> {
    let version = model
        .opset_import
        .iter()
        .find(|import| import.domain.is_empty() || import.domain == "ai.onnx")
        .map_or(0, |import| import.version);
    let Some(graph) = &model.graph else {
        return Ok(());
    };
    check_graph(graph, version, &HashMap::new(), engine, refusals, 0)
}

fn check_graph<'a>(
    graph: &'a pb::GraphProto,
    version: i64,
    outer: &HashMap<&'a str, i32>,
    engine: EngineKind,
    refusals: &[Refusal],
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
        let pb::type_proto::Value::TensorType(tensor) =
            value.r#type.as_ref()?.value.as_ref()?;
        Some((value.name.as_str(), tensor.elem_type))
    }));
    let constants = graph.initializer.iter();
    types.extend(constants.map(|tensor| (tensor.name.as_str(), tensor.data_type)));
    for node in &graph.node {
        let looked = Looked {
            node,
            version,
            types: &types,
        };
        let found = refusals
            .iter()
            .find(|refusal| refusal.operator == node.op_type && (refusal.when)(&looked));
        if let Some(refusal) = found {
            return Err(ModelError::RefusedByEngine {
                engine,
                operator: node.op_type.clone(),
                node: node.output.first().cloned().unwrap_or_default(),
                reason: refusal.reason,
            });
        }
        let subgraphs = node.attribute.iter();
        for subgraph in subgraphs.flat_map(|attribute| attribute.g.iter().chain(&attribute.graphs))
        {
            check_graph(
                subgraph,
                version,
                &types,
                engine,
                refusals,
                depth.saturating_add(1),
            )?;
        }
    }
    Ok(())
}
