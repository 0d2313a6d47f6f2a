//! Checks the cost of single operators, of every line's kind, against counts worked out by hand. Nothing
//! is computed: a blueprint has no backend.

use meterbox_inference::{Cost, ElementType, InputShape, Operations};
use tract_onnx::pb::AttributeProto;

use crate::build::{
    COMPOSED, ELEMENT, GROUP, LAYOUT, NODE, Onnx, PRODUCT, ROW, STEP, int, ints, text, within,
};

const FLOAT: i32 = 1;
const U8: i32 = 2;
const I8: i32 = 3;
const I32: i32 = 6;
const I64: i32 = 7;
const BOOL: i32 = 9;
const F16: i32 = 10;
const F64: i32 = 11;
const BF16: i32 = 16;
const I4: i32 = 22;

/// What an input of the node is.
enum In<'a> {
    /// Of the call, of this type and these dimensions.
    Of(i32, &'a [u32]),
    /// A constant of i64.
    Numbers(&'a [i64]),
    /// A constant of one i64, without dimensions.
    Number(i64),
    /// A constant of f32.
    Floats(&'a [f32]),
    /// A constant of zeros: type, dimensions and bytes.
    Zeros(i32, &'a [i64], usize),
    /// Left out.
    Nothing,
}

use In::{Floats, Nothing, Number, Numbers, Of, Zeros};

/// The cost of a call on a model of one node.
fn single(
    operator: &str,
    opset: i64,
    inputs: &[In<'_>],
    attributes: Vec<AttributeProto>,
    output: i32,
) -> Cost {
    let mut onnx = Onnx::new().opset(opset);
    let mut names = Vec::new();
    let mut shapes = Vec::new();
    for (index, input) in inputs.iter().enumerate() {
        let name = format!("x{index}");
        onnx = match input {
            Of(element_type, dimensions) => {
                let sizes: Vec<i64> = dimensions.iter().map(|&size| size.into()).collect();
                shapes.push((name.clone(), *element_type, dimensions.to_vec()));
                onnx.input(&name, *element_type, &sizes)
            }
            Numbers(values) => onnx.integers(&name, values),
            Number(value) => onnx.scalar(&name, *value),
            Floats(values) => onnx.floats(&name, values),
            Zeros(element_type, dimensions, bytes) => {
                onnx.zeros(&name, *element_type, dimensions, *bytes)
            }
            Nothing => onnx,
        };
        names.push(if matches!(input, Nothing) {
            String::new()
        } else {
            name
        });
    }
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let onnx = onnx
        .node(operator, &names, &["y"], attributes)
        .output("y", output);
    let shapes: Vec<InputShape<'_>> = shapes
        .iter()
        .map(|(name, element_type, dimensions)| InputShape {
            name,
            dimensions,
            element_type: ElementType::from_onnx(*element_type).unwrap(),
        })
        .collect();
    let blueprint = onnx
        .read()
        .unwrap_or_else(|error| panic!("{operator}: {error}"));
    blueprint
        .cost(&shapes)
        .unwrap_or_else(|error| panic!("{operator}: {error}"))
}

/// Fails unless the operations are these and the node's own, and no others.
fn check(cost: Cost, expected: Operations) -> Cost {
    let Operations {
        f64,
        f32,
        f16,
        i8,
        i4,
    } = expected;
    let with_node = |count: u64| if count == 0 { 0 } else { count + NODE };
    let expected = Operations {
        f64: with_node(f64),
        f32: with_node(f32),
        f16: with_node(f16),
        i8: with_node(i8),
        i4: with_node(i4),
    };
    assert_eq!(cost.operations, expected);
    cost
}

fn f64(f64: u64) -> Operations {
    Operations {
        f64,
        ..Operations::default()
    }
}

fn f32(f32: u64) -> Operations {
    Operations {
        f32,
        ..Operations::default()
    }
}

fn f16(f16: u64) -> Operations {
    Operations {
        f16,
        ..Operations::default()
    }
}

fn i8(i8: u64) -> Operations {
    Operations {
        i8,
        ..Operations::default()
    }
}

fn i4(i4: u64) -> Operations {
    Operations {
        i4,
        ..Operations::default()
    }
}

#[test]
fn elementwise_operators_charge_each_output_element_by_its_width() {
    // 2×1×4 with 3×1 makes 2×3×4 = 24 elements, 16 each.
    let cost = single(
        "Add",
        14,
        &[Of(FLOAT, &[2, 1, 4]), Of(FLOAT, &[3, 1])],
        vec![],
        FLOAT,
    );
    check(cost, f32(384));
    // 3 elements × 32, of 8 bytes.
    check(single("Exp", 13, &[Of(F64, &[3])], vec![], F64), f64(96));
    // 10 elements × 32, of 2 bytes; both formats of 2 bytes count alike.
    check(single("Gelu", 20, &[Of(F16, &[10])], vec![], F16), f16(320));
    // 4 × 64.
    check(
        single("Mish", 22, &[Of(BF16, &[4])], vec![], BF16),
        f16(256),
    );
    // 2 × 2 × 32, and the same for one that multiplies with a second input.
    check(
        single("Swish", 24, &[Of(FLOAT, &[2, 2])], vec![], FLOAT),
        f32(128),
    );
    let cost = single(
        "SwiGLU",
        28,
        &[Of(FLOAT, &[2, 2]), Of(FLOAT, &[2, 2])],
        vec![],
        FLOAT,
    );
    check(cost, f32(128 + COMPOSED));
    // 6 bytes × 16.
    check(
        single("BitwiseNot", 18, &[Of(U8, &[6])], vec![], U8),
        i8(96),
    );
    // 7 × 64.
    check(
        single("Mod", 13, &[Of(I32, &[7]), Of(I32, &[1])], vec![], I32),
        f32(448),
    );
    // 5 × 16.
    check(
        single("Clip", 7, &[Of(FLOAT, &[5])], vec![], FLOAT),
        f32(80),
    );
}

#[test]
fn comparisons_count_under_what_they_compare() {
    check(
        single("Equal", 19, &[Of(I64, &[7]), Of(I64, &[7])], vec![], BOOL),
        f64(7 * 16),
    );
    check(
        single("IsNaN", 13, &[Of(F16, &[2, 3])], vec![], BOOL),
        f16(6 * 16),
    );
    check(
        single("IsInf", 10, &[Of(FLOAT, &[9])], vec![], BOOL),
        f32(9 * 16),
    );
    check(
        single(
            "And",
            7,
            &[Of(BOOL, &[4, 1]), Of(BOOL, &[1, 4])],
            vec![],
            BOOL,
        ),
        i8(16 * 16),
    );
}

#[test]
fn variadic_operators_charge_each_operand() {
    let five = || Of(FLOAT, &[5]);
    // 5 elements × 3 inputs × 16.
    check(
        single("Max", 13, &[five(), five(), five()], vec![], FLOAT),
        f32(240),
    );
    // 2 × 3 elements × 2 inputs × 16.
    let pair = &[Of(FLOAT, &[2, 3]), Of(FLOAT, &[3])];
    check(single("Mean", 13, pair, vec![], FLOAT), f32(192));
    check(single("Sum", 8, &[five()], vec![], FLOAT), f32(80));
}

#[test]
fn quantised_operators_count_under_the_integers_that_they_multiply() {
    // 2 × 3 × 4 products; 6 and 12 elements are read, 8 are written.
    let cost = single(
        "MatMulInteger",
        10,
        &[Of(U8, &[2, 3]), Of(I8, &[3, 4])],
        vec![],
        I32,
    );
    check(cost, i8(24 + 18 * LAYOUT + 8 * ELEMENT + PRODUCT));
    // 2 × 4 outputs, each of 3 products and 32 for quantising it again; 6 and 12 elements
    // are read, and six scales and zero points.
    let scale = || Floats(&[0.5]);
    let zero = || Zeros(U8, &[1], 1);
    let inputs = [
        Of(U8, &[2, 3]),
        scale(),
        zero(),
        Of(U8, &[3, 4]),
        scale(),
        zero(),
        scale(),
        zero(),
    ];
    let expected = i8(8 * 35 + (18 + 6) * LAYOUT + PRODUCT + COMPOSED);
    let cost = check(single("QLinearMatMul", 10, &inputs, vec![], U8), expected);
    // Three scales of 4 bytes and three zero points of 1.
    assert_eq!(cost.weight_bytes, 15);
    // 2 × 2 positions of a 2 × 2 window, each added up in 64 more; 9 and 4 elements are read.
    let inputs = [Of(U8, &[1, 1, 3, 3]), Of(U8, &[1, 1, 2, 2])];
    check(
        single("ConvInteger", 10, &inputs, vec![], I32),
        i8(4 * 68 + GROUP + 13 * LAYOUT),
    );
    // 4 channels × 3 × 3 = 36 outputs, each of 2 products and 32 for bias and quantising; 18 and 8
    // elements are read.
    let inputs = [
        Of(U8, &[1, 2, 3, 3]),
        scale(),
        zero(),
        Of(U8, &[4, 2, 1, 1]),
        scale(),
        zero(),
        scale(),
        zero(),
        Zeros(I32, &[4], 16),
    ];
    check(
        single("QLinearConv", 10, &inputs, vec![], U8),
        i8(36 * 34 + GROUP + 26 * LAYOUT + COMPOSED),
    );
    // 10 floats × 32; 10 bytes × 16.
    let cost = single(
        "QuantizeLinear",
        13,
        &[Of(FLOAT, &[10]), scale()],
        vec![],
        U8,
    );
    check(cost, f32(320));
    check(
        single(
            "DequantizeLinear",
            13,
            &[Of(U8, &[10]), scale()],
            vec![],
            FLOAT,
        ),
        i8(160),
    );
    // 12 × 64.
    check(
        single("DynamicQuantizeLinear", 11, &[Of(FLOAT, &[12])], vec![], U8),
        f32(768),
    );
}

#[test]
fn four_bit_weights_count_as_such_and_two_share_a_byte() {
    // 7 elements × 16; 4 bytes of them and 4 of the scale.
    let inputs = [Zeros(I4, &[7], 4), Floats(&[0.5])];
    let cost = check(
        single("DequantizeLinear", 21, &inputs, vec![], FLOAT),
        i4(112),
    );
    assert_eq!(cost.weight_bytes, 8);
}

#[test]
fn products_over_equations_count_all_their_indices() {
    let einsum = |inputs: &[In<'_>], equation: &str| {
        single(
            "Einsum",
            12,
            inputs,
            vec![text("equation", equation)],
            FLOAT,
        )
    };
    // b=2, i=3, j=4, k=5.
    let inputs = [Of(FLOAT, &[2, 3, 4]), Of(FLOAT, &[2, 4, 5])];
    // 24 and 40 elements are read, twice, and 30 are written, in 2 products.
    let expected = || f32(120 + 128 * LAYOUT + 30 * ELEMENT + 2 * PRODUCT + COMPOSED);
    check(einsum(&inputs, "bij, bjk -> bik"), expected());
    // The same, with the batch in an ellipsis.
    check(einsum(&inputs, "...ij,...jk->...ik"), expected());
    // Without an arrow: what occurs once stays, i and k. 3 × 4 × 5; 12, 20 and 15 elements.
    check(
        einsum(&[Of(FLOAT, &[3, 4]), Of(FLOAT, &[4, 5])], "ij,jk"),
        f32(60 + 64 * LAYOUT + 15 * ELEMENT + PRODUCT + COMPOSED),
    );
    // Three vectors of 6: two products for each, and one element is written. No index stays: two products in all.
    let six = || Of(FLOAT, &[6]);
    check(
        einsum(&[six(), six(), six()], "i,i,i->"),
        f32(12 + 36 * LAYOUT + ELEMENT + 2 * PRODUCT + COMPOSED),
    );
    // Element by element each product is one of its own.
    check(
        einsum(&[six(), six()], "i,i->i"),
        f32(6 + 24 * LAYOUT + 6 * ELEMENT + 6 * PRODUCT + COMPOSED),
    );
    // A diagonal of 4, from 16 elements.
    check(
        einsum(&[Of(FLOAT, &[4, 4])], "ii->i"),
        f32(4 * ROW + 32 * LAYOUT + 4 * ELEMENT + COMPOSED),
    );
    // Elimination in 2 matrices of 3 × 3, in 3 steps each.
    check(
        single("Det", 11, &[Of(FLOAT, &[2, 3, 3])], vec![], FLOAT),
        f32(2 * 9 * 3 + 2 * ROW),
    );
    // 6 × 4 read as 4 × 6, times 6 × 5, of 8 bytes; with the bias 59 elements are read, and 20 written.
    let inputs = [Of(F64, &[6, 4]), Of(F64, &[6, 5]), Of(F64, &[5])];
    check(
        single("Gemm", 13, &inputs, vec![int("transA", 1)], F64),
        f64(4 * 6 * 5 + 59 * LAYOUT + 20 * ELEMENT + PRODUCT),
    );
}

#[test]
fn convolutions_of_every_kind_count_their_windows() {
    // (2 − 1) × 2 + 3 = 5 a side. 3 × 2 × 2 inputs × 2 channels × 9. 2 × 2 positions × 2 channels × 9 are added up
    // to 2 × 5 × 5 outputs; 12, 54 and 2 elements are read.
    let inputs = [
        Of(FLOAT, &[1, 3, 2, 2]),
        Of(FLOAT, &[3, 2, 3, 3]),
        Of(FLOAT, &[2]),
    ];
    let cost = single(
        "ConvTranspose",
        11,
        &inputs,
        vec![ints("strides", &[2, 2])],
        FLOAT,
    );
    check(
        cost,
        f32(12 * 18 + (72 + 50) * ELEMENT + 68 * LAYOUT + GROUP),
    );
    // 4 channels × 2 × 2 outputs × (2 × 4) products; 2 channels × 4 × 4 positions sampled at 64; 18, 32
    // and 32 elements are read.
    let inputs = [
        Of(FLOAT, &[1, 2, 3, 3]),
        Of(FLOAT, &[4, 2, 2, 2]),
        Of(FLOAT, &[1, 8, 2, 2]),
    ];
    check(
        single("DeformConv", 19, &inputs, vec![], FLOAT),
        f32(16 * (8 + ELEMENT) + 32 * 64 + GROUP + 82 * LAYOUT),
    );
    // 2 × 5 outputs, each of 3 products and 48; 10 and 6 elements are read.
    let inputs = [Of(FLOAT, &[1, 2, 5]), Of(FLOAT, &[2, 1, 3])];
    check(
        single("CausalConvWithState", 27, &inputs, vec![], FLOAT),
        f32(510 + 16 * LAYOUT),
    );
    // The blocks of a 3 × 3 image: 4 elements at 4 places are added, 9 are made, each 16.
    let inputs = [Of(FLOAT, &[1, 4, 4]), Numbers(&[3, 3]), Numbers(&[2, 2])];
    check(single("Col2Im", 18, &inputs, vec![], FLOAT), f32(400));
}

#[test]
fn attention_counts_scores_values_and_soft_max() {
    // 1 × 2 × 3 × 5 = 30 scores, each of 4 products, 6 for its value and 64 for the soft-max, in 2 heads; 24,
    // 40 and 60 elements are read.
    let inputs = [
        Of(FLOAT, &[1, 2, 3, 4]),
        Of(FLOAT, &[1, 2, 5, 4]),
        Of(FLOAT, &[1, 2, 5, 6]),
    ];
    check(
        single("Attention", 23, &inputs, vec![], FLOAT),
        f32(30 * 74 + 2 * PRODUCT + 124 * LAYOUT + COMPOSED),
    );
    // 2 query heads share one of keys; 2 new keys after 3 before: 1 × 2 × 2 × 5 = 20 scores of size 4. 16,
    // 8, 8, 12 and 12 elements are read.
    let inputs = [
        Of(F16, &[1, 2, 8]),
        Of(F16, &[1, 2, 4]),
        Of(F16, &[1, 2, 4]),
        Nothing,
        Of(F16, &[1, 1, 3, 4]),
        Of(F16, &[1, 1, 3, 4]),
    ];
    let heads = || vec![int("q_num_heads", 2), int("kv_num_heads", 1)];
    check(
        single("Attention", 23, &inputs, heads(), F16),
        f16(20 * 72 + 2 * PRODUCT + 56 * LAYOUT + COMPOSED),
    );
    // 3 steps × (4 × 1 head + 2 query heads) × a state of 4 × 4; 24, 12 and 12 elements are read.
    let inputs = [
        Of(FLOAT, &[1, 3, 8]),
        Of(FLOAT, &[1, 3, 4]),
        Of(FLOAT, &[1, 3, 4]),
    ];
    check(
        single("LinearAttention", 27, &inputs, heads(), FLOAT),
        f32(3 * 6 * 16 + 3 * STEP + 48 * LAYOUT),
    );
    // 24 elements × 32.
    let inputs = [
        Of(FLOAT, &[1, 2, 3, 4]),
        Of(FLOAT, &[1, 3, 2]),
        Of(FLOAT, &[1, 3, 2]),
    ];
    check(
        single("RotaryEmbedding", 23, &inputs, vec![], FLOAT),
        f32(768 + COMPOSED),
    );
}

#[test]
fn normalising_operators_charge_their_passes() {
    // 10 elements × 64 in 2 rows; in 5 along the other axis.
    let image = || [Of(FLOAT, &[2, 5])];
    check(
        single("Softmax", 13, &image(), vec![], FLOAT),
        f32(640 + 2 * ROW),
    );
    check(
        single("Softmax", 13, &image(), vec![int("axis", 0)], FLOAT),
        f32(640 + 5 * ROW),
    );
    // Before version 13 the second axis is meant, and the one after the last makes each element a row.
    check(
        single("Hardmax", 11, &image(), vec![], FLOAT),
        f32(160 + 2 * ROW),
    );
    check(
        single("LogSoftmax", 11, &image(), vec![int("axis", 2)], FLOAT),
        f32(640 + 10 * ROW),
    );
    // 16 elements × (128 + 16 × 3 channels around each).
    let cost = single(
        "LRN",
        13,
        &[Of(FLOAT, &[1, 4, 2, 2])],
        vec![int("size", 3)],
        FLOAT,
    );
    check(cost, f32(16 * 176 + COMPOSED));
    let inputs = [Of(FLOAT, &[1, 4, 3]), Of(FLOAT, &[4]), Of(FLOAT, &[4])];
    let cost = single(
        "GroupNormalization",
        21,
        &inputs,
        vec![int("num_groups", 2)],
        FLOAT,
    );
    check(cost, f32(12 * 64 + COMPOSED));
    // 2 images × 3 channels of 4 elements × 64.
    let inputs = [Of(FLOAT, &[2, 3, 4]), Of(FLOAT, &[3]), Of(FLOAT, &[3])];
    check(
        single("InstanceNormalization", 17, &inputs, vec![], FLOAT),
        f32(24 * 64 + 6 * ROW + COMPOSED),
    );
    let inputs = [Of(FLOAT, &[2, 8]), Of(FLOAT, &[8])];
    check(
        single("LayerNormalization", 17, &inputs, vec![], FLOAT),
        f32(16 * 64 + COMPOSED),
    );
    check(
        single("RMSNormalization", 23, &inputs, vec![], FLOAT),
        f32(16 * 64 + COMPOSED),
    );
    // 6 scores × 64; 6 scores × 16; each reduced to one loss.
    let inputs = [Of(FLOAT, &[2, 3]), Of(I64, &[2])];
    check(
        single("SoftmaxCrossEntropyLoss", 13, &inputs, vec![], FLOAT),
        f32(384 + ROW + COMPOSED),
    );
    check(
        single("NegativeLogLikelihoodLoss", 13, &inputs, vec![], FLOAT),
        f32(96 + ROW + COMPOSED),
    );
}

#[test]
fn pools_and_reductions_charge_what_they_read() {
    let image = || Of(FLOAT, &[1, 1, 4, 4]);
    let window = || vec![ints("kernel_shape", &[2, 2]), ints("strides", &[2, 2])];
    // 4 outputs × (16 + 4 × 4); 4 outputs × (16 + 4 × 32).
    check(
        single("AveragePool", 19, &[image()], window(), FLOAT),
        f32(128),
    );
    check(single("LpPool", 18, &[image()], window(), FLOAT), f32(576));
    // A window of 3 every 2 over 4, rounded up: the second begins at 2, inside. 2 × 2 outputs
    // × (16 + 9 × 4). At 1 of the 4 the window is inside; the others are planned for each of its elements.
    let up = vec![
        ints("kernel_shape", &[3, 3]),
        ints("strides", &[2, 2]),
        int("ceil_mode", 1),
    ];
    check(
        single("MaxPool", 12, &[image()], up, FLOAT),
        f32(208 + 3 * 9 * ELEMENT),
    );
    // A window of 1 every 2 over 3 with 1 of padding after it, rounded up, would begin a third time at
    // 4, in the padding: it does not. 2 outputs × (16 + 4).
    let out = vec![
        ints("kernel_shape", &[1]),
        ints("strides", &[2]),
        ints("pads", &[0, 2]),
        int("ceil_mode", 1),
    ];
    check(
        single("MaxPool", 12, &[Of(FLOAT, &[1, 1, 3])], out, FLOAT),
        f32(40),
    );
    // 4 put into 16, each 16.
    let inputs = [Of(FLOAT, &[1, 1, 2, 2]), Of(I64, &[1, 1, 2, 2])];
    check(single("MaxUnpool", 11, &inputs, window(), FLOAT), f32(320));
    check(
        single("GlobalLpPool", 7, &[image()], vec![], FLOAT),
        f32(16 * 32 + ROW),
    );
    check(
        single("ReduceLogSumExp", 13, &[Of(FLOAT, &[4, 4])], vec![], FLOAT),
        f32(16 * 64 + ROW),
    );
    // Axes as an input; 24 elements are read for 6.
    let inputs = [Of(FLOAT, &[2, 4, 3]), Numbers(&[1])];
    check(
        single("ReduceSum", 13, &inputs, vec![], FLOAT),
        f32(24 * 16 + 6 * ROW),
    );
    check(
        single("ArgMax", 13, &[Of(FLOAT, &[3, 4])], vec![], I64),
        f32(12 * 16 + 4 * ROW),
    );
    check(
        single(
            "CumSum",
            14,
            &[Of(FLOAT, &[2, 3]), Number(1)],
            vec![],
            FLOAT,
        ),
        f32(96),
    );
}

#[test]
fn moving_operators_charge_what_they_write() {
    // 3 × 3 copied, 2 × 3 placed, each 64.
    let inputs = [Of(FLOAT, &[3, 3]), Of(I64, &[2, 3]), Of(FLOAT, &[2, 3])];
    check(
        single("ScatterElements", 18, &inputs, vec![], FLOAT),
        f32(960),
    );
    // 4 × 4 copied, two rows of 4 placed, each found by a tuple.
    let inputs = [Of(FLOAT, &[4, 4]), Of(I64, &[2, 1]), Of(FLOAT, &[2, 4])];
    check(
        single("ScatterND", 18, &inputs, vec![], FLOAT),
        f32(24 * 16 + 2 * ROW),
    );
    let inputs = [Of(F16, &[1, 5, 2]), Of(F16, &[1, 2, 2])];
    check(
        single("TensorScatter", 24, &inputs, vec![], F16),
        f16(14 * 16),
    );
    // Two pairs of indices into a matrix of rows of 3.
    let inputs = [Of(FLOAT, &[4, 5, 3]), Of(I64, &[2, 2])];
    check(
        single("GatherND", 13, &inputs, vec![], FLOAT),
        f32(6 * 16 + 2 * ROW),
    );
    let inputs = [Of(I64, &[3]), Number(5), Of(FLOAT, &[2])];
    check(single("OneHot", 11, &inputs, vec![], FLOAT), f32(15 * 32));
    check(
        single("Trilu", 14, &[Of(FLOAT, &[3, 3])], vec![], FLOAT),
        f32(9 * 32),
    );
    // 2 + 3 + 1 by 4.
    let inputs = [Of(FLOAT, &[3, 4]), Numbers(&[2, 0, 1, 0])];
    check(single("Pad", 13, &inputs, vec![], FLOAT), f32(24 * 16));
    // All of what is split, though the first part has 2 of 10.
    let onnx = Onnx::new()
        .input("x", FLOAT, &[5, 2])
        .integers("s", &[1, 4])
        .node("Split", &["x", "s"], &["y", "z"], vec![])
        .output("y", FLOAT);
    let shape = InputShape {
        name: "x",
        dimensions: &[5, 2],
        element_type: ElementType::F32,
    };
    check(onnx.read().unwrap().cost(&[shape]).unwrap(), f32(10 * 16));
}

#[test]
fn sampled_images_charge_the_pixels_read() {
    let small = || Of(FLOAT, &[1, 1, 2, 2]);
    let resize = |mode: &str, factor: f32, image: In<'_>, smooth: i64| {
        let inputs = [image, Nothing, Floats(&[1.0, 1.0, factor, factor])];
        let attributes = vec![text("mode", mode), int("antialias", smooth)];
        single("Resize", 18, &inputs, attributes, FLOAT)
    };
    // 16 outputs: 32 each; 16 × 2 × 2; 16 × 4 × 4. The 4 elements of the input are read.
    check(resize("nearest", 2.0, small(), 0), f32(512 + 4 * ELEMENT));
    check(
        resize("linear", 2.0, small(), 0),
        f32(16 * 64 + 4 * ELEMENT),
    );
    check(
        resize("cubic", 2.0, small(), 0),
        f32(16 * 256 + 4 * ELEMENT),
    );
    // From 4 × 4 to 2 × 2 without aliasing: 4 outputs × 16 × (2 × 3) × (2 × 3).
    check(
        resize("linear", 0.5, Of(FLOAT, &[1, 1, 4, 4]), 1),
        f32(4 * 16 * 36 + 16 * ELEMENT),
    );
    let inputs = [small(), Floats(&[1.0, 1.0, 1.5, 2.0])];
    check(
        single("Upsample", 9, &inputs, vec![], FLOAT),
        f32(3 * 4 * 32 + 4 * ELEMENT),
    );
    // 6 places × (512 + 64 × 4 pixels), of an image of 16.
    let inputs = [Of(FLOAT, &[1, 1, 4, 4]), Of(FLOAT, &[1, 2, 3, 2])];
    check(
        single("GridSample", 16, &inputs, vec![], FLOAT),
        f32(6 * 768 + 16 * ELEMENT),
    );
    // 3 regions × 2 channels × 2 × 2 outputs, each of 2 × 2 samples of 64.
    let inputs = [Of(FLOAT, &[1, 2, 8, 8]), Of(FLOAT, &[3, 4]), Of(I64, &[3])];
    let attributes = vec![
        int("output_height", 2),
        int("output_width", 2),
        int("sampling_ratio", 2),
    ];
    check(
        single("RoiAlign", 16, &inputs, attributes, FLOAT),
        f32(24 * 4 * 64),
    );
    // 2 regions × 3 channels × (6 + 2) × (6 + 2) × 16.
    let inputs = [Of(FLOAT, &[1, 3, 6, 6]), Of(FLOAT, &[2, 5])];
    let attributes = vec![ints("pooled_shape", &[2, 2])];
    check(
        single("MaxRoiPool", 7, &inputs, attributes, FLOAT),
        f32(384 * 16),
    );
    // 1 × 2 × 3 places of 2 coordinates, 32 each.
    let inputs = [Of(FLOAT, &[1, 2, 3]), Numbers(&[1, 1, 2, 3])];
    check(
        single("AffineGrid", 20, &inputs, vec![], FLOAT),
        f32(12 * 32 + COMPOSED),
    );
}

#[test]
fn transforms_charge_each_number_and_each_doubling_of_their_length() {
    // 8 has 4 binary digits: 16 × 8 × 4.
    check(
        single("DFT", 17, &[Of(FLOAT, &[1, 8, 1])], vec![], FLOAT),
        f32(512 + ROW),
    );
    // 6 has 3 digits, and is no power of two: 8 × 16 × 6 × 3.
    check(
        single("DFT", 17, &[Of(FLOAT, &[1, 6, 1])], vec![], FLOAT),
        f32(2_304 + ROW),
    );
    // (16 − 8) ÷ 4 + 1 = 3 frames × (512 + 8 and a row).
    let inputs = [Of(FLOAT, &[1, 16, 1]), Number(4), Nothing, Number(8)];
    check(
        single("STFT", 17, &inputs, vec![], FLOAT),
        f32(3 * (520 + ROW)),
    );
    check(
        single("HannWindow", 17, &[Number(10)], vec![], FLOAT),
        f32(320),
    );
}

#[test]
fn data_dependent_operators_are_charged_at_their_upper_bound() {
    // 16 elements × 8 × the 4 digits of 8, in 2 rows; whether k is known or not.
    let known = [Of(FLOAT, &[2, 8]), Numbers(&[3])];
    check(
        single("TopK", 11, &known, vec![], FLOAT),
        f32(512 + 2 * ROW),
    );
    let computed = [Of(FLOAT, &[2, 8]), Of(I64, &[1])];
    check(
        single("TopK", 11, &computed, vec![], FLOAT),
        f32(512 + 2 * ROW),
    );
    // 6 elements × 32 × the 3 digits of 6.
    check(
        single("Unique", 11, &[Of(FLOAT, &[2, 3])], vec![], FLOAT),
        f32(576 + ROW),
    );
    // 6 elements read, at most 6 pairs written, 16 each.
    check(
        single("NonZero", 13, &[Of(FLOAT, &[2, 3])], vec![], I64),
        f32(288),
    );
    let inputs = [Of(FLOAT, &[4, 2]), Of(BOOL, &[4])];
    check(
        single("Compress", 11, &inputs, vec![int("axis", 0)], FLOAT),
        f32(128),
    );
    // 2 classes × 6 boxes × 3 digits × 16; at most 2 × 3 chosen, each compared with 6 at 64.
    let inputs = [Of(FLOAT, &[1, 6, 4]), Of(FLOAT, &[1, 2, 6]), Numbers(&[3])];
    check(
        single("NonMaxSuppression", 11, &inputs, vec![], I64),
        f32(576 + 36 * 64),
    );
}

#[test]
fn nodes_of_many_inputs_and_those_made_up_of_others_count_as_more() {
    let prepared = |onnx: &Onnx| {
        let blueprint = onnx.read().unwrap();
        let of_bytes = 64 * (blueprint.size_bytes() + blueprint.parameters());
        blueprint.preparation_units() - of_bytes
    };
    let nodes = |count: u64| (500_000 + 128 * count) * count;
    let x = || Onnx::new().opset(18).input("x", FLOAT, &[1, 4, 4]);
    let relu = x().node("Relu", &["x"], &["y"], vec![]).output("y", FLOAT);
    assert_eq!(prepared(&relu), nodes(1));
    // 20 inputs and an output are 9 more than 12.
    let sum = x()
        .node("Sum", &["x"; 20], &["y"], vec![])
        .output("y", FLOAT);
    assert_eq!(prepared(&sum), nodes(10));
    let shape = InputShape {
        name: "x",
        dimensions: &[1, 4, 4],
        element_type: ElementType::F32,
    };
    let cost = sum.read().unwrap().cost(&[shape]).unwrap();
    assert_eq!(cost.operations.f32, 20 * 16 * 16 + 10 * NODE);
    // A graph that is repeated, and one of some others.
    let gru = x()
        .weights("w", &[1, 6, 4])
        .weights("r", &[1, 6, 2])
        .node("GRU", &["x", "w", "r"], &["y"], vec![int("hidden_size", 2)])
        .output("y", FLOAT);
    assert_eq!(prepared(&gru), nodes(32));
    let normal = x()
        .weights("s", &[4])
        .node("LayerNormalization", &["x", "s"], &["y"], vec![])
        .output("y", FLOAT);
    assert_eq!(prepared(&normal), nodes(32));
    let product = x()
        .weights("k", &[4, 4])
        .node("MatMul", &["x", "k"], &["y"], vec![])
        .output("y", FLOAT);
    assert_eq!(prepared(&product), nodes(16));
    // 12 inputs and 12 outputs are 12 more than 12, each of which counts as 16 where steps are given them.
    let names: Vec<String> = (0..12).map(|index| format!("v{index}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut body = Onnx::new();
    for name in &names {
        body = body.input(name, FLOAT, &[]);
    }
    for name in &names {
        body = body.output(name, FLOAT);
    }
    let scan = x()
        .node(
            "Scan",
            &["x"; 12],
            &names,
            vec![within("body", body), int("num_scan_inputs", 1)],
        )
        .output("v0", FLOAT);
    assert_eq!(prepared(&scan), nodes(1 + 12 * 16));
}
