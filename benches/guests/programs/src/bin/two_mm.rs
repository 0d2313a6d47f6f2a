//! D = αABC + βD (PolyBench's 2mm).
#![no_main]

use programs::{Matrix, fill, sum, zeros};

const N: usize = 72;

type Square = Matrix<N, N>;

fn two_mm(d: &mut Square, product: &mut Square, a: &Square, b: &Square, c: &Square) {
    let (alpha, beta) = (1.5, 1.2);
    for i in 0..N {
        for j in 0..N {
            product[i][j] = 0.0;
            for k in 0..N {
                product[i][j] += alpha * a[i][k] * b[k][j];
            }
        }
    }
    for i in 0..N {
        for j in 0..N {
            d[i][j] *= beta;
            for k in 0..N {
                d[i][j] += product[i][k] * c[k][j];
            }
        }
    }
}

#[unsafe(no_mangle)]
pub extern "C" fn run(n: u32) -> u64 {
    let (mut a, mut b, mut c) = (zeros::<N, N>(), zeros::<N, N>(), zeros::<N, N>());
    let (mut d, mut product) = (zeros::<N, N>(), zeros::<N, N>());
    let mut checksum = 0.0;
    for round in 0..n {
        fill(&mut *a, round);
        fill(&mut *b, round + 1);
        fill(&mut *c, round + 2);
        fill(&mut *d, round + 3);
        two_mm(&mut d, &mut product, &a, &b, &c);
        checksum += sum(&*d);
    }
    checksum.to_bits()
}
