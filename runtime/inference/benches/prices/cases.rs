//! Owns what is measured: of each operator a common case, and those in which an engine takes long for little.

use crate::build::{Onnx, int, ints, text, within};
use crate::case::In::{Counted, F, Floats, Nothing, Number, Numbers, Subnormal, T, Weights, Zeros};
use crate::case::{BOOL, Case, F16, F64, FLOAT, I8, I32, I64, In, U8, case};

/// A million elements, in two dimensions.
fn square() -> In {
    F(vec![1024, 1024])
}

pub fn all() -> Vec<Case> {
    let mut cases = products();
    cases.extend(elementwise());
    cases.extend(movement());
    cases.extend(reductions());
    cases.extend(windows());
    cases.extend(recurrences());
    cases.extend(others());
    cases.extend(steps());
    cases.extend(preparations());
    cases
}

fn products() -> Vec<Case> {
    let of = |a: &[u32], b: &[u32]| [F(a.to_vec()), F(b.to_vec())];
    let mm = |name: &str, a: &[u32], b: &[u32]| case(name, 17, &of(a, b), vec![], &[FLOAT]);
    let conv = |name: &str, a: &[u32], b: &[i64], attributes| {
        case(
            name,
            17,
            &[F(a.to_vec()), Weights(b.to_vec())],
            attributes,
            &[FLOAT],
        )
    };
    let einsum = |name: &str, a: &[u32], b: &[u32], equation: &str| {
        case(
            name,
            17,
            &of(a, b),
            vec![text("equation", equation)],
            &[FLOAT],
        )
    };
    vec![
        mm("MatMul 512", &[512, 512], &[512, 512]),
        case(
            "MatMul 512 by constant",
            17,
            &[F(vec![512, 512]), Weights(vec![512, 512])],
            vec![],
            &[FLOAT],
        ),
        case(
            "MatMul 512 f64",
            17,
            &[T(F64, vec![512, 512], 9), T(F64, vec![512, 512], 9)],
            vec![],
            &[F64],
        ),
        case(
            "MatMul 512 f16",
            17,
            &[T(F16, vec![512, 512], 9), T(F16, vec![512, 512], 9)],
            vec![],
            &[F16],
        ),
        case(
            "MatMul 256 i32",
            17,
            &[T(I32, vec![256, 256], 9), T(I32, vec![256, 256], 9)],
            vec![],
            &[I32],
        ),
        case(
            "MatMul 256 i64",
            17,
            &[T(I64, vec![256, 256], 9), T(I64, vec![256, 256], 9)],
            vec![],
            &[I64],
        ),
        case(
            "MatMul 512 of subnormals",
            17,
            &[Subnormal(vec![512, 512]), F(vec![512, 512])],
            vec![],
            &[FLOAT],
        ),
        case(
            "Add of subnormals",
            17,
            &[Subnormal(vec![1024, 1024]), Subnormal(vec![1024, 1024])],
            vec![],
            &[FLOAT],
        ),
        case(
            "Mul of subnormals",
            17,
            &[Subnormal(vec![1024, 1024]), F(vec![1024, 1024])],
            vec![],
            &[FLOAT],
        ),
        case(
            "Softmax of subnormals",
            17,
            &[Subnormal(vec![1024, 1024])],
            vec![],
            &[FLOAT],
        ),
        case(
            "Conv of subnormals",
            17,
            &[Subnormal(vec![1, 64, 64, 64]), Weights(vec![64, 64, 3, 3])],
            vec![],
            &[FLOAT],
        ),
        case(
            "Tanh of subnormals",
            17,
            &[Subnormal(vec![1024, 1024])],
            vec![],
            &[FLOAT],
        ),
        mm("MatMul by a vector", &[1, 2048], &[2048, 2048]),
        mm("MatMul of a vector", &[2048, 2048], &[2048, 1]),
        case(
            "MatMul of a vector by constant",
            17,
            &[F(vec![1, 2048]), Weights(vec![2048, 2048])],
            vec![],
            &[FLOAT],
        ),
        case(
            "MatMul of constant by a vector",
            17,
            &[Weights(vec![2048, 2048]), F(vec![2048, 1])],
            vec![],
            &[FLOAT],
        ),
        case(
            "MatMul of constant outer",
            17,
            &[Weights(vec![1024, 1]), F(vec![1, 1024])],
            vec![],
            &[FLOAT],
        ),
        case(
            "Gemm of a vector by constant",
            17,
            &[F(vec![1, 2048]), Weights(vec![2048, 2048])],
            vec![int("transB", 1)],
            &[FLOAT],
        ),
        mm("MatMul outer", &[1024, 1], &[1, 1024]),
        mm(
            "MatMul scalars in a batch",
            &[200_000, 1, 1],
            &[200_000, 1, 1],
        ),
        mm(
            "MatMul 2 by 2 in a batch",
            &[100_000, 2, 2],
            &[100_000, 2, 2],
        ),
        mm("MatMul 8 by 8 in a batch", &[10_000, 8, 8], &[10_000, 8, 8]),
        mm("MatMul broadcast in a batch", &[50_000, 1, 1], &[1, 1]),
        case(
            "MatMulInteger 512",
            17,
            &[T(U8, vec![512, 512], 9), T(I8, vec![512, 512], 9)],
            vec![],
            &[I32],
        ),
        case(
            "MatMulInteger outer",
            17,
            &[T(U8, vec![1024, 1], 9), T(I8, vec![1, 1024], 9)],
            vec![],
            &[I32],
        ),
        case(
            "MatMulInteger zero points",
            17,
            &[
                T(U8, vec![512, 512], 9),
                T(U8, vec![512, 512], 9),
                Zeros(U8, vec![], 1),
                Zeros(U8, vec![], 1),
            ],
            vec![],
            &[I32],
        ),
        case(
            "Gemm 512",
            17,
            &[F(vec![512, 512]), F(vec![512, 512]), F(vec![512])],
            vec![int("transA", 1), int("transB", 1)],
            &[FLOAT],
        ),
        case(
            "Gemm outer",
            17,
            &[F(vec![1024, 1]), F(vec![1, 1024]), F(vec![1024, 1])],
            vec![],
            &[FLOAT],
        ),
        case(
            "QLinearMatMul 512",
            17,
            &[
                T(U8, vec![512, 512], 9),
                Floats(vec![0.5]),
                Zeros(U8, vec![1], 1),
                T(U8, vec![512, 512], 9),
                Floats(vec![0.5]),
                Zeros(U8, vec![1], 1),
                Floats(vec![0.5]),
                Zeros(U8, vec![1], 1),
            ],
            vec![],
            &[U8],
        ),
        einsum("Einsum product", &[512, 512], &[512, 512], "ij,jk->ik"),
        einsum("Einsum reversed", &[512, 512], &[512, 512], "ij,kj->ki"),
        einsum("Einsum outer", &[1024], &[1024], "i,j->ij"),
        einsum(
            "Einsum elementwise",
            &[1024, 1024],
            &[1024, 1024],
            "ij,ij->ij",
        ),
        einsum(
            "Einsum elementwise crosswise",
            &[1024, 1024],
            &[1024, 1024],
            "ij,ji->ij",
        ),
        einsum(
            "Einsum batch last",
            &[4, 4, 20_000],
            &[4, 4, 20_000],
            "ijb,jkb->ikb",
        ),
        einsum(
            "Einsum inner of a batch",
            &[20_000, 8],
            &[20_000, 8],
            "bi,bi->b",
        ),
        case(
            "Einsum all by constant",
            17,
            &[F(vec![1024, 1024]), Weights(vec![1024, 1024])],
            vec![text("equation", "ij,ij->")],
            &[FLOAT],
        ),
        einsum("Einsum all", &[1024, 1024], &[1024, 1024], "ij,ij->"),
        case(
            "Einsum transposes one",
            17,
            &[square()],
            vec![text("equation", "ij->ji")],
            &[FLOAT],
        ),
        case(
            "Einsum sums one",
            17,
            &[square()],
            vec![text("equation", "ij->j")],
            &[FLOAT],
        ),
        case(
            "Einsum diagonal",
            17,
            &[square()],
            vec![text("equation", "ii->i")],
            &[FLOAT],
        ),
        case(
            "Einsum of three",
            17,
            &[F(vec![64, 64]), F(vec![64, 64]), F(vec![64, 64])],
            vec![text("equation", "ij,jk,kl->il")],
            &[FLOAT],
        ),
        conv(
            "Conv 3x3 64 channels",
            &[1, 64, 64, 64],
            &[64, 64, 3, 3],
            vec![ints("pads", &[1, 1, 1, 1])],
        ),
        conv(
            "Conv 1x1 256 channels",
            &[1, 256, 32, 32],
            &[256, 256, 1, 1],
            vec![],
        ),
        conv(
            "Conv 1x1 one channel",
            &[1, 1, 1024, 1024],
            &[1, 1, 1, 1],
            vec![],
        ),
        conv(
            "Conv depthwise 3x3",
            &[1, 256, 64, 64],
            &[256, 1, 3, 3],
            vec![int("group", 256), ints("pads", &[1, 1, 1, 1])],
        ),
        conv(
            "Conv depthwise 1x1",
            &[1, 1024, 32, 32],
            &[1024, 1, 1, 1],
            vec![int("group", 1024)],
        ),
        conv(
            "Conv depthwise of pixels",
            &[1, 100_000, 1, 1],
            &[100_000, 1, 1, 1],
            vec![int("group", 100_000)],
        ),
        conv(
            "Conv groups of pixels",
            &[1, 20_000, 1, 1],
            &[20_000, 2, 1, 1],
            vec![int("group", 10_000)],
        ),
        conv(
            "Conv batch of pixels",
            &[100_000, 1, 1, 1],
            &[1, 1, 1, 1],
            vec![],
        ),
        conv(
            "Conv dilated",
            &[1, 16, 128, 128],
            &[16, 16, 3, 3],
            vec![ints("dilations", &[9, 9])],
        ),
        conv(
            "Conv strided",
            &[1, 16, 256, 256],
            &[16, 16, 3, 3],
            vec![ints("strides", &[2, 2])],
        ),
        conv(
            "Conv all padding",
            &[1, 1, 1, 1],
            &[1, 1, 2, 2],
            vec![ints("pads", &[500, 500, 500, 500])],
        ),
        conv(
            "Conv of all at once",
            &[1, 1, 1024, 1024],
            &[1, 1, 1024, 1024],
            vec![],
        ),
        case(
            "Conv of all at once by kernel of the call",
            17,
            &[F(vec![1, 1, 1024, 1024]), F(vec![1, 1, 1024, 1024])],
            vec![],
            &[FLOAT],
        ),
        conv("Conv one dimension", &[1, 1, 200_000], &[1, 1, 64], vec![]),
        conv(
            "Conv three dimensions",
            &[1, 8, 32, 32, 32],
            &[8, 8, 3, 3, 3],
            vec![],
        ),
        conv(
            "Conv wide window one channel",
            &[1, 1, 200, 200],
            &[1, 1, 64, 64],
            vec![],
        ),
        case(
            "Conv kernel of the call",
            17,
            &[F(vec![1, 64, 64, 64]), F(vec![64, 64, 3, 3])],
            vec![],
            &[FLOAT],
        ),
        case(
            "ConvInteger 3x3",
            17,
            &[T(U8, vec![1, 64, 64, 64], 9), T(U8, vec![64, 64, 3, 3], 9)],
            vec![],
            &[I32],
        ),
        case(
            "ConvInteger depthwise",
            17,
            &[T(U8, vec![1, 256, 64, 64], 9), T(U8, vec![256, 1, 3, 3], 9)],
            vec![int("group", 256)],
            &[I32],
        ),
        case(
            "QLinearConv 3x3",
            17,
            &[
                T(U8, vec![1, 64, 64, 64], 9),
                Floats(vec![0.5]),
                Zeros(U8, vec![1], 1),
                Zeros(U8, vec![64, 64, 3, 3], 36864),
                Floats(vec![0.5]),
                Zeros(U8, vec![1], 1),
                Floats(vec![0.5]),
                Zeros(U8, vec![1], 1),
            ],
            vec![],
            &[U8],
        ),
        conv(
            "ConvTranspose 3x3",
            &[1, 64, 64, 64],
            &[64, 64, 3, 3],
            vec![],
        ),
        conv(
            "ConvTranspose strided",
            &[1, 16, 64, 64],
            &[16, 16, 2, 2],
            vec![ints("strides", &[2, 2])],
        ),
        conv(
            "ConvTranspose far apart",
            &[1, 1, 10, 10],
            &[1, 1, 1, 1],
            vec![ints("strides", &[100, 100])],
        ),
        conv(
            "ConvTranspose depthwise",
            &[1, 256, 32, 32],
            &[256, 1, 3, 3],
            vec![int("group", 256)],
        ),
        conv(
            "ConvTranspose of pixels",
            &[1, 20_000, 1, 1],
            &[20_000, 1, 1, 1],
            vec![int("group", 20_000)],
        ),
        conv(
            "ConvTranspose wide window",
            &[1, 1, 64, 64],
            &[1, 1, 64, 64],
            vec![],
        ),
        case(
            "DeformConv 3x3",
            19,
            &[
                F(vec![1, 8, 64, 64]),
                Weights(vec![8, 8, 3, 3]),
                F(vec![1, 18, 62, 62]),
            ],
            vec![],
            &[FLOAT],
        ),
        case(
            "DeformConv one output channel",
            19,
            &[
                F(vec![1, 64, 64, 64]),
                Weights(vec![1, 64, 3, 3]),
                F(vec![1, 18, 62, 62]),
            ],
            vec![],
            &[FLOAT],
        ),
        case(
            "Attention",
            23,
            &[
                F(vec![1, 8, 256, 64]),
                F(vec![1, 8, 256, 64]),
                F(vec![1, 8, 256, 64]),
            ],
            vec![],
            &[FLOAT],
        ),
        case(
            "Attention size 1",
            23,
            &[
                F(vec![1, 1, 1024, 1]),
                F(vec![1, 1, 1024, 1]),
                F(vec![1, 1, 1024, 1]),
            ],
            vec![],
            &[FLOAT],
        ),
        case(
            "Attention many heads",
            23,
            &[
                F(vec![1, 20_000, 1, 1]),
                F(vec![1, 20_000, 1, 1]),
                F(vec![1, 20_000, 1, 1]),
            ],
            vec![],
            &[FLOAT],
        ),
        case(
            "LinearAttention",
            27,
            &[
                F(vec![1, 256, 256]),
                F(vec![1, 256, 256]),
                F(vec![1, 256, 256]),
            ],
            vec![int("q_num_heads", 4), int("kv_num_heads", 4)],
            &[FLOAT],
        ),
        case(
            "CausalConvWithState",
            27,
            &[F(vec![1, 256, 1024]), Weights(vec![256, 1, 4])],
            vec![],
            &[FLOAT],
        ),
        case("Det 256", 17, &[F(vec![4, 256, 256])], vec![], &[FLOAT]),
        case("Det 1", 17, &[F(vec![200_000, 1, 1])], vec![], &[FLOAT]),
        case("Det 3", 17, &[F(vec![100_000, 3, 3])], vec![], &[FLOAT]),
        case("DFT 1024", 17, &[F(vec![256, 1024, 1])], vec![], &[FLOAT]),
        case("DFT 1021", 17, &[F(vec![256, 1021, 1])], vec![], &[FLOAT]),
        case("DFT 2", 17, &[F(vec![100_000, 2, 1])], vec![], &[FLOAT]),
        case(
            "DFT crosswise",
            17,
            &[F(vec![1, 256, 1024, 1])],
            vec![int("axis", 1)],
            &[FLOAT],
        ),
        case(
            "STFT 256",
            17,
            &[F(vec![1, 65536, 1]), Number(64), Weights(vec![256])],
            vec![],
            &[FLOAT],
        ),
        case(
            "STFT 251",
            17,
            &[F(vec![1, 65536, 1]), Number(8), Weights(vec![251])],
            vec![],
            &[FLOAT],
        ),
        case(
            "STFT short",
            17,
            &[F(vec![1, 65536, 1]), Number(1), Weights(vec![2])],
            vec![],
            &[FLOAT],
        ),
    ]
}

