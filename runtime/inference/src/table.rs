//! Owns the cost table: which operators are allowed, and what each charges; its printed form lies within.
//! Counts nothing itself and knows no shapes.

mod text;

use crate::shape::{
    Call, Reason, Shapes, attention, elementwise as each, image, index, layout, normal, product,
    quantized, recurrent, reduce, signal, window,
};
use crate::value::Value;

pub use self::text::{cost_table_digest, cost_table_text};

/// Raised whenever a line of [`cost_table_text`] or a rule that reads it changes.
pub const COST_TABLE_VERSION: u32 = 4;

// Numbers below are measured: `cargo xtask bench prices` has what every operator takes on each engine for
// what it is charged. An operation is a multiply-accumulate of a large product of matrices; whatever else
// a processor does takes as long as many of these.

/// Operations that preparing one node is charged: parsing it, rewriting it and choosing its kernel
/// takes some tens of microseconds on one core, the time of so many multiply-accumulates.
pub(crate) const PREPARATION_OPERATIONS_PER_NODE: u64 = 500_000;

/// Operations that each two nodes, in either order, are charged: engines that rewrite a graph look at all of it
/// again whenever they have found something.
pub(crate) const PREPARATION_OPERATIONS_PER_NODE_SQUARED: u64 = 128;

/// Operations that each byte of the file is charged: hashing, parsing and copying it.
pub const PREPARATION_OPERATIONS_PER_BYTE: u64 = 64;

/// Operations that each element of a constant is charged: packing it into the kernel's order.
pub(crate) const PREPARATION_OPERATIONS_PER_PARAMETER: u64 = 64;

/// Operations charged for every node but `Constant`: finding its kernel, its inputs and the memory
/// of its output, however small the tensors are.
pub(crate) const NODE_OPERATIONS: u64 = 1_024;

/// Inputs and outputs of a node that are charged with it; each one more is charged as a node.
pub(crate) const NODE_PORTS: u64 = 12;

/// Operations charged for each value that a step of a graph is given, each step, and for each name of the graphs around
/// it that a graph within a node reads: engines bind it anew.
pub(crate) const BINDING_OPERATIONS: u64 = 128;

/// Nodes that preparing an operator of [`REPEATED`] or [`COMPOSED`] counts as, and a call on one of the latter.
pub(crate) const COMPOSED_NODES: u64 = 32;

/// Operators that engines may make a graph that is repeated.
pub(crate) const REPEATED: &[&str] = &["GRU", "LSTM", "RNN"];

/// Operators that engines may make up of others.
pub(crate) const COMPOSED: &[&str] = &[
    "AffineGrid",
    "Attention",
    "CenterCropPad",
    "DepthToSpace",
    "Einsum",
    "GroupNormalization",
    "InstanceNormalization",
    "LRN",
    "LayerNormalization",
    "LpNormalization",
    "MeanVarianceNormalization",
    "NegativeLogLikelihoodLoss",
    "QLinearConv",
    "QLinearMatMul",
    "RMSNormalization",
    "RotaryEmbedding",
    "SoftmaxCrossEntropyLoss",
    "SpaceToDepth",
    "SwiGLU",
];

/// Nodes that preparing an operator of [`PACKED`] counts as, and each input or output of steps that is charged as a node.
pub(crate) const PACKED_NODES: u64 = 16;

/// Operators for which engines choose among kernels, and lay operands out for the one that they chose.
pub(crate) const PACKED: &[&str] = &[
    "CausalConvWithState",
    "Conv",
    "ConvInteger",
    "ConvTranspose",
    "DeformConv",
    "Gemm",
    "LinearAttention",
    "MatMul",
    "MatMulInteger",
];

/// Operations charged for each step of a graph that is repeated, or of a recurrent operator, however
/// little the step does.
pub(crate) const STEP_OPERATIONS: u64 = 8_192;

/// Operations charged for each product of two matrices, which are one after the other in a batch, and for
/// each head of an attention.
pub(crate) const PRODUCT_OPERATIONS: u64 = 2_048;

/// Operations charged for each group of channels of a convolution, on each image.
pub(crate) const GROUP_OPERATIONS: u64 = 1_024;

