//! Owns the shapes of operators that multiply matrices, and of `Einsum`.

use super::{Call, Reason, broadcast, broadcast_shapes, overflow, size_of};
use crate::element::ElementType;
use crate::value::{Value, bit};

/// Most letters and dimensions of an equation: ONNX's letters are 52.
const LETTERS_MAX: usize = 52;

/// Rows, inner length and columns come from the last two dimensions; those before them broadcast.
pub(crate) fn matmul(call: &Call<'_>) -> Result<Value, Reason> {
    call.of_one_type(&[0, 1])?;
    multiply(call.input(0)?, call.input(1)?)
}

/// As [`matmul`], of quantised integers, whose products are added up in 32 bits.
pub(crate) fn matmul_integer(call: &Call<'_>) -> Result<Value, Reason> {
    let (left, right) = (call.input(0)?, call.input(1)?);
    if left.element_type.size_bits() != 8 || right.element_type.size_bits() != 8 {
        return Err("its inputs must be of 8-bit integers".into());
    }
    let mut output = multiply(left, right)?;
    output.element_type = ElementType::I32;
    Ok(output)
}

/// As [`matmul`], of quantised integers, quantised again.
pub(crate) fn qlinear_matmul(call: &Call<'_>) -> Result<Value, Reason> {
    let mut output = multiply(call.input(0)?, call.input(3)?)?;
    output.element_type = call.input(7)?.element_type;
    Ok(output)
}

fn multiply(left: &Value, right: &Value) -> Result<Value, Reason> {
    let fault = || {
        format!(
            "{:?} and {:?} do not multiply",
            left.dimensions, right.dimensions
        )
    };
    // A vector stands for a row on the left and a column on the right, and vanishes from the output.
    let (left_inner, left_rows) = match left.rank() {
        0 => return Err(fault()),
        1 => (0, None),
        rank => (rank - 1, Some(rank - 2)),
    };
    let (right_inner, right_columns) = match right.rank() {
        0 => return Err(fault()),
        1 => (0, None),
        rank => (rank - 2, Some(rank - 1)),
    };
    if left.is_bounded_at(left_inner) || right.is_bounded_at(right_inner) {
        return Err("its inner length is known only as an upper bound".into());
    }
    if size_of(&left.dimensions, left_inner)? != size_of(&right.dimensions, right_inner)? {
        return Err(fault());
    }
    let batch = |value: &Value| {
        let count = value.rank().saturating_sub(2);
        let sizes = value.dimensions.get(..count).unwrap_or(&[]).to_vec();
        let bounds = value.bounds & (bit(count).saturating_sub(1));
        Value::new(sizes, value.element_type).bounded(bounds)
    };
    let mut output = broadcast(&batch(left), &batch(right))?;
    for (from, dimension) in [(left, left_rows), (right, right_columns)] {
        if let Some(dimension) = dimension {
            if from.is_bounded_at(dimension) {
                output.bounds |= bit(output.rank());
            }
            output
                .dimensions
                .push(size_of(&from.dimensions, dimension)?);
        }
    }
    Ok(output)
}

/// The dimensions of a product's output that come before its matrices.
pub(crate) fn batch<'v>(left: &Value, right: &Value, output: &'v Value) -> &'v [u64] {
    let vectors = [left, right].iter().filter(|side| side.rank() < 2).count();
    let count = (output.rank() + vectors).saturating_sub(2);
    output.dimensions.get(..count).unwrap_or(&[])
}

