//! Owns the cost table: which operators are allowed, what each charges, and the table's printed form.
//! Counts nothing itself and knows no shapes.

use sha2::{Digest, Sha256};

use crate::shape::{
    Call, Reason, Shapes, attention, elementwise as each, image, index, layout, normal, product,
    quantized, recurrent, reduce, signal, window,
};
use crate::value::Value;

/// Raised whenever a line of [`cost_table_text`] or a rule that reads it changes.
pub const COST_TABLE_VERSION: u32 = 2;

/// Operations charged for every node but `Constant`: finding its kernel, its inputs and the memory
/// of its output takes about as long as this many additions, however small the tensors are.
pub(crate) const NODE_OPERATIONS: u64 = 64;

/// Operations charged for each element that an LSTM, GRU or RNN gate yields: a bias, an activation
/// and the mixing into the state.
pub(crate) const GATE_OPERATIONS: u64 = 16;

/// Operations charged for each number of a Fourier transform and each doubling of its length: a complex
/// multiplication and addition, and what lengths take that are no power of two.
pub(crate) const FOURIER_OPERATIONS: u64 = 16;

/// Operations charged for each score of an attention: its soft-max.
pub(crate) const SCORE_OPERATIONS: u64 = 24;

/// Operations charged for two boxes compared, or an image sampled between its pixels: some products
/// and comparisons.
pub(crate) const SAMPLE_OPERATIONS: u64 = 16;

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
    /// For each element of the first output, and each of this input: it is placed into a copy.
    PerOutputAndInput(usize),
    /// For each element of the first output, once for each input.
    PerOperand(u64),
    /// For each output element and each element of the window it is made from.
    PerWindow(u64),
    /// For each input element and each binary digit of the number of elements that are sorted.
    Sorted(u64),
    /// Multiply-accumulates of a matrix product, and so much for each output element.
    MatMul { after: u64 },
    /// Multiply-accumulates of a matrix product, and one addition per output element with a bias.
    Gemm,
    /// Multiply-accumulates over all of an equation's indices, for each input but one.
    Einsum,
    /// Multiply-accumulates of a convolution, one addition per output element with a bias, and so much
    /// for each output element; with the places of kernel and bias among the inputs.
    Conv {
        kernel: usize,
        bias: Option<usize>,
        after: u64,
    },
    /// A convolution whose window elements are sampled between pixels.
    DeformConv,
    /// Multiply-accumulates of a transposed convolution, and one addition per output element with a bias.
    ConvTranspose,
    /// Multiply-accumulates of so many gates × steps, and [`GATE_OPERATIONS`] for each gate element.
    Recurrent(u64),
    /// Multiply-accumulates of scores and of weighted values, and [`SCORE_OPERATIONS`] for each score.
    Attention,
    /// Multiply-accumulates on a state of keys × values at each step.
    LinearAttention,
    /// Multiply-accumulates of a causal convolution and its activation.
    CausalConv,
    /// Elimination in each matrix.
    Determinant,
    /// [`FOURIER_OPERATIONS`] for each number and each binary digit of the length.
    Dft,
    /// The same in each frame, and the window.
    Stft,
    /// Boxes sorted, and compared with those chosen before them.
    NonMaxSuppression,
    /// Pixels read for each output element, by mode.
    Resize,
    /// Pixels read for each output element, by mode, at places that are computed.
    GridSample,
    /// Samples of each output element.
    RoiAlign,
    /// Pixels of each region, at most all.
    MaxRoiPool,
    /// For each output element, and each of the channels around it.
    Lrn,
    /// What the graph within it charges: the dearer of two.
    If,
    /// What the graph within it charges, once for each step.
    Steps,
}

