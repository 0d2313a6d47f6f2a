//! Owns one node of a graph: its operator, the names of what it reads and makes, its attributes.
//! Knows no shapes.

use std::collections::HashMap;

use tract_onnx::pb;

use crate::constant::{self, Constant};
use crate::graph::{Body, Reading, is_onnx_domain};
use crate::load::ModelError;
use crate::table::{self, NODE_PORTS, Operator, Rule};

pub(crate) struct Node {
    pub(crate) name: String,
    pub(crate) operator: &'static Operator,
    /// The version of ONNX's operators that gives the node its meaning.
    pub(crate) opset: i64,
    /// Names of values; an empty one is an optional input left out.
    pub(crate) inputs: Vec<String>,
    pub(crate) outputs: Vec<String>,
    pub(crate) attributes: HashMap<String, Attribute>,
}

pub(crate) struct Attribute {
    pub(crate) integer: i64,
    pub(crate) integers: Vec<i64>,
    pub(crate) float: f32,
    pub(crate) floats: Vec<f32>,
    pub(crate) text: Vec<u8>,
    pub(crate) tensor: Option<Constant>,
    pub(crate) body: Option<Body>,
    is_float: bool,
}

impl Node {
    /// Inputs and outputs that are more than a node is charged with.
    pub(crate) fn ports_beyond(&self) -> u64 {
        let ports = self.inputs.len().saturating_add(self.outputs.len());
        u64::try_from(ports)
            .unwrap_or(u64::MAX)
            .saturating_sub(NODE_PORTS)
    }

    pub(crate) fn integer(&self, name: &str, default: i64) -> i64 {
        self.attributes
            .get(name)
            .map_or(default, |attribute| attribute.integer)
    }

    /// Whether the attribute is given and not 0.
    pub(crate) fn is_set(&self, name: &str) -> bool {
        self.integer(name, 0) != 0
    }

    pub(crate) fn integers(&self, name: &str) -> Option<&[i64]> {
        self.attributes
            .get(name)
            .map(|attribute| attribute.integers.as_slice())
    }

    pub(crate) fn text(&self, name: &str) -> &[u8] {
        self.attributes
            .get(name)
            .map_or(b"", |attribute| attribute.text.as_slice())
    }

    /// The graph within the node that this attribute holds.
    pub(crate) fn body(&self, name: &str) -> Option<&Body> {
        self.attributes.get(name)?.body.as_ref()
    }

    /// All graphs within the node.
    pub(crate) fn bodies(&self) -> impl Iterator<Item = &Body> {
        self.attributes
            .values()
            .filter_map(|attribute| attribute.body.as_ref())
    }

    /// Whether the output is asked for.
    pub(crate) fn gives(&self, output: usize) -> bool {
        self.outputs
            .get(output)
            .is_some_and(|name| !name.is_empty())
    }

    /// The constant that a `Constant` node makes, in whichever attribute it lies.
    pub(crate) fn constant(&self) -> Option<Constant> {
        let (name, attribute) = self
            .attributes
            .iter()
            .find(|(name, _)| name.starts_with("value"))?;
        match name.as_str() {
            "value" => attribute.tensor.clone(),
            "value_int" => Some(Constant::of_integers(vec![], vec![attribute.integer])),
            "value_ints" => {
                let length = u64::try_from(attribute.integers.len()).ok()?;
                Some(Constant::of_integers(
                    vec![length],
                    attribute.integers.clone(),
                ))
            }
            "value_float" if attribute.is_float => {
                Some(Constant::of_floats(vec![], &[attribute.float]))
            }
            "value_floats" => {
                let length = u64::try_from(attribute.floats.len()).ok()?;
                Some(Constant::of_floats(vec![length], &attribute.floats))
            }
            _ => None,
        }
    }

    pub(crate) fn invalid(&self, reason: impl Into<String>) -> ModelError {
        invalid(&self.name, self.operator.name, reason)
    }
}

