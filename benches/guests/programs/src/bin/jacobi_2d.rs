//! A five-point stencil, from one matrix to the other and back.
#![no_main]

use programs::{Matrix, fill, sum, zeros};

const N: usize = 120;
const STEPS: usize = 6;

type Square = Matrix<N, N>;

fn step(from: &Square, to: &mut Square) {
    for i in 1..N - 1 {
        for j in 1..N - 1 {
            to[i][j] = 0.2
                * (from[i][j] + from[i][j - 1] + from[i][j + 1] + from[i + 1][j] + from[i - 1][j]);
        }
    }
}

#[unsafe(no_mangle)]
pub extern "C" fn run(n: u32) -> u64 {
    let (mut a, mut b) = (zeros::<N, N>(), zeros::<N, N>());
    let mut checksum = 0.0;
    for round in 0..n {
        fill(&mut *a, round);
        fill(&mut *b, round + 1);
        for _ in 0..STEPS {
            step(&a, &mut b);
            step(&b, &mut a);
        }
        checksum += sum(&*a);
    }
    checksum.to_bits()
}
