//! Owns the cases of what is done to each element, and of what normalises.

use crate::build::{int, text};
use crate::case::In::{Counted, F, Floats, Number, T, Weights};
use crate::case::{BOOL, Case, F16, F64, FLOAT, I8, I32, I64, In, U8, case};
use crate::cases::square;

pub fn elementwise() -> Vec<Case> {
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
    for (name, opset) in one {
        if ["Hardmax", "Identity", "Dropout"].contains(&name) {
            continue;
        }
        cases.push(case(
            &format!("{name} f16"),
            opset,
            &[T(F16, vec![1024, 1024], 9)],
            vec![],
            &[F16],
        ));
        cases.push(case(
            &format!("{name} f64"),
            opset,
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
    for (name, input) in [
        ("Cast to f16 of noughts", T(FLOAT, vec![1024, 1024], 1)),
        ("Cast to f16 of subnormals", In::Subnormal(vec![1024, 1024])),
        ("Cast to f16 of ones", In::Ones(FLOAT, vec![1024, 1024])),
    ] {
        cases.push(case(
            name,
            17,
            &[input],
            vec![int("to", F16.into())],
            &[F16],
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