pub(crate) fn gemm(call: &Call<'_>) -> Result<Value, Reason> {
    let (left, right) = (call.input(0)?, call.input(1)?);
    let ([a, b], [c, d]) = (left.dimensions.as_slice(), right.dimensions.as_slice()) else {
        return Err("its first two inputs must be matrices".into());
    };
    let (rows, inner) = if call.node.is_set("transA") {
        (*b, *a)
    } else {
        (*a, *b)
    };
    let (other, columns) = if call.node.is_set("transB") {
        (*d, *c)
    } else {
        (*c, *d)
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

/// Determinants of the matrices in the last two dimensions.
pub(crate) fn determinant(call: &Call<'_>) -> Result<Value, Reason> {
    let input = call.input(0)?;
    match input.dimensions.as_slice() {
        [batch @ .., rows, columns] if rows == columns => {
            Ok(Value::new(batch.to_vec(), input.element_type))
        }
        other => Err(format!("{other:?} is not made of square matrices")),
    }
}

/// An equation's meaning for given inputs.
pub(crate) struct Contraction {
    /// The output's dimensions.
    pub(crate) output: Vec<u64>,
    /// The size of every index, each once.
    pub(crate) indices: Vec<u64>,
    /// The sizes of those that more than one input has, and the output: each of their combinations is a
    /// product of its own.
    pub(crate) batch: Vec<u64>,
}

/// A label of a dimension: a letter, or the n-th of those that an ellipsis stands for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Label {
    Batch(usize),
    Letter(u8),
}

/// Reads an `Einsum` node's equation against its inputs.
pub(crate) fn contraction(call: &Call<'_>) -> Result<Contraction, Reason> {
    let equation: Vec<u8> = call
        .node
        .text("equation")
        .iter()
        .copied()
        .filter(|letter| *letter != b' ')
        .collect();
    let text = String::from_utf8_lossy(&equation).into_owned();
    let (left, right) = match text.split_once("->") {
        Some((left, right)) => (left, Some(right)),
        None => (text.as_str(), None),
    };
    let terms: Vec<&str> = left.split(',').take(call.inputs.len() + 1).collect();
    if terms.len() != call.inputs.len() {
        return Err("its equation does not name each input".into());
    }
    let mut sizes: Vec<(Label, u64)> = Vec::new();
    let mut used: Vec<Label> = Vec::new();
    let mut shared: Vec<Label> = Vec::new();
    let mut batch_rank = 0;
    for (index, term) in terms.iter().enumerate() {
        let input = call.input(index)?;
        let letters = term.replace("...", "").len();
        let ellipsis = match (term.contains("..."), input.rank().checked_sub(letters)) {
            (true, Some(rest)) => rest,
            (false, Some(0)) => 0,
            _ => return Err(format!("its term `{term}` does not fit input {index}")),
        };
        batch_rank = batch_rank.max(ellipsis);
        let of_others = used.len();
        for (label, &size) in labels(term, ellipsis)?.iter().zip(&input.dimensions) {
            if used.iter().take(of_others).any(|other| other == label) && !shared.contains(label) {
                shared.push(*label);
            }
            used.push(*label);
            let is_full = sizes.len() >= LETTERS_MAX;
            match sizes.iter_mut().find(|(known, _)| known == label) {
                Some((_, known)) if *known == size => {}
                // Backends differ in whether a size of 1 broadcasts under a letter.
                Some((Label::Batch(_), known)) if *known == 1 => *known = size,
                Some((Label::Batch(_), _)) if size == 1 => {}
                Some(_) => return Err("one of its letters stands for two sizes".into()),
                None if is_full => return Err("it has too many letters".into()),
                None => sizes.push((*label, size)),
            }
        }
    }
    let wanted: Vec<Label> = match right {
        Some(right) => labels(right, batch_rank)?,
        // Without an arrow: what occurs once, by the alphabet, after all of the ellipsis.
        None => {
            let mut once: Vec<Label> = (sizes.iter().map(|(label, _)| *label))
                .filter(|label| {
                    matches!(label, Label::Batch(_))
                        || used.iter().filter(|other| *other == label).count() == 1
                })
                .collect();
            once.sort_unstable_by_key(|label| match label {
                // Counted from the end, so the largest comes first.
                Label::Batch(from_end) => (0, usize::MAX - from_end),
                Label::Letter(letter) => (1, usize::from(*letter)),
            });
            once
        }
    };
    let output = wanted
        .iter()
        .map(|label| sizes.iter().find(|(known, _)| known == label))
        .map(|found| {
            found
                .map(|(_, size)| *size)
                .ok_or("its output has a letter of no input")
        })
        .collect::<Result<Vec<_>, _>>()?;
    let batch = sizes
        .iter()
        .filter(|(label, _)| shared.contains(label) && wanted.contains(label))
        .map(|(_, size)| *size)
        .collect();
    let indices = sizes.into_iter().map(|(_, size)| size).collect();
    Ok(Contraction {
        output,
        indices,
        batch,
    })
}

/// The labels of a term, whose ellipsis stands for so many dimensions.
fn labels(term: &str, ellipsis: usize) -> Result<Vec<Label>, Reason> {
    let mut labels = Vec::new();
    let mut rest = term.as_bytes();
    let mut ellipses = 0;
    while let Some((&first, tail)) = rest.split_first() {
        if let Some(after) = rest.strip_prefix(b"...") {
            ellipses += 1;
            // By their place from the end, as broadcasting aligns them.
            labels.extend((0..ellipsis).rev().map(Label::Batch));
            rest = after;
        } else if first.is_ascii_alphabetic() {
            labels.push(Label::Letter(first));
            rest = tail;
        } else {
            return Err(format!("its term `{term}` is not made of letters"));
        }
    }
    if ellipses > 1 || labels.len() > LETTERS_MAX {
        return Err(format!("its term `{term}` is too long"));
    }
    Ok(labels)
}

pub(crate) fn einsum(call: &Call<'_>) -> Result<Value, Reason> {
    let all: Vec<usize> = (0..call.inputs.len()).collect();
    call.of_one_type(&all)?;
    let first = call.input(0)?;
    let output = contraction(call)?.output;
    if output.len() > LETTERS_MAX {
        return Err(overflow());
    }
    Ok(Value::new(output, first.element_type))
}
