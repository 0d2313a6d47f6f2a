//! A = LU in place, without pivots.
#![no_main]

use programs::{Matrix, fill, sum, zeros};

const N: usize = 100;

fn lu(a: &mut Matrix<N, N>) {
    for i in 0..N {
        for j in 0..i {
            for k in 0..j {
                a[i][j] -= a[i][k] * a[k][j];
            }
            a[i][j] /= a[j][j];
        }
        for j in i..N {
            for k in 0..i {
                a[i][j] -= a[i][k] * a[k][j];
            }
        }
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
        lu(&mut a);
        checksum += sum(&*a);
    }
    checksum.to_bits()
}
