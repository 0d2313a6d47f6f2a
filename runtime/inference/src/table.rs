//! Owns the cost table: which operators are allowed, what each charges, and the table's printed form.
//! Counts nothing itself and knows no shapes.

use sha2::{Digest, Sha256};

/// Raised whenever a line of [`cost_table_text`] or a rule that reads it changes.
pub const COST_TABLE_VERSION: u32 = 1;

/// Operations charged for every node but `Constant`: finding its kernel, its inputs and the memory
/// of its output takes about as long as this many additions, however small the tensors are.
pub(crate) const NODE_OPERATIONS: u64 = 64;

/// Operations charged for each element that an LSTM, GRU or RNN gate yields: a bias, an activation
/// and the mixing into the state.
pub(crate) const GATE_OPERATIONS: u64 = 16;

/// How many operations an operator charges. One operation is one multiply-accumulate, or one
/// addition, comparison or copy of an element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Charge {
    /// Only the node itself: no element is touched.
    Free,
    /// For each element of the first output.
    PerOutput(u64),
    /// For each element of the first input: reductions read all of it for little output.
    PerInput(u64),
    /// For each output element and each element of the window it is made from.
    PerWindow(u64),
    /// Multiply-accumulates of a matrix product.
    MatMul,
    /// Multiply-accumulates of a matrix product, and one addition per output element with a bias.
    Gemm,
    /// Multiply-accumulates of a convolution, and one addition per output element with a bias.
    Conv,
    /// Multiply-accumulates of a transposed convolution, and one addition per output element with a bias.
    ConvTranspose,
    /// Multiply-accumulates of so many gates × steps, and [`GATE_OPERATIONS`] for each gate element.
    Recurrent(u64),
}

/// How an operator's output shapes follow from its inputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Same,
    Broadcast,
    Compare,
    Where,
    Cast,
    MatMul,
    Gemm,
    Conv,
    ConvTranspose,
    Pool,
    GlobalPool,
    Reduce,
    ArgReduce,
    Recurrent,
    Constant,
    ConstantOfShape,
    Shape,
    Size,
    Reshape,
    Flatten,
    Squeeze,
    Unsqueeze,
    Transpose,
    Concat,
    Split,
    Slice,
    Gather,
    GatherElements,
    Expand,
    Tile,
    Pad,
    Range,
    DepthToSpace,
    SpaceToDepth,
}

/// Whose element type decides the precision under which an operator is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Counted {
    Input,
    Output,
}

/// One line of the table.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Operator {
    pub(crate) name: &'static str,
    pub(crate) charge: Charge,
    pub(crate) form: Form,
    pub(crate) counted: Counted,
}

const fn op(name: &'static str, charge: Charge, form: Form) -> Operator {
    Operator {
        name,
        charge,
        form,
        counted: Counted::Output,
    }
}

/// Counted by the type of the first input, because the output's says nothing of the work.
const fn by_input(name: &'static str, charge: Charge, form: Form) -> Operator {
    Operator {
        name,
        charge,
        form,
        counted: Counted::Input,
    }
}

use Charge::{Free, PerInput, PerOutput, PerWindow};