/// How an operator's output shapes follow from its inputs.
#[derive(Clone, Copy)]
pub(crate) enum Rule {
    /// One output, from inputs whose sizes may be upper bounds.
    Open(fn(&Call<'_>) -> Result<Value, Reason>),
    /// One output, from inputs of exact sizes.
    One(fn(&Call<'_>) -> Result<Value, Reason>),
    /// Several outputs, from inputs of exact sizes.
    Many(fn(&Call<'_>) -> Shapes),
    /// What the graphs within it give.
    Flow(Flow),
}

/// Operators that run graphs within them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flow {
    If,
    Loop,
    Scan,
}

/// Whose element type decides the precision under which an operator is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Counted {
    Input,
    Output,
}

/// One line of the table.
pub(crate) struct Operator {
    pub(crate) name: &'static str,
    /// The first version of ONNX's operators in which it means what its rule says.
    pub(crate) since: i64,
    /// The last one, where it was taken out again.
    pub(crate) until: Option<i64>,
    pub(crate) charge: Charge,
    pub(crate) rule: Rule,
    pub(crate) counted: Counted,
}

impl std::fmt::Debug for Operator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

const fn op(name: &'static str, since: i64, charge: Charge, rule: Rule) -> Operator {
    Operator {
        name,
        since,
        until: None,
        charge,
        rule,
        counted: Counted::Output,
    }
}

/// Counted by the type of the first input, because the output's says nothing of the work.
const fn by_input(name: &'static str, since: i64, charge: Charge, rule: Rule) -> Operator {
    Operator {
        counted: Counted::Input,
        ..op(name, since, charge, rule)
    }
}

/// Taken out of ONNX after this version.
const fn until(last: i64, operator: Operator) -> Operator {
    Operator {
        until: Some(last),
        ..operator
    }
}

use Charge::{Free, PerInput, PerOperand, PerOutput, PerOutputAndInput, PerWindow, Sorted};
use Rule::{Many, One, Open};

const CONV: Charge = Charge::Conv {
    kernel: 1,
    bias: Some(2),
    after: 0,
};

#[rustfmt::skip] // one operator a line, as the specification prints it
pub(crate) static OPERATORS: &[Operator] = &[
    // Multiply-accumulates: counted exactly, by the type of what is multiplied.
    by_input("Attention", 23, Charge::Attention, Many(attention::attention)),
    by_input("CausalConvWithState", 27, Charge::CausalConv, Many(recurrent::causal_conv)),
    by_input("Conv", 7, CONV, Open(window::conv)),
    by_input("ConvInteger", 10, Charge::Conv { kernel: 1, bias: None, after: 0 }, Open(window::conv_integer)),
    by_input("ConvTranspose", 7, Charge::ConvTranspose, One(window::conv_transpose)),
    by_input("DeformConv", 19, Charge::DeformConv, One(window::deform_conv)),
    by_input("Einsum", 12, Charge::Einsum, One(product::einsum)),
    by_input("GRU", 7, Charge::Recurrent(3), Many(recurrent::recurrent)),
    by_input("Gemm", 7, Charge::Gemm, One(product::gemm)),
    by_input("LSTM", 7, Charge::Recurrent(4), Many(recurrent::recurrent)),
    by_input("LinearAttention", 27, Charge::LinearAttention, Many(recurrent::linear_attention)),
    by_input("MatMul", 7, Charge::MatMul { after: 0 }, Open(product::matmul)),
    by_input("MatMulInteger", 10, Charge::MatMul { after: 0 }, Open(product::matmul_integer)),
    by_input("QLinearConv", 10, Charge::Conv { kernel: 3, bias: Some(8), after: 8 }, Open(window::qlinear_conv)),
    by_input("QLinearMatMul", 10, Charge::MatMul { after: 8 }, Open(product::qlinear_matmul)),
    by_input("RNN", 7, Charge::Recurrent(1), Many(recurrent::recurrent)),
    // What the graphs within them charge.
    op("If", 7, Charge::If, Rule::Flow(Flow::If)),
    op("Loop", 7, Charge::Steps, Rule::Flow(Flow::Loop)),
    op("Scan", 9, Charge::Steps, Rule::Flow(Flow::Scan)),
    // No element is touched: another view of the same bytes, or a number about a shape.
    op("Constant", 7, Free, Open(layout::constant)),
    op("Flatten", 7, Free, Open(layout::flatten)),
    op("Identity", 7, Free, Open(each::same)),
    op("Reshape", 7, Free, Open(layout::reshape)),
    op("Shape", 7, Free, Open(layout::shape)),
    op("Size", 7, Free, Open(layout::count)),
    op("Squeeze", 7, Free, Open(layout::squeeze)),
    op("Unsqueeze", 7, Free, Open(layout::unsqueeze)),
    // Movement: each output element is written once.
    op("BitCast", 26, PerOutput(1), Open(each::bit_cast)),
    op("Cast", 7, PerOutput(1), Open(each::cast)),
    op("CastLike", 15, PerOutput(1), Open(each::cast_like)),
    op("CenterCropPad", 18, PerOutput(1), One(layout::center_crop_pad)),
    op("Concat", 7, PerOutput(1), Open(layout::concat)),
    op("ConstantOfShape", 9, PerOutput(1), One(layout::constant_of_shape)),
    op("DepthToSpace", 7, PerOutput(1), One(layout::space)),
    op("Dropout", 7, PerOutput(1), Many(each::dropout)),
    op("Expand", 8, PerOutput(1), Open(layout::expand)),
    op("EyeLike", 9, PerOutput(1), One(layout::eye_like)),
    op("Gather", 7, PerOutput(1), Open(index::gather)),
    op("GatherElements", 11, PerOutput(1), Open(index::gather_elements)),
    op("GatherND", 11, PerOutput(1), Open(index::gather_nd)),
    op("OneHot", 9, PerOutput(1), One(index::one_hot)),
    op("Pad", 7, PerOutput(1), One(layout::pad)),
    op("Range", 11, PerOutput(1), One(layout::range)),
    op("ReverseSequence", 10, PerOutput(1), One(layout::reverse_sequence)),
    until(10, op("Scatter", 9, PerOutputAndInput(2), Open(index::scatter_elements))),
    op("ScatterElements", 11, PerOutputAndInput(2), Open(index::scatter_elements)),
    op("ScatterND", 11, PerOutputAndInput(2), Open(index::scatter_nd)),
    op("Slice", 7, PerOutput(1), Open(layout::slice)),
    op("SpaceToDepth", 7, PerOutput(1), One(layout::space)),
    // All parts of what is split are written, not only the first.
    by_input("Split", 7, PerInput(1), Many(layout::split)),
    op("TensorScatter", 24, PerOutputAndInput(1), One(index::tensor_scatter)),
    op("Tile", 7, PerOutput(1), One(layout::tile)),
    op("Transpose", 7, PerOutput(1), Open(layout::transpose)),
    op("Trilu", 14, PerOutput(1), One(layout::triangle)),
    op("Where", 9, PerOutput(1), Open(each::select)),
    // One machine operation per element.
    op("Abs", 7, PerOutput(1), Open(each::same)),
    op("Add", 7, PerOutput(1), Open(each::joined)),
    by_input("And", 7, PerOutput(1), Open(each::compared)),
    op("BitShift", 11, PerOutput(1), Open(each::joined)),
    op("BitwiseAnd", 18, PerOutput(1), Open(each::joined)),
    op("BitwiseNot", 18, PerOutput(1), Open(each::same)),
    op("BitwiseOr", 18, PerOutput(1), Open(each::joined)),
    op("BitwiseXor", 18, PerOutput(1), Open(each::joined)),
    op("Ceil", 7, PerOutput(1), Open(each::same)),
    by_input("Equal", 7, PerOutput(1), Open(each::compared)),
    op("Floor", 7, PerOutput(1), Open(each::same)),
    by_input("Greater", 7, PerOutput(1), Open(each::compared)),
    by_input("GreaterOrEqual", 12, PerOutput(1), Open(each::compared)),
    by_input("IsInf", 10, PerOutput(1), Open(each::test)),
    by_input("IsNaN", 9, PerOutput(1), Open(each::test)),
    by_input("Less", 7, PerOutput(1), Open(each::compared)),
    by_input("LessOrEqual", 12, PerOutput(1), Open(each::compared)),
    op("Mul", 7, PerOutput(1), Open(each::joined)),
    op("Neg", 7, PerOutput(1), Open(each::same)),
    op("Not", 7, PerOutput(1), Open(each::same)),
    by_input("Or", 7, PerOutput(1), Open(each::compared)),
    op("Relu", 7, PerOutput(1), Open(each::same)),
    op("Round", 11, PerOutput(1), Open(each::same)),
    op("Sign", 9, PerOutput(1), Open(each::same)),
    op("Sub", 7, PerOutput(1), Open(each::joined)),
    by_input("Xor", 7, PerOutput(1), Open(each::compared)),
    // One for each operand.
    op("Max", 8, PerOperand(1), Open(each::joined)),
    op("Mean", 8, PerOperand(1), Open(each::joined)),
    op("Min", 8, PerOperand(1), Open(each::joined)),
    op("Sum", 8, PerOperand(1), Open(each::joined)),
    // Two to four simple operations.
    op("AffineGrid", 20, PerOutput(4), One(image::affine_grid)),
    op("BatchNormalization", 7, PerOutput(2), One(normal::batch)),
    op("Clip", 7, PerOutput(2), Open(each::same)),
    by_input("DequantizeLinear", 10, PerOutput(2), Open(quantized::dequantize)),
    op("HardSigmoid", 7, PerOutput(4), Open(each::same)),
    op("HardSwish", 14, PerOutput(4), Open(each::same)),
    op("Hardmax", 7, PerOutput(4), Open(each::same)),
    op("LeakyRelu", 7, PerOutput(2), Open(each::same)),
    op("PRelu", 7, PerOutput(2), Open(each::onto_first)),
    op("RotaryEmbedding", 23, PerOutput(4), One(normal::rotary)),
    op("Shrink", 9, PerOutput(2), Open(each::same)),
    op("ThresholdedRelu", 10, PerOutput(2), Open(each::same)),
    // Division and roots: several times the latency of an addition, on processors of every make.
    op("Div", 7, PerOutput(4), Open(each::joined)),
    op("Mod", 10, PerOutput(4), Open(each::joined)),
    by_input("QuantizeLinear", 10, PerOutput(8), Open(quantized::quantize)),
    op("Reciprocal", 7, PerOutput(4), Open(each::same)),
    op("Softsign", 7, PerOutput(4), Open(each::same)),
    op("Sqrt", 7, PerOutput(4), Open(each::same)),
    // Polynomials and rational approximations: about ten multiply-accumulates and a division.
    op("Acos", 7, PerOutput(16), Open(each::same)),
    op("Acosh", 9, PerOutput(16), Open(each::same)),
    op("Asin", 7, PerOutput(16), Open(each::same)),
    op("Asinh", 9, PerOutput(16), Open(each::same)),
    op("Atan", 7, PerOutput(16), Open(each::same)),
    op("Atanh", 9, PerOutput(16), Open(each::same)),
    op("Celu", 12, PerOutput(16), Open(each::same)),
    op("Cos", 7, PerOutput(16), Open(each::same)),
    op("Cosh", 9, PerOutput(16), Open(each::same)),
    op("Elu", 7, PerOutput(16), Open(each::same)),
    op("Erf", 9, PerOutput(16), Open(each::same)),
    op("Exp", 7, PerOutput(16), Open(each::same)),
    op("Log", 7, PerOutput(16), Open(each::same)),
    op("Pow", 7, PerOutput(16), Open(each::joined)),
    op("Selu", 7, PerOutput(16), Open(each::same)),
    op("Sigmoid", 7, PerOutput(16), Open(each::same)),
    op("Sin", 7, PerOutput(16), Open(each::same)),
    op("Sinh", 9, PerOutput(16), Open(each::same)),
    op("Softplus", 7, PerOutput(16), Open(each::same)),
    op("Tan", 7, PerOutput(16), Open(each::same)),
    op("Tanh", 7, PerOutput(16), Open(each::same)),
    // One of those and some products, or two of those.
    op("Gelu", 20, PerOutput(20), Open(each::same)),
    op("Mish", 18, PerOutput(36), Open(each::same)),
    op("SwiGLU", 28, PerOutput(20), Open(each::pairwise)),
    op("Swish", 24, PerOutput(20), Open(each::same)),
    op("BlackmanWindow", 17, PerOutput(36), One(signal::window)),
    op("HammingWindow", 17, PerOutput(20), One(signal::window)),
    op("HannWindow", 17, PerOutput(20), One(signal::window)),
    op("MelWeightMatrix", 17, PerOutput(8), One(signal::mel_weights)),
    // Several passes over each element: mean, variance, scaling; or maximum, exponential, sum, division.
    by_input("DynamicQuantizeLinear", 11, PerOutput(12), Many(quantized::dynamic)),
    op("GroupNormalization", 18, PerOutput(12), Open(normal::group)),
    op("InstanceNormalization", 7, PerOutput(12), Open(each::same)),
    op("LRN", 7, Charge::Lrn, Open(each::same)),
    op("LayerNormalization", 17, PerOutput(12), Many(normal::layer)),
    op("LogSoftmax", 7, PerOutput(24), Open(each::same)),
    op("LpNormalization", 7, PerOutput(8), Open(each::same)),
    op("MeanVarianceNormalization", 9, PerOutput(12), Open(each::same)),
    op("RMSNormalization", 23, PerOutput(8), Open(each::same)),
    op("Softmax", 7, PerOutput(24), Open(each::same)),
    // Reductions: every input element is read once.
    by_input("ArgMax", 7, PerInput(2), Open(index::arg_reduce)),
    by_input("ArgMin", 7, PerInput(2), Open(index::arg_reduce)),
    op("AveragePool", 7, PerWindow(1), Open(window::pool)),
    op("Col2Im", 18, PerOutputAndInput(0), One(window::col_to_im)),
    op("CumProd", 26, PerOutput(1), Open(reduce::cumulative)),
    op("CumSum", 11, PerOutput(1), Open(reduce::cumulative)),
    op("GlobalAveragePool", 7, PerInput(1), Open(window::global_pool)),
    op("GlobalLpPool", 7, PerInput(4), Open(window::global_pool)),
    op("GlobalMaxPool", 7, PerInput(1), Open(window::global_pool)),
    op("LpPool", 7, PerWindow(4), Open(window::pool)),
    op("MaxPool", 7, PerWindow(1), Many(window::max_pool)),
    op("MaxUnpool", 9, PerOutputAndInput(0), One(window::max_unpool)),
    op("NegativeLogLikelihoodLoss", 12, PerInput(1), Many(normal::loss)),
    op("ReduceL1", 7, PerInput(2), Open(reduce::reduce)),
    op("ReduceL2", 7, PerInput(2), Open(reduce::reduce)),
    op("ReduceLogSum", 7, PerInput(2), Open(reduce::reduce)),
    op("ReduceLogSumExp", 7, PerInput(20), Open(reduce::reduce)),
    op("ReduceMax", 7, PerInput(1), Open(reduce::reduce)),
    op("ReduceMean", 7, PerInput(1), Open(reduce::reduce)),
    op("ReduceMin", 7, PerInput(1), Open(reduce::reduce)),
    op("ReduceProd", 7, PerInput(1), Open(reduce::reduce)),
    op("ReduceSum", 7, PerInput(1), Open(reduce::reduce)),
    op("ReduceSumSquare", 7, PerInput(2), Open(reduce::reduce)),
    op("SoftmaxCrossEntropyLoss", 12, PerInput(24), Many(normal::loss)),
    // Images sampled at computed places.
    op("GridSample", 16, Charge::GridSample, One(image::grid_sample)),
    op("MaxRoiPool", 7, Charge::MaxRoiPool, One(image::max_roi_pool)),
    op("Resize", 10, Charge::Resize, One(image::resize)),
    op("RoiAlign", 10, Charge::RoiAlign, One(image::roi_align)),
    until(9, op("Upsample", 7, Charge::Resize, One(image::upsample))),
    // Transforms and elimination: more than one pass, by the length.
    op("DFT", 17, Charge::Dft, One(signal::dft)),
    op("Det", 11, Charge::Determinant, One(product::determinant)),
    op("STFT", 17, Charge::Stft, One(signal::stft)),
    // The size of the result depends on data: charged at its upper bound.
    by_input("Compress", 9, PerInput(1), One(index::compress)),
    by_input("NonMaxSuppression", 10, Charge::NonMaxSuppression, One(index::non_max_suppression)),
    by_input("NonZero", 9, PerOutputAndInput(0), Open(index::non_zero)),
    by_input("TopK", 7, Sorted(2), Many(index::top_k)),
    by_input("Unique", 11, Sorted(2), Many(index::unique)),
];

const RANDOM: &str = "it draws random numbers, which no two runs share";
const TEXT: &str = "it works on text, and only tensors of numbers are";
const SEQUENCE: &str = "it works on sequences or optional values, and only tensors are";

/// Operators of ONNX's own that are known and have no line, and why.
static REFUSED: &[(&str, &str)] = &[
    ("Bernoulli", RANDOM),
    ("ConcatFromSequence", SEQUENCE),
    (
        "ImageDecoder",
        "how an image is decoded differs between libraries",
    ),
    ("Multinomial", RANDOM),
    ("Optional", SEQUENCE),
    ("OptionalGetElement", SEQUENCE),
    ("OptionalHasElement", SEQUENCE),
    ("RandomNormal", RANDOM),
    ("RandomNormalLike", RANDOM),
    ("RandomUniform", RANDOM),
    ("RandomUniformLike", RANDOM),
    ("RegexFullMatch", TEXT),
    ("SequenceAt", SEQUENCE),
    ("SequenceConstruct", SEQUENCE),
    ("SequenceEmpty", SEQUENCE),
    ("SequenceErase", SEQUENCE),
    ("SequenceInsert", SEQUENCE),
    ("SequenceLength", SEQUENCE),
    ("SequenceMap", SEQUENCE),
    ("SplitToSequence", SEQUENCE),
    ("StringConcat", TEXT),
    ("StringNormalizer", TEXT),
    ("StringSplit", TEXT),
    ("TfIdfVectorizer", TEXT),
];

/// The operator of this name in ONNX's own domain; none when it is not allowed.
pub(crate) fn find(name: &str) -> Option<&'static Operator> {
    OPERATORS.iter().find(|operator| operator.name == name)
}

/// Why an operator that ONNX has is not allowed.
pub(crate) fn why_refused(name: &str) -> Option<&'static str> {
    let found = REFUSED.iter().find(|(refused, _)| *refused == name);
    found.map(|(_, reason)| *reason)
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
         every step of Loop and Scan, and at least one: {NODE_OPERATIONS}\n\
         every gate element of GRU, LSTM, RNN: {GATE_OPERATIONS}\n\
         every number and digit of a Fourier transform: {FOURIER_OPERATIONS}\n\
         every score of an attention: {SCORE_OPERATIONS}\n\
         every sample between pixels, and every two boxes: {SAMPLE_OPERATIONS}\n\
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
        Charge::Free if operator.name == "Constant" => "0".to_owned(),
        Charge::Free => "0, within a node 1 per output element".to_owned(),
        PerOutput(units) => format!("{units} per output element"),
        PerInput(units) => format!("{units} per input element"),
        PerOutputAndInput(input) => {
            format!("1 per output element and per element of input {input}")
        }
        PerOperand(units) => format!("{units} per output element and input"),
        PerWindow(units) => format!("{units} per output element and window element"),
        Sorted(units) => format!("{units} per input element and digit of the number sorted"),
        Charge::MatMul { after: 0 } => "multiply-accumulates".to_owned(),
        Charge::MatMul { after } => format!("multiply-accumulates, {after} per output element"),
        Charge::Conv {
            bias: None,
            after: 0,
            ..
        } => "multiply-accumulates".to_owned(),
        Charge::Gemm | Charge::Conv { after: 0, .. } => {
            "multiply-accumulates, bias 1 per output element".to_owned()
        }
        Charge::ConvTranspose => "multiply-accumulates, and 1 per output element".to_owned(),
        Charge::Conv { after, .. } => {
            format!("multiply-accumulates, bias 1 and {after} per output element")
        }
        Charge::Einsum => "multiply-accumulates over all indices, per input but one".to_owned(),
        Charge::DeformConv => {
            "multiply-accumulates, bias 1 per output element, a sample per window element"
                .to_owned()
        }
        Charge::Recurrent(gates) => format!("multiply-accumulates of {gates} gates per step"),
        Charge::Attention => "multiply-accumulates of scores and values, and the scores".to_owned(),
        Charge::LinearAttention => {
            "multiply-accumulates of 4 per head and 1 per query head on the state, per step"
                .to_owned()
        }
        Charge::CausalConv => "multiply-accumulates, 16 per output element".to_owned(),
        Charge::Determinant => "1 per input element and row".to_owned(),
        Charge::Dft => "per number and digit of the length".to_owned(),
        Charge::Stft => {
            "1 per number of a frame, and per number and digit of its length".to_owned()
        }
        Charge::NonMaxSuppression => {
            "1 per score and digit of the number of boxes, and each with all that may be chosen"
                .to_owned()
        }
        Charge::Resize => {
            "1 per output element if nearest, else 2 per output element and pixel read".to_owned()
        }
        Charge::GridSample => "a sample and 2 per pixel read, per output element".to_owned(),
        Charge::RoiAlign => "a sample per output element and sampling point".to_owned(),
        Charge::MaxRoiPool => "1 per region, channel and pixel, edges twice".to_owned(),
        Charge::Lrn => "24 and 2 per channel around it, per output element".to_owned(),
        Charge::If => "the dearer of its graphs, class by class".to_owned(),
        Charge::Steps => {
            "its graph per step, 1 per element carried and per output element that the steps make up"
                .to_owned()
        }
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
        assert_eq!(text.lines().count(), OPERATORS.len() + 7);
    }

    /// Every operator of ONNX's own domain that any version since the first one let in has, with the
    /// versions in which it was defined anew: made from the schemas of its library.
    const STANDARD: &str = include_str!("../tests/operators.txt");

    #[test]
    fn each_operator_of_the_standard_has_a_line_or_a_reason() {
        for line in STANDARD.lines() {
            let mut words = line.split_whitespace();
            let name = words.next().unwrap();
            let first: i64 = words.next().unwrap().parse().unwrap();
            assert!(
                find(name).is_some() != why_refused(name).is_some(),
                "{name} must have either a line or a reason"
            );
            if let Some(operator) = find(name) {
                assert!(operator.since >= first, "{name} is let in before it exists");
            }
        }
        let known = OPERATORS.iter().map(|operator| operator.name);
        for name in known.chain(REFUSED.iter().map(|(name, _)| *name)) {
            let start = format!("{name} ");
            assert!(
                STANDARD.lines().any(|line| line.starts_with(&start)),
                "{name} is no operator of ONNX's own"
            );
        }
    }

    #[test]
    fn random_operators_are_refused_for_drawing_numbers() {
        for name in ["RandomNormal", "RandomUniform", "Bernoulli", "Multinomial"] {
            assert!(find(name).is_none(), "{name}");
            assert!(why_refused(name).unwrap().contains("random"), "{name}");
        }
    }
}
