//! Owns how shapes, types and small integers pass through each operator, after ONNX's definition of
//! it. Charges nothing and computes no floats: what a shape depends on must be known, or is refused.

mod layout;
mod window;

pub(crate) use window::kernel_shape;

use crate::element::ElementType;
use crate::graph::Node;
use crate::integers;
use crate::table::Form;
use crate::tensor::RANK_MAX;
use crate::value::{Value, product};

/// Why a node has no shape: the rule that its inputs break.
pub(crate) type Reason = String;

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

    /// Integers of an input, which must be known before anything runs.
    pub(crate) fn known(&self, index: usize) -> Result<&'a [i64], Reason> {
        self.input(index)?
            .integers
            .as_deref()
            .ok_or_else(|| format!("its output's shape depends on data (input {index})"))
    }

    /// Integers that older operator sets give as an attribute and newer ones as an input.
    fn attribute_or_input(&self, name: &str, index: usize) -> Result<Option<&'a [i64]>, Reason> {
        match self.optional(index) {
            Some(_) => self.known(index).map(Some),
            None => Ok(self.node.integers(name)),
        }
    }
}

/// What is known of every output of the node, in its order.
pub(crate) fn infer(call: &Call<'_>) -> Result<Vec<Value>, Reason> {
    let outputs = match call.node.operator.form {
        Form::Recurrent => window::recurrent(call)?,
        Form::Split => layout::split(call)?,
        _ => vec![infer_one(call)?],
    };
    if call
        .node
        .outputs
        .iter()
        .skip(outputs.len())
        .any(|name| !name.is_empty())
    {
        return Err(format!("it asks for more than {} outputs", outputs.len()));
    }
    if outputs.iter().any(|output| output.rank() > RANK_MAX) {
        return Err(format!("an output has more than {RANK_MAX} dimensions"));
    }
    Ok(outputs)
}

