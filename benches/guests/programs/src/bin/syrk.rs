//! C = αAAᵀ + βC, its lower triangle.
#![no_main]

use programs::{Matrix, fill, sum, zeros};

const N: usize = 96;
const M: usize = 80;

fn syrk(c: &mut Matrix<N, N>, a: &Matrix<N, M>) {
    for i in 0..N {
        for j in 0..=i {
            c[i][j] *= 1.2;
        }
        for k in 0..M {
            for j in 0..=i {
                c[i][j] += 1.5 * a[i][k] * a[j][k];
            }
        }
    }
}

#[unsafe(no_mangle)]
pub extern "C" fn run(n: u32) -> u64 {
    let (mut c, mut a) = (zeros::<N, N>(), zeros::<N, M>());
    let mut checksum = 0.0;
    for round in 0..n {
        fill(&mut *c, round);
        fill(&mut *a, round + 1);
        syrk(&mut c, &a);
        checksum += sum(&*c);
    }
    checksum.to_bits()
}