#[rustfmt::skip] // one operator a line, as the specification prints it
pub(crate) static OPERATORS: &[Operator] = &[
    // Multiply-accumulates: counted exactly, by the type of what is multiplied.
    by_input("Conv", Charge::Conv, Form::Conv),
    by_input("ConvTranspose", Charge::ConvTranspose, Form::ConvTranspose),
    by_input("GRU", Charge::Recurrent(3), Form::Recurrent),
    by_input("Gemm", Charge::Gemm, Form::Gemm),
    by_input("LSTM", Charge::Recurrent(4), Form::Recurrent),
    by_input("MatMul", Charge::MatMul, Form::MatMul),
    by_input("RNN", Charge::Recurrent(1), Form::Recurrent),
    // No element is touched: another view of the same bytes, or a number about a shape.
    op("Constant", Free, Form::Constant),
    op("Dropout", Free, Form::Same),
    op("Flatten", Free, Form::Flatten),
    op("Identity", Free, Form::Same),
    op("Reshape", Free, Form::Reshape),
    op("Shape", Free, Form::Shape),
    op("Size", Free, Form::Size),
    op("Squeeze", Free, Form::Squeeze),
    op("Unsqueeze", Free, Form::Unsqueeze),
    // Movement: each output element is written once.
    op("Cast", PerOutput(1), Form::Cast),
    op("Concat", PerOutput(1), Form::Concat),
    op("ConstantOfShape", PerOutput(1), Form::ConstantOfShape),
    op("DepthToSpace", PerOutput(1), Form::DepthToSpace),
    op("Expand", PerOutput(1), Form::Expand),
    op("Gather", PerOutput(1), Form::Gather),
    op("GatherElements", PerOutput(1), Form::GatherElements),
    op("Pad", PerOutput(1), Form::Pad),
    op("Range", PerOutput(1), Form::Range),
    op("Slice", PerOutput(1), Form::Slice),
    op("SpaceToDepth", PerOutput(1), Form::SpaceToDepth),
    // All parts of what is split are written, not only the first.
    by_input("Split", PerInput(1), Form::Split),
    op("Tile", PerOutput(1), Form::Tile),
    op("Transpose", PerOutput(1), Form::Transpose),
    op("Where", PerOutput(1), Form::Where),
    // One machine operation per element.
    op("Abs", PerOutput(1), Form::Same),
    op("Add", PerOutput(1), Form::Broadcast),
    by_input("And", PerOutput(1), Form::Compare),
    op("Ceil", PerOutput(1), Form::Same),
    by_input("Equal", PerOutput(1), Form::Compare),
    op("Floor", PerOutput(1), Form::Same),
    by_input("Greater", PerOutput(1), Form::Compare),
    by_input("GreaterOrEqual", PerOutput(1), Form::Compare),
    by_input("Less", PerOutput(1), Form::Compare),
    by_input("LessOrEqual", PerOutput(1), Form::Compare),
    op("Mul", PerOutput(1), Form::Broadcast),
    op("Neg", PerOutput(1), Form::Same),
    op("Not", PerOutput(1), Form::Same),
    by_input("Or", PerOutput(1), Form::Compare),
    op("Relu", PerOutput(1), Form::Same),
    op("Round", PerOutput(1), Form::Same),
    op("Sign", PerOutput(1), Form::Same),
    op("Sub", PerOutput(1), Form::Broadcast),
    by_input("Xor", PerOutput(1), Form::Compare),
    // Two to four simple operations, or one per operand.
    op("BatchNormalization", PerOutput(2), Form::Same),
    op("Clip", PerOutput(2), Form::Same),
    op("HardSigmoid", PerOutput(4), Form::Same),
    op("HardSwish", PerOutput(4), Form::Same),
    op("LeakyRelu", PerOutput(2), Form::Same),
    op("Max", PerOutput(2), Form::Broadcast),
    op("Min", PerOutput(2), Form::Broadcast),
    op("PRelu", PerOutput(2), Form::Broadcast),
    op("ThresholdedRelu", PerOutput(2), Form::Same),
    // Division and roots: several times the latency of an addition, on processors of every make.
    op("Div", PerOutput(4), Form::Broadcast),
    op("Mod", PerOutput(4), Form::Broadcast),
    op("Reciprocal", PerOutput(4), Form::Same),
    op("Softsign", PerOutput(4), Form::Same),
    op("Sqrt", PerOutput(4), Form::Same),
    // Polynomials and rational approximations: about ten multiply-accumulates and a division.
    op("Acos", PerOutput(16), Form::Same),
    op("Acosh", PerOutput(16), Form::Same),
    op("Asin", PerOutput(16), Form::Same),
    op("Asinh", PerOutput(16), Form::Same),
    op("Atan", PerOutput(16), Form::Same),
    op("Atanh", PerOutput(16), Form::Same),
    op("Cos", PerOutput(16), Form::Same),
    op("Cosh", PerOutput(16), Form::Same),
    op("Elu", PerOutput(16), Form::Same),
    op("Erf", PerOutput(16), Form::Same),
    op("Exp", PerOutput(16), Form::Same),
    op("Log", PerOutput(16), Form::Same),
    op("Pow", PerOutput(16), Form::Broadcast),
    op("Selu", PerOutput(16), Form::Same),
    op("Sigmoid", PerOutput(16), Form::Same),
    op("Sin", PerOutput(16), Form::Same),
    op("Sinh", PerOutput(16), Form::Same),
    op("Softplus", PerOutput(16), Form::Same),
    op("Tan", PerOutput(16), Form::Same),
    op("Tanh", PerOutput(16), Form::Same),
    // Several passes over each element: mean, variance, scaling; or maximum, exponential, sum, division.
    op("InstanceNormalization", PerOutput(12), Form::Same),
    op("LayerNormalization", PerOutput(12), Form::Same),
    op("LogSoftmax", PerOutput(24), Form::Same),
    op("Softmax", PerOutput(24), Form::Same),
    // Reductions: every input element is read once.
    by_input("ArgMax", PerInput(2), Form::ArgReduce),
    by_input("ArgMin", PerInput(2), Form::ArgReduce),
    op("AveragePool", PerWindow(1), Form::Pool),
    op("CumSum", PerOutput(1), Form::Same),
    op("GlobalAveragePool", PerInput(1), Form::GlobalPool),
    op("GlobalMaxPool", PerInput(1), Form::GlobalPool),
    op("MaxPool", PerWindow(1), Form::Pool),
    op("ReduceL1", PerInput(2), Form::Reduce),
    op("ReduceL2", PerInput(2), Form::Reduce),
    op("ReduceMax", PerInput(1), Form::Reduce),
    op("ReduceMean", PerInput(1), Form::Reduce),
    op("ReduceMin", PerInput(1), Form::Reduce),
    op("ReduceProd", PerInput(1), Form::Reduce),
    op("ReduceSum", PerInput(1), Form::Reduce),
    op("ReduceSumSquare", PerInput(2), Form::Reduce),
];

