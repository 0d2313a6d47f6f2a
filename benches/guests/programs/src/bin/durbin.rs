//! Solves a Toeplitz system by the Levinson–Durbin recursion.
#![no_main]

use programs::{boxed, fill_vector};

const N: usize = 240;

fn durbin(r: &[f64; N], y: &mut [f64; N], z: &mut [f64; N]) {
    let (mut alpha, mut beta) = (-r[0], 1.0);
    y[0] = -r[0];
    for k in 1..N {
        beta *= 1.0 - alpha * alpha;
        let mut sum = 0.0;
        for i in 0..k {
            sum += r[k - i - 1] * y[i];
        }
        alpha = -(r[k] + sum) / beta;
        for i in 0..k {
            z[i] = y[i] + alpha * y[k - i - 1];
        }
        y[..k].copy_from_slice(&z[..k]);
        y[k] = alpha;
    }
}

#[unsafe(no_mangle)]
pub extern "C" fn run(n: u32) -> u64 {
    let mut r = boxed::<f64, N>(0.0);
    let (mut y, mut z) = (boxed::<f64, N>(0.0), boxed::<f64, N>(0.0));
    let mut checksum = 0.0;
    for round in 0..n {
        fill_vector(&mut *r, round);
        for value in r.iter_mut() {
            *value *= 1.0 / 512.0;
        }
        durbin(&r, &mut y, &mut z);
        checksum += y.iter().sum::<f64>();
    }
    checksum.to_bits()
}