fn elementwise() -> Vec<Case> {
    let mut cases = Vec::new();
    let one = [
        ("Abs", 17),
        ("Acos", 17),
        ("Acosh", 17),
        ("Asin", 17),
        ("Asinh", 17),
        ("Atan", 17),
        ("Atanh", 17),
        ("Ceil", 17),
        ("Celu", 17),
        ("Clip", 17),
        ("Cos", 17),
        ("Cosh", 17),
        ("Dropout", 17),
        ("Elu", 17),
        ("Erf", 17),
        ("Exp", 17),
        ("Floor", 17),
        ("Gelu", 20),
        ("HardSigmoid", 17),
        ("HardSwish", 17),
        ("Hardmax", 17),
        ("Identity", 17),
        ("LeakyRelu", 17),
        ("Log", 17),
        ("LogSoftmax", 17),
        ("LpNormalization", 17),
        ("Mish", 18),
        ("Neg", 17),
        ("Reciprocal", 17),
        ("Relu", 17),
        ("Round", 17),
        ("Selu", 17),
        ("Shrink", 17),
        ("Sigmoid", 17),
        ("Sign", 17),
        ("Sin", 17),
        ("Sinh", 17),
        ("Softmax", 17),
        ("Softplus", 17),
        ("Softsign", 17),
        ("Sqrt", 17),
        ("Swish", 24),
        ("Tan", 17),
        ("Tanh", 17),
        ("ThresholdedRelu", 17),
    ];
    for (name, opset) in one {
        cases.push(case(name, opset, &[square()], vec![], &[FLOAT]));
    }
    for name in [
        "Exp", "Sigmoid", "Tanh", "Erf", "Sqrt", "Abs", "Relu", "Tan", "Sin", "Softmax",
    ] {
        cases.push(case(
            &format!("{name} f16"),
            17,
            &[T(F16, vec![1024, 1024], 9)],
            vec![],
            &[F16],
        ));
        cases.push(case(
            &format!("{name} f64"),
            17,
            &[T(F64, vec![1024, 1024], 9)],
            vec![],
            &[F64],
        ));
    }
    for name in ["Softmax", "LogSoftmax", "Hardmax"] {
        cases.push(case(
            &format!("{name} crosswise"),
            17,
            &[square()],
            vec![int("axis", 0)],
            &[FLOAT],
        ));
        cases.push(case(
            &format!("{name} of one"),
            17,
            &[F(vec![1 << 20, 1])],
            vec![],
            &[FLOAT],
        ));
    }
    for name in ["IsInf", "IsNaN"] {
        cases.push(case(name, 17, &[square()], vec![], &[BOOL]));
    }
    for name in [
        "Add", "Sub", "Mul", "Div", "Pow", "PRelu", "Max", "Min", "Mean", "Sum",
    ] {
        cases.push(case(name, 17, &[square(), square()], vec![], &[FLOAT]));
        cases.push(case(
            &format!("{name} by a row"),
            17,
            &[square(), F(vec![1024])],
            vec![],
            &[FLOAT],
        ));
        cases.push(case(
            &format!("{name} by a column"),
            17,
            &[square(), F(vec![1024, 1])],
            vec![],
            &[FLOAT],
        ));
        cases.push(case(
            &format!("{name} by a scalar"),
            17,
            &[square(), F(vec![])],
            vec![],
            &[FLOAT],
        ));
        if name != "PRelu" {
            cases.push(case(
                &format!("{name} column and row"),
                17,
                &[F(vec![1024, 1]), F(vec![1, 1024])],
                vec![],
                &[FLOAT],
            ));
            let crossed = [F(vec![16, 1, 16, 1, 16, 1]), F(vec![1, 16, 1, 16, 1, 16])];
            cases.push(case(
                &format!("{name} crossed"),
                17,
                &crossed,
                vec![],
                &[FLOAT],
            ));
        }
    }
    for (name, kind) in [
        ("f64", F64),
        ("f16", F16),
        ("i64", I64),
        ("i32", I32),
        ("i8", I8),
        ("u8", U8),
    ] {
        for operator in ["Add", "Mul", "Div", "Mod", "Pow", "Max"] {
            let fmod = if operator == "Mod" && matches!(kind, F64 | F16) {
                vec![int("fmod", 1)]
            } else {
                vec![]
            };
            let three = || T(kind, vec![1024, 1024], 3);
            // Whole numbers are not divided by zero.
            let second = if matches!(operator, "Div" | "Mod") {
                In::Ones(kind, vec![1024, 1024])
            } else {
                three()
            };
            cases.push(case(
                &format!("{operator} {name}"),
                17,
                &[three(), second],
                fmod,
                &[kind],
            ));
        }
    }
    cases.push(case(
        "Mod f32",
        17,
        &[square(), square()],
        vec![int("fmod", 1)],
        &[FLOAT],
    ));
    for name in ["Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual"] {
        cases.push(case(name, 17, &[square(), square()], vec![], &[BOOL]));
        cases.push(case(
            &format!("{name} column and row"),
            17,
            &[F(vec![1024, 1]), F(vec![1, 1024])],
            vec![],
            &[BOOL],
        ));
    }
    for name in ["And", "Or", "Xor"] {
        let truths = || T(BOOL, vec![1024, 1024], 2);
        cases.push(case(name, 17, &[truths(), truths()], vec![], &[BOOL]));
    }
    cases.push(case(
        "Not",
        17,
        &[T(BOOL, vec![1024, 1024], 2)],
        vec![],
        &[BOOL],
    ));
    for name in ["BitwiseAnd", "BitwiseOr", "BitwiseXor"] {
        let words = || T(I32, vec![1024, 1024], 99);
        cases.push(case(name, 18, &[words(), words()], vec![], &[I32]));
    }
    cases.push(case(
        "BitwiseNot",
        18,
        &[T(I32, vec![1024, 1024], 99)],
        vec![],
        &[I32],
    ));
    cases.push(case(
        "BitShift",
        17,
        &[T(U8, vec![1024, 1024], 9), T(U8, vec![1024, 1024], 7)],
        vec![text("direction", "LEFT")],
        &[U8],
    ));
    cases.push(case(
        "Where",
        17,
        &[T(BOOL, vec![1024, 1024], 2), square(), square()],
        vec![],
        &[FLOAT],
    ));
    cases.push(case(
        "Where crossed",
        17,
        &[
            T(BOOL, vec![128, 1, 1], 2),
            F(vec![1, 128, 1]),
            F(vec![1, 1, 128]),
        ],
        vec![],
        &[FLOAT],
    ));
    for (name, to) in [("f16", F16), ("i64", I64), ("u8", U8), ("bool", BOOL)] {
        cases.push(case(
            &format!("Cast to {name}"),
            17,
            &[square()],
            vec![int("to", to.into())],
            &[to],
        ));
    }
    cases.push(case(
        "Cast f16 to f32",
        17,
        &[T(F16, vec![1024, 1024], 9)],
        vec![int("to", 1)],
        &[FLOAT],
    ));
    cases.push(case(
        "CastLike",
        17,
        &[square(), T(I64, vec![1], 1)],
        vec![],
        &[I64],
    ));
    cases.push(case(
        "BitCast",
        26,
        &[square()],
        vec![int("to", I32.into())],
        &[I32],
    ));
    cases.push(case("SwiGLU", 28, &[square(), square()], vec![], &[FLOAT]));
    cases.push(case(
        "BatchNormalization",
        17,
        &[
            F(vec![1, 64, 128, 128]),
            Weights(vec![64]),
            Weights(vec![64]),
            Weights(vec![64]),
            In::Ones(FLOAT, vec![64]),
        ],
        vec![],
        &[FLOAT],
    ));
    cases.push(case(
        "InstanceNormalization",
        17,
        &[
            F(vec![1, 64, 128, 128]),
            Weights(vec![64]),
            Weights(vec![64]),
        ],
        vec![],
        &[FLOAT],
    ));
    cases.push(case(
        "InstanceNormalization of pixels",
        17,
        &[
            F(vec![1, 65536, 1, 1]),
            Weights(vec![65536]),
            Weights(vec![65536]),
        ],
        vec![],
        &[FLOAT],
    ));
    cases.push(case(
        "GroupNormalization",
        21,
        &[
            F(vec![1, 64, 128, 128]),
            Weights(vec![64]),
            Weights(vec![64]),
        ],
        vec![int("num_groups", 8)],
        &[FLOAT],
    ));
    cases.push(case(
        "LayerNormalization",
        17,
        &[square(), Weights(vec![1024])],
        vec![],
        &[FLOAT],
    ));
    cases.push(case(
        "LayerNormalization of one",
        17,
        &[F(vec![1 << 18, 1]), Weights(vec![1])],
        vec![],
        &[FLOAT],
    ));
    cases.push(case(
        "RMSNormalization",
        23,
        &[square(), Weights(vec![1024])],
        vec![],
        &[FLOAT],
    ));
    cases.push(case(
        "MeanVarianceNormalization",
        17,
        &[F(vec![1, 64, 128, 128])],
        vec![],
        &[FLOAT],
    ));
    cases.push(case(
        "LRN",
        17,
        &[F(vec![1, 64, 128, 128])],
        vec![int("size", 5)],
        &[FLOAT],
    ));
    cases.push(case(
        "LRN wide",
        17,
        &[F(vec![1, 64, 64, 64])],
        vec![int("size", 63)],
        &[FLOAT],
    ));
    cases.push(case(
        "RotaryEmbedding",
        23,
        &[
            F(vec![1, 8, 512, 64]),
            Weights(vec![512, 32]),
            Weights(vec![512, 32]),
            Counted(I64, vec![1, 512], 512),
        ],
        vec![],
        &[FLOAT],
    ));
    cases.push(case(
        "DequantizeLinear",
        17,
        &[T(U8, vec![1024, 1024], 99), Floats(vec![0.5])],
        vec![],
        &[FLOAT],
    ));
    cases.push(case(
        "QuantizeLinear",
        17,
        &[square(), Floats(vec![0.5])],
        vec![],
        &[U8],
    ));
    cases.push(case(
        "QuantizeLinear per row",
        17,
        &[square(), In::Ones(FLOAT, vec![1024])],
        vec![int("axis", 0)],
        &[U8],
    ));
    cases.push(case(
        "DynamicQuantizeLinear",
        17,
        &[square()],
        vec![],
        &[U8, FLOAT, U8],
    ));
    for name in ["BlackmanWindow", "HammingWindow", "HannWindow"] {
        cases.push(case(name, 17, &[Number(1 << 20)], vec![], &[FLOAT]));
    }
    cases
}

