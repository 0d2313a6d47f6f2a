//! Owns how shapes, types and small integers pass through each operator, after ONNX's definition of
//! it. Charges nothing: what a shape depends on must be known, or is refused.

pub(crate) mod attention;
pub(crate) mod elementwise;
pub(crate) mod image;
pub(crate) mod index;
pub(crate) mod layout;
pub(crate) mod normal;
pub(crate) mod product;
pub(crate) mod quantized;
pub(crate) mod recurrent;
pub(crate) mod reduce;
pub(crate) mod signal;
pub(crate) mod window;

use crate::element::ElementType;
use crate::node::Node;
use crate::table::Rule;
use crate::tensor::RANK_MAX;
use crate::value::{Value, bit, product};

/// Why a node has no shape: the rule that its inputs break.
pub(crate) type Reason = String;

/// What a rule says of a node's outputs.
pub(crate) type Shapes = Result<Vec<Value>, Reason>;

/// A node with what is known of its inputs; an optional input left out is `None`.
pub(crate) struct Call<'a> {
    pub(crate) node: &'a Node,
    pub(crate) inputs: Vec<Option<&'a Value>>,
}

impl<'a> Call<'a> {
    pub(crate) fn optional(&self, index: usize) -> Option<&'a Value> {
        self.inputs.get(index).copied().flatten()
    }

    pub(crate) fn input(&self, index: usize) -> Result<&'a Value, Reason> {
        self.optional(index)
            .ok_or_else(|| format!("input {index} is missing"))
    }

    /// Numbers of an input, which must be known before anything runs.
    pub(crate) fn known(&self, index: usize) -> Result<&'a [i64], Reason> {
        self.input(index)?
            .integers
            .as_deref()
            .ok_or_else(|| format!("its output's shape depends on data (input {index})"))
    }

    /// One number of an input, which must be known before anything runs.
    pub(crate) fn known_one(&self, index: usize) -> Result<i64, Reason> {
        match self.known(index)? {
            [value] => Ok(*value),
            _ => Err(format!("input {index} must be one number")),
        }
    }

    /// Integers that older operator sets give as an attribute and newer ones as an input.
    pub(crate) fn attribute_or_input(
        &self,
        name: &str,
        index: usize,
    ) -> Result<Option<&'a [i64]>, Reason> {
        match self.optional(index) {
            Some(_) => self.known(index).map(Some),
            None => Ok(self.node.integers(name)),
        }
    }

    /// An axis that an attribute names.
    pub(crate) fn axis(&self, default: i64, rank: usize) -> Result<usize, Reason> {
        axis(self.node.integer("axis", default), rank)
    }

    /// An axis that an attribute names, where the one after the last is allowed, too.
    pub(crate) fn axis_or_end(&self, default: i64, rank: usize) -> Result<usize, Reason> {
        let named = self.node.integer("axis", default);
        if usize::try_from(named) == Ok(rank) {
            return Ok(rank);
        }
        axis(named, rank)
    }

    /// Refuses inputs of different element types: backends would promote each in its own way.
    pub(crate) fn of_one_type(&self, indices: &[usize]) -> Result<(), Reason> {
        let mut types = indices
            .iter()
            .filter_map(|&index| self.optional(index))
            .map(|value| value.element_type);
        let first = types.next();
        if types.any(|element_type| Some(element_type) != first) {
            return Err("its inputs differ in their element type".into());
        }
        Ok(())
    }
}

/// What is known of every output of the node, in its order.
pub(crate) fn infer(call: &Call<'_>) -> Shapes {
    let bounded = call.inputs.iter().flatten().any(|input| input.is_bounded());
    let outputs = match call.node.operator.rule {
        Rule::Open(rule) => vec![rule(call)?],
        Rule::One(_) | Rule::Many(_) if bounded => {
            return Err(
                "it needs the exact sizes of its inputs, and one is known only as an upper bound"
                    .into(),
            );
        }
        Rule::One(rule) => vec![rule(call)?],
        Rule::Many(rule) => rule(call)?,
        Rule::Flow(_) => return Err("it runs a graph of its own".into()),
    };
    check(call.node, &outputs)?;
    Ok(outputs)
}