/// The operator of this name in ONNX's own domain; none when it is not allowed.
pub(crate) fn find(name: &str) -> Option<&'static Operator> {
    OPERATORS.iter().find(|operator| operator.name == name)
}

/// The table as text: its version, its constants, then one operator a line, by name.
///
/// The text is canonical: equal tables give equal bytes, and the digest is taken over them.
#[must_use]
pub fn cost_table_text() -> String {
    let mut lines: Vec<String> = OPERATORS.iter().map(line).collect();
    lines.sort();
    format!(
        "meterbox inference cost table {COST_TABLE_VERSION}\n\
         every node but Constant: {NODE_OPERATIONS}\n\
         every gate element of GRU, LSTM, RNN: {GATE_OPERATIONS}\n\
         {}\n",
        lines.join("\n")
    )
}

/// SHA-256 of [`cost_table_text`]: what a receipt names.
#[must_use]
pub fn cost_table_digest() -> [u8; 32] {
    Sha256::digest(cost_table_text().as_bytes()).into()
}

fn line(operator: &Operator) -> String {
    let charge = match operator.charge {
        Charge::Free => "0".to_owned(),
        Charge::PerOutput(units) => format!("{units} per output element"),
        Charge::PerInput(units) => format!("{units} per input element"),
        Charge::PerWindow(units) => format!("{units} per output element and window element"),
        Charge::MatMul => "multiply-accumulates".to_owned(),
        Charge::Gemm | Charge::Conv | Charge::ConvTranspose => {
            "multiply-accumulates, bias 1 per output element".to_owned()
        }
        Charge::Recurrent(gates) => format!("multiply-accumulates of {gates} gates per step"),
    };
    let counted = match operator.counted {
        Counted::Input => "first input",
        Counted::Output => "first output",
    };
    format!("{}: {charge}, by {counted}", operator.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_operator_has_exactly_one_line() {
        let text = cost_table_text();
        for operator in OPERATORS {
            let start = format!("{}: ", operator.name);
            assert_eq!(
                text.lines().filter(|line| line.starts_with(&start)).count(),
                1,
                "{start}"
            );
        }
        assert_eq!(text.lines().count(), OPERATORS.len() + 3);
    }

    #[test]
    fn data_dependent_operators_are_not_allowed() {
        for name in [
            "If",
            "Loop",
            "Scan",
            "NonZero",
            "NonMaxSuppression",
            "Unique",
            "TopK",
            "Compress",
        ] {
            assert!(find(name).is_none(), "{name}");
        }
    }
}