fn invalid(node: &str, operator: &str, reason: impl Into<String>) -> ModelError {
    ModelError::InvalidNode {
        node: node.to_owned(),
        operator: operator.to_owned(),
        reason: reason.into(),
    }
}

/// Inputs of a node, and outputs: models seen in practice join some hundred, and each may be gone through for
/// each element that is followed.
const PLACES_MAX: usize = 1_024;

/// Reads a node of a graph that lies `depth` graphs deep within others.
pub(crate) fn read(
    node: &pb::NodeProto,
    depth: u64,
    reading: &mut Reading<'_>,
) -> Result<Node, ModelError> {
    let first_output = node
        .output
        .iter()
        .find(|name| !name.is_empty())
        .map_or("", String::as_str);
    let name = if node.name.is_empty() {
        first_output
    } else {
        &node.name
    };
    let operator = operator(node, name, reading.opset)?;
    if first_output.is_empty() {
        return Err(invalid(name, operator.name, "it has no output with a name"));
    }
    if node.input.len().max(node.output.len()) > PLACES_MAX {
        let reason = format!("it has more than {PLACES_MAX} inputs or outputs");
        return Err(invalid(name, operator.name, reason));
    }
    let mut attributes = HashMap::new();
    for attribute in &node.attribute {
        let fault = |reason: &str| {
            invalid(
                name,
                operator.name,
                format!("attribute `{}` {reason}", attribute.name),
            )
        };
        if attribute.g.is_some() && !matches!(operator.rule, Rule::Flow(_)) {
            return Err(fault("is a graph, which this operator does not take"));
        }
        if !attribute.graphs.is_empty()
            || attribute.sparse_tensor.is_some()
            || !attribute.sparse_tensors.is_empty()
            || !attribute.tensors.is_empty()
            || !attribute.type_protos.is_empty()
            || !attribute.ref_attr_name.is_empty()
        {
            return Err(fault("is of a kind that is not supported"));
        }
        let tensor = attribute
            .t
            .as_ref()
            .map(|tensor| constant::read(tensor, name))
            .transpose()?;
        let body = attribute
            .g
            .as_ref()
            .map(|graph| Body::read(graph, depth.saturating_add(1), reading))
            .transpose()?;
        let kept = Attribute {
            integer: attribute.i,
            integers: attribute.ints.clone(),
            float: attribute.f,
            floats: attribute.floats.clone(),
            text: attribute.s.clone(),
            tensor,
            body,
            is_float: attribute.r#type == 1,
        };
        if attributes.insert(attribute.name.clone(), kept).is_some() {
            return Err(fault("is given twice"));
        }
    }
    let read = Node {
        name: name.to_owned(),
        operator,
        opset: reading.opset,
        inputs: node.input.clone(),
        outputs: node.output.clone(),
        attributes,
    };
    if operator.name == "Constant" {
        let constant = read
            .constant()
            .ok_or_else(|| read.invalid("its value is missing or of no supported type"))?;
        reading.constant(&constant)?;
    }
    Ok(read)
}

/// The operator that a node names; one that is not known is refused by its name, with the reason where
/// it is known and refused.
fn operator(node: &pb::NodeProto, name: &str, opset: i64) -> Result<&'static Operator, ModelError> {
    let refused = |operator: String, reason: &str| ModelError::UnsupportedOperator {
        operator,
        node: name.to_owned(),
        reason: reason.to_owned(),
    };
    if !is_onnx_domain(&node.domain) {
        return Err(refused(
            format!("{}.{}", node.domain, node.op_type),
            "only ONNX's own operators are",
        ));
    }
    let Some(operator) = table::find(&node.op_type) else {
        let reason = table::why_refused(&node.op_type).unwrap_or("the cost table does not have it");
        return Err(refused(node.op_type.clone(), reason));
    };
    if opset < operator.since || operator.until.is_some_and(|until| opset > until) {
        return Err(refused(
            node.op_type.clone(),
            &format!(
                "version {opset} of ONNX's operators does not have it, or with another meaning"
            ),
        ));
    }
    Ok(operator)
}
