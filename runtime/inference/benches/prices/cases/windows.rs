//! Owns the cases of pools, of images that are sampled, and of recurrent operators.

use crate::build::{int, ints, text};
use crate::case::In::{Counted, F, Floats, Nothing, Numbers, T, Weights};
use crate::case::{Case, F16, FLOAT, I64, case};

pub fn windows() -> Vec<Case> {
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
        cases.push(case(
            &format!("{name} f16"),
            17,
            &[T(F16, vec![1, 64, 64, 64], 9)],
            vec![ints("kernel_shape", &[3, 3])],
            &[F16],
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

pub fn recurrences() -> Vec<Case> {
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