fn movement() -> Vec<Case> {
    let transposed = |name: &str, dimensions: &[u32], order: &[i64]| {
        case(
            name,
            17,
            &[F(dimensions.to_vec())],
            vec![ints("perm", order)],
            &[FLOAT],
        )
    };
    let gathered = |name: &str, data: &[u32], indices: &[u32], axis: i64| {
        let below = data[usize::try_from(axis).unwrap()];
        case(
            name,
            17,
            &[F(data.to_vec()), T(I64, indices.to_vec(), below)],
            vec![int("axis", axis)],
            &[FLOAT],
        )
    };
    vec![
        transposed("Transpose", &[1024, 1024], &[1, 0]),
        transposed(
            "Transpose many dimensions",
            &[4, 4, 4, 4, 4, 4, 4, 4],
            &[7, 6, 5, 4, 3, 2, 1, 0],
        ),
        transposed("Transpose last of two", &[1024, 2, 512], &[0, 2, 1]),
        case(
            "Transpose u8",
            17,
            &[T(U8, vec![2048, 2048], 9)],
            vec![ints("perm", &[1, 0])],
            &[U8],
        ),
        case(
            "Concat",
            17,
            &[square(), square()],
            vec![int("axis", 0)],
            &[FLOAT],
        ),
        case(
            "Concat crosswise",
            17,
            &[F(vec![1 << 20, 1]), F(vec![1 << 20, 1])],
            vec![int("axis", 1)],
            &[FLOAT],
        ),
        case(
            "ConstantOfShape",
            17,
            &[Numbers(vec![1024, 1024])],
            vec![],
            &[FLOAT],
        ),
        case(
            "CenterCropPad",
            18,
            &[square(), Numbers(vec![512, 2048])],
            vec![],
            &[FLOAT],
        ),
        case(
            "DepthToSpace",
            17,
            &[F(vec![1, 64, 128, 128])],
            vec![int("blocksize", 4)],
            &[FLOAT],
        ),
        case(
            "SpaceToDepth",
            17,
            &[F(vec![1, 64, 128, 128])],
            vec![int("blocksize", 4)],
            &[FLOAT],
        ),
        case(
            "Expand",
            17,
            &[F(vec![1024, 1]), Numbers(vec![1024, 1024])],
            vec![],
            &[FLOAT],
        ),
        case(
            "Expand rows",
            17,
            &[F(vec![1, 1024]), Numbers(vec![1024, 1024])],
            vec![],
            &[FLOAT],
        ),
        case("EyeLike", 17, &[square()], vec![], &[FLOAT]),
        gathered("Gather rows", &[1024, 1024], &[1024], 0),
        gathered("Gather single", &[1 << 20], &[1 << 20], 0),
        gathered("Gather columns", &[1024, 1024], &[1024], 1),
        case(
            "GatherElements",
            17,
            &[square(), T(I64, vec![1024, 1024], 1024)],
            vec![],
            &[FLOAT],
        ),
        case(
            "GatherElements crosswise",
            17,
            &[square(), T(I64, vec![1024, 1024], 1024)],
            vec![int("axis", 0)],
            &[FLOAT],
        ),
        case(
            "GatherND single",
            17,
            &[square(), T(I64, vec![100_000, 2], 1024)],
            vec![],
            &[FLOAT],
        ),
        case(
            "GatherND rows",
            17,
            &[square(), T(I64, vec![1024, 1], 1024)],
            vec![],
            &[FLOAT],
        ),
        case(
            "GatherND long tuples",
            17,
            &[F(vec![4, 4, 4, 4, 4, 4, 4, 4]), T(I64, vec![100_000, 8], 4)],
            vec![],
            &[FLOAT],
        ),
        case(
            "GatherND batch",
            17,
            &[F(vec![100_000, 2]), T(I64, vec![100_000, 1], 2)],
            vec![int("batch_dims", 1)],
            &[FLOAT],
        ),
        case(
            "OneHot",
            17,
            &[
                T(I64, vec![1024], 1024),
                Number(1024),
                Floats(vec![0.0, 1.0]),
            ],
            vec![],
            &[FLOAT],
        ),
        case(
            "OneHot crosswise",
            17,
            &[T(I64, vec![1 << 18], 4), Number(4), Floats(vec![0.0, 1.0])],
            vec![int("axis", 0)],
            &[FLOAT],
        ),
        case(
            "Pad",
            17,
            &[square(), Numbers(vec![100, 100, 100, 100])],
            vec![],
            &[FLOAT],
        ),
        case(
            "Pad reflected",
            17,
            &[square(), Numbers(vec![100, 100, 100, 100])],
            vec![text("mode", "reflect")],
            &[FLOAT],
        ),
        case(
            "Pad edge",
            17,
            &[square(), Numbers(vec![100, 100, 100, 100])],
            vec![text("mode", "edge")],
            &[FLOAT],
        ),
        case(
            "Pad all",
            17,
            &[F(vec![1, 1]), Numbers(vec![500, 500, 500, 500])],
            vec![text("mode", "edge")],
            &[FLOAT],
        ),
        case(
            "Pad many dimensions",
            17,
            &[F(vec![4; 8]), Numbers([0, 1].repeat(8))],
            vec![],
            &[FLOAT],
        ),
        case(
            "Range",
            17,
            &[Number(0), Number(1 << 20), Number(1)],
            vec![],
            &[I64],
        ),
        case(
            "ReverseSequence",
            17,
            &[square(), T(I64, vec![1024], 1024)],
            vec![],
            &[FLOAT],
        ),
        case(
            "ScatterElements",
            17,
            &[square(), T(I64, vec![1024, 1024], 1024), square()],
            vec![],
            &[FLOAT],
        ),
        case(
            "ScatterElements crosswise",
            17,
            &[square(), T(I64, vec![1024, 1024], 1024), square()],
            vec![int("axis", 0)],
            &[FLOAT],
        ),
        case(
            "ScatterElements adds",
            18,
            &[square(), T(I64, vec![1024, 1024], 1024), square()],
            vec![text("reduction", "add")],
            &[FLOAT],
        ),
        case(
            "ScatterND single",
            17,
            &[
                F(vec![100_000]),
                T(I64, vec![100_000, 1], 100_000),
                F(vec![100_000]),
            ],
            vec![],
            &[FLOAT],
        ),
        case(
            "ScatterND rows",
            17,
            &[square(), T(I64, vec![1024, 1], 1024), square()],
            vec![],
            &[FLOAT],
        ),
        case(
            "ScatterND long tuples",
            17,
            &[
                F(vec![4, 4, 4, 4, 4, 4, 4, 4]),
                T(I64, vec![65_536, 8], 4),
                F(vec![65_536]),
            ],
            vec![],
            &[FLOAT],
        ),
        case(
            "ScatterND adds",
            18,
            &[
                F(vec![100_000]),
                T(I64, vec![100_000, 1], 100_000),
                F(vec![100_000]),
            ],
            vec![text("reduction", "add")],
            &[FLOAT],
        ),
        case(
            "Slice",
            17,
            &[
                square(),
                Numbers(vec![0, 0]),
                Numbers(vec![1000, 1000]),
                Numbers(vec![0, 1]),
            ],
            vec![],
            &[FLOAT],
        ),
        case(
            "Slice backwards",
            17,
            &[
                square(),
                Numbers(vec![-1, -1]),
                Numbers(vec![-2000, -2000]),
                Numbers(vec![0, 1]),
                Numbers(vec![-1, -1]),
            ],
            vec![],
            &[FLOAT],
        ),
        case(
            "Slice steps",
            17,
            &[
                F(vec![1 << 22]),
                Numbers(vec![0]),
                Numbers(vec![1 << 22]),
                Numbers(vec![0]),
                Numbers(vec![16]),
            ],
            vec![],
            &[FLOAT],
        ),
        case(
            "Split",
            17,
            &[square()],
            vec![int("axis", 1)],
            &[FLOAT, FLOAT],
        ),
        case(
            "Split crosswise",
            17,
            &[F(vec![1 << 19, 2])],
            vec![int("axis", 1)],
            &[FLOAT, FLOAT],
        ),
        case(
            "TensorScatter",
            24,
            &[
                F(vec![64, 64, 256]),
                F(vec![64, 32, 256]),
                T(I64, vec![64], 32),
            ],
            vec![],
            &[FLOAT],
        ),
        case(
            "Tile",
            17,
            &[F(vec![32, 32]), Numbers(vec![32, 32])],
            vec![],
            &[FLOAT],
        ),
        case(
            "Tile single",
            17,
            &[F(vec![1]), Numbers(vec![1 << 20])],
            vec![],
            &[FLOAT],
        ),
        case(
            "Tile twice",
            17,
            &[F(vec![1 << 19, 1]), Numbers(vec![1, 2])],
            vec![],
            &[FLOAT],
        ),
        case("Trilu", 17, &[square()], vec![], &[FLOAT]),
        case(
            "Trilu small",
            17,
            &[F(vec![100_000, 2, 2])],
            vec![],
            &[FLOAT],
        ),
        case(
            "Reshape",
            17,
            &[square(), Numbers(vec![1 << 20])],
            vec![],
            &[FLOAT],
        ),
        case("Flatten", 17, &[square()], vec![], &[FLOAT]),
        case(
            "Squeeze",
            17,
            &[F(vec![1, 1024, 1024]), Numbers(vec![0])],
            vec![],
            &[FLOAT],
        ),
        case(
            "Unsqueeze",
            17,
            &[square(), Numbers(vec![0])],
            vec![],
            &[FLOAT],
        ),
        case(
            "AffineGrid",
            20,
            &[F(vec![4, 2, 3]), Numbers(vec![4, 1, 512, 512])],
            vec![int("align_corners", 0)],
            &[FLOAT],
        ),
    ]
}

