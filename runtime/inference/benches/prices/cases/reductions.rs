//! Owns the cases of what reduces, sorts, or gives as much as the data says.

use crate::build::{int, ints, text};
use crate::case::In::{F, Floats, Number, Numbers, Ones, Subnormal, T, Weights};
use crate::case::{BOOL, Case, F16, F64, FLOAT, I8, I64, case};
use crate::cases::square;

pub fn reductions() -> Vec<Case> {
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

/// What the search found.
pub fn found() -> Vec<Case> {
    vec![
        case(
            "GlobalLpPool of a line (found)",
            17,
            &[F(vec![1, 1, 100_000, 1, 1])],
            vec![],
            &[FLOAT],
        ),
        case(
            "LpPool of a line (found)",
            17,
            &[F(vec![1, 1, 65_536, 1])],
            vec![ints("kernel_shape", &[1, 1])],
            &[FLOAT],
        ),
        case(
            "NonZero of a constant (found)",
            17,
            &[Weights(vec![1024, 1024])],
            vec![],
            &[I64],
        ),
        case(
            "Softmax of subnormals crosswise (found)",
            17,
            &[Subnormal(vec![512, 512])],
            vec![int("axis", 0)],
            &[FLOAT],
        ),
        case(
            "LogSoftmax f64 of long rows (found)",
            17,
            &[T(F64, vec![2, 131_072], 9)],
            vec![],
            &[F64],
        ),
        case(
            "ReduceLogSumExp f64 of noughts (found)",
            17,
            &[T(F64, vec![128, 128, 3], 1)],
            vec![],
            &[F64],
        ),
        case(
            "Mish f64 of ones (found)",
            18,
            &[Ones(F64, vec![1024, 1024])],
            vec![],
            &[F64],
        ),
        case(
            "Tanh f64 (found)",
            17,
            &[T(F64, vec![1000, 1000], 9)],
            vec![],
            &[F64],
        ),
        case(
            "InstanceNormalization i8 (found)",
            17,
            &[
                T(I8, vec![1, 65_536, 1, 1], 9),
                T(I8, vec![65_536], 9),
                T(I8, vec![65_536], 9),
            ],
            vec![],
            &[I8],
        ),
        case(
            "Mod of one by many (found)",
            17,
            &[F(vec![1, 1]), F(vec![1, 65_536, 1])],
            vec![int("fmod", 1)],
            &[FLOAT],
        ),
        case(
            "MatMul f32 of a row and a column (found)",
            17,
            &[F(vec![1, 262_144]), F(vec![1, 262_144, 1])],
            vec![],
            &[FLOAT],
        ),
        case(
            "Abs f16 (found)",
            17,
            &[Ones(F16, vec![512, 512])],
            vec![],
            &[F16],
        ),
    ]
}

pub fn others() -> Vec<Case> {
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
