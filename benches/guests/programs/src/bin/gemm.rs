//! C = αAB + βC.
#![no_main]

use programs::{Matrix, fill, sum, zeros};

const N: usize = 96;

type Square = Matrix<N, N>;

fn gemm(c: &mut Square, a: &Square, b: &Square, alpha: f64, beta: f64) {
    for i in 0..N {
        for j in 0..N {
            c[i][j] *= beta;
        }
        for k in 0..N {
            for j in 0..N {
                c[i][j] += alpha * a[i][k] * b[k][j];
            }
        }
    }
}

#[unsafe(no_mangle)]
pub extern "C" fn run(n: u32) -> u64 {
    let (mut a, mut b, mut c) = (zeros::<N, N>(), zeros::<N, N>(), zeros::<N, N>());
    let mut checksum = 0.0;
    for round in 0..n {
        fill(&mut *a, round);
        fill(&mut *b, round + 1);
        fill(&mut *c, round + 2);
        gemm(&mut c, &a, &b, 1.5, 1.2);
        checksum += sum(&*c);
    }
    checksum.to_bits()
}
