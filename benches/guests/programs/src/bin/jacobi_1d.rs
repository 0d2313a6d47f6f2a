//! A three-point stencil, from one array to the other and back.
#![no_main]

use programs::{boxed, fill_vector};

const N: usize = 2_000;
const STEPS: usize = 20;

fn step(from: &[f64; N], to: &mut [f64; N]) {
    for i in 1..N - 1 {
        to[i] = 0.333_33 * (from[i - 1] + from[i] + from[i + 1]);
    }
}

#[unsafe(no_mangle)]
pub extern "C" fn run(n: u32) -> u64 {
    let (mut a, mut b) = (boxed::<f64, N>(0.0), boxed::<f64, N>(0.0));
    let mut checksum = 0.0;
    for round in 0..n {
        fill_vector(&mut *a, round);
        fill_vector(&mut *b, round + 1);
        for _ in 0..STEPS {
            step(&a, &mut b);
            step(&b, &mut a);
        }
        checksum += a.iter().sum::<f64>();
    }
    checksum.to_bits()
}
