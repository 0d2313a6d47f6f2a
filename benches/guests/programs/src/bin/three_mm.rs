//! G = (AB)(CD), with sums kept in a variable (PolyBench's 3mm).
#![no_main]

use programs::{Matrix, fill, sum, zeros};

const N: usize = 64;

type Square = Matrix<N, N>;

fn product(c: &mut Square, a: &Square, b: &Square) {
    for i in 0..N {
        for j in 0..N {
            let mut sum = 0.0;
            for k in 0..N {
                sum += a[i][k] * b[k][j];
            }
            c[i][j] = sum;
        }
    }
}

#[unsafe(no_mangle)]
pub extern "C" fn run(n: u32) -> u64 {
    let (mut a, mut b, mut c) = (zeros::<N, N>(), zeros::<N, N>(), zeros::<N, N>());
    let (mut d, mut e, mut f) = (zeros::<N, N>(), zeros::<N, N>(), zeros::<N, N>());
    let mut g = zeros::<N, N>();
    let mut checksum = 0.0;
    for round in 0..n {
        fill(&mut *a, round);
        fill(&mut *b, round + 1);
        fill(&mut *c, round + 2);
        fill(&mut *d, round + 3);
        product(&mut e, &a, &b);
        product(&mut f, &c, &d);
        product(&mut g, &e, &f);
        checksum += sum(&*g);
    }
    checksum.to_bits()
}