fn reductions() -> Vec<Case> {
    let mut cases = Vec::new();
    for name in [
        "ReduceL1",
        "ReduceL2",
        "ReduceLogSum",
        "ReduceLogSumExp",
        "ReduceMax",
        "ReduceMean",
        "ReduceMin",
        "ReduceProd",
        "ReduceSumSquare",
    ] {
        cases.push(case(
            name,
            13,
            &[square()],
            vec![ints("axes", &[1])],
            &[FLOAT],
        ));
        cases.push(case(
            &format!("{name} crosswise"),
            13,
            &[square()],
            vec![ints("axes", &[0])],
            &[FLOAT],
        ));
        cases.push(case(
            &format!("{name} of one"),
            13,
            &[F(vec![1 << 20, 1])],
            vec![ints("axes", &[1])],
            &[FLOAT],
        ));
        cases.push(case(
            &format!("{name} all"),
            13,
            &[square()],
            vec![],
            &[FLOAT],
        ));
        cases.push(case(
            &format!("{name} between"),
            13,
            &[F(vec![64, 128, 128])],
            vec![ints("axes", &[0, 2])],
            &[FLOAT],
        ));
        cases.push(case(
            &format!("{name} in turns"),
            13,
            &[F(vec![4; 8])],
            vec![ints("axes", &[0, 2, 4, 6])],
            &[FLOAT],
        ));
    }
    for (name, axes) in [("ReduceSum", vec![1]), ("ReduceSum crosswise", vec![0])] {
        cases.push(case(name, 17, &[square(), Numbers(axes)], vec![], &[FLOAT]));
    }
    cases.push(case(
        "ReduceMax i8",
        13,
        &[T(I8, vec![1024, 1024], 99)],
        vec![ints("axes", &[0])],
        &[I8],
    ));
    cases.push(case(
        "ReduceMax i64",
        13,
        &[T(I64, vec![1024, 1024], 99)],
        vec![ints("axes", &[0])],
        &[I64],
    ));
    for name in ["ArgMax", "ArgMin"] {
        cases.push(case(name, 13, &[square()], vec![int("axis", 1)], &[I64]));
        cases.push(case(
            &format!("{name} crosswise"),
            13,
            &[square()],
            vec![int("axis", 0)],
            &[I64],
        ));
        cases.push(case(
            &format!("{name} of one"),
            13,
            &[F(vec![1 << 20, 1])],
            vec![int("axis", 1)],
            &[I64],
        ));
    }
    for name in ["CumSum", "CumProd"] {
        let opset = if name == "CumSum" { 17 } else { 26 };
        cases.push(case(name, opset, &[square(), Number(1)], vec![], &[FLOAT]));
        cases.push(case(
            &format!("{name} crosswise"),
            opset,
            &[square(), Number(0)],
            vec![],
            &[FLOAT],
        ));
        cases.push(case(
            &format!("{name} long"),
            opset,
            &[F(vec![1 << 18]), Number(0)],
            vec![],
            &[FLOAT],
        ));
        cases.push(case(
            &format!("{name} of one"),
            opset,
            &[F(vec![1 << 18, 1]), Number(1)],
            vec![],
            &[FLOAT],
        ));
    }
    for name in ["GlobalAveragePool", "GlobalLpPool", "GlobalMaxPool"] {
        cases.push(case(
            name,
            17,
            &[F(vec![1, 64, 128, 128])],
            vec![],
            &[FLOAT],
        ));
        cases.push(case(
            &format!("{name} of pixels"),
            17,
            &[F(vec![1, 100_000, 1, 1])],
            vec![],
            &[FLOAT],
        ));
    }
    cases.push(case(
        "NegativeLogLikelihoodLoss",
        17,
        &[F(vec![1024, 1024]), T(I64, vec![1024], 1024)],
        vec![],
        &[FLOAT],
    ));
    cases.push(case(
        "NegativeLogLikelihoodLoss wide",
        17,
        &[F(vec![1, 1, 512, 512]), T(I64, vec![1, 512, 512], 1)],
        vec![text("reduction", "none")],
        &[FLOAT],
    ));
    cases.push(case(
        "SoftmaxCrossEntropyLoss",
        17,
        &[F(vec![1024, 1024]), T(I64, vec![1024], 1024)],
        vec![],
        &[FLOAT],
    ));
    cases
}

