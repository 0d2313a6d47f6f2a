//! C += AB with vectors of two floats.
#![no_main]

use std::arch::wasm32::{f64x2_add, f64x2_extract_lane, f64x2_mul, f64x2_splat, v128};

use programs::boxed;

const N: usize = 96;
const PAIRS: usize = N / 2;

type Vectors = [[v128; PAIRS]; N];

#[target_feature(enable = "simd128")]
fn fill(matrix: &mut Vectors, round: u32) {
    for (at, value) in matrix.iter_mut().flatten().enumerate() {
        *value = f64x2_splat(((at * 7 + round as usize) % 509) as f64 / 509.0);
    }
}

#[target_feature(enable = "simd128")]
fn gemm(c: &mut Vectors, a: &Vectors, b: &Vectors) {
    for i in 0..N {
        for k in 0..PAIRS {
            let pair = [
                f64x2_splat(f64x2_extract_lane::<0>(a[i][k])),
                f64x2_splat(f64x2_extract_lane::<1>(a[i][k])),
            ];
            for (lane, factor) in pair.into_iter().enumerate() {
                for j in 0..PAIRS {
                    c[i][j] = f64x2_add(c[i][j], f64x2_mul(factor, b[2 * k + lane][j]));
                }
            }
        }
    }
}

#[target_feature(enable = "simd128")]
fn rounds(n: u32) -> f64 {
    let zero = [f64x2_splat(0.0); PAIRS];
    let (mut a, mut b, mut c) = (boxed(zero), boxed(zero), boxed(zero));
    let mut checksum = 0.0;
    for round in 0..n {
        fill(&mut a, round);
        fill(&mut b, round + 1);
        fill(&mut c, round + 2);
        gemm(&mut c, &a, &b);
        for value in c.iter().flatten() {
            checksum += f64x2_extract_lane::<0>(*value) + f64x2_extract_lane::<1>(*value);
        }
    }
    checksum
}

#[unsafe(no_mangle)]
pub extern "C" fn run(n: u32) -> u64 {
    rounds(n).to_bits()
}
