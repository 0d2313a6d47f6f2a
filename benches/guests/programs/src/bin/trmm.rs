//! B = αAᵀB with a lower triangular A.
#![no_main]

use programs::{Matrix, fill, sum, zeros};

const N: usize = 100;

fn trmm(a: &Matrix<N, N>, b: &mut Matrix<N, N>) {
    for i in 0..N {
        for j in 0..N {
            for k in i + 1..N {
                b[i][j] += a[k][i] * b[k][j];
            }
            b[i][j] *= 1.5;
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
        trmm(&a, &mut b);
        checksum += sum(&*b);
    }
    checksum.to_bits()
}
