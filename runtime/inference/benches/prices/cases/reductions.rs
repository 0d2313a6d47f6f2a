//! Owns the cases of what reduces, sorts, or gives as much as the data says.

use crate::build::{int, ints, text};
use crate::case::In::{F, Floats, Number, Numbers, T};
use crate::case::{BOOL, Case, FLOAT, I8, I64, case};
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