fn windows() -> Vec<Case> {
    let mut cases = Vec::new();
    for name in ["AveragePool", "LpPool", "MaxPool"] {
        let pool = |what: &str, dimensions: &[u32], attributes| {
            case(
                &format!("{name}{what}"),
                17,
                &[F(dimensions.to_vec())],
                attributes,
                &[FLOAT],
            )
        };
        cases.push(pool(
            "",
            &[1, 64, 128, 128],
            vec![ints("kernel_shape", &[2, 2]), ints("strides", &[2, 2])],
        ));
        cases.push(pool(
            " 3x3",
            &[1, 64, 64, 64],
            vec![ints("kernel_shape", &[3, 3]), ints("pads", &[1, 1, 1, 1])],
        ));
        cases.push(pool(
            " 1x1",
            &[1, 64, 128, 128],
            vec![ints("kernel_shape", &[1, 1])],
        ));
        cases.push(pool(
            " 64x64",
            &[1, 1, 200, 200],
            vec![ints("kernel_shape", &[64, 64])],
        ));
        cases.push(pool(
            " wide padding",
            &[1, 1, 40, 40],
            vec![
                ints("kernel_shape", &[64, 64]),
                ints("pads", &[60, 60, 60, 60]),
            ],
        ));
        cases.push(pool(
            " one dimension",
            &[1, 64, 16384],
            vec![ints("kernel_shape", &[3])],
        ));
        cases.push(pool(
            " of pixels",
            &[1, 100_000, 1, 1],
            vec![ints("kernel_shape", &[1, 1])],
        ));
    }
    let resized = |name: &str, from: &[u32], to: &[i64], attributes| {
        case(
            name,
            18,
            &[F(from.to_vec()), Nothing, Nothing, Numbers(to.to_vec())],
            attributes,
            &[FLOAT],
        )
    };
    cases.push(resized(
        "Resize nearest",
        &[1, 3, 256, 256],
        &[1, 3, 512, 512],
        vec![text("mode", "nearest")],
    ));
    cases.push(resized(
        "Resize linear",
        &[1, 3, 256, 256],
        &[1, 3, 512, 512],
        vec![text("mode", "linear")],
    ));
    cases.push(resized(
        "Resize linear one side",
        &[1, 3, 512, 256],
        &[1, 3, 512, 512],
        vec![text("mode", "linear")],
    ));
    cases.push(resized(
        "Resize cubic",
        &[1, 3, 256, 256],
        &[1, 3, 512, 512],
        vec![text("mode", "cubic")],
    ));
    cases.push(resized(
        "Resize smaller antialias",
        &[1, 3, 1024, 1024],
        &[1, 3, 128, 128],
        vec![text("mode", "linear"), int("antialias", 1)],
    ));
    cases.push(resized(
        "Resize same",
        &[1, 3, 512, 512],
        &[1, 3, 512, 512],
        vec![text("mode", "linear")],
    ));
    cases.push(resized(
        "Resize three dimensions",
        &[1, 1, 32, 32, 32],
        &[1, 1, 64, 64, 64],
        vec![text("mode", "linear")],
    ));
    cases.push(case(
        "Upsample linear",
        9,
        &[F(vec![1, 3, 256, 256]), Floats(vec![1.0, 1.0, 2.0, 2.0])],
        vec![text("mode", "linear")],
        &[FLOAT],
    ));
    for mode in ["nearest", "linear", "cubic"] {
        cases.push(resized(
            &format!("Resize {mode}, much smaller"),
            &[1, 1, 2048, 2048],
            &[1, 1, 2, 2],
            vec![text("mode", mode)],
        ));
    }
    cases.push(case(
        "GridSample of one place",
        16,
        &[F(vec![1, 1, 2048, 2048]), F(vec![1, 1, 1, 2])],
        vec![],
        &[FLOAT],
    ));
    for mode in ["bilinear", "nearest", "bicubic"] {
        cases.push(case(
            &format!("GridSample {mode}"),
            16,
            &[F(vec![1, 3, 128, 128]), F(vec![1, 512, 512, 2])],
            vec![text("mode", mode)],
            &[FLOAT],
        ));
    }
    let regions = || Weights(vec![64, 4]);
    cases.push(case(
        "RoiAlign",
        16,
        &[F(vec![1, 16, 64, 64]), regions(), Counted(I64, vec![64], 1)],
        vec![
            int("output_height", 14),
            int("output_width", 14),
            int("sampling_ratio", 2),
        ],
        &[FLOAT],
    ));
    cases.push(case(
        "MaxRoiPool",
        17,
        &[F(vec![1, 16, 64, 64]), Weights(vec![64, 5])],
        vec![ints("pooled_shape", &[7, 7])],
        &[FLOAT],
    ));
    cases.push(case(
        "Col2Im",
        18,
        &[
            F(vec![1, 9, 62 * 62]),
            Numbers(vec![64, 64]),
            Numbers(vec![3, 3]),
        ],
        vec![],
        &[FLOAT],
    ));
    cases.push(case(
        "MaxUnpool",
        17,
        &[
            F(vec![1, 16, 64, 64]),
            Counted(I64, vec![1, 16, 64, 64], 65536),
        ],
        vec![ints("kernel_shape", &[2, 2]), ints("strides", &[2, 2])],
        &[FLOAT],
    ));
    cases
}

