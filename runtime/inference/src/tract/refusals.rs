//! Owns the list of what tract computes otherwise than ONNX defines it. Applies nothing.

use crate::refusal::{CUBIC_AT_BORDERS, Looked, Refusal};

/// ONNX's number for f32.
const F32: i32 = 1;
/// And for i64.
const I64: i32 = 7;

/// Found by the ONNX node tests, and by reading which attributes tract looks at: it passes over the
/// others without a word. See `docs/operators.md`.
pub(super) const REFUSALS: &[Refusal] = &[
    Refusal {
        operator: "Attention",
        when: |node| {
            node.attribute("left_window_size").is_some()
                || node.attribute("right_window_size").is_some()
        },
        reason: "a window is not looked at",
    },
    Refusal {
        operator: "Attention",
        when: |node| node.integer("is_causal", 0) != 0 && node.has_input(4),
        reason: "causal masks do not count past keys",
    },
    Refusal {
        operator: "BitShift",
        when: |_| true,
        reason: "a shift by the width or more, or by less than 0, gives what the processor makes of it",
    },
    Refusal {
        operator: "Celu",
        when: |node| node.input_type(0) != Some(F32),
        reason: "it is right for f32 alone, and the file does not say that its input is",
    },
    Refusal {
        operator: "Celu",
        when: |node| node.float("alpha", 1.0).to_bits() != 1.0_f32.to_bits(),
        reason: "what is below 0 is not multiplied by alpha",
    },
    Refusal {
        operator: "DFT",
        when: is_onesided_inverse,
        reason: "the inverse of one side gives another shape",
    },
    Refusal {
        operator: "Einsum",
        when: |node| node.has_input(2),
        reason: "of three inputs or more it goes through all indices one by one, many times slower than products of two",
    },
    Refusal {
        operator: "Einsum",
        when: sums_within_one_of_two,
        reason: "an index of one input alone, that is summed over, it goes through for each element of the \
                 product, many times slower than a product",
    },
    Refusal {
        operator: "Einsum",
        when: has_index_twice,
        reason: "of an index twice in one of two inputs it takes one element",
    },
    Refusal {
        operator: "Equal",
        when: asks_extreme_for_infinity,
        reason: EXTREME,
    },
    Refusal {
        operator: "GRU",
        when: is_unusual_recurrence,
        reason: RECURRENCE,
    },
    CUBIC_AT_BORDERS,
    Refusal {
        operator: "IsInf",
        when: asks_extreme_for_infinity,
        reason: EXTREME,
    },
    Refusal {
        operator: "LSTM",
        when: is_unusual_recurrence,
        reason: RECURRENCE,
    },
    Refusal {
        operator: "Mod",
        when: may_be_about_shapes,
        reason: "of numbers about shapes it has the sign of the dividend, and the file does not say that they are others",
    },
    Refusal {
        operator: "RNN",
        when: is_unusual_recurrence,
        reason: RECURRENCE,
    },
    Refusal {
        operator: "SpaceToDepth",
        when: |node| !matches!(node.text("mode"), b"" | b"DCR"),
        reason: "the order of mode `CRD` is not looked at",
    },
    Refusal {
        operator: "Swish",
        when: |node| node.float("alpha", 1.0).to_bits() != 1.0_f32.to_bits(),
        reason: "alpha is not looked at",
    },
];

const RECURRENCE: &str = "of attributes only the number of directions, `hidden_size` and `layout` are looked at, and of types f32";

const EXTREME: &str = "`ReduceMax` of nothing but negative infinity gives the lowest finite number, \
                       likewise `ReduceMin`, and the model asks for infinity there";

/// Whether a comparison is of what `ReduceMax` or `ReduceMin` gave, in a model that knows infinity.
fn asks_extreme_for_infinity(node: &Looked<'_>) -> bool {
    let is_extreme = |index| matches!(node.producer(index), Some("ReduceMax" | "ReduceMin"));
    (node.is_beside_infinity() || node.node.op_type == "IsInf") && (is_extreme(0) || is_extreme(1))
}

/// Whether a recurrent operator is of another type, or has an attribute, other than its default, that is not looked at.
fn is_unusual_recurrence(node: &Looked<'_>) -> bool {
    let default: &[&[u8]] = match node.node.op_type.as_str() {
        "RNN" => &[b"Tanh"],
        "GRU" => &[b"Sigmoid", b"Tanh"],
        _ => &[b"Sigmoid", b"Tanh", b"Tanh"],
    };
    let is_default = |attribute: &tract_onnx::pb::AttributeProto| {
        let names = attribute.strings.iter();
        names
            .zip(default.iter().cycle())
            .all(|(name, default)| name.eq_ignore_ascii_case(default))
    };
    // Its first state, where none is given, is of f32.
    let is_other_type = |index| node.input_type(index).is_some_and(|known| known != F32);
    is_other_type(0)
        || is_other_type(1)
        || !matches!(node.text("direction"), b"" | b"forward" | b"bidirectional")
        || node
            .attribute("activations")
            .is_some_and(|attribute| !is_default(attribute))
        || node.attribute("activation_alpha").is_some()
        || node.attribute("activation_beta").is_some()
        || node.attribute("clip").is_some()
        || node.integer("input_forget", 0) != 0
}

/// Whether a product of two has an index that only one of them has, and the result has not.
fn sums_within_one_of_two(node: &Looked<'_>) -> bool {
    let equation = String::from_utf8_lossy(node.text("equation"));
    let sums = |equation: &str| {
        let (inputs, output) = equation.split_once("->")?;
        let (one, other) = inputs.split_once(',')?;
        // A point stands for all that an ellipsis stands for.
        let is_alone = |index: char, there: &str| {
            (index.is_alphabetic() || index == '.')
                && !there.contains(index)
                && !output.contains(index)
        };
        let first = one.chars().any(|index| is_alone(index, other));
        Some(first || other.chars().any(|index| is_alone(index, one)))
    };
    sums(&equation).unwrap_or(false)
}

/// Whether a product of two has an input with an index twice.
fn has_index_twice(node: &Looked<'_>) -> bool {
    let equation = String::from_utf8_lossy(node.text("equation"));
    let inputs = equation.split("->").next().unwrap_or_default();
    let is_twice = |input: &str| {
        let mut indices = input
            .char_indices()
            .filter(|(_, index)| index.is_alphabetic());
        indices.any(|(at, index)| input[..at].contains(index))
    };
    inputs.contains(',') && inputs.split(',').any(is_twice)
}

/// Whether an operand is computed, and may be of tract's own type for numbers about shapes, which ONNX has as i64.
fn may_be_about_shapes(node: &Looked<'_>) -> bool {
    let may_be = |index| {
        let element_type = node.input_type(index);
        node.producer(index).is_some() && element_type.is_none_or(|found| found == I64)
    };
    may_be(0) || may_be(1)
}

fn is_onesided_inverse(node: &Looked<'_>) -> bool {
    node.integer("inverse", 0) != 0 && node.integer("onesided", 0) != 0
}
