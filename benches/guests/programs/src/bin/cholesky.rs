//! A = LLᵀ in place, with a positive definite A.
#![no_main]

use programs::{Matrix, fill, sum, zeros};

const N: usize = 120;

fn cholesky(a: &mut Matrix<N, N>) {
    for i in 0..N {
        for j in 0..i {
            for k in 0..j {
                a[i][j] -= a[i][k] * a[j][k];
            }
            a[i][j] /= a[j][j];
        }
        for k in 0..i {
            a[i][i] -= a[i][k] * a[i][k];
        }
        a[i][i] = a[i][i].sqrt();
    }
}

#[unsafe(no_mangle)]
pub extern "C" fn run(n: u32) -> u64 {
    let mut a = zeros::<N, N>();
    let mut checksum = 0.0;
    for round in 0..n {
        fill(&mut *a, round);
        for (i, row) in a.iter_mut().enumerate() {
            row[i] += 200.0;
        }
        cholesky(&mut a);
        checksum += sum(&*a);
    }
    checksum.to_bits()
}