fn recurrences() -> Vec<Case> {
    let mut cases = Vec::new();
    for (name, gates) in [("LSTM", 4), ("GRU", 3), ("RNN", 1)] {
        for (what, steps, batch, features, hidden) in [
            ("", 64_u32, 1_u32, 256_u32, 256_u32),
            (" batch", 64, 16, 128, 128),
            (" of one cell", 10_000, 1, 1, 1),
            (" one step, wide batch", 1, 20_000, 4, 4),
        ] {
            let i = i64::from;
            cases.push(case(
                &format!("{name}{what}"),
                17,
                &[
                    F(vec![steps, batch, features]),
                    Weights(vec![1, gates * i(hidden), i(features)]),
                    Weights(vec![1, gates * i(hidden), i(hidden)]),
                ],
                vec![int("hidden_size", i(hidden))],
                &[FLOAT],
            ));
        }
    }
    cases
}

fn others() -> Vec<Case> {
    vec![
        case(
            "Compress",
            17,
            &[square(), T(BOOL, vec![1024], 2)],
            vec![int("axis", 0)],
            &[FLOAT],
        ),
        case(
            "Compress columns",
            17,
            &[square(), T(BOOL, vec![1024], 2)],
            vec![int("axis", 1)],
            &[FLOAT],
        ),
        case(
            "Compress flat",
            17,
            &[square(), T(BOOL, vec![1 << 20], 2)],
            vec![],
            &[FLOAT],
        ),
        case(
            "NonMaxSuppression",
            17,
            &[
                F(vec![1, 1000, 4]),
                F(vec![1, 8, 1000]),
                Number(100),
                Floats(vec![0.5]),
            ],
            vec![],
            &[I64],
        ),
        case(
            "NonMaxSuppression all",
            17,
            &[
                F(vec![1, 1000, 4]),
                F(vec![1, 8, 1000]),
                Number(1000),
                Floats(vec![1.0]),
            ],
            vec![],
            &[I64],
        ),
        case("NonZero", 17, &[square()], vec![], &[I64]),
        case(
            "NonZero many dimensions",
            17,
            &[F(vec![4; 8])],
            vec![],
            &[I64],
        ),
        case(
            "NonZero of nothing",
            17,
            &[T(I64, vec![1024, 1024], 1)],
            vec![],
            &[I64],
        ),
        case(
            "TopK 10",
            17,
            &[square(), Numbers(vec![10])],
            vec![],
            &[FLOAT, I64],
        ),
        case(
            "TopK all",
            17,
            &[square(), Numbers(vec![1024])],
            vec![],
            &[FLOAT, I64],
        ),
        case(
            "TopK crosswise",
            17,
            &[square(), Numbers(vec![10])],
            vec![int("axis", 0)],
            &[FLOAT, I64],
        ),
        case(
            "TopK of one",
            17,
            &[F(vec![1 << 18, 1]), Numbers(vec![1])],
            vec![],
            &[FLOAT, I64],
        ),
        case(
            "TopK long",
            17,
            &[F(vec![1 << 20]), Numbers(vec![1 << 20])],
            vec![],
            &[FLOAT, I64],
        ),
        case("Unique", 17, &[square()], vec![], &[FLOAT]),
        case(
            "Unique rows",
            17,
            &[F(vec![65536, 16])],
            vec![int("axis", 0)],
            &[FLOAT],
        ),
        case(
            "MelWeightMatrix",
            17,
            &[
                Number(128),
                Number(4096),
                Number(16000),
                Floats(vec![0.0]),
                Floats(vec![8000.0]),
            ],
            vec![],
            &[FLOAT],
        ),
    ]
}