/// Operations charged for each row, however short, that is reduced, normalised, sorted, transformed or
/// found by a tuple of indices.
pub(crate) const ROW_OPERATIONS: u64 = 512;

/// Operations charged for an element that is read or written: memory is slower than arithmetic. And for each element
/// of a window at a position where it reaches into padding, since engines plan each of these by itself.
pub(crate) const ELEMENT_OPERATIONS: u64 = 16;

/// Operations charged for an element that what multiplies reads, and lays out in the order of its kernel.
pub(crate) const LAYOUT_OPERATIONS: u64 = 32;

/// Operations charged for each element of a view of the same bytes, which an engine may have to copy.
pub(crate) const VIEW_OPERATIONS: u64 = 4;

/// Operations charged for each element that an LSTM, GRU or RNN gate yields: a bias, an activation
/// and the mixing into the state.
pub(crate) const GATE_OPERATIONS: u64 = 64;

/// Operations charged for each number of a Fourier transform and each doubling of its length: a complex
/// multiplication and addition.
pub(crate) const FOURIER_OPERATIONS: u64 = 16;

/// How many times as much a Fourier transform is charged whose length is no power of two: some go through one of twice
/// the length, and back.
pub(crate) const FOURIER_TIMES: u64 = 8;

/// Operations charged for each score of an attention: its soft-max.
pub(crate) const SCORE_OPERATIONS: u64 = 64;

/// Operations charged for two boxes compared, or an image sampled between its pixels.
pub(crate) const SAMPLE_OPERATIONS: u64 = 64;

/// How many operations an operator charges, its node apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Charge {
    /// Nothing: it runs at no call.
    Nothing,
    /// [`VIEW_OPERATIONS`] for each element of the first output.
    View,
    /// For each element of the first output.
    PerOutput(u64),
    /// For each element of the first output, and for each row of it along the axis that is normalised.
    PerOutputAndRow(u64),
    /// For each element of the first output, and a row for each channel of each image of it.
    PerOutputAndChannel(u64),
    /// For each element of the first input.
    PerInput(u64),
    /// For each element of the first input, which are reduced, and for each of the first output.
    Reduced(u64),
    /// For each element of the first output, and each of this input: it is placed into a copy.
    PerOutputAndInput(u64, usize),
    /// For each element that is found by a tuple of indices, and each that is placed: and each tuple.
    PerTuple,
    /// For each element of the first output, once for each input.
    PerOperand(u64),
    /// For each output element, and each element of the window it is made from.
    PerWindow(u64),
    /// For each input element and each binary digit of the number of elements that are sorted.
    Sorted(u64),
    /// Multiply-accumulates of a matrix product, what it reads of the call, and so much for each output element;
    /// with the place of the right one among the inputs.
    MatMul { right: usize, after: u64 },
    /// The same of one product, which may read either matrix transposed.
    Gemm,
    /// Multiply-accumulates over all of an equation's indices, for each input but one.
    Einsum,
    /// Multiply-accumulates of a convolution, and so much for each output element; with the place of the
    /// kernel among the inputs.
    Conv { kernel: usize, after: u64 },
    /// A convolution whose window elements are sampled between pixels.
    DeformConv,
    /// Multiply-accumulates of a transposed convolution, and what is added up from them.
    ConvTranspose,
    /// Multiply-accumulates of so many gates × steps, and [`GATE_OPERATIONS`] for each gate element.
    Recurrent(u64),
    /// Multiply-accumulates of scores and of weighted values, and [`SCORE_OPERATIONS`] for each score.
    Attention,
    /// Multiply-accumulates on a state of keys × values at each step.
    LinearAttention,
    /// Multiply-accumulates of a causal convolution, and so much for each output element and its activation.
    CausalConv { after: u64 },
    /// Elimination in each matrix.
    Determinant,
    /// [`FOURIER_OPERATIONS`] for each number and each binary digit of the length.
    Dft,
    /// The same in each frame, and the window.
    Stft,
    /// Boxes sorted, at so much for each score and digit, and compared with those chosen before them.
    NonMaxSuppression { sorted: u64 },
    /// For each output element the nearest pixel, or each pixel read, by mode.
    Resize { nearest: u64, pixel: u64 },
    /// For each output element its place, and each pixel read, by mode.
    GridSample { place: u64, pixel: u64 },
    /// Samples of each output element.
    RoiAlign,
    /// For each of the pixels of each region, at most all.
    MaxRoiPool(u64),
    /// For each output element, and each of the channels around it.
    Lrn { each: u64, around: u64 },
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