/// Checks what a rule says against what the node asks for.
pub(crate) fn check(node: &Node, outputs: &[Value]) -> Result<(), Reason> {
    if (outputs.len()..node.outputs.len()).any(|output| node.gives(output)) {
        return Err(format!("it asks for more than {} outputs", outputs.len()));
    }
    if outputs.iter().any(|output| output.rank() > RANK_MAX) {
        return Err(format!("an output has more than {RANK_MAX} dimensions"));
    }
    Ok(())
}

/// An index that may count from the end.
pub(crate) fn axis(axis: i64, rank: usize) -> Result<usize, Reason> {
    let count = i64::try_from(rank).map_err(|_| "too many dimensions")?;
    let from_start = if axis < 0 {
        axis.checked_add(count)
    } else {
        Some(axis)
    };
    from_start
        .filter(|&axis| axis < count)
        .and_then(|axis| usize::try_from(axis).ok())
        .ok_or_else(|| format!("axis {axis} of {rank} dimensions does not exist"))
}

pub(crate) fn size_of(sizes: &[u64], index: usize) -> Result<u64, Reason> {
    sizes
        .get(index)
        .copied()
        .ok_or_else(|| format!("dimension {index} is missing"))
}

/// A number that must be a size: not negative.
pub(crate) fn size(value: i64) -> Result<u64, Reason> {
    u64::try_from(value).map_err(|_| format!("a dimension is {value}"))
}

/// A number that must be above 0.
pub(crate) fn positive(value: i64) -> Result<u64, Reason> {
    u64::try_from(value)
        .ok()
        .filter(|&v| v > 0)
        .ok_or_else(|| format!("{value} is not above 0"))
}

pub(crate) fn overflow() -> Reason {
    "a dimension overflows".into()
}

/// The type that an attribute names by ONNX's number, or the default when it is 0 or left out.
pub(crate) fn type_named(
    call: &Call<'_>,
    attribute: &str,
    default: ElementType,
) -> Result<ElementType, Reason> {
    match call.node.integer(attribute, 0) {
        0 => Ok(default),
        number => i32::try_from(number)
            .ok()
            .and_then(ElementType::from_onnx)
            .ok_or_else(|| format!("attribute `{attribute}` names an unsupported element type")),
    }
}

/// Two shapes joined by numpy's rule: from the last dimension, equal sizes or one of them 1. With it,
/// which dimensions are only bounded.
pub(crate) fn broadcast(left: &Value, right: &Value) -> Result<Value, Reason> {
    let rank = left.rank().max(right.rank());
    let at = |value: &Value, index: usize| -> (u64, bool) {
        index
            .checked_sub(rank - value.rank())
            .and_then(|at| Some((*value.dimensions.get(at)?, value.is_bounded_at(at))))
            .unwrap_or((1, false))
    };
    let mut dimensions = Vec::with_capacity(rank);
    let mut bounds = 0;
    for index in 0..rank {
        let joined = match (at(left, index), at(right, index)) {
            ((l, false), (r, false)) if l == r => (l, false),
            ((1, false), other) | (other, (1, false)) => other,
            // What is bounded turns out to be the other's size, or 1, or an error of the call.
            ((_, true), (exact, false)) | ((exact, false), (_, true)) => (exact, false),
            ((l, true), (r, true)) => (l.max(r), true),
            _ => {
                return Err(format!(
                    "{:?} and {:?} do not broadcast",
                    left.dimensions, right.dimensions
                ));
            }
        };
        dimensions.push(joined.0);
        if joined.1 {
            bounds |= bit(index);
        }
    }
    Ok(Value::new(dimensions, left.element_type).bounded(bounds))
}

pub(crate) fn broadcast_shapes(left: &[u64], right: &[u64]) -> Result<Vec<u64>, Reason> {
    let of = |sizes: &[u64]| Value::new(sizes.to_vec(), ElementType::Bool);
    Ok(broadcast(&of(left), &of(right))?.dimensions)
}

pub(crate) fn checked_product(sizes: &[u64]) -> Result<u64, Reason> {
    product(sizes).ok_or_else(|| format!("dimensions {sizes:?} overflow"))
}