fn whole(name: &str, model: Onnx, inputs: &[In]) -> Case {
    Case {
        name: name.to_owned(),
        model,
        inputs: inputs
            .iter()
            .filter_map(In::tensor)
            .enumerate()
            .map(|(index, (_, tensor))| (format!("x{index}"), tensor))
            .collect(),
        is_preparation: false,
    }
}

/// So many nodes one after the other, of these operators in turn.
fn chain(name: &str, operators: &[&str], count: usize, dimensions: &[u32]) -> Case {
    let sizes: Vec<i64> = dimensions.iter().map(|&size| size.into()).collect();
    let mut onnx = Onnx::new()
        .input("x0", FLOAT, &sizes)
        .integers("axis", &[0]);
    let mut before = "x0".to_owned();
    for (index, operator) in operators.iter().cycle().take(count).enumerate() {
        let made = if index + 1 == count {
            "y".to_owned()
        } else {
            format!("v{index}")
        };
        onnx = match *operator {
            "Squeeze" | "Unsqueeze" => onnx.node(operator, &[&before, "axis"], &[&made], vec![]),
            "Add" => onnx.node(operator, &[&before, "x0"], &[&made], vec![]),
            _ => onnx.node(operator, &[&before], &[&made], vec![]),
        };
        before = made;
    }
    whole(name, onnx.output("y", FLOAT), &[F(dimensions.to_vec())])
}