use Charge::{
    PerInput, PerOperand, PerOutput, PerOutputAndChannel, PerOutputAndInput, PerOutputAndRow,
    PerTuple, PerWindow, Reduced, Sorted, View,
};
use Rule::{Many, One, Open};

const CONV: Charge = Charge::Conv {
    kernel: 1,
    after: ELEMENT_OPERATIONS,
};

const RESIZE: Charge = Charge::Resize {
    nearest: 32,
    pixel: ELEMENT_OPERATIONS,
};

#[rustfmt::skip] // one operator a line, as the specification prints it
pub(crate) static OPERATORS: &[Operator] = &[
    // Multiply-accumulates: counted exactly, by the type of what is multiplied.
    by_input("Attention", 23, Charge::Attention, Many(attention::attention)),
    by_input("CausalConvWithState", 27, Charge::CausalConv { after: 48 }, Many(recurrent::causal_conv)),
    by_input("Conv", 7, CONV, Open(window::conv)),
    by_input("ConvInteger", 10, Charge::Conv { kernel: 1, after: 64 }, Open(window::conv_integer)),
    by_input("ConvTranspose", 7, Charge::ConvTranspose, One(window::conv_transpose)),
    by_input("DeformConv", 19, Charge::DeformConv, One(window::deform_conv)),
    by_input("Einsum", 12, Charge::Einsum, One(product::einsum)),
    by_input("GRU", 7, Charge::Recurrent(3), Many(recurrent::recurrent)),
    by_input("Gemm", 7, Charge::Gemm, One(product::gemm)),
    by_input("LSTM", 7, Charge::Recurrent(4), Many(recurrent::recurrent)),
    by_input("LinearAttention", 27, Charge::LinearAttention, Many(recurrent::linear_attention)),
    by_input("MatMul", 7, Charge::MatMul { right: 1, after: ELEMENT_OPERATIONS }, Open(product::matmul)),
    by_input("MatMulInteger", 10, Charge::MatMul { right: 1, after: ELEMENT_OPERATIONS }, Open(product::matmul_integer)),
    by_input("QLinearConv", 10, Charge::Conv { kernel: 3, after: 32 }, Open(window::qlinear_conv)),
    by_input("QLinearMatMul", 10, Charge::MatMul { right: 3, after: 32 }, Open(product::qlinear_matmul)),
    by_input("RNN", 7, Charge::Recurrent(1), Many(recurrent::recurrent)),
    // What the graphs within them charge.
    op("If", 7, Charge::If, Rule::Flow(Flow::If)),
    op("Loop", 7, Charge::Steps, Rule::Flow(Flow::Loop)),
    op("Scan", 9, Charge::Steps, Rule::Flow(Flow::Scan)),
    // Another view of the same bytes, or a number about a shape.
    op("Constant", 7, Charge::Nothing, Open(layout::constant)),
    op("Flatten", 7, View, Open(layout::flatten)),
    op("Identity", 7, View, Open(each::same)),
    op("Reshape", 7, View, Open(layout::reshape)),
    op("Shape", 7, View, Open(layout::shape)),
    op("Size", 7, View, Open(layout::count)),
    op("Squeeze", 7, View, Open(layout::squeeze)),
    op("Unsqueeze", 7, View, Open(layout::unsqueeze)),
    // Movement: each output element is written once.
    op("BitCast", 26, PerOutput(16), Open(each::bit_cast)),
    op("CenterCropPad", 18, PerOutput(16), One(layout::center_crop_pad)),
    op("Concat", 7, PerOutput(16), Open(layout::concat)),
    op("ConstantOfShape", 9, PerOutput(16), One(layout::constant_of_shape)),
    op("DepthToSpace", 7, PerOutput(16), One(layout::space)),
    op("Dropout", 7, PerOutput(16), Many(each::dropout)),
    op("Expand", 8, PerOutput(16), Open(layout::expand)),
    op("EyeLike", 9, PerOutput(16), One(layout::eye_like)),
    op("Gather", 7, PerOutput(16), Open(index::gather)),
    op("Pad", 7, PerOutput(16), One(layout::pad)),
    op("Range", 11, PerOutput(16), One(layout::range)),
    op("SpaceToDepth", 7, PerOutput(16), One(layout::space)),
    op("Tile", 7, PerOutput(16), One(layout::tile)),
    // All parts of what is split are written, not only the first.
    by_input("Split", 7, PerInput(16), Many(layout::split)),
    // Movement in which neighbours do not stay neighbours, or a choice for each element.
    op("Cast", 7, PerOutput(32), Open(each::cast)),
    op("CastLike", 15, PerOutput(32), Open(each::cast_like)),
    op("OneHot", 9, PerOutput(32), One(index::one_hot)),
    op("ReverseSequence", 10, PerOutput(32), One(layout::reverse_sequence)),
    op("Slice", 7, PerOutput(32), Open(layout::slice)),
    op("Transpose", 7, PerOutput(32), Open(layout::transpose)),
    op("Trilu", 14, PerOutput(32), One(layout::triangle)),
    op("Where", 9, PerOutput(32), Open(each::select)),
    // Places that are computed.
    op("GatherElements", 11, PerOutput(64), Open(index::gather_elements)),
    op("GatherND", 11, PerTuple, Open(index::gather_nd)),
    until(10, op("Scatter", 9, PerOutputAndInput(64, 2), Open(index::scatter_elements))),
    op("ScatterElements", 11, PerOutputAndInput(64, 2), Open(index::scatter_elements)),
    op("ScatterND", 11, PerTuple, Open(index::scatter_nd)),
    op("TensorScatter", 24, PerOutputAndInput(16, 1), One(index::tensor_scatter)),
    // One machine operation per element, or a few: memory takes the time.
    op("Abs", 7, PerOutput(16), Open(each::same)),
    op("Add", 7, PerOutput(16), Open(each::joined)),
    by_input("And", 7, PerOutput(16), Open(each::compared)),
    op("BitShift", 11, PerOutput(16), Open(each::joined)),
    op("BitwiseAnd", 18, PerOutput(16), Open(each::joined)),
    op("BitwiseNot", 18, PerOutput(16), Open(each::same)),
    op("BitwiseOr", 18, PerOutput(16), Open(each::joined)),
    op("BitwiseXor", 18, PerOutput(16), Open(each::joined)),
    op("Ceil", 7, PerOutput(16), Open(each::same)),
    op("Clip", 7, PerOutput(16), Open(each::same)),
    by_input("DequantizeLinear", 10, PerOutput(16), Open(quantized::dequantize)),
    by_input("Equal", 7, PerOutput(16), Open(each::compared)),
    op("Floor", 7, PerOutput(16), Open(each::same)),
    by_input("Greater", 7, PerOutput(16), Open(each::compared)),
    by_input("GreaterOrEqual", 12, PerOutput(16), Open(each::compared)),
    by_input("IsInf", 10, PerOutput(16), Open(each::test)),
    by_input("IsNaN", 9, PerOutput(16), Open(each::test)),
    op("LeakyRelu", 7, PerOutput(16), Open(each::same)),
    by_input("Less", 7, PerOutput(16), Open(each::compared)),
    by_input("LessOrEqual", 12, PerOutput(16), Open(each::compared)),
    op("Mul", 7, PerOutput(16), Open(each::joined)),
    op("Neg", 7, PerOutput(16), Open(each::same)),
    op("Not", 7, PerOutput(16), Open(each::same)),
    by_input("Or", 7, PerOutput(16), Open(each::compared)),
    op("PRelu", 7, PerOutput(16), Open(each::onto_first)),
    op("Reciprocal", 7, PerOutput(16), Open(each::same)),
    op("Relu", 7, PerOutput(16), Open(each::same)),
    op("Round", 11, PerOutput(16), Open(each::same)),
    op("Shrink", 9, PerOutput(16), Open(each::same)),
    op("Sign", 9, PerOutput(16), Open(each::same)),
    op("Sqrt", 7, PerOutput(16), Open(each::same)),
    op("Sub", 7, PerOutput(16), Open(each::joined)),
    op("ThresholdedRelu", 10, PerOutput(16), Open(each::same)),
    by_input("Xor", 7, PerOutput(16), Open(each::compared)),
    // The same for each operand.
    op("Max", 8, PerOperand(16), Open(each::joined)),
    op("Mean", 8, PerOperand(16), Open(each::joined)),
    op("Min", 8, PerOperand(16), Open(each::joined)),
    op("Sum", 8, PerOperand(16), Open(each::joined)),
    // Division, rounding to other types, several products.
    op("AffineGrid", 20, PerOutput(32), One(image::affine_grid)),
    op("BatchNormalization", 7, PerOutput(32), One(normal::batch)),
    op("Div", 7, PerOutput(32), Open(each::joined)),
    by_input("QuantizeLinear", 10, PerOutput(32), Open(quantized::quantize)),
    op("RotaryEmbedding", 23, PerOutput(32), One(normal::rotary)),
    // Polynomials by which every engine computes many elements at a time; windows, which are products of them.
    op("Celu", 12, PerOutput(32), Open(each::same)),
    op("Elu", 7, PerOutput(32), Open(each::same)),
    op("Erf", 9, PerOutput(32), Open(each::same)),
    op("Exp", 7, PerOutput(32), Open(each::same)),
    op("Gelu", 20, PerOutput(32), Open(each::same)),
    op("HardSigmoid", 7, PerOutput(32), Open(each::same)),
    op("HardSwish", 14, PerOutput(32), Open(each::same)),
    op("Log", 7, PerOutput(32), Open(each::same)),
    op("Selu", 7, PerOutput(32), Open(each::same)),
    op("Sigmoid", 7, PerOutput(32), Open(each::same)),
    op("Softsign", 7, PerOutput(32), Open(each::same)),
    op("SwiGLU", 28, PerOutput(32), Open(each::pairwise)),
    op("Swish", 24, PerOutput(32), Open(each::same)),
    op("Tanh", 7, PerOutput(32), Open(each::same)),
    op("BlackmanWindow", 17, PerOutput(32), One(signal::window)),
    op("HammingWindow", 17, PerOutput(32), One(signal::window)),
    op("HannWindow", 17, PerOutput(32), One(signal::window)),
    // One of those and more, or what engines ask a library for, element by element.
    op("Acos", 7, PerOutput(128), Open(each::same)),
    op("Acosh", 9, PerOutput(128), Open(each::same)),
    op("Asin", 7, PerOutput(128), Open(each::same)),
    op("Asinh", 9, PerOutput(128), Open(each::same)),
    op("Atan", 7, PerOutput(128), Open(each::same)),
    op("Atanh", 9, PerOutput(128), Open(each::same)),
    op("Cos", 7, PerOutput(128), Open(each::same)),
    op("Cosh", 9, PerOutput(128), Open(each::same)),
    op("MelWeightMatrix", 17, PerOutput(16), One(signal::mel_weights)),
    op("Mish", 18, PerOutput(64), Open(each::same)),
    op("Mod", 10, PerOutput(64), Open(each::joined)),
    op("Pow", 7, PerOutput(64), Open(each::joined)),
    op("Sin", 7, PerOutput(128), Open(each::same)),
    op("Sinh", 9, PerOutput(128), Open(each::same)),
    op("Softplus", 7, PerOutput(64), Open(each::same)),
    op("Tan", 7, PerOutput(128), Open(each::same)),
    // Several passes over each element: mean, variance, scaling; or maximum, exponential, sum, division.
    by_input("DynamicQuantizeLinear", 11, PerOutput(64), Many(quantized::dynamic)),
    op("GroupNormalization", 18, PerOutput(64), Open(normal::group)),
    op("Hardmax", 7, PerOutputAndRow(16), Open(each::same)),
    op("InstanceNormalization", 7, PerOutputAndChannel(64), Open(each::same)),
    op("LRN", 7, Charge::Lrn { each: 128, around: 16 }, Open(each::same)),
    op("LayerNormalization", 17, PerOutput(64), Many(normal::layer)),
    op("LogSoftmax", 7, PerOutputAndRow(64), Open(each::same)),
    op("LpNormalization", 7, PerOutput(64), Open(each::same)),
    op("MeanVarianceNormalization", 9, PerOutput(64), Open(each::same)),
    op("RMSNormalization", 23, PerOutput(64), Open(each::same)),
    op("Softmax", 7, PerOutputAndRow(64), Open(each::same)),
    // Reductions: every input element is read once.
    by_input("ArgMax", 7, Reduced(16), Open(index::arg_reduce)),
    by_input("ArgMin", 7, Reduced(16), Open(index::arg_reduce)),
    op("AveragePool", 7, PerWindow(4), Open(window::pool)),
    op("Col2Im", 18, PerOutputAndInput(16, 0), One(window::col_to_im)),
    op("CumProd", 26, PerOutput(16), Open(reduce::cumulative)),
    op("CumSum", 11, PerOutput(16), Open(reduce::cumulative)),
    op("GlobalAveragePool", 7, Reduced(16), Open(window::global_pool)),
    op("GlobalLpPool", 7, Reduced(32), Open(window::global_pool)),
    op("GlobalMaxPool", 7, Reduced(16), Open(window::global_pool)),
    op("LpPool", 7, PerWindow(32), Open(window::pool)),
    op("MaxPool", 7, PerWindow(4), Many(window::max_pool)),
    op("MaxUnpool", 9, PerOutputAndInput(16, 0), One(window::max_unpool)),
    op("NegativeLogLikelihoodLoss", 12, Reduced(16), Many(normal::loss)),
    op("ReduceL1", 7, Reduced(16), Open(reduce::reduce)),
    op("ReduceL2", 7, Reduced(16), Open(reduce::reduce)),
    op("ReduceLogSum", 7, Reduced(32), Open(reduce::reduce)),
    op("ReduceLogSumExp", 7, Reduced(64), Open(reduce::reduce)),
    op("ReduceMax", 7, Reduced(16), Open(reduce::reduce)),
    op("ReduceMean", 7, Reduced(16), Open(reduce::reduce)),
    op("ReduceMin", 7, Reduced(16), Open(reduce::reduce)),
    op("ReduceProd", 7, Reduced(16), Open(reduce::reduce)),
    op("ReduceSum", 7, Reduced(16), Open(reduce::reduce)),
    op("ReduceSumSquare", 7, Reduced(16), Open(reduce::reduce)),
    op("SoftmaxCrossEntropyLoss", 12, Reduced(64), Many(normal::loss)),
    // Images sampled at computed places.
    op("GridSample", 16, Charge::GridSample { place: 512, pixel: 64 }, One(image::grid_sample)),
    op("MaxRoiPool", 7, Charge::MaxRoiPool(16), One(image::max_roi_pool)),
    op("Resize", 10, RESIZE, One(image::resize)),
    op("RoiAlign", 10, Charge::RoiAlign, One(image::roi_align)),
    until(9, op("Upsample", 7, RESIZE, One(image::upsample))),
    // Transforms and elimination: more than one pass, by the length.
    op("DFT", 17, Charge::Dft, One(signal::dft)),
    op("Det", 11, Charge::Determinant, One(product::determinant)),
    op("STFT", 17, Charge::Stft, One(signal::stft)),
    // The size of the result depends on data: charged at its upper bound.
    by_input("Compress", 9, PerInput(16), One(index::compress)),
    by_input("NonMaxSuppression", 10, Charge::NonMaxSuppression { sorted: 16 }, One(index::non_max_suppression)),
    by_input("NonZero", 9, PerOutputAndInput(16, 0), Open(index::non_zero)),
    by_input("TopK", 7, Sorted(8), Many(index::top_k)),
    by_input("Unique", 11, Sorted(32), Many(index::unique)),
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

impl Operator {
    /// How many nodes preparing it counts as, and preparing each input and output that is charged as one.
    pub(crate) fn prepared_nodes(&self) -> (u64, u64) {
        let itself = match self.name {
            name if REPEATED.contains(&name) || COMPOSED.contains(&name) => COMPOSED_NODES,
            name if PACKED.contains(&name) => PACKED_NODES,
            _ => 1,
        };
        let port = match self.charge {
            Charge::Steps => PACKED_NODES,
            _ => 1,
        };
        (itself, port)
    }

    /// How many nodes a call on it counts as.
    pub(crate) fn called_nodes(&self) -> u64 {
        match COMPOSED.contains(&self.name) {
            true => COMPOSED_NODES,
            false => 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