fn infer_one(call: &Call<'_>) -> Result<Value, Reason> {
    let first = || call.input(0);
    Ok(match call.node.operator.form {
        Form::Same => same(call)?,
        Form::Broadcast => broadcast(call, first()?.element_type)?,
        Form::Compare => broadcast(call, ElementType::Bool)?,
        Form::Where => select(call)?,
        Form::Cast => cast(call)?,
        Form::MatMul => matmul(first()?, call.input(1)?)?,
        Form::Gemm => gemm(call)?,
        Form::Conv => window::conv(call)?,
        Form::ConvTranspose => window::conv_transpose(call)?,
        Form::Pool => window::pool(call)?,
        Form::GlobalPool => window::global_pool(first()?)?,
        Form::Reduce => reduce(call)?,
        Form::ArgReduce => arg_reduce(call)?,
        Form::Constant => Value::weight(
            &call
                .node
                .constant()
                .ok_or("its value is missing or of no allowed type")?,
        ),
        Form::ConstantOfShape => layout::constant_of_shape(call)?,
        Form::Shape => layout::shape(call)?,
        Form::Size => {
            let size = first()?
                .elements()
                .and_then(|size| i64::try_from(size).ok());
            Value::new(vec![], ElementType::I64).with_integers(size.map(|size| vec![size]))
        }
        Form::Reshape => layout::reshape(call)?,
        Form::Flatten => layout::flatten(call)?,
        Form::Squeeze => layout::squeeze(call)?,
        Form::Unsqueeze => layout::unsqueeze(call)?,
        Form::Transpose => layout::transpose(call)?,
        Form::Concat => layout::concat(call)?,
        Form::Slice => layout::slice(call)?,
        Form::Gather => layout::gather(call)?,
        Form::GatherElements => {
            if first()?.rank() != call.input(1)?.rank() {
                return Err("its inputs differ in their number of dimensions".into());
            }
            Value::new(call.input(1)?.dimensions.clone(), first()?.element_type)
        }
        Form::Expand => layout::expand(call)?,
        Form::Tile => layout::tile(call)?,
        Form::Pad => layout::pad(call)?,
        Form::Range => layout::range(call)?,
        Form::DepthToSpace | Form::SpaceToDepth => layout::space(call)?,
        Form::Recurrent | Form::Split => return Err("it has several outputs".into()),
    })
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

fn same(call: &Call<'_>) -> Result<Value, Reason> {
    let input = call.input(0)?;
    let output = Value::new(input.dimensions.clone(), input.element_type);
    let integers = input
        .integers
        .as_ref()
        .and_then(|values| match call.node.operator.name {
            "Identity" => Some(values.clone()),
            "Neg" => values.iter().map(|value| value.checked_neg()).collect(),
            "Abs" => values.iter().map(|value| value.checked_abs()).collect(),
            _ => None,
        });
    Ok(output.with_integers(integers))
}

/// Numpy's rule: from the last dimension, equal sizes or one of them 1.
pub(crate) fn broadcast_shapes(left: &[u64], right: &[u64]) -> Result<Vec<u64>, Reason> {
    let rank = left.len().max(right.len());
    let padded = |sizes: &[u64]| -> Vec<u64> {
        let missing = rank.saturating_sub(sizes.len());
        std::iter::repeat_n(1, missing)
            .chain(sizes.iter().copied())
            .collect()
    };
    padded(left)
        .into_iter()
        .zip(padded(right))
        .map(|(l, r)| match (l, r) {
            (l, r) if l == r => Ok(l),
            (1, r) => Ok(r),
            (l, 1) => Ok(l),
            _ => Err(format!("{left:?} and {right:?} do not broadcast")),
        })
        .collect()
}

fn broadcast(call: &Call<'_>, element_type: ElementType) -> Result<Value, Reason> {
    let first = call.input(0)?;
    let mut dimensions = first.dimensions.clone();
    let mut integers = first.integers.clone();
    for index in 1..call.inputs.len() {
        let next = call.input(index)?;
        // ONNX lets only Pow mix types; backends would each promote in their own way.
        if next.element_type != first.element_type && call.node.operator.name != "Pow" {
            return Err("its inputs differ in their element type".into());
        }
        let joined = broadcast_shapes(&dimensions, &next.dimensions)?;
        integers = integers
            .zip(next.integers.as_ref())
            .and_then(|(left, right)| {
                integers::fill(&joined, |at| {
                    let l = integers::get_broadcast(&left, &dimensions, at)?;
                    let r = integers::get_broadcast(right, &next.dimensions, at)?;
                    integers::apply(call.node.operator.name, l, r)
                })
            });
        dimensions = joined;
    }
    Ok(Value::new(dimensions, element_type).with_integers(integers))
}

fn select(call: &Call<'_>) -> Result<Value, Reason> {
    let (test, yes, no) = (call.input(0)?, call.input(1)?, call.input(2)?);
    if test.element_type != ElementType::Bool || yes.element_type != no.element_type {
        return Err("it needs a condition and two inputs of one type".into());
    }
    let dimensions = broadcast_shapes(
        &test.dimensions,
        &broadcast_shapes(&yes.dimensions, &no.dimensions)?,
    )?;
    let known = (
        test.integers.as_ref(),
        yes.integers.as_ref(),
        no.integers.as_ref(),
    );
    let integers = match known {
        (Some(tests), Some(yeses), Some(nos)) => integers::fill(&dimensions, |at| {
            let test = integers::get_broadcast(tests, &test.dimensions, at)?;
            let (values, from) = if test == 0 { (nos, no) } else { (yeses, yes) };
            integers::get_broadcast(values, &from.dimensions, at)
        }),
        _ => None,
    };
    Ok(Value::new(dimensions, yes.element_type).with_integers(integers))
}

fn cast(call: &Call<'_>) -> Result<Value, Reason> {
    let input = call.input(0)?;
    let element_type = i32::try_from(call.node.integer("to", 0))
        .ok()
        .and_then(ElementType::from_onnx)
        .ok_or("it converts to an element type that is not supported")?;
    Ok(Value::new(input.dimensions.clone(), element_type).with_integers(input.integers.clone()))
}

/// Rows, inner length and columns come from the last two dimensions; those before them broadcast.
fn matmul(left: &Value, right: &Value) -> Result<Value, Reason> {
    let fault = || {
        format!(
            "{:?} and {:?} do not multiply",
            left.dimensions, right.dimensions
        )
    };
    if left.element_type != right.element_type {
        return Err("its inputs differ in their element type".into());
    }
    // A vector stands for a row on the left and a column on the right, and vanishes from the output.
    let (left_batch, left_rows, left_inner) = match left.dimensions.as_slice() {
        [inner] => (&[][..], None, *inner),
        [batch @ .., rows, inner] => (batch, Some(*rows), *inner),
        [] => return Err(fault()),
    };
    let (right_batch, right_inner, right_columns) = match right.dimensions.as_slice() {
        [inner] => (&[][..], *inner, None),
        [batch @ .., inner, columns] => (batch, *inner, Some(*columns)),
        [] => return Err(fault()),
    };
    if left_inner != right_inner {
        return Err(fault());
    }
    let mut dimensions = broadcast_shapes(left_batch, right_batch)?;
    dimensions.extend(left_rows);
    dimensions.extend(right_columns);
    Ok(Value::new(dimensions, left.element_type))
}

fn gemm(call: &Call<'_>) -> Result<Value, Reason> {
    let (left, right) = (call.input(0)?, call.input(1)?);
    let ([a, b], [c, d]) = (left.dimensions.as_slice(), right.dimensions.as_slice()) else {
        return Err("its first two inputs must be matrices".into());
    };
    let (rows, inner) = if call.node.integer("transA", 0) == 0 {
        (*a, *b)
    } else {
        (*b, *a)
    };
    let (other, columns) = if call.node.integer("transB", 0) == 0 {
        (*c, *d)
    } else {
        (*d, *c)
    };
    if inner != other || left.element_type != right.element_type {
        return Err(format!(
            "{:?} and {:?} do not multiply",
            left.dimensions, right.dimensions
        ));
    }
    let dimensions = vec![rows, columns];
    if let Some(bias) = call.optional(2)
        && broadcast_shapes(&dimensions, &bias.dimensions)? != dimensions
    {
        return Err("its bias does not broadcast to its output".into());
    }
    Ok(Value::new(dimensions, left.element_type))
}

fn reduce(call: &Call<'_>) -> Result<Value, Reason> {
    let input = call.input(0)?;
    let axes = call.attribute_or_input("axes", 1)?.unwrap_or(&[]);
    if axes.is_empty() && call.node.integer("noop_with_empty_axes", 0) != 0 {
        return Ok(Value::new(input.dimensions.clone(), input.element_type));
    }
    let axes = axes
        .iter()
        .map(|&a| axis(a, input.rank()))
        .collect::<Result<Vec<_>, _>>()?;
    let is_reduced = |index: usize| axes.is_empty() || axes.contains(&index);
    let dimensions = drop_axes(input, is_reduced, call.node.integer("keepdims", 1) != 0);
    let whole = axes.is_empty() && call.node.operator.name == "ReduceProd";
    let integers = input
        .integers
        .as_ref()
        .filter(|_| whole)
        .and_then(|values| {
            values
                .iter()
                .try_fold(1_i64, |all, &value| all.checked_mul(value))
                .map(|all| vec![all])
        });
    Ok(Value::new(dimensions, input.element_type).with_integers(integers))
}

fn arg_reduce(call: &Call<'_>) -> Result<Value, Reason> {
    let input = call.input(0)?;
    let reduced = axis(call.node.integer("axis", 0), input.rank())?;
    let dimensions = drop_axes(
        input,
        |index| index == reduced,
        call.node.integer("keepdims", 1) != 0,
    );
    Ok(Value::new(dimensions, ElementType::I64))
}

fn drop_axes(input: &Value, is_reduced: impl Fn(usize) -> bool, keep: bool) -> Vec<u64> {
    let sizes = input.dimensions.iter().enumerate();
    sizes
        .filter(|(index, _)| keep || !is_reduced(*index))
        .map(|(index, &size)| if is_reduced(index) { 1 } else { size })
        .collect()
}

pub(crate) fn checked_product(sizes: &[u64]) -> Result<u64, Reason> {
    product(sizes).ok_or_else(|| format!("dimensions {sizes:?} overflow"))
}
