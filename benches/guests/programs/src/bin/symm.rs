//! C = αAB + βC with a symmetric A, of which the lower triangle is stored.
#![no_main]

use programs::{Matrix, fill, sum, zeros};

const N: usize = 88;

type Square = Matrix<N, N>;

fn symm(c: &mut Square, a: &Square, b: &Square) {
    for i in 0..N {
        for j in 0..N {
            let mut upper = 0.0;
            for k in 0..i {
                c[k][j] += 1.5 * b[i][j] * a[i][k];
                upper += b[k][j] * a[i][k];
            }
            c[i][j] = 1.2 * c[i][j] + 1.5 * b[i][j] * a[i][i] + 1.5 * upper;
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
        symm(&mut c, &a, &b);
        checksum += sum(&*c);
    }
    checksum.to_bits()
}
