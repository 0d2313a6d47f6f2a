//! A nine-point stencil in place: each value needs the one before.
#![no_main]

use programs::{Matrix, fill, sum, zeros};

const N: usize = 100;
const STEPS: usize = 5;

fn step(a: &mut Matrix<N, N>) {
    for i in 1..N - 1 {
        for j in 1..N - 1 {
            let above = a[i - 1][j - 1] + a[i - 1][j] + a[i - 1][j + 1];
            let beside = a[i][j - 1] + a[i][j] + a[i][j + 1];
            let below = a[i + 1][j - 1] + a[i + 1][j] + a[i + 1][j + 1];
            a[i][j] = (above + beside + below) / 9.0;
        }
    }
}

#[unsafe(no_mangle)]
pub extern "C" fn run(n: u32) -> u64 {
    let mut a = zeros::<N, N>();
    let mut checksum = 0.0;
    for round in 0..n {
        fill(&mut *a, round);
        for _ in 0..STEPS {
            step(&mut a);
        }
        checksum += sum(&*a);
    }
    checksum.to_bits()
}