fn steps() -> Vec<Case> {
    let looped = |name: &str, trips: i64, nodes: usize| {
        let mut body = Onnx::new()
            .input("i", I64, &[])
            .input("c", BOOL, &[])
            .input("v0", FLOAT, &[1]);
        body = body
            .node("Identity", &["c"], &["d"], vec![])
            .output("d", BOOL);
        for index in 0..nodes {
            body = body.node(
                "Add",
                &[&format!("v{index}"), "x0"],
                &[&format!("v{}", index + 1)],
                vec![],
            );
        }
        let body = body.output(&format!("v{nodes}"), FLOAT);
        let onnx = Onnx::new()
            .input("x0", FLOAT, &[1])
            .scalar("trips", trips)
            .node(
                "Loop",
                &["trips", "", "x0"],
                &["y"],
                vec![within("body", body)],
            )
            .output("y", FLOAT);
        whole(name, onnx, &[F(vec![1])])
    };
    let across = || {
        let body = Onnx::new()
            .input("s", FLOAT, &[1])
            .input("e", FLOAT, &[65_536])
            .integers("first", &[0])
            .node("Gather", &["e", "first"], &["t"], vec![])
            .output("s", FLOAT)
            .output("t", FLOAT);
        let attributes = vec![
            int("num_scan_inputs", 1),
            ints("scan_input_axes", &[1]),
            within("body", body),
        ];
        let onnx = Onnx::new()
            .input("x0", FLOAT, &[1])
            .input("x1", FLOAT, &[65_536, 16])
            .node("Scan", &["x0", "x1"], &["y", "z"], attributes)
            .output("y", FLOAT)
            .output("z", FLOAT);
        whole("Scan crosswise", onnx, &[F(vec![1]), F(vec![65_536, 16])])
    };
    let scanned = |name: &str, slices: u32| {
        let body = Onnx::new()
            .input("s", FLOAT, &[1])
            .input("e", FLOAT, &[1])
            .node("Add", &["s", "e"], &["t"], vec![])
            .node("Mul", &["t", "e"], &["u"], vec![])
            .output("t", FLOAT)
            .output("u", FLOAT);
        let onnx = Onnx::new()
            .input("x0", FLOAT, &[1])
            .input("x1", FLOAT, &[slices.into(), 1])
            .node(
                "Scan",
                &["x0", "x1"],
                &["y", "z"],
                vec![int("num_scan_inputs", 1), within("body", body)],
            )
            .output("y", FLOAT)
            .output("z", FLOAT);
        whole(name, onnx, &[F(vec![1]), F(vec![slices, 1])])
    };
    vec![
        looped("Loop of one node", 20_000, 1),
        looped("Loop of ten nodes", 5_000, 10),
        scanned("Scan", 20_000),
        across(),
        joined("Sum of 500, 20 times", 20, 500),
        chain("Relu, 1,000 of 1 element", &["Relu"], 1_000, &[1]),
        chain("Add, 1,000 of 1 element", &["Add"], 1_000, &[1]),
        chain(
            "Exp and Abs, 1,000 of 1 element",
            &["Exp", "Abs"],
            1_000,
            &[1],
        ),
    ]
}

/// So many sums, each of so many times the same.
fn joined(name: &str, nodes: usize, inputs: usize) -> Case {
    let mut onnx = Onnx::new().input("x0", FLOAT, &[1]);
    let mut before = "x0".to_owned();
    for index in 0..nodes {
        let made = if index + 1 == nodes {
            "y".to_owned()
        } else {
            format!("v{index}")
        };
        onnx = onnx.node("Sum", &vec![before.as_str(); inputs], &[&made], vec![]);
        before = made;
    }
    whole(name, onnx.output("y", FLOAT), &[F(vec![1])])
}

/// A sequence that so many recurrent operators go through, one after the other.
fn recurrent_chain(name: &str, operator: &str, gates: i64, count: usize) -> Case {
    let mut onnx = Onnx::new()
        .input("x0", FLOAT, &[2, 1, 1])
        .weights("w", &[1, gates, 1])
        .weights("r", &[1, gates, 1])
        .integers("axis", &[1]);
    let mut before = "x0".to_owned();
    for index in 0..count {
        let (made, flat) = (format!("v{index}"), format!("f{index}"));
        let hidden = vec![int("hidden_size", 1)];
        onnx = onnx.node(operator, &[&before, "w", "r"], &[&made], hidden);
        onnx = onnx.node("Squeeze", &[&made, "axis"], &[&flat], vec![]);
        before = flat;
    }
    let onnx = onnx
        .node("Relu", &[&before], &["y"], vec![])
        .output("y", FLOAT);
    whole(name, onnx, &[F(vec![2, 1, 1])])
}

/// What nobody reads beside one node.
fn unread(name: &str, count: usize) -> Case {
    let mut onnx = Onnx::new().input("x0", FLOAT, &[1]);
    for index in 0..count {
        onnx = onnx.floats(&format!("unread{index}"), &[0.5]);
    }
    let onnx = onnx
        .node("Relu", &["x0"], &["y"], vec![])
        .output("y", FLOAT);
    whole(name, onnx, &[F(vec![1])])
}

/// What getting ready takes, before the first call is computed.
fn preparations() -> Vec<Case> {
    let mut cases = vec![
        chain("prepare 300 of Add", &["Add"], 300, &[1]),
        joined("prepare 20 of Sum of 500", 20, 500),
        recurrent_chain("prepare 100 of GRU", "GRU", 3, 100),
        recurrent_chain("prepare 100 of LSTM", "LSTM", 4, 100),
        unread("prepare 30,000 constants that nobody reads", 30_000),
        case(
            "Conv whose window is the image, padded",
            17,
            &[F(vec![1, 1, 64, 64]), Weights(vec![1, 1, 64, 64])],
            vec![ints("pads", &[60; 4])],
            &[FLOAT],
        ),
        case(
            "MaxPool whose window is the image, padded",
            17,
            &[F(vec![1, 1, 64, 64])],
            vec![ints("kernel_shape", &[64, 64]), ints("pads", &[60; 4])],
            &[FLOAT],
        ),
        chain("prepare 3,000 of Relu", &["Relu"], 3_000, &[1]),
        chain("prepare 3,000 of Add", &["Add"], 3_000, &[1]),
        chain(
            "prepare 300 of Squeeze and Unsqueeze",
            &["Unsqueeze", "Squeeze"],
            300,
            &[2],
        ),
        chain(
            "prepare 3,000 of Squeeze and Unsqueeze",
            &["Unsqueeze", "Squeeze"],
            3_000,
            &[2],
        ),
        chain(
            "prepare 8,000 of Squeeze and Unsqueeze",
            &["Unsqueeze", "Squeeze"],
            8_000,
            &[2],
        ),
    ];
    for case in &mut cases {
        case.is_preparation = true;
    }
    cases
}
